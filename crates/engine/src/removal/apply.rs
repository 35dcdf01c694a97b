//! The writer's part: the batch, and the state in memory.

use super::doom::Fate;
use super::rewrite::{Answer, RemovalRequest};
use super::{Doom, ERASING, HORIZON, Removal, RemovalReport, key};
use crate::closure::Closures;
use crate::core::Core;
use crate::dictionary;
use crate::segment::Segment;
use crate::tail::{SegmentList, gather};
use crate::timeline::{Kind, OPEN};
use crate::{Error, Result, RowAddr, monitor};
use arrow::datatypes::DataType;
use cvx_core::{CommitSeq, EntityId, ValidTime};
use cvx_publish::copy_closures;
use cvx_storage::{Batch, Family, Locator, RowKey};
use hashbrown::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A run in memory without the rows that go; none if nothing stays.
struct Trimmed {
    old: Arc<Segment>,
    new: Option<(Segment, Vec<(usize, usize)>)>,
}

impl RemovalRequest {
    /// Carries it out, or gives it back.
    pub(crate) fn run(self, core: &Core) {
        let Self { removal, reply } = self;
        let answer = removal.carry_out(core);
        // A sealer that is gone has nothing to clean up with: the next open does.
        let _ = reply.send(Box::new(answer));
    }
}

impl Removal {
    fn carry_out(self, core: &Core) -> Answer {
        let list = self.store.list.load_full();
        if !self.is_complete(&list.sealed) {
            return Answer::Again(self);
        }
        let fates = self.doom.fates(&self.store);
        // What a monitor has read of what goes must not be written once it is gone.
        let mut removals = core.monitors.removals();
        let seq = core.times.assign(1, core.clock_us());
        let trimmed = match self.persist(core, &list, &fates, seq) {
            Ok(trimmed) => trimmed,
            Err(error) => {
                core.times.settle();
                return Answer::Failed(error);
            }
        };
        if let Doom::ClosedBy { moment, .. } = self.doom {
            // Before anything goes: a reader looks here after it looked there.
            self.store.horizon.fetch_max(moment, Ordering::AcqRel);
        }
        core.published.publish(|next| {
            self.forget(&fates, seq);
            self.replace_segments(&list, trimmed);
            next.seq = seq;
        });
        core.times.settle();
        core.store.acked(CommitSeq(seq));
        self.watch_anew(core, &fates, seq);
        *removals += 1;
        drop(removals);
        let versions = fates.iter().map(|fate| fate.gone.len() as u64).sum();
        let (entities, files) = (fates.len() as u64, self.replaced.len() as u64);
        Answer::Done(RemovalReport { versions, entities, files }, self)
    }

    fn persist(
        &self,
        core: &Core,
        list: &SegmentList,
        fates: &[Fate],
        seq: u64,
    ) -> Result<Vec<Trimmed>> {
        core.check_poison()?;
        let mut batch = Batch::new();
        for replaced in &self.replaced {
            if let Some(meta) = &replaced.old.file {
                batch.remove_file(self.store.space, meta.id);
            }
            for (file, _) in &replaced.files {
                file.file.as_ref().map_or(Ok(()), |meta| batch.add_file(meta))?;
            }
        }
        let trimmed = self.trim(list, &mut batch)?;
        self.take_over(core, list, &mut batch)?;
        fates.iter().for_each(|fate| self.delete_facts(fate, &mut batch));
        self.forget_breaks(core, fates, &mut batch)?;
        match self.doom {
            Doom::Points(_) => batch.put_system(&key(ERASING, self.store.space), &[]),
            Doom::ClosedBy { moment, .. } => {
                batch.put_system(&key(HORIZON, self.store.space), &moment.to_be_bytes());
            }
        }
        batch.set_last_seq(CommitSeq(seq));
        core.store.commit(&batch, true)?;
        Ok(trimmed)
    }

    /// Takes the rows out of the runs in memory, and out of RocksDB, which has the same rows.
    fn trim(&self, list: &SegmentList, batch: &mut Batch) -> Result<Vec<Trimmed>> {
        let layout = self.store.layout.load_full();
        let is_vector = |ty: &DataType| matches!(ty, DataType::FixedSizeList(_, _));
        let vectors = layout.columns().iter().filter(|column| is_vector(&column.ty));
        let vectors: Vec<u16> = vectors.map(|column| column.id).collect();
        let mut trimmed = Vec::new();
        for old in list.frozen.iter().chain(&list.tail) {
            let kept = self.doom.kept(old);
            if kept.len() == old.rows() {
                continue;
            }
            for row in (0..old.rows()).filter(|row| self.doom.takes_row(old, *row)) {
                batch.delete_row(&self.row_key(&old.addr(row)), &vectors);
            }
            let new = if kept.is_empty() {
                None
            } else {
                let rows = gather(&[Arc::clone(old)], &kept, &layout)?;
                Some((Segment::new(&rows, None, Closures::open(0))?, kept))
            };
            trimmed.push(Trimmed { old: Arc::clone(old), new });
        }
        Ok(trimmed)
    }

