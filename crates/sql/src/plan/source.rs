//! A table as the planner sees it: its rows at a bound slice of both time axes.

use crate::bind::BoundTable;
use crate::exec::{Bounds, KnnExec, ScanExec};
use async_trait::async_trait;
use cvx_core::{CancelToken, Metric, ValidTime};
use cvx_engine::{Composite, SearchMode, Table, TableRead, TimeSlice};
use cvx_types::PgType;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, Result};
use datafusion::datasource::{TableProvider, TableType, source_as_provider};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableScan};
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

/// Metadata on a vector column: what `st_distance` uses where the query is silent.
pub(crate) const TABLE_KEY: &str = "cvx.table";
pub(crate) const METRIC_KEY: &str = "cvx.metric";
pub(crate) const TAU_KEY: &str = "cvx.tau_us";
pub(crate) const AT_KEY: &str = "cvx.at_us";
/// Metadata on a valid-time column: the table whose time it is.
pub(crate) const TIME_OF_KEY: &str = "cvx.time_of";

/// The column a search adds to its table: each row's distance.
pub const DISTANCE: &str = "__distance";

/// A read of one table at one slice.
#[derive(Clone, Debug)]
pub struct VersionedTable {
    /// Its number among the statement's tables.
    pub(crate) mark: usize,
    pub(crate) read: TableRead,
    pub(crate) slice: TimeSlice,
    pub(crate) until: Option<ValidTime>,
    pub(crate) search: SearchMode,
    pub(crate) cancel: CancelToken,
    schema: SchemaRef,
    /// Set by the optimizer: only the k nearest rows, nearest first.
    knn: Option<Arc<KnnSpec>>,
}

/// ORDER BY distance LIMIT k, as the engine is asked for it.
#[derive(Clone, Debug)]
pub struct KnnSpec {
    pub column: u16,
    pub column_name: String,
    pub query: Arc<[f32]>,
    pub metric: Metric,
    pub k: usize,
    /// Also rows as far as the k-th, for ORDER BY with more keys.
    pub with_ties: bool,
    pub composite: Option<Composite>,
    /// Conditions on the rows, of the scan and of the plan above it.
    pub filters: Vec<Expr>,
    /// Only rows nearer than this.
    pub within: Option<Within>,
    /// Rows may be lost above (a join, a condition that cannot be checked here): k is only what is
    /// asked for first, and further rows come in order for as long as they are asked for.
    pub grows: bool,
}

/// The farthest distance that a condition allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Within {
    pub distance: f64,
    pub inclusive: bool,
}

impl Within {
    pub fn holds(&self, distance: Option<f64>) -> bool {
        distance.is_some_and(|distance| {
            distance < self.distance || self.inclusive && distance == self.distance
        })
    }
}

impl VersionedTable {
    pub(crate) fn new(
        bound: &BoundTable,
        mark: usize,
        search: SearchMode,
        cancel: CancelToken,
    ) -> Self {
        let schema = annotated(&bound.read, bound.at_us);
        Self {
            mark,
            read: bound.read.clone(),
            slice: bound.slice,
            until: bound.until,
            search,
            cancel,
            schema,
            knn: None,
        }
    }

    /// The table of a search that is planned already; `schema` has the distance as its last column.
    pub(crate) fn searched(
        bound: &BoundTable,
        schema: SchemaRef,
        search: SearchMode,
        cancel: CancelToken,
    ) -> Self {
        let BoundTable { read, slice, until, .. } = bound;
        let (read, slice, until) = (read.clone(), *slice, *until);
        Self { mark: 0, read, slice, until, search, cancel, schema, knn: None }
    }

    /// The table behind a scan, if it is one of ours.
    pub(crate) fn of(scan: &TableScan) -> Option<Self> {
        source_as_provider(&scan.source).ok()?.downcast_ref::<Self>().cloned()
    }

    /// The same rows by distance, which is one more column.
    pub(crate) fn with_knn(&self, spec: KnnSpec) -> Self {
        let mut fields = self.schema.fields().to_vec();
        fields.push(Arc::new(Field::new(DISTANCE, DataType::Float64, true)));
        let schema = Arc::new(Schema::new(fields));
        Self { knn: Some(Arc::new(spec)), schema, ..self.clone() }
    }

    pub(crate) fn is_knn(&self) -> bool {
        self.knn.is_some()
    }

    /// Whether it is a search that gives as many rows as are asked for.
    pub(crate) fn grows(&self) -> bool {
        self.knn.as_ref().is_some_and(|knn| knn.grows)
    }

    pub(crate) fn table(&self) -> &Arc<Table> {
        self.read.table()
    }
}

/// The read's schema with what `st_distance` needs to know on its fields.
fn annotated(read: &TableRead, at_us: i64) -> SchemaRef {
    let schema = read.schema();
    let table = read.table();
    let fields = schema.fields().iter().enumerate().map(|(index, field)| {
        let column = table.columns.get(index);
        let mut field = Field::clone(field);
        let mut metadata = field.metadata().clone();
        match column {
            Some(column) if matches!(column.ty, PgType::Vector | PgType::Halfvec) => {
                metadata.insert(TABLE_KEY.to_owned(), table.oid.to_string());
                metadata.insert(METRIC_KEY.to_owned(), metric_name(table.options.metric).into());
                metadata.insert(TAU_KEY.to_owned(), table.options.time_scale_us.to_string());
                metadata.insert(AT_KEY.to_owned(), at_us.to_string());
            }
            Some(column) if table.valid_time == Some(column.id) => {
                metadata.insert(TIME_OF_KEY.to_owned(), table.oid.to_string());
            }
            _ => {}
        }
        field.set_metadata(metadata);
        field
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A metric as options and `METRIC` name it.
pub(crate) fn metric_name(metric: Metric) -> &'static str {
    match metric {
        Metric::L2 => "l2",
        Metric::Cosine => "cosine",
        Metric::InnerProduct => "ip",
        Metric::L1 => "l1",
        Metric::Poincare => "poincare",
    }
}

#[async_trait]
impl TableProvider for VersionedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Bounds on the key narrow the scan; every condition is still checked above it. What is said
    /// of a search's distance can only be checked above.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let of_distance = |filter: &&Expr| {
            self.is_knn() && filter.column_refs().iter().any(|column| column.name == DISTANCE)
        };
        let support = |filter: &&Expr| match of_distance(filter) {
            true => TableProviderFilterPushDown::Unsupported,
            false => TableProviderFilterPushDown::Inexact,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let projection =
            projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let schema = Arc::new(self.schema.project(&projection)?);
        let Some(spec) = &self.knn else {
            let bounds = Bounds::of(self, filters)?;
            let limit = limit.filter(|_| filters.is_empty());
            return Ok(Arc::new(ScanExec::new(self.clone(), schema, projection, bounds, limit)));
        };
        let mut all = filters.to_vec();
        all.extend(spec.filters.iter().filter(|filter| !filters.contains(filter)).cloned());
        let (bounds, rest) = Bounds::apart(self, &all)?;
        let filter = match conjunction(rest) {
            Some(condition) => {
                let schema = DFSchema::try_from(Schema::clone(&self.schema))?;
                Some(state.create_physical_expr(condition, &schema)?)
            }
            None => None,
        };
        let spec = Arc::clone(spec);
        Ok(Arc::new(KnnExec::new(self.clone(), schema, projection, bounds, spec, filter)))
    }
}
