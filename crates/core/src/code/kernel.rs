//! The sums that codes need, over many rows at once.
//!
//! The portable road is plain Rust compiled for the widest registers pulp knows. It falls short
//! where the machine has instructions for the very thing (768 coordinates in cache, on a busy
//! machine: 13 ns against 37 for bytes, 14 against 28 for bits), so where AVX-512 has VNNI and
//! VPOPCNTDQ, `wide.rs` takes over. Sums are of integers, or of floats in one order, so both agree
//! to the last bit.

use pulp::{Arch, Simd, WithSimd};

use super::bits::pack;
use super::halves::{LANES, SUMS, add_up};
#[cfg(target_arch = "x86_64")]
use super::wide::Wide;
use super::{BLOCK_ROWS, CENTROIDS, PLANES, prefetch};
use crate::distance::float_of;

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

    /// Splits numbers from 0 to 15 into planes of their bits, 64 a word: one plane behind the
    /// other, the lowest bit's first.
    pub(super) fn split(&self, numbers: &[u8], planes: &mut [u64]) {
        let numbers = numbers.as_chunks().0;
        assert_eq!(planes.len(), PLANES * numbers.len(), "as many planes as bits");
        match self.0 {
            Road::Portable(_) => split(numbers, planes),
            #[cfg(target_arch = "x86_64")]
            Road::Wide(wide) => wide.split(numbers, planes),
        }
    }

    /// Whether this machine looks at the rows of a block side by side.
    #[must_use]
    pub fn has_blocks(&self) -> bool {
        !matches!(self.0, Road::Portable(_))
    }

    /// Adds to each row of a block what the tables have for the lower and the upper half of its
    /// byte in each line.
    pub(super) fn add_lines(
        &self,
        lines: &[[u8; BLOCK_ROWS]],
        tables: &[[[u8; 16]; 2]],
        out: &mut [u32; BLOCK_ROWS],
    ) {
        match self.0 {
            Road::Portable(_) => add_lines(lines, tables, out),
            #[cfg(target_arch = "x86_64")]
            Road::Wide(wide) => wide.add_lines(lines, tables, out),
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

/// Rows of looked up codes that are asked for before they are needed.
const AHEAD: usize = 4;

impl Kernel {
    /// For chosen rows of levels packed two a byte: the sum of products with the query.
    pub fn sum_nibbles_at(
        &self,
        codes: &[u8],
        stride: usize,
        rows: &[u32],
        query: &[i8],
        out: &mut [i32],
    ) {
        assert!(stride >= (query.len() / 2).max(1), "rows that overlap");
        assert!(query.len().is_multiple_of(2), "two coordinates a byte");
        check_rows(codes.len(), stride, rows, out.len());
        match self.0 {
            Road::Portable(arch) => {
                arch.dispatch(SumNibblesAt { codes, stride, rows, query, out });
            }
            #[cfg(target_arch = "x86_64")]
            Road::Wide(wide) => wide.sum_nibbles_at(codes, stride, rows, query, out),
        }
    }

    /// For chosen rows of half floats: the sum of products with the query.
    pub fn sum_halves_at(
        &self,
        codes: &[u8],
        stride: usize,
        rows: &[u32],
        query: &[f32],
        out: &mut [f32],
    ) {
        assert!(stride >= (2 * query.len()).max(1), "rows that overlap");
        assert!(query.len().is_multiple_of(LANES * SUMS), "a code of another width");
        check_rows(codes.len(), stride, rows, out.len());
        match self.0 {
            Road::Portable(arch) => {
                arch.dispatch(SumHalvesAt { codes, stride, rows, query, out });
            }
            #[cfg(target_arch = "x86_64")]
            Road::Wide(wide) => wide.sum_halves_at(codes, stride, rows, query, out),
        }
    }

    /// For chosen rows of centroids' numbers: the sum of what they choose from tables. Loads are
    /// all there is to it, so there is one road.
    pub fn look_up_at(
        &self,
        codes: &[u8],
        stride: usize,
        rows: &[u32],
        tables: &[f32],
        out: &mut [f32],
    ) {
        let tables = tables.as_chunks::<CENTROIDS>().0;
        assert!(stride >= tables.len().max(1), "rows that overlap");
        check_rows(codes.len(), stride, rows, out.len());
        for row in rows.iter().take(AHEAD) {
            prefetch(&codes[*row as usize * stride..][..stride]);
        }
        for (at, (out, row)) in out.iter_mut().zip(rows).enumerate() {
            if let Some(next) = rows.get(at + AHEAD) {
                prefetch(&codes[*next as usize * stride..][..stride]);
            }
            *out = look_up(&codes[*row as usize * stride..][..tables.len()], tables);
        }
    }
}

/// The sum of what a code chooses: four sums under way, since each addition waits for the last.
#[inline(always)]
fn look_up(code: &[u8], tables: &[[f32; CENTROIDS]]) -> f32 {
    let mut sums = [0.0f32; 4];
    let (fours, rest) = code.as_chunks::<4>();
    let (of_fours, of_rest) = tables.as_chunks::<4>();
    for (code, tables) in fours.iter().zip(of_fours) {
        for at in 0..4 {
            sums[at] += tables[at][usize::from(code[at])];
        }
    }
    for (byte, table) in rest.iter().zip(of_rest) {
        sums[0] += table[usize::from(*byte)];
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

fn split(numbers: &[[u8; 64]], planes: &mut [u64]) {
    for (bit, plane) in planes.chunks_exact_mut(numbers.len().max(1)).enumerate() {
        plane.iter_mut().zip(numbers).for_each(|(word, numbers)| *word = pack(numbers, bit));
    }
}

fn add_lines(lines: &[[u8; BLOCK_ROWS]], tables: &[[[u8; 16]; 2]], out: &mut [u32; BLOCK_ROWS]) {
    for (line, [lower, upper]) in lines.iter().zip(tables) {
        for (sum, byte) in out.iter_mut().zip(line) {
            let (low, high) = (lower[usize::from(byte & 15)], upper[usize::from(byte >> 4)]);
            *sum += u32::from(low) + u32::from(high);
        }
    }
}

/// The wide road reads rows without asking again, so this holds everywhere.
fn check_rows(codes: usize, width: usize, rows: &[u32], places: usize) {
    assert_eq!(rows.len(), places, "as many places as rows");
    let last = rows.iter().max().map_or(0, |row| (*row as usize + 1).saturating_mul(width));
    assert!(last <= codes, "a row beyond the codes");
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

struct SumNibblesAt<'a> {
    codes: &'a [u8],
    stride: usize,
    rows: &'a [u32],
    query: &'a [i8],
    out: &'a mut [i32],
}

impl WithSimd for SumNibblesAt<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let (low, high) = self.query.split_at(self.query.len() / 2);
        for (out, row) in self.out.iter_mut().zip(self.rows) {
            let code = &self.codes[*row as usize * self.stride..][..low.len()];
            let products = code.iter().zip(low).zip(high).map(|((byte, low), high)| {
                i32::from(byte & 15) * i32::from(*low) + i32::from(byte >> 4) * i32::from(*high)
            });
            *out = products.sum();
        }
    }
}

struct SumHalvesAt<'a> {
    codes: &'a [u8],
    stride: usize,
    rows: &'a [u32],
    query: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for SumHalvesAt<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        for (out, row) in self.out.iter_mut().zip(self.rows) {
            let code = &self.codes[*row as usize * self.stride..][..2 * self.query.len()];
            let code = code.as_chunks::<{ 2 * LANES * SUMS }>().0;
            let query = self.query.as_chunks::<{ LANES * SUMS }>().0;
            let mut sums = [[0.0f32; LANES]; SUMS];
            for (code, query) in code.iter().zip(query) {
                let (code, query) = (code.as_chunks::<2>().0, query.as_chunks::<LANES>().0);
                for (at, query) in query.iter().enumerate() {
                    for lane in 0..LANES {
                        let half = u16::from_le_bytes(code[at * LANES + lane]);
                        sums[at][lane] += float_of(half) * query[lane];
                    }
                }
            }
            *out = add_up(sums);
        }
    }
}
