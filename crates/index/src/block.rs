//! What is searched: rows of vectors that lie one behind the other, and whose they are.

use crate::vectors::Room;
use crate::{SegmentIndex, Selection, Vectors};

/// Rows of one dimension. Row `i` has the numbers `i * dim..(i + 1) * dim`, of `entities[i]` at
/// `ts[i]`, committed as its sequence says. All slices are borrowed from where they live: a
/// mapped file, a run in memory.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    pub dim: usize,
    pub vectors: Vectors<'a>,
    /// One bit a row, lowest first, set where there is a vector; `None` if all have one. The
    /// numbers under a clear bit are never read. Bits beyond the last row are ignored.
    pub present: Option<&'a [u64]>,
    /// `EntityId`s.
    pub entities: &'a [u64],
    /// `ValidTime`s, microseconds.
    pub ts: &'a [i64],
    pub seqs: Seqs<'a>,
    /// Whether `ts` never decreases. Composite searches leave out runs of rows by the times at
    /// their ends if it says true, and look at every time if it says false.
    pub time_ordered: bool,
}

/// `CommitSeq`s of a block's rows.
#[derive(Clone, Copy, Debug)]
pub enum Seqs<'a> {
    /// One a row.
    Each(&'a [u64]),
    /// All rows were committed together.
    One(u64),
}

/// A block, and the rows of it that qualify.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    pub block: Block<'a>,
    pub rows: Selection<'a>,
    /// The block's index, if it has one: `SegmentIndex::stamp` told the caller that it is this
    /// block's.
    pub index: Option<Indexed<'a>>,
}

/// A place in an index. Parts with the same index are searched together.
#[derive(Clone, Copy, Debug)]
pub struct Indexed<'a> {
    pub index: &'a SegmentIndex,
    /// The number that the block's first row has in the index.
    pub first: usize,
    /// The block's own index, where the first is over several: what serves a stretch of few blocks.
    pub own: Option<&'a SegmentIndex>,
}

impl<'a> Indexed<'a> {
    /// In an index of the block alone.
    #[must_use]
    pub fn alone(index: &'a SegmentIndex) -> Self {
        Self { index, first: 0, own: None }
    }
}

impl<'a> Block<'a> {
    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.ts.len()
    }

    /// A row's vector, if it has one.
    #[inline]
    #[must_use]
    pub fn vector<'r>(&self, row: usize, room: &'r mut Room) -> Option<&'r [f32]>
    where
        'a: 'r,
    {
        self.is_present(row).then(|| self.vectors.row(row, self.dim, room))
    }

    #[inline]
    pub(crate) fn is_present(&self, row: usize) -> bool {
        self.present.is_none_or(|words| words[row / 64] >> (row % 64) & 1 == 1)
    }

    #[inline]
    pub(crate) fn seq(&self, row: usize) -> u64 {
        match self.seqs {
            Seqs::Each(seqs) => seqs[row],
            Seqs::One(seq) => seq,
        }
    }

    /// Checks that the slices describe the same rows; after it, rows below `rows()` are in bounds.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let rows = self.rows();
        if self.dim == 0 {
            return Err("a block needs a dimension");
        }
        if u32::try_from(rows).is_err() {
            return Err("a block has at most 2^32 rows");
        }
        if self.vectors.count() != rows * self.dim {
            return Err("vectors and times are not of the same rows");
        }
        if self.entities.len() != rows {
            return Err("entities and times are not of the same rows");
        }
        if self.present.is_some_and(|words| words.len() < rows.div_ceil(64)) {
            return Err("the bits of presence do not reach the last row");
        }
        match self.seqs {
            Seqs::Each(seqs) if seqs.len() != rows => {
                Err("commit sequences and times are not of the same rows")
            }
            Seqs::Each(_) | Seqs::One(_) => Ok(()),
        }
    }
}
