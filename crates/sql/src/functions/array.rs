//! Arrays as Postgres measures and prints them: sizes are int4, and an empty array has none.

use super::codec;
use super::failure::fail;
use super::formats::formats_of;
use super::function::{Function, Kernel, by_columns, is_text, result};
use super::json::texts;
use arrow::array::{Array, ArrayRef, AsArray, Int32Array, Int64Array, ListArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Int32Type, Int64Type};
use cvx_types::{PgType, SqlState};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, Volatility,
};
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        by_dimension("array_length", |args| sizes(args, |length| (length > 0).then_some(length))),
        by_dimension("array_upper", |args| sizes(args, |length| (length > 0).then_some(length))),
        by_dimension("array_lower", |args| sizes(args, |length| (length > 0).then_some(1))),
        whole("array_ndims", |args| counts(args, |length| (length > 0).then_some(1))),
        Function::with_field("generate_subscripts", list_and_dimension, integers, subscripts)
            .strict()
            .udf(),
        whole("cardinality", |args| counts(args, Some)),
        Function::new("array_to_string", joining, PgType::Text, join)
            .alias("list_to_string")
            .alias("array_join")
            .alias("list_join")
            .volatility(Volatility::Stable)
            .udf(),
    ]
}

fn by_dimension(name: &'static str, kernel: Kernel) -> Arc<ScalarUDF> {
    Function::new(name, list_and_dimension, PgType::Int4, kernel).strict().udf()
}

fn whole(name: &'static str, kernel: Kernel) -> Arc<ScalarUDF> {
    Function::new(name, one_list, PgType::Int4, kernel).strict().udf()
}

/// Any list as a `List`.
fn list(ty: &DataType) -> Option<DataType> {
    match ty {
        DataType::List(_) | DataType::Null => Some(ty.clone()),
        DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            Some(DataType::List(Arc::clone(item)))
        }
        _ => None,
    }
}

fn one_list(types: &[DataType]) -> Option<Vec<DataType>> {
    let [ty] = types else { return None };
    Some(vec![list(ty)?])
}

fn list_and_dimension(types: &[DataType]) -> Option<Vec<DataType>> {
    match types {
        [ty, dimension] if dimension.is_integer() || dimension.is_null() => {
            Some(vec![list(ty)?, DataType::Int64])
        }
        _ => None,
    }
}

fn misused() -> DataFusionError {
    fail(SqlState::INTERNAL_ERROR, "an array function was called with other arguments than planned")
}

fn lengths(column: &ArrayRef) -> Vec<Option<i32>> {
    match column.as_list_opt::<i32>() {
        None => vec![None; column.len()],
        Some(list) => {
            (0..list.len()).map(|row| list.is_valid(row).then(|| list.value_length(row))).collect()
        }
    }
}

fn counts(args: &ScalarFunctionArgs, size: fn(i32) -> Option<i32>) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let column = columns.first().ok_or_else(misused)?;
        let sizes = lengths(column).into_iter().map(|length| length.and_then(size));
        Ok(Arc::new(sizes.collect::<Int32Array>()))
    })
}

/// Only the first dimension has a size: arrays of arrays are not kept.
fn sizes(args: &ScalarFunctionArgs, size: fn(i32) -> Option<i32>) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let [column, dimensions] = columns else { return Err(misused()) };
        let dimensions = cast(dimensions, &DataType::Int64)?;
        let dimensions: &Int64Array = dimensions.as_primitive::<Int64Type>();
        let rows = lengths(column).into_iter().zip(dimensions.iter());
        let sizes = rows.map(|(length, dimension)| match dimension? {
            1 => length.and_then(size),
            _ => None,
        });
        Ok(Arc::new(sizes.collect::<Int32Array>()))
    })
}

fn integers(_: &ReturnFieldArgs) -> Result<FieldRef> {
    result(&PgType::Array(Box::new(PgType::Int4)))
}

/// 1 to the length, for [`crate::types::lower`] to unnest.
fn subscripts(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let column = columns.first().ok_or_else(misused)?;
        let lists = lengths(column).into_iter().map(|length| Some((1..=length?).map(Some)));
        Ok(Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists)))
    })
}

fn joining(types: &[DataType]) -> Option<Vec<DataType>> {
    let (ty, texts) = types.split_first()?;
    let textual = |ty: &DataType| is_text(ty) || ty.is_null();
    let fits = (1..=2).contains(&texts.len()) && texts.iter().all(textual);
    let list = list(ty)?;
    fits.then(|| [vec![list], vec![DataType::Utf8; texts.len()]].concat())
}

fn join(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let settings = formats_of(args)?;
    let element = match args.arg_fields.first().map(|field| PgType::of_field(field).0) {
        Some(PgType::Array(element)) => *element,
        _ => PgType::Text,
    };
    by_columns(args, |columns, rows| {
        let (column, rest) = columns.split_first().ok_or_else(misused)?;
        let Some(lists): Option<&ListArray> = column.as_list_opt() else {
            return Ok(Arc::new(StringArray::new_null(rows)));
        };
        let rest = rest.iter().map(texts).collect::<Result<Vec<_>>>()?;
        let separators = rest.first().ok_or_else(misused)?;
        let joined = (0..rows).map(|row| {
            if lists.is_null(row) || separators.is_null(row) {
                return Ok(None);
            }
            let null = rest.get(1).filter(|null| null.is_valid(row)).map(|null| null.value(row));
            let texts = texts(&codec::print_column(&lists.value(row), &element, &settings)?)?;
            let shown: Vec<&str> = texts.iter().filter_map(|text| text.or(null)).collect();
            Ok(Some(shown.join(separators.value(row))))
        });
        Ok(Arc::new(joined.collect::<Result<StringArray>>()?))
    })
}
