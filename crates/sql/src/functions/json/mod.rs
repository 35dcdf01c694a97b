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
mod scan;

#[cfg(test)]
mod tests;

pub(crate) use aggregate::aggregates;

use super::failure::fail;
use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use cvx_types::SqlState;
use datafusion::common::Result;
use datafusion::logical_expr::ScalarUDF;
use scan::Kind;
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let mut all = access::functions();
    all.extend(containment::functions());
    all.extend(build::functions());
    all.extend(edit::functions());
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
