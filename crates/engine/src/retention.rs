//! The thread that keeps to `history_retention`: once a minute it looks which tables have history
//! that is out of date, and purges those, as `CALL cvx.purge` does.
//!
//! A purge writes every row file anew that holds a version which goes. So history is let grow
//! old by an eighth of the retention before anything is done, and what is old enough by then goes
//! at once: a file is written at most eight times in that time, however often its rows change.
//!
//! ```text
//!   closed:   ----- older than 9/8 ----|--- older than 1 ---|--- kept ---> now
//!             one here has all of       these go
//! ```

use crate::core::Core;
use crate::engine::now_us;
use crate::removal::purge;
use crate::seal::Sealer;
use crate::table_store::TableStore;
use crate::{Result, Table};
use cvx_core::CommitSeq;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::time::Duration;

/// Which part of the retention history may be older than it says.
const SLACK: i64 = 8;

/// Stops the thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Retention(Arc<Stop>);

#[derive(Debug, Default)]
struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

/// The thread.
#[derive(Debug)]
pub(crate) struct RetentionThread {
    core: Arc<Core>,
    sealer: Sealer,
    stop: Arc<Stop>,
}

impl Retention {
    pub(crate) fn new(core: &Arc<Core>, sealer: &Sealer) -> (Self, RetentionThread) {
        let stop = Arc::new(Stop::default());
        let (core, sealer) = (Arc::clone(core), sealer.clone());
        (Self(Arc::clone(&stop)), RetentionThread { core, sealer, stop })
    }

    /// A purge that is under way is finished.
    pub(crate) fn stop(&self) {
        *self.0.stopped.lock() = true;
        self.0.changed.notify_all();
    }
}

impl Stop {
    /// Waits so long; whether to go on.
    fn wait(&self, time: Duration) -> bool {
        let mut stopped = self.stopped.lock();
        if !*stopped {
            self.changed.wait_for(&mut stopped, time);
        }
        !*stopped
    }
}

impl RetentionThread {
    /// Works until told to stop.
    pub(crate) fn run(self) {
        let every = self.core.options.retention_look;
        while !every.is_zero() && self.stop.wait(every) {
            let published = self.core.published.load_full();
            for table in published.catalog.all_tables() {
                if *self.stop.stopped.lock() {
                    return;
                }
                if let Err(error) = self.keep(table) {
                    tracing::warn!(%error, table = table.name, "history could not be purged");
                }
            }
        }
    }

    fn keep(&self, table: &Table) -> Result<()> {
        let Some(retention) = table.options.history_retention_us else { return Ok(()) };
        let oldest = now_us(&self.core).saturating_sub(retention.saturating_add(retention / SLACK));
        let published = self.core.published.load_full();
        // Dropped meanwhile.
        let Ok(store) = published.store(table.space) else { return Ok(()) };
        if has_closed_by(store, CommitSeq::at_us(oldest)) {
            let report = purge(&self.core, &self.sealer, table)?;
            let (versions, files) = (report.versions, report.files);
            tracing::info!(table = table.name, versions, files, "history purged");
        }
        Ok(())
    }
}

fn has_closed_by(store: &TableStore, moment: CommitSeq) -> bool {
    let mut found = false;
    store.lines.for_each(|_, line| {
        found = found || line.versions.iter().any(|version| version.to <= moment.0);
    });
    found
}
