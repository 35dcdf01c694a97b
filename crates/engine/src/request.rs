//! What a read may ask for, and how a kNN answers.

use crate::{Result, RowAddr, TimeSlice};
use arrow::array::BooleanArray;
use arrow::record_batch::RecordBatch;
use cvx_core::{CancelToken, Composite, EntityId, Metric, ValidTime};

/// Rows as batches.
#[derive(Clone, Debug)]
pub struct ScanRequest {
    pub slice: TimeSlice,
    /// Columns of `TableRead::schema`, in the order wanted.
    pub projection: Vec<usize>,
    /// Only these entities; the rows then come by entity (in the order given), then ts.
    pub entities: Option<Vec<EntityId>>,
    /// Inclusive bounds on ts.
    pub ts_from: Option<ValidTime>,
    pub ts_to: Option<ValidTime>,
    pub limit: Option<usize>,
    pub batch_rows: usize,
    pub cancel: CancelToken,
}

impl ScanRequest {
    /// Everything in a slice, in batches of 8,192 rows.
    #[must_use]
    pub fn of(slice: TimeSlice, projection: Vec<usize>) -> Self {
        Self {
            slice,
            projection,
            entities: None,
            ts_from: None,
            ts_to: None,
            limit: None,
            batch_rows: 8192,
            cancel: CancelToken::default(),
        }
    }
}

/// The nearest rows to a vector.
pub struct KnnRequest<'a> {
    /// The id of the vector column.
    pub column: u16,
    pub query: &'a [f32],
    pub metric: Metric,
    pub k: usize,
    /// Distance in time, weighed against distance in meaning.
    pub composite: Option<Composite>,
    pub slice: TimeSlice,
    pub entities: Option<&'a [EntityId]>,
    pub ts_from: Option<ValidTime>,
    pub ts_to: Option<ValidTime>,
    pub filter: Option<RowFilter<'a>>,
    pub search: SearchMode,
    pub cancel: &'a CancelToken,
}

/// Which roads a search may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchMode {
    /// Every row is compared.
    Exact,
    /// Indexes answer for the segments that have one, even where comparing costs less. `ef` is
    /// how many candidates a walk keeps.
    Index { ef: usize },
    /// Whatever costs least.
    Auto { ef: usize },
}

/// Keeps a row by a function of some of its columns; rows where it says NULL go.
pub type Keep<'a> = dyn Fn(&RecordBatch) -> Result<BooleanArray> + Sync + 'a;

/// A WHERE clause over a kNN's candidates.
#[derive(Clone)]
pub struct RowFilter<'a> {
    /// Columns of `TableRead::schema` that the function wants, in its order.
    pub columns: Vec<usize>,
    pub keep: &'a Keep<'a>,
    /// Whether it asks no more of a row than to compare some numbers.
    pub brief: bool,
}

/// The nearest rows, nearest first; ties by entity, then ts, then seq.
#[derive(Clone, Debug, Default)]
pub struct KnnAnswer {
    /// Distance and address. NaN (a zero vector under cosine) comes after numbers, `None` (a NULL
    /// vector) after NaN and only where fewer than k others qualify.
    pub rows: Vec<(Option<f64>, RowAddr)>,
    pub stats: KnnStats,
}

/// What a kNN cost, for EXPLAIN ANALYZE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnnStats {
    pub segments: usize,
    /// Segments left out by their time range.
    pub segments_pruned: usize,
    /// Rows whose closings or timelines were looked at to tell whether the slice sees them.
    pub tested: usize,
    /// Rows that qualified.
    pub candidates: usize,
    /// Distances computed from the rows themselves.
    pub distances: usize,
    /// Segments whose graph was walked, whose cells were asked, whose codes were sifted, whose rows
    /// were compared.
    pub walked: usize,
    pub probed: usize,
    pub sifted: usize,
    pub scanned: usize,
    /// Rows estimated by 1-bit codes, and scored by byte codes.
    pub estimates: usize,
    pub scores: usize,
}
