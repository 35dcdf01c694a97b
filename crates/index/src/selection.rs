//! Which rows of a block qualify.

use std::ops::Range;

/// Rows of one block, in the cheapest form the caller has.
#[derive(Clone, Debug)]
pub enum Selection<'a> {
    /// All rows between two places: a stretch of time.
    Range(Range<usize>),
    /// One bit a row, lowest first. Bits beyond the last row are ignored.
    Bits(&'a [u64]),
    /// Row numbers, strictly growing.
    List(&'a [u32]),
}

impl Selection<'_> {
    /// Every row of a block.
    #[must_use]
    pub fn all(rows: usize) -> Self {
        Self::Range(0..rows)
    }

    /// Checks it against a block of `rows` rows; after it, every selected row is in bounds.
    pub(crate) fn check(&self, rows: usize) -> Result<(), &'static str> {
        match self {
            Self::Range(range) if range.start > range.end || range.end > rows => {
                Err("the range of rows reaches beyond the block")
            }
            Self::Bits(words) if words.len() < rows.div_ceil(64) => {
                Err("the bits of the selection do not reach the last row")
            }
            Self::List(list) if list.last().is_some_and(|row| *row as usize >= rows) => {
                Err("the list of rows reaches beyond the block")
            }
            Self::List(list) if list.windows(2).any(|pair| pair[0] >= pair[1]) => {
                Err("the list of rows does not grow")
            }
            Self::Range(_) | Self::Bits(_) | Self::List(_) => Ok(()),
        }
    }

    /// The places to walk: row numbers, or places in the list.
    pub(crate) fn places(&self, rows: usize) -> Range<usize> {
        match self {
            Self::Range(range) => range.clone(),
            Self::Bits(_) => 0..rows,
            Self::List(list) => 0..list.len(),
        }
    }

    /// How many rows are selected out of a block of `rows`.
    pub(crate) fn count(&self, rows: usize) -> usize {
        match self {
            Self::Range(range) => range.len(),
            Self::Bits(words) => {
                (0..rows.div_ceil(64)).map(|at| word(words, at, rows).count_ones() as usize).sum()
            }
            Self::List(list) => list.len(),
        }
    }

    /// How many rows are selected between two places.
    pub(crate) fn count_between(&self, places: Range<usize>) -> usize {
        match self {
            Self::Range(_) | Self::List(_) => places.len(),
            Self::Bits(_) => {
                let starts = places.clone().step_by(64);
                let bits = |start| self.bits(start..places.end.min(start + 64));
                starts.map(|start| bits(start).count_ones() as usize).sum()
            }
        }
    }

    /// Which of up to 64 rows from one on are selected, lowest first; of a list none are told.
    pub(crate) fn bits(&self, rows: Range<usize>) -> u64 {
        if rows.is_empty() {
            return 0;
        }
        let mask = u64::MAX >> (64 - rows.len());
        match self {
            Self::Range(range) => {
                debug_assert!(range.start <= rows.start && rows.end <= range.end, "rows beyond it");
                mask
            }
            Self::Bits(words) => {
                let (at, shift) = (rows.start / 64, rows.start % 64);
                let behind = words.get(at + 1).filter(|_| shift > 0);
                mask & (words[at] >> shift | behind.map_or(0, |word| word << (64 - shift)))
            }
            Self::List(_) => 0,
        }
    }

    /// The rows between two places that are multiples of 64 (or the ends), in order.
    pub(crate) fn each(&self, places: Range<usize>, mut visit: impl FnMut(u32)) {
        match self {
            Self::Range(_) => places.for_each(|row| visit(row as u32)),
            Self::Bits(words) => {
                for at in places.start / 64..places.end.div_ceil(64) {
                    let bits = word(words, at, places.end);
                    self::places(bits).for_each(|row| visit((at * 64 + row) as u32));
                }
            }
            Self::List(list) => list[places].iter().for_each(|row| visit(*row)),
        }
    }
}

/// The places of the bits that are set, lowest first.
#[inline]
pub(crate) fn places(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let next = (bits != 0).then(|| bits.trailing_zeros() as usize);
        bits &= bits.wrapping_sub(1);
        next
    })
}

/// A word of 64 rows, cut at the last row.
#[inline]
fn word(words: &[u64], at: usize, rows: usize) -> u64 {
    let here = rows - at * 64;
    if here >= 64 { words[at] } else { words[at] & ((1 << here) - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Bits of any stretch of a block are those of the rows that it visits.
        #[test]
        fn bits_are_of_the_rows_that_are_visited(
            words in prop::collection::vec(any::<u64>(), 1..5),
            at in 0.0..1.0f64,
            length in 0..65usize,
        ) {
            let rows = 64 * words.len();
            let start = (at * rows as f64) as usize;
            let stretch = start..rows.min(start + length);
            let selection = Selection::Bits(&words);
            let mut visited = Vec::new();
            selection.each(0..rows, |row| visited.push(row as usize));
            visited.retain(|row| stretch.contains(row));
            let bits = places(selection.bits(stretch.clone())).map(|place| stretch.start + place);
            prop_assert_eq!(bits.collect::<Vec<_>>(), visited.clone());
            prop_assert_eq!(selection.count_between(stretch), visited.len());
        }
    }
}
