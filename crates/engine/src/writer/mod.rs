//! The one writer: a thread that turns requests into commits, a group at a time.
//!
//! ```text
//!   commit(), commit(), ...  --queue-->  group: no two of the same entity
//!                                          | conflicts checked against the timelines
//!                                          | sequences given
//!                                          v
//!                                 one batch, one sync          (durable)
//!                                          |
//!                                 timelines, closures, runs    (in memory, not yet seen)
//!                                          |
//!                                 published                    (seen by new transactions)
//!                                          |
//!                                 answers
//! ```
//!
//! Everything a commit can be refused for is decided before the batch; what follows the sync
//! cannot fail but by a panic. A failed write, or a panic, poisons: no later commit is tried,
//! since the state in memory may be behind the log. Reads go on.

mod apply;
mod group;
mod request;

use crate::core::Core;
use crate::seal::Sealer;
use group::Group;
pub(crate) use request::{CatalogWrite, CommitRequest, Part, Request, SealedFiles, TableWrite};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Commits of one sync.
const GROUP_COMMITS: usize = 256;

/// The writer's thread.
#[derive(Debug)]
pub(crate) struct Writer {
    core: Arc<Core>,
    queue: mpsc::Receiver<Request>,
    /// A request taken from the queue that has to wait for the next group.
    waiting: Option<Request>,
    sealer: Sealer,
}

impl Writer {
    pub(crate) fn new(core: Arc<Core>, queue: mpsc::Receiver<Request>, sealer: Sealer) -> Self {
        Self { core, queue, waiting: None, sealer }
    }

    /// Works until nobody can ask any more.
    pub(crate) fn run(mut self) {
        while let Some(request) = self.waiting.take().or_else(|| self.queue.blocking_recv()) {
            let work = AssertUnwindSafe(|| self.work(request));
            if catch_unwind(work).is_err() {
                self.core.poison("the writer panicked");
                self.core.times.settle();
                tracing::error!("the writer panicked: the database is read-only until restarted");
            }
        }
    }

    fn work(&mut self, request: Request) {
        match request {
            Request::Commit(first) => {
                let group = self.gather(*first);
                group.commit(&self.core, &self.sealer);
            }
            Request::Freeze { store, reply } => {
                // Nobody to answer means nobody to seal: the runs stay.
                let _ = reply.send(store.list.freeze());
            }
            Request::Sealed(files) => files.publish(&self.core),
            Request::Remove(removal) => removal.run(&self.core),
        }
    }

    /// Commits that wait already, as far as they may share a sync.
    fn gather(&mut self, first: CommitRequest) -> Group {
        let mut group = Group::new(first);
        while group.len() < GROUP_COMMITS {
            let Ok(next) = self.queue.try_recv() else { break };
            match next {
                Request::Commit(commit) if group.admits(&commit) => group.push(*commit),
                other => {
                    self.waiting = Some(other);
                    break;
                }
            }
        }
        group
    }
}
