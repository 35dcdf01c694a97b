//! `json` and `jsonb`: operators, constructors, aggregates.
//!
//! A jsonb value is kept as the text Postgres prints for it: keys sorted by length and bytes,
//! one space after colon and comma, strings escaped one way. So equal objects are equal texts,
//! and `->` is a slice of its argument, found by a scan that builds nothing. Numbers alone may
//! differ in text and be equal (`1.0`, `1.00`); `@>` compares them as numbers.
//!
//! I did consider parsing to a tree for each operator (serde_json): it loses the digits of
//! numerics, and costs an allocation for every node to answer one key.

mod access;
mod aggregate;
mod build;
mod containment;
mod edit;
mod elements;
mod scan;

#[cfg(test)]
mod tests;

pub(crate) use aggregate::aggregates;

use super::codec;
use super::failure::fail;
use super::formats::formats_of;
use super::function::is_text;
use arrow::array::{ArrayRef, AsArray, ListArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use cvx_types::{PgType, SqlState};
use datafusion::common::Result;
use datafusion::logical_expr::{ScalarFunctionArgs, ScalarUDF};
use scan::Kind;
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let mut all = access::functions();
    all.extend(containment::functions());
    all.extend(build::functions());
    all.extend(edit::functions());
    all.extend(elements::functions());
    all
}

/// A text column as `Utf8`, whichever way it was kept.
pub(crate) fn texts(column: &ArrayRef) -> Result<StringArray> {
    let column = match column.data_type() {
        DataType::Utf8 => Arc::clone(column),
        _ => cast(column, &DataType::Utf8)?,
    };
    Ok(column.as_string::<i32>().clone())
}

/// An argument that is JSON: as it is where its type says so, else read as jsonb. A constant the
/// planner was not asked about (`jsonb_typeof('[1]')`) arrives as plain text.
pub(super) fn json_argument(
    args: &ScalarFunctionArgs,
    columns: &[ArrayRef],
    at: usize,
) -> Result<StringArray> {
    let Some(column) = columns.get(at) else {
        return Err(fail(SqlState::INTERNAL_ERROR, "a json function misses an argument"));
    };
    let ty = args.arg_fields.get(at).map(|field| PgType::of_field(field).0);
    if matches!(ty, Some(PgType::Json | PgType::Jsonb)) {
        return texts(column);
    }
    texts(&codec::parse_column(column, &PgType::Jsonb, -1, &formats_of(args)?)?)
}

/// An argument that is a list of texts, or a constant in the form of one: `'{a,b}'`.
pub(super) fn path_argument(
    args: &ScalarFunctionArgs,
    columns: &[ArrayRef],
    at: usize,
) -> Result<ListArray> {
    let Some(column) = columns.get(at) else {
        return Err(fail(SqlState::INTERNAL_ERROR, "a json function misses an argument"));
    };
    let column = match is_text(column.data_type()) {
        false => Arc::clone(column),
        true => {
            let ty = PgType::Array(Box::new(PgType::Text));
            codec::parse_column(column, &ty, -1, &formats_of(args)?)?
        }
    };
    Ok(column.as_list().clone())
}

/// jsonb numbers and booleans as plain text, on their way to such a type; JSON null is NULL.
pub(crate) fn scalar_texts(column: &ArrayRef, target: &str) -> Result<ArrayRef> {
    let column = texts(column)?;
    let plain = column.iter().map(|json| match json {
        None => Ok(None),
        Some(json) => match Kind::of(json) {
            Kind::Null => Ok(None),
            Kind::Number | Kind::Bool => Ok(Some(json)),
            other => {
                let message = format!("cannot cast jsonb {} to type {target}", other.name());
                Err(fail(SqlState::INVALID_PARAMETER, message))
            }
        },
    });
    Ok(Arc::new(plain.collect::<Result<StringArray>>()?))
}
