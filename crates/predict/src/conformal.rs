//! Intervals from errors that were made: split conformal prediction (Vovk, Gammerman and Shafer
//! 2005; Lei and others 2018).
//!
//! ```text
//!   error of case i in dimension d, after h days:   e
//!   score                                           |e| / s(h),   s(h) = a h^b
//!   half width at confidence c                      s(h) x (the ceil((n + 1) c)-th least score)
//! ```
//!
//! If the case asked about is like the cases judged (exchangeable with them), the truth lies inside
//! with probability c, whatever the method and whatever the distribution; a bad method has wide
//! intervals, not wrong ones. Each dimension has its own scores. Farther is less sure: s, fitted to
//! the root mean square errors on log axes, says by how much. It has two numbers fitted to the same
//! hundreds of cases, which costs less than the third digit of the coverage; `backtest` measures
//! it.
//!
//! With n cases there is no interval above `n / (n + 1)`: 95 % wants 19 cases, 99 % wants 99.
//!
//! **When not to trust it.** After a regime has changed: the future is then not like the cases.
//! And the coverage is of each dimension alone, not of all at once.

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What errors to expect of one method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// ln a and b of the spread's power law of days.
    scale: [f64; 2],
    /// For each dimension the scores of all cases, growing.
    scores: Vec<Vec<f32>>,
}

/// A case's error by dimension, and how many days ahead it was made.
pub(crate) struct Residual {
    pub(crate) days: f64,
    pub(crate) error: Vec<f32>,
}

/// Spread that grows faster than this is a fit to too few cases.
const EXPONENT_MAX: f64 = 3.0;

impl Calibration {
    /// From at least one residual, all of one dimension.
    pub(crate) fn of(residuals: &[&Residual]) -> Option<Self> {
        let dim = residuals.first()?.error.len();
        let scale = power_law(residuals);
        let mut scores = vec![Vec::with_capacity(residuals.len()); dim];
        for Residual { days, error } in residuals {
            let expected = spread(scale, *days);
            for (scores, error) in scores.iter_mut().zip(error) {
                scores.push((f64::from(error.abs()) / expected) as f32);
            }
        }
        scores.iter_mut().for_each(|scores| scores.sort_by(f32::total_cmp));
        Some(Self { scale, scores })
    }

    /// Of the vectors.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.scores.len()
    }

    /// How many errors it rests on.
    #[must_use]
    pub fn cases(&self) -> usize {
        self.scores.first().map_or(0, Vec::len)
    }

    /// For each dimension, how far from a forecast so many days ahead the truth may lie; none if
    /// there are too few cases for the confidence.
    #[must_use]
    pub fn half_widths(&self, days: f64, confidence: f64) -> Option<Vec<f64>> {
        let rank = ((self.cases() + 1) as f64 * confidence).ceil();
        if !(rank >= 1.0 && rank <= self.cases() as f64) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
        let at = rank as usize - 1;
        let expected = spread(self.scale, days);
        Some(self.scores.iter().map(|scores| f64::from(scores[at]) * expected).collect())
    }

    /// What was read from a file is as [`Self::of`] makes it.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let whole = |scores: &Vec<f32>| {
            scores.len() == self.cases()
                && scores.iter().all(|score| score.is_finite())
                && scores.is_sorted()
        };
        let sound = self.cases() > 0
            && self.scale.iter().all(|value| value.is_finite())
            && self.scores.iter().all(whole);
        if sound { Ok(()) } else { Err(Error::NotAModel("its calibration is broken")) }
    }
}

/// `a h^b`, positive.
fn spread([log_a, b]: [f64; 2], days: f64) -> f64 {
    (log_a + b * days.max(f64::MIN_POSITIVE).ln()).exp().max(f64::MIN_POSITIVE)
}

/// ln a and b by least squares on log axes.
fn power_law(residuals: &[&Residual]) -> [f64; 2] {
    let point = |residual: &&Residual| {
        let square: f64 = residual.error.iter().map(|e| f64::from(*e).powi(2)).sum();
        let rms = (square / residual.error.len() as f64).sqrt();
        (rms > 0.0 && residual.days > 0.0).then(|| (residual.days.ln(), rms.ln()))
    };
    let points: Vec<(f64, f64)> = residuals.iter().filter_map(point).collect();
    if points.is_empty() {
        return [0.0, 0.0];
    }
    let count = points.len() as f64;
    let x_mean = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let y_mean = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let xx: f64 = points.iter().map(|(x, _)| (x - x_mean).powi(2)).sum();
    let xy: f64 = points.iter().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum();
    let b = if xx > 1e-9 { (xy / xx).clamp(0.0, EXPONENT_MAX) } else { 0.0 };
    [y_mean - b * x_mean, b]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::noise;

    /// Errors of a random walk: their spread goes with the root of the days.
    fn walk_errors(cases: usize, dim: usize, seed: u64) -> Vec<Residual> {
        let mut noise = noise(seed);
        let of = |case: usize| {
            let days = 0.5 + (case % 10) as f64;
            let error = noise.by_ref().take(dim).map(|e| (e * days.sqrt()) as f32).collect();
            Residual { days, error }
        };
        (0..cases).map(of).collect()
    }

    #[test]
    fn coverage_is_the_confidence_at_every_distance() {
        let known = walk_errors(400, 4, 1);
        let calibration = Calibration::of(&known.iter().collect::<Vec<_>>()).unwrap();
        for confidence in [0.5, 0.8, 0.95] {
            let fresh = walk_errors(5_000, 4, 2);
            let (mut near, mut far) = ((0.0, 0.0), (0.0, 0.0));
            for Residual { days, error } in &fresh {
                let widths = calibration.half_widths(*days, confidence).unwrap();
                let part = if *days < 3.0 { &mut near } else { &mut far };
                for (error, width) in error.iter().zip(widths) {
                    part.0 += f64::from(u8::from(f64::from(error.abs()) <= width));
                    part.1 += 1.0;
                }
            }
            for (within, all) in [near, far] {
                let covered: f64 = within / all;
                assert!((covered - confidence).abs() < 0.03, "{covered} for {confidence}");
            }
        }
    }

    #[test]
    fn few_cases_give_no_interval_rather_than_a_wrong_one() {
        let known = walk_errors(18, 2, 1);
        let calibration = Calibration::of(&known.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(calibration.half_widths(1.0, 0.95), None);
        assert!(calibration.half_widths(1.0, 0.9).is_some());
        assert_eq!(Calibration::of(&[]), None);
    }

    #[test]
    fn no_error_has_no_width() {
        let still = Residual { days: 1.0, error: vec![0.0, 0.0] };
        let calibration = Calibration::of(&[&still, &still]).unwrap();
        assert_eq!(calibration.half_widths(9.0, 0.5), Some(vec![0.0, 0.0]));
    }
}
