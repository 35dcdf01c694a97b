//! Is it a random walk? The augmented Dickey-Fuller test (Said and Dickey 1984).
//!
//! ```text
//!   dx_t = [c] [+ d t] + g x_{t-1} + b_1 dx_{t-1} + ... + b_p dx_{t-p} + noise
//!
//!   the statistic is the t value of g. Null hypothesis: g = 0, a random walk.
//!   A small p-value says: it returns to its mean (or its line).
//! ```
//!
//! The p-value is the response surface of MacKinnon 1994 with the coefficients his 2010 revision
//! kept; the number of lags is Schwert's rule, `12 (n/100)^(1/4)`, at most, and within it the least
//! AIC or BIC over the same rows. Statistic, p-value and lags agree with statsmodels' `adfuller`
//! (`tests/reference`). A quadratic trend is not offered.

use super::normal;
use super::regression::{Collinear, Regression};
use super::{check, count, finite};
use crate::Error;

/// What is taken as given beside the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deterministic {
    /// Reverts to zero, if it reverts.
    None,
    /// Reverts to a mean of its own.
    Constant,
    /// Reverts to a straight line.
    Trend,
}

/// How many past changes the regression takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lags {
    /// As many as Akaike's criterion likes, within Schwert's rule.
    Aic,
    /// As many as the Bayesian criterion likes, within Schwert's rule.
    Bic,
    Fixed(usize),
}

/// The verdict.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnitRoot {
    /// The t value; the further below zero, the less of a random walk.
    pub statistic: f64,
    /// The probability of a statistic this low from a random walk.
    pub p_value: f64,
    /// How many past changes were taken in.
    pub lags: usize,
    /// How many changes were explained.
    pub observations: usize,
}

/// Fewest numbers: below, Schwert's rule leaves nothing to regress.
const POINTS_MIN: usize = 12;

/// The test, on numbers taken at even steps. Needs 12 numbers.
pub fn unit_root(series: &[f64], given: Deterministic, lags: Lags) -> Result<UnitRoot, Error> {
    check(series, POINTS_MIN)?;
    let steps: Vec<f64> = series.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let rows = Design { series, steps: &steps, given };
    let most = series.len() / 2 - given.columns() - 1;
    let lags = match lags {
        Lags::Fixed(lags) if lags > most => {
            return Err(Error::Invalid("more lags than half the series can bear"));
        }
        Lags::Fixed(lags) => lags,
        Lags::Aic => rows.best_lags(schwert(series.len()).min(most), 2.0)?,
        Lags::Bic => {
            let longest = schwert(series.len()).min(most);
            rows.best_lags(longest, count(steps.len() - longest).ln())?
        }
    };
    let statistic = finite(rows.statistic(lags)?)?;
    let p_value = given.surface().p_value(statistic);
    Ok(UnitRoot { statistic, p_value, lags, observations: steps.len() - lags })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
fn schwert(points: usize) -> usize {
    (12.0 * (count(points) / 100.0).powf(0.25)).ceil() as usize
}

/// The regression's columns, cut so that `lags` past changes exist for every row.
struct Design<'a> {
    series: &'a [f64],
    steps: &'a [f64],
    given: Deterministic,
}

impl Design<'_> {
    fn response(&self, lags: usize) -> Vec<f64> {
        self.steps[lags..].to_vec()
    }

    fn level(&self, lags: usize) -> Vec<f64> {
        self.series[lags..self.series.len() - 1].to_vec()
    }

    fn past_change(&self, lags: usize, back: usize) -> Vec<f64> {
        self.steps[lags - back..self.steps.len() - back].to_vec()
    }

    /// Columns for the mean and the line, the line centred to keep its digits.
    fn given(&self, rows: usize) -> Vec<Vec<f64>> {
        let line = (0..rows).map(|row| count(row) - count(rows) / 2.0).collect();
        let mut columns = vec![vec![1.0; rows], line];
        columns.truncate(self.given.columns());
        columns
    }

    /// The level comes last, so that its coefficient and t value can be read off.
    fn statistic(&self, lags: usize) -> Result<f64, Error> {
        let response = self.response(lags);
        let mut fit = Regression::of(response.clone());
        let columns = self.given(response.len()).into_iter();
        let past = (1..=lags).map(|back| self.past_change(lags, back));
        for column in columns.chain(past).chain([self.level(lags)]) {
            fit.add(column)?;
        }
        fit.t_of_last(&response).ok_or(Error::Undetermined("the changes are explained fully"))
    }

    /// The number of lags with the least criterion, all judged on the rows that `longest` leaves.
    fn best_lags(&self, longest: usize, price: f64) -> Result<usize, Error> {
        let mut fit = Regression::of(self.response(longest));
        for column in self.given(fit.rows()).into_iter().chain([self.level(longest)]) {
            fit.add(column)?;
        }
        let mut best = (f64::INFINITY, 0);
        for lags in 0..=longest {
            if lags > 0 {
                fit.add(self.past_change(longest, lags))?;
            }
            let rows = count(fit.rows());
            let cost = rows * (fit.residual_squares() / rows).ln() + price * count(fit.columns());
            if cost < best.0 {
                best = (cost, lags);
            }
        }
        Ok(best.1)
    }
}

