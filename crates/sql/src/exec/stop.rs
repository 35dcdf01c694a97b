//! Joins that can be stopped.
//!
//! A join may turn few input rows into very many, so that the operators under it, which look at
//! the statement's cancel flag, are not asked for a long time. Above each join stands an operator
//! that looks at the flag for every batch and gives the thread back now and then.

use crate::error::{from_stop, to_datafusion};
use cvx_core::CancelToken;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::coop::make_cooperative;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;
use std::fmt;
use std::sync::Arc;

/// The plan with a stop above every join.
pub fn stoppable(
    plan: Arc<dyn ExecutionPlan>,
    cancel: &CancelToken,
) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        if !node.name().contains("Join") {
            return Ok(Transformed::no(node));
        }
        let stop: Arc<dyn ExecutionPlan> =
            Arc::new(StopExec { input: node, cancel: cancel.clone() });
        Ok(Transformed::yes(stop))
    })
    .data()
}

#[derive(Debug)]
struct StopExec {
    input: Arc<dyn ExecutionPlan>,
    cancel: CancelToken,
}

impl ExecutionPlan for StopExec {
    fn name(&self) -> &'static str {
        "StopExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.into_iter().next().unwrap_or_else(|| Arc::clone(&self.input));
        Ok(Arc::new(Self { input, cancel: self.cancel.clone() }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let (schema, cancel) = (input.schema(), self.cancel.clone());
        let checked = input.map(move |batch| match cancel.stopped() {
            Some(stop) => Err(to_datafusion(from_stop(stop))),
            None => batch,
        });
        Ok(make_cooperative(Box::pin(RecordBatchStreamAdapter::new(schema, checked))))
    }
}

impl DisplayAs for StopExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StopExec")
    }
}
