//! Which road a part takes, by counted work.

use super::asked::Asked;
use super::{Roads, StHnsw};
use crate::exact::plan::times;
use crate::{Part, SegmentIndex, Selection};
use cvx_core::ValidTime;
use std::borrow::Cow;

/// Work in units of one row sifted in row order, about 10 ns at 768 dimensions.
const SIFT_CHOSEN: f64 = 2.0;
/// A node followed: some sixteen rows of bytes from memory.
pub(super) const FOLLOW: f64 = 96.0;
/// Rows up to which comparing them costs less than preparing a query for codes.
const SCAN_ROWS: usize = 256;
/// A filter widens a walk at most so many times.
const WIDEN: f64 = 50.0;
/// Dimensions below which a row is hardly longer than its code.
const SIFT_DIM: usize = 64;

pub(super) enum Road<'a> {
    /// Compare every selected row.
    Scan,
    /// Ask the index.
    Codes(&'a SegmentIndex),
}

/// Chooses for one part of which so many rows are selected.
pub(super) fn choose<'a>(
    effort: &StHnsw,
    asked: &Asked<'_>,
    part: &Part<'a>,
    selected: usize,
) -> Road<'a> {
    let Some(index) = part.index else { return Road::Scan };
    let serves = index.space() == asked.space
        && index.dim() == part.block.dim
        && index.rows() == part.block.rows();
    let few = selected <= SCAN_ROWS.max(asked.request.k.saturating_mul(4));
    let narrow = is_narrow(part) && !walks(effort, asked, part, selected);
    let scans = match effort.roads {
        Roads::Cheapest => few || narrow,
        Roads::Codes => narrow,
        Roads::Walk | Roads::Sift => false,
    };
    if !serves || scans {
        return Road::Scan;
    }
    Road::Codes(index)
}

/// Whether walking the graph is less work than sifting the rows. A graph leads to what is near,
/// so the smaller the share that is selected, the wider it must be walked.
fn walks(effort: &StHnsw, asked: &Asked<'_>, part: &Part<'_>, selected: usize) -> bool {
    if asked.request.composite.is_some() || effort.roads == Roads::Sift {
        return false;
    }
    let sift = match part.rows {
        Selection::Range(_) => selected as f64,
        Selection::Bits(_) | Selection::List(_) => SIFT_CHOSEN * selected as f64,
    };
    let forced = effort.roads == Roads::Walk || (effort.roads == Roads::Codes && is_narrow(part));
    forced || FOLLOW * width(effort, asked, part, selected) < sift
}

/// Whether rows are so short that their 1-bit codes leave little out and save less.
pub(super) fn is_narrow(part: &Part<'_>) -> bool {
    part.block.dim < SIFT_DIM
}

/// How many nodes a walk keeps.
fn width(effort: &StHnsw, asked: &Asked<'_>, part: &Part<'_>, selected: usize) -> f64 {
    let share = selected as f64 / part.block.rows().max(1) as f64;
    effort.ef.max(asked.request.k) as f64 / (share * share).max(1.0 / WIDEN)
}

/// A part that is searched by its index.
#[derive(Debug)]
pub(super) struct Coded<'a> {
    pub(super) number: u32,
    pub(super) part: &'a Part<'a>,
    pub(super) index: &'a SegmentIndex,
    pub(super) selected: usize,
    /// Selected rows without codes.
    pub(super) loose: Vec<u32>,
    pub(super) twins: Option<&'a [u32]>,
    /// No row of it has a smaller rank; known of composite searches only.
    pub(super) least: f64,
    /// The selection as bits, where it is a list.
    words: Option<Cow<'a, [u64]>>,
}

impl<'a> Coded<'a> {
    pub(super) fn new(
        asked: &Asked<'_>,
        number: u32,
        part: &'a Part<'a>,
        index: &'a SegmentIndex,
        selected: usize,
    ) -> Self {
        let words = match &part.rows {
            Selection::Range(_) => None,
            Selection::Bits(words) => Some(Cow::Borrowed(*words)),
            Selection::List(list) => {
                let mut words = vec![0u64; part.block.rows().div_ceil(64)];
                list.iter().for_each(|row| words[*row as usize / 64] |= 1 << (row % 64));
                Some(Cow::Owned(words))
            }
        };
        let places = part.rows.places(part.block.rows());
        let least = match asked.request.composite {
            Some(composite) if !places.is_empty() => {
                let (from, to) = times(&part.block, &part.rows, places);
                composite.least(ValidTime(from), ValidTime(to))
            }
            _ => f64::NEG_INFINITY,
        };
        let mut coded = Self {
            number,
            part,
            index,
            selected,
            loose: Vec::new(),
            twins: index.twins(),
            least,
            words,
        };
        let loose = index.loose().iter().copied();
        coded.loose = loose.filter(|row| coded.selects(*row)).collect();
        coded
    }

    /// Whether a row is selected.
    #[inline]
    pub(super) fn selects(&self, row: u32) -> bool {
        match (&self.part.rows, &self.words) {
            (Selection::Range(range), _) => range.contains(&(row as usize)),
            (_, Some(words)) => words[row as usize / 64] >> (row % 64) & 1 == 1,
            (_, None) => false,
        }
    }

    /// Whether a node or one of its twins is selected.
    #[inline]
    pub(super) fn selects_node(&self, node: u32) -> bool {
        let Some(twins) = self.twins else { return self.selects(node) };
        let mut row = node;
        loop {
            if self.selects(row) {
                return true;
            }
            row = twins[row as usize];
            if row == node {
                return false;
            }
        }
    }

    /// Whether its graph is to be walked.
    pub(super) fn walks(&self, effort: &StHnsw, asked: &Asked<'_>) -> bool {
        self.index.nodes() > 0 && walks(effort, asked, self.part, self.selected)
    }

    /// How many nodes a walk of its graph keeps.
    pub(super) fn width(&self, effort: &StHnsw, asked: &Asked<'_>) -> usize {
        width(effort, asked, self.part, self.selected) as usize
    }
}
