//! `->`, `->>`, `#>`, `#>>` and what asks about a value: `jsonb_typeof`, `jsonb_array_length`.

use super::scan::{Elements, Kind, as_text, element, member, step};
use super::{json_argument, path_argument, texts};
use crate::functions::failure::fail;
use crate::functions::function::{Function, by_columns, is_text, result};
use arrow::array::{Array, ArrayRef, AsArray, Int32Array, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Int64Type};
use cvx_types::{PgType, SqlState};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF};
use std::borrow::Cow;
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        Function::with_field("json_get", by_key, same_json, get).strict().udf(),
        Function::new("json_get_text", by_key, PgType::Text, get_text).strict().udf(),
        Function::with_field("json_get_path", by_path, same_json, |args| path(args, false))
            .strict()
            .udf(),
        Function::new("json_get_path_text", by_path, PgType::Text, |args| path(args, true))
            .strict()
            .udf(),
        Function::with_field("jsonb_extract_path", by_keys, same_json, |args| keys(args, false))
            .alias("json_extract_path")
            .udf(),
        Function::new("jsonb_extract_path_text", by_keys, PgType::Text, |args| keys(args, true))
            .alias("json_extract_path_text")
            .udf(),
        Function::new("jsonb_typeof", one_json, PgType::Text, kinds)
            .alias("json_typeof")
            .strict()
            .udf(),
        Function::new("jsonb_array_length", one_json, PgType::Int4, lengths)
            .alias("json_array_length")
            .strict()
            .udf(),
    ]
}

/// A json value stays json; all else is jsonb.
pub(super) fn same_json(args: &ReturnFieldArgs) -> Result<FieldRef> {
    let is_json =
        args.arg_fields.first().is_some_and(|field| PgType::of_field(field).0 == PgType::Json);
    result(if is_json { &PgType::Json } else { &PgType::Jsonb })
}

pub(super) fn one_json(types: &[DataType]) -> Option<Vec<DataType>> {
    matches!(types, [ty] if textual(ty)).then(|| vec![DataType::Utf8])
}

pub(super) fn textual(ty: &DataType) -> bool {
    is_text(ty) || ty.is_null()
}

fn by_key(types: &[DataType]) -> Option<Vec<DataType>> {
    match types {
        [json, key] if textual(json) && key.is_integer() => {
            Some(vec![DataType::Utf8, DataType::Int64])
        }
        [json, key] if textual(json) && textual(key) => Some(vec![DataType::Utf8, DataType::Utf8]),
        _ => None,
    }
}

pub(super) fn text_list() -> DataType {
    PgType::Array(Box::new(PgType::Text)).arrow_type(-1)
}

pub(super) fn by_path(types: &[DataType]) -> Option<Vec<DataType>> {
    match types {
        [json, path] if textual(json) => Some(vec![DataType::Utf8, path_type(path)?]),
        _ => None,
    }
}

/// A list of texts, or a constant written as one.
pub(super) fn path_type(ty: &DataType) -> Option<DataType> {
    match ty {
        DataType::List(item) if textual(item.data_type()) => Some(text_list()),
        DataType::Null => Some(text_list()),
        ty => is_text(ty).then_some(DataType::Utf8),
    }
}

fn by_keys(types: &[DataType]) -> Option<Vec<DataType>> {
    (types.len() >= 2 && types.iter().all(textual)).then(|| vec![DataType::Utf8; types.len()])
}

/// The value, and what is asked of it.
fn two<'a>(
    args: &ScalarFunctionArgs,
    columns: &'a [ArrayRef],
) -> Result<(StringArray, &'a ArrayRef)> {
    let [_, other] = columns else {
        return Err(fail(SqlState::INTERNAL_ERROR, "a json operator takes two arguments"));
    };
    Ok((json_argument(args, columns, 0)?, other))
}

fn get_text(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let (json, key) = two(args, columns)?;
        let found = Keys::read(key)?;
        let texts =
            json.iter().enumerate().map(|(row, json)| found.get(json?, row).and_then(as_text));
        Ok(Arc::new(texts.collect::<StringArray>()))
    })
}

fn get(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let (json, key) = two(args, columns)?;
        let found = Keys::read(key)?;
        let values = json.iter().enumerate().map(|(row, json)| found.get(json?, row));
        Ok(Arc::new(values.collect::<StringArray>()))
    })
}

/// The right side of `->`: keys of objects, or places in arrays.
enum Keys {
    Names(StringArray),
    Places(Int64Array),
}

impl Keys {
    fn read(column: &ArrayRef) -> Result<Self> {
        if column.data_type().is_integer() {
            let places = cast(column, &DataType::Int64)?;
            return Ok(Self::Places(places.as_primitive::<Int64Type>().clone()));
        }
        Ok(Self::Names(texts(column)?))
    }

    fn get<'a>(&self, json: &'a str, row: usize) -> Option<&'a str> {
        match self {
            Self::Names(names) => member(json, names.is_valid(row).then(|| names.value(row))?),
            Self::Places(places) => element(json, places.is_valid(row).then(|| places.value(row))?),
        }
    }
}

fn path(args: &ScalarFunctionArgs, as_plain: bool) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let json = json_argument(args, columns, 0)?;
        let paths = path_argument(args, columns, 1)?;
        let values = json.iter().enumerate().map(|(row, json)| {
            let Some(json) = json.filter(|_| paths.is_valid(row)) else { return Ok(None) };
            let steps = texts(&paths.value(row))?;
            Ok(shaped(walk(json, steps.iter()), as_plain))
        });
        Ok(Arc::new(values.collect::<Result<StringArray>>()?))
    })
}

/// Follows steps; a NULL step leads nowhere.
pub(super) fn walk<'a, 's>(
    json: &'a str,
    mut steps: impl Iterator<Item = Option<&'s str>>,
) -> Option<&'a str> {
    steps.try_fold(json, |json, name| step(json, name?))
}

fn shaped(value: Option<&str>, as_plain: bool) -> Option<Cow<'_, str>> {
    if as_plain { value.and_then(as_text) } else { value.map(Cow::Borrowed) }
}

fn keys(args: &ScalarFunctionArgs, as_plain: bool) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let json = json_argument(args, columns, 0)?;
        let steps = columns.iter().skip(1).map(texts).collect::<Result<Vec<_>>>()?;
        let values = json.iter().enumerate().map(|(row, json)| {
            let names = steps.iter().map(|step| step.is_valid(row).then(|| step.value(row)));
            shaped(walk(json?, names), as_plain)
        });
        Ok(Arc::new(values.collect::<StringArray>()))
    })
}

fn kinds(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let json = json_argument(args, columns, 0)?;
        let names = json.iter().map(|json| json.map(|json| Kind::of(json).name()));
        Ok(Arc::new(names.collect::<StringArray>()))
    })
}

fn lengths(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let lengths = json_argument(args, columns, 0)?;
        let lengths = lengths.iter().map(|json| json.map(array_length).transpose());
        Ok(Arc::new(lengths.collect::<Result<Int32Array>>()?))
    })
}

fn array_length(json: &str) -> Result<i32> {
    match Kind::of(json) {
        Kind::Array => Ok(i32::try_from(Elements::of(json).count()).unwrap_or(i32::MAX)),
        Kind::Object => {
            Err(fail(SqlState::INVALID_PARAMETER, "cannot get array length of a non-array"))
        }
        _ => Err(fail(SqlState::INVALID_PARAMETER, "cannot get array length of a scalar")),
    }
}
