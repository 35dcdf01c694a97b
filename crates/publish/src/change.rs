//! What a commit does to a table's history: timelines, closures, and what follows for successors.
//!
//! Nothing of it is seen before the commit is published: new versions and closings carry its
//! sequence, which no reader's moment has reached.

use super::address::RowAddr;
use super::closure::Closures;
use super::segments::{Run, Segments};
use super::timeline::{Kind, Line, OPEN, Timeline, Version};
use super::timelines::Timelines;
use cvx_core::{CommitSeq, EntityId, ValidTime};
use std::sync::Arc;

/// A row that a commit adds: where it lies in what is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NewRow {
    pub entity: EntityId,
    pub ts: i64,
    pub part: u32,
    pub row: u32,
}

/// A version to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Close {
    pub entity: EntityId,
    pub ts: i64,
    pub from: u64,
}

/// What one commit changes in one table; all lists are in order.
#[derive(Clone, Copy, Debug)]
pub struct Changes<'a> {
    pub rows: &'a [NewRow],
    pub closes: &'a [Close],
    pub ends: &'a [(EntityId, i64)],
    /// Whether everything that is open is closed first.
    pub truncate: bool,
    pub seq: u64,
}

/// A table's history, in the writer's hands.
#[derive(Debug)]
pub struct History<'a, S> {
    pub lines: &'a Timelines,
    pub segments: &'a Segments<S>,
    /// Whether the table has valid time.
    pub temporal: bool,
}

impl Changes<'_> {
    /// Brings timelines and closures up to date, those of the rows to be added too.
    pub fn apply<S: Run>(&self, history: &History<'_, S>, added: &[Arc<S>]) {
        if self.truncate {
            truncate(history, self.seq);
        }
        let (mut rows, mut closes, mut ends) = (self.rows, self.closes, self.ends);
        while let Some(entity) = next_entity(rows, closes, ends) {
            let change = Change {
                entity,
                rows: take_while(&mut rows, |row| row.entity == entity),
                closes: take_while(&mut closes, |close| close.entity == entity),
                ends: take_while(&mut ends, |(ended, _)| *ended == entity),
                truncated: self.truncate,
                seq: self.seq,
            };
            change.apply(history, added);
        }
    }
}

fn truncate<S: Run>(history: &History<'_, S>, seq: u64) {
    history.lines.for_each_mut(|_, line| {
        for version in &mut line.versions {
            if version.to == OPEN {
                version.to = seq;
                line.changed = seq;
            }
        }
    });
    history.segments.load().iter().for_each(|segment| segment.closures().close_all(seq));
}

fn next_entity(rows: &[NewRow], closes: &[Close], ends: &[(EntityId, i64)]) -> Option<EntityId> {
    let row = rows.first().map(|row| row.entity);
    let close = closes.first().map(|close| close.entity);
    let end = ends.first().map(|(entity, _)| *entity);
    [row, close, end].into_iter().flatten().min()
}

/// Takes the items at the front that belong together.
fn take_while<'a, T>(items: &mut &'a [T], belongs: impl Fn(&T) -> bool) -> &'a [T] {
    let (taken, rest) = items.split_at(items.iter().take_while(|item| belongs(item)).count());
    *items = rest;
    taken
}

/// What a commit does to one entity.
struct Change<'a> {
    entity: EntityId,
    rows: &'a [NewRow],
    closes: &'a [Close],
    ends: &'a [(EntityId, i64)],
    /// Whether the commit closed everything first.
    truncated: bool,
    seq: u64,
}

/// What follows for closures.
enum Successors {
    /// The entity is as closures can say: its new rows' successors, and who succeeds an old row.
    Known { of_new: Vec<Option<(i64, u64)>>, of_old: Option<(RowAddr, i64)> },
    /// Timelines decide; these old rows do not know yet.
    Ask { old: Vec<RowAddr> },
}

