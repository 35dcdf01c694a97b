//! Results as people or programs read them. Rows are printed as they come: whatever the size of a
//! result, no more than a batch of it is held.

mod aligned;
mod expanded;
mod fault;
mod json;
mod text;
mod vector;

pub(crate) use aligned::{Aligned, table};
pub(crate) use expanded::Expanded;
pub(crate) use fault::report;
pub(crate) use json::Json;

use crate::wire::Row;
use std::io::{self, Write};

/// What a column's values are, as far as printing is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    Number,
    Boolean,
    Json,
    /// `vector` or `halfvec`: `[1,2,3]`.
    Vector,
    /// `{1:0.5}/3`.
    Sparse,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub name: String,
    pub shape: Shape,
}

impl Column {
    /// Whether values stand at the right of their column.
    fn is_right(&self) -> bool {
        self.shape == Shape::Number
    }
}

/// How results look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    pub format: Format,
    /// Whether vectors are shown whole.
    pub full_vectors: bool,
    /// Rows only, without names and counts.
    pub tuples_only: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Aligned,
    Expanded,
    Json,
}

/// Prints one result.
pub(crate) trait Printer {
    fn row(&mut self, row: Row, out: &mut dyn Write) -> io::Result<()>;

    /// After the last row.
    fn end(&mut self, out: &mut dyn Write) -> io::Result<()>;
}

pub(crate) fn printer(columns: Vec<Column>, style: Style) -> Box<dyn Printer> {
    match style.format {
        Format::Aligned => Box::new(Aligned::new(columns, style)),
        Format::Expanded => Box::new(Expanded::new(columns, style)),
        Format::Json => Box::new(Json::new(columns)),
    }
}

/// A value for reading: vectors shortened, NULL empty.
fn shown(value: Option<String>, column: &Column, style: Style) -> String {
    let text = value.unwrap_or_default();
    match column.shape {
        _ if style.full_vectors => text,
        Shape::Vector => vector::shortened(&text).unwrap_or(text),
        Shape::Sparse => vector::shortened_sparse(&text).unwrap_or(text),
        Shape::Text | Shape::Number | Shape::Boolean | Shape::Json => text,
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    pub(crate) const READING: Style =
        Style { format: Format::Aligned, full_vectors: false, tuples_only: false };

    pub(crate) fn columns(named: &[(&str, Shape)]) -> Vec<Column> {
        named
            .iter()
            .map(|(name, shape)| Column { name: (*name).to_owned(), shape: *shape })
            .collect()
    }

    pub(crate) fn row(values: &[&str]) -> Row {
        values.iter().map(|value| (*value != "NULL").then(|| (*value).to_owned())).collect()
    }

    /// What a printer prints of these rows.
    pub(crate) fn printed(mut printer: impl Printer, rows: &[&[&str]]) -> String {
        let mut out = Vec::new();
        for values in rows {
            printer.row(row(values), &mut out).unwrap();
        }
        printer.end(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }
}
