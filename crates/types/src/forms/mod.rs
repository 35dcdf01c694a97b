//! The text and binary form of each type's single value, as pure functions.

pub mod array;
pub mod bit;
pub mod bytea;
pub mod datetime;
pub mod datetime_input;
pub mod element;
pub mod float;
pub mod integer;
pub mod interval;
pub mod interval_input;
pub mod json;
pub mod numeric;
pub mod record;
pub mod simple;
pub mod sparsevec;
pub mod vector;

use crate::error::{SqlError, SqlState};

/// 22P02: "invalid input syntax for type integer: "x"".
#[must_use]
pub fn invalid_text(type_name: &str, text: &str) -> SqlError {
    let message = format!("invalid input syntax for type {type_name}: \"{}\"", shortened(text));
    SqlError::new(SqlState::INVALID_TEXT, message)
}

/// 22003: "value "99999" is out of range for type smallint".
#[must_use]
pub fn out_of_range(type_name: &str, text: &str) -> SqlError {
    let message = format!("value \"{}\" is out of range for type {type_name}", shortened(text));
    SqlError::new(SqlState::NUMERIC_OUT_OF_RANGE, message)
}

/// 22P03: a binary value whose bytes do not fit its type.
#[must_use]
pub fn invalid_binary(type_name: &str) -> SqlError {
    let message = format!("incorrect binary data format for type {type_name}");
    SqlError::new(SqlState::INVALID_BINARY, message)
}

/// The bytes as a fixed-size array, or 22P03.
pub fn exactly<const N: usize>(type_name: &str, bytes: &[u8]) -> crate::Result<[u8; N]> {
    bytes.try_into().map_err(|_| invalid_binary(type_name))
}

/// At most 200 characters of what a client sent: errors quote input, logs keep errors.
#[must_use]
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(200) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}
