//! Which rows of a segment live at a moment: a read of an old moment costs what lived then.
//!
//! ```text
//!   births and deaths along one axis      b1            b2         b3
//!   ─────┬──┬───┬─×──┬──┬──×─┬──×──┬──────┃──×──┬───×───┃───┬──×───┃──▶
//!                                         alive at b1   alive at b2 ...   a set of rows each
//!   asked about t in [b2, b3): alive at b2, and born since; each of them is then tested
//! ```
//!
//! A boundary is set once as many rows were born or died as half of those that lived at the last
//! one, so what is tested is at most about twice what lives, and all sets together hold a few ids
//! a row (the time-split of the multiversion B-tree: Becker and others 1996). There are two axes:
//! valid time as it is known now, and system time. Reads that go back on both look at blocks of
//! 64 rows, and leave out those whose last row was dead by then.
//!
//! **Invariant.** What a [`Living`] offers holds every row that is seen; it decides none. It knows
//! the closings up to one commit and serves moments from there on, or any moment where that does
//! not matter. Closings that came later make it less tight, not wrong; a row whose timeline must
//! be asked may come back to life, so those are offered whatever the sets say.
//!
//! Considered: one interval tree a segment. It answers without a factor of two, and takes 24 bytes
//! a row and a cache miss a step where these sets take ten at most and are read in row order.

use crate::closure::ASK;
use crate::segment::Segment;
use crate::sight::{Moments, Sight, Stretch};
use crate::timeline::OPEN;
use roaring::RoaringBitmap;
use std::ops::Range;

/// Rows of a block, as many as bits in a word.
const BLOCK: usize = 64;
/// A segment has at most about so many boundaries for each time its rows come and go.
const STEPS: usize = 128;

/// What is known of a segment's rows up to a commit.
#[derive(Debug)]
pub(crate) struct Living {
    known: u64,
    /// How many changes of the closures are in, as `Closures::changes` counts them.
    changes: usize,
    valid: Option<Axis<i64>>,
    system: Option<Axis<u64>>,
    blocks: Vec<Block>,
}

/// Rows that lie together.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// All are dead at moments from here on in system time...
    seq: u64,
    /// ...and valid time.
    ts: i64,
    /// None was known before.
    from: u64,
}

impl Living {
    /// Of a sealed segment whose rows were all committed by `known`.
    pub(crate) fn of(segment: &Segment, known: u64, temporal: bool) -> Self {
        let changes = segment.closures.changes();
        let mut blocks = Vec::with_capacity(segment.rows().div_ceil(BLOCK));
        let (mut valid, mut system) = (Vec::new(), Vec::new());
        // Of a commit that is not published yet: counted already, and not to be known.
        let mut early = 0;
        let mut closed = false;
        for row in 0..segment.rows() {
            if row % BLOCK == 0 {
                blocks.push(Block { seq: 0, ts: i64::MIN, from: u64::MAX });
            }
            let (from, end) = (segment.seqs.get(row), segment.closures.load(row));
            let there = |seq: u64| seq != ASK && seq <= known;
            let gone = there(end.sys_to);
            let ahead = |seq: u64| usize::from(seq > known && seq != OPEN);
            early += ahead(end.sys_to) + ahead(end.succ_seq);
            closed |= gone;
            let row = row as u32;
            system.push(Life { row, birth: from, death: gone.then_some(end.sys_to) });
            let (seq, ts) = match (gone, there(end.succ_seq)) {
                (true, _) => (end.sys_to, i64::MIN),
                (false, true) => (end.succ_seq, end.succ_ts),
                (false, false) => (OPEN, i64::MAX),
            };
            if !gone && end.succ_seq != ASK {
                let death = there(end.succ_seq).then_some(end.succ_ts);
                valid.push(Life { row, birth: segment.ts[row as usize], death });
            }
            if let Some(block) = blocks.last_mut() {
                let from = block.from.min(from);
                *block = Block { seq: block.seq.max(seq), ts: block.ts.max(ts), from };
            }
        }
        let valid = temporal.then(|| Axis::new(&valid, segment.rows()));
        let system = closed.then(|| Axis::new(&system, segment.rows()));
        let changes = changes.saturating_sub(early);
        Self { known, changes, valid, system, blocks }
    }

    /// How many changes are in: fewer than the closures', and it is out of date.
    pub(crate) fn changes(&self) -> usize {
        self.changes
    }

