//! The threads that compute statements, apart from those that speak with clients.
//!
//! ```text
//!   client --- cvx-serve: frames, planning, answers --- cvx-compute: operators, changes of rows
//!                 |                                          |
//!                 '-- reads cancels, keeps clocks            '-- sorts, joins, spills
//! ```
//!
//! Invariant: an operator may compute as long as it likes in one piece, or a change write a file,
//! and a cancel request is still read, a timeout still goes off, and who asked is still answered.
//! With one set of threads for both, two joins on two processors left nobody to hear a cancel:
//! it took as long as the longest piece of work before it was even read.
//!
//! Rejected: `block_in_place` around operators. It gives the thread's other tasks away, but not
//! the ones of the same connection, and DataFusion's own tasks would still be everywhere.

use crate::error::from_datafusion;
use cvx_types::{Result, SqlError, SqlState};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::execution::TaskContext;
use datafusion::execution::session_state::SessionState;
use datafusion::physical_plan::{ExecutionPlan, collect};
use std::sync::Arc;
use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};

/// Sub-queries are planned while they run, and planning recurses.
const STACK_BYTES: usize = 32 << 20;

/// The threads; work on them is dropped with them.
#[derive(Debug)]
pub struct Threads(Option<Runtime>);

impl Threads {
    /// As many threads as asked for, one for each processor where that is 0.
    pub fn new(count: usize) -> Result<Self> {
        let mut builder = Builder::new_multi_thread();
        if count > 0 {
            builder.worker_threads(count);
        }
        builder.thread_name("cvx-compute").thread_stack_size(STACK_BYTES).enable_all();
        let runtime = builder.build().map_err(|error| {
            let message = format!("no threads to compute with: {error}");
            SqlError::new(SqlState::INTERNAL_ERROR, message)
        })?;
        Ok(Self(Some(runtime)))
    }

    pub fn compute(&self) -> Option<Compute> {
        self.0.as_ref().map(|runtime| Compute(runtime.handle().clone()))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Nothing is waited for: who drops this may be a thread that must not wait.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A way to have things computed.
#[derive(Clone, Debug)]
pub struct Compute(Handle);

impl Compute {
    /// Where the statements of a planner's state are computed; right here if nothing else is said.
    pub fn of(state: &SessionState) -> Self {
        let known = state.config().get_extension::<Self>();
        known.map_or_else(|| Self(Handle::current()), |known| Self::clone(&known))
    }

    /// What is spawned while this lives is computed.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.0.enter()
    }

    /// Starts work that ends at its next wait when its handle is dropped.
    pub fn start<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> SpawnedTask<T> {
        let _entered = self.enter();
        SpawnedTask::spawn(work)
    }

    /// Waits for work; a panic of it is one of who waits.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T> {
        Self::joined(self.start(work)).await
    }

    /// Waits for work that was started.
    pub async fn joined<T: Send + 'static>(task: SpawnedTask<T>) -> Result<T> {
        task.join_unwind().await.map_err(|_| {
            let message = "terminating connection due to administrator command";
            SqlError::new(SqlState::ADMIN_SHUTDOWN, message)
        })
    }

    /// Has something dropped that takes long to.
    pub fn discard<T: Send + 'static>(&self, what: T) {
        self.0.spawn(async move { drop(what) });
    }
}

/// A plan's rows, all of them.
pub async fn collected(
    state: &SessionState,
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
) -> Result<Vec<RecordBatch>> {
    Compute::of(state).run(collect(plan, context)).await?.map_err(from_datafusion)
}
