//! Binary values as Postgres prints them: a second opinion on the server's two encoders.
//!
//! The extended protocol's answers arrive in binary. Printed here by a writer of our own and
//! compared with the text that the simple protocol gave for the same statement, they show where
//! the server's text and binary forms disagree. Written from PostgreSQL's documentation of its
//! output formats (DateStyle ISO, IntervalStyle postgres, time zone UTC), not from the server.

mod number;
mod time;
mod vector;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use tokio_postgres::types::{FromSql, Kind, Type};

/// The text of a value, or why its bytes are no value of that type.
pub type Printed = Result<String, String>;

/// A value of any type with its bytes; `None` is NULL.
#[derive(Debug)]
pub struct Raw<'a>(pub Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Prints a binary value of this type.
pub fn print(ty: &Type, raw: &[u8]) -> Printed {
    if let Kind::Array(element) = ty.kind() {
        return array(element, raw);
    }
    match ty.name() {
        "bool" => fixed(raw).map(|[byte]| if byte == 0 { "f" } else { "t" }.to_owned()),
        "int2" => fixed(raw).map(|bytes| i16::from_be_bytes(bytes).to_string()),
        "int4" => fixed(raw).map(|bytes| i32::from_be_bytes(bytes).to_string()),
        "int8" => fixed(raw).map(|bytes| i64::from_be_bytes(bytes).to_string()),
        "oid" | "xid" => fixed(raw).map(|bytes| u32::from_be_bytes(bytes).to_string()),
        "float4" => fixed(raw).map(|bytes| number::float4(f32::from_be_bytes(bytes))),
        "float8" => fixed(raw).map(|bytes| number::float8(f64::from_be_bytes(bytes))),
        "numeric" => number::numeric(raw),
        "date" => fixed(raw).map(|bytes| time::date(i32::from_be_bytes(bytes))),
        "time" => fixed(raw).map(|bytes| time::clock(i64::from_be_bytes(bytes))),
        "timestamp" => fixed(raw).map(|bytes| time::timestamp(i64::from_be_bytes(bytes), "")),
        "timestamptz" => fixed(raw).map(|bytes| time::timestamp(i64::from_be_bytes(bytes), "+00")),
        "interval" => time::interval(raw),
        "uuid" => fixed(raw).map(uuid),
        "bytea" => Ok(format!("\\x{}", hex(raw))),
        "jsonb" => jsonb(raw),
        "vector" => vector::vector(raw),
        "halfvec" => vector::halfvec(raw),
        "sparsevec" => vector::sparsevec(raw),
        "bit" | "varbit" => vector::bits(raw),
        "void" => Ok(String::new()),
        "text" | "varchar" | "bpchar" | "name" | "char" | "json" | "unknown" => utf8(raw),
        other => Err(format!("no printer for type {other}")),
    }
}

fn fixed<const N: usize>(raw: &[u8]) -> Result<[u8; N], String> {
    raw.try_into().map_err(|_| format!("{} bytes where {N} belong", raw.len()))
}

/// Cuts `N` bytes off the front.
fn take<const N: usize>(raw: &mut &[u8]) -> Result<[u8; N], String> {
    let (head, rest) = raw.split_first_chunk::<N>().ok_or("the value ends too early")?;
    *raw = rest;
    Ok(*head)
}

fn utf8(raw: &[u8]) -> Printed {
    std::str::from_utf8(raw).map(str::to_owned).map_err(|error| error.to_string())
}

fn hex(raw: &[u8]) -> String {
    raw.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn uuid(bytes: [u8; 16]) -> String {
    let hex = hex(&bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn jsonb(raw: &[u8]) -> Printed {
    match raw.split_first() {
        Some((1, text)) => utf8(text),
        _ => Err("jsonb that is not version 1".to_owned()),
    }
}

/// One-dimensional and empty arrays; the tests use no others.
fn array(element: &Type, raw: &[u8]) -> Printed {
    let mut rest = raw;
    let dimensions = i32::from_be_bytes(take(&mut rest)?);
    let _has_null: [u8; 4] = take(&mut rest)?;
    let _element_oid: [u8; 4] = take(&mut rest)?;
    match dimensions {
        0 => return Ok("{}".to_owned()),
        1 => {}
        n => return Err(format!("an array of {n} dimensions")),
    }
    let count = i32::from_be_bytes(take(&mut rest)?);
    let _lower_bound: [u8; 4] = take(&mut rest)?;
    let mut cells = Vec::new();
    for _ in 0..count {
        let length = i32::from_be_bytes(take(&mut rest)?);
        let Ok(length) = usize::try_from(length) else {
            cells.push("NULL".to_owned());
            continue;
        };
        let (cell, after) = rest.split_at_checked(length).ok_or("an array ends too early")?;
        rest = after;
        cells.push(array_cell(&print(element, cell)?));
    }
    Ok(format!("{{{}}}", cells.join(",")))
}

/// Quotes an element where Postgres does.
fn array_cell(text: &str) -> String {
    let special = |c: char| c.is_ascii_whitespace() || "{},\"\\".contains(c);
    if !text.is_empty() && !text.eq_ignore_ascii_case("null") && !text.contains(special) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
