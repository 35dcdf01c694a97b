//! Who: spaces (one a table) and the entities in them.

use serde::{Deserialize, Serialize};

/// A table's number in every key, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SpaceId(pub u32);

/// An entity inside a space: 8 bytes whose unsigned order is the order of the key's values for
/// integer keys, and the order of first sight for keys that go through the dictionary.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct EntityId(pub u64);

impl EntityId {
    /// The entity of an integer key: the sign bit is flipped so that unsigned order is value order.
    #[must_use]
    pub fn from_i64(key: i64) -> Self {
        Self((key as u64) ^ (1 << 63))
    }

    /// The integer key this entity was made from.
    #[must_use]
    pub fn to_i64(self) -> i64 {
        (self.0 ^ (1 << 63)) as i64
    }
}
