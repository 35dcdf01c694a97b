//! Mean reversion: how long until half of a displacement is undone.
//!
//! ```text
//!   Ornstein and Uhlenbeck 1930:  dx = r (m - x) dt + s dW
//!
//!   over h days    x' = m + b (x - m) + noise,   b = exp(-r h)
//!                  Var noise = s^2 v,            v = (1 - b^2) / (2 r)
//!   half-life      ln 2 / r
//! ```
//!
//! The exact transition is known for any h, so the likelihood holds for uneven times as it is. The
//! mean m (one a dimension) and s (shared by all) have closed forms given r, which leaves one
//! number to search for: first on a grid of logarithms, then by golden section. On even times the
//! answer is that of the regression of x' on x, `r = -ln b / h`.
//!
//! **When not to trust it.** Every finite piece of a random walk seems to return to its own mean,
//! with a half-life of about a seventh of its length: ask [`unit_root`](super::unit_root) first, or
//! have several half-lives of data. Measurement noise shortens the half-life.
//!
//! I did consider the regression of changes on levels, which most recipes give: it is the same for
//! even times and has no answer for uneven ones.

use super::{check, count, enough, finite};
use crate::{Error, Trajectory};

/// A fitted Ornstein-Uhlenbeck process. A unit of time is a day for a trajectory, a step for a
/// series.
#[derive(Clone, Debug, PartialEq)]
pub struct Reversion {
    /// r, per unit of time.
    pub rate: f64,
    /// In units of time.
    pub half_life: f64,
    /// m, where it returns to; one number a dimension.
    pub mean: Vec<f64>,
    /// s, per root of a unit of time and dimension.
    pub volatility: f64,
}

/// Fewest points: a rate, a mean and a volatility from five steps at least.
const POINTS_MIN: usize = 6;
/// Rates tried on the grid, and steps of golden section after it.
const GRID: usize = 60;
const GOLDEN_STEPS: usize = 60;

/// The process of a path, times in days. Needs 6 points.
pub fn reversion(path: &Trajectory<'_>) -> Result<Reversion, Error> {
    enough(path.len(), POINTS_MIN)?;
    let values: Vec<f64> = path.vectors().flatten().copied().map(f64::from).collect();
    let gaps: Vec<f64> = (1..path.len()).map(|at| path.days(at - 1, at)).collect();
    Steps { values: &values, dim: path.dim(), gaps: &gaps }.fit()
}

/// The process of numbers taken at even steps; the unit of time is a step. Needs 6 numbers.
pub fn reversion_series(series: &[f64]) -> Result<Reversion, Error> {
    check(series, POINTS_MIN)?;
    Steps { values: series, dim: 1, gaps: &vec![1.0; series.len() - 1] }.fit()
}

/// Positions row by row, and the time between each and the next.
struct Steps<'a> {
    values: &'a [f64],
    dim: usize,
    gaps: &'a [f64],
}

/// The transition over one step at some rate.
struct Transition {
    keeps: f64,
    variance: f64,
}

impl Transition {
    fn over(gap: f64, rate: f64) -> Self {
        let keeps = (-rate * gap).exp();
        // 1 - b^2 without loss where b is nearly 1.
        Self { keeps, variance: -(-2.0 * rate * gap).exp_m1() / (2.0 * rate) }
    }
}

