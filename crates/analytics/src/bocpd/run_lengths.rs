//! The posterior over run lengths: how many of the last points belong together.
//!
//! ```text
//!   P(r+1, x) = P(r) p(x | run of r) (1 - h)      the run goes on
//!   P(0, x)   = sum over r of P(r) p(x | run of r) h
//! ```
//!
//! as in Adams and MacKay (2007), equations 3 to 5: length 0 says that a run will begin with the
//! next point, so its probability is the hazard h whatever x. Within a run each direction is
//! normal with a normal-inverse-gamma prior (mean m, weight kappa, shape alpha, scale beta); the
//! predictive is Student's t (Murphy 2007, equations 100 to 110), directions independent.
//!
//! kappa and alpha depend on the run's length only; a run keeps m and beta of each direction.
//! Probabilities are normalised at every point; runs below a bound are dropped, and of more than a
//! maximum the least probable. The longest is not spared: a run that lost is gone.

use serde::{Deserialize, Serialize};

/// What is believed of a run before its first point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prior {
    pub mean: Vec<f64>,
    /// How many points the mean is worth.
    pub kappa: f64,
    pub alpha: f64,
    pub beta: f64,
}

/// The filter's state after some points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunLengths {
    prior: Prior,
    hazard: f64,
    max: usize,
    dropped_below: f64,
    /// Shortest first; the first has no points.
    runs: Vec<Run>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Run {
    length: u64,
    probability: f64,
    /// Mean and beta of each direction.
    fits: Vec<Fit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Fit {
    mean: f64,
    beta: f64,
}

impl RunLengths {
    /// Before the first point; all run lengths are kept. Prior's numbers are positive, and so is
    /// `mean_run` above 1.
    #[must_use]
    pub fn new(prior: Prior, mean_run: f64) -> Self {
        let fits = prior.mean.iter().map(|mean| Fit { mean: *mean, beta: prior.beta }).collect();
        let runs = vec![Run { length: 0, probability: 1.0, fits }];
        Self { prior, hazard: 1.0 / mean_run, max: usize::MAX, dropped_below: 0.0, runs }
    }

    /// Keeps no more than `max` run lengths, and none less probable than this.
    pub fn keep(&mut self, max: usize, dropped_below: f64) {
        (self.max, self.dropped_below) = (max, dropped_below);
    }

    /// Takes the next point.
    pub fn see(&mut self, x: &[f64]) {
        let densities = self.log_densities(x);
        // Against the likeliest, so that no point is so unlikely that all become zero.
        let top = densities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for (run, density) in self.runs.iter_mut().zip(&densities) {
            run.probability *= (density - top).exp();
        }
        let total: f64 = self.runs.iter().map(|run| run.probability).sum();
        if total.is_nan() || total <= 0.0 {
            self.restart();
            return;
        }
        for run in &mut self.runs {
            run.probability *= (1.0 - self.hazard) / total;
            run.grow(x, self.prior.kappa);
        }
        self.runs.insert(0, self.fresh(self.hazard));
        self.prune();
    }

    /// Run lengths with their probabilities, shortest first.
    pub fn posterior(&self) -> impl Iterator<Item = (u64, f64)> {
        self.runs.iter().map(|run| (run.length, run.probability))
    }

    /// How many numbers it remembers.
    pub(super) fn numbers(&self) -> usize {
        self.runs.iter().map(|run| 4 + 2 * run.fits.len()).sum()
    }

    pub(super) fn has_dims(&self, dims: usize) -> bool {
        let prior = self.prior.mean.len() == dims && self.prior.beta > 0.0;
        let lengths = self.runs.first().is_some_and(|run| run.length == 0)
            && self.runs.windows(2).all(|pair| pair[0].length < pair[1].length);
        prior && lengths && self.runs.iter().all(|run| run.fits.len() == dims)
    }

    fn fresh(&self, probability: f64) -> Run {
        let fit = |mean: &f64| Fit { mean: *mean, beta: self.prior.beta };
        Run { length: 0, probability, fits: self.prior.mean.iter().map(fit).collect() }
    }

    /// Every run became impossible, which only numbers near the end of f64's range can do.
    fn restart(&mut self) {
        self.runs = vec![self.fresh(1.0)];
    }

    fn log_densities(&self, x: &[f64]) -> Vec<f64> {
        self.runs.iter().map(|run| run.log_density(x, &self.prior)).collect()
    }

    fn prune(&mut self) {
        let below = self.dropped_below;
        self.runs.retain(|run| run.length == 0 || run.probability >= below);
        while self.runs.len() > self.max {
            let inner = self.runs.iter().enumerate().skip(1);
            let least = inner.min_by(|a, b| a.1.probability.total_cmp(&b.1.probability));
            let Some((at, _)) = least else { break };
            self.runs.remove(at);
        }
        let total: f64 = self.runs.iter().map(|run| run.probability).sum();
        self.runs.iter_mut().for_each(|run| run.probability /= total);
    }
}

impl Run {
    /// Of a point, up to what all runs share.
    fn log_density(&self, x: &[f64], prior: &Prior) -> f64 {
        let length = self.length as f64;
        let (kappa, alpha) = (prior.kappa + length, prior.alpha + length / 2.0);
        let dims = self.fits.len() as f64;
        // Student's t with 2 alpha degrees and squared scale beta (kappa + 1) / (alpha kappa).
        let per_direction =
            libm::lgamma(alpha + 0.5) - libm::lgamma(alpha) - 0.5 * ((kappa + 1.0) / kappa).ln();
        let (mut spread, mut far) = (Log::default(), Log::default());
        for (fit, x) in self.fits.iter().zip(x) {
            let off = x - fit.mean;
            spread.times(fit.beta);
            far.times(1.0 + off * off * kappa / (2.0 * fit.beta * (kappa + 1.0)));
        }
        dims * per_direction - 0.5 * spread.value() - (alpha + 0.5) * far.value()
    }

    fn grow(&mut self, x: &[f64], kappa: f64) {
        let kappa = kappa + self.length as f64;
        for (fit, x) in self.fits.iter_mut().zip(x) {
            let off = x - fit.mean;
            fit.mean += off / (kappa + 1.0);
            fit.beta += kappa * off * off / (2.0 * (kappa + 1.0));
        }
        self.length += 1;
    }
}

/// The logarithm of a product; one logarithm for many factors.
#[derive(Debug)]
struct Log {
    product: f64,
    sum: f64,
}

impl Default for Log {
    fn default() -> Self {
        Self { product: 1.0, sum: 0.0 }
    }
}

impl Log {
    #[inline]
    fn times(&mut self, factor: f64) {
        self.product *= factor;
        if !(1e-140..1e140).contains(&self.product) {
            self.sum += self.product.ln();
            self.product = 1.0;
        }
    }

    fn value(&self) -> f64 {
        self.sum + self.product.ln()
    }
}
