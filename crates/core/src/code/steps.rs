//! One byte a coordinate on a grid that all rows share: what sums of differences (L1) are made of.
//!
//! ```text
//!   |x - q|_1  =  step * sum |byte(x) - byte(q)|  +  beyond(x) + beyond(q)  +- rounding
//! ```
//!
//! L1 is not the same after a rotation, and has no inner product to take from signs: so coordinates
//! are taken as they are, less a centre, in 255 steps of one size. With a step for each row, as
//! [`super::encode_bytes`] has it, differences of bytes would mean nothing.
//!
//! **Invariant.** What reaches beyond the grid is cut, and counted: where a row or a query lies
//! beyond, and the other does not, their difference is the cut one's and what was counted. Where
//! both lie beyond on one side the sum is too large, by twice the smaller count at most. What is
//! rounded errs in either direction, with the norm of what was rounded as its standard error.
//!
//! Considered: a step for each coordinate, which would have to be multiplied in; the median in the
//! place of the mean as centre, which the cut ends make needless.

use super::ROUND;
use super::fetch::prefetch;
use pulp::{Arch, Simd, WithSimd};

const OFFSET: f32 = 128.0;
/// Steps to either side of the centre.
const STEPS: f32 = 127.0;
const LANES: usize = 16;
/// Rows that are asked for before they are needed.
const AHEAD: usize = 8;

/// What a row's bytes need beside them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepFactors {
    /// The norm of what was rounded.
    pub error: f32,
    /// The sum of what lies beyond the grid.
    pub beyond: f32,
}

/// The step of a grid that reaches so far from its centre.
#[must_use]
pub fn step_to(reach: f32) -> f32 {
    (reach / STEPS).max(f32::MIN_POSITIVE)
}

/// Writes a residual as bytes on a grid.
pub fn encode_steps(residual: &[f32], step: f32, code: &mut [u8]) -> StepFactors {
    assert_eq!(residual.len(), code.len(), "a code of another width");
    Arch::new().dispatch(Grid { residual, step, code })
}

/// Puts coordinates on a grid.
struct Grid<'a> {
    residual: &'a [f32],
    step: f32,
    code: &'a mut [u8],
}

impl WithSimd for Grid<'_> {
    type Output = StepFactors;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> StepFactors {
        let (step, end) = (self.step, self.step * STEPS);
        let [mut squares, mut beyond] = [[0.0f32; LANES]; 2];
        let codes = self.code.chunks_mut(LANES);
        for (code, lanes) in codes.zip(self.residual.chunks(LANES)) {
            for (at, (code, x)) in code.iter_mut().zip(lanes).enumerate() {
                let within = x.clamp(-end, end);
                let steps = (within / step + ROUND) - ROUND;
                let left = within - steps * step;
                squares[at] += left * left;
                beyond[at] += (x.abs() - end).max(0.0);
                *code = (steps + OFFSET) as i32 as u8;
            }
        }
        let sum = |lanes: [f32; LANES]| lanes.iter().map(|x| f64::from(*x)).sum::<f64>();
        StepFactors { error: sum(squares).sqrt() as f32, beyond: sum(beyond) as f32 }
    }
}

/// A vector that rows on the grid are compared with.
#[derive(Clone, Debug, Default)]
pub struct StepQuery {
    code: Vec<u8>,
    factors: StepFactors,
}

impl StepQuery {
    #[must_use]
    pub fn new(residual: &[f32], step: f32) -> Self {
        let mut code = vec![0; residual.len()];
        let factors = encode_steps(residual, step, &mut code);
        Self { code, factors }
    }

    /// Makes a row of codes the query.
    pub fn set_row(&mut self, code: &[u8]) {
        self.code.clear();
        self.code.extend_from_slice(code);
    }

    #[must_use]
    pub fn code(&self) -> &[u8] {
        &self.code
    }

    /// What of the query lies beyond the grid.
    #[must_use]
    pub fn beyond(&self) -> f32 {
        self.factors.beyond
    }

    /// One standard error of a distance.
    #[inline]
    #[must_use]
    pub fn error(&self, row: &StepFactors) -> f32 {
        (row.error * row.error + self.factors.error * self.factors.error).sqrt()
    }

