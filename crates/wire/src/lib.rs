//! The Postgres protocol
