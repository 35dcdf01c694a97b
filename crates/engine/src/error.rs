//! What can go wrong, named by what the caller can do about it.

use cvx_core::{CommitSeq, EntityId, Stop, ValidTime};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Every way the engine refuses. The SQL layer maps it to SQLSTATEs with an exhaustive match.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 23505: the key is there with other content.
    #[error("duplicate key in \"{table}\": {key}")]
    DuplicateKey { table: String, key: String },
    /// 21000: one statement would write one key twice.
    #[error("a statement of \"{table}\" writes key {key} twice")]
    WrittenTwice { table: String, key: String },
    /// CV001: the point lies before the entity's last one.
    #[error("out of order in \"{table}\": {key} lies before the entity's last point")]
    OutOfOrder { table: String, key: String, entity: EntityId, ts: ValidTime, last: ValidTime },
    /// 23502.
    #[error("null value in column \"{column}\" of \"{table}\"")]
    NotNull { table: String, column: String },
    /// 22000: NaN or infinity in a vector.
    #[error("NaN or infinity in vector column \"{column}\"")]
    NotFinite { column: String },
    /// 22008: a timestamp outside what a point may have.
    #[error("timestamp out of range in column \"{column}\"")]
    TimeRange { column: String },
    /// 40001: somebody else changed what this transaction changes.
    #[error("could not serialize access due to concurrent update")]
    Conflict,
    /// 72000: history before the horizon was purged.
    #[error("history before {horizon:?} was purged")]
    SnapshotTooOld { horizon: CommitSeq },
    /// 57014.
    #[error("stopped: {0:?}")]
    Cancelled(Stop),
    /// 42P07, 42710, 42701: `kind` is `table`, `view`, `index`, `column`, `schema`, `extension`,
    /// `role`.
    #[error("{kind} \"{name}\" already exists")]
    Exists { kind: &'static str, name: String },
    /// 42P01, 42704, 42703.
    #[error("{kind} \"{name}\" does not exist")]
    Missing { kind: &'static str, name: String },
    /// 0A000 or 22023: the request itself makes no sense; the sentence says why.
    #[error("{0}")]
    Invalid(String),
    /// 2BP01: others stand on it; the sentence says what.
    #[error("{0}")]
    Dependents(String),
    /// 58030: an earlier write failed; nothing is written until the database is opened again.
    #[error("the writer stopped after a failed write: {0}")]
    Poisoned(String),
    /// 57P01: the engine is shutting down.
    #[error("the database is shutting down")]
    ShutDown,
    /// XX001: what is on disk contradicts itself.
    #[error("corrupt: {0}")]
    Corrupt(String),
    /// 53100, 58030 or XX001, as `cvx_storage::Error` says.
    #[error(transparent)]
    Storage(#[from] cvx_storage::Error),
    /// 22000 (a wrong dimension, a vector outside the ball), 57014 or XX000, as `cvx_index::Error`
    /// says.
    #[error(transparent)]
    Search(#[from] cvx_index::Error),
    /// XX000: Arrow refused what should be valid.
    #[error(transparent)]
    Arrow(#[from] arrow::error::ArrowError),
}

impl From<Stop> for Error {
    fn from(stop: Stop) -> Self {
        Self::Cancelled(stop)
    }
}

/// A thread that the operating system did not give.
pub(crate) fn no_thread(error: std::io::Error) -> Error {
    Error::Invalid(format!("a thread: {error}"))
}
