//! The keys, whose byte order is the order of meaning.
//!
//! A point is 20 bytes, and a version of it 8 more, so that versions of a point coexist and the
//! newest comes first:
//!
//! ```text
//!  0        4                12                20                28        30
//!  +--------+----------------+-----------------+-----------------+---------+
//!  | space  | entity         | ts ^ sign bit   | !seq            | column  |
//!  +--------+----------------+-----------------+-----------------+---------+
//!  '----------------- point -------------------'                 '-vectors-'
//! ```
//!
//! All numbers are big-endian. The column stands only in keys of family `vectors`. Delta blocks
//! put the column before the time, for one column of one entity is read as one run:
//! space 4, entity 8, column 2, ts 8, !seq 8.

use cvx_core::{CommitSeq, EntityId, SpaceId, ValidTime};
use serde::{Deserialize, Serialize};

/// Bytes of a [`RowKey`].
pub(crate) const ROW_KEY_BYTES: usize = 28;
/// Bytes of a row key with a column.
pub(crate) const VECTOR_KEY_BYTES: usize = ROW_KEY_BYTES + 2;
/// Bytes of a [`DeltaKey`].
pub(crate) const DELTA_KEY_BYTES: usize = 30;

/// The number of a row file, never used twice in a data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileId(pub u64);

/// The address of a row version. Its order is the order of its bytes: newest version first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RowKey {
    pub space: SpaceId,
    pub entity: EntityId,
    pub ts: ValidTime,
    pub seq: CommitSeq,
}

/// The address of a delta block: that of its first vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeltaKey {
    pub space: SpaceId,
    pub entity: EntityId,
    pub column: u16,
    pub ts: ValidTime,
    pub seq: CommitSeq,
}

impl RowKey {
    #[must_use]
    pub fn encode(&self) -> [u8; ROW_KEY_BYTES] {
        let mut key = [0; ROW_KEY_BYTES];
        key[..4].copy_from_slice(&self.space.0.to_be_bytes());
        key[4..12].copy_from_slice(&self.entity.0.to_be_bytes());
        key[12..20].copy_from_slice(&ts_bytes(self.ts));
        key[20..].copy_from_slice(&seq_bytes(self.seq));
        key
    }

    /// The key these bytes spell; none unless there are exactly 28.
    #[must_use]
    pub fn decode(key: &[u8]) -> Option<Self> {
        let (space, rest) = key.split_first_chunk()?;
        let (entity, rest) = rest.split_first_chunk()?;
        let (ts, rest) = rest.split_first_chunk()?;
        Some(Self {
            space: SpaceId(u32::from_be_bytes(*space)),
            entity: EntityId(u64::from_be_bytes(*entity)),
            ts: ts_of(*ts),
            seq: seq_of(rest.try_into().ok()?),
        })
    }

    /// The key of this version's vector in `column`.
    #[must_use]
    pub fn with_column(&self, column: u16) -> [u8; VECTOR_KEY_BYTES] {
        let mut key = [0; VECTOR_KEY_BYTES];
        key[..ROW_KEY_BYTES].copy_from_slice(&self.encode());
        key[ROW_KEY_BYTES..].copy_from_slice(&column.to_be_bytes());
        key
    }

    /// The row key and column that the key of a vector spells.
    #[must_use]
    pub fn decode_with_column(key: &[u8]) -> Option<(Self, u16)> {
        let (row, column) = key.split_last_chunk()?;
        Some((Self::decode(row)?, u16::from_be_bytes(*column)))
    }
}

impl Ord for RowKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let place = |key: &Self| (key.space, key.entity, key.ts, std::cmp::Reverse(key.seq));
        place(self).cmp(&place(other))
    }
}

impl PartialOrd for RowKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl DeltaKey {
    #[must_use]
    pub fn encode(&self) -> [u8; DELTA_KEY_BYTES] {
        let mut key = [0; DELTA_KEY_BYTES];
        key[..14].copy_from_slice(&delta_prefix(self.space, self.entity, self.column));
        key[14..22].copy_from_slice(&ts_bytes(self.ts));
        key[22..].copy_from_slice(&seq_bytes(self.seq));
        key
    }

    /// The key these bytes spell; none unless there are exactly 30.
    #[must_use]
    pub fn decode(key: &[u8]) -> Option<Self> {
        let (space, rest) = key.split_first_chunk()?;
        let (entity, rest) = rest.split_first_chunk()?;
        let (column, rest) = rest.split_first_chunk()?;
        let (ts, rest) = rest.split_first_chunk()?;
        Some(Self {
            space: SpaceId(u32::from_be_bytes(*space)),
            entity: EntityId(u64::from_be_bytes(*entity)),
            column: u16::from_be_bytes(*column),
            ts: ts_of(*ts),
            seq: seq_of(rest.try_into().ok()?),
        })
    }
}

