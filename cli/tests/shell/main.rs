//! The real shell against the real server.
//!
//! The server's binary is `CVX_BIN`, or `cvx` beside the shell's own: `make test` builds it first.
//! Where it is missing, CI fails and a laptop skips. The launcher is small and its own: testkit's
//! would bring the async client and all it stands on into a build that otherwise takes seconds.
#![expect(clippy::unwrap_used, reason = "a test may fail so")]

mod batch;
mod interactive;
mod setup;
