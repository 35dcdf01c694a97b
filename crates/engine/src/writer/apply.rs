//! A durable commit's effect on the state in memory.
//!
//! Nothing of it is seen before the commit is published: new versions and closings carry its
//! sequence, which no reader's moment has reached.

use super::request::{Close, NewRow, SealedFiles, TableWrite};
use crate::closure::Closures;
use crate::core::Core;
use crate::seal::SealedRows;
use crate::segment::Segment;
use crate::table_store::TableStore;
use crate::tail::{SegmentList, copy_closures, tidy};
use crate::timeline::{Kind, Line, OPEN, Timeline, Version};
use crate::{Result, RowAddr};
use arrow::datatypes::{DataType, FieldRef};
use cvx_core::{CommitSeq, EntityId, ValidTime};
use cvx_storage::{Batch, RowKey};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Applies one table's writes under a commit's sequence.
pub(crate) fn apply(write: &TableWrite, seq: u64) {
    let store = &write.store;
    if write.truncate {
        truncate(store, seq);
    }
    let added: Vec<Arc<Segment>> =
        write.parts.iter().map(|part| Arc::new(part.segment.committed(seq))).collect();
    let (mut rows, mut closes, mut ends) = (&write.rows[..], &write.closes[..], &write.ends[..]);
    while let Some(entity) = next_entity(rows, closes, ends) {
        let change = Change {
            entity,
            rows: take_while(&mut rows, |row| row.entity == entity),
            closes: take_while(&mut closes, |close| close.entity == entity),
            ends: take_while(&mut ends, |(ended, _)| *ended == entity),
            truncated: write.truncate,
            seq,
        };
        change.apply(store, &added);
    }
    store.changed.store(seq, Ordering::Relaxed);
    let mut list = SegmentList::clone(&store.list.load());
    for segment in added {
        if segment.file.is_some() { list.sealed.push(segment) } else { list.tail.push(segment) }
    }
    if let Err(error) = tidy(&mut list.tail, &store.layout.load(), true) {
        // The runs are all there, only more of them than there should be.
        tracing::error!(%error, space = store.space.0, "runs could not be merged");
    }
    store.list.store(Arc::new(list));
}

fn truncate(store: &TableStore, seq: u64) {
    store.lines.for_each_mut(|_, line| {
        for version in &mut line.versions {
            if version.to == OPEN {
                version.to = seq;
                line.changed = seq;
            }
        }
    });
    store.list.load().iter().for_each(|segment| segment.closures.close_all(seq));
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
    fn apply(&self, store: &TableStore, added: &[Arc<Segment>]) {
        let successors = store.lines.write(self.entity, |line| self.change(line, store.temporal));
        for close in self.closes {
            let addr = self.addr(close.ts, close.from);
            store.closure(&addr, |closures, row| closures.close(row, self.seq));
        }
        match successors {
            Successors::Known { of_new, of_old } => {
                for (new, successor) in self.rows.iter().zip(of_new) {
                    if let Some((ts, seq)) = successor {
                        added[new.part as usize].closures.succeed(new.row as usize, ts, seq);
                    }
                }
                if let Some((addr, ts)) = of_old {
                    store.closure(&addr, |closures, row| closures.succeed(row, ts, self.seq));
                }
            }
            Successors::Ask { old } => {
                for new in self.rows {
                    added[new.part as usize].closures.ask(new.row as usize);
                }
                for addr in old {
                    store.closure(&addr, Closures::ask);
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

/// Gives a table's runs to the sealer.
pub(crate) fn freeze(store: &TableStore) -> Vec<Arc<Segment>> {
    let mut list = SegmentList::clone(&store.list.load());
    let tail = std::mem::take(&mut list.tail);
    list.frozen.extend(tail.iter().cloned());
    store.list.store(Arc::new(list));
    tail
}

impl SealedFiles {
    /// Lets the files stand for the runs, or gives the runs back if that cannot be written.
    pub(crate) fn publish(self, core: &Core) {
        let Self { store, frozen, files, reply } = self;
        let files = files.and_then(|files| {
            core.check_poison()?;
            persist(core, &store, &frozen, &files)?;
            Ok(files)
        });
        let mut list = SegmentList::clone(&store.list.load());
        list.frozen.clear();
        let outcome = match files {
            Ok(files) => {
                let sealed = files
                    .iter()
                    .map(|(file, order)| Arc::new(file.with(None, copy_closures(&frozen, order))));
                list.sealed.extend(sealed);
                Ok(())
            }
            Err(error) => {
                list.tail.splice(0..0, frozen).for_each(drop);
                Err(error)
            }
        };
        store.list.store(Arc::new(list));
        // Who sealed and went away does not want the answer.
        let _ = reply.send(outcome);
    }
}

fn persist(
    core: &Core,
    store: &TableStore,
    frozen: &[Arc<Segment>],
    files: &SealedRows,
) -> Result<()> {
    let layout = store.layout.load();
    let is_float = |item: &FieldRef| item.data_type() == &DataType::Float32;
    let is_vector =
        |ty: &DataType| matches!(ty, DataType::FixedSizeList(item, _) if is_float(item));
    let vectors = layout.columns().iter().filter(|column| is_vector(&column.ty));
    let vectors: Vec<u16> = vectors.map(|column| column.id).collect();
    let mut batch = Batch::new();
    for (file, _) in files {
        if let Some(meta) = &file.file {
            batch.add_file(meta)?;
        }
    }
    for addr in frozen.iter().flat_map(|run| (0..run.rows()).map(|row| run.addr(row))) {
        let RowAddr { entity, ts, seq } = addr;
        batch.delete_row(&RowKey { space: store.space, entity, ts, seq }, &vectors);
    }
    // Unsynced: losing it leaves the rows where they were, and files that the sweep removes.
    Ok(core.store.commit(&batch, false)?)
}
