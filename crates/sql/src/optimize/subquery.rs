//! Query vectors that are sub-queries: `embedding <-> (SELECT embedding ... )`.
//!
//! A sub-query that refers to nothing outside has one value for the whole statement. Computing it
//! first makes it a literal, and the search one operator instead of a join with a one-row table.

use super::{ST_DISTANCE, metric_of};
use crate::error::from_datafusion;
use cvx_types::{Result, SqlError, SqlState};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, Subquery};
use datafusion::physical_plan::collect;

/// Replaces sub-queries under distances by their values.
pub async fn fix_query_vectors(state: &SessionState, plan: LogicalPlan) -> Result<LogicalPlan> {
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
    let physical = state.create_physical_plan(&subquery.subquery).await.map_err(from_datafusion)?;
    let data_type = physical.schema().field(0).data_type().clone();
    let context = std::sync::Arc::new(datafusion::execution::TaskContext::from(state));
    let batches = collect(physical, context).await.map_err(from_datafusion)?;
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