    pub(crate) fn bytes(&self) -> usize {
        let axes = self.valid.as_ref().map_or(0, Axis::bytes)
            + self.system.as_ref().map_or(0, Axis::bytes);
        axes + self.blocks.len() * size_of::<Block>()
    }

    /// Bits of the rows that a sight may see, right for those in the range; `None`: any of them.
    pub(crate) fn offer(
        &self,
        segment: &Segment,
        sight: &Sight,
        range: &Range<usize>,
    ) -> Option<Vec<u64>> {
        let Moments { first, last } = sight.base;
        let mut words = vec![0u64; segment.rows().div_ceil(BLOCK)];
        match (sight.valid, &self.valid) {
            (Some(stretch), Some(valid)) if first >= self.known => {
                valid.mark(stretch.first, stretch.last, &mut words);
                segment.closures.mark_asked(&mut words);
            }
            (Some(stretch), _) => {
                let all = range.start / BLOCK..range.end.div_ceil(BLOCK);
                for at in all.filter(|at| !self.is_dead(segment, *at, sight.base, stretch)) {
                    words[at] = u64::MAX;
                }
            }
            (None, _) => self.system.as_ref()?.mark(first, last, &mut words),
        }
        Some(words)
    }

    fn is_dead(&self, segment: &Segment, at: usize, moments: Moments, stretch: Stretch) -> bool {
        let Block { seq, ts, from } = self.blocks[at];
        from > moments.last
            || (seq <= moments.first && ts <= stretch.first && !segment.closures.has_asked(at))
    }
}

/// When a row was there: from its birth on, before its death.
#[derive(Clone, Copy, Debug)]
struct Life<T> {
    row: u32,
    birth: T,
    death: Option<T>,
}

/// Boundaries along one axis of time, the first before all.
#[derive(Debug)]
struct Axis<T> {
    epochs: Vec<Epoch<T>>,
}

/// From a boundary to the next.
#[derive(Debug)]
struct Epoch<T> {
    from: Option<T>,
    /// Rows there at the boundary.
    alive: RoaringBitmap,
    /// Rows that came after it.
    born: RoaringBitmap,
}

impl<T: Ord + Copy> Axis<T> {
    fn new(lives: &[Life<T>], rows: usize) -> Self {
        let is_real = |life: &&Life<T>| life.death.is_none_or(|death| life.birth < death);
        let mut events: Vec<(T, bool, u32)> = Vec::with_capacity(2 * lives.len());
        for life in lives.iter().filter(is_real) {
            events.push((life.birth, true, life.row));
            events.extend(life.death.map(|death| (death, false, life.row)));
        }
        events.sort_unstable();
        let mut epochs = vec![Epoch::new(None, &[])];
        let mut there = vec![0u64; rows.div_ceil(BLOCK)];
        let (mut count, mut since) = (0usize, 0);
        for group in events.chunk_by(|a, b| a.0 == b.0) {
            for (_, birth, row) in group {
                let (word, bit) = (*row as usize / BLOCK, 1 << (row % BLOCK as u32));
                there[word] ^= bit;
                if *birth {
                    count += 1;
                    epochs.last_mut().map(|epoch| epoch.born.insert(*row));
                } else {
                    count -= 1;
                }
            }
            since += group.len();
            if since >= (count / 2).max(rows.div_ceil(STEPS)) {
                epochs.push(Epoch::new(Some(group[0].0), &there));
                since = 0;
            }
        }
        Self { epochs }
    }

    /// Marks the rows that were there at some time of a closed range, and few others.
    fn mark(&self, first: T, last: T, words: &mut [u64]) {
        let begin = self.epochs.partition_point(|epoch| epoch.from <= Some(first)) - 1;
        mark(&self.epochs[begin].alive, words);
        let end = self.epochs.partition_point(|epoch| epoch.from <= Some(last));
        for epoch in &self.epochs[begin..end.max(begin + 1)] {
            mark(&epoch.born, words);
        }
    }

    fn bytes(&self) -> usize {
        let sets = self.epochs.iter().flat_map(|epoch| [&epoch.alive, &epoch.born]);
        sets.map(RoaringBitmap::serialized_size).sum()
    }
}

