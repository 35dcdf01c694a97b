//! 1-bit codes of 64 rows side by side, for a scan that looks at all of them.
//!
//! ```text
//!   codes     width / 8 lines of 64 bytes: line b has byte b of each row's code
//!   factors   four lines of 64 floats: scale, error, ones and base of each row
//! ```
//!
//! Row by row, a scan does the work of one query on one code at a time; side by side, one
//! instruction looks four coordinates of 64 rows up in a table of the sixteen sums that they can
//! have (Fast Scan: Andre, Kermarrec and Le Scouarnec 2015, which RaBitQ's authors use likewise).
//! The query's coordinates are whole numbers `k` from 0 to 15; a bit that is set adds `k`, one that
//! is not `15 - k`, so four of them fit a byte. It needs a shuffle of 64 bytes; where the machine
//! has none, rows are better counted one by one.
//!
//! **Heads.** A rotation makes all coordinates alike, so a sum over the first of them tells of many
//! blocks that none of their rows can be near, and the rest is not looked at (ADSampling: Gao and
//! Long 2023). Which is why a bit that is not set adds something too: whatever a row's bits are, a
//! coordinate adds 7.5 in the middle, and how many bits of a head are set hardly matters. That is
//! known of whole rows only.

use pulp::{Arch, Simd, WithSimd};

use super::bits::pack;
use super::{BitQuery, Kernel, PLANES};
use std::ops::Range;

/// Rows of a block.
pub const BLOCK_ROWS: usize = 64;
/// Coordinates after which counts in 16 bits might run over: each four have at most 60.
pub(super) const SPILL: usize = 4096;

/// Bytes of a block of codes so wide.
#[must_use]
pub fn block_bytes(width: usize) -> usize {
    (width / 8 + 4 * size_of::<f32>()) * BLOCK_ROWS
}

/// Writes the code of one row and its [scale, error, ones, base] into its place in a block.
pub fn write_to_block(block: &mut [u8], row: usize, code: &[u64], factors: [f32; 4]) {
    let codes = size_of_val(code) * BLOCK_ROWS;
    let (codes, behind) = block.split_at_mut(codes);
    let bytes = code.iter().flat_map(|word| word.to_le_bytes());
    for (line, byte) in codes.chunks_exact_mut(BLOCK_ROWS).zip(bytes) {
        line[row] = byte;
    }
    for (line, factor) in behind.chunks_exact_mut(4 * BLOCK_ROWS).zip(factors) {
        line[4 * row..4 * row + 4].copy_from_slice(&factor.to_le_bytes());
    }
}

/// For each four coordinates of a query, the sums that sixteen patterns of bits make of them.
#[derive(Clone, Debug)]
pub struct Sums {
    tables: Vec<[u8; 16]>,
    head: Reading,
    whole: Reading,
}

/// The largest number that a coordinate of a query is taken for.
const HIGHEST: u8 = (1 << PLANES) - 1;
/// A head is one line of so many, and has eight or none.
const HEAD: usize = 4;
const LEAST_LINES: usize = 32;
/// Standard errors of a head for each that is granted to whole codes: it is to leave out nothing
/// that these let through.
const HEAD_ERRORS: f32 = 1.6;

impl Sums {
    #[must_use]
    pub fn new(query: &BitQuery) -> Self {
        let mut tables = vec![[0; 16]; query.steps().len() / 4];
        Arch::new().dispatch(Tables { steps: query.steps(), tables: &mut tables });
        let lines = query.steps().len() / 8;
        let head = if lines < LEAST_LINES { 0 } else { (lines / HEAD).next_multiple_of(8) };
        Self { tables, head: Reading::new(query, head), whole: Reading::new(query, lines) }
    }

    /// Which rows of a block have bounds within a limit, as bits; and all bounds.
    pub fn within(
        &self,
        kernel: Kernel,
        block: &[u8],
        by: (Bound, f32),
        out: &mut [f32; BLOCK_ROWS],
    ) -> u64 {
        let mut summed = [0; BLOCK_ROWS];
        self.add(kernel, block, 0..self.whole.lines, &mut summed);
        self.whole.within(&summed, self.factors(block), by, out)
    }

    /// The same, unless the head of the block says that there are none.
    pub fn within_by_head(
        &self,
        kernel: Kernel,
        block: &[u8],
        by: (Bound, f32),
        out: &mut [f32; BLOCK_ROWS],
    ) -> Option<u64> {
        let (head, factors) = (self.head.lines, self.factors(block));
        let mut summed = [0; BLOCK_ROWS];
        self.add(kernel, block, 0..head, &mut summed);
        if head > 0 && self.head.within(&summed, factors, by, out) == 0 {
            return None;
        }
        self.add(kernel, block, head..self.whole.lines, &mut summed);
        Some(self.whole.within(&summed, factors, by, out))
    }

