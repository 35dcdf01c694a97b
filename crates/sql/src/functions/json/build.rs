//! JSON from SQL values: `to_jsonb`, `jsonb_build_object`, `jsonb_build_array`.

use super::scan::{Elements, Members, plain};
use super::texts;
use crate::functions::codec;
use crate::functions::failure::{fail, raise};
use crate::functions::formats::formats_of;
use crate::functions::function::{Function, is_text};
use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray};
use arrow::datatypes::{DataType, Field};
use cvx_types::{FormatSettings, PgType, SqlError, SqlState};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        Function::new("to_jsonb", one, PgType::Jsonb, to_json).strict().udf(),
        Function::new("to_json", one, PgType::Json, to_json).strict().udf(),
        Function::new("jsonb_build_object", any, PgType::Jsonb, |args| objects(args, jsonb_object))
            .udf(),
        Function::new("json_build_object", any, PgType::Json, |args| objects(args, json_object))
            .udf(),
        Function::new("jsonb_build_array", any, PgType::Jsonb, arrays).udf(),
        Function::new("json_build_array", any, PgType::Json, arrays).udf(),
    ]
}

fn any(types: &[DataType]) -> Option<Vec<DataType>> {
    Some(types.to_vec())
}

fn one(types: &[DataType]) -> Option<Vec<DataType>> {
    (types.len() == 1).then(|| types.to_vec())
}

/// A string as JSON writes it, Postgres' way.
pub(super) fn push_string(text: &str, json: &mut String) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            c if c < ' ' => json.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => json.push(c),
        }
    }
    json.push('"');
}

fn string(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    push_string(text, &mut json);
    json
}

/// `[1, 2]`.
pub(super) fn array<S: AsRef<str>>(elements: impl IntoIterator<Item = S>) -> String {
    let mut json = String::from("[");
    for (at, element) in elements.into_iter().enumerate() {
        if at > 0 {
            json.push_str(", ");
        }
        json.push_str(element.as_ref());
    }
    json.push(']');
    json
}

/// A jsonb object: of equal keys the last, keys by length, then by bytes.
#[derive(Debug, Default)]
pub(super) struct Object(BTreeMap<(usize, String), String>);

impl Object {
    pub(super) fn of(json: &str) -> Self {
        let mut object = Self::default();
        for (key, value) in Members::of(json) {
            object.set(&plain(key), value.to_owned());
        }
        object
    }

    pub(super) fn set(&mut self, key: &str, value: String) {
        self.0.insert((key.len(), key.to_owned()), value);
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.0.remove(&(key.len(), key.to_owned()));
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        self.0.contains_key(&(key.len(), key.to_owned()))
    }

    pub(super) fn text(&self) -> String {
        let mut json = String::from("{");
        for (at, ((_, key), value)) in self.0.iter().enumerate() {
            if at > 0 {
                json.push_str(", ");
            }
            push_string(key, &mut json);
            json.push_str(": ");
            json.push_str(value);
        }
        json.push('}');
        json
    }
}

fn jsonb_object(members: Vec<(String, String)>) -> String {
    let mut object = Object::default();
    for (key, value) in members {
        object.set(&key, value);
    }
    object.text()
}

