//! `\copy`: COPY between a table and a file of this machine, with a progress bar.

use crate::copy::Copy;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::sql::{Kind, tokens};
use std::path::Path;

/// What the command asks for.
#[derive(Debug, PartialEq, Eq)]
struct Transfer {
    /// The statement for the server.
    sql: String,
    /// `None` is standard input or output.
    file: Option<String>,
    is_in: bool,
}

pub(super) fn copy(session: &mut Session, text: &str) -> Result<()> {
    let Transfer { sql, file, is_in } = parse(text)?;
    let mut stdin = std::io::stdin().lock();
    let mut copy = match (&file, is_in) {
        (Some(file), true) => Copy::from_file(Path::new(file))?,
        (Some(file), false) => Copy::to_file(Path::new(file))?,
        (None, true) => Copy::lines(&mut stdin),
        (None, false) => Copy::nothing(),
    };
    session.execute(&sql, &mut copy).map_err(shown_at_its_place)?;
    copy.flush()
}

/// A position in the statement we made says nothing to somebody who typed another.
fn shown_at_its_place(error: Error) -> Error {
    match error {
        Error::Server(mut fault) => {
            fault.position = None;
            Error::Server(fault)
        }
        other => other,
    }
}

/// `table | (query) from | to 'file' | stdin | stdout [options]`.
fn parse(text: &str) -> Result<Transfer> {
    let usage = || {
        Error::Usage(
            "usage: \\copy table | (query) from | to 'file' | stdin | stdout [options]".into(),
        )
    };
    let tokens = tokens(text);
    let mut depth = 0_usize;
    let mut direction = None;
    for (at, token) in tokens.iter().enumerate() {
        let word = token.text(text);
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Word if depth == 0 && at > 0 && word.eq_ignore_ascii_case("from") => {
                direction = Some((*token, true));
            }
            Kind::Word if depth == 0 && at > 0 && word.eq_ignore_ascii_case("to") => {
                direction = Some((*token, false));
            }
            _ => continue,
        }
        if direction.is_some() {
            break;
        }
    }
    let (token, is_in) = direction.ok_or_else(usage)?;
    let what = text[..token.start].trim();
    let (file, options) = file(text[token.end..].trim_start()).ok_or_else(usage)?;
    let (preposition, stream) = if is_in { ("FROM", "STDIN") } else { ("TO", "STDOUT") };
    Ok(Transfer { sql: format!("COPY {what} {preposition} {stream} {options}"), file, is_in })
}

/// The file's name and the options behind it.
fn file(text: &str) -> Option<(Option<String>, &str)> {
    if text.starts_with('\'') {
        let mut end = 1;
        while let Some(at) = text[end..].find('\'') {
            end += at + 1;
            if !text[end..].starts_with('\'') {
                let name = text[1..end - 1].replace("''", "'");
                return Some((Some(name), text[end..].trim()));
            }
            end += 1;
        }
        return None;
    }
    let (name, options) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    match name.to_ascii_lowercase().as_str() {
        "" | "program" => None,
        "stdin" | "pstdin" | "stdout" | "pstdout" => Some((None, options.trim())),
        _ => Some((Some(name.to_owned()), options.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, Option<String>, bool) {
        let Transfer { sql, file, is_in } = parse(text).unwrap();
        (sql, file, is_in)
    }

    #[test]
    fn both_ways_with_options() {
        assert_eq!(
            parsed("docs (a, b) FROM 'it''s.csv' WITH (FORMAT csv)"),
            ("COPY docs (a, b) FROM STDIN WITH (FORMAT csv)".into(), Some("it's.csv".into()), true)
        );
        assert_eq!(
            parsed("(SELECT a FROM t) to /tmp/out csv"),
            ("COPY (SELECT a FROM t) TO STDOUT csv".into(), Some("/tmp/out".into()), false)
        );
        assert_eq!(parsed("t to stdout"), ("COPY t TO STDOUT ".into(), None, false));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "docs", "docs from", "docs from 'open", "docs from program 'ls'"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
