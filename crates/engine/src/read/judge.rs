//! Which rows a read sees, and the four hidden times of each.
//!
//! A row of an entity the transaction did not touch is decided by its segment's closure, or by
//! the entity's timeline where the closure says to ask. A touched entity is decided by its merged
//! timeline, made once for each piece of work.

use super::View;
use crate::closure::ASK;
use crate::own::OwnState;
use crate::segment::Segment;
use crate::sight::{Sight, Stretch, shown_from};
use crate::timeline::{Line, Version};
use cvx_core::EntityId;
use hashbrown::HashMap;
use parking_lot::RwLockReadGuard;
use std::ops::Range;

/// Rows of one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    Range(Range<usize>),
    List(Vec<u32>),
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Range(range) => range.len(),
            Self::List(list) => list.len(),
        }
    }

    pub(crate) fn get(&self, place: usize) -> usize {
        match self {
            Self::Range(range) => range.start + place,
            Self::List(list) => list[place] as usize,
        }
    }

    /// Some of the rows, by their place among them.
    pub(crate) fn slice(&self, places: Range<usize>) -> Self {
        match self {
            Self::Range(range) => Self::Range(range.start + places.start..range.start + places.end),
            Self::List(list) => Self::List(list[places].to_vec()),
        }
    }

    /// As a range, if that is what the list is.
    fn compact(list: Vec<u32>) -> Self {
        match (list.first(), list.last()) {
            (Some(first), Some(last)) if (last - first) as usize + 1 == list.len() => {
                Self::Range(*first as usize..*last as usize + 1)
            }
            _ => Self::List(list),
        }
    }
}

/// The hidden columns of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowTimes {
    pub(crate) valid_to: Option<i64>,
    pub(crate) system_from: Option<u64>,
    pub(crate) system_to: Option<u64>,
}

