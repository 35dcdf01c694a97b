//! `st_distance` completed: what the query leaves open comes from the vector's column.
//!
//! A vector column's field says its table, that table's metric and time scale, and the moment in
//! force; the time column says whose time it is. Both travel with the columns through aliases,
//! views and common table expressions, so the rows' own time is found wherever the query lets it
//! through. Where it does not, `alpha < 1` needs `TS =>` (42P10).

use super::source::{AT_KEY, METRIC_KEY, TABLE_KEY, TAU_KEY, TIME_OF_KEY};
use crate::error::to_datafusion;
use cvx_types::{SqlError, SqlState};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan};
use std::collections::HashMap;

const NAME: &str = "st_distance";

/// Completes every call in a plan.
pub(super) fn fill(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| {
        let schema = match node.inputs().as_slice() {
            [] => return Ok(Transformed::no(node)),
            inputs => merge_schema(inputs),
        };
        node.map_expressions(|expr| {
            let name = expr.schema_name().to_string();
            let filled = expr.transform_up(|expr| fill_call(expr, &schema))?;
            if filled.transformed && !matches!(filled.data, Expr::Alias(_)) {
                return Ok(filled.update_data(|expr| named(expr, name)));
            }
            Ok(filled)
        })
    })
    .and_then(|transformed| transformed.data.recompute_schema())
}

/// A completed call keeps the name that parents refer to.
fn named(expr: Expr, name: String) -> Expr {
    if expr.schema_name().to_string() == name { expr } else { expr.alias(name) }
}

fn fill_call(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::ScalarFunction(mut call) = expr else { return Ok(Transformed::no(expr)) };
    if call.func.name() != NAME || call.args.len() != 8 {
        return Ok(Transformed::no(Expr::ScalarFunction(call)));
    }
    let vector = match &call.args[0] {
        Expr::Column(column) => Some(column.clone()),
        _ => None,
    };
    let metadata = vector.as_ref().and_then(|column| metadata_of(schema, column));
    let said = |key: &str| metadata.as_ref().and_then(|said| said.get(key));
    if is_null(&call.args[2]) {
        call.args[2] = literal(ScalarValue::Float64(Some(1.0)));
    }
    if is_null(&call.args[3])
        && let Some(at) = said(AT_KEY).and_then(|text| text.parse().ok())
    {
        let at = ScalarValue::TimestampMicrosecond(Some(at), Some("UTC".into()));
        call.args[3] = literal(at);
    }
    if is_null(&call.args[4])
        && let Some(tau) = said(TAU_KEY).and_then(|text| text.parse::<i64>().ok())
    {
        call.args[4] = literal(interval(tau));
    }
    if is_null(&call.args[5]) {
        let metric = said(METRIC_KEY).map_or("cosine", String::as_str);
        call.args[5] = literal(ScalarValue::Utf8(Some(metric.to_owned())));
    }
    if is_null(&call.args[7]) && !is_one(&call.args[2]) {
        let time = vector.as_ref().and_then(|column| time_of(schema, column, said(TABLE_KEY)?));
        call.args[7] = Expr::Column(time.ok_or_else(no_time)?);
    }
    Ok(Transformed::yes(Expr::ScalarFunction(call)))
}

fn metadata_of(schema: &DFSchema, column: &Column) -> Option<HashMap<String, String>> {
    let (_, field) = schema.qualified_field_from_column(column).ok()?;
    Some(field.metadata().clone())
}

/// The time column of the table that the vector comes from, under the same relation if it is there.
fn time_of(schema: &DFSchema, vector: &Column, table: &str) -> Option<Column> {
    let mut found: Vec<Column> = schema
        .iter()
        .filter(|(_, field)| field.metadata().get(TIME_OF_KEY).is_some_and(|of| of == table))
        .map(|(qualifier, field)| Column::new(qualifier.cloned(), field.name()))
        .collect();
    if found.len() > 1 {
        found.retain(|column| column.relation == vector.relation);
    }
    found.into_iter().next()
}

fn no_time() -> datafusion::error::DataFusionError {
    to_datafusion(
        SqlError::new(
            SqlState::INVALID_COLUMN_REFERENCE,
            "st_distance with ALPHA below 1 needs the rows' time",
        )
        .hint("Select the table's time column beside the vector, or say TS => expression."),
    )
}

fn interval(tau_us: i64) -> ScalarValue {
    let nanoseconds = tau_us.saturating_mul(1_000);
    ScalarValue::new_interval_mdn(0, 0, nanoseconds)
}

fn literal(value: ScalarValue) -> Expr {
    Expr::Literal(value, None)
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(value, _) if value.is_null())
}

fn is_one(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(ScalarValue::Float64(Some(alpha)), _) => *alpha == 1.0,
        Expr::Literal(ScalarValue::Int64(Some(alpha)), _) => *alpha == 1,
        _ => false,
    }
}
