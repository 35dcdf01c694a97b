//! A distance expression as the search that ranks by it.

use super::chain::Conditions;
use crate::optimize::{ST_DISTANCE, metric_of};
use crate::plan::{KnnSpec, VersionedTable};
use cvx_core::{Metric, ValidTime};
use cvx_engine::{Composite, Decay};
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float32Type};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::Expr;

/// What a Sort asks for beside its key.
pub(super) struct Asked {
    pub(super) k: usize,
    pub(super) with_ties: bool,
    pub(super) grows: bool,
}

/// The search for this distance, if that is what the expression is.
pub(super) fn spec_of(
    source: &VersionedTable,
    expr: &Expr,
    asked: &Asked,
    conditions: Conditions,
) -> Option<KnnSpec> {
    let Expr::ScalarFunction(call) = expr else { return None };
    let (metric, composite) = match (metric_of(call.func.name()), call.func.name()) {
        (Some(metric), _) => (metric, None),
        (None, ST_DISTANCE) => composite_of(source, &call.args)?,
        _ => return None,
    };
    let (column, query) = operands(&call.args)?;
    let table = source.table();
    let column = table.column(&column.name)?;
    if column.dimension() != Some(query.len()) {
        return None;
    }
    Some(KnnSpec {
        column: column.id,
        column_name: column.name.clone(),
        query: query.into(),
        metric,
        k: asked.k,
        with_ties: asked.with_ties,
        composite,
        filters: conditions.inside,
        within: conditions.within,
        grows: asked.grows,
    })
}

/// The vector column and the query's numbers, in either order.
fn operands(args: &[Expr]) -> Option<(&Column, Vec<f32>)> {
    let (left, right) = (args.first()?, args.get(1)?);
    match (left, right) {
        (Expr::Column(column), query) => Some((column, numbers(query)?)),
        (query, Expr::Column(column)) => Some((column, numbers(query)?)),
        _ => None,
    }
}

fn numbers(expr: &Expr) -> Option<Vec<f32>> {
    match expr {
        Expr::Literal(value, _) => query_vector(value),
        _ => None,
    }
}

/// The numbers of a value that is a vector.
pub(crate) fn query_vector(value: &ScalarValue) -> Option<Vec<f32>> {
    let values = match value {
        ScalarValue::FixedSizeList(list) if list.is_valid(0) => list.value(0),
        ScalarValue::List(list) if list.is_valid(0) => list.value(0),
        ScalarValue::Utf8(Some(text)) => {
            let parsed = cvx_types::parse_text(
                &cvx_types::PgType::Vector,
                -1,
                text,
                &cvx_types::FormatSettings::default(),
            )
            .ok()?;
            parsed.as_list_opt::<i32>()?.value(0)
        }
        _ => return None,
    };
    // Halves are floats; a query of halves beside a column of floats is none to search with.
    let values = cast(&values, &DataType::Float32).ok()?;
    let floats = values.as_primitive_opt::<Float32Type>()?;
    (floats.null_count() == 0).then(|| floats.values().to_vec())
}

/// `st_distance`'s metric, and its composite part where alpha is below 1.
fn composite_of(source: &VersionedTable, args: &[Expr]) -> Option<(Metric, Option<Composite>)> {
    let [_, _, alpha, at, tau, metric, decay, ts] = args else { return None };
    let metric = metric_named(text(metric)?)?;
    let alpha = float(alpha)?;
    if alpha == 1.0 {
        return Some((metric, None));
    }
    let own_time = source.table().valid_time?;
    let time = source.table().column_by_id(own_time)?;
    if !matches!(ts, Expr::Column(column) if column.name == time.name) {
        return None;
    }
    let decay = match decay {
        Expr::Literal(value, _) if value.is_null() => Decay::Linear,
        other if text(other)? == "linear" => Decay::Linear,
        other if text(other)? == "exponential" => Decay::Exponential,
        _ => return None,
    };
    let composite = Composite::new(alpha, ValidTime(micros(at)?), tau_us(tau)?, decay).ok()?;
    Some((metric, Some(composite)))
}

/// A metric as options and `METRIC` name it.
pub(crate) fn metric_named(name: &str) -> Option<Metric> {
    Some(match name.to_ascii_lowercase().as_str() {
        "l2" | "euclidean" => Metric::L2,
        "cosine" => Metric::Cosine,
        "ip" | "inner_product" | "dot" => Metric::InnerProduct,
        "l1" | "manhattan" => Metric::L1,
        "poincare" => Metric::Poincare,
        _ => return None,
    })
}

fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(ScalarValue::Utf8(Some(text)), _) => Some(text),
        _ => None,
    }
}

fn float(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Literal(value, _) => match value.cast_to(&arrow::datatypes::DataType::Float64) {
            Ok(ScalarValue::Float64(number)) => number,
            _ => None,
        },
        _ => None,
    }
}

fn micros(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(ScalarValue::TimestampMicrosecond(us, _), _) => *us,
        _ => None,
    }
}

const DAY_US: f64 = 86_400e6;

/// An interval in microseconds, a month as 30 days.
fn tau_us(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(tau)), _) => Some(
            (f64::from(tau.months) * 30.0 + f64::from(tau.days)) * DAY_US
                + tau.nanoseconds as f64 / 1e3,
        ),
        _ => None,
    }
    .filter(|tau| *tau > 0.0)
}
