//! The numbers of a block's rows, as they lie in memory: floats, or half floats.
//!
//! ```text
//!   halves -> chunks of some rows -> widen (exact) -> distances by the kernels of floats
//! ```
//!
//! **Invariant.** Whoever reads rows gets floats, and halves give what the same numbers as floats
//! give: every half is a float, and distances do not depend on how rows are cut into chunks. Memory
//! is read at half the bytes; what is widened stays in the first two levels of cache.
//!
//! I did consider kernels on halves themselves: products of halves need floats anyway, and the
//! five metrics would have to be written twice.

use cvx_core::code::prefetch_soon;
use cvx_core::distance::widen;
use cvx_core::{DistanceError, Query};
use std::ops::Range;

/// Rows one behind the other, as many numbers each as the block has dimensions.
#[derive(Clone, Copy, Debug)]
pub enum Vectors<'a> {
    Floats(&'a [f32]),
    /// Finite half floats, by their bits.
    Halves(&'a [u16]),
}

/// Bytes of floats that a chunk of halves becomes.
const CHUNK_BYTES: usize = 128 << 10;

/// Room for halves made floats; its content says nothing.
#[derive(Clone, Debug, Default)]
pub struct Room(Vec<f32>);

impl Room {
    fn places(&mut self, count: usize) -> &mut [f32] {
        if self.0.len() < count {
            self.0.resize(count, 0.0);
        }
        &mut self.0[..count]
    }
}

impl<'a> Vectors<'a> {
    /// How many numbers there are.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Floats(floats) => floats.len(),
            Self::Halves(halves) => halves.len(),
        }
    }

    /// A row of so many numbers.
    #[inline]
    pub(crate) fn row<'r>(&self, row: usize, dim: usize, room: &'r mut Room) -> &'r [f32]
    where
        'a: 'r,
    {
        let places = row * dim..(row + 1) * dim;
        match self {
            Self::Floats(floats) => &floats[places],
            Self::Halves(halves) => {
                let floats = room.places(dim);
                widen(&halves[places], floats);
                floats
            }
        }
    }

    /// Asks memory for a row.
    #[inline]
    pub(crate) fn prefetch(&self, row: usize, dim: usize) {
        let places = row * dim..(row + 1) * dim;
        match self {
            Self::Floats(floats) => prefetch_soon(&floats[places]),
            Self::Halves(halves) => prefetch_soon(&halves[places]),
        }
    }

    /// The distances of neighbouring rows; `out` has as many places.
    pub(crate) fn compare(
        &self,
        query: &Query,
        rows: Range<usize>,
        room: &mut Room,
        out: &mut [f64],
    ) -> Result<(), DistanceError> {
        let dim = query.dim();
        match self {
            Self::Floats(floats) => query.distances(&floats[rows.start * dim..rows.end * dim], out),
            Self::Halves(halves) => {
                let halves = &halves[rows.start * dim..rows.end * dim];
                let step = step(dim);
                for (halves, out) in halves.chunks(step * dim).zip(out.chunks_mut(step)) {
                    let floats = room.places(halves.len());
                    widen(halves, floats);
                    query.distances(floats, out)?;
                }
                Ok(())
            }
        }
    }

    /// The distances of chosen rows; `out` has as many places.
    pub(crate) fn compare_at(
        &self,
        query: &Query,
        rows: &[u32],
        room: &mut Room,
        out: &mut [f64],
    ) -> Result<(), DistanceError> {
        let dim = query.dim();
        match self {
            Self::Floats(floats) => query.distances_at(floats, rows, out),
            Self::Halves(halves) => {
                let step = step(dim);
                for (rows, out) in rows.chunks(step).zip(out.chunks_mut(step)) {
                    let floats = room.places(rows.len() * dim);
                    for (row, floats) in rows.iter().zip(floats.chunks_exact_mut(dim)) {
                        widen(&halves[*row as usize * dim..][..dim], floats);
                    }
                    query.distances(floats, out)?;
                }
                Ok(())
            }
        }
    }
}

/// Rows of a chunk.
fn step(dim: usize) -> usize {
    (CHUNK_BYTES / (4 * dim.max(1))).max(16)
}
