//! One entity's versions, and what they say at any point of the two time axes.
//!
//! ```text
//!   system time (commits)
//!     ^
//!   9 |          .-------- 20 (corrected) ---
//!   7 |   .------+-------- 20 --------- 40 --
//!   5 |   10 ----+------------------------------     a version is a bar: it begins at its
//!     +---+------+--------+-----------+------> ts     commit and lasts until it is closed
//!         10     15       20          40
//! ```
//!
//! Versions are ordered by (ts, from). Those of one ts never overlap in system time, so at a
//! moment each ts has at most one. A point is in force from its ts to the next ts that has a
//! version at that moment; an end marker is a version too, and what it puts in force is nothing.
//!
//! The list here is the authority: segments keep a shadow of it (`closure.rs`) that is exact for
//! entities whose points only ever came in order, and sends readers here for all others.

use super::sight::Moments;
use cvx_core::CommitSeq;

/// What a version puts in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Point,
    End,
}

/// A version: known from commit `from` until commit `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    pub ts: i64,
    pub from: u64,
    pub to: u64,
    pub kind: Kind,
}

/// A version that is not closed.
pub const OPEN: u64 = CommitSeq::OPEN.0;

impl Version {
    pub fn open(ts: i64, from: u64, kind: Kind) -> Self {
        Self { ts, from, to: OPEN, kind }
    }

    /// Whether it is known at a moment.
    pub fn alive(&self, moment: u64) -> bool {
        self.from <= moment && moment < self.to
    }
}

/// One entity's versions, ordered by (ts, from), and what commits need to know of them.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    pub versions: Vec<Version>,
    /// The last commit that changed the entity: the unit of conflict.
    pub changed: u64,
    /// Whether closures no longer tell the truth about successors.
    pub corrected: bool,
}

/// What a timeline says, wherever it is kept.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub versions: &'a [Version],
    pub changed: u64,
    pub corrected: bool,
}

impl Timeline {
    pub fn known(&self) -> Known<'_> {
        Known { versions: &self.versions, changed: self.changed, corrected: self.corrected }
    }
}

/// Questions about versions ordered by (ts, from).
#[derive(Clone, Copy, Debug)]
pub struct Line<'a>(pub &'a [Version]);

impl Line<'_> {
    /// The version that began at `from`.
    pub fn find(self, ts: i64, from: u64) -> Option<usize> {
        let key = |version: &Version| (version.ts, version.from);
        self.0.binary_search_by_key(&(ts, from), key).ok()
    }

    /// The version of exactly this ts known at a moment.
    pub fn at(self, ts: i64, moment: u64) -> Option<usize> {
        let end = self.0.partition_point(|v| (v.ts, v.from) <= (ts, moment));
        let place = end.checked_sub(1)?;
        let version = self.0.get(place)?;
        (version.ts == ts && version.alive(moment)).then_some(place)
    }

    /// The version with the greatest ts at or before `t` known at a moment.
    pub fn in_force(self, t: i64, moment: u64) -> Option<usize> {
        let mut end = self.0.partition_point(|v| v.ts <= t);
        while let Some(last) = end.checked_sub(1) {
            let ts = self.0.get(last)?.ts;
            if let Some(place) = self.at(ts, moment) {
                return Some(place);
            }
            end = self.0.partition_point(|v| v.ts < ts);
        }
        None
    }

    /// The ts of the next version after `ts` known at a moment.
    pub fn successor(self, ts: i64, moment: u64) -> Option<i64> {
        let mut place = self.0.partition_point(|v| v.ts <= ts);
        loop {
            let next = self.0.get(place)?.ts;
            if self.at(next, moment).is_some() {
                return Some(next);
            }
            place = self.0.partition_point(|v| v.ts <= next);
        }
    }

    /// The last point known at a moment, of those that `counts` admits.
    pub fn last_point(self, moment: u64, counts: impl Fn(&Version) -> bool) -> Option<i64> {
        let point = |v: &&Version| v.kind == Kind::Point && v.alive(moment) && counts(v);
        self.0.iter().rev().find(point).map(|v| v.ts)
    }

    /// Whether the version at `place` was in force at `t` at some of these moments.
    pub fn was_in_force(self, place: usize, t: i64, moments: Moments) -> bool {
        let Some(version) = self.0.get(place) else { return false };
        let (first, last) = (moments.first.max(version.from), moments.last.min(version.to - 1));
        if version.ts > t || first > last {
            return false;
        }
        if first == last {
            return self.in_force(t, first) == Some(place);
        }
        let begin = self.0.partition_point(|v| v.ts <= version.ts);
        let end = self.0.partition_point(|v| v.ts <= t);
        let covers = self.0.get(begin..end).unwrap_or_default();
        let mut covers: Vec<(u64, u64)> = covers.iter().map(|v| (v.from, v.to)).collect();
        covers.sort_unstable();
        has_gap(&covers, first, last)
    }
}

/// Whether spans `[from, to)`, ordered by their beginning, leave one of the moments `first..=last`
/// uncovered.
fn has_gap(covers: &[(u64, u64)], first: u64, last: u64) -> bool {
    let mut next = first;
    for (from, to) in covers {
        if *from > next {
            break;
        }
        next = next.max(*to);
    }
    next <= last
}
