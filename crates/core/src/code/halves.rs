//! Half floats: sixteen bits a coordinate, of a residual scaled so that its longest is 1.
//!
//! So no number leaves the range of halves, whatever the row's length; [`Fit`] has the scale.
//! Products are summed in one order on every machine, without fused multiplication, so all roads
//! give the same bits.

use super::Fit;
use crate::distance::{half_of, widen};

/// Lanes of a sum, and sums under way at a time.
pub(super) const LANES: usize = 16;
pub(super) const SUMS: usize = 4;

/// Writes a residual as half floats, two bytes each, lowest first.
pub fn encode_halves(residual: &[f32], code: &mut [u8]) -> Fit {
    assert_eq!(2 * residual.len(), code.len(), "a code of another width");
    let largest = residual.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    let scale = largest.max(f32::MIN_POSITIVE);
    let halves: Vec<u16> = residual.iter().map(|x| half_of(x / scale)).collect();
    for (place, half) in code.as_chunks_mut::<2>().0.iter_mut().zip(&halves) {
        *place = half.to_le_bytes();
    }
    let mut decoded = vec![0.0; halves.len()];
    widen(&halves, &mut decoded);
    Fit::of(residual, decoded.into_iter())
}

/// A vector that rows of half floats are compared with.
#[derive(Clone, Debug)]
pub struct HalfQuery {
    numbers: Vec<f32>,
    norm: f32,
}

impl HalfQuery {
    #[must_use]
    pub fn new(residual: &[f32]) -> Self {
        let norm = residual.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt() as f32;
        Self { numbers: residual.to_vec(), norm }
    }

    #[must_use]
    pub fn numbers(&self) -> &[f32] {
        &self.numbers
    }

    #[must_use]
    pub fn norm(&self) -> f32 {
        self.norm
    }

    /// `<r,q>` from the kernel's sum.
    #[inline]
    #[must_use]
    pub fn estimate(&self, summed: f32, fit: &Fit) -> f32 {
        fit.scale * summed
    }

    /// One standard error of the estimate.
    #[inline]
    #[must_use]
    pub fn error(&self, fit: &Fit) -> f32 {
        fit.error * self.norm
    }
}

/// The lanes of sums under way, added up in the one order that all roads keep.
#[inline(always)]
pub(super) fn add_up(sums: [[f32; LANES]; SUMS]) -> f32 {
    let [a, b, c, d] = sums;
    let mut lanes = [0.0; LANES];
    for at in 0..LANES {
        lanes[at] = (a[at] + b[at]) + (c[at] + d[at]);
    }
    lanes.iter().sum()
}
