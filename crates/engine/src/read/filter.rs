//! WHERE before a search: which of the rows that a slice sees a condition keeps.
//!
//! ```text
//!   seen      a range ── block ── block ──┐ columns as they lie: nothing is copied
//!             bits ───── block ── block ──┤ rows gathered
//!                                         ▼
//!                                     condition ──▶ a bit a row ──▶ the search, as it is
//! ```
//!
//! A condition is asked of blocks, on this thread until that takes longer than waking others, and
//! of what is left then on all threads. It may fail (`1/0`), and is asked of rows that are seen
//! only, so that a row nobody sees cannot fail a statement.
//!
//! Rejected: rows kept as a list, which took a third of a search that keeps half of 200,000 rows,
//! and as long again to be turned into bits for a walk. Asking a condition only of what a walk
//! meets: a comparison of 200,000 numbers costs 0.1 ms, asking DataFusion about one row costs 2 us,
//! and a walk meets some thousand.

use super::rows::{RowSet, Rows, listed};
use super::{Picks, View, assemble};
use crate::segment::Segment;
use crate::sight::Sight;
use crate::{Error, KnnRequest, Result, RowFilter};
use arrow::array::{Array, BooleanArray};
use arrow::buffer::BooleanBuffer;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rows asked about at a time; whole words of bits.
const BLOCK_ROWS: usize = 32_768;
/// How long other threads are left asleep.
const ALONE: Duration = Duration::from_micros(300);

/// Rows asked about at a time, of one of the sets.
#[derive(Debug, PartialEq, Eq)]
struct Block {
    set: usize,
    rows: Rows,
}

/// Keeps of some sets of rows those that the request's condition keeps.
pub(super) fn filter(
    view: &View,
    sight: &Sight,
    request: &KnnRequest<'_>,
    asked: &RowFilter<'_>,
    sets: &[(&Arc<Segment>, &RowSet)],
) -> Result<Vec<RowSet>> {
    let blocks: Vec<Block> =
        sets.iter().enumerate().flat_map(|(at, (_, set))| blocks(at, set, BLOCK_ROWS)).collect();
    let verdict = |block: &Block| {
        if let Some(stop) = request.cancel.stopped() {
            return Err(Error::from(stop));
        }
        let (segment, _) = sets[block.set];
        let picks = Picks::One { segment: Arc::clone(segment), rows: block.rows.clone() };
        let batch = assemble(view, sight, &picks, &asked.columns)?;
        let verdict: BooleanArray = (asked.keep)(&batch)?;
        if verdict.len() != picks.len() {
            return Err(Error::Invalid("a filter answered for other rows".to_owned()));
        }
        Ok(truths(&verdict))
    };
    let verdicts = on_threads(&blocks, verdict)?;
    Ok(kept(sets, &blocks, &verdicts))
}

/// Does something to all, with other threads once it has taken long enough to wake them.
fn on_threads<T: Send>(
    blocks: &[Block],
    work: impl Fn(&Block) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let began = Instant::now();
    let (mut done, mut left) = (Vec::with_capacity(blocks.len()), blocks);
    while let Some((next, behind)) = left.split_first()
        && began.elapsed() < ALONE
    {
        done.push(work(next)?);
        left = behind;
    }
    if !left.is_empty() {
        done.extend(left.par_iter().map(&work).collect::<Result<Vec<T>>>()?);
    }
    Ok(done)
}

/// Where a verdict is true: neither false nor NULL.
fn truths(verdict: &BooleanArray) -> BooleanBuffer {
    match verdict.nulls() {
        Some(nulls) => verdict.values() & nulls.inner(),
        None => verdict.values().clone(),
    }
}

/// A set in pieces that end at multiples of so many rows, each of whole words.
fn blocks(set: usize, rows: &RowSet, step: usize) -> Vec<Block> {
    let pieces: Vec<Rows> = match rows {
        RowSet::Range(range) => steps(range, step).map(Rows::Range).collect(),
        RowSet::Bits { words, .. } => steps(&(0..words.len()), step / 64)
            .map(|part| Rows::List(listed(words, part)))
            .collect(),
        RowSet::List(list) => list.chunks(step).map(|part| Rows::List(part.to_vec())).collect(),
    };
    let some = pieces.into_iter().filter(|rows| rows.len() > 0);
    some.map(|rows| Block { set, rows }).collect()
}

/// A range cut at multiples of a step.
fn steps(range: &Range<usize>, step: usize) -> impl Iterator<Item = Range<usize>> {
    let Range { start, end } = range.clone();
    let cuts = start / step..end.div_ceil(step);
    cuts.map(move |at| start.max(at * step)..end.min((at + 1) * step))
}

