//! Which rows a read sees, and the four hidden times of each.
//!
//! A row of an entity the transaction did not touch is decided by its segment's closure, or by
//! the entity's timeline where the closure says to ask. A touched entity is decided by its merged
//! timeline, made once for each piece of work.

use super::View;
use super::rows::{RowSet, word_of};
use crate::address::OWN_BASE;
use crate::closure::ASK;
use crate::living::bits;
use crate::own::{Merged, OwnState};
use crate::segment::Segment;
use crate::sight::{Sight, Verdict, shown_from};
use crate::timeline::{Kind, Line, OPEN};
use cvx_core::EntityId;
use hashbrown::HashMap;
use parking_lot::RwLockReadGuard;
use std::ops::Range;

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
    lines: HashMap<u64, Merged>,
    /// Rows that `select` had to look at one by one.
    pub(crate) tested: usize,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(view: &'a View, sight: &'a Sight) -> Self {
        // Recursive, since a thread of the pool may take up another piece of the same search.
        let own = view.own.as_ref().map(|own| own.table.state.read_recursive());
        Self { view, sight, own, lines: HashMap::new(), tested: 0 }
    }

    fn touched(&self, entity: u64) -> bool {
        self.own.as_ref().is_some_and(|own| own.touched(entity))
    }

    /// The rows of a segment seen, of those whose ts lies within closed bounds.
    pub(crate) fn select(&mut self, segment: &Segment, bounds: (i64, i64)) -> RowSet {
        let (first, last) = bounds;
        let last = self.sight.valid.map_or(last, |stretch| last.min(stretch.last));
        let range = segment.within(first, last);
        let own = segment.seq_min >= OWN_BASE;
        if range.is_empty() || (!own && segment.seq_min > self.sight.base.last) {
            return RowSet::Range(0..0);
        }
        if self.sees_all(segment, &range) {
            return RowSet::Range(range);
        }
        let living = segment.living.load();
        // What lives in the table may be dead to a transaction, and the other way round.
        let living = living.as_ref().filter(|_| self.own.is_none());
        let offered = living.and_then(|living| living.offer(segment, self.sight, &range));
        RowSet::of_words(self.pick(segment, range, offered))
    }

    /// How many rows `select` may have to look at.
    pub(crate) fn doubtful(&self, segment: &Segment, (first, last): (i64, i64)) -> usize {
        let last = self.sight.valid.map_or(last, |stretch| last.min(stretch.last));
        let range = segment.within(first, last);
        if range.is_empty() || self.sees_all(segment, &range) { 0 } else { range.len() }
    }

    /// Bits of the rows seen of those offered, a word of 64 at a time. A row to which nothing
    /// happened since its commit is seen from there on.
    fn pick(
        &mut self,
        segment: &Segment,
        range: Range<usize>,
        offered: Option<Vec<u64>>,
    ) -> Vec<u64> {
        let known = self.own.is_none() && segment.seq_max <= self.sight.base.last;
        let all = || vec![u64::MAX; segment.rows().div_ceil(64)];
        let mut words = offered.unwrap_or_else(all);
        let within = range.start / 64..range.end.div_ceil(64);
        words[..within.start].fill(0);
        words[within.end..].fill(0);
        for at in within {
            let offered = words[at] & word_of(&range, at);
            let sure = if known { offered & !segment.closures.touched(at) } else { 0 };
            self.tested += (offered & !sure).count_ones() as usize;
            let seen =
                bits(offered & !sure).filter(|bit| self.sees(segment, at * 64 + *bit as usize));
            words[at] = seen.fold(sure, |word, bit| word | 1 << bit);
        }
        words
    }

    /// Whether every row in the range is seen, told without looking at any.
    fn sees_all(&self, segment: &Segment, range: &Range<usize>) -> bool {
        let ts_min = segment.ts[range.start];
        self.own.is_none() && self.sight.sees_all(&segment.closures, segment.seq_max, ts_min)
    }

    /// Whether a row is seen.
    pub(crate) fn sees(&mut self, segment: &Segment, row: usize) -> bool {
        let (entity, ts, from) = (segment.entities[row], segment.ts[row], segment.seqs.get(row));
        if self.touched(entity) {
            return self.sees_version(EntityId(entity), ts, from);
        }
        match self.sight.judge(&segment.closures, row, ts, from) {
            Verdict::Seen => true,
            Verdict::Unseen => false,
            Verdict::Ask => self.sees_version(EntityId(entity), ts, from),
        }
    }

    fn sees_version(&mut self, entity: EntityId, ts: i64, from: u64) -> bool {
        let sight = self.sight;
        self.with_line(entity, |line| {
            line.find(sight, ts, from).is_some_and(|place| line.sees(sight, place))
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
        self.with_line(entity, |line| {
            let place = line.find(sight, ts, from);
            let Some(version) = place.and_then(|place| line.line.0.get(place)) else {
                return (None, OPEN);
            };
            let known = sight.last_known(line.touched(), version.to);
            (line.line.successor(ts, known), version.to)
        })
    }

    /// The points of an entity that are seen, in order of ts, each with its sequence.
    pub(crate) fn points(&mut self, entity: EntityId, bounds: (i64, i64)) -> Vec<(i64, u64)> {
        let sight = self.sight;
        self.with_line(entity, |read| {
            let versions = read.line.0;
            let start = versions.partition_point(|version| version.ts < bounds.0);
            let end = versions.partition_point(|version| version.ts <= bounds.1);
            let is_point = |place: usize| {
                versions.get(place).is_some_and(|version| version.kind == Kind::Point)
            };
            let seen = (start..end.max(start)).filter(|p| is_point(*p) && read.sees(sight, *p));
            seen.filter_map(|place| Some((versions.get(place)?.ts, read.seq(place)?))).collect()
        })
    }

    fn with_line<T>(&mut self, entity: EntityId, look: impl FnOnce(ReadLine<'_>) -> T) -> T {
        if let Some((state, own)) = self.own.as_ref().zip(self.view.own.as_ref())
            && state.touched(entity.0)
        {
            let merge = || state.merged(&own.table, entity, own.at);
            let merged = self.lines.entry(entity.0).or_insert_with(merge);
            return look(ReadLine { line: Line(&merged.versions), seqs: Some(&merged.seqs) });
        }
        self.view.store.lines.read(entity, |line| {
            let versions = line.map_or(&[][..], |line| line.versions);
            look(ReadLine { line: Line(versions), seqs: None })
        })
    }
}

/// An entity's versions as a read has them.
struct ReadLine<'a> {
    line: Line<'a>,
    /// Of a touched entity: the sequences in the versions' addresses.
    seqs: Option<&'a [u64]>,
}

impl ReadLine<'_> {
    fn touched(&self) -> bool {
        self.seqs.is_some()
    }

    /// The sequence in the address of the version at a place.
    fn seq(&self, place: usize) -> Option<u64> {
        match self.seqs {
            Some(seqs) => seqs.get(place).copied(),
            None => self.line.0.get(place).map(|version| version.from),
        }
    }

    /// The place of the version with this address.
    fn find(&self, sight: &Sight, ts: i64, seq: u64) -> Option<usize> {
        if seq < OWN_BASE {
            // An own version is drawn to the moment after the snapshot, where a later commit may
            // lie too: only the address tells them apart.
            return self.line.find(ts, seq).filter(|place| self.seq(*place) == Some(seq));
        }
        // Of a transaction's own versions of one ts, one is there at its present.
        let place = self.line.at(ts, sight.present + 1)?;
        (self.seq(place) == Some(seq)).then_some(place)
    }

    /// Whether the version at a place is seen.
    fn sees(&self, sight: &Sight, place: usize) -> bool {
        sight.sees_version(self.line, place, sight.moments(self.touched()))
    }
}
