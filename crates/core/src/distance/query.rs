//! One vector prepared to be compared with many.

use std::marker::PhantomData;

use pulp::{Arch, Simd, WithSimd};

use super::DistanceError;
use super::exact::{self, Dot, DotAndNorm, Magnitudes, Squares, SquaresAndNorm};
use super::wide::{Measure, Rows, Scan};
use crate::Metric;

/// Sums of products below this may have lost terms to f32's underflow.
const PRODUCTS_MIN: f64 = 1e-30;

/// A vector, the metric it is compared by, and what can be computed of it beforehand.
#[derive(Clone, Debug)]
pub struct Query {
    metric: Metric,
    vector: Vec<f32>,
    /// `|q|^2` by the wide road, so that a vector's cosine distance to itself is exactly 0.
    norm_wide: f64,
    /// `|q|^2` in f64.
    norm_exact: f64,
    road: Road,
    arch: Arch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Road {
    Wide,
    Exact,
}

impl Query {
    pub fn new(metric: Metric, vector: &[f32]) -> Result<Self, DistanceError> {
        let arch = Arch::new();
        let road = match arch {
            Arch::Scalar => Road::Exact,
            _ => Road::Wide,
        };
        Self::on_road(metric, vector, arch, road)
    }

    /// The query as a machine without wide registers runs it.
    #[cfg(test)]
    pub(super) fn scalar(metric: Metric, vector: &[f32]) -> Result<Self, DistanceError> {
        Self::on_road(metric, vector, Arch::Scalar, Road::Exact)
    }

    fn on_road(
        metric: Metric,
        vector: &[f32],
        arch: Arch,
        road: Road,
    ) -> Result<Self, DistanceError> {
        let [norm_exact] = exact::sums_of_pair::<Dot, 1>(vector, vector);
        let mut query =
            Self { metric, vector: vector.to_vec(), norm_wide: norm_exact, norm_exact, road, arch };
        match metric {
            Metric::Poincare if norm_exact >= 1.0 => return Err(DistanceError::OutsideBall),
            Metric::Poincare => query.road = Road::Exact,
            Metric::Cosine if road == Road::Wide => query.measure_norm(),
            Metric::Cosine | Metric::L2 | Metric::InnerProduct | Metric::L1 => {}
        }
        Ok(query)
    }

    fn measure_norm(&mut self) {
        let mut out = [0.0];
        let rows = Contiguous { rows: &self.vector, dim: self.vector.len(), count: 1 };
        self.scan::<DotAndNorm, _, _, 2, 1>(&rows, |[_, norm], _| norm, &mut out);
        self.norm_wide = out[0];
        if !in_range(self.norm_wide) {
            self.road = Road::Exact;
        }
    }

    #[must_use]
    pub fn metric(&self) -> Metric {
        self.metric
    }

    #[must_use]
    pub fn dim(&self) -> usize {
        self.vector.len()
    }

    /// The distance to one row.
    pub fn distance(&self, row: &[f32]) -> Result<f64, DistanceError> {
        let mut out = [0.0];
        self.distances(row, &mut out)?;
        Ok(out[0])
    }

    /// The distances to rows that lie one behind the other, `dim` numbers each; `out` has as many
    /// places as there are rows.
    pub fn distances(&self, rows: &[f32], out: &mut [f64]) -> Result<(), DistanceError> {
        let dim = self.dim();
        if rows.len() != dim * out.len() {
            let right = rows.len().checked_div(out.len()).unwrap_or(rows.len());
            return Err(DistanceError::Dimensions { left: dim, right });
        }
        // One at a time: of several side by side memory gives half as many.
        self.run::<_, 1, 1>(&Contiguous { rows, dim, count: out.len() }, out)
    }

    /// The distances to chosen rows: `out[i]` is that of row `places[i]`. As long as each other.
    pub fn distances_at(
        &self,
        rows: &[f32],
        places: &[u32],
        out: &mut [f64],
    ) -> Result<(), DistanceError> {
        let dim = self.dim();
        let count = rows.len().checked_div(dim).unwrap_or(usize::MAX);
        if let Some(row) = places.iter().max().filter(|row| **row as usize >= count) {
            return Err(DistanceError::NoSuchRow { row: *row as usize, rows: count });
        }
        if places.len() != out.len() {
            return Err(DistanceError::NoSuchRow { row: places.len(), rows: out.len() });
        }
        // Three rows of two sums are twelve accumulators; of four, AVX2 spills some.
        self.run::<_, 4, 3>(&Chosen { rows, dim, places }, out)
    }

    /// So many rows at a time: `R` where a row has one sum, `R2` where it has two.
    fn run<T: Rows, const R: usize, const R2: usize>(
        &self,
        rows: &T,
        out: &mut [f64],
    ) -> Result<(), DistanceError> {
        match self.road {
            Road::Wide => {
                self.run_wide::<T, R, R2>(rows, out);
                Ok(())
            }
            Road::Exact => self.arch.dispatch(ExactScan { query: self, rows, out }),
        }
    }

