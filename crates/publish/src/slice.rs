//! Which part of the two time axes a read sees (product.md, "The two time axes").

use cvx_core::{CommitSeq, ValidTime};

/// Which points of the producer's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidSlice {
    /// Every point.
    All,
    /// Per entity the one point with the greatest ts at or before the moment.
    AsOf(ValidTime),
    /// Points whose validity overlaps `[from, to)`, or `[from, to]` where `closed`.
    Overlap { from: ValidTime, to: ValidTime, closed: bool },
}

/// Which versions of our own time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemSlice {
    /// The transaction's snapshot and its own writes.
    Current,
    /// As the database knew it at a moment. A moment after the transaction's snapshot is the
    /// transaction's present: the same as `Current`.
    AsOf(CommitSeq),
    /// Every version up to the snapshot, own ones included.
    All,
    /// Versions that were current at some moment of `[from, to)`, or `[from, to]` where `closed`.
    Overlap { from: CommitSeq, to: CommitSeq, closed: bool },
}

/// A read's place on both axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeSlice {
    pub valid: ValidSlice,
    pub system: SystemSlice,
}

impl TimeSlice {
    /// All points as currently known: what a plain `FROM docs` reads.
    pub const CURRENT: Self = Self { valid: ValidSlice::All, system: SystemSlice::Current };

    /// One point per entity, as currently known.
    #[must_use]
    pub fn as_of(t: ValidTime) -> Self {
        Self { valid: ValidSlice::AsOf(t), system: SystemSlice::Current }
    }
}
