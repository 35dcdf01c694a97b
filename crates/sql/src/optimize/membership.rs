//! IN (SELECT ..) and EXISTS where DataFusion has no join for them: among a SELECT's columns, as
//! keys of ORDER BY and GROUP BY, under an aggregate or a window.
//!
//! A sub-query that refers to nothing outside is the same for every row, so it is run once, before
//! the statement: IN becomes a list of its values, which knows NULL as IN does, and EXISTS becomes
//! true or false. In WHERE, HAVING and ON they stay what they are, joins.
//!
//! Rejected: a mark join below the node. Its mark is never NULL, so `x IN (SELECT NULL)` would be
//! false; and the lists that tools sort by are short.

use super::subquery::{LIST_MAX, values_of};
use crate::error::from_datafusion;
use cvx_types::{Result, SqlError};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Subquery, lit};
use std::sync::Arc;

/// Replaces such sub-queries by what they answer, the innermost first.
pub async fn fix_memberships(state: &SessionState, plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut plan = plan;
    loop {
        let found = innermost(&plan)?;
        if found.is_empty() {
            return Ok(plan);
        }
        let mut known = Vec::with_capacity(found.len());
        for asked in found {
            let answer = answer(state, &asked).await?;
            known.push((asked, answer));
        }
        plan = replace(plan, &known)?;
    }
}

/// Whether a node's sub-queries stay joins.
fn joins(node: &LogicalPlan) -> bool {
    matches!(node, LogicalPlan::Filter(_) | LogicalPlan::Join(_) | LogicalPlan::TableScan(_))
}

fn subquery_of(expr: &Expr) -> Option<&Subquery> {
    match expr {
        Expr::InSubquery(within) => Some(&within.subquery),
        Expr::Exists(exists) => Some(&exists.subquery),
        _ => None,
    }
}

/// The ones that refer to nothing outside and have none of their kind within.
fn innermost(plan: &LogicalPlan) -> Result<Vec<Expr>> {
    let found = all(plan)?;
    let mut innermost = Vec::new();
    for expr in found {
        let Some(query) = subquery_of(&expr) else { continue };
        if query.outer_ref_columns.is_empty() && all(&query.subquery)?.is_empty() {
            innermost.push(expr);
        }
    }
    Ok(innermost)
}

/// Each of them once, also those that refer to something outside.
fn all(plan: &LogicalPlan) -> Result<Vec<Expr>> {
    let mut found: Vec<Expr> = Vec::new();
    plan.apply_with_subqueries(|node| {
        if joins(node) {
            return Ok(TreeNodeRecursion::Continue);
        }
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if subquery_of(expr).is_some() && !found.contains(expr) {
                    found.push(expr.clone());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map_err(from_datafusion)?;
    Ok(found)
}

/// What stands for it in every row.
async fn answer(state: &SessionState, asked: &Expr) -> Result<Expr> {
    match asked {
        Expr::InSubquery(within) => {
            let query = once_each(&within.subquery)?;
            let Some(list) = values_of(state, &query).await? else {
                let what = "IN (SELECT ...) of more than 10000 values outside WHERE";
                return Err(SqlError::unsupported(what));
            };
            if list.is_empty() {
                return Ok(lit(within.negated));
            }
            let (expr, negated) = (within.expr.clone(), within.negated);
            Ok(Expr::InList(InList { expr, list, negated }))
        }
        Expr::Exists(exists) => {
            let one = with_plan(&exists.subquery, |plan| plan.limit(0, Some(1)))?;
            let rows = super::subquery::rows_of(state, &one.subquery).await?;
            let any = rows.iter().any(|batch| batch.num_rows() > 0);
            Ok(lit(any != exists.negated))
        }
        other => Ok(other.clone()),
    }
}

fn once_each(query: &Subquery) -> Result<Subquery> {
    with_plan(query, LogicalPlanBuilder::distinct)
}

fn with_plan(
    query: &Subquery,
    change: impl FnOnce(LogicalPlanBuilder) -> datafusion::error::Result<LogicalPlanBuilder>,
) -> Result<Subquery> {
    let plan = LogicalPlanBuilder::from(query.subquery.as_ref().clone());
    let plan = change(plan).and_then(LogicalPlanBuilder::build).map_err(from_datafusion)?;
    Ok(query.with_plan(Arc::new(plan)))
}

fn replace(plan: LogicalPlan, known: &[(Expr, Expr)]) -> Result<LogicalPlan> {
    let one = |expr: Expr| {
        let answer = known.iter().find(|(asked, _)| *asked == expr);
        Ok(match answer {
            Some((_, answer)) => Transformed::yes(answer.clone()),
            None => Transformed::no(expr),
        })
    };
    let node = |node: LogicalPlan| {
        if joins(&node) {
            return Ok(Transformed::no(node));
        }
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let fixed = expr.transform_down(one)?;
            Ok(fixed.update_data(|expr| name.restore(expr)))
        })
    };
    plan.transform_up_with_subqueries(node).map(|fixed| fixed.data).map_err(from_datafusion)
}

const _: () = assert!(LIST_MAX == 10_000, "the message says how many");
