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
//! The query's coordinates are whole numbers from 0 to 15, so four of them fit a byte and the
//! counts are those of the bit planes, to the last bit. It needs a shuffle of 64 bytes; where the
//! machine has none, rows are counted one by one.

use pulp::{Arch, Simd, WithSimd};

use super::{BitQuery, PLANES};

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

/// For each four coordinates of a query, the sum of those that sixteen patterns of bits choose.
#[derive(Clone, Debug)]
pub struct Sums(Vec<u8>);

impl Sums {
    #[must_use]
    pub fn new(query: &BitQuery) -> Self {
        let words = query.planes().len() / PLANES;
        let planes = query.planes();
        let mut sums = vec![0; words * 16 * 16];
        for (at, sums) in sums.as_chunks_mut::<16>().0.iter_mut().enumerate() {
            let nibbles: [u64; PLANES] =
                std::array::from_fn(|plane| planes[plane * words + at / 16] >> (4 * (at % 16)));
            let steps: [u8; 4] = std::array::from_fn(|bit| {
                let bit_of = |nibble: u64| (nibble >> bit & 1) as u8;
                bit_of(nibbles[0])
                    + 2 * bit_of(nibbles[1])
                    + 4 * bit_of(nibbles[2])
                    + 8 * bit_of(nibbles[3])
            });
            for pattern in 1..16usize {
                let without = sums[pattern & (pattern - 1)];
                sums[pattern] = without + steps[pattern.trailing_zeros() as usize];
            }
        }
        Self(sums)
    }

    /// Counts the rows of a block, on machines that cannot do so side by side.
    pub fn count(&self, block: &[u8], out: &mut [u32; BLOCK_ROWS]) {
        out.fill(0);
        let tables = self.tables().as_chunks::<2>().0;
        for (line, [lower, upper]) in block.as_chunks::<BLOCK_ROWS>().0.iter().zip(tables) {
            for (sum, byte) in out.iter_mut().zip(line) {
                let (low, high) = (lower[usize::from(byte & 15)], upper[usize::from(byte >> 4)]);
                *sum += u32::from(low) + u32::from(high);
            }
        }
    }

    pub(super) fn tables(&self) -> &[[u8; 16]] {
        self.0.as_chunks().0
    }
}

/// How a bound follows from what was counted: `base + shift + weight * product - slack * error`.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    pub shift: f32,
    pub weight: f32,
    pub slack: f32,
}

impl BitQuery {
    /// The bounds of a block's rows.
    pub fn bounds(
        &self,
        counted: &[u32; BLOCK_ROWS],
        block: &[u8],
        bound: Bound,
        out: &mut [f32; BLOCK_ROWS],
    ) {
        let codes = self.planes().len() / PLANES * size_of::<u64>() * BLOCK_ROWS;
        let factors = block[codes..].as_chunks::<{ 4 * BLOCK_ROWS }>().0;
        let [scale, error, ones, base] = factors else { return out.fill(f32::NEG_INFINITY) };
        let lines = [scale, error, ones, base];
        Arch::new().dispatch(Bounds { query: self, counted, lines, bound, out });
    }
}

struct Bounds<'a> {
    query: &'a BitQuery,
    counted: &'a [u32; BLOCK_ROWS],
    lines: [&'a [u8; 4 * BLOCK_ROWS]; 4],
    bound: Bound,
    out: &'a mut [f32; BLOCK_ROWS],
}

impl WithSimd for Bounds<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let [scale, error, ones, base] = self.lines.map(|line| line.as_chunks::<4>().0);
        let Bound { shift, weight, slack } = self.bound;
        let number = |line: &[[u8; 4]], row: usize| f32::from_le_bytes(line[row]);
        for (row, (out, counted)) in self.out.iter_mut().zip(self.counted).enumerate() {
            let product = self.query.product(*counted, number(scale, row), number(ones, row));
            *out = number(base, row) + shift + weight * product - slack * number(error, row);
        }
    }
}
