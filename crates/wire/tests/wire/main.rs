//! The protocol over real sockets: tokio-postgres and raw bytes against a session in memory.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod copy;
mod extended;
mod fake;
mod lifetime;
mod login;
mod raw;
mod simple;
mod stopping;
