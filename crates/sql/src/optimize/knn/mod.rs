//! ORDER BY distance LIMIT k, recognised and handed to the table.
//!
//! ```text
//! Sort: distance(v, q), fetch = k          Sort: __distance, fetch = k
//!   Join                              ─▶     Join, the ranked table on its probe side
//!     Filter, Projection, alias                Filter, Projection, alias
//!       TableScan                                TableScan: rows nearest first, __distance
//!     others                                   others
//! ```
//!
//! The table gives its rows nearest first and their distance as a column, which takes the place of
//! the distance wherever the plan computes it. The chain from the Sort down to the table may hold
//! projections, aliases and filters, the distance hidden behind any of their names, and joins that
//! keep the order of the table's rows: inner, outer with the table on the kept side, semi, anti.
//!
//! Conditions below the first join move into the search, so that k rows come back if k qualify;
//! then the Sort has nothing left to do and goes. Where rows may be lost above the search (a join,
//! a volatile condition) it *grows*: it gives as many rows, in order, as the plan above asks for
//! until k of its own are there. The Sort stays and is proved idle by the physical planner from the
//! order that the table announces; where it is not, the answer is still right. With further sort
//! keys the search returns the ties of the k-th as well. Branches of UNION ALL are limited one by
//! one.
//!
//! Refused: descending order, NULLs first, a table on the side that an outer join fills with NULLs,
//! aggregates in between. What is refused is still right: distances are computed a column at a time
//! and sorted.
//!
//! Rejected: searching k, then joining (fewer than k rows); searching again and again with a
//! larger k and joining all of it anew (the other side is read once for each attempt).

mod awaited;
mod chain;
mod rebuild;
mod spec;
mod union;

pub use awaited::Awaited;
pub(crate) use spec::{metric_named, query_vector};

use crate::plan::{KnnSpec, VersionedTable};
use chain::Chain;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Sort, SortExpr};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use rebuild::Rebuild;
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
    ) -> Result<datafusion::common::tree_node::Transformed<LogicalPlan>> {
        use datafusion::common::tree_node::Transformed;
        let LogicalPlan::Sort(sort) = plan else { return Ok(Transformed::no(plan)) };
        if let Some(spec) = recognise(&sort) {
            return searched(sort, spec).map(Transformed::yes);
        }
        match union::limited(&sort)? {
            Some(input) => Ok(Transformed::yes(LogicalPlan::Sort(Sort { input, ..sort }))),
            None => Ok(Transformed::no(LogicalPlan::Sort(sort))),
        }
    }
}

/// Whether a plan holds a search that grows.
pub fn grows(plan: &LogicalPlan) -> bool {
    use datafusion::common::tree_node::TreeNode;
    plan.exists(|node| {
        let LogicalPlan::TableScan(scan) = node else { return Ok(false) };
        Ok(VersionedTable::of(scan).is_some_and(|source| source.grows()))
    })
    .unwrap_or(false)
}

/// The first key of a Sort with a limit, if it sorts as a search does.
fn leading_key(sort: &Sort) -> Option<(usize, &Expr)> {
    let SortExpr { expr, asc: true, nulls_first: false } = sort.expr.first()? else { return None };
    Some((sort.fetch?, expr))
}

/// The search that a Sort asks for, if it asks for one.
fn recognise(sort: &Sort) -> Option<KnnSpec> {
    let (k, key) = leading_key(sort)?;
    let found = Chain::default().follow(&sort.input, key.clone())?;
    found.spec(k, sort.expr.len() > 1)
}

/// The Sort over the search, under the columns it had.
fn searched(sort: Sort, spec: KnnSpec) -> Result<LogicalPlan> {
    let columns = sort.input.schema().columns().into_iter().map(Expr::Column).collect();
    let keep_sort = spec.grows || spec.with_ties;
    let Sort { mut expr, input, fetch } = sort;
    let key = expr.remove(0);
    let rebuild = Rebuild { spec };
    let (input, distance) =
        rebuild.plan(Arc::unwrap_or_clone(input), &chain::unaliased(&key.expr))?;
    let mut plan = Arc::new(input);
    if keep_sort {
        expr.insert(0, SortExpr { expr: Expr::Column(distance), ..key });
        plan = Arc::new(LogicalPlan::Sort(Sort { expr, input: plan, fetch }));
    }
    Ok(LogicalPlan::Projection(Projection::try_new(columns, plan)?))
}
