//! RaBitQ codes of several bits a coordinate: the nearest point of a grid, by angle.
//!
//! ```text
//!   bits = 3     -3.5  -2.5  -1.5  -0.5 | 0.5   1.5   2.5   3.5     times a step
//!   level          0     1     2     3  |  4     5     6     7
//! ```
//!
//! A code is a direction: `y = level - (2^bits - 1) / 2` in every coordinate, and [`Fit`] says how
//! long it is to be. Which point of the grid is nearest to the residual by angle depends on the
//! step that the grid is laid over it with, so a search tries steps and keeps the one with the
//! largest cosine (Gao and others 2024, arXiv 2409.09913, algorithm 1). Magnitudes beyond the grid
//! are clipped: a grid for the longest coordinate would be too coarse for all others.
//!
//! The authors' library visits each step at which a coordinate changes its level, in order, by a
//! heap: six thousand for 768 coordinates of 4 bits. Here a scan of steps in the same range, then
//! of steps between the best one's neighbours, reads the row thirty-two times, and what its point
//! leaves out is within a fiftieth of what the best does (tested against all of them).
//!
//! Levels are bytes, summed by the kernel of bytes; of four bits, two are packed into one: the
//! first half of the coordinates low, the second high, so that a query need not be reordered.

use super::{ByteQuery, Fit};
use pulp::{Arch, Simd, WithSimd};
use std::ops::RangeInclusive;

/// Bits that a coordinate may have.
pub const GRID_BITS: RangeInclusive<u32> = 2..=8;

/// Steps tried over the whole range, and then around the best.
const COARSE: usize = 24;
const FINE: usize = 8;
/// The longest coordinate spans from so many to some more than the half grid's cells.
const FROM: f32 = 0.6;
const BEYOND: f32 = 9.0;

/// Writes a residual's levels, one a byte.
pub fn encode_grid(residual: &[f32], bits: u32, levels: &mut [u8]) -> Fit {
    assert_eq!(residual.len(), levels.len(), "a code of another width");
    assert!(GRID_BITS.contains(&bits), "a grid of 2 to 8 bits");
    Arch::new().dispatch(Levels { residual, cells: 1 << (bits - 1), levels })
}

/// Packs levels of four bits, two a byte.
pub fn pack_nibbles(levels: &[u8], code: &mut [u8]) {
    assert_eq!(levels.len(), 2 * code.len(), "a code of another width");
    let (low, high) = levels.split_at(code.len());
    for ((byte, low), high) in code.iter_mut().zip(low).zip(high) {
        *byte = low & 15 | high << 4;
    }
}

struct Levels<'a> {
    residual: &'a [f32],
    /// Cells on one side of zero.
    cells: u32,
    levels: &'a mut [u8],
}

impl WithSimd for Levels<'_> {
    type Output = Fit;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> Fit {
        let largest = self.residual.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        let last = (self.cells - 1) as f32;
        // The inverse must be a number too; a row so short is as good as none.
        if largest < f32::MIN_POSITIVE * 1e6 {
            self.levels.fill(self.cells as u8);
            return Fit::of(self.residual, self.residual.iter().map(|_| 0.5));
        }
        let inverse = best_inverse(self.residual, largest, last);
        for (level, x) in self.levels.iter_mut().zip(self.residual) {
            let cell = (x.abs() * inverse).min(last) as u32;
            let up = *x > 0.0;
            *level = if up { self.cells + cell } else { self.cells - 1 - cell } as u8;
        }
        let middle = self.cells as f32 - 0.5;
        Fit::of(self.residual, self.levels.iter().map(|level| f32::from(*level) - middle))
    }
}

/// One over the step whose grid has a point nearest to the residual by angle.
#[inline(always)]
fn best_inverse(residual: &[f32], largest: f32, last: f32) -> f32 {
    let (least, most) = (FROM * (last + 1.0), last + 1.0 + BEYOND);
    let ratio = (most / least).powf(1.0 / (COARSE - 1) as f32);
    let mut best = (0.0, least);
    let mut cells = least;
    for _ in 0..COARSE {
        best = better(best, (cosine(residual, cells / largest, last), cells));
        cells *= ratio;
    }
    let (from, to) = (best.1 / ratio, best.1 * ratio);
    for at in 1..=FINE {
        let cells = from + (to - from) * at as f32 / (FINE + 1) as f32;
        best = better(best, (cosine(residual, cells / largest, last), cells));
    }
    best.1 / largest
}

/// The one of the larger cosine.
#[inline(always)]
fn better(best: (f64, f32), other: (f64, f32)) -> (f64, f32) {
    if other.0 > best.0 { other } else { best }
}

/// The square of the cosine between a residual and its point, times the residual's own.
#[inline(always)]
fn cosine(residual: &[f32], inverse: f32, last: f32) -> f64 {
    let [mut product, mut square] = [[0.0f32; 16]; 2];
    for lanes in residual.as_chunks::<16>().0 {
        for (at, x) in lanes.iter().enumerate() {
            // Truncated by way of an integer: `floor` is a call on machines without SSE 4.1.
            let magnitude = x.abs();
            let cell = magnitude * inverse;
            let cell = if cell < last { cell } else { last };
            let place = cell as i32 as f32 + 0.5;
            product[at] += place * magnitude;
            square[at] += place * place;
        }
    }
    let (product, square) = (product.iter().sum::<f32>(), square.iter().sum::<f32>());
    f64::from(product).powi(2) / f64::from(square)
}

/// A query of bytes against levels.
#[derive(Clone, Debug)]
pub struct GridQuery {
    bytes: ByteQuery,
    /// The sum of its numbers.
    sum: i64,
    /// Twice the middle of the grid.
    middle: i64,
}

impl GridQuery {
    #[must_use]
    pub fn new(residual: &[f32], bits: u32) -> Self {
        assert!(GRID_BITS.contains(&bits), "a grid of 2 to 8 bits");
        let bytes = ByteQuery::new(residual);
        let sum = bytes.code().iter().map(|x| i64::from(*x)).sum();
        Self { bytes, sum, middle: (1 << bits) - 1 }
    }

    #[must_use]
    pub fn code(&self) -> &[i8] {
        self.bytes.code()
    }

    #[must_use]
    pub fn norm(&self) -> f32 {
        self.bytes.norm()
    }

    /// `<r,q>` from the kernel's sum of levels times numbers.
    #[inline]
    #[must_use]
    pub fn estimate(&self, summed: i32, fit: &Fit) -> f32 {
        let product = 2 * i64::from(summed) - self.middle * self.sum;
        fit.scale * self.bytes.scale() * (0.5 * product as f32)
    }

    /// One standard error of the estimate: the row's, and the query's own.
    #[inline]
    #[must_use]
    pub fn error(&self, fit: &Fit) -> f32 {
        fit.error * self.norm() + self.bytes.rounding() * fit.norm
    }
}
