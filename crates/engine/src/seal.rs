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
use crate::removal::{Answer, Doom, Removal, RemovalRequest};
use crate::segment::Segment;
use crate::table_store::TableStore;
use crate::tail::merged_order;
use crate::txn::write_files;
use crate::writer::{Request, SealedFiles};
use crate::{Error, RemovalReport, Result, recover};
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
    Remove { store: Arc<TableStore>, doom: Doom, reply: std_mpsc::Sender<Result<RemovalReport>> },
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

    /// Removes versions for good, and waits.
    pub(crate) fn remove(&self, store: Arc<TableStore>, doom: Doom) -> Result<RemovalReport> {
        let (reply, answer) = std_mpsc::channel();
        self.ask(Job::Remove { store, doom, reply });
        answer.recv().map_err(|_| Error::ShutDown)?
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
                Job::Remove { store, doom, reply } => {
                    // Who asked and went away does not want the answer.
                    let _ = reply.send(self.remove(&store, doom));
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

    fn remove(&self, store: &Arc<TableStore>, doom: Doom) -> Result<RemovalReport> {
        self.seal(store)?;
        let mut removal = Removal::new(Arc::clone(store), doom);
        loop {
            if let Err(error) = removal.rewrite(&self.core) {
                removal.remove_new(&self.core);
                return Err(error);
            }
            let (reply, answer) = oneshot::channel();
            self.send(Request::Remove(Box::new(RemovalRequest { removal, reply })))?;
            let answer = answer.blocking_recv().map_err(|_| self.core.poisoned())?;
            match *answer {
                Answer::Again(again) => removal = again,
                // The new files stay for the sweep at the next open: a write whose sync failed
                // may be found there after all.
                Answer::Failed(error) => return Err(error),
                Answer::Done(report, removal) => {
                    removal.clean_up(&self.core)?;
                    return Ok(report);
                }
            }
        }
    }

    fn write(&self, store: &TableStore, frozen: &[Arc<Segment>]) -> Result<SealedRows> {
        let layout = store.layout.load_full();
        let order = merged_order(frozen);
        let mut files = Vec::new();
        let partition = layout.table.options.partition_us;
        let place =
            |(run, row): &(usize, usize)| Some(frozen[*run].ts[*row].div_euclid(partition?));
        for rows in pieces(&order, self.core.options.seal_rows.max(1), place) {
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

/// Cuts rows into pieces of at most so many. A piece that is full ends where a partition of time
/// does, if one does in its second half: reads of a stretch of time then meet fewer files, and no
/// file is small for it.
fn pieces<'a, T>(
    mut rows: &'a [T],
    most: usize,
    partition: impl Fn(&T) -> Option<i64> + 'a,
) -> impl Iterator<Item = &'a [T]> {
    std::iter::from_fn(move || {
        let full = rows.len() > most;
        let ends = |cut: &usize| partition(&rows[cut - 1]) != partition(&rows[*cut]);
        let aligned = if full { (most.div_ceil(2).max(1)..=most).rev().find(ends) } else { None };
        let (piece, rest) = rows.split_at(aligned.unwrap_or(most).min(rows.len()));
        rows = rest;
        Some(piece).filter(|piece| !piece.is_empty())
    })
}

/// Files, each with its rows' places in the runs.
pub(crate) type SealedRows = Vec<(Arc<Segment>, Vec<(usize, usize)>)>;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_are_all_rows_in_order_and_cut_where_time_is_cut(
            mut rows in prop::collection::vec(-40..40i64, 0..60),
            most in 1..9usize,
            width in prop::option::of(1..20i64),
        ) {
            rows.sort_unstable();
            let place = |ts: &i64| Some(ts.div_euclid(width?));
            let cut: Vec<&[i64]> = pieces(&rows, most, place).collect();
            prop_assert_eq!(cut.concat(), rows.clone());
            let mut end = 0;
            for piece in &cut {
                prop_assert!((1..=most).contains(&piece.len()));
                end += piece.len();
                let last = end == rows.len();
                prop_assert!(last || piece.len() >= most.div_ceil(2));
                let aligned = last || place(&rows[end - 1]) != place(&rows[end]);
                let start = end - piece.len();
                let changes = |at: usize| place(&rows[at - 1]) != place(&rows[at]);
                let possible = |at: usize| at < rows.len() && changes(at);
                let missed = !last && (start + most.div_ceil(2)..=start + most).any(possible);
                prop_assert!(aligned || !missed, "{:?}", cut);
            }
        }
    }
}
