//! `signature_distance(a, b, dimensions)`: how differently two paths went, from their signatures.
//!
//! Signatures are arrays of numbers; how many dimensions the paths had is not told by their length.

use crate::error::from_analytics;
use crate::functions::failure::{fail, raise};
use crate::functions::function::{Function, by_columns};
use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use cvx_analytics::{Signature, signature_distance};
use cvx_types::{PgType, SqlState};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use std::sync::Arc;

pub(crate) fn functions() -> Vec<Arc<ScalarUDF>> {
    let function = Function::new("signature_distance", typing, PgType::Float8, distances);
    vec![function.strict().udf()]
}

fn typing(types: &[DataType]) -> Option<Vec<DataType>> {
    let numbers = PgType::Array(Box::new(PgType::Float8)).arrow_type(-1);
    let list = |ty: &DataType| match ty {
        DataType::List(item) | DataType::FixedSizeList(item, _) => {
            item.data_type().is_numeric().then(|| numbers.clone())
        }
        DataType::Null => Some(numbers.clone()),
        _ => None,
    };
    match types {
        [a, b, dimensions] if dimensions.is_integer() || dimensions.is_null() => {
            Some(vec![list(a)?, list(b)?, DataType::Int64])
        }
        _ => None,
    }
}

fn distances(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_columns(args, |columns, rows| {
        let [a, b, dimensions] = columns else {
            return Err(fail(SqlState::INTERNAL_ERROR, "two signatures and their dimensions"));
        };
        let dimensions = dimensions.as_primitive::<Int64Type>();
        let distance = |row: usize| {
            if dimensions.is_null(row) {
                return Ok(None);
            }
            let dim = usize::try_from(dimensions.value(row)).unwrap_or(0);
            let (a, b) = (signature(a, row, dim)?, signature(b, row, dim)?);
            let (Some(a), Some(b)) = (a, b) else { return Ok(None) };
            signature_distance(&a, &b).map(Some).map_err(|error| raise(from_analytics(error)))
        };
        Ok(Arc::new((0..rows).map(distance).collect::<Result<Float64Array>>()?))
    })
}

fn signature(column: &ArrayRef, row: usize, dim: usize) -> Result<Option<Signature>> {
    let Some(list) = column.as_list_opt::<i32>().filter(|list| list.is_valid(row)) else {
        return Ok(None);
    };
    let values = list.value(row);
    let values = values.as_primitive::<Float64Type>();
    if values.null_count() > 0 {
        return Err(fail(SqlState("22004"), "a signature holds no NULL"));
    }
    let signature = Signature::of_values(dim, values.values());
    signature.map(Some).map_err(|error| raise(from_analytics(error)))
}
