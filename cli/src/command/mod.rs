//! The shell's own commands: what begins with a backslash.

mod arguments;
mod describe;
mod plot;
mod spark;
mod transfer;

use crate::error::{Error, Result};
use crate::print::Format;
use crate::script::{Outcome, Run, run_file};
use crate::session::Session;
use crate::target::Target;
use arguments::words;
use std::path::Path;

/// Name, arguments, what it does: for `\?` and completion.
pub(crate) const COMMANDS: [(&str, &str, &str); 24] = [
    ("\\?", "", "this list"),
    ("\\q", "", "leave"),
    ("\\d", "[name]", "tables, or one with its columns, axes and indexes"),
    ("\\dt", "[pattern]", "tables"),
    ("\\dv", "[pattern]", "views"),
    ("\\di", "[pattern]", "indexes"),
    ("\\ds", "[pattern]", "sequences"),
    ("\\df", "[pattern]", "functions"),
    ("\\dn", "", "schemas"),
    ("\\du", "", "roles"),
    ("\\dx", "", "extensions"),
    ("\\l", "", "databases"),
    ("\\asof", "[time | off]", "read tables as of this moment of valid time"),
    ("\\plot", "table entity [column] [method]", "step sizes of a trajectory over time"),
    ("\\copy", "table from | to 'file'", "COPY with a file of this machine"),
    ("\\x", "[on | off]", "each row as a block of lines"),
    ("\\json", "[on | off]", "one JSON object for each row"),
    ("\\t", "[on | off]", "rows only"),
    ("\\vectors", "[full | short]", "whether vectors are shown whole"),
    ("\\timing", "[on | off]", "how long each statement takes"),
    ("\\i", "file", "run a script"),
    ("\\echo", "text", "print a text"),
    ("\\c", "[database | URL]", "connect anew"),
    ("\\conninfo", "", "where to"),
];

/// Runs a line that begins with a backslash.
pub(crate) fn run(session: &mut Session, line: &str, run: Run<'_>) -> Result<Outcome> {
    let line = line.trim().trim_end_matches(';');
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    // Not among the others: its argument is SQL.
    if name == "\\copy" {
        return transfer::copy(session, rest).map(|()| Outcome::default());
    }
    let words = words(rest)?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match (name, words.as_slice()) {
        ("\\q" | "\\quit", []) => Outcome::QUIT,
        ("\\i", [file]) => run_file(session, Path::new(file), run.keep_going, run.depth + 1),
        (name, words) => {
            answer(session, name, words)?;
            Outcome::default()
        }
    };
    session.flush()?;
    Ok(outcome)
}

fn answer(session: &mut Session, name: &str, words: &[&str]) -> Result<()> {
    match (name, words) {
        ("\\?", []) => help(session),
        ("\\x", word) => format(session, word, Format::Expanded, "Expanded output"),
        ("\\json", word) => format(session, word, Format::Json, "JSON output"),
        ("\\timing", word) => {
            session.settings.timing = switched(session.settings.timing, word)?;
            session.remark(&format!("Timing is {}.", on_off(session.settings.timing)))
        }
        ("\\t", word) => {
            let style = &mut session.settings.style;
            style.tuples_only = switched(style.tuples_only, word)?;
            let state = on_off(style.tuples_only);
            session.remark(&format!("Rows only is {state}."))
        }
        ("\\vectors", word) => vectors(session, word),
        ("\\asof", words) => asof(session, &words.join(" ")),
        ("\\plot", [table, entity]) => plot::plot(session, table, entity, None, None),
        ("\\plot", [table, entity, method]) if plot::METHODS.contains(method) => {
            plot::plot(session, table, entity, None, Some(method))
        }
        ("\\plot", [table, entity, column]) => {
            plot::plot(session, table, entity, Some(column), None)
        }
        ("\\plot", [table, entity, column, method]) => {
            plot::plot(session, table, entity, Some(column), Some(method))
        }
        ("\\echo", words) => session.print(&words.join(" ")),
        ("\\conninfo", []) => conninfo(session),
        ("\\c" | "\\connect", words) => connect(session, words),
        (name, words) if name.starts_with("\\d") || name == "\\l" => {
            describe::describe(session, name, words)
        }
        (name, _) => Err(wrong(name)),
    }
}

