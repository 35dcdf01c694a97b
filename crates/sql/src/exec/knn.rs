//! ORDER BY distance LIMIT k as one operator: the k nearest rows, nearest first.
//!
//! Conditions are checked inside, before distances are compared, so exactly k rows come out if k
//! rows qualify. The search runs off the async threads and polls the statement's cancel flag.

use super::scan::{write_bounds, write_slice};
use super::{Bounds, announced, leaf_properties};
use crate::error::{engine_to_datafusion, from_datafusion, to_datafusion};
use crate::plan::{KnnSpec, VersionedTable};
use cvx_engine::{KnnAnswer, KnnRequest, RowAddr, RowFilter, SearchMode};
use datafusion::arrow::array::{Array, AsArray, BooleanArray};
use datafusion::arrow::compute::prep_null_mask_filter;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use std::fmt;
use std::sync::Arc;

#[derive(Debug)]
pub struct KnnExec {
    search: Arc<KnnSearch>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

/// All that one search needs, ready to run on another thread.
#[derive(Debug)]
struct KnnSearch {
    source: VersionedTable,
    projection: Vec<usize>,
    bounds: Bounds,
    spec: Arc<KnnSpec>,
    filter: Option<Filter>,
}

/// A condition over some of the table's columns.
#[derive(Debug)]
struct Filter {
    columns: Vec<usize>,
    schema: SchemaRef,
    condition: Arc<dyn PhysicalExpr>,
}

impl KnnExec {
    pub fn new(
        source: VersionedTable,
        schema: SchemaRef,
        projection: Vec<usize>,
        bounds: Bounds,
        spec: Arc<KnnSpec>,
        condition: Option<Arc<dyn PhysicalExpr>>,
    ) -> Self {
        let properties = leaf_properties(&schema);
        let filter = condition.map(|condition| Filter::new(&source, condition));
        let search = Arc::new(KnnSearch { source, projection, bounds, spec, filter });
        Self { search, schema, properties, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl Filter {
    /// The condition, its columns numbered as they stand in the batches it will see.
    fn new(source: &VersionedTable, condition: Arc<dyn PhysicalExpr>) -> Self {
        use datafusion::datasource::TableProvider;
        let full = source.schema();
        let mut columns: Vec<usize> =
            collect_columns(&condition).iter().map(Column::index).collect();
        columns.sort_unstable();
        let renumbered = Arc::clone(&condition)
            .transform(|node| {
                let Some(column) = node.downcast_ref::<Column>() else {
                    return Ok(Transformed::no(node));
                };
                let place = columns.binary_search(&column.index()).unwrap_or_default();
                let moved: Arc<dyn PhysicalExpr> = Arc::new(Column::new(column.name(), place));
                Ok(Transformed::yes(moved))
            })
            .map_or(condition, |renumbered| renumbered.data);
        let fields: Vec<_> = columns.iter().map(|index| full.field(*index).clone()).collect();
        Self { columns, schema: Arc::new(Schema::new(fields)), condition: renumbered }
    }

    fn keep(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let columns = batch.columns().to_vec();
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        let kept = self.condition.evaluate(&batch)?.into_array(batch.num_rows())?;
        let kept = kept.as_boolean();
        Ok(if kept.null_count() > 0 { prep_null_mask_filter(kept) } else { kept.clone() })
    }
}

impl KnnSearch {
    fn run(&self) -> Result<(KnnAnswer, RecordBatch)> {
        let keep = |batch: &RecordBatch| match &self.filter {
            Some(filter) => filter.keep(batch).map_err(|error| {
                arrow::error::ArrowError::ExternalError(Box::new(from_datafusion(error))).into()
            }),
            None => Ok(BooleanArray::from(vec![true; batch.num_rows()])),
        };
        let filter = self
            .filter
            .as_ref()
            .map(|filter| RowFilter { columns: filter.columns.clone(), keep: &keep });
        let answer = self.nearest(filter)?;
        let rows: Vec<RowAddr> = answer.rows.iter().map(|(_, addr)| *addr).collect();
        let batch = self
            .source
            .read
            .fetch(&rows, &self.projection, &self.source.slice)
            .map_err(engine_to_datafusion)?;
        Ok((answer, batch))
    }

    /// The k nearest; with ties, also the rows as far as the k-th.
    fn nearest(&self, filter: Option<RowFilter<'_>>) -> Result<KnnAnswer> {
        let mut k = self.spec.k;
        loop {
            let answer = self.ask(k, filter.clone())?;
            let reached = |place: usize| answer.rows.get(place).map(|(distance, _)| *distance);
            let kth = self.spec.k.checked_sub(1).and_then(reached);
            let tied = kth.is_some() && reached(k - 1) == kth && answer.rows.len() == k;
            if !self.spec.with_ties || !tied {
                return Ok(answer);
            }
            k = k.saturating_mul(2).saturating_add(16);
        }
    }

    /// What EXPLAIN says of the road: the index that may answer, or why none does.
    fn road(&self) -> String {
        let (table, spec) = (self.source.table(), &self.spec);
        let index = table.index_of(spec.column, spec.metric);
        match (self.source.search, index) {
            (SearchMode::Exact, _) => "exact (cvx.search)".to_owned(),
            (SearchMode::Index { .. }, Some(index)) => format!("index {}", index.name),
            (SearchMode::Auto { .. }, Some(index)) => format!("auto, index {}", index.name),
            (_, None) => match table.indexes.iter().find(|index| index.column == spec.column) {
                Some(other) => format!("exact (index {} is of {:?})", other.name, other.metric),
                None => "exact (no index)".to_owned(),
            },
        }
    }

    fn ask(&self, k: usize, filter: Option<RowFilter<'_>>) -> Result<KnnAnswer> {
        let request = KnnRequest {
            column: self.spec.column,
            query: &self.spec.query,
            metric: self.spec.metric,
            k,
            composite: self.spec.composite,
            slice: self.source.slice,
            entities: self.bounds.entities.as_deref(),
            ts_from: self.bounds.ts_from,
            ts_to: self.bounds.ts_to,
            filter,
            search: self.source.search,
            cancel: &self.source.cancel,
        };
        self.source.read.knn(&request).map_err(engine_to_datafusion)
    }
}

impl ExecutionPlan for KnnExec {
    fn name(&self) -> &'static str {
        "KnnExec"
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
        _context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let search = Arc::clone(&self.search);
        let schema = Arc::clone(&self.schema);
        let metrics = self.metrics.clone();
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let once = async move {
            let timer = baseline.elapsed_compute().timer();
            let found = tokio::task::spawn_blocking(move || search.run()).await;
            let (answer, batch) = found.map_err(|panic| {
                to_datafusion(cvx_types::SqlError::new(
                    cvx_types::SqlState::INTERNAL_ERROR,
                    format!("the search failed: {panic}"),
                ))
            })??;
            timer.done();
            baseline.record_output(batch.num_rows());
            let count = |name: &'static str, value: usize| {
                MetricBuilder::new(&metrics).counter(name, partition).add(value);
            };
            count("segments", answer.stats.segments);
            count("segments_pruned", answer.stats.segments_pruned);
            count("segments_walked", answer.stats.walked);
            count("segments_sifted", answer.stats.sifted);
            count("segments_scanned", answer.stats.scanned);
            count("candidates", answer.stats.candidates);
            count("estimates", answer.stats.estimates);
            count("scores", answer.stats.scores);
            count("distances", answer.stats.distances);
            announced(batch, &schema)
        };
        let stream = futures::stream::once(once);
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

impl DisplayAs for KnnExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let search = &self.search;
        let spec = &search.spec;
        write!(f, "KnnExec: table={}, column={}", search.source.table().name, spec.column_name)?;
        write!(f, ", metric={:?}, k={}, search={}", spec.metric, spec.k, search.road())?;
        if let Some(composite) = &spec.composite {
            write!(f, ", alpha={}, at={}", composite.alpha(), composite.at().0)?;
        }
        write_slice(f, &search.source)?;
        write_bounds(f, &search.bounds)?;
        if let Some(filter) = &search.filter {
            write!(f, ", filter={}", filter.condition)?;
        }
        Ok(())
    }
}
