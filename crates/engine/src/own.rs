//! A transaction's own writes in one table, before it commits.
//!
//! Own versions have sequences from [`OWN_BASE`](crate::OWN_BASE) on, one for each writing call,
//! so that a read taken before a call does not see what the call wrote, though both go on at the
//! same time (INSERT .. SELECT from the table itself). Base versions keep their commits; that the
//! transaction closed one is kept here. An entity with an entry here is *touched*: its segments'
//! closures do not decide, the merged timeline of [`OwnState::merged`] does.

use crate::address::OWN_BASE;
use crate::dictionary::FreshKey;
use crate::layout::Layout;
use crate::own_lines::OwnLines;
use crate::segment::Segment;
use crate::shared::Shared;
use crate::table_store::TableStore;
use crate::timeline::{Kind, Line, OPEN, Version};
use crate::txn::Lot;
use crate::{Result, tail};
use cvx_core::EntityId;
use parking_lot::RwLock;
use std::sync::Arc;

/// Own writes to one table, shared with the reads that see them.
#[derive(Debug)]
pub(crate) struct OwnTable {
    pub(crate) store: Arc<TableStore>,
    pub(crate) snapshot: u64,
    pub(crate) state: RwLock<OwnState>,
}

/// What was written so far.
#[derive(Debug)]
pub(crate) struct OwnState {
    /// The table as the transaction last changed or found it.
    pub(crate) layout: Arc<Layout>,
    pub(crate) lines: OwnLines,
    /// Vectors of own rows in memory that are in a base version too.
    pub(crate) shared: Shared,
    /// Own rows in memory.
    pub(crate) runs: Vec<Arc<Segment>>,
    /// Own rows on their way to files.
    pub(crate) lot: Option<Lot>,
    /// Own rows in files that no manifest names yet.
    pub(crate) files: Vec<Arc<Segment>>,
    /// The own sequence of the last TRUNCATE.
    pub(crate) truncated: Option<u64>,
    /// How many own versions were closed again.
    pub(crate) dead: usize,
    /// Keys to make durable with the commit.
    pub(crate) fresh: Vec<FreshKey>,
}

/// A touched entity's versions, with the transaction's own moments drawn together into one: the
/// commit it will be, which follows the snapshot. What the transaction wrote and closed again
/// was never there.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    pub(crate) versions: Vec<Version>,
    /// The sequence that each version has in its address.
    pub(crate) seqs: Vec<u64>,
}

impl OwnTable {
    pub(crate) fn new(layout: Arc<Layout>, store: Arc<TableStore>, snapshot: u64) -> Self {
        let state = OwnState {
            layout,
            lines: OwnLines::default(),
            shared: Shared::default(),
            runs: Vec::new(),
            lot: None,
            files: Vec::new(),
            truncated: None,
            dead: 0,
            fresh: Vec::new(),
        };
        Self { store, snapshot, state: RwLock::new(state) }
    }
}

/// A base table's versions as a snapshot sees them.
fn as_of_snapshot(versions: &[Version], snapshot: u64) -> impl Iterator<Item = Version> + '_ {
    let known = versions.iter().filter(move |version| version.from <= snapshot);
    known.map(move |v| Version { to: if v.to <= snapshot { v.to } else { OPEN }, ..*v })
}

impl OwnState {
    /// Whether an own row is alive.
    pub(crate) fn is_alive(&self, entity: EntityId, ts: i64, seq: u64) -> bool {
        self.dead == 0 || {
            let opened = self.lines.opened(entity);
            let version = Line(&opened).find(ts, seq).and_then(|place| opened.get(place));
            version.is_some_and(|version| version.to == OPEN)
        }
    }

    /// Whether the transaction changed anything of an entity.
    pub(crate) fn touched(&self, entity: u64) -> bool {
        self.truncated.is_some() || self.lines.touched(entity)
    }

    /// Whether nothing was written.
    pub(crate) fn is_empty(&self) -> bool {
        self.truncated.is_none() && self.lines.is_empty()
    }

    /// When the transaction closed a base version, if it did.
    fn closed_at(&self, entity: EntityId, version: &Version) -> Option<u64> {
        self.lines.closed_at(entity, version).or(self.truncated)
    }

    /// The version of exactly this ts known to the transaction at its own moment.
    pub(crate) fn at(
        &self,
        base: &OwnTable,
        entity: EntityId,
        ts: i64,
        moment: u64,
    ) -> Option<Version> {
        let opened = self.lines.opened(entity);
        if let Some(place) = Line(&opened).at(ts, moment) {
            return opened.get(place).copied();
        }
        let version = base.store.lines.read(entity, |line| {
            let line = Line(line?.versions);
            line.at(ts, base.snapshot).and_then(|place| line.0.get(place).copied())
        })?;
        let closed = self.closed_at(entity, &version).is_some_and(|at| at <= moment);
        (!closed).then_some(version)
    }

