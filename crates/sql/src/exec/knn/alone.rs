//! A search that is all there is to a plan, and its rows without operators.
//!
//! `SELECT id, 1 - (v <=> $1) .. ORDER BY v <=> $1 LIMIT 10` becomes projections over one
//! [`KnnExec`]. What of that no value of a parameter decides is kept here: which columns are read,
//! and what is computed of them. Together with an execution's table, query and conditions it is an
//! [`Errand`], whose rows are those that the plan would give.
//!
//! A search that is likely to be brief is run where it stands: handing it to another thread and
//! waiting for that takes as long as the search itself. Any other goes the way of plans.

use super::filter::Filter;
use super::search::{KnnSearch, Progress};
use super::{KnnExec, step};
use crate::exec::Bounds;
use crate::plan::{KnnSpec, VersionedTable};
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::datasource::TableProvider;
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream;
use std::sync::Arc;

/// What a search that is alone in its plan is, whatever the values.
#[derive(Debug)]
pub struct Alone {
    projection: Vec<usize>,
    schema: SchemaRef,
    /// The table's columns, and the distance after them.
    table_schema: SchemaRef,
    spec: KnnSpec,
    /// What is computed of the rows, one after the other.
    levels: Arc<[Level]>,
}

#[derive(Clone, Debug)]
struct Level {
    exprs: Vec<Arc<dyn PhysicalExpr>>,
    schema: SchemaRef,
}

impl Alone {
    /// What a plan says of its search, if it is nothing else.
    pub fn of(plan: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        let mut levels = Vec::new();
        let mut limit = usize::MAX;
        let mut node = plan;
        let knn = loop {
            if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
                levels.push(Level::of(projection));
                node = projection.input();
            } else if let Some(top) = node.downcast_ref::<GlobalLimitExec>() {
                limit = limit.min(top.fetch().filter(|_| top.skip() == 0)?);
                node = top.input();
            } else if node.downcast_ref::<CooperativeExec>().is_some() {
                node = node.children().into_iter().next()?;
            } else {
                break node.downcast_ref::<KnnExec>()?;
            }
        };
        levels.reverse();
        Self::over(&knn.search, limit, levels)
    }

    /// A limit above it must be its own: fewer rows are not asked for.
    fn over(search: &KnnSearch, limit: usize, levels: Vec<Level>) -> Option<Self> {
        let spec = &search.spec;
        if spec.grows || spec.with_ties || limit < spec.k || !search.hints.is_empty() {
            return None;
        }
        let spec = KnnSpec { query: Arc::new([]), filters: Vec::new(), ..KnnSpec::clone(spec) };
        Some(Self {
            projection: search.projection.clone(),
            schema: Arc::clone(&search.schema),
            table_schema: search.source.schema(),
            spec,
            levels: levels.into(),
        })
    }

    /// What the search asks, with the query's vector in its place and another k where one is given.
    pub fn spec(&self, query: Arc<[f32]>, k: Option<usize>) -> KnnSpec {
        KnnSpec { query, k: k.unwrap_or(self.spec.k), ..self.spec.clone() }
    }

    /// The columns that conditions speak of.
    pub fn table_schema(&self) -> SchemaRef {
        Arc::clone(&self.table_schema)
    }

    /// The search of one execution.
    pub fn errand(
        &self,
        source: VersionedTable,
        spec: KnnSpec,
        bounds: Bounds,
        condition: Option<Arc<dyn PhysicalExpr>>,
    ) -> Errand {
        let filter = condition.map(|condition| Filter::new(&source, condition));
        let search = KnnSearch {
            source,
            projection: self.projection.clone(),
            schema: Arc::clone(&self.schema),
            bounds,
            spec: Arc::new(spec),
            filter,
            hints: Vec::new(),
        };
        Errand { search: Arc::new(search), levels: Arc::clone(&self.levels) }
    }
}

impl Level {
    fn of(projection: &ProjectionExec) -> Self {
        let exprs = projection.expr().iter().map(|named| Arc::clone(&named.expr)).collect();
        Self { exprs, schema: projection.schema() }
    }

    fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let column = |expr: &Arc<dyn PhysicalExpr>| expr.evaluate(batch)?.into_array(rows);
        let columns = self.exprs.iter().map(column).collect::<Result<Vec<ArrayRef>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}

/// A search to be run once.
#[derive(Debug)]
pub struct Errand {
    search: Arc<KnnSearch>,
    levels: Arc<[Level]>,
}

impl Errand {
    /// Whether it is over before another thread would have begun.
    pub fn is_brief(&self, batch_rows: usize) -> bool {
        self.search.spec.k <= batch_rows && self.search.is_brief()
    }

    /// All rows of a brief one, at once; none where nothing qualifies.
    pub fn run(self, batch_rows: usize) -> Result<Option<RecordBatch>> {
        let found = Progress::new(self.search, batch_rows).advance()?;
        found.map(|(batch, _)| computed(&self.levels, batch)).transpose()
    }

    /// The columns of its rows.
    pub fn schema(&self) -> SchemaRef {
        let last = self.levels.last().map(|level| &level.schema);
        Arc::clone(last.unwrap_or(&self.search.schema))
    }

    /// Its rows as they are asked for, searched where a thread may be held up.
    pub fn stream(self, batch_rows: usize) -> SendableRecordBatchStream {
        let schema = self.schema();
        let Self { search, levels } = self;
        let progress = Progress::new(search, batch_rows);
        let batches = stream::try_unfold((progress, levels), async |(progress, levels)| {
            let (found, progress) = step(progress).await?;
            let Some((batch, _)) = found else { return Ok(None) };
            Ok(Some((computed(&levels, batch)?, (progress, levels))))
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, batches))
    }
}

fn computed(levels: &[Level], batch: RecordBatch) -> Result<RecordBatch> {
    levels.iter().try_fold(batch, |batch, level| level.apply(&batch))
}