    fn run_wide<T: Rows, const R: usize, const R2: usize>(&self, rows: &T, out: &mut [f64]) {
        match self.metric {
            Metric::L2 => self.scan::<Squares, _, _, 1, R>(rows, |s, r| self.l2(s, r), out),
            Metric::InnerProduct => self.scan::<Dot, _, _, 1, R>(rows, |s, r| self.dot(s, r), out),
            Metric::L1 => self.scan::<Magnitudes, _, _, 1, R>(rows, |s, r| self.l1(s, r), out),
            Metric::Cosine => {
                self.scan::<DotAndNorm, _, _, 2, R2>(rows, |s, r| self.cosine(s, r), out);
            }
            Metric::Poincare => unreachable!("Poincaré queries take the exact road"),
        }
    }

    fn scan<M, T, F, const N: usize, const R: usize>(&self, rows: &T, finish: F, out: &mut [f64])
    where
        M: Measure<N>,
        T: Rows,
        F: Fn([f64; N], &[f32]) -> f64,
    {
        let query = &self.vector;
        self.arch.dispatch(Scan::<'_, M, T, F, N, R> {
            query,
            rows,
            finish,
            out,
            measure: PhantomData,
        });
    }

    #[inline(always)]
    fn l2(&self, [sum]: [f64; 1], row: &[f32]) -> f64 {
        if in_range(sum) { sum.sqrt() } else { self.again(row) }
    }

    #[inline(always)]
    fn dot(&self, [sum]: [f64; 1], row: &[f32]) -> f64 {
        if in_range(sum.abs()) { 0.0 - sum } else { self.again(row) }
    }

    #[inline(always)]
    fn l1(&self, [sum]: [f64; 1], row: &[f32]) -> f64 {
        if sum.is_finite() { sum } else { self.again(row) }
    }

    #[inline(always)]
    fn cosine(&self, [dot, norm]: [f64; 2], row: &[f32]) -> f64 {
        if in_range(norm) && dot.is_finite() {
            cosine(dot, self.norm_wide, norm)
        } else {
            self.again(row)
        }
    }

    /// A row whose f32 sums left the range, in f64.
    #[cold]
    #[inline(never)]
    fn again(&self, row: &[f32]) -> f64 {
        self.exact(row).unwrap_or(f64::NAN)
    }

    #[inline(always)]
    fn exact(&self, row: &[f32]) -> Result<f64, DistanceError> {
        let q = &self.vector;
        Ok(match self.metric {
            Metric::L2 => exact::sums::<Squares, 1>(q, row)[0].sqrt(),
            Metric::InnerProduct => 0.0 - exact::sums::<Dot, 1>(q, row)[0],
            Metric::L1 => exact::sums::<Magnitudes, 1>(q, row)[0],
            Metric::Cosine => {
                let [dot, norm] = exact::sums::<DotAndNorm, 2>(q, row);
                cosine(dot, self.norm_exact, norm)
            }
            Metric::Poincare => {
                let [squares, norm] = exact::sums::<SquaresAndNorm, 2>(q, row);
                poincare(squares, self.norm_exact, norm)?
            }
        })
    }
}

#[inline(always)]
fn in_range(products: f64) -> bool {
    (PRODUCTS_MIN..f64::INFINITY).contains(&products)
}

/// Rounding may carry the quotient beyond 1; the clamp keeps the distance within [0, 2].
#[inline(always)]
fn cosine(dot: f64, a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 {
        return f64::NAN;
    }
    1.0 - (dot / (a * b).sqrt()).clamp(-1.0, 1.0)
}

/// `arcosh(1 + x)` written so that small `x` keeps its digits.
fn poincare(squares: f64, a: f64, b: f64) -> Result<f64, DistanceError> {
    if b >= 1.0 {
        return Err(DistanceError::OutsideBall);
    }
    let x = 2.0 * squares / ((1.0 - a) * (1.0 - b));
    Ok((x + (x * (x + 2.0)).sqrt()).ln_1p())
}

struct Contiguous<'a> {
    rows: &'a [f32],
    dim: usize,
    count: usize,
}

impl Rows for Contiguous<'_> {
    #[inline(always)]
    fn count(&self) -> usize {
        self.count
    }

    #[inline(always)]
    fn row(&self, place: usize) -> &[f32] {
        &self.rows[place * self.dim..][..self.dim]
    }
}

struct Chosen<'a> {
    rows: &'a [f32],
    dim: usize,
    places: &'a [u32],
}

impl Rows for Chosen<'_> {
    #[inline(always)]
    fn count(&self) -> usize {
        self.places.len()
    }

    #[inline(always)]
    fn row(&self, place: usize) -> &[f32] {
        &self.rows[self.places[place] as usize * self.dim..][..self.dim]
    }
}

/// The exact road over many rows. Not a closure: inlining must reach into `dispatch`.
struct ExactScan<'a, T> {
    query: &'a Query,
    rows: &'a T,
    out: &'a mut [f64],
}

impl<T: Rows> WithSimd for ExactScan<'_, T> {
    type Output = Result<(), DistanceError>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> Self::Output {
        for (place, out) in self.out.iter_mut().enumerate() {
            *out = self.query.exact(self.rows.row(place))?;
        }
        Ok(())
    }
}
