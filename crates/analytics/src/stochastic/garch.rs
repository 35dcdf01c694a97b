//! Do restless days come in bursts? GARCH(1,1) (Bollerslev 1986).
//!
//! ```text
//!   y_t = mu + e_t,   e_t ~ N(0, s2_t),   s2_t = omega + alpha e_{t-1}^2 + beta s2_{t-1}
//!
//!   alpha          how much a shock stirs up what follows
//!   alpha + beta   the persistence: how slowly it calms down; below 1
//! ```
//!
//! Fitted by maximum likelihood. The variance before the first value is the average of the
//! first 75 squares, weights falling by 0.94, which is what the library arch does, so parameters
//! and likelihood agree with it (`tests/reference`). The search (Nelder and Mead 1965, begun anew
//! from its own end until that gains nothing) runs over mu, ln omega and two logits, so that every
//! point it can reach is a model with alpha, beta >= 0 and alpha + beta < 1.
//!
//! **When not to trust it.** Below some 500 values, or with alpha near 0: beta is then anything.
//!
//! I did consider gradients with BFGS: faster by ten times on a problem of milliseconds, and it
//! needs care at the edges, which the transformed simplex walks along unharmed.

use super::{check, count, finite, mean};
use crate::Error;

/// A fitted model, in the units of the values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Garch {
    pub mu: f64,
    pub omega: f64,
    pub alpha: f64,
    pub beta: f64,
    pub log_likelihood: f64,
    /// The variance expected of the next value.
    pub next_variance: f64,
}

/// Fewest values; see above on how many are worth trusting.
const POINTS_MIN: usize = 100;
const BACKCAST_SPAN: usize = 75;
const BACKCAST_DECAY: f64 = 0.94;

/// Fits the model to changes taken at even steps: step sizes, or differences of a series. Needs
/// 100 values.
pub fn garch(changes: &[f64]) -> Result<Garch, Error> {
    check(changes, POINTS_MIN)?;
    let centre = mean(changes);
    let variance = changes.iter().map(|y| (y - centre).powi(2)).sum::<f64>() / count(changes.len());
    if finite(variance)? <= 0.0 {
        return Err(Error::Undetermined("all values are equal"));
    }
    let scale = variance.sqrt();
    let standard: Vec<f64> = changes.iter().map(|y| (y - centre) / scale).collect();
    let likelihood = Likelihood { backcast: backcast(&standard), values: &standard };
    let found = likelihood.maximise();
    let (half_deviance, next_variance) = likelihood.run(&found);
    let log_likelihood = -half_deviance - count(changes.len()) * scale.ln();
    Ok(Garch {
        mu: centre + scale * found.mu,
        omega: found.omega * variance,
        alpha: found.alpha,
        beta: found.beta,
        log_likelihood: finite(log_likelihood)?,
        next_variance: next_variance * variance,
    })
}

fn backcast(values: &[f64]) -> f64 {
    let head = values.iter().take(BACKCAST_SPAN);
    let (sum, weights, _) = head.fold((0.0, 0.0, 1.0), |(sum, weights, weight), value| {
        (sum + weight * value * value, weights + weight, weight * BACKCAST_DECAY)
    });
    sum / weights
}

/// Parameters in units of the standardised values.
#[derive(Clone, Copy)]
struct Parameters {
    mu: f64,
    omega: f64,
    alpha: f64,
    beta: f64,
}

impl Parameters {
    /// mu, ln omega, and the logits of the persistence and of alpha's share in it.
    fn free(&self) -> [f64; 4] {
        let persistence = self.alpha + self.beta;
        let logit = |p: f64| (p / (1.0 - p)).ln();
        [self.mu, self.omega.ln(), logit(persistence), logit(self.alpha / persistence)]
    }

    fn bound([mu, log_omega, persistence, share]: [f64; 4]) -> Self {
        let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
        let (persistence, share) = (logistic(persistence), logistic(share));
        let alpha = persistence * share;
        Self { mu, omega: log_omega.exp(), alpha, beta: persistence - alpha }
    }
}

struct Likelihood<'a> {
    values: &'a [f64],
    backcast: f64,
}

