//! `cvx-cli`: the shell of ChronosVector.
//!
//! It talks to the server as every client does, over the Postgres wire, and depends on no crate of
//! the engine: what it knows of the language it reads from `grammar/cvx.ebnf`, what it knows of
//! tables from the catalog. One statement's way through it:
//!
//! ```text
//! shell (line editor) ─┐                        ┌─ command (\d, \plot, \copy, ...)
//! script (-f, stdin)  ─┼─ sql: splits into ─────┤
//! -c                  ─┘   statements           └─ run: wire ── server ── print
//! ```
//!
//! Invariant: rows go to standard output as they come, in bounded memory; errors, notices and
//! progress go to standard error, so the output of a script is its rows.

mod args;
mod command;
mod copy;
mod error;
mod names;
mod print;
mod run;
mod script;
mod session;
mod shell;
mod sql;
mod target;
mod wire;
mod words;

use args::{Args, Step};
use error::Result;
use session::Session;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use target::{Target, Wishes};

fn main() -> ExitCode {
    let (args, steps) = Args::read();
    match start(&args, &steps) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("cvx-cli: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Connects and does what was asked for; the exit code.
fn start(args: &Args, steps: &[Step]) -> Result<u8> {
    let target = target(args)?;
    let interactive = steps.is_empty() && std::io::stdin().is_terminal();
    let mut session = Session::open(target, args.settings(interactive))?;
    if let Some(time) = &args.asof {
        session.set_asof(Some(time))?;
    }
    let code = match () {
        () if interactive => shell::run(&mut session, args.no_history)?,
        () if steps.is_empty() => script::run_all(&mut session, &[Step::stdin()], args.keep_going),
        () => script::run_all(&mut session, steps, args.keep_going),
    };
    session.close();
    Ok(code)
}

fn target(args: &Args) -> Result<Target> {
    let mut sources = vec![args.flags()];
    for text in args.dbname.iter().chain(&args.target) {
        sources.push(Wishes::of_text(text)?);
    }
    sources.push(Wishes::of_environment(|name| std::env::var(name).ok()));
    Target::of(&sources)
}
