//! One bit a coordinate, and a query in bit planes.

use pulp::{Arch, Simd, WithSimd};

use super::{Kernel, PLANES, ROUND};

/// What a row's bits need beside them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BitFactors {
    /// `<r,q> ~ scale * <sign(r), q>`.
    pub scale: f32,
    /// One standard error of that, for a `q` of norm 1.
    pub error: f32,
    /// How many bits are set.
    pub ones: f32,
}

/// Writes the signs of a residual, 64 a word, lowest first.
pub fn encode_bits(residual: &[f32], code: &mut [u64]) -> BitFactors {
    assert_eq!(residual.len(), code.len() * 64, "a code of another width");
    let [squares, magnitudes] = Arch::new().dispatch(Signs { residual, code });
    let ones: u32 = code.iter().map(|word| word.count_ones()).sum();
    if magnitudes == 0.0 {
        return BitFactors::default();
    }
    let (scale, width) = (squares / magnitudes, residual.len() as f64);
    // The theorem's sqrt((1 - <o,x>^2) / <o,x>^2) * |r| / sqrt(D - 1), in terms of the scale.
    let error = ((scale * scale * width - squares).max(0.0) / (width - 1.0)).sqrt();
    BitFactors { scale: scale as f32, error: error as f32, ones: ones as f32 }
}

/// Packs signs, and sums squares and magnitudes.
struct Signs<'a> {
    residual: &'a [f32],
    code: &'a mut [u64],
}

impl WithSimd for Signs<'_> {
    type Output = [f64; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> [f64; 2] {
        let (mut squares, mut magnitudes) = (0.0f64, 0.0f64);
        for (word, chunk) in self.code.iter_mut().zip(self.residual.as_chunks::<64>().0) {
            *word = pack(&chunk.map(|x| u8::from(x > 0.0)), 0);
            let [mut square, mut magnitude] = [[0.0f32; 16]; 2];
            for lanes in chunk.as_chunks::<16>().0 {
                for (at, x) in lanes.iter().enumerate() {
                    square[at] += x * x;
                    magnitude[at] += x.abs();
                }
            }
            squares += f64::from(square.iter().sum::<f32>());
            magnitudes += f64::from(magnitude.iter().sum::<f32>());
        }
        [squares, magnitudes]
    }
}

/// One bit of each of 64 small numbers, in their order.
#[inline(always)]
pub(super) fn pack(numbers: &[u8; 64], bit: usize) -> u64 {
    // The product moves the lowest bit of byte i to bit 56 + i; no two meet.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let eights = numbers.as_chunks::<8>().0.iter().rev();
    eights.fold(0, |word, eight| {
        let lowest = u64::from_le_bytes(*eight) >> bit & 0x0101_0101_0101_0101;
        word << 8 | lowest.wrapping_mul(GATHER) >> 56
    })
}

/// A query's residual, each coordinate as `low + step * k` with `k` from 0 to 15.
#[derive(Clone, Debug)]
pub struct BitQuery {
    /// The steps, each in a byte.
    steps: Vec<u8>,
    /// The same in planes of bits, one behind the other, the lowest bit's first.
    planes: Vec<u64>,
    low: f32,
    step: f32,
    sum: f32,
    norm: f32,
}

impl BitQuery {
    #[must_use]
    pub fn new(residual: &[f32]) -> Self {
        let mut query = Arch::new().dispatch(Quantize(residual));
        query.planes.resize(residual.len() / 64 * PLANES, 0);
        Kernel::default().split(&query.steps, &mut query.planes);
        query
    }

    #[must_use]
    pub fn planes(&self) -> &[u64] {
        &self.planes
    }

    /// The query's norm: what a row's error is multiplied by.
    #[must_use]
    pub fn norm(&self) -> f32 {
        self.norm
    }

    /// How wide the steps are that coordinates are taken in.
    #[must_use]
    pub fn step(&self) -> f32 {
        self.step
    }

    /// In how many steps each coordinate is taken.
    pub(super) fn steps(&self) -> &[u8] {
        &self.steps
    }

    /// The sum of so many coordinates, whose steps are so many.
    pub(super) fn sum_of(&self, coordinates: u32, steps: u32) -> f32 {
        self.low * coordinates as f32 + self.step * steps as f32
    }

    /// How much larger a coordinate in the middle of the steps is than none, twice.
    pub(super) fn tilt(&self) -> f32 {
        2.0 * self.low + 15.0 * self.step
    }

    /// What a coordinate of no step stands for.
    #[cfg(test)]
    pub(super) fn low(&self) -> f32 {
        self.low
    }

    /// The estimate of `<r,q>` from what the kernel counted.
    #[inline]
    #[must_use]
    pub fn estimate(&self, counted: u32, factors: &BitFactors) -> f32 {
        let of_ones = self.low * factors.ones + self.step * counted as f32;
        factors.scale * (2.0 * of_ones - self.sum)
    }
}

/// Takes a residual in steps; whoever asks makes planes of them.
struct Quantize<'a>(&'a [f32]);

impl WithSimd for Quantize<'_> {
    type Output = BitQuery;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> BitQuery {
        let (mut low, mut high, mut square) =
            ([f32::INFINITY; 16], [f32::NEG_INFINITY; 16], [0.0; 16]);
        for lanes in self.0.as_chunks::<16>().0 {
            for (at, x) in lanes.iter().enumerate() {
                low[at] = if *x < low[at] { *x } else { low[at] };
                high[at] = if *x > high[at] { *x } else { high[at] };
                square[at] += x * x;
            }
        }
        let low = low.into_iter().fold(f32::INFINITY, f32::min);
        let high = high.into_iter().fold(f32::NEG_INFINITY, f32::max);
        let step = ((high - low) / 15.0).max(f32::MIN_POSITIVE);
        let mut steps = vec![0; self.0.len()];
        for (k, x) in steps.iter_mut().zip(self.0) {
            *k = ((x - low) / step + ROUND).to_bits() as u8;
        }
        let total: u32 = steps.iter().map(|k| u32::from(*k)).sum();
        let sum = low * self.0.len() as f32 + step * total as f32;
        let norm = square.iter().sum::<f32>().sqrt();
        BitQuery { steps, planes: Vec::new(), low, step, sum, norm }
    }
}
