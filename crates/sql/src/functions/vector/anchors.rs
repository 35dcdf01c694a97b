//! `anchor_projection(vector, anchors [, along])`: a vector told by how near it is to each of some
//! others.
//!
//! The result is a vector of as many dimensions as there are anchors, so that every measure of a
//! way can be asked along them: `path_length(anchor_projection(v, anchors), ts)`. A zero vector has
//! no cosine, and NULL is the answer; an anchor without a direction is refused.

use super::column::{Vectors, VectorsBuilder, vector_argument};
use super::distance::distance_error;
use crate::error::from_analytics;
use crate::functions::codec;
use crate::functions::failure::{fail, raise};
use crate::functions::function::{Function, is_text, result};
use crate::functions::json::texts;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, FieldRef};
use cvx_analytics::{Along, Error, Rows, Trajectory, anchor_projection};
use cvx_types::{FormatSettings, PgType, SqlState};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF};
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![Function::with_field("anchor_projection", typing, a_vector, project).strict().udf()]
}

fn typing(types: &[DataType]) -> Option<Vec<DataType>> {
    let (vector, rest) = types.split_first()?;
    let (anchors, along) = rest.split_first()?;
    let along = match along {
        [] => Vec::new(),
        [ty] if is_text(ty) || ty.is_null() => vec![DataType::Utf8],
        _ => return None,
    };
    Some([vec![vector_argument(vector)?, list_of_vectors(anchors)?], along].concat())
}

/// Anchors are an array of vectors, or a text that spells one.
fn list_of_vectors(ty: &DataType) -> Option<DataType> {
    match ty {
        DataType::List(item) => vector_argument(item.data_type()).map(|_| ty.clone()),
        ty if is_text(ty) => Some(DataType::Utf8),
        DataType::Null => Some(DataType::Null),
        _ => None,
    }
}

fn a_vector(_: &ReturnFieldArgs) -> Result<FieldRef> {
    result(&PgType::Vector)
}

/// The vectors of an array, one behind the other.
#[derive(Debug)]
pub(crate) struct Anchors {
    values: Vec<f32>,
    dim: usize,
}

impl Anchors {
    /// The anchors in a row of a column of arrays; none where that is NULL.
    pub(crate) fn in_row(column: &ArrayRef, row: usize) -> Result<Option<Self>> {
        let Some(list) = column.as_list_opt::<i32>().filter(|list| list.is_valid(row)) else {
            return Ok(None);
        };
        let vectors = Vectors::from_array(&list.value(row))?;
        let (mut values, mut dim) = (Vec::new(), 0);
        for at in 0..list.value(row).len() {
            let vector =
                vectors.get(at).ok_or_else(|| fail(SqlState("22004"), "an anchor is NULL"))?;
            if at > 0 && vector.len() != dim {
                let message = format!("different vector dimensions {dim} and {}", vector.len());
                return Err(fail(SqlState::DATA_EXCEPTION, message));
            }
            dim = vector.len();
            values.extend_from_slice(vector);
        }
        if values.is_empty() {
            return Err(fail(SqlState::INVALID_PARAMETER, "there must be an anchor"));
        }
        Ok(Some(Self { values, dim }))
    }

    pub(crate) fn rows(&self) -> std::result::Result<Rows<'_>, Error> {
        Rows::new(&self.values, self.dim)
    }
}

/// `cosine` or `component`.
pub(crate) fn along_named(name: &str) -> Option<Along> {
    match name.trim().to_ascii_lowercase().as_str() {
        "cosine" => Some(Along::Cosine),
        "component" => Some(Along::Component),
        _ => None,
    }
}

pub(crate) const WRONG_ALONG: &str = "along must be cosine or component";

fn project(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let [vector, anchors, along @ ..] = args.args.as_slice() else {
        return Err(fail(SqlState::INTERNAL_ERROR, "a vector is projected on anchors"));
    };
    let vectors = Vectors::read(vector)?;
    // Anchors are mostly the same for all rows, and made once then.
    let constant = matches!(anchors, ColumnarValue::Scalar(_));
    let rows = args.number_rows;
    let lists = arrays(&anchors.to_array(if constant { 1 } else { rows })?)?;
    let fixed = if constant { Anchors::in_row(&lists, 0)? } else { None };
    let along = along.first().map(|along| along.to_array(rows)).transpose()?;
    let along = along.as_ref().map(texts).transpose()?;
    let mut out = VectorsBuilder::new(&PgType::Vector.arrow_type(-1), rows);
    for row in 0..rows {
        let known = along.as_ref().is_none_or(|along| along.is_valid(row));
        let own = if constant { None } else { Anchors::in_row(&lists, row)? };
        let (Some(vector), Some(anchors), true) =
            (vectors.get(row), fixed.as_ref().or(own.as_ref()), known)
        else {
            out.null();
            continue;
        };
        let name = along.as_ref().map_or("cosine", |along| along.value(row));
        let along =
            along_named(name).ok_or_else(|| fail(SqlState::INVALID_PARAMETER, WRONG_ALONG))?;
        match coordinates(vector, anchors, along)? {
            Some(coordinates) => out.push(coordinates)?,
            None => out.null(),
        }
    }
    Ok(ColumnarValue::Array(out.finish()?))
}

/// A text column as arrays of vectors.
fn arrays(column: &ArrayRef) -> Result<ArrayRef> {
    if !is_text(column.data_type()) {
        return Ok(Arc::clone(column));
    }
    let ty = PgType::Array(Box::new(PgType::Vector));
    codec::parse_column(column, &ty, -1, &FormatSettings::default())
}

/// None for a zero vector's cosine.
fn coordinates(vector: &[f32], anchors: &Anchors, along: Along) -> Result<Option<Vec<f32>>> {
    if along == Along::Cosine && vector.iter().all(|x| *x == 0.0) {
        return Ok(None);
    }
    let refused = |error: Error| match error {
        Error::Distance(error) => distance_error(error, "vector"),
        error => raise(from_analytics(error)),
    };
    let point = Trajectory::new(&[0], vector, vector.len().max(1)).map_err(refused)?;
    let rows = anchors.rows().map_err(refused)?;
    let found = anchor_projection(&point, &rows, along).map_err(refused)?;
    #[expect(clippy::cast_possible_truncation, reason = "a vector's numbers are f32")]
    let narrow: Vec<f32> = found.into_iter().map(|x| x as f32).collect();
    if narrow.iter().any(|x| !x.is_finite()) {
        let message = "a number of the result is out of range for a vector";
        return Err(fail(SqlState::NUMERIC_OUT_OF_RANGE, message));
    }
    Ok(Some(narrow))
}
