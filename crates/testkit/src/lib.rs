//! Oracles, harnesses and runners for the tests: what looks at the server from outside.
//!
//! Everything here speaks to a real `cvx start` process over the real wire and keeps its own
//! record of what ought to be true. Architecture invariant: nothing here calls the engine, for an
//! oracle that shares code with what it judges shares its mistakes.

pub mod client;
pub mod crash;
pub mod server;
pub mod slt;
pub mod text;
