//! From a template straight to a search's rows.
//!
//! Where a template's plan is one search, an execution differs from the last in the table's
//! snapshot, the query's vector, the limit and the conditions alone. They are put where they
//! belong, and neither a logical plan nor a physical one is made: that took longer than the search.
//!
//! Invariant: its rows are those of the template's plan with the same values. Where a value is of a
//! kind that planning would have to look at (a NULL, a limit of none, another dimension), there is
//! no shortcut, and the plan says what is right.

use super::stopping;
use crate::bind::BoundTable;
use crate::compute::Compute;
use crate::error::from_datafusion;
use crate::exec::{Alone, Bounds, Errand};
use crate::optimize::{Awaited, query_vector};
use crate::plan::{StatementCx, VersionedTable};
use cvx_types::{Datum, Result};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, DFSchemaRef, ScalarValue};
use datafusion::error::Result as DfResult;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream;
use std::sync::{Arc, OnceLock};

/// What a template keeps of its search.
#[derive(Debug)]
pub(super) struct Shortcut {
    awaited: Awaited,
    /// From the first plan on that was made of the template.
    known: OnceLock<Known>,
}

#[derive(Debug)]
struct Known {
    alone: Alone,
    schema: DFSchemaRef,
}

impl Shortcut {
    /// Of a template's plan, if that is a search and waits for its values only.
    pub(super) fn of(plan: &LogicalPlan) -> Option<Self> {
        Some(Self { awaited: Awaited::of(plan)?, known: OnceLock::new() })
    }

    pub(super) fn is_known(&self) -> bool {
        self.known.get().is_some()
    }

    /// Learns what the plan of an execution says; whether it is known now.
    pub(super) fn learn(&self, plan: &Arc<dyn ExecutionPlan>) -> bool {
        if self.known.get().is_none()
            && let Some(alone) = Alone::of(plan)
            && let Ok(schema) = DFSchema::try_from(alone.table_schema())
        {
            // Another execution may have been first; it learnt the same.
            let _ = self.known.set(Known { alone, schema: Arc::new(schema) });
        }
        self.is_known()
    }

    /// The search of this execution over a bound table.
    pub(super) fn errand(
        &self,
        cx: &StatementCx<'_>,
        bound: &BoundTable,
    ) -> Result<Option<Errand>> {
        let (Some(known), Some(values)) = (self.known.get(), &cx.params.values) else {
            return Ok(None);
        };
        let Some((query, k)) = self.asked(values) else { return Ok(None) };
        let spec = known.alone.spec(query.into(), k);
        let column = bound.read.table().column_by_id(spec.column);
        if column.and_then(cvx_engine::ColumnDef::dimension) != Some(spec.query.len()) {
            return Ok(None);
        }
        known.errand(cx, bound, spec, &self.awaited).map(Some).map_err(from_datafusion)
    }

    /// The query's vector, and the limit where it is a parameter.
    fn asked(&self, values: &[Datum]) -> Option<(Vec<f32>, Option<usize>)> {
        let value = |at: usize| ScalarValue::try_from_array(&values.get(at)?.value, 0).ok();
        let query = query_vector(&value(self.awaited.query)?)?;
        let k = match self.awaited.k {
            None => None,
            Some(at) => Some(limit_of(&value(at)?)?),
        };
        Some((query, k))
    }
}

impl Known {
    fn errand(
        &self,
        cx: &StatementCx<'_>,
        bound: &BoundTable,
        spec: crate::plan::KnnSpec,
        awaited: &Awaited,
    ) -> DfResult<Errand> {
        let schema = self.alone.table_schema();
        let source = VersionedTable::searched(bound, schema, cx.search_mode(), cx.cancel.clone());
        let conditions = self.conditions(cx, &awaited.conditions)?;
        let (bounds, rest) = Bounds::apart(&source, &conditions)?;
        let condition = conjunction(rest)
            .map(|condition| cx.state.create_physical_expr(condition, &self.schema))
            .transpose()?;
        Ok(self.alone.errand(source, spec, bounds, condition))
    }

    /// The conditions with this execution's values.
    fn conditions(&self, cx: &StatementCx<'_>, awaited: &[Expr]) -> DfResult<Vec<Expr>> {
        if awaited.is_empty() {
            return Ok(Vec::new());
        }
        let values = cx.params.scalars().map_err(crate::error::to_datafusion)?;
        let filled = |expr: &Expr| {
            let filled = expr.clone().transform(|node| match &node {
                Expr::Placeholder(placeholder) => {
                    let index = crate::plan::parameter_index(&placeholder.id);
                    let value = index.ok().and_then(|index| values.get(index));
                    Ok(match value {
                        Some(value) => {
                            let value = value.clone();
                            Transformed::yes(Expr::Literal(value.value, value.metadata))
                        }
                        None => Transformed::no(node),
                    })
                }
                _ => Ok(Transformed::no(node)),
            })?;
            self.simple(cx, filled.data)
        };
        awaited.iter().map(filled).collect()
    }

    /// The condition as the optimizer leaves it.
    fn simple(&self, cx: &StatementCx<'_>, expr: Expr) -> DfResult<Expr> {
        if let Expr::BinaryExpr(BinaryExpr { left, right, .. }) = &expr
            && matches!(left.as_ref(), Expr::Column(_))
            && matches!(right.as_ref(), Expr::Literal(value, _) if !value.is_null())
        {
            return Ok(expr);
        }
        let context = SimplifyContext::builder()
            .with_schema(Arc::clone(&self.schema))
            .with_config_options(Arc::clone(cx.state.config_options()))
            .build();
        ExprSimplifier::new(context).simplify(expr)
    }
}

/// A limit that is one.
fn limit_of(value: &ScalarValue) -> Option<usize> {
    match value.cast_to(&DataType::Int64).ok()? {
        ScalarValue::Int64(Some(k)) => usize::try_from(k).ok().filter(|k| *k > 0),
        _ => None,
    }
}

/// The rows of a search: found here if it is brief, else as a plan's are.
pub(super) fn run(cx: &StatementCx<'_>, errand: Errand) -> Result<SendableRecordBatchStream> {
    let batch_rows = cx.state.config().batch_size();
    if !errand.is_brief(batch_rows) {
        let compute = Compute::of(cx.state);
        let rows = errand.stream(batch_rows);
        return Ok(stopping::stopping(rows, &compute, cx.cancel.clone()));
    }
    let schema = errand.schema();
    let batch = errand.run(batch_rows).map_err(from_datafusion)?;
    let rows = stream::iter(batch.map(Ok));
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
}
