//! Near in meaning and near in time, in one number.
//!
//! `d = alpha * d_sem + (1 - alpha) * d_time`, with `d_time = |ts - t| / tau`, or
//! `1 - exp(-|ts - t| / tau)` where decay is exponential. The formula is evaluated as written, in
//! this order, by every road: a NaN of the semantic part stays NaN whatever alpha is, and a search
//! gives the very number the expression gives.
//!
//! `d` is no metric (it is the square of one: see performance.md 4.4), so the triangle inequality
//! must not prune with it. What may prune is [`Composite::least`]: no row at `ts` is nearer than
//! its time term, wherever the semantic part cannot be negative.

use crate::ValidTime;

/// How distance in time grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decay {
    /// `|ts - t| / tau`, without bound.
    #[default]
    Linear,
    /// `1 - exp(-|ts - t| / tau)`, below 1.
    Exponential,
}

/// The weights and the moment of a composite distance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Composite {
    alpha: f64,
    at: ValidTime,
    tau_us: f64,
    decay: Decay,
}

/// A weight or scale no composite distance can have.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum CompositeError {
    #[error("alpha must lie between 0 and 1, not {0}")]
    Alpha(f64),
    #[error("tau must be at least one microsecond, not {0}")]
    Tau(f64),
}

impl Composite {
    pub fn new(
        alpha: f64,
        at: ValidTime,
        tau_us: f64,
        decay: Decay,
    ) -> Result<Self, CompositeError> {
        if !(0.0..=1.0).contains(&alpha) {
            return Err(CompositeError::Alpha(alpha));
        }
        if !(tau_us >= 1.0 && tau_us.is_finite()) {
            return Err(CompositeError::Tau(tau_us));
        }
        Ok(Self { alpha, at, tau_us, decay })
    }

    #[must_use]
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    #[must_use]
    pub fn at(&self) -> ValidTime {
        self.at
    }

    /// `d_time`: how far `ts` lies from the moment asked about.
    #[inline]
    #[must_use]
    pub fn time(&self, ts: ValidTime) -> f64 {
        self.decayed(ts.0.abs_diff(self.at.0))
    }

    /// The composite distance of a row.
    #[inline]
    #[must_use]
    pub fn distance(&self, semantic: f64, ts: ValidTime) -> f64 {
        self.alpha * semantic + (1.0 - self.alpha) * self.time(ts)
    }

    /// A lower bound for rows between two times, where the semantic part is never negative.
    #[must_use]
    pub fn least(&self, from: ValidTime, to: ValidTime) -> f64 {
        let gap_us = if self.at < from {
            self.at.0.abs_diff(from.0)
        } else if self.at > to {
            self.at.0.abs_diff(to.0)
        } else {
            0
        };
        // exp is not promised to be monotone in the last bit; the slack covers that.
        (1.0 - self.alpha) * self.decayed(gap_us) * (1.0 - 1e-12)
    }

    #[inline]
    fn decayed(&self, gap_us: u64) -> f64 {
        let gap = gap_us as f64 / self.tau_us;
        match self.decay {
            Decay::Linear => gap,
            Decay::Exponential => -(-gap).exp_m1(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decay() -> impl Strategy<Value = Decay> {
        prop_oneof![Just(Decay::Linear), Just(Decay::Exponential)]
    }

    #[test]
    fn refuses_weights_and_scales_without_meaning() {
        let new = |alpha, tau| Composite::new(alpha, ValidTime(0), tau, Decay::Linear);
        for alpha in [-0.1, 1.1, f64::NAN] {
            assert!(matches!(new(alpha, 1.0), Err(CompositeError::Alpha(_))), "{alpha}");
        }
        for tau in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(new(0.5, tau), Err(CompositeError::Tau(_))), "{tau}");
        }
    }

    #[test]
    fn one_tau_away_is_one_or_its_decay() {
        let linear = Composite::new(0.25, ValidTime(100), 50.0, Decay::Linear).unwrap();
        assert_eq!(linear.distance(0.4, ValidTime(150)), 0.25 * 0.4 + 0.75);
        let decayed = Composite::new(0.0, ValidTime(100), 50.0, Decay::Exponential).unwrap();
        assert!((decayed.distance(0.4, ValidTime(50)) - (1.0 - (-1f64).exp())).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn least_bounds_every_row_between(alpha in 0.0..=1.0f64, at: i64, tau in 1.0..1e18f64,
                                          decay in decay(), a: i64, b: i64, within in 0.0..=1.0f64,
                                          semantic in 0.0..10f64) {
            let composite = Composite::new(alpha, ValidTime(at), tau, decay).unwrap();
            let (from, to) = (a.min(b), a.max(b));
            let offset = (within * to.abs_diff(from) as f64) as u64;
            let ts = from.saturating_add_unsigned(offset).min(to);
            let least = composite.least(ValidTime(from), ValidTime(to));
            prop_assert!(composite.distance(semantic, ValidTime(ts)) >= least);
            prop_assert!(composite.time(ValidTime(ts)).is_finite());
        }

        #[test]
        fn alpha_one_is_the_semantic_distance(semantic: f64, at: i64, ts: i64) {
            let composite = Composite::new(1.0, ValidTime(at), 1.0, Decay::Linear).unwrap();
            let distance = composite.distance(semantic, ValidTime(ts));
            prop_assert!(distance == semantic || semantic.is_nan() && distance.is_nan());
        }
    }
}
