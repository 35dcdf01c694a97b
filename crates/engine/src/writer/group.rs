//! A group of commits: one batch, one sync.

use super::apply::apply;
use super::request::{CatalogWrite, CommitRequest, TableWrite};
use crate::core::Core;
use crate::layout::Layout;
use crate::published::Published;
use crate::seal::Sealer;
use crate::{Catalog, Durability, Error, FIRST_DATABASE_OID, Result, dictionary, recover};
use cvx_core::{CommitSeq, EntityId, SpaceId, ValidTime};
use cvx_storage::{Batch, RowKey, RowRecord};
use hashbrown::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;

/// Commits that do not touch the same entity, so that each can be checked without the others.
#[derive(Debug)]
pub(crate) struct Group {
    commits: Vec<CommitRequest>,
    touched: HashSet<(SpaceId, EntityId)>,
    lonely: bool,
}

/// A commit that may go on, and its sequence.
type Accepted = Vec<(CommitRequest, u64)>;

impl Group {
    pub(crate) fn new(first: CommitRequest) -> Self {
        let lonely = first.is_lonely();
        let touched = if lonely { HashSet::new() } else { first.entities().collect() };
        Self { commits: vec![first], touched, lonely }
    }

    pub(crate) fn len(&self) -> usize {
        self.commits.len()
    }

    /// Whether another commit may share the group's sync.
    pub(crate) fn admits(&self, next: &CommitRequest) -> bool {
        let is_free = |touched: (SpaceId, EntityId)| !self.touched.contains(&touched);
        !self.lonely && !next.is_lonely() && next.entities().all(is_free)
    }

    pub(crate) fn push(&mut self, next: CommitRequest) {
        self.touched.extend(next.entities());
        self.commits.push(next);
    }

    /// Commits what does not conflict, and answers everybody.
    pub(crate) fn commit(self, core: &Core, sealer: &Sealer) {
        if let Err(error) = core.check_poison() {
            return answer_all(self.commits, &error);
        }
        let state = core.published.load_full();
        let mut accepted = Vec::with_capacity(self.commits.len());
        for commit in self.commits {
            match check(&commit, &state) {
                Ok(()) => accepted.push(commit),
                Err(error) => answer(commit.reply, Err(error)),
            }
        }
        if accepted.is_empty() {
            return;
        }
        let first = core.times.assign(accepted.len() as u64, core.clock_us());
        let accepted: Accepted = accepted.into_iter().zip(first..).collect();
        let drops = |(commit, _): &(CommitRequest, u64)| {
            commit.catalog.as_ref().is_some_and(|write| !write.dropped.is_empty())
        };
        // A monitor must not write to a table while it goes, nor after.
        let mut removals = accepted.iter().any(drops).then(|| core.monitors.removals());
        match persist(core, &state, accepted) {
            Ok((accepted, synced)) => publish(core, accepted, synced, sealer),
            Err(()) => core.times.settle(),
        }
        if let Some(removals) = &mut removals {
            **removals += 1;
        }
    }
}

fn answer(reply: oneshot::Sender<Result<CommitSeq>>, outcome: Result<CommitSeq>) {
    // Who went away without waiting for the answer does not want it.
    let _ = reply.send(outcome);
}

fn answer_all(commits: impl IntoIterator<Item = CommitRequest>, error: &Error) {
    for commit in commits {
        answer(commit.reply, Err(Error::Poisoned(error.to_string())));
    }
}

/// Refuses what somebody else's commit since the snapshot stands against.
fn check(commit: &CommitRequest, state: &Published) -> Result<()> {
    let same_catalog = state.catalog.version == commit.base_catalog.version;
    if commit.catalog.is_some() && !same_catalog {
        return Err(Error::Conflict);
    }
    for write in &commit.tables {
        if !same_catalog && !is_same_table(write, &state.catalog) {
            return Err(Error::Conflict);
        }
        if write.conflicts(commit.snapshot) {
            return Err(Error::Conflict);
        }
    }
    Ok(())
}

/// Whether rows written for a table fit what the table is now.
fn is_same_table(write: &TableWrite, catalog: &Catalog) -> bool {
    catalog.any_table(write.table.oid).is_some_and(|now| {
        now.space == write.table.space && now.columns.len() == write.table.columns.len()
    })
}

/// Writes the group's batch. On failure everybody is answered and nobody may write any more.
fn persist(
    core: &Core,
    state: &Published,
    accepted: Accepted,
) -> std::result::Result<(Accepted, bool), ()> {
    let mut batch = Batch::new();
    let mut kept = Vec::with_capacity(accepted.len());
    for (commit, seq) in accepted {
        let mut own = Batch::new();
        match put(&mut own, &commit, CommitSeq(seq), core, state) {
            Ok(()) => {
                if batch.is_empty() {
                    batch = own;
                } else {
                    batch.append(&own);
                }
                kept.push((commit, seq));
            }
            Err(error) => answer(commit.reply, Err(error)),
        }
    }
    let Some((_, last)) = kept.last() else { return Err(()) };
    batch.set_last_seq(CommitSeq(*last));
    let synced = kept.iter().any(|(commit, _)| commit.durability == Durability::Synced);
    match core.store.commit(&batch, synced) {
        Ok(()) => Ok((kept, synced)),
        Err(error) => {
            core.poison(&error.to_string());
            tracing::error!(%error, "a commit could not be written: no more are tried");
            let mut commits = kept.into_iter().map(|(commit, _)| commit);
            if let Some(first) = commits.next() {
                let said = Error::Poisoned(error.to_string());
                answer(first.reply, Err(error.into()));
                answer_all(commits, &said);
            }
            Err(())
        }
    }
}