    /// The ts of the entity's last point at an own moment.
    pub(crate) fn last_point(&self, base: &OwnTable, entity: EntityId, moment: u64) -> Option<i64> {
        let own = Line(&self.lines.opened(entity)).last_point(moment, |_| true);
        let kept = |version: &Version| self.closed_at(entity, version).is_none_or(|at| at > moment);
        let of_base = base.store.lines.read(entity, |line| {
            line.and_then(|line| Line(line.versions).last_point(base.snapshot, kept))
        });
        own.max(of_base)
    }

    /// The merged timeline of a touched entity.
    pub(crate) fn line(&self, base: &OwnTable, entity: EntityId) -> Vec<Version> {
        let mut versions: Vec<Version> = base.store.lines.read(entity, |line| {
            line.map(|line| as_of_snapshot(line.versions, base.snapshot).collect())
                .unwrap_or_default()
        });
        for version in &mut versions {
            if version.to == OPEN
                && let Some(at) = self.closed_at(entity, version)
            {
                version.to = at;
            }
        }
        versions.extend(&*self.lines.opened(entity));
        versions.sort_unstable_by_key(|version| (version.ts, version.from));
        versions
    }

    /// The merged timeline of a touched entity as a read sees it that began at own sequence `at`.
    pub(crate) fn merged(&self, base: &OwnTable, entity: EntityId, at: u64) -> Merged {
        let present = base.snapshot + 1;
        let mut merged = Merged { versions: Vec::new(), seqs: Vec::new() };
        for version in self.line(base, entity) {
            let own = version.from >= OWN_BASE;
            if own && !version.alive(at) {
                continue;
            }
            let from = if own { present } else { version.from };
            let to = match version.to {
                to if to < OWN_BASE || to == OPEN => to,
                to if to <= at => present,
                _ => OPEN,
            };
            merged.versions.push(Version { from, to, ..version });
            merged.seqs.push(version.from);
        }
        merged
    }

    /// Opens an own version. None may be alive at this ts.
    pub(crate) fn open(&mut self, entity: EntityId, ts: i64, seq: u64, kind: Kind) {
        self.lines.open(entity, ts, seq, kind);
    }

    /// Closes a version that is alive, an own one or one of the base.
    pub(crate) fn close(&mut self, entity: EntityId, version: &Version, seq: u64) {
        self.dead += usize::from(self.lines.close(entity, version, seq));
    }

    /// Forgets what the call with this sequence did to some entities, after it failed midway.
    pub(crate) fn undo(&mut self, entities: impl Iterator<Item = EntityId>, seq: u64) {
        self.dead -= entities.map(|entity| self.lines.undo(entity, seq)).sum::<usize>();
    }

    /// Forgets what was done after an own sequence. Entities stay touched: reads that began
    /// earlier still hold rows of theirs.
    pub(crate) fn forget_after(&mut self, last: u64) {
        self.lines.forget_after(last);
        self.shared.forget_after(last);
        self.truncated = self.truncated.filter(|at| *at <= last);
        self.dead = self.lines.dead();
    }

    /// TRUNCATE: closes all of the base, and all that is alive of one's own.
    pub(crate) fn truncate(&mut self, seq: u64) {
        self.truncated.get_or_insert(seq);
        self.lines.close_opened(seq);
        self.dead = self.lines.dead();
    }

    /// Every own segment.
    pub(crate) fn segments(&self) -> Vec<Arc<Segment>> {
        let leaving = self.lot.iter().flat_map(Lot::rows);
        self.files.iter().chain(leaving).chain(&self.runs).cloned().collect()
    }

    /// Adds rows in memory. Runs that have become many are merged, unless the rows are about to
    /// be written out, which merges them as well.
    pub(crate) fn add_run(&mut self, run: Segment, spill_bytes: usize) -> Result<()> {
        self.runs.push(Arc::new(run));
        if self.bytes() > spill_bytes {
            return Ok(());
        }
        tail::tidy_below(tail::OWN_RUNS, &mut self.runs, &self.layout, false)
    }

    /// Bytes of own rows in memory that are not on their way to files.
    pub(crate) fn bytes(&self) -> usize {
        self.runs.iter().map(|run| run.bytes()).sum()
    }
}
