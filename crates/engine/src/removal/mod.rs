//! Versions that go for good: erased by order, or purged because their history is out of date.
//!
//! ```text
//!   caller            sealer (a thread)                 writer
//!   erase, purge -->  seals the tail
//!                     writes row files without them -->  anything new among them? back
//!                                                        one batch: files, closings, keys, marker
//!                                                        timelines, closures, segments, published
//!                     old files removed  <-------------
//!                     RocksDB scrubbed, marker removed
//!   <-- report ------
//! ```
//!
//! The batch is the moment of truth: before it nothing has happened, after it nothing of what
//! goes is read any more, whatever crashes. What an erasure leaves on disk then - old row files,
//! RocksDB's old tables, blobs and logs - is removed before the caller is answered, and by the
//! next open if the process ends first: the marker says so, and unnamed files are swept anyway.
//! Models that were trained on the table go with it.
//!
//! Readers under way keep the segments they have. Rows of entities that lost versions no longer
//! trust their closures, as after any correction, so that nobody is told of a successor that is
//! gone. An erased entity counts as changed: whoever changes it meanwhile meets a conflict.

mod apply;
mod doom;
mod rewrite;

use crate::core::Core;
use crate::engine::{Engine, now_us};
use crate::seal::Sealer;
use crate::table_store::TableStore;
use crate::{Error, Result, Table};
use cvx_core::{CommitSeq, EntityId, SpaceId, ValidTime};
use cvx_storage::{Batch, Store};
pub(crate) use doom::Doom;
pub(crate) use rewrite::{Answer, Removal, RemovalRequest};
use std::sync::Arc;

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemovalReport {
    /// Versions, end markers among them.
    pub versions: u64,
    /// Entities that lost versions.
    pub entities: u64,
    /// Row files written anew, or dropped.
    pub files: u64,
}

/// Begins the key that says that a space's erased bytes may still be on disk.
const ERASING: &[u8] = b"erasing/";
/// Begins the key of the moment before which a space's history was purged.
const HORIZON: &[u8] = b"horizon/";

fn key(prefix: &[u8], space: SpaceId) -> Vec<u8> {
    [prefix, &space.0.to_be_bytes()].concat()
}

/// The keys of a space that a dropped table leaves.
pub(crate) fn keys_of(space: SpaceId) -> [Vec<u8>; 2] {
    [key(ERASING, space), key(HORIZON, space)]
}

/// The moment before which a space's history is gone; 0 for never.
pub(crate) fn horizon_of(store: &Store, space: SpaceId) -> Result<u64> {
    let Some(bytes) = store.get_system(&key(HORIZON, space))? else { return Ok(0) };
    let lost = |_| Error::Corrupt(format!("the horizon of space {}", space.0));
    bytes.try_into().map(u64::from_be_bytes).map_err(lost)
}

/// Removes what erasures left that a crash cut short.
pub(crate) fn finish_erasing(store: &Store) -> Result<()> {
    let markers = store.scan_system(ERASING).collect::<Result<Vec<_>, _>>()?;
    if markers.is_empty() {
        return Ok(());
    }
    for (marker, _) in &markers {
        let space = marker.strip_prefix(ERASING).and_then(|space| space.try_into().ok());
        space.map_or(Ok(0), |space| store.remove_models(SpaceId(u32::from_be_bytes(space))))?;
    }
    store.scrub()?;
    let mut batch = Batch::new();
    markers.iter().for_each(|(key, _)| batch.delete_system(key));
    Ok(store.commit(&batch, true)?)
}

/// As above, for one space in a running database.
fn scrub(core: &Core, space: SpaceId) -> Result<()> {
    core.store.scrub()?;
    let mut batch = Batch::new();
    batch.delete_system(&key(ERASING, space));
    Ok(core.store.commit(&batch, true)?)
}

impl Removal {
    /// What is left to do when nothing of it is read any more.
    pub(crate) fn clean_up(&self, core: &Core) -> Result<()> {
        self.remove_old(core)?;
        match self.doom {
            Doom::Points(_) => {
                let seq = core.published.load().seq;
                core.models.forget(&core.store, self.store.space, seq)?;
                scrub(core, self.store.space)
            }
            Doom::ClosedBy { .. } => Ok(core.store.reclaim(self.store.space)?),
        }
    }
}

impl Engine {
    /// Removes every version of these points, and all that is known of entities that have no
    /// other. When this returns none of their bytes is in the data directory. Not part of any
    /// transaction, and not to be undone.
    pub fn erase(
        &self,
        table: &Table,
        points: impl IntoIterator<Item = (EntityId, ValidTime)>,
    ) -> Result<RemovalReport> {
        let points = points.into_iter().map(|(entity, ts)| (entity.0, ts.0));
        let doom = Doom::Points(points.collect());
        remove(self.core(), &self.sealer()?, table, |_| doom)
    }

    /// Removes the versions that were closed longer ago than the table's `history_retention`.
    /// Reads of moments before the last of those closings are refused from then on.
    pub fn purge(&self, table: &Table) -> Result<RemovalReport> {
        purge(self.core(), &self.sealer()?, table)
    }
}

/// As [`Engine::purge`], for the engine's own threads.
pub(crate) fn purge(core: &Core, sealer: &Sealer, table: &Table) -> Result<RemovalReport> {
    let Some(retention) = table.options.history_retention_us else {
        let name = &table.name;
        return Err(Error::Invalid(format!("table \"{name}\" has no history_retention")));
    };
    let kept_from = CommitSeq::at_us(now_us(core).saturating_sub(retention));
    let last = core.published.load().seq;
    remove(core, sealer, table, |store| Doom::closed_by(store, kept_from.0.min(last)))
}

fn remove(
    core: &Core,
    sealer: &Sealer,
    table: &Table,
    doom: impl FnOnce(&TableStore) -> Doom,
) -> Result<RemovalReport> {
    core.check_poison()?;
    let store = Arc::clone(core.published.load().store(table.space)?);
    // Nobody may copy what goes into delta blocks meanwhile.
    let _upkeep = store.upkeep.lock();
    let doom = doom(&store);
    if doom.is_empty() {
        return Ok(RemovalReport::default());
    }
    sealer.remove(Arc::clone(&store), doom)
}
