//! Postgres types over Arrow: OIDs, text and binary forms, SQLSTATEs.
//!
//! A value is an Arrow array of one row, a result an Arrow batch; [`PgType`] says how Postgres
//! clients see a column. Text and binary forms live here and nowhere else, so that literals,
//! parameters, COPY and results cannot disagree.

pub mod column;
pub mod error;
pub mod pg_type;

pub use column::{Column, Datum};
pub use error::{Result, SqlError, SqlState};
pub use pg_type::PgType;