/// `{"a" : 1, "b" : 2}`, members as they came.
fn json_object(members: Vec<(String, String)>) -> String {
    let members = members.iter().map(|(key, value)| format!("{} : {value}", string(key)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
}

/// Every value of a column as JSON; SQL NULLs stay `None`.
pub(super) fn json_values(
    column: &ArrayRef,
    ty: &PgType,
    settings: &FormatSettings,
) -> Result<Vec<Option<String>>> {
    match (ty, column.data_type()) {
        (_, DataType::Null) => Ok(vec![None; column.len()]),
        (PgType::Json | PgType::Jsonb, _) => own(texts(column)?, str::to_owned),
        (_, text) if is_text(text) => own(texts(column)?, string),
        (PgType::Bool, _) => {
            let word = |b| if b { "true" } else { "false" };
            Ok(column.as_boolean().iter().map(|b| b.map(|b| word(b).to_owned())).collect())
        }
        (PgType::Array(element), DataType::List(_)) => lists(column.as_list(), element, settings),
        (ty, _) if is_number(ty) => own(printed(column, ty, settings)?, number),
        (PgType::Timestamp | PgType::Timestamptz, _) => {
            own(printed(column, ty, settings)?, |text| string(&iso(text)))
        }
        _ => own(printed(column, ty, settings)?, string),
    }
}

fn own(texts: StringArray, json: impl Fn(&str) -> String) -> Result<Vec<Option<String>>> {
    Ok(texts.iter().map(|text| text.map(&json)).collect())
}

fn printed(column: &ArrayRef, ty: &PgType, settings: &FormatSettings) -> Result<StringArray> {
    texts(&codec::print_column(column, ty, settings)?)
}

fn is_number(ty: &PgType) -> bool {
    use PgType::{Float4, Float8, Int2, Int4, Int8, Numeric};
    matches!(ty, Int2 | Int4 | Int8 | Float4 | Float8 | Numeric)
}

/// NaN and the infinities are no JSON numbers; they are quoted.
fn number(text: &str) -> String {
    if text.ends_with(|c: char| c.is_ascii_digit()) { text.to_owned() } else { string(text) }
}

/// `2024-01-01 00:00:00+00` as ISO 8601 has it: a `T`, and minutes in the zone.
fn iso(text: &str) -> String {
    let text = text.replacen(' ', "T", 1);
    let short_zone = text.len() > 3 && matches!(text.as_bytes()[text.len() - 3], b'+' | b'-');
    if short_zone && text.contains('T') && text.contains(':') { text + ":00" } else { text }
}

fn lists(
    lists: &ListArray,
    element: &PgType,
    settings: &FormatSettings,
) -> Result<Vec<Option<String>>> {
    let row = |row: usize| {
        if lists.is_null(row) {
            return Ok(None);
        }
        let values = json_values(&lists.value(row), element, settings)?;
        Ok(Some(array(values.into_iter().map(or_null))))
    };
    (0..lists.len()).map(row).collect()
}

pub(super) fn or_null(json: Option<String>) -> String {
    json.unwrap_or_else(|| "null".to_owned())
}

/// Every argument's values as JSON, column by column.
fn argument_values(args: &ScalarFunctionArgs, rows: usize) -> Result<Vec<Vec<Option<String>>>> {
    let settings = formats_of(args)?;
    let pairs = args.args.iter().zip(&args.arg_fields);
    pairs.map(|(value, field)| values_of(value, field, rows, &settings)).collect()
}

fn values_of(
    value: &ColumnarValue,
    field: &Field,
    rows: usize,
    settings: &FormatSettings,
) -> Result<Vec<Option<String>>> {
    json_values(&value.to_array(rows)?, &PgType::of_field(field).0, settings)
}

/// Runs `make` for each row; constants alone make one value.
fn by_rows(
    args: &ScalarFunctionArgs,
    make: impl Fn(usize, &[Vec<Option<String>>]) -> Result<Option<String>>,
) -> Result<ColumnarValue> {
    let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
    let rows = if constant { 1 } else { args.number_rows };
    let values = argument_values(args, rows)?;
    let made: StringArray = (0..rows).map(|row| make(row, &values)).collect::<Result<_>>()?;
    if constant {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&made, 0)?));
    }
    Ok(ColumnarValue::Array(Arc::new(made)))
}

fn at(values: &[Option<String>], row: usize) -> Option<String> {
    values.get(row).cloned().flatten()
}

fn to_json(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_rows(args, |row, values| Ok(values.first().and_then(|values| at(values, row))))
}

fn arrays(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_rows(args, |row, values| {
        Ok(Some(array(values.iter().map(|values| or_null(at(values, row))))))
    })
}

fn objects(
    args: &ScalarFunctionArgs,
    write: fn(Vec<(String, String)>) -> String,
) -> Result<ColumnarValue> {
    if !args.args.len().is_multiple_of(2) {
        let message = "argument list must have even number of elements";
        let hint =
            "The arguments of jsonb_build_object() must consist of alternating keys and values.";
        return Err(raise(SqlError::new(SqlState::INVALID_PARAMETER, message).hint(hint)));
    }
    by_rows(args, |row, values| {
        let members = values.chunks(2).enumerate().map(|(pair, chunk)| match chunk {
            [keys, values] => Ok((key(at(keys, row), pair)?, or_null(at(values, row)))),
            _ => Err(fail(SqlState::INTERNAL_ERROR, "a key without a value")),
        });
        Ok(Some(write(members.collect::<Result<Vec<_>>>()?)))
    })
}

/// A key's plain text, from its JSON.
fn key(json: Option<String>, pair: usize) -> Result<String> {
    let Some(json) = json else {
        let message = format!("argument {}: key must not be null", pair * 2 + 1);
        return Err(fail(SqlState::INVALID_PARAMETER, message));
    };
    if Elements::of(&json).next().is_some() || json.starts_with(['{', '[']) {
        let message = "key value must be scalar, not array, composite, or json";
        return Err(fail(SqlState::INVALID_PARAMETER, message));
    }
    Ok(super::scan::as_text(&json).unwrap_or_default().into_owned())
}
