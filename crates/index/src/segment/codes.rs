//! The codes of an index as a search sees them, and a query prepared for them.

use super::Space;
use cvx_core::code::{BitFactors, BitQuery, ByteFactors, ByteQuery, Kernel};

/// Arrays of codes, a row's at its number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Codes<'a> {
    pub(crate) width: usize,
    pub(crate) centre: &'a [f32],
    pub(crate) bits: &'a [u64],
    /// scale, error, ones, base
    pub(crate) bit_factors: &'a [[f32; 4]],
    pub(crate) bytes: &'a [u8],
    /// scale, norm, sum, base
    pub(crate) byte_factors: &'a [[f32; 4]],
}

impl Codes<'_> {
    pub(crate) fn byte_factors(&self, row: u32) -> ByteFactors {
        let [scale, norm, sum, _] = self.byte_factors[row as usize];
        ByteFactors { scale, norm, sum }
    }

    pub(crate) fn byte_code(&self, row: u32) -> &[u8] {
        &self.bytes[row as usize * self.width..][..self.width]
    }
}

/// A query against the codes of one index.
#[derive(Debug)]
pub(crate) struct CodeQuery<'a> {
    codes: Codes<'a>,
    kernel: Kernel,
    bits: BitQuery,
    bytes: ByteQuery,
    shift: f32,
    weight: f32,
    counted: Vec<u32>,
    summed: Vec<i32>,
}

impl<'a> CodeQuery<'a> {
    /// Of a query that was rotated.
    pub(crate) fn new(codes: Codes<'a>, space: Space, rotated: &[f32]) -> Self {
        let residual: Vec<f32> = rotated.iter().zip(codes.centre).map(|(q, c)| q - c).collect();
        Self {
            codes,
            kernel: Kernel::default(),
            bits: BitQuery::new(&residual),
            bytes: ByteQuery::new(&residual),
            shift: space.shift(&residual, codes.centre),
            weight: space.weight(),
            counted: Vec::new(),
            summed: Vec::new(),
        }
    }

    /// Scores of rows by their bytes: right but for a few in a thousand of their norms.
    pub(crate) fn scores(&mut self, rows: &[u32], out: &mut Vec<f32>) {
        self.summed.resize(rows.len(), 0);
        self.kernel.sum_bytes_at(self.codes.bytes, rows, self.bytes.code(), &mut self.summed);
        out.clear();
        out.extend(rows.iter().zip(&self.summed).map(|(row, summed)| {
            let base = self.codes.byte_factors[*row as usize][3];
            let product = self.bytes.estimate(*summed, &self.codes.byte_factors(*row));
            base + self.shift + self.weight * product
        }));
    }

    /// How far a score by bytes may be off: four standard errors.
    pub(crate) fn doubt(&self, row: u32) -> f32 {
        4.0 * self.weight.abs() * self.bytes.error(&self.codes.byte_factors(row))
    }

    /// The least that scores of rows may be, by their bits, `sigmas` standard errors below the
    /// estimate. The rows are neighbours.
    pub(crate) fn least(&mut self, first: u32, count: usize, sigmas: f32, out: &mut Vec<f32>) {
        let (words, first) = (self.codes.width / 64, first as usize);
        self.counted.resize(count, 0);
        let codes = &self.codes.bits[first * words..][..count * words];
        self.kernel.count_bits(codes, self.bits.planes(), &mut self.counted);
        let factors = self.codes.bit_factors[first..].iter();
        self.bounds(factors, sigmas, out);
    }

    /// The same for chosen rows.
    pub(crate) fn least_at(&mut self, rows: &[u32], sigmas: f32, out: &mut Vec<f32>) {
        self.counted.resize(rows.len(), 0);
        self.kernel.count_bits_at(self.codes.bits, rows, self.bits.planes(), &mut self.counted);
        let factors = rows.iter().map(|row| &self.codes.bit_factors[*row as usize]);
        self.bounds(factors, sigmas, out);
    }

    fn bounds<'f>(
        &self,
        factors: impl Iterator<Item = &'f [f32; 4]>,
        sigmas: f32,
        out: &mut Vec<f32>,
    ) {
        let slack = sigmas * self.bits.norm() * self.weight.abs();
        out.clear();
        out.extend(self.counted.iter().zip(factors).map(|(counted, factors)| {
            let [scale, error, ones, base] = *factors;
            let product = self.bits.estimate(*counted, &BitFactors { scale, error, ones });
            base + self.shift + self.weight * product - slack * error
        }));
    }
}
