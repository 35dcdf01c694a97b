//! `jsonb_array_elements`, `jsonb_array_elements_text`, `jsonb_object_keys`: lists here, which
//! [`crate::types::lower`] unnests where they are called as sets.

use super::access::one_json;
use super::json_argument;
use super::scan::{Elements, Kind, Members, as_text, plain};
use crate::functions::failure::fail;
use crate::functions::function::{Function, by_columns, result};
use arrow::array::{ListArray, ListBuilder, StringBuilder};
use arrow::datatypes::{DataType, Field, FieldRef};
use cvx_types::{PgType, SqlState};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF};
use std::borrow::Cow;
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        Function::with_field("jsonb_array_elements", one_json, json_list, |args| {
            lists(args, |json| Ok(elements(json)?.map(|json| Some(Cow::Borrowed(json))).collect()))
        })
        .alias("json_array_elements")
        .strict()
        .udf(),
        Function::with_field("jsonb_array_elements_text", one_json, text_list, |args| {
            lists(args, |json| Ok(elements(json)?.map(as_text).collect()))
        })
        .alias("json_array_elements_text")
        .strict()
        .udf(),
        Function::with_field("jsonb_object_keys", one_json, text_list, |args| lists(args, keys))
            .alias("json_object_keys")
            .strict()
            .udf(),
    ]
}

fn text_list(_: &ReturnFieldArgs) -> Result<FieldRef> {
    result(&PgType::Array(Box::new(PgType::Text)))
}

/// The element's field says jsonb, so that unnesting keeps the type.
fn json_list(_: &ReturnFieldArgs) -> Result<FieldRef> {
    let list = PgType::Array(Box::new(PgType::Jsonb)).field("", -1, true);
    Ok(Arc::new(list))
}

type Texts<'a> = Vec<Option<Cow<'a, str>>>;

fn lists(
    args: &ScalarFunctionArgs,
    list: for<'a> fn(&'a str) -> Result<Texts<'a>>,
) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let item = Arc::new(Field::new("item", DataType::Utf8, true));
        let mut builder = ListBuilder::new(StringBuilder::new()).with_field(item);
        for json in json_argument(args, columns, 0)?.iter() {
            if let Some(json) = json {
                for text in list(json)? {
                    builder.values().append_option(text);
                }
            }
            builder.append(json.is_some());
        }
        let lists: ListArray = builder.finish();
        Ok(Arc::new(lists))
    })
}

fn elements(json: &str) -> Result<Elements<'_>> {
    match Kind::of(json) {
        Kind::Array => Ok(Elements::of(json)),
        Kind::Object => {
            Err(fail(SqlState::INVALID_PARAMETER, "cannot extract elements from an object"))
        }
        _ => Err(fail(SqlState::INVALID_PARAMETER, "cannot extract elements from a scalar")),
    }
}

fn keys(json: &str) -> Result<Texts<'_>> {
    match Kind::of(json) {
        Kind::Object => Ok(Members::of(json).map(|(key, _)| Some(plain(key))).collect()),
        Kind::Array => {
            Err(fail(SqlState::INVALID_PARAMETER, "cannot call jsonb_object_keys on an array"))
        }
        _ => Err(fail(SqlState::INVALID_PARAMETER, "cannot call jsonb_object_keys on a scalar")),
    }
}
