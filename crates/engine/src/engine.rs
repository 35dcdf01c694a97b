//! The open database: its threads, and what may be asked of it as a whole.

use crate::core::Core;
use crate::error::no_thread;
use crate::indexes::Indexer;
use crate::monitor::MonitorThread;
use crate::options::EngineOptions;
use crate::retention::Retention;
use crate::seal::Sealer;
use crate::writer::{Request, Writer};
use crate::{Catalog, Error, FIRST_DATABASE_OID, Result, Table, Txn, recover};
use cvx_core::{Clock, CommitSeq};
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::mpsc;

/// An open data directory.
#[derive(Debug)]
pub struct Engine {
    core: Arc<Core>,
    threads: Mutex<Option<Threads>>,
}

#[derive(Debug)]
struct Threads {
    queue: mpsc::Sender<Request>,
    sealer: Sealer,
    indexer: Indexer,
    retention: Retention,
    writer: JoinHandle<()>,
    sealing: JoinHandle<()>,
    indexing: JoinHandle<()>,
    keeping: JoinHandle<()>,
    watching: JoinHandle<()>,
}

impl Engine {
    /// Opens a data directory, making it if it is not there.
    pub fn open(dir: &Path, options: EngineOptions, clock: Arc<dyn Clock>) -> Result<Arc<Self>> {
        let core = Arc::new(recover::open(dir, options, clock)?);
        let threads = Threads::start(&core)?;
        Ok(Arc::new(Self { core, threads: Mutex::new(Some(threads)) }))
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    pub(crate) fn queue(&self) -> Result<mpsc::Sender<Request>> {
        let threads = self.threads.lock();
        threads.as_ref().map(|threads| threads.queue.clone()).ok_or(Error::ShutDown)
    }

    pub(crate) fn sealer(&self) -> Result<Sealer> {
        let threads = self.threads.lock();
        threads.as_ref().map(|threads| threads.sealer.clone()).ok_or(Error::ShutDown)
    }

    pub(crate) fn indexer(&self) -> Result<Indexer> {
        let threads = self.threads.lock();
        threads.as_ref().map(|threads| threads.indexer.clone()).ok_or(Error::ShutDown)
    }

    /// Now: the wall clock, or the last commit if that is later.
    #[must_use]
    pub fn now_us(&self) -> i64 {
        now_us(&self.core)
    }

    /// Keeps later commits after `s`, and waits for those before it that are on their way (at
    /// most one sync), so that a transaction that begins after this call sees the whole state of
    /// moment `s`. Call it before [`Engine::begin`] for a statement that reads AS OF a moment of
    /// system time, `now()` included.
    pub fn fence(&self, s: CommitSeq) {
        self.core.times.fence(s.0, self.core.clock_us());
    }

    /// The catalog as last committed, seen from the first database.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.core.published.load().catalog)
    }

    /// A transaction on the last committed state, in the first database.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> Txn {
        self.begin_in(FIRST_DATABASE_OID)
    }

    /// A transaction in the database with this OID; where there is none, in an empty one that
    /// refuses definitions.
    #[must_use]
    pub fn begin_in(self: &Arc<Self>, database: u32) -> Txn {
        Txn::new(Arc::clone(self), database)
    }

    /// The next value of a sequence, from 1. Values are given once, whatever becomes of the
    /// transaction.
    pub fn next_sequence(&self, sequence_id: u32) -> Result<i64> {
        self.core.next_sequence(sequence_id)
    }

    /// Seals a table's rows in memory now, and waits for it.
    pub fn seal(&self, table: &Table) -> Result<()> {
        let store = Arc::clone(self.core.published.load().store(table.space)?);
        self.sealer()?.seal(store)
    }

    /// Stops the threads when all that was asked is done, and makes everything durable. Reads go
    /// on; commits are refused.
    pub fn shutdown(&self) {
        let Some(threads) = self.threads.lock().take() else { return };
        threads.stop(&self.core);
        if let Err(error) = self.core.store.flush() {
            tracing::error!(%error, "not all could be written out");
        }
    }
}

/// Now, by a database's measure.
pub(crate) fn now_us(core: &Core) -> i64 {
    let last = CommitSeq(core.published.load().seq);
    core.clock.now_us().max(last.as_us())
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(threads) = self.threads.get_mut().take() {
            threads.stop(&self.core);
        }
    }
}

impl Threads {
    fn start(core: &Arc<Core>) -> Result<Self> {
        let (queue, requests) = mpsc::channel(core.options.queue_commits.max(1));
        let (sealer, sealing) = Sealer::new(core, queue.clone());
        let writer = Writer::new(Arc::clone(core), requests, sealer.clone());
        let start = |name: &str| std::thread::Builder::new().name(name.to_owned());
        // Rayon's threads start with who asks first, at that one's priority: not the indexer's.
        let threads = rayon::current_num_threads();
        tracing::debug!(threads, "share searches");
        let (indexer, indexing) = Indexer::new(core);
        let (retention, keeping) = Retention::new(core, &sealer);
        let writer = start("cvx-writer").spawn(move || writer.run()).map_err(no_thread)?;
        let sealing = start("cvx-sealer").spawn(move || sealing.run()).map_err(no_thread)?;
        let indexing = start("cvx-indexer").spawn(move || indexing.run()).map_err(no_thread)?;
        let keeping = start("cvx-retention").spawn(move || keeping.run()).map_err(no_thread)?;
        let monitor = MonitorThread::new(core);
        let watching = start("cvx-monitor").spawn(move || monitor.run()).map_err(no_thread)?;
        Ok(Self { queue, sealer, indexer, retention, writer, sealing, indexing, keeping, watching })
    }

    fn stop(self, core: &Core) {
        self.indexer.stop();
        self.retention.stop();
        core.monitors.stop();
        let background = [self.indexing, self.keeping, self.watching].map(JoinHandle::join);
        let indexed = background.into_iter().collect::<std::thread::Result<()>>();
        // The sealer first: it asks the writer, who ends when nobody can ask.
        self.sealer.stop();
        let ended = indexed.and(self.sealing.join());
        drop((self.queue, self.sealer));
        if ended.and(self.writer.join()).is_err() {
            tracing::error!("a thread of the engine panicked");
        }
    }
}
