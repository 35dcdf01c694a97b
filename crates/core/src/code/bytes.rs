//! One byte a coordinate: numbers from -127 to 127 times a scale, rows with 128 added.
//!
//! Rows are kept unsigned because the instruction that multiplies and adds four bytes at a time
//! takes one side so; what that adds is 128 times the query's sum, which the query knows.

use super::ROUND;
use pulp::{Arch, Simd, WithSimd};

/// What a row's bytes need beside them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ByteFactors {
    pub scale: f32,
    /// The residual's norm.
    pub norm: f32,
    /// The sum of the numbers, so that a row can be a query. Exact: no row has 2^17 coordinates.
    pub sum: f32,
}

/// The offset of a row's bytes.
const OFFSET: u8 = 0x80;
const STEPS: f32 = 127.0;
/// The standard deviation of an error that is anything up to half a step.
const ROUNDING: f32 = 0.288_675_13;

/// Writes a residual as a row.
pub fn encode_bytes(residual: &[f32], code: &mut [u8]) -> ByteFactors {
    assert_eq!(residual.len(), code.len(), "a code of another width");
    Arch::new().dispatch(Steps { residual, code })
}

/// Turns coordinates into bytes.
struct Steps<'a> {
    residual: &'a [f32],
    code: &'a mut [u8],
}

impl WithSimd for Steps<'_> {
    type Output = ByteFactors;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> ByteFactors {
        let ([mut most, mut square], mut sum) = ([[0.0f32; 16]; 2], 0i32);
        for lanes in self.residual.as_chunks::<16>().0 {
            for (at, x) in lanes.iter().enumerate() {
                most[at] = if x.abs() > most[at] { x.abs() } else { most[at] };
                square[at] += x * x;
            }
        }
        let largest = most.into_iter().fold(0.0, f32::max);
        let scale = (largest / STEPS).max(f32::MIN_POSITIVE);
        let codes = self.code.as_chunks_mut::<16>().0;
        for (code, lanes) in codes.iter_mut().zip(self.residual.as_chunks::<16>().0) {
            let steps = lanes.map(|x| (x / scale + ROUND).to_bits() as i8);
            sum += steps.iter().map(|step| i32::from(*step)).sum::<i32>();
            *code = steps.map(|step| step.cast_unsigned() ^ OFFSET);
        }
        let norm = square.iter().map(|x| f64::from(*x)).sum::<f64>().sqrt() as f32;
        ByteFactors { scale, norm, sum: sum as f32 }
    }
}

/// A vector that rows are compared with.
#[derive(Clone, Debug, Default)]
pub struct ByteQuery {
    code: Vec<i8>,
    scale: f32,
    norm: f32,
    /// 128 times the sum of the numbers.
    offset: i32,
}

impl ByteQuery {
    #[must_use]
    pub fn new(residual: &[f32]) -> Self {
        let mut code = vec![0; residual.len()];
        let factors = encode_bytes(residual, &mut code);
        let mut query = Self::default();
        query.set_row(&code, &factors);
        query
    }

    /// Makes a row of codes the query.
    pub fn set_row(&mut self, code: &[u8], factors: &ByteFactors) {
        self.code.clear();
        self.code.extend(code.iter().map(|byte| (byte ^ OFFSET).cast_signed()));
        self.scale = factors.scale;
        self.norm = factors.norm;
        self.offset = 128 * factors.sum as i32;
    }

    #[must_use]
    pub fn code(&self) -> &[i8] {
        &self.code
    }

    #[must_use]
    pub fn norm(&self) -> f32 {
        self.norm
    }

    pub(super) fn scale(&self) -> f32 {
        self.scale
    }

    /// The standard deviation of what is left out of a coordinate.
    pub(super) fn rounding(&self) -> f32 {
        ROUNDING * self.scale
    }

    /// `<r,q>` from what the kernel summed.
    #[inline]
    #[must_use]
    pub fn estimate(&self, summed: i32, factors: &ByteFactors) -> f32 {
        factors.scale * self.scale * (summed - self.offset) as f32
    }

    /// One standard error of the estimate.
    #[inline]
    #[must_use]
    pub fn error(&self, factors: &ByteFactors) -> f32 {
        ROUNDING * (factors.scale * self.norm + self.scale * factors.norm)
    }
}
