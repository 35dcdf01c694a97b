//! The Postgres protocol (version 3): sockets on one side, [`cvx_session::Session`] on the other.
//!
//! ```text
//!  serve ─ door ─ startup ─ login ─ Connection ─┬─ simple    Query
//!    │                                          ├─ extended  Parse Bind Describe Execute Sync
//!    └─ Backends (cancel by pid and secret)     └─ copy_in / copy_out ─ copy::{decode, encode}
//!                     Frames (bytes in) ── Peer (attends work) ── Outbox (bytes out)
//! ```
//!
//! Invariants:
//! * Nothing is buffered without a bound: a frame's length is checked before its bytes are kept,
//!   rows leave in pieces of [`WireLimits::output_bytes`], COPY is decoded into batches of 1 MiB.
//! * While the session works, the client is watched: a cancel, a timeout or a closed socket stops
//!   the statement within 50 ms, by dropping its future or stream.
//! * Before it is known who a client is, nothing of it is kept but 10 kB, and its place is given
//!   to the next stranger where there are too many.
//! * A panic in a statement is that statement's error, XX000; the connection lives on.
//!
//! Of pgwire this crate uses the messages, not the handlers. Its default handlers collect a
//! portal's rows before they send the first, cancel only while planning, panic on a negative row
//! limit and forget type OIDs they do not know; its decoders panic on a frame shorter than its
//! fields and replace bad UTF-8 silently. A state machine of our own over its message types is
//! shorter than the overrides would be, and can be read from top to bottom.

mod backends;
#[cfg(test)]
mod captured;
mod connection;
pub mod copy;
mod copy_in;
mod copy_out;
mod door;
mod extended;
mod failure;
mod frame;
mod limits;
mod login;
mod outbox;
mod peer;
mod portal;
mod request;
mod rows;
mod server;
mod simple;
mod startup;
mod strangers;
mod tls;

pub use door::Admission;
pub use limits::WireLimits;
pub use server::serve;
pub use tls::{ClientCertificates, Tls, TlsError};