/// A commit's part of the batch.
fn put(
    batch: &mut Batch,
    commit: &CommitRequest,
    seq: CommitSeq,
    core: &Core,
    state: &Published,
) -> Result<()> {
    if let Some(write) = &commit.catalog {
        put_catalog(batch, write, core, state)?;
    }
    commit.tables.iter().try_for_each(|write| put_table(batch, write, seq, core))
}

fn put_table(batch: &mut Batch, write: &TableWrite, seq: CommitSeq, core: &Core) -> Result<()> {
    let space = write.store.space;
    dictionary::put(batch, space, &write.fresh);
    if write.truncate {
        batch.put_system(&recover::truncation_key(space, seq), &[]);
    }
    let shared = |key: &RowKey, column| write.shared.find(&core.store, key, column);
    for part in &write.parts {
        match (&part.batch, &part.segment.file) {
            (Some(rows), _) => batch.put_rows_sharing(space, rows, Some(seq), shared)?,
            (None, Some(meta)) => {
                let mut meta = meta.clone();
                meta.seq = Some(seq);
                batch.add_file(&meta)?;
            }
            (None, None) => return Err(Error::Corrupt("rows that are nowhere".to_owned())),
        }
    }
    let key = |entity, ts, seq| RowKey { space, entity, ts: ValidTime(ts), seq };
    for close in &write.closes {
        batch.close(&key(close.entity, close.ts, CommitSeq(close.from)), seq);
    }
    for (entity, ts) in &write.ends {
        batch.put_row(&key(*entity, *ts, seq), &RowRecord::end())?;
    }
    Ok(())
}

fn put_catalog(
    batch: &mut Batch,
    write: &CatalogWrite,
    core: &Core,
    state: &Published,
) -> Result<()> {
    let catalog = next_catalog(write, core, state);
    batch.put_system(recover::CATALOG_KEY, &catalog.encode()?);
    for space in &write.dropped {
        batch.put_system(&recover::dropped_key(*space), &[]);
        batch.drop_space(*space);
    }
    Ok(())
}

fn next_catalog(write: &CatalogWrite, core: &Core, state: &Published) -> Catalog {
    let mut catalog = Catalog::clone(&Catalog::seen_from(&write.catalog, FIRST_DATABASE_OID));
    catalog.version = state.catalog.version + 1;
    catalog.next_oid = core.numbers.oid.load(Ordering::Relaxed);
    catalog.next_space = core.numbers.space.load(Ordering::Relaxed);
    catalog.next_sequence = core.numbers.sequence.load(Ordering::Relaxed);
    catalog
}

/// The group is durable: makes it visible.
fn publish(core: &Core, accepted: Accepted, synced: bool, sealer: &Sealer) {
    let mut replies = Vec::with_capacity(accepted.len());
    let mut changed = Vec::new();
    let mut dropped = Vec::new();
    let mut news = false;
    let last = core.published.publish(|next| {
        for (commit, seq) in accepted {
            if let Some(write) = commit.catalog {
                dropped.extend(change_catalog(core, next, &write, seq));
                news = true;
            }
            for write in commit.tables {
                apply(&write, seq);
                write.store.dictionary.made_durable(&write.fresh);
                changed.push((write, seq));
            }
            next.seq = seq;
            replies.push((commit.reply, seq));
        }
        CommitSeq(next.seq)
    });
    core.times.settle();
    // After it is published, so that who finds a mark can read what it is of.
    for (write, seq) in changed.iter().filter(|(write, _)| write.store.is_watched()) {
        write.store.marks.note(write, *seq);
        news = true;
    }
    core.monitors.marked_up_to(last.0, news);
    if synced {
        core.store.acked(last);
    }
    for (reply, seq) in replies {
        answer(reply, Ok(CommitSeq(seq)));
    }
    changed.into_iter().for_each(|(write, _)| sealer.consider(&write.store));
    dropped.into_iter().for_each(|store| sealer.clean_up(store));
}

/// Puts a new catalog into effect; gives the tables that are no more.
fn change_catalog(
    core: &Core,
    next: &mut Published,
    write: &CatalogWrite,
    seq: u64,
) -> Vec<Arc<crate::table_store::TableStore>> {
    let catalog = next_catalog(write, core, next);
    let mut stores = next.stores.as_ref().clone();
    stores.extend(write.created.iter().map(|(space, store)| (*space, Arc::clone(store))));
    let dropped = write.dropped.iter().filter_map(|space| stores.remove(space)).collect();
    for table in catalog.all_tables() {
        let Some(store) = stores.get(&table.space) else { continue };
        let before = Arc::clone(&store.layout.load().table);
        if !Arc::ptr_eq(&before, table) {
            if table.options.monitor != before.options.monitor {
                store.marks.all_anew(seq);
            }
            match Layout::of(table) {
                Ok(layout) => store.layout.store(Arc::new(layout)),
                Err(error) => tracing::error!(%error, table = table.name, "a table's layout"),
            }
        }
    }
    next.catalog = Arc::new(catalog);
    next.stores = Arc::new(stores);
    dropped
}
