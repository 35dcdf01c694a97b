//! One table as its monitor follows it.

use super::entity::{Points, Watched, from_analytics, touched_since};
use super::marks::Due;
use super::record::{self, EventRecord, StateRecord, Watermark};
use super::rounds::Position;
use crate::core::Core;
use crate::read::{TableRead, View};
use crate::table_store::TableStore;
use crate::timeline::Known;
use crate::{Error, Monitor, Result, Table};
use cvx_analytics::bocpd::Bocpd;
use cvx_core::{EntityId, SpaceId};
use cvx_storage::{Batch, Family};
use hashbrown::{HashMap, HashSet};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Entities, and about how many points, of one batch.
const ENTITIES: usize = 512;
const POINTS: usize = 8192;
/// Points after which a state is written, so that a crash costs an entity no more.
const CHECKPOINT: usize = 4096;

/// A table, its entities' states, and what is to be looked at.
#[derive(Debug)]
pub(super) struct Follow {
    store: Arc<TableStore>,
    monitor: Monitor,
    template: Bocpd,
    columns: [usize; 2],
    due: BTreeMap<u64, Due>,
    /// Was looked at, and has changed after the commit it was looked at as of.
    later: BTreeMap<u64, Due>,
    states: HashMap<u64, Watched>,
    bytes: usize,
    /// Entities that have events.
    told: HashSet<u64>,
    seen: u64,
    /// Whether the watermark on disk is of this monitor.
    stored: bool,
    /// The removals known when the states were made.
    epoch: u64,
    used: u64,
}

enum Progress {
    Done,
    More,
    /// Something was erased: to be looked at as of a later commit.
    Again,
    Stopped,
}

impl Follow {
    /// Takes a table up where the last process left it, or from its beginning.
    pub(super) fn open(
        core: &Core,
        table: &Table,
        monitor: Monitor,
        store: Arc<TableStore>,
    ) -> Result<Self> {
        let column = table.column_by_id(monitor.column);
        let dim = column.and_then(crate::ColumnDef::dimension);
        let lost = || Error::Invalid("a monitored column without a dimension".to_owned());
        let template = Bocpd::new(dim.ok_or_else(lost)?, monitor.settings());
        // Behind the table's columns: four times, the entity, and the time as a number.
        let columns = [table.columns.len() + 5, table.place(monitor.column)?];
        let mark: Option<Watermark> =
            record::get(&core.store, &record::watermark_key(table.space))?;
        let of_this =
            |m: &Watermark| m.column == monitor.column && m.settings == monitor.settings();
        let seen = mark.filter(of_this).map(|mark| mark.seq);
        let mut follow = Self {
            store,
            monitor,
            template: template.map_err(from_analytics)?,
            columns,
            due: BTreeMap::new(),
            later: BTreeMap::new(),
            states: HashMap::new(),
            bytes: 0,
            told: HashSet::new(),
            seen: seen.unwrap_or(0),
            stored: seen.is_some(),
            epoch: *core.monitors.removals(),
            used: 0,
        };
        follow.find_due(core, seen)?;
        Ok(follow)
    }

    fn find_due(&mut self, core: &Core, seen: Option<u64>) -> Result<()> {
        let space = self.space();
        for entry in core.store.scan(Family::Changepoints, &record::events_prefix(space, None)) {
            self.told.insert(record::event_of(&entry?.0)?.0.0);
        }
        match seen {
            Some(seq) => {
                let due = &mut self.due;
                self.store.lines.for_each(|entity, line| {
                    if line.changed > seq
                        && let Some(ts) = touched_since(line, seq)
                    {
                        due.insert(entity.0, Due { ts, seq: 0 });
                    }
                });
            }
            None => {
                self.all_anew(0);
                let mut batch = Batch::new();
                batch.delete_all(Family::Changepoints, &record::states_prefix(space));
                core.store.commit(&batch, false)?;
            }
        }
        for entry in core.store.scan(Family::Changepoints, &record::anew_prefix(space)) {
            self.due.insert(record::anew_of(&entry?.0)?.0, Due::anew(0));
        }
        Ok(())
    }

    pub(super) fn is_of(&self, monitor: &Monitor) -> bool {
        self.monitor == *monitor
    }

    fn space(&self) -> SpaceId {
        self.store.space
    }

    fn all_anew(&mut self, seq: u64) {
        let due = &mut self.due;
        self.store.lines.for_each(|entity, _| {
            due.insert(entity.0, Due::anew(seq));
        });
        // Somebody with events may have lost all points.
        due.extend(self.told.iter().map(|entity| (*entity, Due::anew(seq))));
    }

    /// Adds what commits have marked.
    pub(super) fn take(&mut self) {
        let marked = self.store.marks.take();
        if let Some(seq) = marked.all {
            self.all_anew(seq);
        }
        for (entity, due) in marked.entities {
            let known = self.due.entry(entity).or_insert(due);
            *known = known.and(due);
        }
    }