impl<T> Epoch<T> {
    fn new(from: Option<T>, there: &[u64]) -> Self {
        let mut alive = RoaringBitmap::new();
        for (at, word) in there.iter().enumerate() {
            alive.extend(bits(*word).map(|bit| (at * BLOCK) as u32 + bit));
        }
        Self { from, alive, born: RoaringBitmap::new() }
    }
}

fn mark(rows: &RoaringBitmap, words: &mut [u64]) {
    for row in rows {
        words[row as usize / BLOCK] |= 1 << (row % BLOCK as u32);
    }
}

/// The places of a word's bits, lowest first.
pub(crate) fn bits(mut word: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros());
        word &= word.wrapping_sub(1);
        bit
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn marked(axis: &Axis<i64>, first: i64, last: i64, rows: usize) -> Vec<usize> {
        let mut words = vec![0; rows.div_ceil(BLOCK)];
        axis.mark(first, last, &mut words);
        (0..rows).filter(|row| words[row / BLOCK] >> (row % BLOCK) & 1 == 1).collect()
    }

    proptest! {
        /// Whoever was there is offered, and not many who were not.
        #[test]
        fn all_that_live_are_offered(
            lives in prop::collection::vec((-50..50i64, prop::option::of(-60..90i64)), 0..400),
            first in -70..100i64,
            length in 0..30i64,
        ) {
            let life = |(row, (birth, death)): (usize, &(i64, Option<i64>))| {
                Life { row: row as u32, birth: *birth, death: *death }
            };
            let all: Vec<_> = lives.iter().enumerate().map(life).collect();
            let axis = Axis::new(&all, lives.len());
            let last = first + length;
            let there = |life: &&Life<i64>| {
                life.birth <= last && life.death.is_none_or(|d| d > first.max(life.birth))
            };
            let lived: Vec<usize> =
                all.iter().filter(there).map(|life| life.row as usize).collect();
            let offered = marked(&axis, first, last, lives.len());
            prop_assert!(lived.iter().all(|row| offered.contains(row)));
        }
    }

    /// A commit closes rows before it is published. What was made in between counted them among
    /// the known, and held old moments dear for ever: 29,464 rows tested where 10,000 lived.
    #[test]
    fn closings_of_a_commit_under_way_are_still_to_come() {
        use crate::closure::Closures;
        let addr = |row: u64| crate::RowAddr {
            entity: cvx_core::EntityId(row),
            ts: cvx_core::ValidTime(row as i64),
            seq: cvx_core::CommitSeq(1),
        };
        let (mut fields, mut arrays) = (Vec::new(), Vec::new());
        let keys: Vec<_> = (0..100).map(addr).collect();
        crate::tail::push_keys(&keys, &mut fields, &mut arrays);
        let schema = std::sync::Arc::new(arrow::datatypes::Schema::new(fields));
        let batch = arrow::array::RecordBatch::try_new(schema, arrays).unwrap();
        let segment = Segment::new(&batch, None, Closures::open(100)).unwrap();
        (0..50).for_each(|row| segment.closures.succeed(row, 1_000, 5));
        (50..100).for_each(|row| segment.closures.succeed(row, 1_000, 6));
        let early = Living::of(&segment, 5, true);
        assert!(early.changes() < segment.closures.changes());
        assert_eq!(Living::of(&segment, 6, true).changes(), segment.closures.changes());
    }

    /// The story that boundaries are for: 100 versions of each of 500 entities, and 500 entities
    /// that never changed. Whatever the moment, about twice what lives is looked at.
    #[test]
    fn old_moments_cost_the_living() {
        let mut lives = Vec::new();
        let mut life = |birth, death| {
            let row = lives.len() as u32;
            lives.push(Life { row, birth, death });
        };
        (0..500).for_each(|entity| life(entity, None));
        for version in 1..100 {
            for entity in 0..500 {
                let birth = version * 500 + entity;
                life(birth, (version < 99).then_some(birth + 500));
            }
        }
        let axis = Axis::new(&lives, lives.len());
        for t in (0..50_500).step_by(97) {
            let alive = |l: &&Life<i64>| l.birth <= t && l.death.is_none_or(|death| t < death);
            let living = lives.iter().filter(alive).count();
            let offered = marked(&axis, t, t, lives.len()).len();
            let most = 2 * living + lives.len() / STEPS + 1;
            assert!(offered <= most, "at {t}: {offered} offered, {living} live");
        }
        assert!(axis.bytes() < 12 * lives.len(), "{} bytes", axis.bytes());
    }
}
