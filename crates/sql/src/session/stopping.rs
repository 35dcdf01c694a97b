//! A statement's rows, and an end to them as soon as the statement is stopped.
//!
//! The plan runs on threads that do nothing else ([`crate::compute`]); whoever reads its rows looks
//! at the cancel flag while it waits for them. An operator that computes long in one piece cannot
//! hold the answer up: it is left behind, and ends at its next step.

use crate::compute::Compute;
use crate::error::{from_stop, to_datafusion};
use cvx_core::CancelToken;
use cvx_types::{SqlError, SqlState};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// How often a reader that waits looks at the flag.
const LOOK: Duration = Duration::from_millis(25);
/// Batches made ahead of their reader.
const AHEAD: usize = 1;

/// The same rows until the statement is stopped.
pub(super) fn stopping(
    stream: SendableRecordBatchStream,
    compute: &Compute,
    cancel: CancelToken,
) -> SendableRecordBatchStream {
    let schema = stream.schema();
    let (sender, rows) = channel(AHEAD);
    let task = compute.start(produce(stream, sender));
    let reader = Reader { rows, task, cancel };
    let batches = futures::stream::try_unfold(reader, |mut reader| async {
        Ok(reader.next().await?.map(|batch| (batch, reader)))
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

async fn produce(mut stream: SendableRecordBatchStream, sender: Sender<Result<RecordBatch>>) {
    while let Some(batch) = stream.next().await {
        let failed = batch.is_err();
        if sender.send(batch).await.is_err() || failed {
            return;
        }
    }
}

struct Reader {
    rows: Receiver<Result<RecordBatch>>,
    /// Aborted when the reader goes.
    task: SpawnedTask<()>,
    cancel: CancelToken,
}

impl Reader {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(stop) = self.cancel.stopped() {
                return Err(to_datafusion(from_stop(stop)));
            }
            match tokio::time::timeout(LOOK, self.rows.recv()).await {
                Ok(Some(batch)) => return batch.map(Some),
                Ok(None) => return self.ended().await.map(|()| None),
                Err(_) => {}
            }
        }
    }

    /// The producer is done, or it panicked.
    async fn ended(&mut self) -> Result<()> {
        (&mut self.task).await.map_err(|panic| {
            let message = format!("the statement failed: {panic}");
            to_datafusion(SqlError::new(SqlState::INTERNAL_ERROR, message))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::Threads;
    use datafusion::arrow::datatypes::Schema;
    use datafusion::error::DataFusionError;
    use std::sync::{Arc, mpsc};

    /// One thread computed the statement, kept the clock and heard the cancel: while a join was at
    /// work nobody stopped it. Here all of the computing threads are held until the end.
    #[tokio::test(flavor = "current_thread")]
    async fn a_stop_is_answered_while_nothing_can_compute() {
        let threads = Threads::new(1).unwrap();
        let compute = threads.compute().unwrap();
        let (held, holds) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let _held = compute.start(async move {
            held.send(()).unwrap();
            let _ = released.recv();
        });
        holds.recv().unwrap();
        let empty = futures::stream::empty();
        let rows = RecordBatchStreamAdapter::new(Arc::new(Schema::empty()), empty);
        let cancel = CancelToken::default();
        let mut rows = stopping(Box::pin(rows), &compute, cancel.clone());
        cancel.start();
        let (answer, ()) = tokio::join!(rows.next(), async { cancel.cancel() });
        let answer = answer.expect("a row or an error").unwrap_err();
        let DataFusionError::External(error) = answer else { panic!("{answer}") };
        let error = error.downcast_ref::<SqlError>().unwrap();
        assert_eq!(error.state, SqlState::QUERY_CANCELED);
        drop(release);
    }
}
