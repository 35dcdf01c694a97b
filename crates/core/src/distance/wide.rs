//! The f32 road: pulp's registers, rows that lie here and there several at once.
//!
//! ```text
//!   query   q0 q1 | q2 q3 | ...          each register of the query is loaded once for R rows
//!   row 0   even odd                     two accumulators a row and sum, so that R rows keep
//!   row 1   even odd                     eight to twelve chains of multiply-adds in flight
//!   ...
//! ```
//!
//! Every `BLOCK` registers the accumulators are emptied into f64 sums. Whatever the dimension, a
//! term so meets at most 20 roundings of f32 (16 in its lane, 4 when lanes are folded): an error
//! of 1.2e-6 of the sum of magnitudes if all conspire, a tenth of it as they fall.
//! R changes how rows share registers and nothing about the additions of one row. Rows that lie
//! one behind the other take R = 1: four at once are a fifth to a third faster in cache, but took
//! twice as long from memory, as two did; likely as streams too short to be foreseen.

use std::marker::PhantomData;

use pulp::{Simd, WithSimd};

use super::exact::{Dot, DotAndNorm, Magnitudes, Squares, Terms};

/// Registers summed in f32 before the sums move to f64.
const BLOCK: usize = 32;

/// A metric's terms, a register at a time.
pub(super) trait Measure<const N: usize>: Terms<N> {
    fn add<S: Simd>(simd: S, sums: [S::f32s; N], a: S::f32s, b: S::f32s) -> [S::f32s; N];
}

impl Measure<1> for Squares {
    #[inline(always)]
    fn add<S: Simd>(simd: S, [sum]: [S::f32s; 1], a: S::f32s, b: S::f32s) -> [S::f32s; 1] {
        let difference = simd.sub_f32s(a, b);
        [simd.mul_add_f32s(difference, difference, sum)]
    }
}

impl Measure<1> for Magnitudes {
    #[inline(always)]
    fn add<S: Simd>(simd: S, [sum]: [S::f32s; 1], a: S::f32s, b: S::f32s) -> [S::f32s; 1] {
        [simd.add_f32s(sum, simd.abs_f32s(simd.sub_f32s(a, b)))]
    }
}

impl Measure<1> for Dot {
    #[inline(always)]
    fn add<S: Simd>(simd: S, [sum]: [S::f32s; 1], a: S::f32s, b: S::f32s) -> [S::f32s; 1] {
        [simd.mul_add_f32s(a, b, sum)]
    }
}

impl Measure<2> for DotAndNorm {
    #[inline(always)]
    fn add<S: Simd>(simd: S, sums: [S::f32s; 2], a: S::f32s, b: S::f32s) -> [S::f32s; 2] {
        let [dot, norm] = sums;
        [simd.mul_add_f32s(a, b, dot), simd.mul_add_f32s(b, b, norm)]
    }
}

/// Rows that can be asked for by place.
pub(super) trait Rows {
    fn count(&self) -> usize;
    /// The row at a place below `count`, as long as the query.
    fn row(&self, place: usize) -> &[f32];
}

/// Computes the sums of every row, `R` rows at a time, and hands them with their row to `finish`.
pub(super) struct Scan<'a, M, T, F, const N: usize, const R: usize> {
    pub(super) query: &'a [f32],
    pub(super) rows: &'a T,
    pub(super) finish: F,
    pub(super) out: &'a mut [f64],
    pub(super) measure: PhantomData<M>,
}

impl<M, T, F, const N: usize, const R: usize> WithSimd for Scan<'_, M, T, F, N, R>
where
    M: Measure<N>,
    T: Rows,
    F: Fn([f64; N], &[f32]) -> f64,
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let whole = self.rows.count() / R * R;
        for first in (0..whole).step_by(R) {
            self.group::<S, R>(simd, first);
        }
        for place in whole..self.rows.count() {
            self.group::<S, 1>(simd, place);
        }
    }
}

impl<M, T, F, const N: usize, const R: usize> Scan<'_, M, T, F, N, R>
where
    M: Measure<N>,
    T: Rows,
    F: Fn([f64; N], &[f32]) -> f64,
{
    #[inline(always)]
    fn group<S: Simd, const G: usize>(&mut self, simd: S, first: usize) {
        let rows: [&[f32]; G] = std::array::from_fn(|i| self.rows.row(first + i));
        let sums = sums::<S, M, N, G>(simd, self.query, rows);
        for i in 0..G {
            self.out[first + i] = (self.finish)(sums[i], rows[i]);
        }
    }
}

/// The sums of `R` rows against the query, all of one length.
#[inline(always)]
pub(super) fn sums<S: Simd, M: Measure<N>, const N: usize, const R: usize>(
    simd: S,
    query: &[f32],
    rows: [&[f32]; R],
) -> [[f64; N]; R] {
    let (query, query_rest) = S::as_simd_f32s(query);
    let split: [(&[S::f32s], &[f32]); R] = std::array::from_fn(|i| S::as_simd_f32s(rows[i]));
    let mut totals = [[0.0; N]; R];
    let mut first = 0;
    while first < query.len() {
        let last = query.len().min(first + BLOCK);
        let bodies = std::array::from_fn(|i| &split[i].0[first..last]);
        block::<S, M, N, R>(simd, &query[first..last], bodies, &mut totals);
        first = last;
    }
    if !query_rest.is_empty() {
        let rests = std::array::from_fn(|i| split[i].1);
        rest::<S, M, N, R>(simd, query_rest, rests, &mut totals);
    }
    totals
}

#[inline(always)]
fn block<S: Simd, M: Measure<N>, const N: usize, const R: usize>(
    simd: S,
    query: &[S::f32s],
    rows: [&[S::f32s]; R],
    totals: &mut [[f64; N]; R],
) {
    let mut even = [[simd.splat_f32s(0.0); N]; R];
    let mut odd = even;
    let (query_pairs, query_last) = query.as_chunks::<2>();
    let pairs: [&[[S::f32s; 2]]; R] =
        std::array::from_fn(|i| &rows[i].as_chunks::<2>().0[..query_pairs.len()]);
    for (at, q) in query_pairs.iter().enumerate() {
        for i in 0..R {
            even[i] = M::add(simd, even[i], q[0], pairs[i][at][0]);
            odd[i] = M::add(simd, odd[i], q[1], pairs[i][at][1]);
        }
    }
    if let [q] = query_last {
        for i in 0..R {
            even[i] = M::add(simd, even[i], *q, rows[i][query.len() - 1]);
        }
    }
    for i in 0..R {
        for n in 0..N {
            let lanes = simd.add_f32s(even[i][n], odd[i][n]);
            totals[i][n] += f64::from(simd.reduce_sum_f32s(lanes));
        }
    }
}

/// The coordinates that do not fill a register; the lanes beyond them are zero on both sides.
#[inline(always)]
fn rest<S: Simd, M: Measure<N>, const N: usize, const R: usize>(
    simd: S,
    query: &[f32],
    rows: [&[f32]; R],
    totals: &mut [[f64; N]; R],
) {
    let query = simd.partial_load_f32s(query);
    for i in 0..R {
        let row = simd.partial_load_f32s(rows[i]);
        let lanes = M::add(simd, [simd.splat_f32s(0.0); N], query, row);
        for n in 0..N {
            totals[i][n] += f64::from(simd.reduce_sum_f32s(lanes[n]));
        }
    }
}
