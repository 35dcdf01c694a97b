//! The two sums that codes need, over many rows at once.
//!
//! The portable road is plain Rust compiled for the widest registers pulp knows. It falls short
//! where the machine has instructions for the very thing (768 coordinates in cache, on a busy
//! machine: 13 ns against 37 for bytes, 14 against 28 for bits), so where AVX-512 has VNNI and
//! VPOPCNTDQ, `wide.rs` takes over. Both are integer sums, so they agree to the last bit.

use pulp::{Arch, Simd, WithSimd};

#[cfg(target_arch = "x86_64")]
use super::wide::Wide;
use super::{BLOCK_ROWS, PLANES, Sums};

/// How this machine computes.
#[derive(Clone, Copy, Debug)]
pub struct Kernel(Road);

#[derive(Clone, Copy, Debug)]
enum Road {
    Portable(Arch),
    #[cfg(target_arch = "x86_64")]
    Wide(Wide),
}

impl Default for Kernel {
    fn default() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(wide) = Wide::detect() {
            return Self(Road::Wide(wide));
        }
        Self::portable()
    }
}

impl Kernel {
    /// The road that every machine has.
    #[must_use]
    pub fn portable() -> Self {
        Self(Road::Portable(Arch::new()))
    }

    /// For chosen rows of codes that lie `stride` words apart: how often a set bit of the row meets
    /// a set bit of each plane, planes weighed by 1, 2, 4, 8. All rows are asked of memory before
    /// the first is counted.
    pub fn count_bits_at(
        &self,
        codes: &[u64],
        stride: usize,
        rows: &[u32],
        planes: &[u64],
        out: &mut [u32],
    ) {
        assert!(stride >= (planes.len() / PLANES).max(1), "rows that overlap");
        check_rows(codes.len(), stride, rows, out.len());
        match self.0 {
            Road::Portable(arch) => {
                arch.dispatch(CountBitsAt { codes, stride, rows, planes, out });
            }
            #[cfg(target_arch = "x86_64")]
            Road::Wide(wide) => wide.count_bits_at(codes, stride, rows, planes, out),
        }
    }

    /// Counts the rows of a block, if this machine can do so side by side: else it says no, and
    /// nothing is counted.
    pub fn count_block(&self, block: &[u8], sums: &Sums, out: &mut [u32; BLOCK_ROWS]) -> bool {
        match self.0 {
            Road::Portable(_) => false,
            #[cfg(target_arch = "x86_64")]
            Road::Wide(wide) => {
                assert!(block.len() >= sums.tables().len() / 2 * BLOCK_ROWS, "a block cut short");
                wide.count_block(block, sums.tables(), out);
                true
            }
        }
    }

    /// For chosen rows of bytes, `stride` apart: the sum of products with the query.
    pub fn sum_bytes_at(
        &self,
        codes: &[u8],
        stride: usize,
        rows: &[u32],
        query: &[i8],
        out: &mut [i32],
    ) {
        assert!(stride >= query.len().max(1), "rows that overlap");
        check_rows(codes.len(), stride, rows, out.len());
        match self.0 {
            Road::Portable(arch) => {
                arch.dispatch(SumBytesAt { codes, stride, rows, query, out });
            }
            #[cfg(target_arch = "x86_64")]
            Road::Wide(wide) => wide.sum_bytes_at(codes, stride, rows, query, out),
        }
    }
}

/// The wide road reads rows without asking again, so this holds everywhere.
fn check_rows(codes: usize, width: usize, rows: &[u32], places: usize) {
    assert_eq!(rows.len(), places, "as many places as rows");
    let all = codes.checked_div(width).unwrap_or(0);
    assert!(rows.iter().all(|row| (*row as usize) < all), "a row beyond the codes");
}

struct CountBitsAt<'a> {
    codes: &'a [u64],
    stride: usize,
    rows: &'a [u32],
    planes: &'a [u64],
    out: &'a mut [u32],
}

impl WithSimd for CountBitsAt<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let words = self.planes.len() / PLANES;
        for (out, row) in self.out.iter_mut().zip(self.rows) {
            *out = count(&self.codes[*row as usize * self.stride..][..words], self.planes);
        }
    }
}

#[inline(always)]
fn count(code: &[u64], planes: &[u64]) -> u32 {
    let mut total = 0;
    for (weight, plane) in planes.chunks_exact(code.len()).enumerate() {
        let met: u32 = code.iter().zip(plane).map(|(a, b)| (a & b).count_ones()).sum();
        total += met << weight;
    }
    total
}

struct SumBytesAt<'a> {
    codes: &'a [u8],
    stride: usize,
    rows: &'a [u32],
    query: &'a [i8],
    out: &'a mut [i32],
}

impl WithSimd for SumBytesAt<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        for (out, row) in self.out.iter_mut().zip(self.rows) {
            let code = &self.codes[*row as usize * self.stride..][..self.query.len()];
            let products = code.iter().zip(self.query).map(|(a, b)| i32::from(*a) * i32::from(*b));
            *out = products.sum();
        }
    }
}
