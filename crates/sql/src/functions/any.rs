//! `cvx_any(x, array)`, which is `x = ANY (array)` with an array whose type is x's.
//!
//! Planning turns it into an IN list where the array is a constant (DataFusion hashes those), and
//! into `array_has` where it is not: see [`crate::types::PgRewrite`]. So it is never run.

use super::codec;
use super::failure::fail;
use super::formats::formats;
use super::function::{Function, is_text};
use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use cvx_types::{PgType, SqlState};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use std::sync::Arc;

pub(crate) const NAME: &str = "cvx_any";

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![Function::new(NAME, typing, PgType::Bool, never_run).udf()]
}

fn typing(types: &[DataType]) -> Option<Vec<DataType>> {
    match types {
        [_, DataType::List(_) | DataType::Null] => Some(types.to_vec()),
        [_, text] if is_text(text) => Some(types.to_vec()),
        _ => None,
    }
}

fn never_run(_: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    Err(fail(SqlState::INTERNAL_ERROR, "cvx_any was not planned"))
}

/// The elements of a constant array of this type; `None` where the array is NULL.
pub(crate) fn elements(
    array: &ScalarValue,
    element: &PgType,
    options: &ConfigOptions,
) -> Result<Option<Vec<ScalarValue>>> {
    let column = array.to_array_of_size(1)?;
    let column = match is_text(column.data_type()) {
        false => column,
        true => {
            let ty = PgType::Array(Box::new(element.clone()));
            codec::parse_column(&column, &ty, -1, &formats(options)?)?
        }
    };
    if column.is_null(0) || column.data_type() == &DataType::Null {
        return Ok(None);
    }
    let values = column.as_list::<i32>().value(0);
    let elements = (0..values.len()).map(|at| ScalarValue::try_from_array(&values, at));
    elements.collect::<Result<Vec<_>>>().map(Some)
}
