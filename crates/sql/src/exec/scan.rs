//! Rows of one table at one slice of time.

use super::{Bounds, announced, leaf_properties, time_text};
use crate::error::engine_to_datafusion;
use crate::plan::VersionedTable;
use cvx_engine::{ScanRequest, SystemSlice, ValidSlice};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use std::fmt;
use std::sync::Arc;

/// Reads batches straight from the engine's segments.
#[derive(Debug)]
pub struct ScanExec {
    source: VersionedTable,
    schema: SchemaRef,
    projection: Vec<usize>,
    bounds: Bounds,
    limit: Option<usize>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl ScanExec {
    pub fn new(
        source: VersionedTable,
        schema: SchemaRef,
        projection: Vec<usize>,
        bounds: Bounds,
        limit: Option<usize>,
    ) -> Self {
        let properties = leaf_properties(&schema);
        let metrics = ExecutionPlanMetricsSet::new();
        Self { source, schema, projection, bounds, limit, properties, metrics }
    }

    fn request(&self, batch_rows: usize) -> ScanRequest {
        ScanRequest {
            slice: self.source.slice,
            projection: self.projection.clone(),
            entities: self.bounds.entities.clone(),
            ts_from: self.bounds.ts_from,
            ts_to: self.bounds.ts_to,
            limit: self.limit,
            batch_rows,
            cancel: self.source.cancel.clone(),
        }
    }
}

impl ExecutionPlan for ScanExec {
    fn name(&self) -> &'static str {
        "ScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let scan = self.source.read.scan(self.request(context.session_config().batch_size()));
        let schema = Arc::clone(&self.schema);
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let batches = scan.map(move |batch| {
            let timer = metrics.elapsed_compute().timer();
            let batch = batch.map_err(engine_to_datafusion);
            let batch = batch.and_then(|batch| announced(batch, &schema));
            timer.done();
            if let Ok(batch) = &batch {
                metrics.record_output(batch.num_rows());
            }
            batch
        });
        let stream = futures::stream::iter(batches);
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScanExec: table={}", self.source.table().name)?;
        write_slice(f, &self.source)?;
        write_bounds(f, &self.bounds)?;
        if let Some(limit) = self.limit {
            write!(f, ", limit={limit}")?;
        }
        Ok(())
    }
}

/// The slice, where it is not simply what is known now.
pub(super) fn write_slice(f: &mut fmt::Formatter<'_>, source: &VersionedTable) -> fmt::Result {
    match source.slice.valid {
        ValidSlice::All => {}
        ValidSlice::AsOf(t) => write!(f, ", valid_as_of={}", time_text(t.0))?,
        ValidSlice::Overlap { from, to, .. } => {
            write!(f, ", valid={}..{}", time_text(from.0), time_text(to.0))?;
        }
    }
    match source.slice.system {
        SystemSlice::Current => Ok(()),
        SystemSlice::AsOf(s) => write!(f, ", system_as_of={}", seq_text(s)),
        SystemSlice::All => write!(f, ", system=all"),
        SystemSlice::Overlap { from, to, .. } => {
            write!(f, ", system={}..{}", seq_text(from), seq_text(to))
        }
    }
}

/// A commit by its time, which is what it is numbered by.
fn seq_text(seq: cvx_core::CommitSeq) -> String {
    time_text(i64::try_from(seq.0).unwrap_or(i64::MAX))
}

pub(super) fn write_bounds(f: &mut fmt::Formatter<'_>, bounds: &Bounds) -> fmt::Result {
    if let Some(entities) = &bounds.entities {
        write!(f, ", entities={}", entities.len())?;
    }
    match (bounds.ts_from, bounds.ts_to) {
        (None, None) => Ok(()),
        (from, to) => {
            let show = |time: Option<cvx_core::ValidTime>| {
                time.map_or_else(String::new, |time| time_text(time.0))
            };
            write!(f, ", ts={}..{}", show(from), show(to))
        }
    }
}
