//! What a search whose query is still a parameter waits for.
//!
//! Of an optimized plan with placeholders this finds which parameter is the query's vector, which
//! one the limit, and the conditions on rows; and makes sure that no other part of the plan waits
//! for a value. Then plans of two executions differ in these three and in nothing else.

use super::chain::{Chain, Conditions, Found, below_alias, below_projection, unaliased};
use crate::optimize::metric_of;
use crate::plan::parameter_index;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr_rewriter::unnormalize_col;
use datafusion::logical_expr::{Expr, Limit, LogicalPlan, Projection, Sort, SortExpr};

/// The values that a search waits for.
#[derive(Debug)]
pub struct Awaited {
    /// The parameter that is the query's vector.
    pub query: usize,
    /// The parameter that is the limit, where that is one.
    pub k: Option<usize>,
    /// What rows must fulfil, in the table's columns, its parameters still placeholders.
    pub conditions: Vec<Expr>,
}

impl Awaited {
    /// What the plan waits for, if it is one search under projections.
    pub fn of(plan: &LogicalPlan) -> Option<Self> {
        let (sort, k) = sort_below(plan)?;
        let [SortExpr { expr: key, asc: true, nulls_first: false }] = sort.expr.as_slice() else {
            return None;
        };
        if !is_settled(&sort.input, key) || (k.is_none() && sort.fetch.is_none()) {
            return None;
        }
        let Found { key, filters, joined: false, .. } =
            Chain::default().follow(&sort.input, key.clone())?
        else {
            return None;
        };
        let key = unaliased(&unnormalize_col(key));
        let query = query_parameter(&key)?;
        let conditions = Conditions::of(&filters, &key);
        let known = !conditions.some_stay_above;
        known.then_some(Self { query, k, conditions: conditions.inside })
    }
}

/// The Sort under projections, and the parameter that limits its rows.
fn sort_below(plan: &LogicalPlan) -> Option<(&Sort, Option<usize>)> {
    match plan {
        LogicalPlan::Sort(sort) => Some((sort, None)),
        LogicalPlan::SubqueryAlias(alias) => sort_below(&alias.input),
        LogicalPlan::Projection(projection) => {
            let (sort, k) = sort_below(&projection.input)?;
            // Right above the Sort its key may be computed once more, and is a column then.
            let key = match projection.input.as_ref() {
                LogicalPlan::Sort(sort) => sort.expr.first().map(|key| &key.expr),
                _ => None,
            };
            expects_nothing(projection, key).then_some((sort, k))
        }
        LogicalPlan::Limit(limit) => {
            let (sort, k) = sort_below(&limit.input)?;
            let only = k.is_none() && sort.fetch.is_none();
            Some((sort, Some(limit_parameter(limit).filter(|_| only)?)))
        }
        _ => None,
    }
}

/// Whether the plan below the Sort computes nothing of parameters but its key.
fn is_settled(plan: &LogicalPlan, key: &Expr) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => scan.fetch.is_none(),
        LogicalPlan::Filter(filter) => is_settled(&filter.input, key),
        LogicalPlan::SubqueryAlias(alias) => {
            below_alias(alias, key).is_some_and(|key| is_settled(&alias.input, &key))
        }
        LogicalPlan::Projection(projection) => {
            let Some(key) = below_projection(projection, key) else { return false };
            expects_nothing(projection, Some(&key)) && is_settled(&projection.input, &key)
        }
        _ => false,
    }
}

/// Whether a projection has no parameters but in the key.
fn expects_nothing(projection: &Projection, key: Option<&Expr>) -> bool {
    projection.expr.iter().all(|expr| {
        let mut waits = false;
        let walked = expr.apply(|node| {
            if key.is_some_and(|key| node == key) {
                return Ok(TreeNodeRecursion::Jump);
            }
            waits |= matches!(node, Expr::Placeholder(_));
            Ok(TreeNodeRecursion::Continue)
        });
        walked.is_ok() && !waits
    })
}

/// The parameter among the operands of a distance, whose other is a column.
fn query_parameter(key: &Expr) -> Option<usize> {
    let Expr::ScalarFunction(call) = key else { return None };
    metric_of(call.func.name())?;
    match call.args.as_slice() {
        [Expr::Column(_), query] | [query, Expr::Column(_)] => parameter(query),
        _ => None,
    }
}

/// The parameter that a LIMIT without OFFSET is.
fn limit_parameter(limit: &Limit) -> Option<usize> {
    let skips = |expr: &Expr| !matches!(expr, Expr::Literal(ScalarValue::Int64(Some(0)), _));
    if limit.skip.as_deref().is_some_and(skips) {
        return None;
    }
    parameter(limit.fetch.as_deref()?)
}

/// The parameter that an expression is, under a cast that leaves its value as it is: `$1::vector` of
/// a vector. All others are calls of `cvx_cast`.
fn parameter(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Placeholder(placeholder) => parameter_index(&placeholder.id).ok(),
        Expr::Cast(cast) => parameter(&cast.expr),
        _ => None,
    }
}
