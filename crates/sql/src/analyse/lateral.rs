//! Analyses of the rows of relations before them in FROM.
//!
//! DataFusion turns LATERAL into joins where it can, and cannot where a function of the outer
//! columns gives the rows. Here that function is known: the left side's rows get the call's list
//! of records beside them, and are unnested.

use super::call::AnalysisCall;
use crate::pg_catalog::lateral::{RECORDS, is_true, lateral, restrict, unnest_records};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder};

/// Replaces joins with a lateral analysis.
pub(crate) fn join_laterally(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| match &node {
        LogicalPlan::Join(join) => Ok(match unnested(join)? {
            Some(plan) => Transformed::yes(plan),
            None => Transformed::no(node),
        }),
        _ => Ok(Transformed::no(node)),
    })
    .map(|plan| plan.data)
}

fn unnested(join: &Join) -> Result<Option<LogicalPlan>> {
    let keeps_left = match join.join_type {
        JoinType::Inner => false,
        JoinType::Left if join.on.is_empty() && is_true(join.filter.as_ref()) => true,
        _ => return Ok(None),
    };
    let Some(subquery) = lateral(&join.right) else { return Ok(None) };
    let Some(call) = call_in(&subquery.subquery)? else { return Ok(None) };
    let left = join.left.schema();
    let call = call
        .transform(|expr| match &expr {
            Expr::OuterReferenceColumn(_, column) if left.has_column(column) => {
                Ok(Transformed::yes(Expr::Column(column.clone())))
            }
            _ => Ok(Transformed::no(expr)),
        })?
        .data;
    let kept = left.columns().into_iter().map(Expr::Column);
    let columns: Vec<Expr> = kept.chain([call.alias(RECORDS)]).collect();
    let records = LogicalPlanBuilder::from(join.left.as_ref().clone()).project(columns)?.build()?;
    restrict(join, unnest_records(join, records, keeps_left)?).map(Some)
}

/// The analysis that a lateral sub-query consists of.
fn call_in(plan: &LogicalPlan) -> Result<Option<Expr>> {
    let mut found = None;
    plan.apply(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                let Expr::ScalarFunction(call) = expr else {
                    return Ok(TreeNodeRecursion::Continue);
                };
                if AnalysisCall::of(call).is_none() {
                    return Ok(TreeNodeRecursion::Continue);
                }
                found = Some(expr.clone());
                Ok(TreeNodeRecursion::Stop)
            })
        })
    })?;
    Ok(found)
}
