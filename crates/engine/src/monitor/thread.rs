//! The thread that watches: one round after another over the tables that have a monitor.

use super::follow::Follow;
use crate::core::Core;
use crate::{Result, Table};
use cvx_core::SpaceId;
use cvx_storage::{Batch, Family};
use std::collections::HashMap;
use std::sync::Arc;

/// The monitor's thread.
#[derive(Debug)]
pub(crate) struct MonitorThread {
    core: Arc<Core>,
    follows: HashMap<SpaceId, Follow>,
}

impl MonitorThread {
    pub(crate) fn new(core: &Arc<Core>) -> Self {
        Self { core: Arc::clone(core), follows: HashMap::new() }
    }

    /// Works until told to stop; then keeps the states for the next start.
    pub(crate) fn run(mut self) {
        let core = Arc::clone(&self.core);
        while let Some(round) = core.monitors.begin() {
            let failed = self.round().err().map(|error| {
                tracing::warn!(%error, "a monitor could not look at all that came");
                error.to_string()
            });
            core.monitors.finish(round, failed);
        }
        for follow in self.follows.values_mut() {
            if let Err(error) = follow.save(&core) {
                tracing::warn!(%error, "the states of a monitor are made again from the points");
            }
        }
    }

    fn round(&mut self) -> Result<()> {
        // Before the marks are taken: what comes between belongs to the next round.
        let upto = self.core.monitors.marked();
        let catalog = Arc::clone(&self.core.published.load().catalog);
        let watched = |table: &&Arc<Table>| table.options.monitor.is_some();
        let tables: Vec<Arc<Table>> = catalog.all_tables().filter(watched).cloned().collect();
        self.leave(&tables)?;
        let room = self.core.options.monitor_bytes / tables.len().max(1);
        let mut outcome = Ok(());
        for table in tables {
            // One table's trouble is not another's.
            let done = self.follow(&table, upto, room);
            outcome = outcome.and(done);
        }
        outcome
    }

    /// Forgets the tables that are watched no more. Their events stay; a watermark would not know
    /// what it missed.
    fn leave(&mut self, tables: &[Arc<Table>]) -> Result<()> {
        let gone = |space: &SpaceId| !tables.iter().any(|table| table.space == *space);
        let left: Vec<SpaceId> = self.follows.keys().copied().filter(gone).collect();
        for space in left {
            let mut batch = Batch::new();
            batch.delete(Family::Changepoints, &super::record::watermark_key(space));
            self.core.store.commit(&batch, false)?;
            self.core.monitors.positions.lock().remove(&space);
            self.follows.remove(&space);
        }
        Ok(())
    }

    fn follow(&mut self, table: &Arc<Table>, upto: u64, room: usize) -> Result<()> {
        let Some(monitor) = table.options.monitor else { return Ok(()) };
        // The table may have been dropped since.
        let Ok(store) = self.core.published.load().store(table.space).cloned() else {
            return Ok(());
        };
        let known = self.follows.remove(&table.space).filter(|known| known.is_of(&monitor));
        let mut follow = match known {
            Some(known) => known,
            None => Follow::open(&self.core, table, monitor, store)?,
        };
        follow.take();
        let outcome = follow.work(&self.core, upto, room);
        self.core.monitors.positions.lock().insert(table.space, follow.position());
        self.follows.insert(table.space, follow);
        outcome
    }
}
