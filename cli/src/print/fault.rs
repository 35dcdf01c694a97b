//! Errors and notices: the server's words, and a caret under the place in the statement.

use super::text::{clean, fit, fit_end};
use crate::wire::Fault;
use console::{measure_text_width, style};
use std::io::{self, Write};

/// Columns of a line of the statement that are shown around its error.
const CONTEXT_COLUMNS: usize = 70;
/// And of those before it.
const LEFT_COLUMNS: usize = 35;

/// Prints an error or notice; `sql` is what was sent.
pub(crate) fn report(fault: &Fault, sql: &str, out: &mut dyn Write) -> io::Result<()> {
    let is_error =
        !matches!(fault.severity.as_str(), "NOTICE" | "INFO" | "LOG" | "DEBUG" | "WARNING");
    let severity = style(format!("{}:", fault.severity)).for_stderr();
    let severity = if is_error { severity.red().bold() } else { severity.yellow() };
    writeln!(out, "{severity}  {}", clean(&fault.message).join("\n"))?;
    if let Some((line, caret)) = fault.position.and_then(|position| place(sql, position)) {
        writeln!(out, "{line}\n{}", style(caret).for_stderr().red())?;
    }
    for text in rest(fault, is_error) {
        writeln!(out, "{text}")?;
    }
    Ok(())
}

fn rest(fault: &Fault, is_error: bool) -> Vec<String> {
    let parts = [
        ("DETAIL", fault.detail.as_ref()),
        ("HINT", fault.hint.as_ref()),
        ("CONTEXT", fault.context.as_ref()),
        ("SQLSTATE", is_error.then_some(&fault.sqlstate)),
    ];
    let given = parts.into_iter().filter_map(|(word, text)| Some((word, text?)));
    given.map(|(word, text)| format!("{word}:  {}", clean(text).join("\n"))).collect()
}

/// The line with the `position`-th character (from 1), and a caret below it.
fn place(sql: &str, position: usize) -> Option<(String, String)> {
    let before = position.checked_sub(1)?;
    let at = sql.char_indices().map(|(at, _)| at).chain([sql.len()]).nth(before)?;
    let start = sql[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = sql[at..].find('\n').map_or(sql.len(), |newline| at + newline);
    let number = sql[..at].matches('\n').count() + 1;
    let (mut left, mut right) = (clean(&sql[start..at]).concat(), clean(&sql[at..end]).concat());
    if measure_text_width(&left) > LEFT_COLUMNS {
        left = format!("...{}", fit_end(&left, LEFT_COLUMNS));
    }
    let room = CONTEXT_COLUMNS.saturating_sub(measure_text_width(&left));
    if measure_text_width(&right) > room {
        right = format!("{}...", fit(&right, room));
    }
    let prefix = format!("LINE {number}: ");
    let indent = " ".repeat(prefix.len() + measure_text_width(&left));
    Some((format!("{prefix}{left}{right}"), format!("{indent}^")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn placed(sql: &str, position: usize) -> String {
        let (line, caret) = place(sql, position).unwrap();
        format!("{line}\n{caret}")
    }

    #[test]
    fn a_caret_under_the_place() {
        assert_eq!(placed("SELECT x FRM t", 10), "LINE 1: SELECT x FRM t\n                 ^");
        assert_eq!(placed("SELECT\n\té, x", 12), "LINE 2:         é, x\n                   ^");
        assert_eq!(placed("SELECT", 7), "LINE 1: SELECT\n              ^");
    }

    #[test]
    fn a_long_line_is_cut_around_it() {
        let sql = format!("SELECT {}wrong, {}", "a, ".repeat(100), "b, ".repeat(100));
        let at = sql.find("wrong").unwrap() + 1;
        let (line, caret) = place(&sql, at).unwrap();
        assert!(line.len() < 100 && line.contains("...") && line.ends_with("..."), "{line}");
        assert_eq!(&line[caret.len() - 1..][..5], "wrong");
    }

    /// 20 characters of two columns each are more than 35 columns, and fewer than 35 characters.
    #[test]
    fn a_line_of_wide_characters_is_cut_by_its_width() {
        let (line, caret) = place(&format!("{}x", "漢".repeat(20)), 21).unwrap();
        assert_eq!(line, format!("LINE 1: ...{}x", "漢".repeat(17)));
        assert_eq!(measure_text_width(&caret), measure_text_width(&line));
    }

    #[test]
    fn everything_the_server_says_is_shown() {
        let fault = Fault {
            severity: "ERROR".to_owned(),
            sqlstate: "42703".to_owned(),
            message: "column \"x\" does not exist".to_owned(),
            hint: Some("Perhaps \"y\".".to_owned()),
            detail: Some("There is none.".to_owned()),
            context: None,
            position: Some(8),
        };
        let mut out = Vec::new();
        report(&fault, "SELECT x", &mut out).unwrap();
        let found = console::strip_ansi_codes(std::str::from_utf8(&out).unwrap()).into_owned();
        assert_eq!(
            found,
            "ERROR:  column \"x\" does not exist\nLINE 1: SELECT x\n               ^\n\
             DETAIL:  There is none.\nHINT:  Perhaps \"y\".\nSQLSTATE:  42703\n"
        );
    }

    proptest! {
        #[test]
        fn no_position_is_too_wild(sql in "\\PC{0,40}\n?\t?\\PC{0,90}", position in 0_usize..200) {
            if let Some((line, caret)) = place(&sql, position) {
                prop_assert!(measure_text_width(&caret) <= measure_text_width(&line) + 1);
            }
        }
    }
}
