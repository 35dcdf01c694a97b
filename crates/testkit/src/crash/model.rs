//! What ought to be in the tables: a map from keys to rows, and the changes that make it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Dimension of the vectors.
pub(super) const DIM: usize = 24;
/// Dimension of the short ones, which have indexes.
pub(super) const SHORT_DIM: usize = 4;
/// Where the harness's valid time begins: 2024-01-01, in microseconds since 2000.
const BASE_US: i64 = 757_382_400_000_000;

/// Which of the two tables: one with valid time, one without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Table {
    Docs,
    Plain,
}

/// A row's key: the entity and, where the table has valid time, its moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Key {
    pub table: Table,
    pub id: i64,
    pub tick: i64,
}

impl Key {
    /// The moment in Postgres's microseconds.
    pub(super) fn ts_us(&self) -> i64 {
        BASE_US + self.tick * 1_000_000
    }

    pub(super) fn tick_of(ts_us: i64) -> i64 {
        (ts_us - BASE_US) / 1_000_000
    }
}

/// A row's values; the vectors and the note follow from the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    pub n: i64,
    pub seed: u64,
}

impl Row {
    /// Floats of every magnitude and sign, none of them NaN.
    pub(super) fn vector(&self) -> Vec<f32> {
        let mut state = self.seed;
        (0..DIM).map(|_| finite(split_mix(&mut state))).collect()
    }

    /// Floats of one size, so that no distance between rows is lost beside another.
    pub(super) fn short(&self) -> Vec<f32> {
        let mut state = !self.seed;
        let float = |bits: u64| (bits >> 40) as f32 / (1_u32 << 24) as f32 - 0.5;
        (0..SHORT_DIM).map(|_| float(split_mix(&mut state))).collect()
    }

    pub(super) fn note(&self) -> String {
        format!("note {:x} {}", self.seed, "é".repeat((self.seed % 40) as usize))
    }
}

fn finite(bits: u64) -> f32 {
    let float = f32::from_bits(bits as u32);
    // Squares must not overflow either: the harness asks for distances.
    if float.is_finite() && float.abs() < 1e15 { float } else { bits as u32 as f32 / -1e3 }
}

/// Steele, Lea and Flood's SplitMix64 (2014).
pub(super) fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A key's new row, or its end.
pub(super) type Change = (Key, Option<Row>);

/// The rows of one worker.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Model {
    pub rows: BTreeMap<Key, Row>,
}

impl Model {
    pub(super) fn apply(&mut self, changes: &[Change]) {
        for (key, row) in changes {
            match row {
                Some(row) => self.rows.insert(*key, *row),
                None => self.rows.remove(key),
            };
        }
    }

    pub(super) fn count(&self, table: Table) -> usize {
        self.rows.keys().filter(|key| key.table == table).count()
    }
}