/// Decides rows for one piece of work. It holds the transaction's writes still while it lives, so
/// it must not live across calls of an iterator.
pub(crate) struct Judge<'a> {
    view: &'a View,
    sight: &'a Sight,
    own: Option<RwLockReadGuard<'a, OwnState>>,
    /// Merged timelines of touched entities met so far.
    lines: HashMap<u64, Vec<Version>>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(view: &'a View, sight: &'a Sight) -> Self {
        // Recursive, since a thread of the pool may take up another piece of the same search.
        let own = view.own.as_ref().map(|own| own.table.state.read_recursive());
        Self { view, sight, own, lines: HashMap::new() }
    }

    fn touched(&self, entity: u64) -> bool {
        self.own.as_ref().is_some_and(|own| own.touched(entity))
    }

    /// The rows of a segment seen, of those whose ts lies within closed bounds.
    pub(crate) fn select(&mut self, segment: &Segment, bounds: (i64, i64)) -> Rows {
        let (first, last) = bounds;
        let last = self.sight.valid.map_or(last, |stretch| last.min(stretch.last));
        let range = segment.within(first, last);
        if range.is_empty() || segment.seq_min > self.latest(segment) {
            return Rows::Range(0..0);
        }
        if self.sees_all(segment, &range) {
            return Rows::Range(range);
        }
        let seen = range.filter(|row| self.sees(segment, *row));
        Rows::compact(seen.map(|row| row as u32).collect())
    }

    /// The last moment at which a segment's rows could be known.
    fn latest(&self, segment: &Segment) -> u64 {
        if crate::is_own(cvx_core::CommitSeq(segment.seq_max)) {
            self.sight.own.last
        } else {
            self.sight.base.last
        }
    }

    /// Whether every row in the range is seen, told without looking at any.
    fn sees_all(&self, segment: &Segment, range: &Range<usize>) -> bool {
        let needs_no_successor =
            self.sight.valid.is_none_or(|stretch| segment.ts[range.start] >= stretch.first);
        self.own.is_none()
            && needs_no_successor
            && segment.seq_max <= self.sight.base.last
            && segment.closures.closed() == 0
    }

    /// Whether a row is seen.
    pub(crate) fn sees(&mut self, segment: &Segment, row: usize) -> bool {
        let (entity, ts, from) = (segment.entities[row], segment.ts[row], segment.seqs.get(row));
        if self.touched(entity) {
            return self.sees_version(EntityId(entity), ts, from);
        }
        let moments = self.sight.base;
        if from > moments.last || segment.closures.sys_to(row) <= moments.first {
            return false;
        }
        let Some(stretch) = self.sight.valid else { return true };
        if ts > stretch.last || ts >= stretch.first {
            return ts <= stretch.last;
        }
        let closed = segment.closures.load(row);
        if closed.succ_seq == ASK {
            return self.sees_version(EntityId(entity), ts, from);
        }
        moments.first.max(from) < closed.succ_seq || stretch.first < closed.succ_ts
    }

    fn sees_version(&mut self, entity: EntityId, ts: i64, from: u64) -> bool {
        let sight = self.sight;
        self.with_line(entity, |line, touched| {
            line.find(ts, from).is_some_and(|place| sees_place(sight, line, place, touched))
        })
    }

    /// The hidden times of a row that is seen.
    pub(crate) fn times(&mut self, segment: &Segment, row: usize) -> RowTimes {
        let (entity, ts, from) = (segment.entities[row], segment.ts[row], segment.seqs.get(row));
        let touched = self.touched(entity);
        let closed = if touched { None } else { Some(segment.closures.load(row)) };
        let (valid_to, to) = match closed {
            Some(closed) if !self.view.store.temporal => (None, closed.sys_to),
            Some(closed) if closed.succ_seq != ASK => {
                let known = self.sight.last_known(false, closed.sys_to);
                ((closed.succ_seq <= known).then_some(closed.succ_ts), closed.sys_to)
            }
            _ => self.version_times(EntityId(entity), ts, from),
        };
        RowTimes { valid_to, system_from: shown_from(from), system_to: self.sight.shown_to(to) }
    }

    fn version_times(&mut self, entity: EntityId, ts: i64, from: u64) -> (Option<i64>, u64) {
        let sight = self.sight;
        self.with_line(entity, |line, touched| {
            let Some(version) = line.find(ts, from).and_then(|place| line.0.get(place)) else {
                return (None, crate::timeline::OPEN);
            };
            (line.successor(ts, sight.last_known(touched, version.to)), version.to)
        })
    }

    /// The points of an entity that are seen, in order of ts.
    pub(crate) fn points(&mut self, entity: EntityId, bounds: (i64, i64)) -> Vec<(i64, u64)> {
        let sight = self.sight;
        self.with_line(entity, |line, touched| {
            let start = line.0.partition_point(|version| version.ts < bounds.0);
            let end = line.0.partition_point(|version| version.ts <= bounds.1);
            let seen = (start..end.max(start)).filter(|place| {
                line.0.get(*place).is_some_and(|v| v.kind == crate::timeline::Kind::Point)
                    && sees_place(sight, line, *place, touched)
            });
            seen.filter_map(|place| line.0.get(place)).map(|v| (v.ts, v.from)).collect()
        })
    }

    /// An entity's versions, and whether the transaction touched it.
    fn with_line<T>(&mut self, entity: EntityId, look: impl FnOnce(Line<'_>, bool) -> T) -> T {
        let Some((state, own)) = self.own.as_ref().zip(self.view.own.as_ref()) else {
            return self.with_base_line(entity, look);
        };
        if !state.touched(entity.0) {
            return self.with_base_line(entity, look);
        }
        let line = self.lines.entry(entity.0).or_insert_with(|| state.line(&own.table, entity));
        look(Line(line), true)
    }

    fn with_base_line<T>(&self, entity: EntityId, look: impl FnOnce(Line<'_>, bool) -> T) -> T {
        self.view
            .store
            .lines
            .read(entity, |line| look(Line(line.map_or(&[], |line| &line.versions)), false))
    }
}

/// Whether the version at a place of its line is seen.
fn sees_place(sight: &Sight, line: Line<'_>, place: usize, touched: bool) -> bool {
    let Some(version) = line.0.get(place) else { return false };
    let moments = sight.moments(touched);
    if !moments.meet(version.from, version.to) {
        return false;
    }
    match sight.valid {
        None => true,
        Some(Stretch { first, last }) => {
            version.ts <= last && (version.ts >= first || line.was_in_force(place, first, moments))
        }
    }
}
