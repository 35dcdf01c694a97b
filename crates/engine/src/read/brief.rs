//! Whether a search is likely to be over sooner than another thread could be woken for it.
//!
//! What is brief runs on the thread that serves its client. It is judged by the work that the roads
//! of an index take, before any row is looked at; a search that was misjudged holds the thread for
//! as long as it takes, and polls its token meanwhile.

use super::knn::effort;
use super::scan::bounds;
use super::{Judge, TableRead, View};
use crate::indexes::Place;
use crate::sight::Sight;
use crate::{KnnRequest, RowFilter};
use cvx_core::Metric;

/// Work that is over within a millisecond or two, in rows sifted.
pub(super) const BRIEF: usize = 300_000;
/// Candidates beyond which exact distances are work too.
const CANDIDATES: usize = 400;
/// Numbers of a vector compared in the time that a row is sifted in,
const NUMBERS: usize = 8;
/// and such times for a row that is sifted by its bytes, as those of L1 are.
const BY_BYTES: usize = 8;

impl TableRead {
    /// Whether a search is short of work, and nothing is asked of each row that costs more than a
    /// comparison.
    #[must_use]
    pub fn is_brief(&self, request: &KnnRequest<'_>) -> bool {
        let view = &*self.0;
        let ef = effort(request.search).map_or(0, |effort| effort.ef);
        let few = request.k.max(ef) <= CANDIDATES;
        let asks = request.filter.as_ref().is_some_and(|filter| !is_comparison(view, filter))
            || request.entities.is_some()
            || view.own.is_some();
        if !few || asks || request.composite.is_some() {
            return false;
        }
        let sight = view.sight(&request.slice);
        matches!(sight, Ok(Some(sight)) if work(view, &sight, request) <= BRIEF)
    }
}

/// Whether a condition compares columns of the user; the hidden ones are found out row by row.
fn is_comparison(view: &View, filter: &RowFilter<'_>) -> bool {
    let users = view.layout.columns().len();
    filter.brief && filter.columns.iter().all(|place| *place < users)
}

/// The work of a search, in rows sifted.
fn work(view: &View, sight: &Sight, request: &KnnRequest<'_>) -> usize {
    let judge = Judge::new(view, sight);
    let bounds = bounds(request.ts_from, request.ts_to);
    let table = &view.layout.table;
    let index = effort(request.search).and_then(|_| table.index_of(request.column, request.metric));
    let mut work = 0usize;
    let mut indexed: Vec<(Place, usize)> = Vec::new();
    for segment in view.segments() {
        let rows = segment.within(bounds.0, bounds.1).len();
        work = work.saturating_add(judge.doubtful(segment, bounds));
        let Some(place) = index.and_then(|def| view.core.indexes.place(def.oid, segment)) else {
            work = work.saturating_add(comparing(rows, request.query.len()));
            continue;
        };
        match indexed.iter_mut().find(|(other, _)| other.index.is(&place.index)) {
            Some((_, all)) => *all += rows,
            None => indexed.push((place, rows)),
        }
    }
    let searching = indexed.iter().map(|(place, rows)| searching(place, *rows, request));
    searching.fold(work, usize::saturating_add)
}

/// The work of searching rows of one index.
fn searching(place: &Place, rows: usize, request: &KnnRequest<'_>) -> usize {
    // Those that a condition keeps may all have to be sifted.
    match effort(request.search).filter(|_| request.filter.is_none()) {
        Some(effort) => effort.work(&place.index, request.k, rows) as usize,
        None => rows.saturating_mul(if request.metric == Metric::L1 { BY_BYTES } else { 1 }),
    }
}

/// The work of comparing rows themselves, in rows sifted.
pub(super) fn comparing(rows: usize, dim: usize) -> usize {
    rows.saturating_mul(dim / NUMBERS + 1)
}
