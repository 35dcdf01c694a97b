//! The real binary, run: started, killed, stopped, lied to, and used by real clients.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail so")]

mod analyses;
mod clients;
mod crash;
mod databases;
mod erase;
mod hostile;
mod monitors;
mod process;
mod psql;
mod replays;
mod security;
mod setup;
mod train;
mod vectors;
