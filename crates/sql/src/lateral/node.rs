//! A join of rows with a query that uses their columns, as a logical node.

use datafusion::common::{DFSchema, DFSchemaRef, Result, internal_err};
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan, UserDefinedLogicalNodeCore};
use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// For each row of `left`, the rows of `inner` with the row's values in place of `outer`.
///
/// `inner` is no input: the optimizer must not touch it before it has its values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct LateralJoin {
    pub(super) left: LogicalPlan,
    pub(super) inner: Arc<LogicalPlan>,
    /// The outer columns that `inner` uses, and the columns of `left` they are.
    pub(super) outer: Vec<Expr>,
    pub(super) arguments: Vec<Expr>,
    pub(super) kind: Kind,
    schema: DFSchemaRef,
}

/// What becomes of rows without an answer, and of more answers than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Inner,
    /// Rows without an answer stay, with NULLs.
    Left,
    /// One answer or none; two are an error (21000).
    Value,
}

impl LateralJoin {
    pub(super) fn new(
        left: LogicalPlan,
        inner: Arc<LogicalPlan>,
        outer: Vec<Expr>,
        arguments: Vec<Expr>,
        kind: Kind,
    ) -> Result<Self> {
        let join_type = if kind == Kind::Inner { JoinType::Inner } else { JoinType::Left };
        let schema =
            datafusion::logical_expr::build_join_schema(left.schema(), inner.schema(), &join_type)?;
        Ok(Self { left, inner, outer, arguments, kind, schema: Arc::new(schema) })
    }

    /// What the join shows: the left side's columns, then the inner query's.
    pub(super) fn shown(&self) -> &DFSchema {
        &self.schema
    }

    pub(super) fn inner_schema(&self) -> &DFSchema {
        self.inner.schema()
    }
}

impl PartialOrd for LateralJoin {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for LateralJoin {
    fn name(&self) -> &str {
        "LateralJoin"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.left]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.arguments.clone()
    }

    /// Conditions on the left side alone may go below.
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        self.inner_schema().fields().iter().map(|field| field.name().clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LateralJoin: {:?}", self.kind)
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let Ok([left]) = <[LogicalPlan; 1]>::try_from(inputs) else {
            return internal_err!("a lateral join has one input");
        };
        Self::new(left, Arc::clone(&self.inner), self.outer.clone(), exprs, self.kind)
    }
}
