//! The text format: fields between delimiters, backslash escapes, `\N` for NULL.

use super::rows::Rows;
use super::split::{Ending, Hiding, Splitter};
use cvx_types::Result;

#[derive(Debug)]
pub(crate) struct TextDecoder {
    splitter: Splitter,
    lines: Lines,
}

/// What a line means.
#[derive(Debug)]
struct Lines {
    delimiter: u8,
    null: Vec<u8>,
    header: bool,
    ending: Option<Ending>,
    /// `\.` was read: the rest is not data.
    ended: bool,
    field: Vec<u8>,
}

impl TextDecoder {
    pub(crate) fn new(delimiter: u8, null: &str, header: bool, line_bytes_max: usize) -> Self {
        let null = null.as_bytes().to_vec();
        let (ending, ended, field) = (None, false, Vec::new());
        Self {
            splitter: Splitter::new(Hiding::Backslash, line_bytes_max),
            lines: Lines { delimiter, null, header, ending, ended, field },
        }
    }

    /// Reads rows until the batch is full or `input` is used up.
    pub(crate) fn decode(&mut self, input: &mut &[u8], rows: &mut Rows) -> Result<()> {
        while !rows.is_full() {
            if self.lines.ended {
                *input = &[];
                return Ok(());
            }
            let (line, used) = self.splitter.next(input).map_err(|e| rows.bad_line(e, b""))?;
            match line {
                Some(line) => self.lines.line(line, rows)?,
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
        match self.splitter.last() {
            Some(line) if !self.lines.ended => self.lines.line(&line, rows),
            _ => Ok(()),
        }
    }
}

impl Lines {
    fn line(&mut self, line: &[u8], rows: &mut Rows) -> Result<()> {
        rows.line += 1;
        let line = self.without_carriage_return(line, rows)?;
        if std::mem::take(&mut self.header) {
            return Ok(());
        }
        if line == b"\\." {
            self.ended = true;
            return Ok(());
        }
        self.row(line, rows).map_err(|error| rows.bad_line(error, line))
    }

    fn without_carriage_return<'a>(&mut self, line: &'a [u8], rows: &Rows) -> Result<&'a [u8]> {
        let ending = *self.ending.get_or_insert_with(|| Ending::of(line));
        let line = match ending {
            Ending::Newline => line,
            Ending::CarriageReturnNewline => line.strip_suffix(b"\r").ok_or_else(|| {
                let error = rows.bad("literal newline found in data");
                rows.bad_line(error.hint("Use \"\\n\" to represent newline."), line)
            })?,
        };
        let literal = |at: usize| at.checked_sub(1).and_then(|at| line.get(at)) != Some(&b'\\');
        if memchr::memchr_iter(b'\r', line).any(literal) {
            let error = rows.bad("literal carriage return found in data");
            let error = error.hint("Use \"\\r\" to represent carriage return.");
            return Err(rows.bad_line(error, line));
        }
        Ok(line)
    }

    fn row(&mut self, line: &[u8], rows: &mut Rows) -> Result<()> {
        if rows.columns().is_empty() && line.is_empty() {
            return rows.end_row(0);
        }
        let escapes = memchr::memchr(b'\\', line).is_some();
        let (mut rest, mut fields) = (line, 0);
        loop {
            let end = if escapes {
                unescaped(self.delimiter, rest)
            } else {
                memchr::memchr(self.delimiter, rest)
            };
            let raw = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            if raw == self.null.as_slice() {
                rows.push_text(fields, None)?;
            } else if escapes && raw.contains(&b'\\') {
                unescape(raw, &mut self.field);
                rows.push_text(fields, Some(&self.field))?;
            } else {
                rows.push_text(fields, Some(raw))?;
            }
            fields += 1;
            match end {
                Some(end) => rest = rest.get(end + 1..).unwrap_or_default(),
                None => return rows.end_row(fields),
            }
        }
    }
}

/// Where the first delimiter without a backslash before it stands.
fn unescaped(delimiter: u8, bytes: &[u8]) -> Option<usize> {
    let mut escaped = false;
    bytes.iter().position(|byte| {
        let found = *byte == delimiter && !escaped;
        escaped = *byte == b'\\' && !escaped;
        found
    })
}

/// Resolves backslash sequences; one at the very end is dropped, as Postgres does.
fn unescape(raw: &[u8], field: &mut Vec<u8>) {
    field.clear();
    let mut rest = raw;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            field.push(*byte);
            continue;
        }
        let Some((escaped, after)) = after.split_first() else { return };
        rest = after;
        field.push(match escaped {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'0'..=b'7' => digits(escaped - b'0', &mut rest, 8, 2),
            b'x' => match hex_digit(rest) {
                Some(first) => {
                    rest = rest.get(1..).unwrap_or_default();
                    digits(first, &mut rest, 16, 1)
                }
                None => b'x',
            },
            other => *other,
        });
    }
}

fn hex_digit(bytes: &[u8]) -> Option<u8> {
    let digit = char::from(*bytes.first()?).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// Takes up to `more` further digits.
fn digits(first: u8, rest: &mut &[u8], radix: u8, more: usize) -> u8 {
    let mut value = first;
    for _ in 0..more {
        let Some((byte, after)) = rest.split_first() else { break };
        let digit = char::from(*byte).to_digit(u32::from(radix)).and_then(|d| u8::try_from(d).ok());
        let Some(digit) = digit else { break };
        // Three octal digits may exceed a byte; Postgres keeps the low eight bits.
        value = value.wrapping_mul(radix).wrapping_add(digit);
        *rest = after;
    }
    value
}
