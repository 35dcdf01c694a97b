//! Sealing: runs in memory become row files, in the background.
//!
//! ```text
//!   writer                      sealer (a thread)
//!   freeze  <------ asked ------
//!     '-- runs -------------->  ordered by (ts, entity, seq), written, synced
//!   publish <---- files -------
//!     one batch: manifest + files, RocksDB - rows; then the list of segments
//! ```
//!
//! Closures go on changing while a file is written: the writer copies them from the runs when it
//! puts the file in their place. The same thread does what else must not hold up commits:
//! removing what dropped tables leave.

use crate::core::Core;
use crate::segment::Segment;
use crate::table_store::TableStore;
use crate::tail::merged_order;
use crate::txn::write_files;
use crate::writer::{Request, SealedFiles};
use crate::{Error, Result, recover};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc as std_mpsc;
use tokio::sync::{mpsc, oneshot};

/// Asks the sealer's thread for work.
#[derive(Clone, Debug)]
pub(crate) struct Sealer {
    jobs: std_mpsc::Sender<Job>,
    rows: usize,
    bytes: usize,
}

#[derive(Debug)]
enum Job {
    Seal { store: Arc<TableStore>, reply: Option<std_mpsc::Sender<Result<()>>> },
    CleanUp(Arc<TableStore>),
    Stop,
}

/// The sealer's thread.
#[derive(Debug)]
pub(crate) struct SealerThread {
    core: Arc<Core>,
    jobs: std_mpsc::Receiver<Job>,
    writer: mpsc::Sender<Request>,
}

impl Sealer {
    pub(crate) fn new(core: &Arc<Core>, writer: mpsc::Sender<Request>) -> (Self, SealerThread) {
        let (jobs, queue) = std_mpsc::channel();
        let (rows, bytes) = (core.options.seal_rows, core.options.seal_bytes);
        (Self { jobs, rows, bytes }, SealerThread { core: Arc::clone(core), jobs: queue, writer })
    }

    /// Has a table's tail sealed if it has become long.
    pub(crate) fn consider(&self, store: &Arc<TableStore>) {
        let list = store.list.load();
        let long = list.tail_rows() >= self.rows || list.tail_bytes() >= self.bytes;
        if long && !store.seal_asked.swap(true, Ordering::AcqRel) {
            self.ask(Job::Seal { store: Arc::clone(store), reply: None });
        }
    }

    /// Seals a table's tail now, and waits.
    pub(crate) fn seal(&self, store: Arc<TableStore>) -> Result<()> {
        let (reply, answer) = std_mpsc::channel();
        self.ask(Job::Seal { store, reply: Some(reply) });
        answer.recv().map_err(|_| Error::ShutDown)?
    }

    /// Removes what a dropped table leaves.
    pub(crate) fn clean_up(&self, store: Arc<TableStore>) {
        self.ask(Job::CleanUp(store));
    }

    pub(crate) fn stop(&self) {
        self.ask(Job::Stop);
    }

    fn ask(&self, job: Job) {
        // A sealer that stopped has nothing more to do: the next open sweeps and seals.
        let _ = self.jobs.send(job);
    }
}

impl SealerThread {
    /// Works until told to stop.
    pub(crate) fn run(self) {
        while let Ok(job) = self.jobs.recv() {
            match job {
                Job::Stop => return,
                Job::CleanUp(store) => {
                    if let Err(error) = recover::finish_drop(&self.core, &store) {
                        tracing::warn!(%error, space = store.space.0, "a dropped table's leavings");
                    }
                }
                Job::Seal { store, reply } => {
                    store.seal_asked.store(false, Ordering::Release);
                    let outcome = self.seal(&store);
                    if let Err(error) = &outcome {
                        tracing::warn!(%error, space = store.space.0, "a tail could not be sealed");
                    }
                    if let Some(reply) = reply {
                        let _ = reply.send(outcome);
                    }
                }
            }
        }
    }

    fn seal(&self, store: &Arc<TableStore>) -> Result<()> {
        let (reply, frozen) = oneshot::channel();
        self.send(Request::Freeze { store: Arc::clone(store), reply })?;
        let frozen = frozen.blocking_recv().map_err(|_| self.core.poisoned())?;
        if frozen.is_empty() {
            return Ok(());
        }
        let files = self.write(store, &frozen);
        let (reply, done) = oneshot::channel();
        let store = Arc::clone(store);
        self.send(Request::Sealed(Box::new(SealedFiles { store, frozen, files, reply })))?;
        done.blocking_recv().map_err(|_| self.core.poisoned())?
    }

    fn write(&self, store: &TableStore, frozen: &[Arc<Segment>]) -> Result<SealedRows> {
        let layout = store.layout.load_full();
        let order = merged_order(frozen);
        let mut files = Vec::new();
        for rows in order.chunks(self.core.options.seal_rows.max(1)) {
            for file in write_files(&self.core, store.space, &layout, frozen, rows)? {
                files.push((file, rows.to_vec()));
            }
        }
        Ok(files)
    }

    fn send(&self, request: Request) -> Result<()> {
        self.writer.blocking_send(request).map_err(|_| Error::ShutDown)
    }
}

/// Files, each with its rows' places in the runs.
pub(crate) type SealedRows = Vec<(Arc<Segment>, Vec<(usize, usize)>)>;