/// The command is known and its arguments are not as it wants them, or it is not known.
fn wrong(name: &str) -> Error {
    let known = COMMANDS.iter().find(|(known, _, _)| *known == name);
    Error::Usage(known.map_or_else(
        || format!("{name} is no command; \\? lists them"),
        |(name, arguments, _)| format!("usage: {name} {arguments}"),
    ))
}

fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// The state that a word asks for; without one, the other than now.
fn switched(now: bool, words: &[&str]) -> Result<bool> {
    match words {
        [] => Ok(!now),
        ["on" | "true" | "1"] => Ok(true),
        ["off" | "false" | "0"] => Ok(false),
        _ => Err(Error::Usage("on or off is expected".to_owned())),
    }
}

fn format(session: &mut Session, words: &[&str], format: Format, what: &str) -> Result<()> {
    let on = switched(session.settings.style.format == format, words)?;
    session.settings.style.format = if on { format } else { Format::Aligned };
    session.remark(&format!("{what} is {}.", on_off(on)))
}

fn vectors(session: &mut Session, words: &[&str]) -> Result<()> {
    let style = &mut session.settings.style;
    style.full_vectors = match words {
        [] => !style.full_vectors,
        ["full"] => true,
        ["short"] => false,
        _ => return Err(wrong("\\vectors")),
    };
    let shown = if style.full_vectors { "whole" } else { "shortened" };
    session.remark(&format!("Vectors are shown {shown}."))
}

fn asof(session: &mut Session, time: &str) -> Result<()> {
    match time {
        "" => session.learn_asof()?,
        "off" | "none" => session.set_asof(None)?,
        time => session.set_asof(Some(time))?,
    }
    let line = match &session.asof {
        Some(time) => format!("Tables are read as of {time}."),
        None => "Tables are read as currently known.".to_owned(),
    };
    session.remark(&line)
}

fn help(session: &mut Session) -> Result<()> {
    for (name, arguments, what) in COMMANDS {
        session.print(&format!("  {:<32} {what}", format!("{name} {arguments}")))?;
    }
    session.print("  Statements end with a semicolon. Ctrl-C cancels, Ctrl-D leaves.")
}

fn conninfo(session: &mut Session) -> Result<()> {
    let Target { host, port, user, database, .. } = &session.target;
    let tls = if session.connection.is_encrypted() { ", encrypted" } else { "" };
    let version = session.connection.parameter("server_version").unwrap_or("unknown");
    let line = format!(
        "Database \"{database}\" as user \"{user}\" on {host}, port {port}{tls}; version {version}"
    );
    session.print(&line)
}

fn connect(session: &mut Session, words: &[&str]) -> Result<()> {
    let mut target = session.target.clone();
    match words {
        [] => {}
        [text] if text.contains("://") || text.contains('=') => {
            target = Target::of(&[crate::target::Wishes::of_text(text)?])?;
        }
        [database] => (*database).clone_into(&mut target.database),
        [database, user] => {
            (*database).clone_into(&mut target.database);
            (*user).clone_into(&mut target.user);
            target.password = None;
        }
        _ => return Err(wrong("\\c")),
    }
    // A refused connection is no loss: the old one is still there.
    session.reconnect(target).map_err(|error| Error::Usage(error.to_string()))?;
    conninfo(session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_switches() {
        assert!(switched(false, &[]).unwrap() && !switched(true, &[]).unwrap());
        assert!(switched(true, &["on"]).unwrap() && !switched(true, &["off"]).unwrap());
        assert!(switched(true, &["maybe"]).is_err() && switched(true, &["on", "off"]).is_err());
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(wrong("\\nope").to_string(), "\\nope is no command; \\? lists them");
        assert_eq!(wrong("\\plot").to_string(), "usage: \\plot table entity [column] [method]");
    }
}
