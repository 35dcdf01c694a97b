//! What Postgres types mean to the planner: names, operators, literals, casts.
//!
//! Two passes of ours and three hooks of DataFusion, in the order a statement meets them:
//!
//! ```text
//! lower            spellings DataFusion lacks  -> ones it has
//! PgTypePlanner    a type's name in the text   -> an Arrow field that says its Postgres type
//! PgExprPlanner    an operator                 -> a function; unknown literals take a side's type
//! stamp_parameters a parameter inside a call   -> one of the type its place asks for
//! PgRewrite        the finished plan           -> casts and patterns as Postgres means them
//! ```
//!
//! The field's metadata (`cvx.pg`, [`cvx_types::pg_type::PG_TYPE_KEY`]) is the one carrier of
//! "this text is jsonb"; where DataFusion drops it, Arrow's type speaks.

mod expr_planner;
mod literal;
mod name;
mod parameter;
mod rewrite;
mod side;
mod syntax;
mod type_planner;

#[cfg(test)]
mod tests;

pub use expr_planner::PgExprPlanner;
pub use literal::cast_to;
pub use name::resolve_type;
pub use parameter::stamp_parameters;
pub use rewrite::PgRewrite;
pub(crate) use syntax::{bit_literal, call};
pub use syntax::{is_set_returning, lower};
pub use type_planner::PgTypePlanner;

use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::planner::ExprPlanner;
use std::sync::Arc;

/// Our planner of operators, and DataFusion's for what it leaves.
#[must_use]
pub fn expr_planners() -> Vec<Arc<dyn ExprPlanner>> {
    let mut all: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(PgExprPlanner)];
    all.extend(SessionStateDefaults::default_expr_planners());
    all
}
