//! How an INSERT treats a key that is there, and what became of each row.

use crate::RowAddr;

/// What the statement said.
#[derive(Clone, Debug)]
pub struct InsertMode {
    /// Per table column, in table order: whether the statement gave it a value. A repeat is a
    /// no-op if these columns are equal.
    pub supplied: Vec<bool>,
    pub on_conflict: OnConflict,
    /// `cvx.force`: late points are accepted, points that are there are replaced.
    pub force: bool,
}

/// What to do with a key that is there. `Nothing` and `Report` accept late points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    Error,
    /// DO NOTHING.
    Nothing,
    /// DO UPDATE: the row in the way is reported, and the caller updates it.
    Report,
}

/// What became of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    Inserted(RowAddr),
    /// An equal row was there: counted and returned as if inserted.
    Same(RowAddr),
    /// DO NOTHING did nothing.
    Skipped,
    /// DO UPDATE has to update this row.
    Conflict(RowAddr),
    /// `cvx.force` closed what was there and wrote this.
    Replaced(RowAddr),
}

/// When a commit is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When it is on disk.
    Synced,
    /// `synchronous_commit = off`: when it is with the operating system.
    Relaxed,
}
