//! `=`, `@>`, `<@`, `?`, `?|`, `?&`.

use super::access::{by_path, textual};
use super::scan::{Elements, Kind, Members, member, plain};
use super::{json_argument, path_argument, texts};
use crate::functions::function::{Function, Kernel, Typing, by_columns};
use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::datatypes::DataType;
use cvx_types::PgType;
use cvx_types::forms::json::equal;
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        asks("jsonb_contains", two_texts, |args| by_pairs(args, contains)),
        asks("jsonb_contained", two_texts, |args| by_pairs(args, |a, b| contains(b, a))),
        asks("jsonb_eq", two_texts, |args| by_pairs(args, equal)),
        asks("jsonb_ne", two_texts, |args| by_pairs(args, |a, b| !equal(a, b))),
        asks("jsonb_exists", two_texts, has_key),
        asks("jsonb_exists_any", by_path, |args| {
            by_lists(args, |json, keys| keys.iter().any(|key| exists(json, key)))
        }),
        asks("jsonb_exists_all", by_path, |args| {
            by_lists(args, |json, keys| keys.iter().all(|key| exists(json, key)))
        }),
    ]
}

fn asks(name: &'static str, typing: Typing, kernel: Kernel) -> Arc<ScalarUDF> {
    Function::new(name, typing, PgType::Bool, kernel).strict().udf()
}

fn two_texts(types: &[DataType]) -> Option<Vec<DataType>> {
    (types.len() == 2 && types.iter().all(textual)).then(|| vec![DataType::Utf8; 2])
}

fn by_pairs(args: &ScalarFunctionArgs, asks: fn(&str, &str) -> bool) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let left = json_argument(args, columns, 0)?;
        let right = json_argument(args, columns, 1)?;
        let answers = left.iter().zip(right.iter()).map(|(a, b)| Some(asks(a?, b?)));
        Ok(Arc::new(answers.collect::<BooleanArray>()))
    })
}

fn has_key(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let json = json_argument(args, columns, 0)?;
        let keys = columns.get(1).map(texts).transpose()?;
        let keys = keys.iter().flat_map(|keys| keys.iter());
        let answers = json.iter().zip(keys).map(|(json, key)| Some(exists(json?, key?)));
        Ok(Arc::new(answers.collect::<BooleanArray>()))
    })
}

fn by_lists(args: &ScalarFunctionArgs, asks: fn(&str, &[&str]) -> bool) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let json = json_argument(args, columns, 0)?;
        let lists = path_argument(args, columns, 1)?;
        let answers = json.iter().enumerate().map(|(row, json)| {
            let Some(json) = json.filter(|_| lists.is_valid(row)) else { return Ok(None) };
            let keys: ArrayRef = lists.value(row);
            let keys = texts(&keys)?;
            Ok(Some(asks(json, &keys.iter().flatten().collect::<Vec<_>>())))
        });
        Ok(Arc::new(answers.collect::<Result<BooleanArray>>()?))
    })
}

/// A key of the object, a string in the array, or the string itself.
fn exists(json: &str, key: &str) -> bool {
    match Kind::of(json) {
        Kind::Object => member(json, key).is_some(),
        Kind::Array => Elements::of(json).any(|element| is_string(element, key)),
        Kind::String => is_string(json, key),
        Kind::Number | Kind::Bool | Kind::Null => false,
    }
}

fn is_string(json: &str, wanted: &str) -> bool {
    let raw = json.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'));
    raw.is_some_and(|raw| plain(raw) == wanted)
}

/// Postgres' `@>`: every member and every element of `b` is found in `a`, at the same level. An
/// array contains a bare scalar, nothing else crosses kinds.
pub(super) fn contains(a: &str, b: &str) -> bool {
    match (Kind::of(a), Kind::of(b)) {
        (Kind::Array, kind) if !matches!(kind, Kind::Array | Kind::Object) => {
            Elements::of(a).any(|element| same_scalar(element, b))
        }
        _ => within(a, b),
    }
}

fn within(a: &str, b: &str) -> bool {
    match (Kind::of(a), Kind::of(b)) {
        (Kind::Object, Kind::Object) => Members::of(b)
            .all(|(key, wanted)| member(a, &plain(key)).is_some_and(|found| within(found, wanted))),
        (Kind::Array, Kind::Array) => {
            Elements::of(b).all(|wanted| Elements::of(a).any(|element| within(element, wanted)))
        }
        (Kind::Object | Kind::Array, _) | (_, Kind::Object | Kind::Array) => false,
        _ => same_scalar(a, b),
    }
}

fn same_scalar(a: &str, b: &str) -> bool {
    let (kind, a, b) = (Kind::of(a), a.trim(), b.trim());
    kind == Kind::of(b) && (a == b || kind == Kind::Number && digits(a) == digits(b))
}

/// A number's text without what does not change it: `1.50` and `1.5` are one.
fn digits(number: &str) -> &str {
    let trimmed = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    };
    if trimmed == "-0" { "0" } else { trimmed }
}
