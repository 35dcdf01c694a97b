//! Cutting a stream of bytes into lines, wherever its chunks end.
//!
//! Invariant: the lines are those of the whole input, however it was cut. A line that lies within
//! one chunk is never copied.

use cvx_types::{Result, SqlError, SqlState};

/// What may hide a newline.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hiding {
    /// Text: an odd number of backslashes before it.
    Backslash,
    /// CSV: quotes around it. `escape` is `None` where it is the quote itself.
    Quotes { quote: u8, escape: Option<u8> },
}

#[derive(Debug)]
pub(crate) struct Splitter {
    hiding: Hiding,
    /// The beginning of a line whose end is not here yet, or a whole line just given out.
    pending: Vec<u8>,
    given: bool,
    in_quote: bool,
    after_escape: bool,
    line_bytes_max: usize,
}

impl Splitter {
    pub(crate) fn new(hiding: Hiding, line_bytes_max: usize) -> Self {
        let (given, in_quote, after_escape) = (false, false, false);
        Self { hiding, pending: Vec::new(), given, in_quote, after_escape, line_bytes_max }
    }

    /// Whether a quote is open where the input stands.
    pub(crate) fn in_quote(&self) -> bool {
        self.in_quote
    }

    /// The next line without its newline, if `input` ends one, and how many bytes were used.
    pub(crate) fn next<'a>(&'a mut self, input: &'a [u8]) -> Result<(Option<&'a [u8]>, usize)> {
        if self.given {
            self.pending.clear();
            self.given = false;
        }
        let Some(end) = self.find_end(input) else {
            self.keep(input)?;
            return Ok((None, input.len()));
        };
        let line = input.get(..end).unwrap_or_default();
        if self.pending.is_empty() {
            return Ok((Some(line), end + 1));
        }
        self.keep(line)?;
        self.given = true;
        Ok((Some(&self.pending), end + 1))
    }

    /// What stands after the last newline, at the end of the input.
    pub(crate) fn last(&mut self) -> Option<Vec<u8>> {
        let pending = std::mem::take(&mut self.pending);
        (!std::mem::take(&mut self.given) && !pending.is_empty()).then_some(pending)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<()> {
        if self.pending.len() + bytes.len() > self.line_bytes_max {
            let message = format!("a COPY line is longer than {} bytes", self.line_bytes_max);
            return Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    /// Where the first newline that ends a line stands in `chunk`.
    fn find_end(&mut self, chunk: &[u8]) -> Option<usize> {
        match self.hiding {
            Hiding::Backslash => {
                memchr::memchr_iter(b'\n', chunk).find(|at| !self.is_escaped(chunk, *at))
            }
            Hiding::Quotes { quote, escape } => {
                chunk.iter().position(|byte| self.ends_record(*byte, quote, escape))
            }
        }
    }

    fn is_escaped(&self, chunk: &[u8], at: usize) -> bool {
        let backslashes = |bytes: &[u8]| bytes.iter().rev().take_while(|b| **b == b'\\').count();
        let mut count = backslashes(chunk.get(..at).unwrap_or_default());
        if count == at {
            count += backslashes(&self.pending);
        }
        count % 2 == 1
    }

    /// Postgres' rule (`CopyReadLineText`): an escape counts within quotes only, and not after
    /// another; a quote toggles unless escaped.
    fn ends_record(&mut self, byte: u8, quote: u8, escape: Option<u8>) -> bool {
        if self.in_quote && Some(byte) == escape {
            self.after_escape = !self.after_escape;
        }
        if byte == quote && !self.after_escape {
            self.in_quote = !self.in_quote;
        }
        if Some(byte) != escape {
            self.after_escape = false;
        }
        byte == b'\n' && !self.in_quote
    }
}

/// How lines end; the first line decides, as in Postgres.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Newline,
    CarriageReturnNewline,
}

impl Ending {
    pub(crate) fn of(line: &[u8]) -> Self {
        if line.ends_with(b"\r") { Self::CarriageReturnNewline } else { Self::Newline }
    }
}
