//! The nearest rows: which rows qualify is decided here, how near they are in cvx-index.

use super::brief::{BRIEF, comparing};
use super::filter::filter;
use super::{Judge, RowSet, TableRead, View};
use crate::indexes::Place;
use crate::read::scan::bounds;
use crate::segment::{Segment, numbers};
use crate::sight::Sight;
use crate::{Error, KnnAnswer, KnnRequest, KnnStats, Result, RowAddr, SearchMode};
use arrow::array::{Array, ArrayRef, AsArray};
use cvx_core::{CancelToken, EntityId};
use cvx_index::{
    Answer, Block, Counters, ExactScan, Indexed, Part, Request, Roads, Search, Selection, StHnsw,
};
use hashbrown::HashMap;
use rayon::prelude::*;
use std::sync::Arc;

/// A segment's rows that qualify.
struct Chosen<'a> {
    segment: &'a Arc<Segment>,
    rows: RowSet,
    /// What stands for a vector column that the segment does not have.
    instead: Option<Instead>,
    index: Option<Place>,
}

/// Rows gathered out of a segment that lacks the column, each with the column's missing value.
struct Instead {
    vectors: ArrayRef,
    present: Option<Vec<u64>>,
    entities: Vec<u64>,
    ts: Vec<i64>,
    seqs: Vec<u64>,
}

impl TableRead {
    /// The k nearest rows of a slice, fewer only if fewer qualify. It computes, and blocks: call
    /// it from a thread that may.
    pub fn knn(&self, request: &KnnRequest<'_>) -> Result<KnnAnswer> {
        let view = &*self.0;
        let dim = dimension(view, request)?;
        let Some(sight) = view.sight(&request.slice)? else { return Ok(KnnAnswer::default()) };
        let mut stats = KnnStats::default();
        let mut chosen = choose(view, &sight, request, &mut stats)?;
        let index = match request.search {
            SearchMode::Exact => None,
            SearchMode::Index { .. } | SearchMode::Auto { .. } => {
                view.layout.table.index_of(request.column, request.metric)
            }
        };
        for part in &mut chosen {
            part.complete(view, request.column)?;
        }
        if let Some(def) = index {
            view.place(def.oid, dim, &mut chosen, request.cancel);
        }
        let asked = Request {
            query: request.query,
            metric: request.metric,
            k: request.k,
            composite: request.composite,
            cancel: request.cancel,
        };
        let parts = chosen.iter().filter_map(|c| c.part(request.column, dim));
        let answer = search(request.search, &asked, &parts.collect::<Vec<_>>())?;
        view.check_horizon(&request.slice)?;
        let Counters { candidates, distances, estimates, scores, .. } = answer.counters;
        let Counters { walked, probed, sifted, scanned, .. } = answer.counters;
        stats = KnnStats { candidates, distances, estimates, scores, ..stats };
        stats = KnnStats { walked, probed, sifted, scanned, ..stats };
        let addr = |hit: &cvx_index::Hit| RowAddr { entity: hit.entity, ts: hit.ts, seq: hit.seq };
        let rows = answer.hits.iter().map(|hit| (hit.distance, addr(hit))).collect();
        Ok(KnnAnswer { rows, stats })
    }
}

/// Rows without an index that are worth waiting for, if it may only not be open yet.
const WAIT_ROWS: usize = 65_536;

impl View {
    /// Finds the rows' places in an index. What is brief never waits: it may run on a thread that
    /// serves others.
    fn place(&self, index: u32, dim: usize, chosen: &mut [Chosen<'_>], cancel: &CancelToken) {
        let indexes = &self.core.indexes;
        let find = |part: &mut Chosen<'_>| part.index = indexes.place(index, part.segment);
        chosen.iter_mut().for_each(find);
        let bare = chosen.iter().filter(|part| part.index.is_none());
        let bare: usize = bare.map(|part| part.rows.len()).sum();
        if bare > WAIT_ROWS && comparing(bare, dim) > BRIEF {
            indexes.opening.wait(cancel);
            chosen.iter_mut().for_each(find);
        }
    }
}

/// Asks whoever may answer.
fn search(
    mode: SearchMode,
    request: &Request<'_>,
    parts: &[Part<'_>],
) -> Result<Answer, cvx_index::Error> {
    match effort(mode) {
        None => ExactScan::default().search(request, parts),
        Some(effort) => effort.search(request, parts),
    }
}

/// How an index is asked; `None` where it is not.
pub(super) fn effort(mode: SearchMode) -> Option<StHnsw> {
    match mode {
        SearchMode::Exact => None,
        SearchMode::Index { ef } => Some(StHnsw { ef, roads: Roads::Codes, ..StHnsw::default() }),
        SearchMode::Auto { ef } => Some(StHnsw { ef, ..StHnsw::default() }),
    }
}

fn dimension(view: &View, request: &KnnRequest<'_>) -> Result<usize> {
    let column = view.layout.table.column_by_id(request.column);
    let dim = column.and_then(crate::ColumnDef::dimension);
    let dim = dim.ok_or_else(|| Error::Invalid("not a vector column".to_owned()))?;
    if dim != request.query.len() {
        let (left, right) = (dim, request.query.len());
        return Err(
            cvx_index::Error::from(cvx_core::DistanceError::Dimensions { left, right }).into()
        );
    }
    Ok(dim)
}

/// The rows that qualify, by segment.
fn choose<'a>(
    view: &'a View,
    sight: &Sight,
    request: &KnnRequest<'_>,
    stats: &mut KnnStats,
) -> Result<Vec<Chosen<'a>>> {
    let bounds = bounds(request.ts_from, request.ts_to);
    let chosen = match request.entities {
        Some(entities) => of_entities(view, sight, entities, bounds)?,
        None => {
            let (chosen, tested) = select(view, sight, bounds, request)?;
            stats.tested = tested;
            chosen
        }
    };
    stats.segments = view.segments().count();
    let mut kept = chosen;
    if let Some(asked) = &request.filter {
        let sets: Vec<_> = kept.iter().map(|chosen| (chosen.segment, &chosen.rows)).collect();
        let rows = filter(view, sight, request, asked, &sets)?;
        kept.iter_mut().zip(rows).for_each(|(chosen, rows)| chosen.rows = rows);
    }
    kept.retain(|chosen| chosen.rows.len() > 0);
    stats.segments_pruned = stats.segments - kept.len().min(stats.segments);
    Ok(kept)
}

