//! What comes back.

use cvx_core::{CommitSeq, EntityId, ValidTime};

/// The nearest rows, nearest first, and what finding them took.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    pub hits: Vec<Hit>,
    pub counters: Counters,
}

/// A row found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The distance ranked by (composite, if that was asked): NaN for a zero vector under cosine,
    /// `None` for a row without a vector.
    pub distance: Option<f64>,
    pub entity: EntityId,
    pub ts: ValidTime,
    pub seq: CommitSeq,
    /// The place of its part in the request.
    pub part: usize,
    pub row: usize,
}

/// What a search looked at, for EXPLAIN ANALYZE and for tests of the road taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub blocks: usize,
    /// Blocks of which no row was looked at: nothing selected, or too far away in time.
    pub blocks_pruned: usize,
    /// Rows selected.
    pub candidates: usize,
    /// Distances computed from the rows themselves.
    pub distances: usize,
    /// Blocks whose graph was walked.
    pub walked: usize,
    /// Blocks whose cells were asked.
    pub probed: usize,
    /// Blocks whose 1-bit codes were scanned.
    pub sifted: usize,
    /// Blocks whose rows were compared one by one.
    pub scanned: usize,
    /// Rows estimated by their 1-bit codes.
    pub estimates: usize,
    /// Rows scored by their fine codes.
    pub scores: usize,
}
