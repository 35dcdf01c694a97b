//! One search and its rows, ready to run on another thread.
//!
//! A search that grows asks the engine for k rows, then for eight times as many, and hands out
//! those it has not handed out yet: the answers of one snapshot begin alike, so the rows come in
//! order of distance without any twice. What the plan above does not ask for is not searched.

use super::filter::Filter;
use crate::error::{engine_to_datafusion, from_datafusion};
use crate::exec::{Bounds, announced};
use crate::plan::{KnnSpec, VersionedTable};
use cvx_engine::{KnnAnswer, KnnRequest, KnnStats, RowAddr, RowFilter, SearchMode};
use datafusion::arrow::array::{BooleanArray, Float64Array};
use datafusion::arrow::compute::and;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::error::Result;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many times more rows each next answer holds.
const GROWTH: usize = 8;

/// All that a search needs.
#[derive(Clone, Debug)]
pub(super) struct KnnSearch {
    pub(super) source: VersionedTable,
    /// Columns of the table, and after the last of them the distance.
    pub(super) projection: Vec<usize>,
    pub(super) schema: SchemaRef,
    pub(super) bounds: Bounds,
    pub(super) spec: Arc<KnnSpec>,
    pub(super) filter: Option<Filter>,
    /// What joins above have learnt of their other side by the time that the search begins.
    pub(super) hints: Vec<Filter>,
}

/// Where a search stands.
#[derive(Debug)]
pub(super) struct Progress {
    search: Arc<KnnSearch>,
    /// How many rows to ask for next; `None` where there are no more.
    next_k: Option<usize>,
    given: HashSet<RowAddr>,
    waiting: VecDeque<(Option<f64>, RowAddr)>,
    batch_rows: usize,
}

impl Progress {
    pub(super) fn new(search: Arc<KnnSearch>, batch_rows: usize) -> Self {
        let next_k = Some(search.spec.k);
        let batch_rows = batch_rows.max(1);
        Self { search, next_k, given: HashSet::new(), waiting: VecDeque::new(), batch_rows }
    }

    /// Whether the next step takes no longer than waking another thread for it would.
    pub(super) fn is_brief(&self) -> bool {
        !self.waiting.is_empty() || self.next_k.is_none() || self.search.is_brief()
    }

    /// The next rows, and what finding them cost; `None` at the end.
    pub(super) fn advance(&mut self) -> Result<Option<(RecordBatch, Cost)>> {
        let began = Instant::now();
        let mut stats = KnnStats::default();
        while self.waiting.is_empty() {
            let Some(k) = self.next_k else { return Ok(None) };
            add(&mut stats, self.ask(k)?);
        }
        let rows = self.batch_rows.min(self.waiting.len());
        let rows: Vec<_> = self.waiting.drain(..rows).collect();
        let found = Instant::now();
        let batch = self.search.rows(&rows)?;
        let cost = Cost { stats, search: found - began, fetch: found.elapsed() };
        Ok(Some((batch, cost)))
    }

    fn ask(&mut self, k: usize) -> Result<KnnStats> {
        let search = Arc::clone(&self.search);
        let answer = search.answer(k)?;
        let spec = &search.spec;
        let found = answer.rows.len();
        let near = |distance| spec.within.is_none_or(|within| within.holds(distance));
        let rows = answer.rows.into_iter().take_while(|(distance, _)| near(*distance));
        let mut count = 0;
        for row in rows {
            count += 1;
            if !spec.grows || self.given.insert(row.1) {
                self.waiting.push_back(row);
            }
        }
        let ended = !spec.grows || found < k || count < found;
        self.next_k = (!ended).then(|| k.saturating_mul(GROWTH).max(k + 1));
        Ok(answer.stats)
    }
}

/// What finding some rows cost, and what fetching them did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub(super) stats: KnnStats,
    pub(super) search: Duration,
    pub(super) fetch: Duration,
}

fn add(sum: &mut KnnStats, more: KnnStats) {
    sum.segments = sum.segments.max(more.segments);
    sum.segments_pruned = sum.segments_pruned.max(more.segments_pruned);
    sum.tested += more.tested;
    sum.candidates += more.candidates;
    sum.distances += more.distances;
    sum.walked += more.walked;
    sum.probed += more.probed;
    sum.sifted += more.sifted;
    sum.scanned += more.scanned;
    sum.estimates += more.estimates;
    sum.scores += more.scores;
}