impl Change<'_> {
    fn apply<S: Run>(&self, history: &History<'_, S>, added: &[Arc<S>]) {
        let History { lines, segments, temporal } = *history;
        let successors = lines.write(self.entity, |line| self.change(line, temporal));
        for close in self.closes {
            let addr = self.addr(close.ts, close.from);
            segments.closure(&addr, |closures, row| closures.close(row, self.seq));
        }
        match successors {
            Successors::Known { of_new, of_old } => {
                for (new, successor) in self.rows.iter().zip(of_new) {
                    if let Some((ts, seq)) = successor {
                        added[new.part as usize].closures().succeed(new.row as usize, ts, seq);
                    }
                }
                if let Some((addr, ts)) = of_old {
                    segments.closure(&addr, |closures, row| closures.succeed(row, ts, self.seq));
                }
            }
            Successors::Ask { old } => {
                for new in self.rows {
                    added[new.part as usize].closures().ask(new.row as usize);
                }
                for addr in old {
                    segments.closure(&addr, Closures::ask);
                }
            }
        }
    }

    fn addr(&self, ts: i64, seq: u64) -> RowAddr {
        RowAddr { entity: self.entity, ts: ValidTime(ts), seq: CommitSeq(seq) }
    }

    /// Changes the timeline.
    fn change(&self, line: &mut Timeline, temporal: bool) -> Successors {
        let last_ts = line.versions.last().map(|version| version.ts);
        let was_corrected = line.corrected;
        let old: Vec<RowAddr> = if temporal && !was_corrected && self.corrects(last_ts) {
            line.corrected = true;
            let points = line.versions.iter().filter(|version| version.kind == Kind::Point);
            points.map(|version| self.addr(version.ts, version.from)).collect()
        } else {
            Vec::new()
        };
        line.changed = self.seq;
        for close in self.closes {
            if let Some(place) = Line(&line.versions).find(close.ts, close.from) {
                let version = &mut line.versions[place];
                version.to = version.to.min(self.seq);
            }
        }
        self.open(line, last_ts);
        if line.corrected {
            return Successors::Ask { old };
        }
        if !temporal {
            return Successors::Known { of_new: Vec::new(), of_old: None };
        }
        self.successors(line, last_ts)
    }

    /// Whether closures can no longer tell the entity's successors: something ends without being
    /// replaced, or begins before what was there.
    fn corrects(&self, last_ts: Option<i64>) -> bool {
        let opened = |ts: i64| self.rows.binary_search_by_key(&ts, |row| row.ts).is_ok();
        let closed = |ts: i64| self.closes.binary_search_by_key(&ts, |close| close.ts).is_ok();
        let replaces = |row: &NewRow| closed(row.ts) && !self.truncated;
        let late = |row: &NewRow| last_ts.is_some_and(|last| row.ts <= last) && !replaces(row);
        !self.ends.is_empty()
            || self.closes.iter().any(|close| !opened(close.ts))
            || self.rows.iter().any(late)
    }

    fn open(&self, line: &mut Timeline, last_ts: Option<i64>) {
        let first = self.rows.iter().map(|row| row.ts).chain(self.ends.iter().map(|e| e.1)).min();
        let points = self.rows.iter().map(|row| Version::open(row.ts, self.seq, Kind::Point));
        let ends = self.ends.iter().map(|(_, ts)| Version::open(*ts, self.seq, Kind::End));
        // Of many entities the first point is the only one for long.
        if line.versions.is_empty() {
            line.versions.reserve_exact(self.rows.len() + self.ends.len());
        }
        line.versions.extend(points.chain(ends));
        let in_order = self.ends.is_empty() && first > last_ts;
        if !in_order {
            line.versions.sort_unstable_by_key(|version| (version.ts, version.from));
        }
    }

    /// The successors of new rows, and of the old row that the first new one succeeds.
    fn successors(&self, line: &Timeline, last_ts: Option<i64>) -> Successors {
        let versions = &line.versions;
        let after = |ts: i64| {
            let next = versions.get(versions.partition_point(|version| version.ts <= ts))?;
            Some((next.ts, next.from))
        };
        let of_new = self.rows.iter().map(|row| after(row.ts)).collect();
        let appended = self.rows.iter().find(|row| last_ts.is_none_or(|last| row.ts > last));
        let old = last_ts.and_then(|last| Line(versions).in_force(last, self.seq));
        let old = old.and_then(|place| versions.get(place)).filter(|v| v.from != self.seq);
        let of_old = old.zip(appended).map(|(old, new)| (self.addr(old.ts, old.from), new.ts));
        Successors::Known { of_new, of_old }
    }
}
