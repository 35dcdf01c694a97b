//! Plans that can be stopped: nothing computes long without a look at the statement's cancel flag.
//!
//! Three things can run on without asking anybody, and each gets its own stop:
//!
//! ```text
//! a join that makes very many rows of few    StopExec above it: looks for every batch it gives
//! a join that tries very many pairs and      StopExec below it, on the side that it probes with:
//!   finds none                                 hands over few rows at a time, as many as take a
//!                                              few milliseconds, and looks between them
//! a source that is not ours                  StopExec above it
//! ```
//!
//! Ours look for themselves, and what reads from a source that looks is stopped with it. Each stop
//! also gives the thread back now and then. What still computes long in one piece (one sort of very
//! much) is left behind by the statement's stream ([`crate::session`]), which answers at once.

use crate::error::{from_stop, to_datafusion};
use cvx_core::CancelToken;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::coop::make_cooperative;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The statement's cancel flag, where its plan runs.
pub fn stop_of(context: &TaskContext) -> CancelToken {
    let known = context.session_config().get_extension::<CancelToken>();
    known.map_or_else(CancelToken::default, |token| CancelToken::clone(&token))
}

/// The plan with its stops.
pub fn stoppable(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let leaf = node.children().is_empty();
        if leaf && !matches!(node.name(), "ScanExec" | "KnnExec") {
            return Ok(Transformed::yes(StopExec::over(node, false)));
        }
        if !node.name().contains("Join") || leaf {
            return Ok(Transformed::no(node));
        }
        let last = node.children().len() - 1;
        let children = node.children().into_iter().enumerate();
        let children = children.map(|(place, child)| match place == last {
            true => StopExec::over(Arc::clone(child), true),
            false => Arc::clone(child),
        });
        let children = children.collect();
        Ok(Transformed::yes(StopExec::over(replace_children_if_necessary(node, children)?, false)))
    })
    .data()
}

#[derive(Debug)]
struct StopExec {
    input: Arc<dyn ExecutionPlan>,
    /// Whether rows are handed over a few at a time.
    paced: bool,
}

impl StopExec {
    fn over(input: Arc<dyn ExecutionPlan>, paced: bool) -> Arc<dyn ExecutionPlan> {
        Arc::new(Self { input, paced })
    }
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

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
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
        Ok(Self::over(input, self.paced))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let cancel = stop_of(&context);
        let input = self.input.execute(partition, context)?;
        let schema = input.schema();
        let look = move |batch: Result<RecordBatch>| match cancel.stopped() {
            Some(stop) => Err(to_datafusion(from_stop(stop))),
            None => batch,
        };
        let checked: SendableRecordBatchStream = if self.paced {
            Box::pin(RecordBatchStreamAdapter::new(schema, paced(input).map(look)))
        } else {
            Box::pin(RecordBatchStreamAdapter::new(schema, input.map(look)))
        };
        Ok(make_cooperative(checked))
    }
}

impl DisplayAs for StopExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StopExec{}", if self.paced { ": paced" } else { "" })
    }
}

/// What one piece should take whoever reads it, at least and at most.
const SHORT: Duration = Duration::from_millis(5);
const LONG: Duration = Duration::from_millis(25);
/// Rows of the first piece.
const FIRST_ROWS: usize = 1;

/// How many rows to hand over at once, found by how long the last ones took.
struct Pace {
    rows: usize,
    given: Option<Instant>,
}

impl Pace {
    /// Whether the last piece took so long that others should have the thread before the next: the
    /// clock that stops statements runs on the same threads.
    fn is_due(&self) -> bool {
        self.given.is_some_and(|given| given.elapsed() >= SHORT)
    }

    fn next(&mut self) -> usize {
        if let Some(took) = self.given.map(|given| given.elapsed()) {
            if took < SHORT {
                self.rows = self.rows.saturating_mul(4);
            } else if took > LONG {
                self.rows = (self.rows / 4).max(1);
            }
        }
        self.rows
    }
}

/// The same rows in pieces that take whoever reads them a few milliseconds.
fn paced(
    input: SendableRecordBatchStream,
) -> impl futures::Stream<Item = Result<RecordBatch>> + Send {
    let pace = Pace { rows: FIRST_ROWS, given: None };
    futures::stream::try_unfold((input, None, pace), |(mut input, rest, mut pace)| async move {
        let due = pace.is_due();
        let rows = pace.next();
        if due {
            tokio::task::yield_now().await;
        }
        let batch = match rest {
            Some(rest) => rest,
            None => match input.next().await.transpose()? {
                Some(batch) => batch,
                None => return Ok(None),
            },
        };
        let count = rows.min(batch.num_rows());
        let piece = batch.slice(0, count);
        let left = batch.num_rows() - count;
        let rest = (left > 0).then(|| batch.slice(count, left));
        pace.given = Some(Instant::now());
        Ok(Some((piece, (input, rest, pace))))
    })
}
