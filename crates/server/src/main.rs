//! `cvx`: the one binary. It reads its configuration, opens the database and serves it.
//!
//! Architecture invariant: nothing is decided here about SQL, storage or the protocol; this crate
//! joins the pieces, gives them their limits, and stops them.

mod allocator;
mod check;
mod config;
mod demo;
mod guard;
mod log;
mod passwd;
mod start;
mod tls;
mod train;

use anyhow::Result;
use clap::{Parser, Subcommand};
use config::{Config, Flags};
use std::process::ExitCode;

/// ChronosVector: a temporal vector database that speaks Postgres.
#[derive(Parser)]
#[command(name = "cvx", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve a data directory until SIGTERM or Ctrl-C
    Start {
        #[command(flatten)]
        flags: Flags,
        /// Write the port here once clients can connect
        #[arg(long)]
        port_file: Option<std::path::PathBuf>,
    },
    /// Show the queries that matter, on generated or on your own embeddings
    Demo {
        #[command(flatten)]
        flags: Flags,
        #[command(flatten)]
        options: demo::Options,
    },
    /// Verify a data directory that no server has open; exits 1 where something is wrong
    Check {
        #[command(flatten)]
        flags: Flags,
    },
    /// Set a role's password in a data directory that no server has open; reads it from standard
    /// input
    Passwd {
        #[command(flatten)]
        flags: Flags,
        /// Whose
        #[arg(default_value = "cvx")]
        role: String,
    },
    /// Train PREDICT's equation on a table of a data directory that no server has open
    Train {
        #[command(flatten)]
        flags: Flags,
        #[command(flatten)]
        options: train::Options,
    },
    /// Say which version this is
    Version,
}

fn main() -> ExitCode {
    allocator::give_back_large_buffers();
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            let _ = say(&mut std::io::stderr(), &format!("cvx: {error:#}"));
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Start { flags, port_file } => {
            let config = configure(&flags)?;
            start::run(&config, port_file.as_deref())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Demo { flags, options } => {
            demo::run(flags, &options)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Check { flags } => check::run(&configure(&flags)?),
        Command::Passwd { flags, role } => {
            passwd::run(&configure(&flags)?, &role)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Train { flags, options } => {
            train::run(&configure(&flags)?, options)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Version => {
            say(&mut std::io::stdout(), concat!("cvx ", env!("CARGO_PKG_VERSION")))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Loads the configuration and starts the log that it asks for.
fn configure(flags: &Flags) -> Result<Config> {
    let config = Config::load(flags)?;
    log::start(&config)?;
    for name in Config::unknown_variables()? {
        tracing::warn!(%name, "this environment variable names no configuration key");
    }
    Ok(config)
}

/// Writes one line at once.
fn say(to: &mut impl std::io::Write, line: &str) -> std::io::Result<()> {
    writeln!(to, "{line}")?;
    to.flush()
}
