//! The CSV format: quotes, doubled or escaped quotes within, records over several lines.

use super::rows::Rows;
use super::split::{Ending, Hiding, Splitter};
use cvx_types::Result;

#[derive(Debug)]
pub(crate) struct CsvDecoder {
    splitter: Splitter,
    records: Records,
}

/// What a record means.
#[derive(Debug)]
struct Records {
    dialect: Dialect,
    header: bool,
    ending: Option<Ending>,
    /// `\.` was read: the rest is not data.
    ended: bool,
    field: Vec<u8>,
}

/// What delimits, quotes and escapes, and how NULL is written.
#[derive(Clone, Debug)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) quote: u8,
    pub(crate) escape: u8,
    pub(crate) null: Vec<u8>,
}

impl Dialect {
    fn hiding(&self) -> Hiding {
        let escape = (self.escape != self.quote).then_some(self.escape);
        Hiding::Quotes { quote: self.quote, escape }
    }
}

impl CsvDecoder {
    pub(crate) fn new(dialect: Dialect, header: bool, line_bytes_max: usize) -> Self {
        let splitter = Splitter::new(dialect.hiding(), line_bytes_max);
        let (ending, ended, field) = (None, false, Vec::new());
        Self { splitter, records: Records { dialect, header, ending, ended, field } }
    }

    /// Reads rows until the batch is full or `input` is used up.
    pub(crate) fn decode(&mut self, input: &mut &[u8], rows: &mut Rows) -> Result<()> {
        while !rows.is_full() {
            if self.records.ended {
                *input = &[];
                return Ok(());
            }
            let (record, used) = self.splitter.next(input).map_err(|e| rows.bad_line(e, b""))?;
            match record {
                Some(record) => self.records.record(record, rows)?,
                None => {
                    *input = &[];
                    return Ok(());
                }
            }
            *input = input.get(used..).unwrap_or_default();
        }
        Ok(())
    }

    pub(crate) fn finish(&mut self, rows: &mut Rows) -> Result<()> {
        if self.records.ended {
            return Ok(());
        }
        let open = self.splitter.in_quote();
        let Some(record) = self.splitter.last() else { return Ok(()) };
        if open {
            rows.line += 1;
            let error = rows.bad("unterminated CSV quoted field");
            return Err(rows.bad_line(error, &record));
        }
        self.records.record(&record, rows)
    }
}

impl Records {
    fn record(&mut self, record: &[u8], rows: &mut Rows) -> Result<()> {
        rows.line += 1;
        let ending = *self.ending.get_or_insert_with(|| Ending::of(record));
        let record = match ending {
            Ending::Newline => record,
            // The last record may end with the input.
            Ending::CarriageReturnNewline => record.strip_suffix(b"\r").unwrap_or(record),
        };
        if std::mem::take(&mut self.header) {
            return Ok(());
        }
        if record == b"\\." {
            self.ended = true;
            return Ok(());
        }
        self.row(record, rows).map_err(|error| rows.bad_line(error, record))?;
        rows.line += newlines(record);
        Ok(())
    }

    fn row(&mut self, record: &[u8], rows: &mut Rows) -> Result<()> {
        if rows.columns().is_empty() && record.is_empty() {
            return rows.end_row(0);
        }
        let (mut rest, mut fields) = (record, 0);
        loop {
            let (quoted, more) = take_field(&self.dialect, &mut rest, &mut self.field);
            if !quoted && memchr::memchr(b'\r', &self.field).is_some() {
                return Err(rows.bad("unquoted carriage return found in data"));
            }
            let null = !quoted && self.field == self.dialect.null;
            rows.push_text(fields, (!null).then_some(self.field.as_slice()))?;
            fields += 1;
            if !more {
                return rows.end_row(fields);
            }
        }
    }
}

fn newlines(record: &[u8]) -> u64 {
    u64::try_from(memchr::memchr_iter(b'\n', record).count()).unwrap_or(0)
}

/// Takes a field off the front; says whether any of it was quoted, and whether another follows.
fn take_field(dialect: &Dialect, rest: &mut &[u8], field: &mut Vec<u8>) -> (bool, bool) {
    field.clear();
    let (mut quoted, mut inside) = (false, false);
    while let Some((byte, after)) = rest.split_first() {
        *rest = after;
        if inside {
            let escapable = |b: &&u8| **b == dialect.quote || **b == dialect.escape;
            match after.first().filter(escapable).filter(|_| *byte == dialect.escape) {
                Some(escaped) => {
                    field.push(*escaped);
                    *rest = after.get(1..).unwrap_or_default();
                }
                None if *byte == dialect.quote => inside = false,
                None => field.push(*byte),
            }
        } else if *byte == dialect.delimiter {
            return (quoted, true);
        } else if *byte == dialect.quote {
            (quoted, inside) = (true, true);
        } else {
            field.push(*byte);
        }
    }
    (quoted, false)
}
