//! The operator: the inner query run for each row of its input.

use super::node::Kind;
use crate::error::{from_stop, to_datafusion};
use crate::exec::{context_for, stop_of};
use crate::pg_catalog::bind;
use crate::session::lowered;
use cvx_core::CancelToken;
use cvx_types::{SqlError, SqlState};
use datafusion::arrow::array::{ArrayRef, UInt32Array, new_null_array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, Partitioning, PlanProperties,
};
use futures::StreamExt;
use std::fmt;
use std::sync::Arc;

/// The inner query and what plans it.
#[derive(Clone, Debug)]
pub(super) struct Inner {
    pub(super) plan: Arc<LogicalPlan>,
    pub(super) outer: Vec<Expr>,
    pub(super) state: Arc<SessionState>,
}

impl Inner {
    /// The plan with these values in place of the outer columns.
    pub(super) async fn physical(&self, values: &[ScalarValue]) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = bind(self.plan.as_ref().clone(), &self.outer, values)?;
        Box::pin(lowered(&self.state, &plan)).await
    }
}

/// See the module's parent. The second child is the inner plan for one example of a row, to be
/// shown; it never runs.
#[derive(Debug)]
pub(super) struct LateralExec {
    input: Arc<dyn ExecutionPlan>,
    shown: Arc<dyn ExecutionPlan>,
    arguments: Vec<Arc<dyn PhysicalExpr>>,
    inner: Inner,
    kind: Kind,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl LateralExec {
    pub(super) fn new(
        input: Arc<dyn ExecutionPlan>,
        shown: Arc<dyn ExecutionPlan>,
        arguments: Vec<Arc<dyn PhysicalExpr>>,
        inner: Inner,
        kind: Kind,
        schema: SchemaRef,
    ) -> Self {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        let metrics = ExecutionPlanMetricsSet::new();
        Self { input, shown, arguments, inner, kind, schema, properties, metrics }
    }
}

impl ExecutionPlan for LateralExec {
    fn name(&self) -> &'static str {
        "LateralExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input, &self.shown]
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition, Distribution::UnspecifiedDistribution]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false, false]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let mut recursion = TreeNodeRecursion::Continue;
        for argument in &self.arguments {
            recursion = recursion.visit_sibling(|| f(argument))?;
        }
        Ok(recursion)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([input, shown]) = <[Arc<dyn ExecutionPlan>; 2]>::try_from(children) else {
            return internal_err!("a lateral join has an input and a plan to show");
        };
        let (arguments, inner) = (self.arguments.clone(), self.inner.clone());
        let schema = Arc::clone(&self.schema);
        Ok(Arc::new(Self::new(input, shown, arguments, inner, self.kind, schema)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let rows = Rows {
            left: self.input.execute(partition, Arc::clone(&context))?,
            arguments: self.arguments.clone(),
            inner: self.inner.clone(),
            kind: self.kind,
            schema: Arc::clone(&self.schema),
            cancel: stop_of(&context),
            runtime: context.runtime_env(),
            batch: None,
            answer: None,
        };
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let batches = futures::stream::try_unfold((rows, metrics), |(mut rows, metrics)| async {
            let batch = rows.next().await?;
            Ok(batch.map(|batch| {
                metrics.record_output(batch.num_rows());
                (batch, (rows, metrics))
            }))
        });
        let schema = Arc::clone(&self.schema);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

impl DisplayAs for LateralExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outer: Vec<String> = self.arguments.iter().map(ToString::to_string).collect();
        write!(f, "LateralExec: {:?}, for each {}", self.kind, outer.join(", "))
    }
}

/// Where the operator stands.
struct Rows {
    left: SendableRecordBatchStream,
    arguments: Vec<Arc<dyn PhysicalExpr>>,
    inner: Inner,
    kind: Kind,
    schema: SchemaRef,
    cancel: CancelToken,
    /// The session's memory.
    runtime: Arc<RuntimeEnv>,
    /// A batch of the left side, its arguments, and the row to take next.
    batch: Option<(RecordBatch, Vec<ArrayRef>, usize)>,
    answer: Option<Answer>,
}

/// What the inner query says to one row.
struct Answer {
    left: RecordBatch,
    rows: SendableRecordBatchStream,
    count: usize,
}

impl Rows {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(stop) = self.cancel.stopped() {
                return Err(to_datafusion(from_stop(stop)));
            }
            if self.answer.is_some() {
                if let Some(batch) = self.next_of_answer().await? {
                    return Ok(Some(batch));
                }
            } else if !self.ask().await? {
                return Ok(None);
            }
        }
    }

    /// Joined rows of the present answer; `None` at its end.
    async fn next_of_answer(&mut self) -> Result<Option<RecordBatch>> {
        let Some(answer) = &mut self.answer else { return Ok(None) };
        match answer.rows.next().await.transpose()? {
            Some(batch) if batch.num_rows() == 0 => Ok(None),
            Some(batch) => {
                answer.count += batch.num_rows();
                if self.kind == Kind::Value && answer.count > 1 {
                    return Err(too_many());
                }
                joined(&self.schema, &answer.left, batch.columns(), batch.num_rows()).map(Some)
            }
            None => {
                let Some(answer) = self.answer.take() else { return Ok(None) };
                if answer.count > 0 || self.kind == Kind::Inner {
                    return Ok(None);
                }
                let width = answer.left.num_columns();
                let fields = self.schema.fields().iter().skip(width);
                let nulls: Vec<_> = fields.map(|f| new_null_array(f.data_type(), 1)).collect();
                joined(&self.schema, &answer.left, &nulls, 1).map(Some)
            }
        }
    }

    /// Runs the inner query for the next row; false where there is none.
    async fn ask(&mut self) -> Result<bool> {
        let Some((batch, arguments, row)) = &mut self.batch else {
            return self.next_batch().await;
        };
        if *row == batch.num_rows() {
            self.batch = None;
            return self.next_batch().await;
        }
        let values = arguments
            .iter()
            .map(|column| ScalarValue::try_from_array(column, *row))
            .collect::<Result<Vec<_>>>()?;
        let left = batch.slice(*row, 1);
        *row += 1;
        let plan = self.inner.physical(&values).await?;
        let context = context_for(&plan, &self.inner.state);
        let context = Arc::new(context.with_runtime(Arc::clone(&self.runtime)));
        let rows = datafusion::physical_plan::execute_stream(plan, context)?;
        self.answer = Some(Answer { left, rows, count: 0 });
        Ok(true)
    }

    async fn next_batch(&mut self) -> Result<bool> {
        let Some(batch) = self.left.next().await.transpose()? else { return Ok(false) };
        let values =
            |expr: &Arc<dyn PhysicalExpr>| expr.evaluate(&batch)?.into_array(batch.num_rows());
        let arguments = self.arguments.iter().map(values).collect::<Result<Vec<_>>>()?;
        self.batch = Some((batch, arguments, 0));
        Ok(true)
    }
}

/// One row of the left side beside each of these.
fn joined(
    schema: &SchemaRef,
    left: &RecordBatch,
    right: &[ArrayRef],
    rows: usize,
) -> Result<RecordBatch> {
    let repeated = UInt32Array::from(vec![0; rows]);
    let mut columns = left
        .columns()
        .iter()
        .map(|column| Ok(take(column, &repeated, None)?))
        .collect::<Result<Vec<_>>>()?;
    columns.extend(right.iter().cloned());
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

fn too_many() -> datafusion::error::DataFusionError {
    to_datafusion(SqlError::new(
        SqlState::CARDINALITY_VIOLATION,
        "more than one row returned by a subquery used as an expression",
    ))
}