/// The rows of each set that were kept.
fn kept(
    sets: &[(&Arc<Segment>, &RowSet)],
    blocks: &[Block],
    verdicts: &[BooleanBuffer],
) -> Vec<RowSet> {
    let mut words: Vec<Vec<u64>> = Vec::with_capacity(sets.len());
    words.extend(sets.iter().map(|(segment, _)| vec![0; segment.rows().div_ceil(64)]));
    for (block, verdict) in blocks.iter().zip(verdicts) {
        mark(&block.rows, verdict, &mut words[block.set]);
    }
    words.into_iter().map(RowSet::of_words).collect()
}

/// Sets the bits of the rows for which a verdict is true.
fn mark(rows: &Rows, verdict: &BooleanBuffer, words: &mut [u64]) {
    match rows {
        Rows::Range(range) => {
            let (first, shift) = (range.start / 64, range.start % 64);
            for (at, chunk) in verdict.bit_chunks().iter_padded().enumerate() {
                or(words, first + at, chunk << shift);
                // In two steps, since none at all may be left over.
                or(words, first + at + 1, chunk >> 1 >> (63 - shift));
            }
        }
        Rows::List(list) => {
            for place in verdict.set_indices() {
                or(words, list[place] as usize / 64, 1 << (list[place] % 64));
            }
        }
    }
}

/// Sets some bits of a word; beyond the last there are none to set.
fn or(words: &mut [u64], at: usize, bits: u64) {
    if let Some(word) = words.get_mut(at) {
        *word |= bits;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows_of(set: &RowSet) -> Vec<u32> {
        let rows = set.clone().into_rows();
        (0..rows.len()).map(|place| rows.get(place) as u32).collect()
    }

    fn set_of(rows: usize, is_in: impl Fn(usize) -> bool) -> RowSet {
        let mut words = vec![0; rows.div_ceil(64)];
        (0..rows).filter(|row| is_in(*row)).for_each(|row| words[row / 64] |= 1 << (row % 64));
        RowSet::of_words(words)
    }

    proptest! {
        /// Whatever form a set has and however it is cut, each of its rows is asked about once, and
        /// those that are kept are those for which the verdict is true.
        #[test]
        fn verdicts_fall_on_the_rows_they_are_of(
            seen in prop::collection::vec(any::<bool>(), 1..900),
            range in (0..900usize, 0..900usize),
            form in 0..3,
            step in 1..5usize,
            keeps in 1..9usize,
        ) {
            let rows = seen.len();
            let range = range.0.min(range.1).min(rows)..range.0.max(range.1).min(rows);
            let set = match form {
                0 => RowSet::Range(range),
                1 => set_of(rows, |row| seen[row]),
                _ => RowSet::List((0..rows as u32).filter(|row| seen[*row as usize]).collect()),
            };
            let keeps = |row: usize| (row * 7 % 11).is_multiple_of(keeps);
            let mut words = vec![0; rows.div_ceil(64)];
            let mut asked = Vec::new();
            for Block { rows, .. } in blocks(0, &set, step * 64) {
                let here = (0..rows.len()).map(|place| rows.get(place));
                asked.extend(here.clone().map(|row| row as u32));
                mark(&rows, &here.map(keeps).collect(), &mut words);
            }
            prop_assert_eq!(&asked, &rows_of(&set));
            asked.retain(|row| keeps(*row as usize));
            let kept = RowSet::of_words(words);
            prop_assert_eq!(kept.len(), asked.len());
            prop_assert_eq!(rows_of(&kept), asked);
        }
    }

    /// NULL is not true, whatever bit lies under it.
    #[test]
    fn null_keeps_nothing() {
        let values = BooleanBuffer::from(vec![true, true, false]);
        let nulls = arrow::buffer::NullBuffer::from(vec![true, false, true]);
        let verdict = BooleanArray::new(values, Some(nulls));
        assert_eq!(truths(&verdict).set_indices().collect::<Vec<_>>(), [0]);
    }

    /// Other threads take what is left after the first blocks; answers stay in order, and an error
    /// is one.
    #[test]
    fn long_conditions_are_asked_on_all_threads() {
        let blocks = blocks(0, &RowSet::Range(0..64 * 40), 64);
        let slow = |block: &Block| {
            std::thread::sleep(Duration::from_millis(1));
            Ok(block.rows.get(0))
        };
        let firsts: Vec<usize> = (0..40).map(|at| at * 64).collect();
        assert_eq!(on_threads(&blocks, slow).unwrap(), firsts);
        let fails = |block: &Block| match slow(block)? {
            first if first == 64 * 30 => Err(Error::Invalid("no".to_owned())),
            first => Ok(first),
        };
        assert!(on_threads(&blocks, fails).is_err());
    }
}
