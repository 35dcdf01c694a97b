//! `st_distance` completed: what the query leaves open comes from the vector's column.
//!
//! A vector column's field says its table, that table's metric and time scale, and the moment in
//! force; the time column says whose time it is. Both travel with the columns through aliases,
//! views and common table expressions. Where one of those selects the vector without its time, the
//! time is brought up beside it ([`time`]). Behind an aggregate, DISTINCT or a UNION a row has no
//! time of its own, and `alpha < 1` needs `TS =>` (42P10).

mod time;

use super::source::{AT_KEY, METRIC_KEY, TABLE_KEY, TAU_KEY, TIME_OF_KEY};
use crate::error::to_datafusion;
use cvx_types::{SqlError, SqlState};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection};
use std::collections::HashMap;
use std::sync::Arc;

const NAME: &str = "st_distance";

/// Completes every call in a plan; `now_us` is the moment to measure from where nothing says one.
pub(super) fn fill(plan: LogicalPlan, now_us: i64) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| fill_node(node, now_us))
        .and_then(|transformed| transformed.data.recompute_schema())
}

fn fill_node(node: LogicalPlan, now_us: i64) -> Result<Transformed<LogicalPlan>> {
    if !calls(&node)? {
        return Ok(Transformed::no(node));
    }
    let columns = node.schema().columns();
    let shows_input = !matches!(node, LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_));
    let (node, exposed) = exposing(node)?;
    let schema = match node.inputs().as_slice() {
        [] => return Ok(Transformed::no(node)),
        inputs => merge_schema(inputs),
    };
    let filler = Filler { schema, exposed, now_us };
    let filled = node.map_expressions(|expr| {
        let name = expr.schema_name().to_string();
        let filled = expr.transform_up(|expr| filler.call(expr))?;
        if filled.transformed && !matches!(filled.data, Expr::Alias(_)) {
            return Ok(filled.update_data(|expr| named(expr, name)));
        }
        Ok(filled)
    })?;
    if filler.exposed.is_empty() || !shows_input {
        return Ok(filled);
    }
    // What was brought up from below for the calls goes no further.
    filled.map_data(|node| {
        let columns = columns.into_iter().map(Expr::Column).collect();
        let node = Arc::new(node.recompute_schema()?);
        Ok(LogicalPlan::Projection(Projection::try_new(columns, node)?))
    })
}

/// Whether a node calls st_distance.
fn calls(node: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    node.apply_expressions(|expr| {
        found |= expr.exists(|expr| Ok(open_call(expr).is_some()))?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

/// The arguments of a call in the form that the binder gives it.
fn open_call(expr: &Expr) -> Option<&[Expr]> {
    match expr {
        Expr::ScalarFunction(call) if call.func.name() == NAME && call.args.len() == 8 => {
            Some(&call.args)
        }
        _ => None,
    }
}

/// The times of vectors whose tables do not show them, brought up from below.
type Exposed = Vec<(Column, Column)>;

/// A node of one input, its input showing the times that its calls lack.
fn exposing(node: LogicalPlan) -> Result<(LogicalPlan, Exposed)> {
    let mut exposed = Exposed::new();
    let [input] = node.inputs()[..] else { return Ok((node, exposed)) };
    let mut input = input.clone();
    for vector in timeless(&node)? {
        if let Some((showing, time)) = time::exposed(&input, &vector)? {
            input = showing;
            exposed.push((vector, time));
        }
    }
    if exposed.is_empty() {
        return Ok((node, exposed));
    }
    let node = node.with_new_exprs(node.expressions(), vec![input])?;
    Ok((node, exposed))
}

/// The vectors of calls that need a time which their input does not show.
fn timeless(node: &LogicalPlan) -> Result<Vec<Column>> {
    let schema = merge_schema(&node.inputs());
    let mut found = Vec::new();
    node.apply_expressions(|expr| {
        expr.apply(|expr| {
            if let Some([Expr::Column(vector), _, alpha, .., ts]) = open_call(expr)
                && is_null(ts)
                && !is_null(alpha)
                && !is_one(alpha)
                && !found.contains(vector)
                && let Some(metadata) = metadata_of(&schema, vector)
                && let Some(table) = metadata.get(TABLE_KEY)
                && time_of(&schema, vector, table).is_none()
            {
                found.push(vector.clone());
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(found)
}

/// A completed call keeps the name that parents refer to.
fn named(expr: Expr, name: String) -> Expr {
    if expr.schema_name().to_string() == name { expr } else { expr.alias(name) }
}

/// What a node's calls are completed from.
struct Filler {
    schema: DFSchema,
    exposed: Exposed,
    now_us: i64,
}

impl Filler {
    fn call(&self, expr: Expr) -> Result<Transformed<Expr>> {
        if open_call(&expr).is_none() {
            return Ok(Transformed::no(expr));
        }
        let Expr::ScalarFunction(mut call) = expr else { return Ok(Transformed::no(expr)) };
        let vector = match &call.args[0] {
            Expr::Column(column) => Some(column.clone()),
            _ => None,
        };
        let metadata = vector.as_ref().and_then(|column| metadata_of(&self.schema, column));
        let said = |key: &str| metadata.as_ref().and_then(|said| said.get(key));
        if is_null(&call.args[2]) {
            call.args[2] = literal(ScalarValue::Float64(Some(1.0)));
        }
        if is_null(&call.args[3]) {
            let at = said(AT_KEY).and_then(|text| text.parse().ok()).unwrap_or(self.now_us);
            call.args[3] = literal(ScalarValue::TimestampMicrosecond(Some(at), Some("UTC".into())));
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
            let time = vector.as_ref().and_then(|column| self.time(column, said(TABLE_KEY)?));
            call.args[7] = Expr::Column(time.ok_or_else(no_time)?);
        }
        Ok(Transformed::yes(Expr::ScalarFunction(call)))
    }

    fn time(&self, vector: &Column, table: &str) -> Option<Column> {
        let brought = self.exposed.iter().find(|(of, _)| of == vector);
        let brought = brought.map(|(_, time)| time.clone());
        brought.or_else(|| time_of(&self.schema, vector, table))
    }
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
        Expr::Literal(ScalarValue::Decimal128(Some(alpha), _, scale), _) => {
            u32::try_from(*scale).is_ok_and(|scale| 10_i128.checked_pow(scale) == Some(*alpha))
        }
        _ => false,
    }
}
