//! The binary format: a header, rows of counted fields, a trailer.
//!
//! A row whose bytes lie in one chunk is read in place; one that does not is gathered first, and
//! the lengths read so far say how many bytes to gather.

use super::SIGNATURE;
use super::rows::Rows;
use cvx_types::{Result, SqlError, SqlState};

/// Flag 16: rows begin with an OID, as before Postgres 12.
const FLAG_OIDS: u32 = 1 << 16;

#[derive(Debug)]
pub(crate) struct BinaryDecoder {
    state: State,
    pending: Vec<u8>,
    row_bytes_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Header,
    /// So many bytes of the header's extension are left.
    Extension(usize),
    Rows,
    Ended,
}

/// What the bytes at hand say of the row they begin with.
enum Extent {
    /// It ends after so many bytes.
    Whole(usize),
    /// It has at least so many.
    AtLeast(usize),
}

impl BinaryDecoder {
    pub(crate) fn new(row_bytes_max: usize) -> Self {
        Self { state: State::Header, pending: Vec::new(), row_bytes_max }
    }

    /// Reads rows until the batch is full or `input` is used up.
    pub(crate) fn decode(&mut self, input: &mut &[u8], rows: &mut Rows) -> Result<()> {
        while !input.is_empty() && !rows.is_full() {
            match self.state {
                State::Header => self.header(input, rows)?,
                State::Extension(left) => {
                    let skipped = left.min(input.len());
                    *input = input.get(skipped..).unwrap_or_default();
                    let left = left - skipped;
                    self.state = if left == 0 { State::Rows } else { State::Extension(left) };
                }
                State::Rows => self.row(input, rows)?,
                State::Ended => return Err(rows.bad("received copy data after EOF marker")),
            }
        }
        Ok(())
    }

    pub(crate) fn finish(&mut self, rows: &Rows) -> Result<()> {
        match self.state {
            State::Ended => Ok(()),
            // Postgres, too, lets the trailer be missing at the end of a row.
            State::Rows if self.pending.is_empty() => Ok(()),
            State::Header if self.pending.is_empty() => {
                Err(rows.bad("COPY file signature not recognized"))
            }
            _ => Err(rows.bad("unexpected EOF in COPY data")),
        }
    }

    fn header(&mut self, input: &mut &[u8], rows: &Rows) -> Result<()> {
        const LENGTH: usize = SIGNATURE.len() + 8;
        self.gather(LENGTH, input);
        let known = self.pending.len().min(SIGNATURE.len());
        if self.pending.get(..known) != SIGNATURE.get(..known) {
            return Err(rows.bad("COPY file signature not recognized"));
        }
        if self.pending.len() < LENGTH {
            return Ok(());
        }
        let mut fields = Fields(self.pending.get(SIGNATURE.len()..).unwrap_or_default());
        let flags = fields.int().unwrap_or_default().cast_unsigned();
        let extension = usize::try_from(fields.int().unwrap_or(-1));
        if flags & FLAG_OIDS != 0 {
            return Err(rows.bad("invalid COPY file header (WITH OIDS)"));
        }
        if flags >> 16 != 0 {
            return Err(rows.bad("unrecognized critical flags in COPY file header"));
        }
        let extension =
            extension.map_err(|_| rows.bad("invalid COPY file header (missing length)"))?;
        self.pending.clear();
        self.state = if extension == 0 { State::Rows } else { State::Extension(extension) };
        Ok(())
    }

    /// Takes bytes until `length` are pending, or the input is used up.
    fn gather(&mut self, length: usize, input: &mut &[u8]) {
        let wanted = length.saturating_sub(self.pending.len()).min(input.len());
        let (taken, rest) = input.split_at_checked(wanted).unwrap_or((input, &[]));
        self.pending.extend_from_slice(taken);
        *input = rest;
    }

    fn row(&mut self, input: &mut &[u8], rows: &mut Rows) -> Result<()> {
        if self.pending.is_empty() {
            rows.line += 1;
            match self.extent(input, rows)? {
                Extent::Whole(length) => {
                    let (row, rest) = input.split_at_checked(length).unwrap_or((input, &[]));
                    self.state = read_row(row, rows)?;
                    *input = rest;
                    return Ok(());
                }
                Extent::AtLeast(length) => self.gather(length, input),
            }
        }
        loop {
            match self.extent(&self.pending, rows)? {
                Extent::Whole(_) => {
                    self.state = read_row(&self.pending, rows)?;
                    self.pending.clear();
                    return Ok(());
                }
                Extent::AtLeast(_) if input.is_empty() => return Ok(()),
                Extent::AtLeast(length) => self.gather(length, input),
            }
        }
    }

    fn extent(&self, bytes: &[u8], rows: &Rows) -> Result<Extent> {
        let Some((count, _)) = bytes.split_first_chunk::<2>() else {
            return Ok(Extent::AtLeast(2));
        };
        let count = i16::from_be_bytes(*count);
        if count == -1 {
            return Ok(Extent::Whole(2));
        }
        let expected = rows.columns().len();
        if usize::try_from(count) != Ok(expected) {
            let message = format!("row field count is {count}, expected {expected}");
            return Err(rows.bad(&message));
        }
        let mut length = 2;
        for _ in 0..expected {
            let Some((size, _)) = bytes.get(length..).unwrap_or_default().split_first_chunk::<4>()
            else {
                return Ok(Extent::AtLeast(length + 4));
            };
            let size = match i32::from_be_bytes(*size) {
                -1 => 0,
                size => usize::try_from(size).map_err(|_| rows.bad("invalid field size"))?,
            };
            length += 4 + size;
            if length > self.row_bytes_max {
                let message = format!("a COPY row is longer than {} bytes", self.row_bytes_max);
                let error = SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message);
                return Err(rows.bad_line(error, b""));
            }
        }
        Ok(if length <= bytes.len() { Extent::Whole(length) } else { Extent::AtLeast(length) })
    }
}

/// Reads a whole row, or the trailer.
fn read_row(row: &[u8], rows: &mut Rows) -> Result<State> {
    let Some((count, fields)) = row.split_first_chunk::<2>() else {
        return Err(rows.bad("unexpected EOF in COPY data"));
    };
    let Ok(count) = usize::try_from(i16::from_be_bytes(*count)) else {
        return Ok(State::Ended);
    };
    let mut fields = Fields(fields);
    for column in 0..count {
        match fields.int() {
            Some(-1) => rows.push_binary(column, None)?,
            Some(size) => {
                let bytes = usize::try_from(size).ok().and_then(|size| fields.take(size));
                let bytes = bytes.ok_or_else(|| rows.bad("unexpected EOF in COPY data"))?;
                rows.push_binary(column, Some(bytes))?;
            }
            None => return Err(rows.bad("unexpected EOF in COPY data")),
        }
    }
    rows.end_row(count)?;
    Ok(State::Rows)
}

struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn int(&mut self) -> Option<i32> {
        let (int, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(i32::from_be_bytes(*int))
    }

    fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        Some(taken)
    }
}
