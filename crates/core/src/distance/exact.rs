//! The f64 road: slower from cache, right for every finite f32.
//!
//! It is taken where f32 sums overflow or vanish, for Poincaré, and on machines whose registers
//! pulp does not know. Sums run in eight lanes, which the compiler vectorises inside
//! [`Arch::dispatch`]; the order of additions is fixed, so every machine answers alike.

use pulp::{Arch, Simd, WithSimd};
use std::marker::PhantomData;

/// What a pair of coordinates adds to the `N` sums a metric needs.
pub(super) trait Terms<const N: usize> {
    fn terms(a: f64, b: f64) -> [f64; N];
}

/// `(a-b)^2`: L2.
pub(super) struct Squares;
/// `|a-b|`: L1.
pub(super) struct Magnitudes;
/// `ab`: inner product.
pub(super) struct Dot;
/// `ab` and `b^2`: cosine, the row's norm found on the way.
pub(super) struct DotAndNorm;
/// `(a-b)^2` and `b^2`: Poincaré.
pub(super) struct SquaresAndNorm;

impl Terms<1> for Squares {
    #[inline(always)]
    fn terms(a: f64, b: f64) -> [f64; 1] {
        [(a - b) * (a - b)]
    }
}

impl Terms<1> for Magnitudes {
    #[inline(always)]
    fn terms(a: f64, b: f64) -> [f64; 1] {
        [(a - b).abs()]
    }
}

impl Terms<1> for Dot {
    #[inline(always)]
    fn terms(a: f64, b: f64) -> [f64; 1] {
        [a * b]
    }
}

impl Terms<2> for DotAndNorm {
    #[inline(always)]
    fn terms(a: f64, b: f64) -> [f64; 2] {
        [a * b, b * b]
    }
}

impl Terms<2> for SquaresAndNorm {
    #[inline(always)]
    fn terms(a: f64, b: f64) -> [f64; 2] {
        [(a - b) * (a - b), b * b]
    }
}

const LANES: usize = 8;

/// The sums of a metric's terms over one pair of vectors of one length, by the widest registers
/// that there are.
pub(super) fn sums_of_pair<T: Terms<N>, const N: usize>(a: &[f32], b: &[f32]) -> [f64; N] {
    Arch::new().dispatch(Pair { a, b, terms: PhantomData::<T> })
}

struct Pair<'a, T, const N: usize> {
    a: &'a [f32],
    b: &'a [f32],
    terms: PhantomData<T>,
}

impl<T: Terms<N>, const N: usize> WithSimd for Pair<'_, T, N> {
    type Output = [f64; N];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> [f64; N] {
        sums::<T, N>(self.a, self.b)
    }
}

/// The same within a dispatch.
#[inline(always)]
pub(super) fn sums<T: Terms<N>, const N: usize>(a: &[f32], b: &[f32]) -> [f64; N] {
    let mut lanes = [[0.0; LANES]; N];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        add_lanes::<T, N>(&mut lanes, a, b);
    }
    add_lanes::<T, N>(&mut lanes, a_rest, b_rest);
    lanes.map(fold)
}

#[inline(always)]
fn add_lanes<T: Terms<N>, const N: usize>(lanes: &mut [[f64; LANES]; N], a: &[f32], b: &[f32]) {
    for (lane, (a, b)) in a.iter().zip(b).enumerate() {
        let terms = T::terms(f64::from(*a), f64::from(*b));
        for (sum, term) in lanes.iter_mut().zip(terms) {
            sum[lane] += term;
        }
    }
}

#[inline(always)]
fn fold([a, b, c, d, e, f, g, h]: [f64; LANES]) -> f64 {
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}