    pub(super) fn position(&self) -> Position {
        let (seen, due, states) = (self.seen, self.due.len(), self.states.len());
        Position { seen, due, states, bytes: self.bytes }
    }

    /// Looks at all that is due, as of a commit.
    pub(super) fn work(&mut self, core: &Arc<Core>, mut upto: u64, room: usize) -> Result<()> {
        self.used += 1;
        loop {
            let progress = self.chunk(core, upto, room);
            if progress.is_err() {
                // States have seen points whose events were not written.
                self.forget_states();
            }
            match progress? {
                Progress::More => {}
                Progress::Again => {
                    upto = core.monitors.marked();
                    self.take();
                }
                Progress::Done | Progress::Stopped => break,
            }
        }
        self.due.append(&mut self.later);
        Ok(())
    }

    /// Some entities, in one batch.
    fn chunk(&mut self, core: &Arc<Core>, upto: u64, room: usize) -> Result<Progress> {
        if self.due.is_empty() && self.stored {
            self.seen = upto;
            return Ok(Progress::Done);
        }
        self.check_epoch(*core.monitors.removals());
        let read = self.read(core, upto);
        let some: Vec<(u64, Due)> =
            self.due.iter().take(ENTITIES).map(|(entity, due)| (*entity, *due)).collect();
        let mut batch = Batch::new();
        let (mut done, mut seen, mut told) = (0, 0, false);
        for (entity, due) in &some {
            let (core, columns) = (core.as_ref(), self.columns);
            let entity = EntityId(*entity);
            let points = Points { core, read: read.clone(), entity, columns };
            let Some((points, news)) = self.watch(&points, due.ts, upto, &mut batch)? else {
                break;
            };
            (done, seen, told) = (done + 1, seen + points, told | news);
            if seen >= POINTS {
                break;
            }
        }
        self.evict(room, upto, &mut batch)?;
        self.write(core, &some[..done], upto, &mut batch, told)
    }

    /// What was erased since is in no state from then on.
    fn check_epoch(&mut self, epoch: u64) {
        if epoch != self.epoch {
            self.forget_states();
            self.epoch = epoch;
        }
    }

    fn forget_states(&mut self) {
        self.states.clear();
        self.bytes = 0;
    }

    fn read(&self, core: &Arc<Core>, upto: u64) -> TableRead {
        TableRead(Arc::new(View {
            core: Arc::clone(core),
            layout: self.store.layout.load_full(),
            list: self.store.list.load_full(),
            store: Arc::clone(&self.store),
            snapshot: upto,
            own: None,
        }))
    }

    /// Brings one entity up to date: how many points that took, and whether there is news. None if
    /// the thread is to stop.
    fn watch(
        &mut self,
        points: &Points<'_>,
        earliest: i64,
        upto: u64,
        batch: &mut Batch,
    ) -> Result<Option<(usize, bool)>> {
        let entity = points.entity;
        let known = self.known(points)?.filter(|known| known.last_ts < earliest);
        let anew = known.is_none();
        let mut watched = known.unwrap_or_else(|| Watched::fresh(&self.template));
        let Some(news) = watched.catch_up(points)? else { return Ok(None) };
        if anew {
            record::forget_state(batch, self.space(), entity);
        }
        let told = self.tell(points, news.events, anew, batch)?;
        if watched.detector.seen() > 0 {
            if watched.unsaved >= CHECKPOINT {
                self.put_state(entity, &mut watched, upto, batch)?;
            }
            watched.used = self.used;
            watched.bytes = watched.detector.bytes();
            self.bytes += watched.bytes;
            self.states.insert(entity.0, watched);
        }
        Ok(Some((news.points, told)))
    }

    fn known(&mut self, points: &Points<'_>) -> Result<Option<Watched>> {
        let entity = points.entity;
        if let Some(known) = self.states.remove(&entity.0) {
            self.bytes -= known.bytes;
            return Ok(Some(known));
        }
        let key = record::state_key(self.space(), entity);
        let Some(bytes) = points.core.store.get(Family::Changepoints, &key)? else {
            return Ok(None);
        };
        // A state that cannot be read is one that is not there.
        let Ok(record) = record::decode::<StateRecord>(&bytes) else { return Ok(None) };
        let restored = |line: Option<Known<'_>>| Watched::restored(&record, &self.template, line);
        Ok(self.store.lines.read(entity, restored))
    }

