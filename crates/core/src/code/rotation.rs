//! A random rotation that costs `n log n`.
//!
//! Four rounds of random signs and a fast Hadamard transform; where the width is no power of two,
//! the transform takes the first and the last coordinates in turn, which overlap and so mix all
//! (a Kac walk of blocks, as the authors' RaBitQ library has it). Each round is orthogonal, so
//! inner products and norms stay.
//!
//! The transform repeats one step, "sum and difference of the halves, interleaved", which rotates
//! the bits of the index by one: after `log n` steps each bit was used once and stands where it
//! was. All loads are contiguous, which is what the compiler needs to vectorise it.

use pulp::{Arch, Simd, WithSimd};

const ROUNDS: usize = 4;
/// The seed of the signs: one rotation for each width, for ever, since files depend on it.
const SEED: u64 = 0x5143_5658_2d52_4f54;

/// How many coordinates the code of a vector has: a multiple of 64, at least 128.
#[must_use]
pub fn code_width(dim: usize) -> usize {
    dim.next_multiple_of(64).max(128)
}

/// The rotation of vectors of one dimension.
#[derive(Clone, Debug)]
pub struct Rotation {
    dim: usize,
    width: usize,
    /// The largest power of two within the width.
    block: usize,
    /// 1 or -1 for each round and coordinate.
    signs: Vec<f32>,
    arch: Arch,
}

impl Rotation {
    #[must_use]
    pub fn new(dim: usize) -> Self {
        let width = code_width(dim);
        let mut state = SEED ^ width as u64;
        let signs =
            (0..ROUNDS * width).map(|_| if split_mix(&mut state) >> 63 == 0 { 1.0 } else { -1.0 });
        Self { dim, width, block: 1 << width.ilog2(), signs: signs.collect(), arch: Arch::new() }
    }

    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The width of what comes out.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rotates a vector of `dim` numbers, times a factor, into `width` numbers.
    pub fn rotate(&self, vector: &[f32], factor: f32, out: &mut [f32]) {
        assert_eq!((vector.len(), out.len()), (self.dim, self.width), "a vector of another width");
        for (out, x) in out.iter_mut().zip(vector) {
            *out = x * factor;
        }
        out[self.dim..].fill(0.0);
        self.arch.dispatch(Rounds { rotation: self, vector: out });
    }
}

struct Rounds<'a> {
    rotation: &'a Rotation,
    vector: &'a mut [f32],
}

impl WithSimd for Rounds<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let Rotation { width, block, signs, .. } = self.rotation;
        let mut other = vec![0.0f32; *block];
        for (round, signs) in signs.chunks_exact(*width).enumerate() {
            for (x, sign) in self.vector.iter_mut().zip(signs) {
                *x *= sign;
            }
            let start = if round.is_multiple_of(2) { 0 } else { width - block };
            transform(&mut self.vector[start..start + block], &mut other);
        }
    }
}

/// The orthonormal Hadamard transform.
#[inline(always)]
fn transform(vector: &mut [f32], other: &mut [f32]) {
    let steps = vector.len().ilog2();
    for step in 0..steps {
        if step.is_multiple_of(2) { butterfly(vector, other) } else { butterfly(other, vector) }
    }
    let norm = (vector.len() as f32).sqrt().recip();
    if steps.is_multiple_of(2) {
        vector.iter_mut().for_each(|x| *x *= norm);
    } else {
        vector.iter_mut().zip(&*other).for_each(|(x, y)| *x = y * norm);
    }
}

#[inline(always)]
fn butterfly(from: &[f32], to: &mut [f32]) {
    let (low, high) = from.split_at(from.len() / 2);
    let (pairs, _) = to.as_chunks_mut::<2>();
    for ((a, b), pair) in low.iter().zip(high).zip(pairs) {
        *pair = [a + b, a - b];
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014): numbers that depend on the seed alone.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
