//! Where a row version is: the entity, the point's time, and the commit that wrote it.

use cvx_core::{CommitSeq, EntityId, ValidTime};
use serde::{Deserialize, Serialize};

/// The address of one row version inside its table; `seq` is its `sys_from`.
///
/// A version that this transaction wrote and has not committed has a `seq` at or above
/// [`OWN_BASE`]: it orders after every commit and is no time. Such an address is good inside that
/// transaction only.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct RowAddr {
    pub entity: EntityId,
    pub ts: ValidTime,
    pub seq: CommitSeq,
}

/// The first sequence of a transaction's own, uncommitted versions. Commits stay below it: as
/// microseconds it lies 146,000 years ahead.
pub const OWN_BASE: u64 = 1 << 62;

/// Whether a sequence is an uncommitted version's.
#[must_use]
pub fn is_own(seq: CommitSeq) -> bool {
    seq.0 >= OWN_BASE && seq != CommitSeq::OPEN
}
