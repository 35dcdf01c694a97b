//! Indexes in figures: a row for each segment, and one for the rows in memory.

use crate::engine::Engine;
use crate::segment::Segment;
use crate::{IndexDef, Result, Table};
use std::sync::Arc;

/// One segment of an index, or the tail.
#[derive(Clone, Debug)]
pub struct IndexStats {
    pub table: Arc<Table>,
    pub index: IndexDef,
    /// The row file's number; `None` for the tail.
    pub segment: Option<u64>,
    pub state: IndexState,
    pub rows: usize,
    pub unindexed: usize,
    pub nodes: usize,
    pub edges: usize,
    pub layers: usize,
    pub bytes: usize,
    /// Rows not closed in system time, of all.
    pub live_share: f64,
    pub unreachable: usize,
    /// As `measure_recall` last found it for the whole index.
    pub recall: Option<f64>,
}

/// How far a segment's index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexState {
    Ready,
    /// Searched by an index over several segments. Its own is kept, and its figures are shown; its
    /// bytes count both, the other by its share of the rows.
    Merged,
    /// Rows are sifted by their codes until it is built, or compared one by one if they are few.
    Building,
    /// Rows in memory, of which there are codes at most.
    Tail,
    /// An index of what codes cannot serve: an expression, another type.
    Recorded,
}

impl IndexState {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Merged => "merged",
            Self::Building => "building",
            Self::Tail => "tail",
            Self::Recorded => "recorded",
        }
    }
}

impl Engine {
    /// Every index, segment by segment.
    pub fn index_stats(&self) -> Result<Vec<IndexStats>> {
        let published = self.core().published.load_full();
        let mut all = Vec::new();
        for table in published.catalog.all_tables() {
            let list = published.store(table.space)?.list.load_full();
            for index in &table.indexes {
                let of = |segments: &[&Arc<Segment>]| self.stats_of(table, index, segments);
                all.extend(list.sealed.iter().map(|segment| of(&[segment])));
                let runs: Vec<_> = list.frozen.iter().chain(&list.tail).collect();
                all.push(IndexStats { segment: None, ..of(&runs) });
            }
        }
        Ok(all)
    }

    fn stats_of(
        &self,
        table: &Arc<Table>,
        index: &IndexDef,
        segments: &[&Arc<Segment>],
    ) -> IndexStats {
        let indexes = &self.core().indexes;
        let rows: usize = segments.iter().map(|segment| segment.rows()).sum();
        let closed: usize = segments.iter().map(|segment| segment.closures.closed()).sum();
        let file = segments.first().and_then(|segment| segment.file.as_ref());
        let open = segments.first().and_then(|segment| indexes.of(index.oid, segment));
        let place = segments.first().and_then(|segment| indexes.place(index.oid, segment));
        let merged = place.map(|place| place.index).filter(|one| one.rows() > rows);
        let sketched = |segment: &&Arc<Segment>| segment.sketches.bytes_of(index.oid);
        let sketches: usize = segments.iter().map(sketched).sum();
        let share = merged.as_ref().map_or(0, |merged| merged.bytes() / merged.rows() * rows);
        let state = match (&open, file) {
            _ if merged.is_some() => IndexState::Merged,
            (Some(_), _) => IndexState::Ready,
            (None, None) => IndexState::Tail,
            (None, Some(_)) if index.answers().is_some() => IndexState::Building,
            (None, Some(_)) => IndexState::Recorded,
        };
        let of = |get: fn(&cvx_index::SegmentIndex) -> usize| open.as_ref().map_or(0, get);
        IndexStats {
            table: Arc::clone(table),
            index: index.clone(),
            segment: file.map(|meta| meta.id.0),
            state,
            rows,
            unindexed: if open.is_some() || merged.is_some() { 0 } else { rows },
            nodes: of(cvx_index::SegmentIndex::nodes),
            edges: of(cvx_index::SegmentIndex::edges),
            layers: of(cvx_index::SegmentIndex::layers),
            bytes: of(cvx_index::SegmentIndex::bytes) + share + sketches,
            live_share: if rows == 0 { 1.0 } else { (rows - closed) as f64 / rows as f64 },
            unreachable: of(cvx_index::SegmentIndex::unreachable),
            recall: indexes.recall.lock().get(&index.oid).copied(),
        }
    }
}
