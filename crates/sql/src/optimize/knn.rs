//! ORDER BY distance LIMIT k, recognised and handed to the table.
//!
//! ```text
//! Sort: distance(v, q), fetch = k          Projection
//!   Projection                        ─▶     Filter
//!     Filter                                   TableScan: the k nearest that pass the filter
//!       TableScan
//! ```
//!
//! The chain between may hold projections, aliases and filters of one table; the distance may be
//! hidden behind any of their names. Filters move into the search, so k rows come back if k
//! qualify. With further sort keys the Sort stays and the search returns ties of the k-th as well.
//! Refused: descending order, joins and aggregates below, volatile or sub-query conditions. What is
//! refused is still right: distances are then computed a column at a time and sorted.

use super::{ST_DISTANCE, metric_of};
use crate::plan::{KnnSpec, VersionedTable};
use cvx_core::{Metric, ValidTime};
use cvx_engine::{Composite, Decay};
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float32Type};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchemaRef, ScalarValue};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::Result;
use datafusion::logical_expr::expr_rewriter::unnormalize_col;
use datafusion::logical_expr::{Expr, LogicalPlan, Sort, SortExpr, TableScan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use std::sync::Arc;

#[derive(Debug, Default)]
pub struct NearestNeighbours;

impl OptimizerRule for NearestNeighbours {
    fn name(&self) -> &'static str {
        "nearest_neighbours"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Sort(sort) = plan else { return Ok(Transformed::no(plan)) };
        let Some(spec) = recognise(&sort) else {
            return Ok(Transformed::no(LogicalPlan::Sort(sort)));
        };
        let with_ties = spec.with_ties;
        let input = with_search(Arc::unwrap_or_clone(sort.input), &spec)?;
        if with_ties {
            return Ok(Transformed::yes(LogicalPlan::Sort(Sort {
                input: Arc::new(input),
                ..sort
            })));
        }
        Ok(Transformed::yes(input))
    }
}

/// What an expression is under its names.
fn unaliased(expr: &Expr) -> Expr {
    expr.clone().unalias_nested().data
}

/// The search that a Sort asks for, if it asks for one.
fn recognise(sort: &Sort) -> Option<KnnSpec> {
    let k = sort.fetch?;
    let SortExpr { expr, asc: true, nulls_first: false } = sort.expr.first()? else { return None };
    let mut chain = Chain { expr: expr.clone(), filters: Vec::new() };
    let scan = chain.follow(&sort.input)?;
    let source = versioned(scan)?;
    if source.is_knn() || scan.fetch.is_some() {
        return None;
    }
    chain.filters.extend(scan.filters.iter().cloned());
    if chain.filters.iter().any(|filter| filter.is_volatile() || has_subquery(filter)) {
        return None;
    }
    let filters = chain.filters.into_iter().map(unnormalize_col).collect();
    let with_ties = sort.expr.len() > 1;
    let key = unaliased(&unnormalize_col(chain.expr));
    spec_of(&source, &key, k, with_ties, filters)
}

fn versioned(scan: &TableScan) -> Option<VersionedTable> {
    let provider = source_as_provider(&scan.source).ok()?;
    provider.downcast_ref::<VersionedTable>().cloned()
}

fn has_subquery(expr: &Expr) -> bool {
    expr.exists(|expr| {
        Ok(matches!(
            expr,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::OuterReferenceColumn(_, _)
        ))
    })
    .unwrap_or(true)
}

/// The sort key and the conditions, rewritten step by step in terms of what lies below.
struct Chain {
    expr: Expr,
    filters: Vec<Expr>,
}

impl Chain {
    fn follow<'p>(&mut self, plan: &'p LogicalPlan) -> Option<&'p TableScan> {
        match plan {
            LogicalPlan::TableScan(scan) => Some(scan),
            LogicalPlan::Filter(filter) => {
                self.filters.push(filter.predicate.clone());
                self.follow(&filter.input)
            }
            LogicalPlan::Projection(projection) => {
                let exprs = projection.expr.iter().map(unaliased).collect();
                self.substitute(&projection.schema, exprs)?;
                self.follow(&projection.input)
            }
            LogicalPlan::SubqueryAlias(alias) => {
                let below = alias.input.schema();
                let exprs = below.columns().into_iter().map(Expr::Column).collect();
                self.substitute(&alias.schema, exprs)?;
                self.follow(&alias.input)
            }
            _ => None,
        }
    }

    fn substitute(&mut self, schema: &DFSchemaRef, exprs: Vec<Expr>) -> Option<()> {
        let replace = |expr: &Expr| {
            expr.clone()
                .transform(|node| match &node {
                    Expr::Column(column) => {
                        let index = schema.index_of_column(column)?;
                        Ok(Transformed::yes(exprs[index].clone()))
                    }
                    _ => Ok(Transformed::no(node)),
                })
                .ok()
                .map(|transformed| transformed.data)
        };
        self.expr = replace(&self.expr)?;
        self.filters = self.filters.iter().map(replace).collect::<Option<_>>()?;
        Some(())
    }
}

fn spec_of(
    source: &VersionedTable,
    expr: &Expr,
    k: usize,
    with_ties: bool,
    filters: Vec<Expr>,
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
        k,
        with_ties,
        composite,
        filters,
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
    let values = match expr {
        Expr::Literal(ScalarValue::FixedSizeList(list), _) if list.is_valid(0) => list.value(0),
        Expr::Literal(ScalarValue::List(list), _) if list.is_valid(0) => list.value(0),
        Expr::Literal(ScalarValue::Utf8(Some(text)), _) => {
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

/// The chain with its scan made a search.
fn with_search(plan: LogicalPlan, spec: &KnnSpec) -> Result<LogicalPlan> {
    let LogicalPlan::TableScan(scan) = plan else {
        let inputs = plan
            .inputs()
            .into_iter()
            .map(|input| with_search(input.clone(), spec))
            .collect::<Result<Vec<_>>>()?;
        return plan.with_new_exprs(plan.expressions(), inputs);
    };
    let Some(source) = versioned(&scan) else { return Ok(LogicalPlan::TableScan(scan)) };
    let source = provider_as_source(Arc::new(source.with_knn(spec.clone())));
    Ok(LogicalPlan::TableScan(TableScan { source, ..scan }))
}
