//! LATERAL: a join with a sub-query of the left side's rows, as lists of records unnested.

use super::run::{Answer, SubqueryFunction};
use super::{is_ours, outer_columns, resolve};
use datafusion::common::{Column, DFSchema, Result, UnnestOptions};
use datafusion::execution::SessionState;
use datafusion::functions::core::expr_ext::FieldAccessor;
use datafusion::logical_expr::expr::{Alias, ScalarFunction};
use datafusion::logical_expr::{
    Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder, ScalarUDF, Subquery,
};
use std::sync::Arc;

/// The column that holds a row's records until they are unnested.
pub(crate) const RECORDS: &str = "lateral_records";

/// Replaces a join whose right side is a sub-query over the left; other nodes pass.
pub fn unnest(plan: LogicalPlan, state: &Arc<SessionState>) -> Result<LogicalPlan> {
    let LogicalPlan::Join(join) = &plan else { return Ok(plan) };
    let Some(query) = lateral(&join.right) else { return Ok(plan) };
    let outer = outer_columns(&query.subquery)?;
    let keeps_left = match join.join_type {
        JoinType::Inner => false,
        // Only ON TRUE: with a condition, a row that fails it must stay once, without records.
        JoinType::Left if join.on.is_empty() && is_true(join.filter.as_ref()) => true,
        _ => return Ok(plan),
    };
    if outer.is_empty() || !is_ours(&query.subquery)? {
        return Ok(plan);
    }
    let records = records(join, query, outer, state)?;
    let unnested = unnest_records(join, records, keeps_left)?;
    restrict(join, unnested)
}

/// The sub-query below the aliases of a join's right side.
pub(crate) fn lateral(plan: &LogicalPlan) -> Option<&Subquery> {
    match plan {
        LogicalPlan::Subquery(query) => Some(query),
        LogicalPlan::SubqueryAlias(alias) => lateral(&alias.input),
        _ => None,
    }
}

pub(crate) fn is_true(filter: Option<&Expr>) -> bool {
    use datafusion::common::ScalarValue;
    match filter {
        None => true,
        Some(Expr::Literal(ScalarValue::Boolean(Some(is)), _)) => *is,
        Some(_) => false,
    }
}

/// The left side with each row's records beside it.
fn records(
    join: &Join,
    query: &Subquery,
    outer: Vec<Expr>,
    state: &Arc<SessionState>,
) -> Result<LogicalPlan> {
    let left: &DFSchema = join.left.schema();
    let arguments = outer.iter().map(|outer| resolve(outer, left)).collect();
    let function = SubqueryFunction::new(&query.subquery, outer, Answer::Rows, state)?;
    let call = ScalarFunction::new_udf(Arc::new(ScalarUDF::from(function)), arguments);
    let kept = left.columns().into_iter().map(Expr::Column);
    let columns: Vec<Expr> = kept.chain([Expr::ScalarFunction(call).alias(RECORDS)]).collect();
    LogicalPlanBuilder::from(join.left.as_ref().clone()).project(columns)?.build()
}

/// One row a record, the record's fields under the right side's names.
pub(crate) fn unnest_records(
    join: &Join,
    records: LogicalPlan,
    keeps_left: bool,
) -> Result<LogicalPlan> {
    let options = UnnestOptions::new().with_preserve_nulls(keeps_left);
    let unnested = LogicalPlanBuilder::from(records)
        .unnest_column_with_options(Column::from_name(RECORDS), options)?;
    let record = Expr::Column(Column::from_name(RECORDS));
    let fields = join.right.schema().iter().enumerate().map(|(at, (qualifier, field))| {
        let value = record.clone().field(format!("c{at}"));
        Expr::Alias(Alias::new(value, qualifier.cloned(), field.name()))
    });
    let kept = join.left.schema().columns().into_iter().map(Expr::Column);
    let columns: Vec<Expr> = kept.chain(fields).collect();
    unnested.project(columns)?.build()
}

/// What an inner join's ON still says.
pub(crate) fn restrict(join: &Join, plan: LogicalPlan) -> Result<LogicalPlan> {
    let equal = join.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
    let conditions = equal.chain(join.filter.clone().filter(|_| !is_true(join.filter.as_ref())));
    match conditions.reduce(Expr::and) {
        Some(condition) => LogicalPlanBuilder::from(plan).filter(condition)?.build(),
        None => Ok(plan),
    }
}