    /// Adds what some lines have of each row.
    fn add(
        &self,
        kernel: Kernel,
        block: &[u8],
        lines: Range<usize>,
        summed: &mut [u32; BLOCK_ROWS],
    ) {
        let tables = &self.tables[2 * lines.start..2 * lines.end];
        kernel.add_lines(&block.as_chunks().0[lines], tables.as_chunks().0, summed);
    }

    /// The lines of factors behind a block's codes.
    fn factors<'b>(&self, block: &'b [u8]) -> &'b [[u8; 4 * BLOCK_ROWS]; 4] {
        let factors = block[self.whole.lines * BLOCK_ROWS..].as_chunks().0;
        factors.first_chunk().expect("a block has four lines of factors")
    }
}

/// Makes the table of each four coordinates.
struct Tables<'a> {
    steps: &'a [u8],
    tables: &'a mut [[u8; 16]],
}

impl WithSimd for Tables<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        for (table, four) in self.tables.iter_mut().zip(self.steps.as_chunks::<4>().0) {
            let none: u8 = four.iter().map(|k| HIGHEST - k).sum();
            // What a bit that is set adds more than one that is not, modulo 256 as all sums here.
            let more = four.map(|k| (2 * k).wrapping_sub(HIGHEST));
            for (pattern, sum) in table.iter_mut().enumerate() {
                *sum =
                    (0..4).fold(none, |sum, bit| sum.wrapping_add(more[bit] & SET[bit][pattern]));
            }
        }
    }
}

/// For each of four bits, all bits of the patterns in which it is set.
const SET: [[u8; 16]; 4] = {
    let mut set = [[0; 16]; 4];
    let mut at = 0;
    while at < 64 {
        set[at / 16][at % 16] = if (at % 16) >> (at / 16) & 1 == 1 { u8::MAX } else { 0 };
        at += 1;
    }
    set
};

/// How a bound follows from a product: `base + shift + weight * product - slack * error`.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    pub shift: f32,
    pub weight: f32,
    pub slack: f32,
}

/// How sums over the first lines become products with the query, and errors of these.
///
/// ```text
///   product  scale * (tilt * ones + step * (summed - level) - sum)
///   error    of_error * error + of_scale * scale
/// ```
///
/// A head's product is of as many coordinates as all are: their part is multiplied.
#[derive(Clone, Copy, Debug)]
struct Reading {
    lines: usize,
    tilt: f32,
    step: f32,
    level: i32,
    sum: f32,
    of_error: f32,
    of_scale: f32,
}

impl Reading {
    fn new(query: &BitQuery, lines: usize) -> Self {
        let (all, here) = (query.steps().len() as u32, 8 * lines as u32);
        let total = query.steps()[..here as usize].iter().map(|k| u32::from(*k)).sum();
        let times = all as f32 / here.max(1) as f32;
        let (of_error, of_scale) = if here == all {
            (1.0, 0.0)
        } else {
            (HEAD_ERRORS, HEAD_ERRORS * (times - 1.0).sqrt())
        };
        Self {
            lines,
            tilt: query.tilt(),
            step: times * query.step(),
            level: (u32::from(HIGHEST) * here - total) as i32,
            sum: times * query.sum_of(here, total),
            of_error,
            of_scale,
        }
    }

    fn within(
        &self,
        summed: &[u32; BLOCK_ROWS],
        lines: &[[u8; 4 * BLOCK_ROWS]; 4],
        (bound, limit): (Bound, f32),
        out: &mut [f32; BLOCK_ROWS],
    ) -> u64 {
        Arch::new().dispatch(Bounds { reading: self, summed, lines, bound, limit, out })
    }
}

struct Bounds<'a> {
    reading: &'a Reading,
    summed: &'a [u32; BLOCK_ROWS],
    lines: &'a [[u8; 4 * BLOCK_ROWS]; 4],
    bound: Bound,
    limit: f32,
    out: &'a mut [f32; BLOCK_ROWS],
}

impl WithSimd for Bounds<'_> {
    type Output = u64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> u64 {
        let [scale, error, ones, base] = self.lines.each_ref().map(|line| line.as_chunks::<4>().0);
        let Reading { tilt, step, level, sum, of_error, of_scale, .. } = *self.reading;
        let Bound { shift, weight, slack } = self.bound;
        let number = |line: &[[u8; 4]], row: usize| f32::from_le_bytes(line[row]);
        for (row, (out, summed)) in self.out.iter_mut().zip(self.summed).enumerate() {
            let (scale, error) = (number(scale, row), number(error, row));
            let signed = tilt * number(ones, row) + step * (*summed as i32 - level) as f32 - sum;
            let doubt = of_error * error + of_scale * scale;
            *out = number(base, row) + shift + weight * scale * signed - slack * doubt;
        }
        pack(&self.out.map(|least| u8::from(least <= self.limit)), 0)
    }
}
