//! ORDER BY distance LIMIT k as one operator: rows nearest first.
//!
//! Conditions are checked inside, before distances are compared, so exactly k rows come out if k
//! rows qualify. Where a join above may drop rows, it gives as many, in order, as are asked for
//! ([`search`]). It announces the order of its distances, from which the physical planner sees that
//! nothing needs to be sorted. The search runs off the async threads, unless it is sure to be
//! brief, and polls the statement's cancel flag. Where it is the whole plan, [`Alone`] is a shorter
//! way to its rows.

mod alone;
mod filter;
mod search;

pub use alone::{Alone, Errand};

use super::scan::{write_bounds, write_slice};
use super::{Bounds, time_text};
use crate::error::to_datafusion;
use crate::plan::{DISTANCE, KnnSpec, VersionedTable};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation,
};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use filter::{Filter, renumbered};
use search::{Cost, KnnSearch, Progress};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug)]
pub struct KnnExec {
    search: Arc<KnnSearch>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
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
        let filter = condition.map(|condition| Filter::new(&source, condition));
        let hints = Vec::new();
        Self::of(KnnSearch { source, projection, schema, bounds, spec, filter, hints })
    }

    fn of(search: KnnSearch) -> Self {
        let properties = properties(&search);
        let search = Arc::new(search);
        Self { search, properties, metrics: ExecutionPlanMetricsSet::new() }
    }

    /// The condition over the table's columns, if it asks for nothing else.
    fn hint(&self, condition: &Arc<dyn PhysicalExpr>) -> Option<Filter> {
        let search = &self.search;
        let distance = search.place_of_distance();
        let number = |place: usize| {
            search.projection.get(place).copied().filter(|column| *column != distance)
        };
        Some(Filter::new(&search.source, renumbered(condition, number)?))
    }
}

/// One partition, in order of distance where that is a column.
fn properties(search: &KnnSearch) -> Arc<PlanProperties> {
    let schema = Arc::clone(&search.schema);
    let distance = search.projection.iter().position(|at| *at == search.place_of_distance());
    let options = SortOptions { descending: false, nulls_first: false };
    let order = distance
        .map(|place| [PhysicalSortExpr { expr: Arc::new(Column::new(DISTANCE, place)), options }]);
    Arc::new(PlanProperties::new(
        EquivalenceProperties::new_with_orderings(schema, order),
        Partitioning::UnknownPartitioning(1),
        EmissionType::Incremental,
        Boundedness::Bounded,
    ))
}

/// The context to run a plan in: joins above a search that grows gather few rows before they hand
/// them on, so that it is not asked for thousands where k are wanted.
pub fn context_for(plan: &Arc<dyn ExecutionPlan>, state: &SessionState) -> TaskContext {
    let context = without_functions(state);
    let Some(k) = least_k(plan) else { return context };
    let most = context.session_config().batch_size();
    let rows = k.clamp(GATHERED_ROWS_MIN.min(most), most);
    let config = context.session_config().clone().with_batch_size(rows);
    context.with_session_config(config)
}

/// A plan's functions are in it already; by name only plans that come as bytes ask for them.
fn without_functions(state: &SessionState) -> TaskContext {
    TaskContext::new(
        None,
        state.session_id().to_owned(),
        state.config().clone(),
        HashMap::new(),
        HashMap::new(),
        HashMap::new(),
        HashMap::new(),
        Arc::clone(state.runtime_env()),
    )
}

/// Fewer rows at once than this save no search.
const GATHERED_ROWS_MIN: usize = 64;

/// The smallest k of the searches in a plan that grow.
fn least_k(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    let own = plan.downcast_ref::<KnnExec>().map(|knn| &knn.search.spec);
    let own = own.filter(|spec| spec.grows).map(|spec| spec.k);
    plan.children().into_iter().filter_map(least_k).chain(own).min()
}

