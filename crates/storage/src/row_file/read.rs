//! Reading a row file: nothing is used before it is checked.

use super::arrow_part::{check_buffers, footer_range, only_block};
use super::frame::{FRAME_BYTES, Frame, header};
use super::{KEY_COLUMNS, describe};
use crate::error::{Error, Result};
use crate::manifest::RowFileMeta;
use crate::mmap;
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt64Array};
use arrow::buffer::Buffer;
use arrow::ipc::MetadataVersion;
use arrow::ipc::reader::FileDecoder;
use cvx_core::CommitSeq;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A file that is what the manifest says, up to the bytes of its user columns.
pub(super) struct OpenFile<'a> {
    path: &'a Path,
    bytes: Buffer,
    frame: Frame,
}

impl<'a> OpenFile<'a> {
    pub(super) fn open(path: &'a Path, meta: &RowFileMeta) -> Result<Self> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::corrupt(path, 0, "the file is missing"));
            }
            file => file.map_err(|error| Error::io(path, error))?,
        };
        let length = file.metadata().map_err(|error| Error::io(path, error))?.len();
        if length != meta.bytes || meta.bytes < 2 * FRAME_BYTES as u64 {
            let what = format!("{length} bytes long instead of {}", meta.bytes);
            return Err(Error::corrupt(path, length, what));
        }
        let mut head = [0; FRAME_BYTES];
        file.read_exact(&mut head).map_err(|error| Error::io(path, error))?;
        if head != header(meta.space, meta.id, meta.rows) {
            return Err(Error::corrupt(path, 0, "not the header of this file"));
        }
        let bytes = mmap::map(&file, path)?;
        let frame = Self::frame(path, &bytes, meta)?;
        Ok(Self { path, bytes, frame })
    }

    fn frame(path: &Path, bytes: &Buffer, meta: &RowFileMeta) -> Result<Frame> {
        let at = bytes.len().saturating_sub(FRAME_BYTES);
        let wrong = |what| Error::corrupt(path, at as u64, what);
        let trailer = bytes.last_chunk().ok_or_else(|| wrong("too short"))?;
        let frame = Frame::decode(trailer, bytes.len()).map_err(wrong)?;
        if crc32c::crc32c(trailer) != meta.crc {
            return Err(wrong("not the file the manifest names"));
        }
        check_crc(path, bytes, 0..frame.keys_end, frame.head_crc)?;
        check_crc(path, bytes, frame.body.end..frame.arrow.end, frame.foot_crc)?;
        Ok(frame)
    }

    pub(super) fn check_rows_crc(&self) -> Result<()> {
        let rows = self.frame.keys_end..self.frame.body.end;
        check_crc(self.path, &self.bytes, rows, self.frame.rows_crc)
    }

    pub(super) fn batch(&self, meta: &RowFileMeta) -> Result<RecordBatch> {
        let wrong = |what: String| Error::corrupt(self.path, FRAME_BYTES as u64, what);
        let batch = self.decode().map_err(wrong)?;
        let batch = keys_last(&batch, meta.seq).map_err(|error| wrong(error.to_string()))?;
        let found = describe(meta.space, meta.id, &batch).map_err(|e| wrong(e.to_string()))?;
        let agree = found.rows == meta.rows
            && (found.ts_min, found.ts_max) == (meta.ts_min, meta.ts_max)
            && found.seq_max == meta.seq.unwrap_or(meta.seq_max);
        if !agree {
            return Err(wrong("rows are not those the manifest tells of".to_owned()));
        }
        Ok(batch)
    }

    fn decode(&self) -> Result<RecordBatch, String> {
        let footer = footer_range(&self.bytes, &self.frame.arrow)?;
        let footer = self.bytes.get(footer).ok_or("no footer")?;
        let parts = only_block(footer, self.frame.arrow.len())?;
        let arrow = self.bytes.slice_with_length(self.frame.arrow.start, self.frame.arrow.len());
        let block = arrow.slice_with_length(parts.message.start, parts.length());
        check_buffers(block.get(8..parts.message.len()).ok_or("no message")?, parts.body.len())?;
        let decoder = FileDecoder::new(parts.schema, MetadataVersion::V5);
        let decoder = decoder.with_require_alignment(true);
        let batch = decoder.read_record_batch(&parts.block, &block);
        batch.map_err(|error| error.to_string())?.ok_or_else(|| "no record batch".to_owned())
    }
}

fn check_crc(path: &Path, bytes: &[u8], range: Range<usize>, crc: u32) -> Result<()> {
    let start = range.start as u64;
    match bytes.get(range) {
        Some(bytes) if crc32c::crc32c(bytes) == crc => Ok(()),
        _ => Err(Error::corrupt(path, start, "wrong checksum")),
    }
}

/// The user columns in their order, then the key columns, commits replaced where `seq` is given.
fn keys_last(
    batch: &RecordBatch,
    seq: Option<CommitSeq>,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let keys = KEY_COLUMNS.len();
    let order: Vec<usize> = (keys..batch.num_columns()).chain(0..keys).collect();
    let batch = batch.project(&order)?;
    let Some(seq) = seq else { return Ok(batch) };
    let mut columns = batch.columns().to_vec();
    columns.pop();
    let seqs = UInt64Array::from_value(seq.0, batch.num_rows());
    columns.push(Arc::new(seqs) as ArrayRef);
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns, &options)
}
