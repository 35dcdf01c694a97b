//! Optimizing in two parts: what holds for every value of the parameters, and what a value decides.
//!
//! Parameters that are still placeholders are opaque to every rule, so the first part is right for
//! all values. The second folds values in, sees limits and query vectors, and drops the columns
//! that a search makes superfluous.

use super::NearestNeighbours;
use datafusion::common::tree_node::{TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::eliminate_limit::EliminateLimit;
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::optimizer::push_down_limit::PushDownLimit;
use datafusion::optimizer::simplify_expressions::SimplifyExpressions;
use datafusion::optimizer::{Optimizer, OptimizerConfig, OptimizerRule};

/// A plan with placeholders, analyzed and optimized by all rules but ours, which needs values.
pub fn for_all_values(state: &SessionState, plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = state.analyzer().execute_and_check(plan, &state.options(), |_, _| {})?;
    let own = NearestNeighbours.name();
    let rules = state.optimizers().iter().filter(|rule| rule.name() != own).cloned();
    Optimizer::with_rules(rules.collect()).optimize(plan, state, |_, _| {})
}

/// The rest, once the values are in. One pass is enough: what these rules leave is a search or a
/// scan under what was above it.
pub fn by_values(state: &SessionState, plan: LogicalPlan) -> Result<LogicalPlan> {
    let simplify = SimplifyExpressions::new();
    let plan = plan.transform_up(|node| simplify.rewrite(node, state))?.data;
    // A limit of 0 must not reach a sort.
    let limits = EliminateLimit::new();
    let plan = plan.transform_up(|node| limits.rewrite(node, state))?.data;
    let limits = PushDownLimit::new();
    let plan = plan.transform_down(|node| limits.rewrite(node, state))?.data;
    let plan = plan.transform_down(|node| NearestNeighbours.rewrite(node, state))?.data;
    OptimizeProjections::new().rewrite(plan, state).data()
}
