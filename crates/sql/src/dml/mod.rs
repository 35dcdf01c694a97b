//! Statements that change rows. What to change is read by the ordinary road; the change itself,
//! with its rules of order and repetition, is the engine's.

mod assign;
mod copy_in;
mod delete;
mod erase;
mod insert;
mod needs;
mod returning;
mod rows;
mod target;
mod update;

pub use assign::assign;
pub use copy_in::CopyTarget;
pub use delete::{DeletePlan, DeleteRead, EndPlan};
pub use erase::erased_points;
pub use insert::{InsertPlan, describe as describe_insert};
pub(crate) use target::column;
pub use update::{UpdatePlan, UpdateRead};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use cvx_session::Notice;
use cvx_types::Column;
use datafusion::execution::SendableRecordBatchStream;

/// What a statement changed.
#[derive(Debug, Default)]
pub struct Changed {
    pub count: u64,
    /// RETURNING's rows, where it was asked for.
    pub returned: Vec<RecordBatch>,
    pub notices: Vec<Notice>,
}

/// What RETURNING will show.
#[derive(Clone, Debug)]
pub struct ReturnShape {
    pub columns: Vec<Column>,
    pub schema: SchemaRef,
}

/// Rows on their way into a change.
pub(crate) enum Source {
    Rows(Option<RecordBatch>),
    Stream(SendableRecordBatchStream),
}

impl Source {
    pub(crate) async fn next(&mut self) -> cvx_types::Result<Option<RecordBatch>> {
        use futures::StreamExt;
        match self {
            Self::Rows(rows) => Ok(rows.take()),
            Self::Stream(stream) => {
                stream.next().await.transpose().map_err(crate::error::from_datafusion)
            }
        }
    }
}
