//! Postgres types over Arrow: OIDs, text and binary forms, SQLSTATEs.
//!
//! A value is an Arrow array of one row, a result an Arrow batch; [`PgType`] says how Postgres
//! clients see a column. Text and binary forms live here and nowhere else, so that literals,
//! parameters, COPY and results cannot disagree.

pub mod builder;
pub mod calendar;
pub mod column;
mod dense;
pub mod encoder;
pub mod error;
pub mod forms;
pub mod pg_type;
pub mod settings;
pub mod type_name;
pub mod zone;

pub use builder::{ColumnBuilder, parse_binary, parse_text};
pub use column::{Column, Datum};
pub use encoder::{Encoder, format_text};
pub use error::{Result, SqlError, SqlState};
pub use pg_type::PgType;
pub use settings::{ByteaOutput, DateOrder, Format, FormatSettings, IntervalStyle};
pub use zone::TimeZone;

#[cfg(test)]
mod tests;
