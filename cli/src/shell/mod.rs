//! The shell at a terminal: a line editor, a prompt that says where one stands, a history.

mod assistant;
mod complete;
mod history;
mod paint;

use crate::error::{Error, Result};
use crate::names::Names;
use crate::script::Run;
use crate::session::Session;
use crate::wire::Transaction;
use assistant::Assistant;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{CompletionType, Config, Editor};
use std::io;

type Lines = Editor<Assistant, DefaultHistory>;

/// Reads and runs until the end; the exit code.
pub(crate) fn run(session: &mut Session, no_history: bool) -> Result<u8> {
    let history = if no_history { None } else { history::path() };
    let mut lines = editor().map_err(|error| Error::Usage(format!("the terminal: {error}")))?;
    if let Some(path) = &history {
        // The first session has none.
        let _ = lines.load_history(path);
    }
    greet(session)?;
    loop {
        learn_names(session, &mut lines)?;
        match lines.readline(&prompt(session)) {
            Ok(text) => {
                if history::may_keep(&text) {
                    // A history that cannot be kept is no reason to stop.
                    let _ = lines.add_history_entry(text.trim_end());
                    let _ = history.as_ref().map(|path| lines.append_history(path));
                }
                if !run_text(session, &text)? {
                    return Ok(0);
                }
            }
            // The line is given up, as in every shell.
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => return Ok(0),
            Err(error) => return Err(Error::Usage(format!("the terminal: {error}"))),
        }
    }
}

/// Runs what was typed; whether to go on. A lost connection is made anew once.
fn run_text(session: &mut Session, text: &str) -> Result<bool> {
    let run = Run { name: "", keep_going: false, depth: 0 };
    let mut data = io::stdin().lock();
    let outcome = run.text(session, &mut text.as_bytes(), Some(&mut data));
    if outcome.lost {
        session.reconnect(session.target.clone())?;
        session.remark("Connected again; an open transaction is gone.")?;
        session.flush()?;
    }
    Ok(!outcome.quit)
}

fn editor() -> rustyline::Result<Lines> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .history_ignore_space(true)
        .max_history_size(10_000)?
        .build();
    let mut lines = Lines::with_config(config)?;
    lines.set_helper(Some(Assistant::default()));
    Ok(lines)
}

fn greet(session: &mut Session) -> Result<()> {
    let version = session.connection.parameter("server_version").unwrap_or("unknown");
    let line = format!("cvx-cli {}, server {version}. \\? for help.", env!("CARGO_PKG_VERSION"));
    session.remark(&line)?;
    session.flush()
}

fn learn_names(session: &mut Session, lines: &mut Lines) -> Result<()> {
    // In a failed transaction nothing is answered.
    let can_ask = session.connection.transaction() != Transaction::Failed;
    if session.names_are_stale && can_ask {
        session.names_are_stale = false;
        session.names = Names::read(&mut session.connection)?;
        if let Some(assistant) = lines.helper_mut() {
            assistant.names = session.names.clone();
        }
    }
    Ok(())
}

/// `cvx=> `, with `*` in a transaction and `!` in a failed one, and the time that is read.
fn prompt(session: &Session) -> String {
    let time = session.asof.as_ref().map(|time| format!(" as of {}", short(time)));
    let state = match session.connection.transaction() {
        Transaction::None => "",
        Transaction::Open => "*",
        Transaction::Failed => "!",
    };
    format!("{}{}={state}> ", session.target.database, time.unwrap_or_default())
}

/// A moment without what is nought in it.
fn short(time: &str) -> &str {
    let utc = time.strip_suffix("+00").unwrap_or(time);
    utc.strip_suffix(" 00:00:00").unwrap_or(utc)
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn a_prompt_is_short() {
        assert_eq!(short("2024-01-01 00:00:00+00"), "2024-01-01");
        assert_eq!(short("2024-01-01 12:30:00+00"), "2024-01-01 12:30:00");
        assert_eq!(short("2024-01-01"), "2024-01-01");
    }
}