impl Likelihood<'_> {
    /// Half the deviance (the negative log likelihood), and the variance of the next value.
    fn run(&self, model: &Parameters) -> (f64, f64) {
        let Parameters { mu, omega, alpha, beta } = *model;
        let mut variance = omega + (alpha + beta) * self.backcast;
        let mut deviance = count(self.values.len()) * std::f64::consts::TAU.ln();
        for value in self.values {
            let square = (value - mu).powi(2);
            deviance += variance.ln() + square / variance;
            variance = omega + alpha * square + beta * variance;
        }
        (deviance / 2.0, variance)
    }

    fn cost(&self, free: [f64; 4]) -> f64 {
        let cost = self.run(&Parameters::bound(free)).0;
        if cost.is_nan() { f64::INFINITY } else { cost }
    }

    /// The best of some likely models, improved until a fresh search gains nothing.
    fn maximise(&self) -> Parameters {
        let mut free = self.start();
        let mut cost = self.cost(free);
        for _ in 0..20 {
            let (next, next_cost) = nelder_mead(free, |free| self.cost(free));
            let gained = cost - next_cost;
            (free, cost) = (next, next_cost);
            if gained < 1e-10 * cost.abs() {
                break;
            }
        }
        Parameters::bound(free)
    }

    fn start(&self) -> [f64; 4] {
        let alphas = [0.01, 0.05, 0.1, 0.2];
        let persistences = [0.3, 0.5, 0.7, 0.9, 0.98];
        let models = alphas.iter().flat_map(|alpha| {
            persistences.iter().map(move |persistence| {
                let (omega, beta) = (1.0 - persistence, persistence - alpha);
                Parameters { mu: 0.0, omega, alpha: *alpha, beta }.free()
            })
        });
        let mut best = ([0.0; 4], f64::INFINITY);
        for free in models {
            let cost = self.cost(free);
            if cost < best.1 {
                best = (free, cost);
            }
        }
        best.0
    }
}

type Corner = ([f64; 4], f64);

/// The simplex method of Nelder and Mead with their coefficients 1, 2, 1/2, 1/2.
fn nelder_mead(start: [f64; 4], cost: impl Fn([f64; 4]) -> f64) -> Corner {
    let corner = |at: usize| {
        let mut free = start;
        if let Some(value) = at.checked_sub(1).and_then(|at| free.get_mut(at)) {
            *value += 0.3;
        }
        (free, cost(free))
    };
    let mut simplex: [Corner; 5] = std::array::from_fn(corner);
    for _ in 0..2000 {
        simplex.sort_by(|a, b| a.1.total_cmp(&b.1));
        if simplex[4].1 - simplex[0].1 <= 1e-13 * simplex[0].1.abs() {
            break;
        }
        step(&mut simplex, &cost);
    }
    simplex[0]
}

/// One move of a sorted simplex.
fn step(simplex: &mut [Corner; 5], cost: &impl Fn([f64; 4]) -> f64) {
    let centre: [f64; 4] =
        std::array::from_fn(|at| simplex[..4].iter().map(|corner| corner.0[at]).sum::<f64>() / 4.0);
    let worst = simplex[4];
    let towards = |times: f64| {
        let free = std::array::from_fn(|at| centre[at] + times * (centre[at] - worst.0[at]));
        (free, cost(free))
    };
    let reflected = towards(1.0);
    let better = if reflected.1 < simplex[0].1 {
        let expanded = towards(2.0);
        Some(if expanded.1 < reflected.1 { expanded } else { reflected })
    } else if reflected.1 < simplex[3].1 {
        Some(reflected)
    } else {
        let contracted = towards(if reflected.1 < worst.1 { 0.5 } else { -0.5 });
        (contracted.1 < reflected.1.min(worst.1)).then_some(contracted)
    };
    if let Some(better) = better {
        simplex[4] = better;
        return;
    }
    let best = simplex[0].0;
    for corner in &mut simplex[1..] {
        let free = std::array::from_fn(|at| f64::midpoint(best[at], corner.0[at]));
        *corner = (free, cost(free));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated;

    #[test]
    fn the_model_is_found_again() {
        let path = simulated::garch(20_000, [0.05, 0.1, 0.85], 5);
        let fit = garch(&path).unwrap();
        assert!((fit.alpha - 0.1).abs() < 0.02, "{fit:?}");
        assert!((fit.beta - 0.85).abs() < 0.03, "{fit:?}");
        assert!((fit.omega - 0.05).abs() < 0.015, "{fit:?}");
    }

    #[test]
    fn units_change_the_scale_alone() {
        let path = simulated::garch(1_000, [0.05, 0.1, 0.8], 9);
        let fit = garch(&path).unwrap();
        let scaled: Vec<f64> = path.iter().map(|y| y * 1e-4).collect();
        let other = garch(&scaled).unwrap();
        assert!((fit.alpha - other.alpha).abs() < 1e-4, "{fit:?} {other:?}");
        assert!((fit.beta - other.beta).abs() < 1e-4, "{fit:?} {other:?}");
        assert!((fit.omega * 1e-8 / other.omega - 1.0).abs() < 1e-3, "{fit:?} {other:?}");
    }

    #[test]
    fn what_settles_no_model_is_an_error() {
        assert!(matches!(garch(&[1.0; 200]), Err(Error::Undetermined(_))));
        assert_eq!(garch(&[1.0; 99]), Err(Error::InsufficientData { needed: 100, have: 99 }));
        let mut broken = simulated::garch(200, [0.05, 0.1, 0.8], 9);
        broken[7] = f64::NAN;
        assert!(matches!(garch(&broken), Err(Error::Invalid(_))));
    }
}
