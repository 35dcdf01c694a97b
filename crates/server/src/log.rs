//! Where the server's words go: one line an event on standard error, as text or as JSON.
//!
//! Standard output stays free for answers (`cvx check`, the demo) and for the one line that says
//! the server is ready, which is for programs to read.

use crate::config::{Config, LogFormat};
use anyhow::{Context as _, Result};
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// From here on events are written. Once a process.
pub(crate) fn start(config: &Config) -> Result<()> {
    let filter = EnvFilter::try_new(&config.log_level)
        .with_context(|| format!("log_level '{}'", config.log_level))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match config.log_format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("the log: {error}"))?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// A panic is a fault of ours: logged with its place and way there, whichever thread it met.
fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let thread = std::thread::current();
    tracing::error!(
        thread = thread.name().unwrap_or("unnamed"),
        at = panic.location().map(ToString::to_string).unwrap_or_default(),
        message = panic.payload_as_str().unwrap_or("not a text"),
        backtrace = %std::backtrace::Backtrace::force_capture(),
        "panic"
    );
}
