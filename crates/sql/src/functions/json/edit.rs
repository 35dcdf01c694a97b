//! jsonb from jsonb: `||`, `-`, `#-`, `jsonb_set`, `jsonb_strip_nulls`, `jsonb_pretty`.

use super::access::{by_path, one_json, path_type, textual};
use super::build::{Object, array, push_string};
use super::scan::{Elements, Kind, Members, plain};
use super::{json_argument, path_argument, texts};
use crate::functions::failure::fail;
use crate::functions::function::{Function, by_columns};
use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use cvx_types::{PgType, SqlState};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        Function::new("jsonb_concat", two, PgType::Jsonb, concat).strict().udf(),
        Function::new("jsonb_delete", delete_typing, PgType::Jsonb, delete).strict().udf(),
        Function::new("jsonb_delete_path", by_path, PgType::Jsonb, delete_path).strict().udf(),
        Function::new("jsonb_set", set_typing, PgType::Jsonb, set).strict().udf(),
        Function::new("jsonb_strip_nulls", one_json, PgType::Jsonb, |args| each(args, strip_nulls))
            .strict()
            .udf(),
        Function::new("jsonb_pretty", one_json, PgType::Text, |args| each(args, pretty))
            .strict()
            .udf(),
    ]
}

fn two(types: &[DataType]) -> Option<Vec<DataType>> {
    (types.len() == 2 && types.iter().all(textual)).then(|| vec![DataType::Utf8; 2])
}

fn each(args: &ScalarFunctionArgs, make: fn(&str) -> String) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let json = json_argument(args, columns, 0)?;
        let made = json.iter().map(|json| json.map(make));
        Ok(Arc::new(made.collect::<StringArray>()))
    })
}

fn concat(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let left = json_argument(args, columns, 0)?;
        let right = json_argument(args, columns, 1)?;
        let joined = left.iter().zip(right.iter()).map(|(a, b)| Some(join(a?, b?)));
        Ok(Arc::new(joined.collect::<StringArray>()))
    })
}

fn missing() -> datafusion::common::DataFusionError {
    fail(SqlState::INTERNAL_ERROR, "a json operator misses an argument")
}

/// Objects merge, the right one winning; anything else is put behind one another.
fn join(a: &str, b: &str) -> String {
    if (Kind::of(a), Kind::of(b)) == (Kind::Object, Kind::Object) {
        let mut object = Object::of(a);
        for (key, value) in Members::of(b) {
            object.set(&plain(key), value.to_owned());
        }
        return object.text();
    }
    array(listed(a).chain(listed(b)))
}

/// The elements of an array, or the value as the only one.
fn listed(json: &str) -> impl Iterator<Item = &str> {
    let is_array = Kind::of(json) == Kind::Array;
    let elements = is_array.then(|| Elements::of(json)).into_iter().flatten();
    elements.chain((!is_array).then_some(json))
}

fn delete_typing(types: &[DataType]) -> Option<Vec<DataType>> {
    match types {
        [json, place] if textual(json) && place.is_integer() => {
            Some(vec![DataType::Utf8, DataType::Int64])
        }
        [json, keys @ DataType::List(_)] if textual(json) => {
            Some(vec![DataType::Utf8, path_type(keys)?])
        }
        types => two(types),
    }
}

fn delete(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let [_, what] = columns else { return Err(missing()) };
        let json = json_argument(args, columns, 0)?;
        if what.data_type().is_integer() {
            let places = cast(what, &DataType::Int64)?;
            let places = places.as_primitive::<Int64Type>().iter();
            return collect(json.iter().zip(places).map(|(json, place)| match (json, place) {
                (Some(json), Some(place)) => without_place(json, place).map(Some),
                _ => Ok(None),
            }));
        }
        if let DataType::List(_) = what.data_type() {
            return by_lists(&json, what.as_list(), without_keys);
        }
        let keys = texts(what)?;
        collect(json.iter().zip(keys.iter()).map(|(json, key)| match (json, key) {
            (Some(json), Some(key)) => without_keys(json, &[key]).map(Some),
            _ => Ok(None),
        }))
    })
}

fn collect(rows: impl Iterator<Item = Result<Option<String>>>) -> Result<ArrayRef> {
    Ok(Arc::new(rows.collect::<Result<StringArray>>()?))
}

/// Runs `make` with each value and its list of texts.
fn by_lists(
    json: &StringArray,
    lists: &ListArray,
    make: impl Fn(&str, &[&str]) -> Result<String>,
) -> Result<ArrayRef> {
    collect(json.iter().enumerate().map(|(row, json)| {
        let Some(json) = json.filter(|_| lists.is_valid(row)) else { return Ok(None) };
        let steps = texts(&lists.value(row))?;
        make(json, &steps.iter().flatten().collect::<Vec<_>>()).map(Some)
    }))
}

fn without_keys(json: &str, keys: &[&str]) -> Result<String> {
    match Kind::of(json) {
        Kind::Object => {
            let mut object = Object::of(json);
            keys.iter().for_each(|key| object.remove(key));
            Ok(object.text())
        }
        Kind::Array => {
            let is_key = |element: &&str| {
                let raw = element.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'));
                raw.is_some_and(|raw| keys.contains(&plain(raw).as_ref()))
            };
            Ok(array(Elements::of(json).filter(|element| !is_key(element))))
        }
        _ => Err(fail(SqlState::INVALID_PARAMETER, "cannot delete from scalar")),
    }
}

