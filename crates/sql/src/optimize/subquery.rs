//! Query vectors that are sub-queries: `embedding <-> (SELECT embedding ... )`.
//!
//! A sub-query that refers to nothing outside has one value for the whole statement. Computing it
//! first makes it a literal, and the search one operator instead of a join with a one-row table.

use super::{ST_DISTANCE, metric_of};
use crate::compute::collected;
use crate::error::from_datafusion;
use arrow::record_batch::RecordBatch;
use cvx_types::{Result, SqlError, SqlState};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Subquery};

/// Replaces sub-queries under distances by their values, and in a statement that ranks by distance
/// those of NOT IN by lists.
pub async fn fix_query_vectors(state: &SessionState, plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = fix_exclusions(state, plan).await?;
    let found = query_vectors(&plan)?;
    if found.is_empty() {
        return Ok(plan);
    }
    let mut values = Vec::with_capacity(found.len());
    for subquery in found {
        let value = value_of(state, &subquery).await?;
        values.push((subquery, value));
    }
    replace(plan, &values)
}

/// More values than this are not put into a list.
pub(super) const LIST_MAX: usize = 10_000;

/// `x NOT IN (SELECT ..)` is the one join that gives a search's rows out of order, for a NULL
/// among the values excludes every row. As a list it is a condition like any other.
async fn fix_exclusions(state: &SessionState, plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut lists = Vec::new();
    for subquery in exclusions(&plan)? {
        if let Some(list) = values_of(state, &subquery).await? {
            lists.push((subquery, list));
        }
    }
    if lists.is_empty() {
        return Ok(plan);
    }
    let listed = plan.transform_up_with_subqueries(|node| {
        node.map_expressions(|expr| {
            expr.transform_up(|expr| {
                let Expr::InSubquery(within) = &expr else { return Ok(Transformed::no(expr)) };
                let known = lists.iter().find(|(known, _)| known == &within.subquery);
                Ok(match known.filter(|_| within.negated) {
                    Some((_, list)) => {
                        let expr = within.expr.clone();
                        let list = InList { expr, list: list.clone(), negated: true };
                        Transformed::yes(Expr::InList(list))
                    }
                    None => Transformed::no(expr),
                })
            })
        })
    });
    listed.map(|listed| listed.data).map_err(from_datafusion)
}

/// The NOT IN sub-queries of a statement that ranks by distance, if they use nothing outside.
fn exclusions(plan: &LogicalPlan) -> Result<Vec<Subquery>> {
    let (mut found, mut limited, mut distances) = (Vec::new(), false, false);
    plan.apply_with_subqueries(|node| {
        limited |= matches!(node, LogicalPlan::Limit(_));
        node.apply_expressions(|expr| {
            distances |= expr.exists(|expr| Ok(is_distance(expr)))?;
            expr.apply(|expr| {
                if let Expr::InSubquery(within) = expr
                    && within.negated
                    && within.subquery.outer_ref_columns.is_empty()
                {
                    found.push(within.subquery.clone());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map_err(from_datafusion)?;
    if !(limited && distances) {
        found.clear();
    }
    Ok(found)
}

/// The values of a sub-query; `None` where they are too many.
pub(super) async fn values_of(
    state: &SessionState,
    subquery: &Subquery,
) -> Result<Option<Vec<Expr>>> {
    let rows = LogicalPlanBuilder::from(subquery.subquery.as_ref().clone());
    let rows = rows.limit(0, Some(LIST_MAX + 1)).and_then(LogicalPlanBuilder::build);
    let batches = rows_of(state, &rows.map_err(from_datafusion)?).await?;
    if batches.iter().map(|batch| batch.num_rows()).sum::<usize>() > LIST_MAX {
        return Ok(None);
    }
    let mut values = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let value = ScalarValue::try_from_array(batch.column(0), row);
            values.push(Expr::Literal(value.map_err(from_datafusion)?, None));
        }
    }
    Ok(Some(values))
}

/// A plan's rows.
pub(super) async fn rows_of(state: &SessionState, plan: &LogicalPlan) -> Result<Vec<RecordBatch>> {
    let plan = crate::session::lowered(state, plan).await.map_err(from_datafusion)?;
    let context = std::sync::Arc::new(datafusion::execution::TaskContext::from(state));
    collected(state, plan, context).await
}

fn is_distance(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(call)
        if metric_of(call.func.name()).is_some() || call.func.name() == ST_DISTANCE)
}

fn query_vectors(plan: &LogicalPlan) -> Result<Vec<Subquery>> {
    let mut found: Vec<Subquery> = Vec::new();
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let (true, Expr::ScalarFunction(call)) = (is_distance(expr), expr) {
                    for arg in &call.args {
                        if let Expr::ScalarSubquery(subquery) = arg
                            && subquery.outer_ref_columns.is_empty()
                            && !found.contains(subquery)
                        {
                            found.push(subquery.clone());
                        }
                    }
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map_err(from_datafusion)?;
    Ok(found)
}

async fn value_of(state: &SessionState, subquery: &Subquery) -> Result<ScalarValue> {
    let physical =
        crate::session::lowered(state, &subquery.subquery).await.map_err(from_datafusion)?;
    let data_type = physical.schema().field(0).data_type().clone();
    let context = std::sync::Arc::new(datafusion::execution::TaskContext::from(state));
    let batches = collected(state, physical, context).await?;
    let mut rows = batches.iter().filter(|batch| batch.num_rows() > 0);
    match (rows.next(), rows.next()) {
        (None, _) => ScalarValue::try_from(&data_type).map_err(from_datafusion),
        (Some(batch), None) if batch.num_rows() == 1 => {
            ScalarValue::try_from_array(batch.column(0), 0).map_err(from_datafusion)
        }
        _ => Err(SqlError::new(
            SqlState::CARDINALITY_VIOLATION,
            "more than one row returned by a subquery used as an expression",
        )),
    }
}

fn replace(plan: LogicalPlan, values: &[(Subquery, ScalarValue)]) -> Result<LogicalPlan> {
    let fixed = plan.transform_up_with_subqueries(|node| {
        node.map_expressions(|expr| {
            let name = expr.schema_name().to_string();
            let replaced = expr.transform_up(|expr| match &expr {
                Expr::ScalarSubquery(subquery) => {
                    match values.iter().find(|(known, _)| known == subquery) {
                        Some((_, value)) => {
                            Ok(Transformed::yes(Expr::Literal(value.clone(), None)))
                        }
                        None => Ok(Transformed::no(expr)),
                    }
                }
                _ => Ok(Transformed::no(expr)),
            })?;
            Ok(replaced.update_data(|expr| {
                if matches!(expr, Expr::Alias(_)) || expr.schema_name().to_string() == name {
                    expr
                } else {
                    expr.alias(name)
                }
            }))
        })
    });
    fixed.and_then(|fixed| fixed.data.recompute_schema()).map_err(from_datafusion)
}
