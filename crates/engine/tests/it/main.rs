//! The engine from outside: histories against a model, crashes, concurrency.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod basics;
mod damage;
mod databases;
mod filters;
mod indexes;
mod kinds;
mod living;
mod model;
mod models;
mod monitors;
mod oracle;
mod removal;
mod savepoints;
mod sharing;
mod sketches;
mod stress;
mod support;