    /// Rows in memory that stay get the vectors which they had from versions that may go.
    fn take_over(&self, core: &Core, list: &SegmentList, batch: &mut Batch) -> Result<()> {
        for run in list.frozen.iter().chain(&list.tail) {
            for (_, row) in self.doom.kept(run) {
                let key = self.row_key(&run.addr(row));
                let Some(mut record) = core.store.get_row(&key)? else { continue };
                let shares = |(_, locator): &&(u16, Locator)| matches!(locator, Locator::At(_));
                let shared = record.vectors.iter().filter(shares).map(|(column, _)| *column);
                for column in shared.collect::<Vec<_>>() {
                    let lost = || Error::Corrupt(format!("the vector of {key:?} is not in memory"));
                    batch.put_vector(&key, column, run.vector(column, row).ok_or_else(lost)?);
                    record.locate(column, Locator::Here);
                    batch.put_row(&key, &record)?;
                }
            }
        }
        Ok(())
    }

    /// Deletes closings, end markers, delta blocks, and the key of an entity that is no more.
    fn delete_facts(&self, fate: &Fate, batch: &mut Batch) {
        let (space, entity) = (self.store.space, fate.entity);
        for version in &fate.gone {
            let (ts, seq) = (ValidTime(version.ts), CommitSeq(version.from));
            let key = RowKey { space, entity, ts, seq };
            if version.to != OPEN {
                batch.delete_closure(&key);
            }
            if version.kind == Kind::End {
                batch.delete_row(&key, &[]);
            }
        }
        if self.store.has_deltas.load(Ordering::Relaxed) {
            batch.delete_deltas(space, entity);
        }
        if self.forgets(fate) {
            batch.delete_system(&dictionary::entry_key(space, entity));
        }
    }

    /// Whether the entity itself is to be forgotten. A purge leaves it: its key may be in use by
    /// a transaction that no conflict would stop.
    fn forgets(&self, fate: &Fate) -> bool {
        fate.kept.is_empty() && matches!(self.doom, Doom::Points(_))
    }

    fn row_key(&self, addr: &RowAddr) -> RowKey {
        let RowAddr { entity, ts, seq } = *addr;
        RowKey { space: self.store.space, entity, ts, seq }
    }

    /// What was found in erased points is gone; the others of their entities are looked at again.
    fn forget_breaks(&self, core: &Core, fates: &[Fate], batch: &mut Batch) -> Result<()> {
        let prefix = self.store.space.0.to_be_bytes();
        let was_watched = core.store.scan(Family::Changepoints, &prefix).next().transpose()?;
        if was_watched.is_none() || !matches!(self.doom, Doom::Points(_)) {
            return Ok(());
        }
        for fate in fates {
            if fate.kept.is_empty() {
                monitor::forget_entity(batch, self.store.space, fate.entity);
            } else {
                monitor::erased(batch, self.store.space, fate.entity);
            }
        }
        Ok(())
    }

    fn watch_anew(&self, core: &Core, fates: &[Fate], seq: u64) {
        let news = self.store.is_watched() && matches!(self.doom, Doom::Points(_));
        if news {
            fates.iter().for_each(|fate| self.store.marks.anew(fate.entity, seq));
        }
        core.monitors.marked_up_to(seq, news);
    }

    /// Timelines and keys in memory.
    fn forget(&self, fates: &[Fate], seq: u64) {
        let erases = matches!(self.doom, Doom::Points(_));
        let mut forgotten: HashSet<EntityId> = HashSet::new();
        for fate in fates {
            if self.store.temporal {
                self.distrust_closures(fate);
            }
            self.store.lines.write(fate.entity, |line| {
                line.versions.clone_from(&fate.kept);
                line.corrected |= self.store.temporal;
                if erases {
                    line.changed = seq;
                }
            });
            if self.forgets(fate) {
                forgotten.insert(fate.entity);
            }
        }
        self.store.dictionary.forget(&forgotten);
        if erases {
            self.store.changed.store(seq, Ordering::Relaxed);
        }
    }

    /// From now on the timeline is asked: a successor may be gone.
    fn distrust_closures(&self, fate: &Fate) {
        for version in fate.kept.iter().filter(|version| version.kind == Kind::Point) {
            let (ts, seq) = (ValidTime(version.ts), CommitSeq(version.from));
            let addr = RowAddr { entity: fate.entity, ts, seq };
            self.store.list.closure(&addr, Closures::ask);
        }
    }

    /// Lets the new segments stand for the old.
    fn replace_segments(&self, list: &SegmentList, trimmed: Vec<Trimmed>) {
        let mut list = list.clone();
        for replaced in &self.replaced {
            let one = [Arc::clone(&replaced.old)];
            let files = replaced.files.iter();
            let new = files.map(|(f, rows)| Arc::new(f.with(None, copy_closures(&one, rows))));
            list.sealed.retain(|segment| segment.number != replaced.old.number);
            list.sealed.extend(new);
        }
        for Trimmed { old, new } in trimmed {
            let one = [Arc::clone(&old)];
            let new = new.map(|(run, rows)| Arc::new(run.with(None, copy_closures(&one, &rows))));
            for runs in [&mut list.frozen, &mut list.tail] {
                let place = runs.iter().position(|run| run.number == old.number);
                place.into_iter().for_each(|place| drop(runs.splice(place..=place, new.clone())));
            }
        }
        self.store.list.store(list);
    }
}
