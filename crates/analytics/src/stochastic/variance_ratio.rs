//! The variance ratio test (Lo and MacKinlay 1988).
//!
//! ```text
//!   VR(q) = Var(x_{t+q} - x_t) / (q Var(x_{t+1} - x_t))
//!
//!   1 for a random walk, below for one that turns back, above for one that goes on.
//! ```
//!
//! Overlapping differences, both variances unbiased, and the z value that allows the variance to
//! change over time (their z*, section 1.2), since embeddings move in bursts. Ratio, z and p-value
//! agree with arch's `VarianceRatio` (`tests/reference`).

use super::{check, count, finite, mean, normal};
use crate::Error;

/// The verdict on one horizon.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VarianceRatio {
    pub ratio: f64,
    /// Standard normal if it is a random walk, even one of changing variance.
    pub z: f64,
    /// Of a |z| this large from a random walk.
    pub p_value: f64,
}

/// The test at a horizon of `q` steps, on numbers taken at even steps. Needs `q + 3` numbers.
pub fn variance_ratio(series: &[f64], q: usize) -> Result<VarianceRatio, Error> {
    if q < 2 {
        return Err(Error::Invalid("a variance ratio compares horizons of 2 steps or more"));
    }
    check(series, q.saturating_add(3))?;
    let steps: Vec<f64> = series.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let n = count(steps.len());
    let drift = mean(&steps);
    let squares: Vec<f64> = steps.iter().map(|step| (step - drift).powi(2)).collect();
    let total: f64 = squares.iter().sum();
    if total <= f64::MIN_POSITIVE {
        return Err(Error::Undetermined("all steps are equal"));
    }
    let horizon = count(q);
    let long = series.iter().zip(&series[q..]).map(|(a, b)| (b - a - horizon * drift).powi(2));
    let unbiased = horizon * (n - horizon + 1.0) * (1.0 - horizon / n);
    let ratio = finite(long.sum::<f64>() / unbiased / (total / (n - 1.0)))?;
    let z = finite(n.sqrt() * (ratio - 1.0) / spread(&squares, total, q).sqrt())?;
    Ok(VarianceRatio { ratio, z, p_value: normal::two_sided(z) })
}

/// The variance of the ratio times n, whatever the variances of the steps.
fn spread(squares: &[f64], total: f64, q: usize) -> f64 {
    let at_lag = |lag: usize| {
        let products = squares.iter().zip(&squares[lag..]).map(|(a, b)| a * b);
        let delta = count(squares.len()) * products.sum::<f64>() / (total * total);
        4.0 * (1.0 - count(lag) / count(q)).powi(2) * delta
    };
    (1..q).map(at_lag).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated;

    #[test]
    fn z_is_standard_normal_on_random_walks() {
        let z = |seed| variance_ratio(&simulated::fbm(500, 0.5, seed), 5).unwrap().z;
        let beyond = (0..200).filter(|seed| z(*seed).abs() > 1.96).count();
        assert!((2..=22).contains(&beyond), "{beyond} of 200 lie beyond 1.96");
    }

    #[test]
    fn going_on_is_above_one_and_turning_back_below() {
        let on = variance_ratio(&simulated::fbm(2000, 0.7, 1), 8).unwrap();
        let back = variance_ratio(&simulated::ornstein_uhlenbeck(2000, 4.0, 1), 8).unwrap();
        assert!(on.ratio > 1.5 && on.p_value < 0.01, "{on:?}");
        assert!(back.ratio < 0.7 && back.p_value < 0.01, "{back:?}");
    }

    #[test]
    fn what_settles_no_ratio_is_an_error() {
        assert!(matches!(variance_ratio(&[0.0, 1.0, 0.0, 1.0], 1), Err(Error::Invalid(_))));
        let lacking = Error::InsufficientData { needed: 8, have: 7 };
        assert_eq!(variance_ratio(&[0.0; 7], 5), Err(lacking));
        assert!(matches!(variance_ratio(&[2.0; 20], 5), Err(Error::Undetermined(_))));
        assert!(variance_ratio(&[2.0; 20], usize::MAX).is_err());
    }
}
