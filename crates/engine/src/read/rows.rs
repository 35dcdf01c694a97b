//! Rows of one segment, and sets of them.

use crate::living::bits;
use cvx_index::Selection;
use std::ops::Range;

/// Rows in order, any of them found at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    Range(Range<usize>),
    List(Vec<u32>),
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Range(range) => range.len(),
            Self::List(list) => list.len(),
        }
    }

    pub(crate) fn get(&self, place: usize) -> usize {
        match self {
            Self::Range(range) => range.start + place,
            Self::List(list) => list[place] as usize,
        }
    }

    /// Some of the rows, by their place among them.
    pub(crate) fn slice(&self, places: Range<usize>) -> Self {
        match self {
            Self::Range(range) => Self::Range(range.start + places.start..range.start + places.end),
            Self::List(list) => Self::List(list[places].to_vec()),
        }
    }
}

/// A set of a segment's rows: a bit a row, whatever keeps them apart, so that what a slice sees and
/// what a condition keeps goes to a search as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RowSet {
    Range(Range<usize>),
    /// A bit a row of the segment, lowest first, and how many are set.
    Bits {
        words: Vec<u64>,
        count: usize,
    },
    /// Few rows that were found one by one, in order.
    List(Vec<u32>),
}

impl RowSet {
    /// The rows whose bits are set.
    pub(crate) fn of_words(words: Vec<u64>) -> Self {
        let count = words.iter().map(|word| word.count_ones() as usize).sum();
        let is_set = |word: &u64| *word != 0;
        let Some((low, high)) = words.iter().position(is_set).zip(words.iter().rposition(is_set))
        else {
            return Self::Range(0..0);
        };
        let first = low * 64 + words[low].trailing_zeros() as usize;
        let end = high * 64 + 64 - words[high].leading_zeros() as usize;
        if end - first == count { Self::Range(first..end) } else { Self::Bits { words, count } }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Range(range) => range.len(),
            Self::Bits { count, .. } => *count,
            Self::List(list) => list.len(),
        }
    }

    /// The rows one behind the other.
    pub(crate) fn into_rows(self) -> Rows {
        match self {
            Self::Range(range) => Rows::Range(range),
            Self::Bits { words, .. } => Rows::List(listed(&words, 0..words.len())),
            Self::List(list) => Rows::List(list),
        }
    }

    pub(crate) fn selection(&self) -> Selection<'_> {
        match self {
            Self::Range(range) => Selection::Range(range.clone()),
            Self::Bits { words, .. } => Selection::Bits(words),
            Self::List(list) => Selection::List(list),
        }
    }
}

/// The rows whose bits are set in some words.
pub(super) fn listed(words: &[u64], within: Range<usize>) -> Vec<u32> {
    within.flat_map(|at| bits(words[at]).map(move |bit| at as u32 * 64 + bit)).collect()
}

/// The bits of a range's rows in a word of 64.
pub(super) fn word_of(range: &Range<usize>, at: usize) -> u64 {
    let from = u64::MAX << range.start.saturating_sub(at * 64).min(63);
    let past = (at * 64 + 64).saturating_sub(range.end);
    from & u64::MAX >> past.min(63)
}
