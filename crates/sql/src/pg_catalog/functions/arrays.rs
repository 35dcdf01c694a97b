//! Arrays as the catalog's queries take them apart: bounds, subscripts, numbered elements.
//!
//! `int2vector` and `oidvector` (told by the argument's mark) count from 0, other arrays from 1.

use super::call::{Arg, Call, INT, Returns, Spec, TEXT, error, text};
use crate::pg_catalog::quote;
use arrow::array::{ArrayRef, Int32Array, StructArray};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use cvx_types::SqlState;
use cvx_types::pg_type::PG_TYPE_KEY;
use datafusion::common::{Result, ScalarValue, internal_datafusion_err, plan_err};
use std::sync::Arc;

pub const FUNCTIONS: &[Spec] = &[
    Spec::new("array_upper", &[Arg::List, Arg::Int], INT, upper),
    Spec::new("array_lower", &[Arg::List, Arg::Int], INT, lower),
    Spec::new("cvx_subscripts", &[Arg::List, Arg::Int], INTS, subscripts),
    Spec::new("cvx_ordinals", &[Arg::List], INTS, ordinals),
    Spec::new("cvx_expandarray", &[Arg::List], PAIRS, expand),
    Spec::new("cvx_array_of", &[Arg::List], SAME, array_of).lenient(),
    Spec::new("cvx_coalesce", &[Arg::Any], FIRST_LIST, coalesce).variadic().lenient(),
    Spec::new("cvx_int2vector_text", &[Arg::List], TEXT, print),
    Spec::new("cvx_oidvector_text", &[Arg::List], TEXT, print),
];

const INTS: Returns = |_| Ok(list_field(DataType::Int32));

const SAME: Returns = |args| match args {
    [list] => Ok(list.as_ref().clone()),
    _ => plan_err!("an array is one list"),
};

/// An array where one is among the arguments, else the type of the first that has one.
const FIRST_LIST: Returns = |args| {
    let list = args.iter().find(|arg| matches!(arg.data_type(), DataType::List(_)));
    let typed = args.iter().find(|arg| !arg.data_type().is_null());
    match list.or(typed).or(args.first()) {
        Some(field) => Ok(field.as_ref().clone()),
        None => plan_err!("coalesce takes at least one argument"),
    }
};

/// As `information_schema._pg_expandarray`: records of the element `x` and its number `n`.
const PAIRS: Returns = |args| match args {
    [list] => match list.data_type() {
        DataType::List(item) => Ok(list_field(DataType::Struct(pair(item.data_type())))),
        other => plan_err!("_pg_expandarray takes an array, not {other}"),
    },
    _ => plan_err!("_pg_expandarray takes one array"),
};

fn list_field(item: DataType) -> Field {
    Field::new("", DataType::List(Arc::new(Field::new("item", item, true))), true)
}

fn pair(element: &DataType) -> Fields {
    let (x, n) = (Field::new("x", element.clone(), true), Field::new("n", DataType::Int32, true));
    Fields::from(vec![x, n])
}

/// Where an array's subscripts begin.
fn base(field: Option<&FieldRef>) -> i32 {
    let mark = field.and_then(|field| field.metadata().get(PG_TYPE_KEY));
    let vector = mark.is_some_and(|mark| mark == "int2vector" || mark == "oidvector");
    if vector { 0 } else { 1 }
}

/// First and last subscript in the dimension asked for; `None` where it has none.
fn bounds(call: &Call<'_>) -> Option<(i32, i32)> {
    let items = call.list(0)?;
    let length = i32::try_from(items.len()).ok().filter(|length| *length > 0)?;
    let first = base(call.fields.first());
    (call.int(1) == Some(1)).then_some((first, first + length - 1))
}

fn upper(call: &Call<'_>) -> Result<ScalarValue> {
    Ok(ScalarValue::Int32(bounds(call).map(|(_, last)| last)))
}

fn lower(call: &Call<'_>) -> Result<ScalarValue> {
    Ok(ScalarValue::Int32(bounds(call).map(|(first, _)| first)))
}

fn subscripts(call: &Call<'_>) -> Result<ScalarValue> {
    Ok(ints(bounds(call).into_iter().flat_map(|(first, last)| first..=last)))
}

fn ordinals(call: &Call<'_>) -> Result<ScalarValue> {
    let length = call.list(0).map_or(0, |items| items.len());
    Ok(ints(1..=i32::try_from(length).unwrap_or(i32::MAX)))
}

fn ints(values: impl Iterator<Item = i32>) -> ScalarValue {
    let values: Vec<ScalarValue> = values.map(|value| ScalarValue::Int32(Some(value))).collect();
    ScalarValue::List(ScalarValue::new_list(&values, &DataType::Int32, true))
}

fn expand(call: &Call<'_>) -> Result<ScalarValue> {
    let lost = || internal_datafusion_err!("an array that is not NULL has a list");
    let items: ArrayRef = call.list(0).ok_or_else(lost)?;
    let length = i32::try_from(items.len()).unwrap_or(i32::MAX);
    let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(1..=length));
    let pairs = StructArray::try_new(pair(items.data_type()), vec![items, numbers], None)?;
    Ok(ScalarValue::List(Arc::new(
        datafusion::common::utils::SingleRowListArrayBuilder::new(Arc::new(pairs))
            .build_list_array(),
    )))
}

/// `ARRAY(SELECT ...)` over the sub-query's `array_agg`: no rows are an empty array.
fn array_of(call: &Call<'_>) -> Result<ScalarValue> {
    match (call.values.first(), call.null.data_type()) {
        (Some(list), _) if !list.is_null() => Ok(list.clone()),
        (_, DataType::List(item)) => {
            Ok(ScalarValue::List(ScalarValue::new_list(&[], item.data_type(), true)))
        }
        (_, other) => plan_err!("ARRAY(SELECT ...) is no {other}"),
    }
}

/// `COALESCE` in which a string (`'{}'`) may stand for an array.
fn coalesce(call: &Call<'_>) -> Result<ScalarValue> {
    let Some(value) = call.values.iter().find(|value| !value.is_null()) else {
        return Ok(call.null.clone());
    };
    match (value, call.null.data_type()) {
        (ScalarValue::Utf8(Some(text)), DataType::List(item)) => {
            let wrong = || {
                let message = format!("malformed array literal: \"{text}\"");
                error(SqlState::INVALID_TEXT, message)
            };
            let elements = quote::array_elements(text).ok_or_else(wrong)?;
            let typed = elements
                .into_iter()
                .map(|element| ScalarValue::Utf8(element).cast_to(item.data_type()));
            let typed = typed.collect::<Result<Vec<_>>>()?;
            Ok(ScalarValue::List(ScalarValue::new_list(&typed, item.data_type(), true)))
        }
        (value, ty) => value.cast_to(&ty),
    }
}

/// As `int2vector` and `oidvector` print: numbers and spaces.
fn print(call: &Call<'_>) -> Result<ScalarValue> {
    let Some(items) = call.list(0) else { return Ok(call.null.clone()) };
    let number = |at| Ok(ScalarValue::try_from_array(&items, at)?.to_string());
    let numbers = (0..items.len()).map(number).collect::<Result<Vec<String>>>()?;
    Ok(text(numbers.join(" ")))
}
