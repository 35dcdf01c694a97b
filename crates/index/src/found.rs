//! Rows found, in the order of the law.

use crate::{Block, Hit};
use cvx_core::{CommitSeq, EntityId, TopK, ValidTime};

/// What ties are decided by, and where the row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) entity: u64,
    pub(crate) ts: i64,
    pub(crate) seq: u64,
    pub(crate) part: u32,
    pub(crate) row: u32,
}

/// Offers a row to the nearest so far.
#[inline]
pub(crate) fn offer(
    top: &mut TopK<Key>,
    distance: Option<f64>,
    block: &Block<'_>,
    part: u32,
    row: u32,
) {
    if !top.accepts(distance) {
        return;
    }
    let at = row as usize;
    let (entity, ts, seq) = (block.entities[at], block.ts[at], block.seq(at));
    top.push(distance, Key { entity, ts, seq, part, row });
}

/// The nearest as they leave.
pub(crate) fn hits(top: TopK<Key>) -> Vec<Hit> {
    let hit = |(distance, key): (Option<f64>, Key)| Hit {
        distance,
        entity: EntityId(key.entity),
        ts: ValidTime(key.ts),
        seq: CommitSeq(key.seq),
        part: key.part as usize,
        row: key.row as usize,
    };
    top.into_sorted().into_iter().map(hit).collect()
}

impl Key {
    pub(crate) fn of(hit: &Hit, part: u32) -> Self {
        let row = hit.row as u32;
        Self { entity: hit.entity.0, ts: hit.ts.0, seq: hit.seq.0, part, row }
    }
}
