//! Expressions that read no rows: literals by the short road, anything else by the planner.

use super::{Planner, StatementCx};
use crate::dml::assign;
use crate::error::from_datafusion;
use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{Schema, TimestampMicrosecondType};
use cvx_types::{PgType, Result, SqlError, SqlState};
use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr as LogicalExpr;
use datafusion::sql::sqlparser::ast::{Expr, UnaryOperator, Value};
use std::ops::ControlFlow;
use std::sync::Arc;

/// The text of a string literal.
pub(super) fn text_literal(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Some(text),
            _ => None,
        },
        Expr::Nested(inner) => text_literal(inner),
        _ => None,
    }
}

/// The microsecond a time expression means; while parameters have no values, any will do.
pub(super) fn timestamp(cx: &StatementCx<'_>, expr: &Expr) -> Result<i64> {
    if cx.params.values.is_none() && has_placeholder(expr) {
        return Ok(cx.now_us);
    }
    let array = constant(cx, expr, &PgType::Timestamptz, -1)?;
    let array = arrow::array::AsArray::as_primitive::<TimestampMicrosecondType>(&array);
    if array.is_null(0) {
        return Err(SqlError::new(SqlState::INVALID_PARAMETER, "a time clause cannot be NULL"));
    }
    Ok(array.value(0))
}

fn has_placeholder(expr: &Expr) -> bool {
    use datafusion::sql::sqlparser::ast::visit_expressions;
    let placeholder = |expr: &Expr| match super::placeholder(expr) {
        Some(_) => ControlFlow::Break(()),
        None => ControlFlow::Continue(()),
    };
    visit_expressions(expr, placeholder).is_break()
}

/// One value of the wanted type.
pub(super) fn constant(
    cx: &StatementCx<'_>,
    expr: &Expr,
    ty: &PgType,
    typmod: i32,
) -> Result<ArrayRef> {
    if let Some(array) = short_road(cx, expr, ty, typmod)? {
        return Ok(array);
    }
    let array = evaluate(cx, expr)?;
    assign(&array, ty, typmod, &cx.settings)
}

/// Literals and parameters need no planner.
fn short_road(
    cx: &StatementCx<'_>,
    expr: &Expr,
    ty: &PgType,
    typmod: i32,
) -> Result<Option<ArrayRef>> {
    match expr {
        Expr::Nested(inner) => short_road(cx, inner, ty, typmod),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match expr.as_ref() {
            Expr::Value(value) => match &value.value {
                Value::Number(text, _) => number(cx, &format!("-{text}"), ty, typmod),
                _ => Ok(None),
            },
            _ => Ok(None),
        },
        Expr::Value(value) => match &value.value {
            Value::Null => Ok(Some(new_null_array(&ty.arrow_type(typmod), 1))),
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => {
                cvx_types::parse_text(ty, typmod, text, &cx.settings).map(Some)
            }
            Value::Number(text, _) => number(cx, text, ty, typmod),
            Value::Placeholder(name) => match cx.params.value(name)? {
                Some(datum) => assign(&datum.value, ty, typmod, &cx.settings).map(Some),
                None => Ok(Some(new_null_array(&ty.arrow_type(typmod), 1))),
            },
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

/// A number literal read straight into a numeric type, so that NUMERIC keeps every digit.
fn number(cx: &StatementCx<'_>, text: &str, ty: &PgType, typmod: i32) -> Result<Option<ArrayRef>> {
    let whole = !text.contains(['.', 'e', 'E']);
    match ty {
        PgType::Numeric | PgType::Float8 | PgType::Float4 => {
            cvx_types::parse_text(ty, typmod, text, &cx.settings).map(Some)
        }
        PgType::Int2 | PgType::Int4 | PgType::Int8 if whole => {
            cvx_types::parse_text(ty, typmod, text, &cx.settings).map(Some)
        }
        _ => Ok(None),
    }
}

/// One value of whatever type the expression has. Sub-queries are not rows' business here.
fn evaluate(cx: &StatementCx<'_>, expr: &Expr) -> Result<ArrayRef> {
    let mut expr = expr.clone();
    let bound = crate::bind::Binder::new(cx).expression(&mut expr)?;
    let planner = Planner::new(cx, bound);
    let logical = planner.expr(expr, &DFSchema::empty())?;
    value_of(cx, logical)
}

/// An argument of a table function: a literal where it can be one.
pub(super) fn folded(cx: &StatementCx<'_>, expr: LogicalExpr) -> Result<LogicalExpr> {
    let array = value_of(cx, expr)?;
    let scalar =
        datafusion::common::ScalarValue::try_from_array(&array, 0).map_err(from_datafusion)?;
    Ok(LogicalExpr::Literal(scalar, None))
}

fn value_of(cx: &StatementCx<'_>, expr: LogicalExpr) -> Result<ArrayRef> {
    let empty = DFSchema::empty();
    let physical = cx.state.create_physical_expr(expr, &empty).map_err(from_datafusion)?;
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options)
        .map_err(|error| crate::error::from_arrow(&error))?;
    let value = physical.evaluate(&batch).map_err(from_datafusion)?;
    value.into_array(1).map_err(from_datafusion)
}