/// Runs one step of the search where it may block; a brief one is over before another thread
/// begins.
async fn step(mut progress: Progress) -> Result<(Option<(RecordBatch, Cost)>, Progress)> {
    if progress.is_brief() {
        let found = progress.advance()?;
        return Ok((found, progress));
    }
    let stepped = tokio::task::spawn_blocking(move || {
        let found = progress.advance()?;
        Ok((found, progress))
    });
    stepped.await.map_err(|panic| {
        to_datafusion(cvx_types::SqlError::new(
            cvx_types::SqlState::INTERNAL_ERROR,
            format!("the search failed: {panic}"),
        ))
    })?
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
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let mut recursion = TreeNodeRecursion::Continue;
        for hint in &self.search.hints {
            recursion = recursion.visit_sibling(|| f(&hint.condition))?;
        }
        Ok(recursion)
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    /// What a join knows of its keys once it has read its other side narrows a search that grows.
    /// One with a limit inside must not look at what is asked of its answer.
    fn handle_child_pushdown_result(
        &self,
        phase: FilterPushdownPhase,
        result: ChildPushdownResult,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        let wanted = matches!(phase, FilterPushdownPhase::Post) && self.search.spec.grows;
        let hints: Vec<Filter> = match wanted {
            true => result.parent_filters.iter().filter_map(|f| self.hint(&f.filter)).collect(),
            false => Vec::new(),
        };
        let answered = FilterPushdownPropagation::all_unsupported(result);
        if hints.is_empty() {
            return Ok(answered);
        }
        let mut search = KnnSearch::clone(&self.search);
        search.hints.extend(hints);
        Ok(answered.with_updated_node(Arc::new(Self::of(search))))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let metrics = self.metrics.clone();
        let count = move |name: &'static str, value: usize| {
            MetricBuilder::new(&metrics).counter(name, partition).add(value);
        };
        let metrics = self.metrics.clone();
        let time = move |name: &'static str, took: Duration| {
            MetricBuilder::new(&metrics).subset_time(name, partition).add_duration(took);
        };
        let progress =
            Progress::new(Arc::clone(&self.search), context.session_config().batch_size());
        let start = (progress, baseline, count, time);
        let batches = futures::stream::try_unfold(start, async |state| {
            let (progress, baseline, count, time) = state;
            let timer = baseline.elapsed_compute().timer();
            let (found, progress) = step(progress).await?;
            timer.done();
            let Some((batch, Cost { stats, search, fetch })) = found else { return Ok(None) };
            time("search_time", search);
            time("fetch_time", fetch);
            baseline.record_output(batch.num_rows());
            count("segments", stats.segments);
            count("segments_pruned", stats.segments_pruned);
            count("segments_walked", stats.walked);
            count("segments_probed", stats.probed);
            count("segments_sifted", stats.sifted);
            count("segments_scanned", stats.scanned);
            count("rows_tested", stats.tested);
            count("candidates", stats.candidates);
            count("estimates", stats.estimates);
            count("scores", stats.scores);
            count("distances", stats.distances);
            Ok(Some((batch, (progress, baseline, count, time))))
        });
        let schema = Arc::clone(&self.search.schema);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
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
        write!(f, ", metric={:?}, k={}", spec.metric, spec.k)?;
        if spec.grows {
            write!(f, " and more")?;
        }
        write!(f, ", search={}", search.road())?;
        if let Some(composite) = &spec.composite {
            write!(f, ", alpha={}, at={}", composite.alpha(), time_text(composite.at().0))?;
        }
        if let Some(within) = spec.within {
            let sign = if within.inclusive { "<=" } else { "<" };
            write!(f, ", distance {sign} {}", within.distance)?;
        }
        write_slice(f, &search.source)?;
        write_bounds(f, &search.bounds)?;
        if let Some(filter) = &search.filter {
            write!(f, ", filter={}", filter.condition)?;
        }
        for hint in &search.hints {
            write!(f, ", keys={}", hint.condition)?;
        }
        Ok(())
    }
}
