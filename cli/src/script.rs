//! Statements and commands out of text: a script, standard input, `-c`, or a line of the shell.

use crate::args::Step;
use crate::command;
use crate::copy::Copy;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::sql::Splitter;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// Scripts may run scripts, but not themselves for ever.
const DEPTH_MAX: u32 = 16;

/// How a text is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    /// The script's name for messages; empty for what was typed.
    pub name: &'a str,
    pub keep_going: bool,
    pub depth: u32,
}

/// What became of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The exit code of the first failure.
    pub code: u8,
    pub quit: bool,
    pub lost: bool,
}

/// Runs steps until one fails; the exit code.
pub(crate) fn run_all(session: &mut Session, steps: &[Step], keep_going: bool) -> u8 {
    let mut code = 0;
    for step in steps {
        let outcome = match step {
            Step::Command(text) => {
                let run = Run { name: "", keep_going, depth: 0 };
                run.text(session, &mut text.as_bytes(), Some(&mut io::empty()))
            }
            Step::File(path) => run_file(session, path, keep_going, 0),
        };
        code = if code == 0 { outcome.code } else { code };
        if outcome.quit || outcome.lost || (outcome.code != 0 && !keep_going) {
            break;
        }
    }
    code
}

/// Runs a script; `-` is standard input.
pub(crate) fn run_file(
    session: &mut Session,
    path: &Path,
    keep_going: bool,
    depth: u32,
) -> Outcome {
    let name = path.display().to_string();
    let run = Run { name: &name, keep_going, depth };
    if depth > DEPTH_MAX {
        return run.failed(
            session,
            &Error::Usage("scripts call each other too deep".into()),
            "",
            "",
        );
    }
    if name == "-" {
        return Run { name: "stdin", ..run }.text(session, &mut io::stdin().lock(), None);
    }
    match File::open(path) {
        Ok(file) => run.text(session, &mut BufReader::new(file), None),
        Err(error) => run.failed(session, &Error::file(path)(error), "", ""),
    }
}

impl Run<'_> {
    /// Runs a text. The data of a COPY FROM STDIN comes from `data`, else it follows the statement.
    pub(crate) fn text(
        self,
        session: &mut Session,
        text: &mut dyn BufRead,
        mut data: Option<&mut dyn BufRead>,
    ) -> Outcome {
        let mut lines = Lines { splitter: Splitter::default(), number: 0 };
        let mut outcome = Outcome::default();
        loop {
            let pieces = match lines.next(text) {
                Ok(Some(pieces)) => pieces,
                Ok(None) => return outcome,
                Err(error) => {
                    let place = self.at(lines.number);
                    return outcome.and(self.failed(session, &error, "", &place));
                }
            };
            for piece in pieces {
                let data: &mut dyn BufRead = match &mut data {
                    Some(data) => data,
                    None => text,
                };
                outcome = outcome.and(self.piece(session, &piece, lines.number, data));
                if outcome.is_over(self.keep_going) {
                    return outcome;
                }
            }
        }
    }

    fn piece(
        self,
        session: &mut Session,
        piece: &Piece,
        number: usize,
        data: &mut dyn BufRead,
    ) -> Outcome {
        let (done, sql) = match piece {
            Piece::Statement(sql) => (session.execute(sql, &mut Copy::lines(data)), sql.as_str()),
            Piece::Command(line) => match command::run(session, line, self) {
                Ok(outcome) => return outcome,
                Err(error) => (Err(error), ""),
            },
        };
        match done {
            Ok(()) => Outcome::default(),
            Err(error) => self.failed(session, &error, sql, &self.at(number)),
        }
    }

    fn at(self, number: usize) -> String {
        if self.name.is_empty() { String::new() } else { format!("{}:{number}: ", self.name) }
    }

    fn failed(self, session: &mut Session, error: &Error, sql: &str, place: &str) -> Outcome {
        session.complain(error, sql, place);
        let interrupted = matches!(error, Error::Server(fault) if fault.is_cancelled())
            && session.interrupt.was_pressed();
        let code = if interrupted { Error::Interrupted.exit_code() } else { error.exit_code() };
        Outcome { code, quit: false, lost: error.is_connection() }
    }
}

impl Outcome {
    pub(crate) const QUIT: Self = Self { code: 0, quit: true, lost: false };

    fn and(self, next: Self) -> Self {
        let code = if self.code == 0 { next.code } else { self.code };
        Self { code, quit: self.quit || next.quit, lost: self.lost || next.lost }
    }

    fn is_over(self, keep_going: bool) -> bool {
        self.quit || self.lost || (self.code != 0 && !keep_going)
    }
}

/// What there is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Statement(String),
    /// A line that begins with a backslash.
    Command(String),
}

/// Reads a text line by line.
struct Lines {
    splitter: Splitter,
    /// Of the line last read.
    number: usize,
}

impl Lines {
    /// What the next line completes; `None` behind the last.
    fn next(&mut self, text: &mut dyn BufRead) -> Result<Option<Vec<Piece>>> {
        let mut line = Vec::new();
        let read = text.read_until(b'\n', &mut line);
        read.map_err(|error| Error::Usage(format!("reading the script: {error}")))?;
        if line.is_empty() {
            return Ok(self.splitter.finish().map(|rest| vec![Piece::Statement(rest)]));
        }
        self.number += 1;
        let line = String::from_utf8(line);
        let line = line.map_err(|_| Error::Usage("the line is not UTF-8".to_owned()))?;
        if self.splitter.is_at_start() && line.trim_start().starts_with('\\') {
            self.splitter.finish();
            return Ok(Some(vec![Piece::Command(line.trim().to_owned())]));
        }
        Ok(Some(self.splitter.push(&line).into_iter().map(Piece::Statement).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<Piece> {
        let mut lines = Lines { splitter: Splitter::default(), number: 0 };
        let (mut text, mut all) = (text.as_bytes(), Vec::new());
        while let Some(pieces) = lines.next(&mut text).unwrap() {
            all.extend(pieces);
        }
        all
    }

    #[test]
    fn commands_stand_between_statements_only() {
        let statement = |sql: &str| Piece::Statement(sql.to_owned());
        let command = |line: &str| Piece::Command(line.to_owned());
        assert_eq!(
            pieces("\\x\n-- a comment\n  \\d docs \nSELECT\n\\x;\nSELECT 2"),
            [command("\\x"), command("\\d docs"), statement("SELECT\n\\x;"), statement("SELECT 2")]
        );
    }

    #[test]
    fn what_is_not_text_is_refused() {
        let mut lines = Lines { splitter: Splitter::default(), number: 0 };
        assert!(lines.next(&mut &b"SELECT '\xff';\n"[..]).is_err());
    }
}
