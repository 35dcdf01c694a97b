//! COPY FROM STDIN: bytes cut anywhere become bounded batches.

use super::binary::BinaryDecoder;
use super::csv::{CsvDecoder, Dialect};
use super::rows::Rows;
use super::text::TextDecoder;
use arrow::record_batch::RecordBatch;
use cvx_session::{CopyFormat, CopyIn};
use cvx_types::{FormatSettings, Result};
use std::sync::Arc;

/// Reads one COPY's data.
#[derive(Debug)]
pub struct CopyDecoder {
    format: Decoder,
    rows: Rows,
}

#[derive(Debug)]
enum Decoder {
    Text(TextDecoder),
    Csv(CsvDecoder),
    Binary(BinaryDecoder),
}

impl CopyDecoder {
    /// A decoder of what `copy` asks for. A line, or a binary row, longer than `row_bytes_max` is
    /// refused.
    #[must_use]
    pub fn new(copy: &CopyIn, settings: &Arc<FormatSettings>, row_bytes_max: usize) -> Self {
        let format = match &copy.format {
            CopyFormat::Text { delimiter, null, header } => {
                Decoder::Text(TextDecoder::new(*delimiter, null, *header, row_bytes_max))
            }
            CopyFormat::Csv { delimiter, null, header, quote, escape } => {
                let null = null.as_bytes().to_vec();
                let (delimiter, quote, escape) = (*delimiter, *quote, *escape);
                let dialect = Dialect { delimiter, quote, escape, null };
                Decoder::Csv(CsvDecoder::new(dialect, *header, row_bytes_max))
            }
            CopyFormat::Binary => Decoder::Binary(BinaryDecoder::new(row_bytes_max)),
        };
        Self { format, rows: Rows::new(copy, settings) }
    }

    /// Reads on. A batch comes back when one is full, and `input` then holds what was not read
    /// yet; otherwise `input` was read to its end.
    pub fn decode(&mut self, input: &mut &[u8]) -> Result<Option<RecordBatch>> {
        match &mut self.format {
            Decoder::Text(decoder) => decoder.decode(input, &mut self.rows)?,
            Decoder::Csv(decoder) => decoder.decode(input, &mut self.rows)?,
            Decoder::Binary(decoder) => decoder.decode(input, &mut self.rows)?,
        }
        if self.rows.is_full() { self.rows.take() } else { Ok(None) }
    }

    /// The input is over: the last rows.
    pub fn finish(&mut self) -> Result<Option<RecordBatch>> {
        match &mut self.format {
            Decoder::Text(decoder) => decoder.finish(&mut self.rows)?,
            Decoder::Csv(decoder) => decoder.finish(&mut self.rows)?,
            Decoder::Binary(decoder) => decoder.finish(&self.rows)?,
        }
        self.rows.take()
    }
}
