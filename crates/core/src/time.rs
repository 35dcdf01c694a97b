//! When: the producer's time and ours.
//!
//! Valid time is what a row says of the world. System time is the commit sequence: one number a
//! commit, `max(last + 1, wall clock)` in microseconds, so that the sequence *is* the commit time
//! and no table maps one to the other (docs/adr/0001).

use serde::{Deserialize, Serialize};

/// The producer's time: signed microseconds since the Unix epoch, before 1970 too.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct ValidTime(pub i64);

impl ValidTime {
    pub const MIN: Self = Self(i64::MIN);
    pub const MAX: Self = Self(i64::MAX);
}

/// Our time: the commit's microsecond since the Unix epoch, unique and growing.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct CommitSeq(pub u64);

impl CommitSeq {
    pub const ZERO: Self = Self(0);
    /// "Not yet": the end of a version that is open.
    pub const OPEN: Self = Self(u64::MAX);

    /// The commit time, microseconds since the Unix epoch.
    #[must_use]
    pub fn as_us(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }

    /// The latest commit a moment of system time can see; moments before 1970 see none.
    #[must_use]
    pub fn at_us(us: i64) -> Self {
        Self(u64::try_from(us).unwrap_or(0))
    }
}
