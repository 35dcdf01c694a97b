//! COPY's three formats as pure code: bytes in, batches out, and back.
//!
//! Nothing here knows of sockets or sessions. A [`CopyDecoder`] takes bytes cut anywhere and gives
//! bounded batches; a [`CopyEncoder`] takes batches and gives one message a row, which is how
//! Postgres sends them and how psycopg reads them.

mod binary;
mod csv;
mod decode;
mod encode;
mod rows;
mod split;
mod text;

pub use decode::CopyDecoder;
pub use encode::CopyEncoder;

/// What binary COPY begins with.
pub(crate) const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";

#[cfg(test)]
mod tests;
