//! Vectors that an UPDATE left as they were, so that the log need not have them again.
//!
//! ```text
//!   UPDATE                    remembers: this own row has its vector from that version
//!   COMMIT, small enough      the record says `Locator::At` that version; no vector is written
//!   sealing                   the row file has the vector, as every row file has all of its rows
//! ```
//!
//! What a record points to is a version of the same point, in RocksDB or in a row file. It is
//! pointed to itself, not through others, so a chain of updates is as deep as one. A version that
//! is erased goes with all versions of its point; one that is purged leaves later ones, which
//! take the vector over in the same batch (`removal`).
//!
//! Rows in memory and row files have their vectors each for itself; docs/adr/0012 says why.

use crate::own::OwnState;
use crate::timeline::OPEN;
use cvx_core::{CommitSeq, EntityId};
use cvx_storage::{Locator, RowKey, Store};
use hashbrown::HashMap;

/// A vector of a point: entity, ts, column.
type Place = (u64, i64, u16);

/// Of own rows in memory, the base version that has a vector already.
#[derive(Debug, Default)]
pub(crate) struct Shared(HashMap<Place, Share>);

#[derive(Clone, Copy, Debug)]
struct Share {
    /// The call that wrote the own row.
    seq: u64,
    base: u64,
}

/// What a commit writes of it: the base version by place.
#[derive(Debug, Default)]
pub(crate) struct SharedFrom(HashMap<Place, u64>);

impl Shared {
    /// The call `seq` writes a row whose vector is that of a base version.
    pub(crate) fn insert(&mut self, place: Place, seq: u64, base: u64) {
        self.0.insert(place, Share { seq, base });
    }

    /// The base version whose vector an own row has.
    pub(crate) fn base_of(&self, place: Place, seq: u64) -> Option<u64> {
        self.0.get(&place).filter(|share| share.seq == seq).map(|share| share.base)
    }

    /// Forgets rows of calls after `last`.
    pub(crate) fn forget_after(&mut self, last: u64) {
        self.0.retain(|_, share| share.seq <= last);
    }

    /// Forgets all: the rows are in files, which have their vectors.
    pub(crate) fn clear(&mut self) {
        self.0 = HashMap::new();
    }
}

impl SharedFrom {
    /// Of the own rows that are there at commit.
    pub(crate) fn of(state: &OwnState) -> Self {
        let alive = |((entity, ts, column), share): (&Place, &Share)| {
            let opened = state.lines.opened(EntityId(*entity));
            let is_there =
                |v: &crate::timeline::Version| v.ts == *ts && v.from == share.seq && v.to == OPEN;
            opened.iter().any(is_there).then_some(((*entity, *ts, *column), share.base))
        };
        Self(state.shared.0.iter().filter_map(alive).collect())
    }

    /// Where the vector of a new row lies already, if it does. Asked by the writer, so that what
    /// is found stays so until the row is written.
    pub(crate) fn find(
        &self,
        store: &Store,
        key: &RowKey,
        column: u16,
    ) -> cvx_storage::Result<Option<CommitSeq>> {
        let Some(base) = self.0.get(&(key.entity.0, key.ts.0, column)) else { return Ok(None) };
        let base = CommitSeq(*base);
        let record = store.get_row(&RowKey { seq: base, ..*key })?;
        Ok(match record.map(|record| record.locator(column)) {
            // Sealed, with its vector.
            None => Some(base),
            Some(Some(Locator::Here)) => Some(base),
            Some(Some(Locator::At(root))) => Some(root),
            Some(Some(Locator::Null) | None) => None,
        })
    }
}