impl KnnSearch {
    /// The rows at these addresses with their distances, as the plan wants them.
    fn rows(&self, found: &[(Option<f64>, RowAddr)]) -> Result<RecordBatch> {
        let distance = self.place_of_distance();
        let of_table: Vec<usize> =
            self.projection.iter().copied().filter(|column| *column != distance).collect();
        let rows: Vec<RowAddr> = found.iter().map(|(_, addr)| *addr).collect();
        let slice = &self.source.slice;
        let batch =
            self.source.read.fetch(&rows, &of_table, slice).map_err(engine_to_datafusion)?;
        let mut columns = batch.columns().to_vec();
        if let Some(place) = self.projection.iter().position(|column| *column == distance) {
            let distances: Float64Array = found.iter().map(|(distance, _)| *distance).collect();
            columns.insert(place, Arc::new(distances));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(found.len()));
        let schema = Arc::clone(&self.schema);
        let batch = RecordBatch::try_new_with_options(schema, columns, &options)?;
        announced(batch, &self.schema)
    }

    /// The number of the column that holds distances: the one after the table's own.
    pub(super) fn place_of_distance(&self) -> usize {
        use datafusion::datasource::TableProvider;
        self.source.schema().fields().len() - 1
    }

    fn answer(&self, k: usize) -> Result<KnnAnswer> {
        let filters: Vec<&Filter> = self.filter.iter().chain(&self.hints).collect();
        let mut columns: Vec<usize> =
            filters.iter().flat_map(|filter| filter.columns.iter().copied()).collect();
        columns.sort_unstable();
        columns.dedup();
        let keep = |batch: &RecordBatch| {
            kept(&filters, &columns, batch).map_err(|error| {
                arrow::error::ArrowError::ExternalError(Box::new(from_datafusion(error))).into()
            })
        };
        let filter = (!filters.is_empty()).then(|| RowFilter {
            columns: columns.clone(),
            keep: &keep,
            brief: filters.iter().all(|filter| filter.brief),
        });
        self.nearest(k, filter)
    }

    /// The k nearest; with ties, also the rows as far as the k-th.
    fn nearest(&self, wanted: usize, filter: Option<RowFilter<'_>>) -> Result<KnnAnswer> {
        let mut k = wanted;
        loop {
            let answer = self.source.read.knn(&self.request(k, filter.clone()));
            let answer = answer.map_err(engine_to_datafusion)?;
            let reached = |place: usize| answer.rows.get(place).map(|(distance, _)| *distance);
            let kth = wanted.checked_sub(1).and_then(reached);
            let tied = kth.is_some() && reached(k - 1) == kth && answer.rows.len() == k;
            if !self.spec.with_ties || !tied {
                return Ok(answer);
            }
            k = k.saturating_mul(2).saturating_add(16);
        }
    }

    /// Which roads may be taken. A search that grows hands out rows before it knows the next ones,
    /// so none may be missed at first and found later.
    fn mode(&self) -> SearchMode {
        if self.spec.grows { SearchMode::Exact } else { self.source.search }
    }

    /// What EXPLAIN says of the road: the index that may answer, or why none does.
    pub(super) fn road(&self) -> String {
        let (table, spec) = (self.source.table(), &self.spec);
        let index = table.index_of(spec.column, spec.metric);
        match (self.source.search, index) {
            (SearchMode::Exact, _) => "exact (cvx.search)".to_owned(),
            (_, Some(_)) if spec.grows => "exact (rows may be lost above)".to_owned(),
            (SearchMode::Index { .. }, Some(index)) => format!("index {}", index.name),
            (SearchMode::Auto { .. }, Some(index)) => format!("auto, index {}", index.name),
            (_, None) => match table.indexes.iter().find(|index| index.column == spec.column) {
                Some(other) => format!("exact (index {} is of {})", other.name, other.opclass),
                None => "exact (no index)".to_owned(),
            },
        }
    }

    /// Whether an answer takes a millisecond or two at most.
    pub(super) fn is_brief(&self) -> bool {
        let spec = &self.spec;
        // It is asked of nobody here.
        let keep = |_: &RecordBatch| Ok(BooleanArray::from(Vec::<bool>::new()));
        let of = |filter: &Filter| RowFilter {
            columns: filter.columns.clone(),
            keep: &keep,
            brief: filter.brief,
        };
        let request = self.request(spec.k, self.filter.as_ref().map(of));
        self.hints.is_empty() && !spec.with_ties && self.source.read.is_brief(&request)
    }

    fn request<'a>(&'a self, k: usize, filter: Option<RowFilter<'a>>) -> KnnRequest<'a> {
        KnnRequest {
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
            search: self.mode(),
            cancel: &self.source.cancel,
        }
    }
}

/// The rows that every filter keeps, each looking at its own columns of the batch.
fn kept(filters: &[&Filter], columns: &[usize], batch: &RecordBatch) -> Result<BooleanArray> {
    let mut all: Option<BooleanArray> = None;
    for filter in filters {
        let places: Vec<usize> =
            filter.columns.iter().filter_map(|column| columns.binary_search(column).ok()).collect();
        let passed = filter.keep(&batch.project(&places)?)?;
        all = Some(match all {
            Some(before) => and(&before, &passed)?,
            None => passed,
        });
    }
    Ok(all.unwrap_or_else(|| BooleanArray::from(vec![true; batch.num_rows()])))
}
