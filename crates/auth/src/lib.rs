//! Passwords: what is kept of them, and the exchange that proves one without telling it.
//!
//! SCRAM-SHA-256 (RFC 5802, RFC 7677) as PostgreSQL speaks it: a [`Verifier`] is what a server
//! keeps, an [`Exchange`] is one login. Neither touches a socket or a clock.
//!
//! ```text
//! client                                      server
//! n,,n=,r=cnonce              ──────────────▶ Exchange::start
//!                             ◀────────────── r=cnonce snonce,s=salt,i=4096
//! c=biws,r=...,p=proof        ──────────────▶ Exchange::finish
//!                             ◀────────────── v=server's proof
//! ```
//!
//! Invariant: for a role that is not there, has no password, or may no longer use it, the exchange
//! runs over [`Verifier::mock`] and differs from a wrong password in nothing that the client sees.
//!
//! pgwire has a SCRAM handler too; it asks its source for the salted password, so it would have
//! to be kept in a form that logs anybody in who steals it. It cannot play the unknown user either.

mod exchange;
mod verifier;

pub use exchange::{Binding, Exchange, Mechanism, Refused};
pub use verifier::{ITERATIONS, Verifier};

/// Bytes that cannot be guessed; `None` where the machine gives none.
#[must_use]
pub fn random<const N: usize>() -> Option<[u8; N]> {
    use ring::rand::{SecureRandom, SystemRandom};
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).ok().map(|()| bytes)
}