impl From<Collinear> for Error {
    fn from(Collinear: Collinear) -> Self {
        Self::Undetermined("the series is constant, or repeats what explains it")
    }
}

/// MacKinnon's polynomials of the statistic, whose normal probability is the p-value.
struct Surface {
    /// Outside these the p-value is 0 and 1.
    range: (f64, f64),
    /// Below it the small-p polynomial holds.
    split: f64,
    small: [f64; 3],
    large: [f64; 4],
}

impl Surface {
    fn p_value(&self, statistic: f64) -> f64 {
        if statistic > self.range.1 {
            return 1.0;
        }
        if statistic < self.range.0 {
            return 0.0;
        }
        let polynomial = |coefficients: &[f64]| {
            coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * statistic + coefficient)
        };
        let small = statistic <= self.split;
        normal::cdf(if small { polynomial(&self.small) } else { polynomial(&self.large) })
    }
}

impl Deterministic {
    fn columns(self) -> usize {
        match self {
            Self::None => 0,
            Self::Constant => 1,
            Self::Trend => 2,
        }
    }

    /// MacKinnon 1994, table 3, one variable.
    fn surface(self) -> Surface {
        match self {
            Self::None => Surface {
                range: (-19.04, f64::INFINITY),
                split: -1.04,
                small: [0.6344, 1.2378, 0.032496],
                large: [0.4797, 0.93557, -0.06999, 0.033066],
            },
            Self::Constant => Surface {
                range: (-18.83, 2.74),
                split: -1.61,
                small: [2.1659, 1.4412, 0.038269],
                large: [1.7339, 0.93202, -0.12745, -0.010368],
            },
            Self::Trend => Surface {
                range: (-16.18, 0.7),
                split: -2.89,
                small: [3.2512, 1.6047, 0.049588],
                large: [2.5261, 0.61654, -0.37956, -0.060285],
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated;

    #[test]
    fn walks_pass_and_reverting_paths_do_not() {
        let rejected = |path: &dyn Fn(u64) -> Vec<f64>| {
            let p = |seed| unit_root(&path(seed), Deterministic::Constant, Lags::Aic).unwrap();
            (0..100).filter(|seed| p(*seed).p_value < 0.05).count()
        };
        let walks = rejected(&|seed| simulated::fbm(300, 0.5, seed));
        let reverting = rejected(&|seed| simulated::ornstein_uhlenbeck(300, 3.0, seed));
        assert!(walks <= 12, "{walks} of 100 random walks were refused at 5 %");
        assert!(reverting >= 95, "{reverting} of 100 reverting paths were found");
    }

    #[test]
    fn what_cannot_be_tested_is_an_error() {
        let test = |series: &[f64]| unit_root(series, Deterministic::Constant, Lags::Aic);
        assert_eq!(test(&[0.0; 11]), Err(Error::InsufficientData { needed: 12, have: 11 }));
        assert!(matches!(test(&[1.0; 50]), Err(Error::Undetermined(_))));
        assert!(matches!(test(&[f64::INFINITY; 50]), Err(Error::Invalid(_))));
        let walk = simulated::fbm(50, 0.5, 1);
        let greedy = unit_root(&walk, Deterministic::Trend, Lags::Fixed(23));
        assert!(matches!(greedy, Err(Error::Invalid(_))));
    }
}
