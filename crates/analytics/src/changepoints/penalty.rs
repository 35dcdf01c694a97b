//! What a break must gain to be one.
//!
//! All in units of the noise variance, for n points of D dimensions:
//!
//! | penalty | for each break | from |
//! |---|---|---|
//! | auto | `D + 2 sqrt(3 D ln n) + 6 ln n` | tail of a chi-square (Laurent, Massart 2000) |
//! | bic | `(D + 1) ln n` | Schwarz 1978; D means and a place |
//! | aic | `2 (D + 1)` | Akaike 1974 |
//! | mbic | `(D + 2) ln n`, and `D ln(m / n)` for each segment of m points | Zhang, Siegmund 2007 |
//!
//! `auto` bounds the largest gain over all n^3 triples of two segments side by side in white
//! noise. At D = 768 `bic` asks 7.6 times as much. `aic` is for n fixed; it finds breaks in noise.
//! Zhang and Siegmund treat one dimension; the form for D counts each segment's D means as they
//! count its one.

use std::str::FromStr;

use crate::Error;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Penalty {
    #[default]
    Auto,
    Bic,
    Aic,
    Mbic,
    /// This many noise variances.
    Value(f64),
}

impl FromStr for Penalty {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(match text.trim().to_ascii_lowercase().as_str() {
            "auto" => Self::Auto,
            "bic" => Self::Bic,
            "aic" => Self::Aic,
            "mbic" => Self::Mbic,
            number => Self::Value(number.parse().map_err(|_| {
                Error::Invalid("the penalty must be auto, bic, aic, mbic or a number")
            })?),
        })
    }
}

impl Penalty {
    pub(super) fn terms(self, n: usize, dim: usize) -> Result<Terms, Error> {
        let (d, ln_n) = (dim as f64, (n as f64).ln());
        let (per_break, per_ln_length) = match self {
            Self::Auto => (d + 2.0 * (3.0 * d * ln_n).sqrt() + 6.0 * ln_n, 0.0),
            Self::Bic => ((d + 1.0) * ln_n, 0.0),
            Self::Aic => (2.0 * (d + 1.0), 0.0),
            Self::Mbic => ((d + 2.0) * ln_n, d),
            Self::Value(value) if value.is_finite() && value >= 0.0 => (value, 0.0),
            Self::Value(_) => {
                return Err(Error::Invalid("the penalty must be a number, 0 or more"));
            }
        };
        Ok(Terms { per_break, per_ln_length, points: n as f64 })
    }
}

/// A penalty for n points, ready to be charged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) per_break: f64,
    per_ln_length: f64,
    points: f64,
}

impl Terms {
    /// In the data's own squared units.
    pub(super) fn scaled(self, variance: f64) -> Self {
        let (per_break, per_ln_length) = (self.per_break * variance, self.per_ln_length * variance);
        Self { per_break, per_ln_length, points: self.points }
    }

    pub(super) fn charges_lengths(&self) -> bool {
        self.per_ln_length != 0.0
    }

    /// What a segment of this many points is charged, never positive. It is superadditive, as
    /// pruning needs: two segments together are charged no more apart than in one.
    #[inline]
    pub(super) fn of_length(&self, length: f64) -> f64 {
        if self.per_ln_length == 0.0 {
            return 0.0;
        }
        self.per_ln_length * (length / self.points).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn penalties_by_name() {
        let of = |text: &str| text.parse::<Penalty>().unwrap().terms(100, 8).unwrap().per_break;
        let ln = 100f64.ln();
        assert_eq!(of("auto"), 8.0 + 2.0 * (24.0 * ln).sqrt() + 6.0 * ln);
        assert_eq!((of("BIC"), of("aic"), of(" mbic")), (9.0 * ln, 18.0, 10.0 * ln));
        assert_eq!(of("12.5"), 12.5);
    }

    #[test]
    fn a_penalty_is_a_number_from_zero_on() {
        assert!("often".parse::<Penalty>().is_err());
        for value in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(Penalty::Value(value).terms(100, 8).is_err());
        }
    }

    #[test]
    fn a_longer_segment_is_charged_less_than_its_halves_save() {
        let terms = Penalty::Mbic.terms(100, 3).unwrap();
        for (a, b) in [(1.0, 99.0), (50.0, 50.0), (2.0, 3.0)] {
            assert!(terms.of_length(a) + terms.of_length(b) <= terms.of_length(a + b));
        }
    }
}