/// What the keys of one entity's delta blocks of one column begin with.
pub(crate) fn delta_prefix(space: SpaceId, entity: EntityId, column: u16) -> [u8; 14] {
    let mut prefix = [0; 14];
    prefix[..4].copy_from_slice(&space.0.to_be_bytes());
    prefix[4..12].copy_from_slice(&entity.0.to_be_bytes());
    prefix[12..].copy_from_slice(&column.to_be_bytes());
    prefix
}

/// What all keys of an entity begin with.
pub(crate) fn entity_prefix(space: SpaceId, entity: EntityId) -> [u8; 12] {
    let mut prefix = [0; 12];
    prefix[..4].copy_from_slice(&space.0.to_be_bytes());
    prefix[4..].copy_from_slice(&entity.0.to_be_bytes());
    prefix
}

/// What all keys of a space begin with.
pub(crate) fn space_prefix(space: SpaceId) -> [u8; 4] {
    space.0.to_be_bytes()
}

/// The least string above all strings that begin with `prefix`; none if there is no such string.
pub(crate) fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix.get(..=last)?.to_vec();
    *end.last_mut()? += 1;
    Some(end)
}

fn ts_bytes(ts: ValidTime) -> [u8; 8] {
    (ts.0 ^ i64::MIN).to_be_bytes()
}

fn ts_of(bytes: [u8; 8]) -> ValidTime {
    ValidTime(i64::from_be_bytes(bytes) ^ i64::MIN)
}

fn seq_bytes(seq: CommitSeq) -> [u8; 8] {
    (!seq.0).to_be_bytes()
}

fn seq_of(bytes: [u8; 8]) -> CommitSeq {
    CommitSeq(!u64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Numbers near the edges, and equal ones, are as likely as any.
    fn edgy_i64() -> impl Strategy<Value = i64> {
        prop_oneof![any::<i64>(), -2..3i64, Just(i64::MIN), Just(i64::MAX)]
    }

    fn row_key() -> impl Strategy<Value = RowKey> {
        let space = prop_oneof![any::<u32>(), 0..3u32, Just(u32::MAX)];
        (space, edgy_i64(), edgy_i64(), edgy_i64()).prop_map(|(space, entity, ts, seq)| RowKey {
            space: SpaceId(space),
            entity: EntityId(entity.cast_unsigned()),
            ts: ValidTime(ts),
            seq: CommitSeq(seq.cast_unsigned()),
        })
    }

    proptest! {
        #[test]
        fn row_keys_round_trip(key in row_key(), column: u16) {
            prop_assert_eq!(RowKey::decode(&key.encode()), Some(key));
            let vector = key.with_column(column);
            prop_assert_eq!(RowKey::decode_with_column(&vector), Some((key, column)));
        }

        #[test]
        fn byte_order_is_the_order_of_meaning(a in row_key(), b in row_key()) {
            let meaning = a.space.cmp(&b.space)
                .then(a.entity.cmp(&b.entity))
                .then(a.ts.cmp(&b.ts))
                .then(b.seq.cmp(&a.seq));
            prop_assert_eq!(a.encode().cmp(&b.encode()), meaning);
            prop_assert_eq!(a.cmp(&b), meaning);
        }

        #[test]
        fn delta_keys_round_trip_and_run_in_time_order(
            a in row_key(), b in row_key(), column: u16,
        ) {
            let delta = |key: RowKey| DeltaKey {
                space: a.space, entity: a.entity, column, ts: key.ts, seq: key.seq,
            };
            prop_assert_eq!(DeltaKey::decode(&delta(b).encode()), Some(delta(b)));
            let bytes = delta(a).encode().cmp(&delta(b).encode());
            prop_assert_eq!(bytes, a.ts.cmp(&b.ts).then(b.seq.cmp(&a.seq)));
        }

        #[test]
        fn other_lengths_spell_no_key(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(RowKey::decode(&bytes).is_some(), bytes.len() == 28);
            prop_assert_eq!(RowKey::decode_with_column(&bytes).is_some(), bytes.len() == 30);
            prop_assert_eq!(DeltaKey::decode(&bytes).is_some(), bytes.len() == 30);
        }

        #[test]
        fn a_prefix_ends_right_above_its_strings(
            prefix in prop::collection::vec(prop_oneof![any::<u8>(), Just(255)], 0..6),
            other in prop::collection::vec(prop_oneof![any::<u8>(), Just(255)], 0..8),
        ) {
            let inside = other >= prefix && prefix_end(&prefix).is_none_or(|end| other < end);
            prop_assert_eq!(inside, other.starts_with(&prefix));
        }
    }
}
