//! COPY TO STDOUT: one message a row.

use super::SIGNATURE;
use bytes::{BufMut, BytesMut};
use cvx_session::CopyFormat;
use cvx_types::{Column, Encoder, Format, Result};

/// Writes rows in a COPY format.
#[derive(Debug)]
pub struct CopyEncoder {
    format: CopyFormat,
    single_column: bool,
    /// Binary: the header goes out together with the first row, as psycopg expects.
    header_pending: bool,
    field: BytesMut,
}

impl CopyEncoder {
    #[must_use]
    pub fn new(format: CopyFormat, columns: &[Column]) -> Self {
        let header_pending = format == CopyFormat::Binary;
        let single_column = columns.len() == 1;
        Self { format, single_column, header_pending, field: BytesMut::new() }
    }

    /// The form in which fields are encoded.
    #[must_use]
    pub fn field_format(&self) -> Format {
        if self.format == CopyFormat::Binary { Format::Binary } else { Format::Text }
    }

    /// Whether a line of names comes first.
    #[must_use]
    pub fn has_header(&self) -> bool {
        match self.format {
            CopyFormat::Text { header, .. } | CopyFormat::Csv { header, .. } => header,
            CopyFormat::Binary => false,
        }
    }

    /// The line of names.
    pub fn header(&mut self, columns: &[Column], out: &mut BytesMut) -> Result<()> {
        let delimiter = match self.format {
            CopyFormat::Text { delimiter, .. } | CopyFormat::Csv { delimiter, .. } => delimiter,
            CopyFormat::Binary => return Ok(()),
        };
        for (at, column) in columns.iter().enumerate() {
            if at > 0 {
                out.put_u8(delimiter);
            }
            self.write_field(column.name.as_bytes(), out);
        }
        out.put_u8(b'\n');
        Ok(())
    }

    /// One row's message.
    pub fn row(&mut self, fields: &[Encoder], row: usize, out: &mut BytesMut) -> Result<()> {
        let (delimiter, null) = match &self.format {
            CopyFormat::Text { delimiter, null, .. } | CopyFormat::Csv { delimiter, null, .. } => {
                (*delimiter, null.clone())
            }
            CopyFormat::Binary => {
                self.write_binary_header(out);
                out.put_u16(u16::try_from(fields.len()).unwrap_or(u16::MAX));
                return fields.iter().try_for_each(|field| field.encode_field(row, out));
            }
        };
        let mut field = std::mem::take(&mut self.field);
        for (at, encoder) in fields.iter().enumerate() {
            if at > 0 {
                out.put_u8(delimiter);
            }
            field.clear();
            if encoder.encode(row, &mut field)? {
                self.write_field(&field, out);
            } else {
                out.put_slice(null.as_bytes());
            }
        }
        self.field = field;
        out.put_u8(b'\n');
        Ok(())
    }

    /// Whether something comes last.
    #[must_use]
    pub fn has_trailer(&self) -> bool {
        self.format == CopyFormat::Binary
    }

    /// What binary COPY ends with.
    pub fn trailer(&mut self, out: &mut BytesMut) -> Result<()> {
        self.write_binary_header(out);
        out.put_i16(-1);
        Ok(())
    }

    fn write_binary_header(&mut self, out: &mut BytesMut) {
        if std::mem::take(&mut self.header_pending) {
            out.put_slice(SIGNATURE);
            out.put_u32(0);
            out.put_u32(0);
        }
    }

    fn write_field(&self, field: &[u8], out: &mut BytesMut) {
        match &self.format {
            CopyFormat::Text { delimiter, .. } => write_escaped(field, *delimiter, out),
            CopyFormat::Csv { delimiter, null, quote, escape, .. } => {
                let special =
                    |b: &u8| *b == *delimiter || *b == *quote || matches!(b, b'\n' | b'\r');
                let quoted = field == null.as_bytes()
                    || field.iter().any(special)
                    || (self.single_column && field == b"\\.");
                if quoted {
                    write_quoted(field, *quote, *escape, out);
                } else {
                    out.put_slice(field);
                }
            }
            CopyFormat::Binary => out.put_slice(field),
        }
    }
}

fn write_escaped(field: &[u8], delimiter: u8, out: &mut BytesMut) {
    for byte in field {
        let escape = match byte {
            8 => b'b',
            12 => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            11 => b'v',
            b'\\' => b'\\',
            byte if *byte == delimiter => delimiter,
            byte => {
                out.put_u8(*byte);
                continue;
            }
        };
        out.put_u8(b'\\');
        out.put_u8(escape);
    }
}

fn write_quoted(field: &[u8], quote: u8, escape: u8, out: &mut BytesMut) {
    out.put_u8(quote);
    for byte in field {
        if *byte == quote || *byte == escape {
            out.put_u8(escape);
        }
        out.put_u8(*byte);
    }
    out.put_u8(quote);
}