    /// What a distance may be too large by, at most.
    #[inline]
    #[must_use]
    pub fn excess(&self, row: &StepFactors) -> f32 {
        2.0 * row.beyond.min(self.factors.beyond)
    }
}

/// For chosen rows of bytes, `stride` apart: the sum of differences from the query.
pub fn sum_apart_at(codes: &[u8], stride: usize, rows: &[u32], query: &[u8], out: &mut [i32]) {
    assert!(stride >= query.len().max(1), "rows that overlap");
    assert_eq!(rows.len(), out.len(), "as many places as rows");
    Arch::new().dispatch(SumApartAt { codes, stride, rows, query, out });
}

struct SumApartAt<'a> {
    codes: &'a [u8],
    stride: usize,
    rows: &'a [u32],
    query: &'a [u8],
    out: &'a mut [i32],
}

impl WithSimd for SumApartAt<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let code = |row: &u32| &self.codes[*row as usize * self.stride..][..self.query.len()];
        for row in self.rows.iter().take(AHEAD) {
            prefetch(code(row));
        }
        for (at, (out, row)) in self.out.iter_mut().zip(self.rows).enumerate() {
            if let Some(next) = self.rows.get(at + AHEAD) {
                prefetch(code(next));
            }
            *out = apart(code(row), self.query);
        }
    }
}

/// The sum of differences. The compiler knows the shape, and has an instruction for it.
#[inline(always)]
fn apart(code: &[u8], query: &[u8]) -> i32 {
    let pairs = code.iter().zip(query);
    pairs.map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(code: &[u8], step: f32) -> Vec<f64> {
        code.iter().map(|byte| (f64::from(*byte) - 128.0) * f64::from(step)).collect()
    }

    proptest! {
        /// Sums of whole numbers, whatever the machine.
        #[test]
        fn differences_are_summed(
            query in prop::collection::vec(any::<u8>(), 0..300),
            rows in prop::collection::vec(0..5u32, 0..20),
            more in 0..9usize,
            bytes in prop::collection::vec(any::<u8>(), 5 * 309),
        ) {
            let stride = query.len() + more + 1;
            let mut out = vec![0; rows.len()];
            sum_apart_at(&bytes, stride, &rows, &query, &mut out);
            for (row, sum) in rows.iter().zip(out) {
                let code = &bytes[*row as usize * stride..][..query.len()];
                let wanted: u32 =
                    code.iter().zip(&query).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
                prop_assert_eq!(sum as u32, wanted);
            }
        }

        /// The distance is what the codes say, but for what was rounded and what is beyond on the
        /// same side of both.
        #[test]
        fn codes_say_how_wrong_they_are(
            pairs in prop::collection::vec((-3.0f32..3.0, -3.0f32..3.0), 1..200),
            reach in prop_oneof![Just(0.0f32), 0.1f32..4.0],
        ) {
            let (x, q): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let step = step_to(reach);
            let mut code = vec![0; x.len()];
            let row = encode_steps(&x, step, &mut code);
            let query = StepQuery::new(&q, step);
            let mut sum = [0];
            sum_apart_at(&code, code.len(), &[0], query.code(), &mut sum);
            let apart: f64 =
                x.iter().zip(&q).map(|(x, q)| (f64::from(*x) - f64::from(*q)).abs()).sum();
            let of_codes: f64 = decoded(&code, step).iter().zip(decoded(query.code(), step))
                .map(|(x, q)| (x - q).abs()).sum();
            let said = f64::from(step) * f64::from(sum[0]);
            prop_assert!((said - of_codes).abs() <= 1e-6 * (1.0 + of_codes));
            let said = said + f64::from(row.beyond) + f64::from(query.beyond());
            // At most half a step of each coordinate, which is less than the norm says at worst.
            let rounded = (x.len() as f64).sqrt() * f64::from(row.error + query.factors.error);
            let grain = 1e-6 * (1.0 + apart);
            prop_assert!(said <= apart + rounded + f64::from(query.excess(&row)) + grain);
            prop_assert!(said >= apart - rounded - grain);
        }
    }
}