    /// Writes what was found where it is news; what an entity watched anew no longer has is
    /// withdrawn.
    fn tell(
        &mut self,
        points: &Points<'_>,
        found: Vec<(i64, EventRecord)>,
        anew: bool,
        batch: &mut Batch,
    ) -> Result<bool> {
        let (core, entity, space) = (points.core, points.entity, self.space());
        if found.is_empty() && !(anew && self.told.contains(&entity.0)) {
            return Ok(false);
        }
        let mut before = events(core, space, entity)?;
        let mut put = |ts: i64, event: &EventRecord| -> Result<()> {
            let key = record::event_key(space, entity, ts);
            batch.put(Family::Changepoints, &key, &record::encode(event)?);
            Ok(())
        };
        let mut news = false;
        for (ts, event) in found {
            let known = before.remove(&ts).filter(|known| known.withdrawn_at_us.is_none());
            let detected_at_us = known.as_ref().map_or(event.detected_at_us, |k| k.detected_at_us);
            let event = EventRecord { detected_at_us, ..event };
            if known.as_ref() != Some(&event) {
                put(ts, &event)?;
                news = true;
            }
            self.told.insert(entity.0);
        }
        let left = before.into_iter().filter(|(_, event)| event.withdrawn_at_us.is_none());
        for (ts, event) in left.filter(|_| anew) {
            let withdrawn_at_us = Some(core.clock.now_us());
            put(ts, &EventRecord { withdrawn_at_us, ..event })?;
            news = true;
        }
        Ok(news)
    }

    /// Writes out the states that were not used for longest, if there is no room for all.
    fn evict(&mut self, room: usize, upto: u64, batch: &mut Batch) -> Result<()> {
        if self.bytes <= room {
            return Ok(());
        }
        let mut by_use: Vec<(u64, u64)> = self.states.iter().map(|(e, w)| (w.used, *e)).collect();
        by_use.sort_unstable();
        for (_, entity) in by_use {
            if self.bytes <= room / 4 * 3 {
                break;
            }
            let Some(mut watched) = self.states.remove(&entity) else { continue };
            self.bytes -= watched.bytes;
            self.put_state(EntityId(entity), &mut watched, upto, batch)?;
        }
        Ok(())
    }

    fn put_state(
        &self,
        entity: EntityId,
        watched: &mut Watched,
        as_of: u64,
        batch: &mut Batch,
    ) -> Result<()> {
        if watched.unsaved > 0 {
            let key = record::state_key(self.space(), entity);
            batch.put(Family::Changepoints, &key, &record::encode(&watched.record(as_of)?)?);
            watched.unsaved = 0;
        }
        Ok(())
    }

    /// Commits a batch, unless something was erased since the points were read.
    fn write(
        &mut self,
        core: &Core,
        done: &[(u64, Due)],
        upto: u64,
        batch: &mut Batch,
        told: bool,
    ) -> Result<Progress> {
        let all = done.len() == self.due.len();
        if all {
            self.put_watermark(upto, batch)?;
        }
        let removals = core.monitors.removals();
        if !core.published.load().stores.contains_key(&self.space()) {
            // The table was dropped, and all that lay here with it.
            return Ok(Progress::Stopped);
        }
        if *removals != self.epoch {
            let epoch = *removals;
            drop(removals);
            for (entity, due) in done {
                self.due.insert(*entity, Due::anew(due.seq));
            }
            self.check_epoch(epoch);
            return Ok(Progress::Again);
        }
        core.store.commit(batch, told)?;
        drop(removals);
        for (entity, due) in done {
            self.due.remove(entity);
            if due.seq > upto {
                self.later.insert(*entity, *due);
            }
        }
        if all {
            (self.stored, self.seen) = (true, upto);
            return Ok(Progress::Done);
        }
        Ok(if core.monitors.stopping() { Progress::Stopped } else { Progress::More })
    }

    fn put_watermark(&self, seq: u64, batch: &mut Batch) -> Result<()> {
        let (column, settings) = (self.monitor.column, *self.template.settings());
        let mark = record::encode(&Watermark { column, settings, seq })?;
        batch.put(Family::Changepoints, &record::watermark_key(self.space()), &mark);
        Ok(())
    }

    /// Writes all states out, for the next start.
    pub(super) fn save(&mut self, core: &Core) -> Result<()> {
        let mut batch = Batch::new();
        let mut states = std::mem::take(&mut self.states);
        for (entity, watched) in &mut states {
            self.put_state(EntityId(*entity), watched, self.seen, &mut batch)?;
        }
        let removals = core.monitors.removals();
        if *removals == self.epoch {
            core.store.commit(&batch, false)?;
        }
        Ok(())
    }
}

/// What an entity's events are so far.
fn events(core: &Core, space: SpaceId, entity: EntityId) -> Result<BTreeMap<i64, EventRecord>> {
    let prefix = record::events_prefix(space, Some(entity));
    let entries = core.store.scan(Family::Changepoints, &prefix);
    entries
        .map(|entry| {
            let (key, value) = entry?;
            Ok((record::event_of(&key)?.1, record::decode(&value)?))
        })
        .collect()
}
