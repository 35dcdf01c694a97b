//! Columns of text read as a Postgres type, and written as text: [`cvx_types`]' forms.

use super::failure::{fail, raise};
use super::json::texts;
use arrow::array::{ArrayRef, StringBuilder};
use bytes::BytesMut;
use cvx_types::{ColumnBuilder, Encoder, Format, FormatSettings, PgType, SqlState};
use datafusion::common::Result;
use std::sync::Arc;

/// Every text as a value of this type.
pub(crate) fn parse_column(
    column: &ArrayRef,
    ty: &PgType,
    typmod: i32,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    let mut builder = ColumnBuilder::with_settings(ty, typmod, &Arc::new(settings.clone()));
    for text in texts(column)?.iter() {
        match text {
            Some(text) => builder.push_text(text).map_err(raise)?,
            None => builder.push_null(),
        }
    }
    Ok(builder.finish())
}

/// Every value's text.
pub(crate) fn print_column(
    column: &ArrayRef,
    ty: &PgType,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    let encoder = Encoder::of(ty, -1, column, Format::Text, settings).map_err(raise)?;
    let mut builder = StringBuilder::with_capacity(column.len(), column.len() * 16);
    let mut buffer = BytesMut::new();
    for row in 0..column.len() {
        buffer.clear();
        if !encoder.encode(row, &mut buffer).map_err(raise)? {
            builder.append_null();
            continue;
        }
        let text = std::str::from_utf8(&buffer)
            .map_err(|_| fail(SqlState::INTERNAL_ERROR, "a text form is not UTF-8"))?;
        builder.append_value(text);
    }
    Ok(Arc::new(builder.finish()))
}