fn without_place(json: &str, place: i64) -> Result<String> {
    let message = match Kind::of(json) {
        Kind::Array => {
            let gone = index(json, place);
            let kept = Elements::of(json).enumerate().filter(|(at, _)| Some(*at) != gone);
            return Ok(array(kept.map(|(_, element)| element)));
        }
        Kind::Object => "cannot delete from object using integer index",
        _ => "cannot delete from scalar",
    };
    Err(fail(SqlState::INVALID_PARAMETER, message))
}

/// The place of an element, counted from the end where negative.
fn index(json: &str, place: i64) -> Option<usize> {
    let count = Elements::of(json).count();
    match usize::try_from(place) {
        Ok(place) => (place < count).then_some(place),
        Err(_) => count.checked_sub(usize::try_from(place.unsigned_abs()).ok()?),
    }
}

fn delete_path(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let json = json_argument(args, columns, 0)?;
        by_lists(&json, &path_argument(args, columns, 1)?, |json, path| {
            if matches!(Kind::of(json), Kind::Object | Kind::Array) {
                return Ok(replaced(json, path, None, false));
            }
            Err(fail(SqlState::INVALID_PARAMETER, "cannot delete path in scalar"))
        })
    })
}

fn set_typing(types: &[DataType]) -> Option<Vec<DataType>> {
    let (path, rest) = match types {
        [json, path, value, rest @ ..] if textual(json) && textual(value) => (path, rest),
        _ => return None,
    };
    let create = match rest {
        [] => vec![],
        [create] if create == &DataType::Boolean || create.is_null() => vec![DataType::Boolean],
        _ => return None,
    };
    Some([vec![DataType::Utf8, path_type(path)?, DataType::Utf8], create].concat())
}

fn set(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let json = json_argument(args, columns, 0)?;
        let paths = path_argument(args, columns, 1)?;
        let values = json_argument(args, columns, 2)?;
        let create = columns.get(3).map(|create| create.as_boolean());
        collect((0..json.len()).map(|row| {
            let creates = create.is_none_or(|create| create.is_valid(row) && create.value(row));
            let told = create.is_none_or(|create| create.is_valid(row));
            if json.is_null(row) || values.is_null(row) || paths.is_null(row) || !told {
                return Ok(None);
            }
            let steps = texts(&paths.value(row))?;
            let steps: Vec<&str> = steps.iter().flatten().collect();
            Ok(Some(replaced(json.value(row), &steps, Some(values.value(row)), creates)))
        }))
    })
}

/// The value with what stands at the path replaced, or gone where there is nothing to put.
fn replaced(json: &str, path: &[&str], value: Option<&str>, create: bool) -> String {
    let Some((step, rest)) = path.split_first() else { return json.to_owned() };
    match Kind::of(json) {
        Kind::Object => replaced_member(json, step, rest, value, create),
        Kind::Array => replaced_element(json, step, rest, value, create),
        _ => json.to_owned(),
    }
}

fn replaced_member(
    json: &str,
    key: &str,
    rest: &[&str],
    value: Option<&str>,
    create: bool,
) -> String {
    let mut object = Object::of(json);
    match (rest.is_empty(), value) {
        (true, None) => object.remove(key),
        (true, Some(value)) if create || object.contains(key) => object.set(key, value.to_owned()),
        (true, Some(_)) => {}
        (false, _) => {
            if let Some(inner) = super::scan::member(json, key) {
                object.set(key, replaced(inner, rest, value, create));
            }
        }
    }
    object.text()
}

fn replaced_element(
    json: &str,
    step: &str,
    rest: &[&str],
    value: Option<&str>,
    create: bool,
) -> String {
    let Ok(place) = step.trim().parse::<i64>() else { return json.to_owned() };
    let mut elements: Vec<String> = Elements::of(json).map(str::to_owned).collect();
    let found = index(json, place).and_then(|at| Some((at, elements.get(at)?.clone())));
    match (found, rest.is_empty(), value) {
        (Some((at, _)), true, None) => drop(elements.remove(at)),
        (Some((at, _)), true, Some(value)) => value.clone_into(&mut elements[at]),
        (Some((at, inner)), false, _) => elements[at] = replaced(&inner, rest, value, create),
        (None, true, Some(value)) if create && place < 0 => elements.insert(0, value.to_owned()),
        (None, true, Some(value)) if create => elements.push(value.to_owned()),
        (None, ..) => {}
    }
    array(elements)
}

fn strip_nulls(json: &str) -> String {
    match Kind::of(json) {
        Kind::Object => {
            let mut object = Object::default();
            for (key, value) in Members::of(json).filter(|(_, v)| Kind::of(v) != Kind::Null) {
                object.set(&plain(key), strip_nulls(value));
            }
            object.text()
        }
        Kind::Array => array(Elements::of(json).map(strip_nulls)),
        _ => json.to_owned(),
    }
}

fn pretty(json: &str) -> String {
    let mut text = String::new();
    write_pretty(json, 0, &mut text);
    text
}

fn write_pretty(json: &str, depth: usize, text: &mut String) {
    let indent = |text: &mut String, depth| {
        text.push('\n');
        text.extend(std::iter::repeat_n("    ", depth));
    };
    match Kind::of(json) {
        Kind::Object => {
            text.push('{');
            for (at, (key, value)) in Members::of(json).enumerate() {
                text.push_str(if at > 0 { "," } else { "" });
                indent(text, depth + 1);
                push_string(&plain(key), text);
                text.push_str(": ");
                write_pretty(value, depth + 1, text);
            }
            indent(text, depth);
            text.push('}');
        }
        Kind::Array => {
            text.push('[');
            for (at, element) in Elements::of(json).enumerate() {
                text.push_str(if at > 0 { "," } else { "" });
                indent(text, depth + 1);
                write_pretty(element, depth + 1, text);
            }
            indent(text, depth);
            text.push(']');
        }
        _ => text.push_str(json),
    }
}