/// Rows that are looked at on the calling thread: waking others takes as long.
const ALONE_ROWS: usize = 16_384;

/// The rows that a slice sees, by segment, and how many were looked at one by one.
fn select<'a>(
    view: &'a View,
    sight: &Sight,
    bounds: (i64, i64),
    request: &KnnRequest<'_>,
) -> Result<(Vec<Chosen<'a>>, usize)> {
    let select = |segment: &'a Arc<Segment>| {
        if let Some(stop) = request.cancel.stopped() {
            return Err(Error::from(stop));
        }
        let mut judge = Judge::new(view, sight);
        let rows = judge.select(segment, bounds);
        Ok((Chosen { segment, rows, instead: None, index: None }, judge.tested))
    };
    let judge = Judge::new(view, sight);
    let doubtful = view.segments().map(|segment| judge.doubtful(segment, bounds)).sum::<usize>();
    let selected: Vec<_> = if doubtful <= ALONE_ROWS {
        view.segments().map(select).collect::<Result<_>>()?
    } else {
        view.segments().collect::<Vec<_>>().into_par_iter().map(select).collect::<Result<_>>()?
    };
    let tested = selected.iter().map(|(_, tested)| tested).sum();
    Ok((selected.into_iter().map(|(chosen, _)| chosen).collect(), tested))
}

/// The rows of some entities, by segment.
fn of_entities<'a>(
    view: &'a View,
    sight: &Sight,
    entities: &[EntityId],
    bounds: (i64, i64),
) -> Result<Vec<Chosen<'a>>> {
    let mut judge = Judge::new(view, sight);
    let mut by_segment: HashMap<u64, (&'a Arc<Segment>, Vec<u32>)> = HashMap::new();
    for entity in entities {
        for (ts, seq) in judge.points(*entity, bounds) {
            let addr = RowAddr {
                entity: *entity,
                ts: cvx_core::ValidTime(ts),
                seq: cvx_core::CommitSeq(seq),
            };
            let lost = || Error::Corrupt(format!("no segment holds the row at {addr:?}"));
            let (segment, row) = view.find(&addr).ok_or_else(lost)?;
            by_segment.entry(segment.number).or_insert((segment, vec![])).1.push(row as u32);
        }
    }
    let chosen = by_segment.into_values().map(|(segment, mut rows)| {
        rows.sort_unstable();
        rows.dedup();
        Chosen { segment, rows: RowSet::List(rows), instead: None, index: None }
    });
    Ok(chosen.collect())
}

impl Chosen<'_> {
    /// Gathers the rows if the segment lacks the column.
    fn complete(&mut self, view: &View, column: u16) -> Result<()> {
        if self.segment.column(column).is_some() {
            return Ok(());
        }
        let place = view.layout.table.place(column)?;
        let chosen = self.rows.clone().into_rows();
        let rows: Vec<usize> = (0..chosen.len()).map(|at| chosen.get(at)).collect();
        let vectors = view.layout.missing(place, rows.len())?;
        let absent = vectors.null_count() > 0;
        self.instead = Some(Instead {
            present: absent.then(|| vec![0; rows.len().div_ceil(64)]),
            vectors,
            entities: rows.iter().map(|row| self.segment.entities[*row]).collect(),
            ts: rows.iter().map(|row| self.segment.ts[*row]).collect(),
            seqs: rows.iter().map(|row| self.segment.seqs.get(*row)).collect(),
        });
        Ok(())
    }

    fn part(&self, column: u16, dim: usize) -> Option<Part<'_>> {
        if let Some(instead) = &self.instead {
            let block = Block {
                dim,
                vectors: numbers(instead.vectors.as_fixed_size_list_opt()?)?,
                present: instead.present.as_deref(),
                entities: &instead.entities,
                ts: &instead.ts,
                seqs: cvx_index::Seqs::Each(&instead.seqs),
                time_ordered: true,
            };
            return Some(Part { block, rows: Selection::all(instead.ts.len()), index: None });
        }
        let block = self.segment.block(column, dim)?;
        let index = self.index.as_ref().map(|Place { index, first, own }| Indexed {
            index,
            first: *first,
            own: own.as_ref(),
        });
        Some(Part { block, rows: self.rows.selection(), index })
    }
}
