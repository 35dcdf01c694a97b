//! `pg_get_keywords()`: its columns as lists, which the rewriting unnests side by side.

use super::call::{Arg, BOOLS, Call, Spec, TEXTS, error};
use crate::pg_catalog::keywords::{Keyword, keywords};
use arrow::datatypes::DataType;
use cvx_types::SqlState;
use datafusion::common::{Result, ScalarValue};

pub const FUNCTIONS: &[Spec] = &[
    Spec::new("cvx_keywords", &[Arg::Text], TEXTS, texts),
    Spec::new("cvx_keyword_labels", &[], BOOLS, labels),
];

/// The columns that are texts, by their names.
fn texts(call: &Call<'_>) -> Result<ScalarValue> {
    let column: fn(&Keyword) -> &'static str = match call.text(0) {
        Some("word") => |keyword| keyword.word,
        Some("catcode") => |keyword| keyword.category,
        Some("catdesc") => Keyword::described,
        Some("baredesc") => Keyword::label_described,
        _ => {
            let message = "no such column of pg_get_keywords()".to_owned();
            return Err(error(SqlState::INVALID_PARAMETER, message));
        }
    };
    Ok(list(keywords().iter().map(|keyword| ScalarValue::from(column(keyword))), &DataType::Utf8))
}

fn labels(_: &Call<'_>) -> Result<ScalarValue> {
    let labels = keywords().iter().map(|keyword| ScalarValue::from(keyword.bare_label));
    Ok(list(labels, &DataType::Boolean))
}

fn list(values: impl Iterator<Item = ScalarValue>, ty: &DataType) -> ScalarValue {
    let values: Vec<ScalarValue> = values.collect();
    ScalarValue::List(ScalarValue::new_list(&values, ty, true))
}