impl Steps<'_> {
    fn fit(&self) -> Result<Reversion, Error> {
        let (first, rest) = self.values.split_at(self.dim);
        if rest.chunks(self.dim).all(|row| row == first) {
            return Err(Error::Undetermined("the points do not move"));
        }
        let rate = self.best_rate()?.exp();
        let mean = self.mean(rate);
        let squares = self.residual_squares(rate, &mean);
        let volatility = finite((squares / count(self.gaps.len() * self.dim)).sqrt())?;
        let half_life = finite(std::f64::consts::LN_2 / rate)?;
        Ok(Reversion { rate: finite(rate)?, half_life, mean, volatility })
    }

    /// The logarithm of the rate with the greatest likelihood.
    fn best_rate(&self) -> Result<f64, Error> {
        let span: f64 = self.gaps.iter().sum();
        let shortest = self.gaps.iter().copied().fold(f64::INFINITY, f64::min);
        let (low, high) = ((1e-3 / span).ln(), (30.0 / shortest).ln());
        let width = (high - low) / count(GRID);
        let at = |step: usize| low + width * count(step);
        let costs: Vec<f64> = (0..=GRID).map(|step| self.cost(at(step))).collect();
        let best = (0..=GRID).min_by(|a, b| costs[*a].total_cmp(&costs[*b])).unwrap_or(0);
        if best == 0 {
            return Err(Error::Undetermined("it does not return to a mean"));
        }
        if !costs[best].is_finite() || best == GRID || costs[best] >= costs[GRID] {
            return Err(Error::Undetermined("it returns faster than it was sampled"));
        }
        Ok(golden_section(at(best - 1), at(best + 1), |log_rate| self.cost(log_rate)))
    }

    /// -2 log likelihood with mean and volatility at their best, but for a constant.
    fn cost(&self, log_rate: f64) -> f64 {
        let rate = log_rate.exp();
        let squares = self.residual_squares(rate, &self.mean(rate));
        let spread: f64 =
            self.gaps.iter().map(|gap| Transition::over(*gap, rate).variance.ln()).sum();
        let dim = count(self.dim);
        dim * (count(self.gaps.len()) * squares.ln() + spread)
    }

    fn mean(&self, rate: f64) -> Vec<f64> {
        let (mut sums, mut weight) = (vec![0.0; self.dim], 0.0);
        self.each(rate, |step, from, to| {
            let pull = (1.0 - step.keeps) / step.variance;
            weight += pull * (1.0 - step.keeps);
            for ((sum, from), to) in sums.iter_mut().zip(from).zip(to) {
                *sum += pull * (to - step.keeps * from);
            }
        });
        sums.into_iter().map(|sum| sum / weight).collect()
    }

    fn residual_squares(&self, rate: f64, mean: &[f64]) -> f64 {
        let mut squares = 0.0;
        self.each(rate, |step, from, to| {
            let one = |((from, to), mean): ((&f64, &f64), &f64)| {
                (to - mean - step.keeps * (from - mean)).powi(2)
            };
            squares += from.iter().zip(to).zip(mean).map(one).sum::<f64>() / step.variance;
        });
        squares
    }

    fn each(&self, rate: f64, mut visit: impl FnMut(Transition, &[f64], &[f64])) {
        let rows = self.values.chunks_exact(self.dim);
        for ((from, to), gap) in rows.clone().zip(rows.skip(1)).zip(self.gaps) {
            visit(Transition::over(*gap, rate), from, to);
        }
    }
}

/// The least point of a function with one valley (Kiefer 1953).
fn golden_section(mut low: f64, mut high: f64, cost: impl Fn(f64) -> f64) -> f64 {
    const RATIO: f64 = 0.618_033_988_749_894_9;
    let (mut left, mut right) = (high - RATIO * (high - low), low + RATIO * (high - low));
    let (mut at_left, mut at_right) = (cost(left), cost(right));
    for _ in 0..GOLDEN_STEPS {
        if at_left < at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - RATIO * (high - low);
            at_left = cost(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + RATIO * (high - low);
            at_right = cost(right);
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::simulated;

    /// The slope of x' on x, from the textbook.
    fn slope(series: &[f64]) -> f64 {
        let (from, to) = (&series[..series.len() - 1], &series[1..]);
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (from_mean, to_mean) = (mean(from), mean(to));
        let product: f64 = from.iter().zip(to).map(|(a, b)| (a - from_mean) * (b - to_mean)).sum();
        product / from.iter().map(|a| (a - from_mean).powi(2)).sum::<f64>()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn on_even_times_it_is_the_regression(half_life in 1.0..20.0f64, seed in 0..1000u64) {
            let path = simulated::ornstein_uhlenbeck(400, half_life, seed);
            let fit = reversion_series(&path).unwrap();
            prop_assert!((fit.rate + slope(&path).ln()).abs() < 1e-5 * fit.rate);
        }

        /// Every second to fifth point of a path, at its own time, tells of the same process.
        #[test]
        fn uneven_times_are_taken_as_they_are(seed in 0..1000u64) {
            let path = simulated::ornstein_uhlenbeck(8000, 20.0, seed);
            let mut at = 0;
            let (mut ts, mut vectors) = (vec![], vec![]);
            while at < path.len() {
                ts.push(at as i64 * 86_400_000_000);
                vectors.push(path[at] as f32);
                at += 1 + (at * 7 + at / 3) % 5;
            }
            let fit = reversion(&Trajectory::new(&ts, &vectors, 1).unwrap()).unwrap();
            prop_assert!((10.0..40.0).contains(&fit.half_life), "{fit:?}");
        }
    }

    #[test]
    fn the_process_is_found_again() {
        let path = simulated::ornstein_uhlenbeck(20_000, 10.0, 3);
        let fit = reversion_series(&path).unwrap();
        assert!((fit.half_life - 10.0).abs() < 1.0, "{fit:?}");
        assert!(fit.mean[0].abs() < 0.5, "{fit:?}");
    }

    #[test]
    fn what_does_not_revert_is_an_error() {
        let line: Vec<f64> = (0..50).map(f64::from).collect();
        let zigzag: Vec<f64> = (0..50).map(|at| f64::from(at % 2) + f64::from(at) * 1e-3).collect();
        for series in [&line, &zigzag, &vec![1.0; 50]] {
            let fit = reversion_series(series);
            assert!(matches!(fit, Err(Error::Undetermined(_))), "{fit:?}");
        }
        let lacking = Error::InsufficientData { needed: 6, have: 5 };
        assert_eq!(reversion_series(&[0.0; 5]), Err(lacking));
    }
}
