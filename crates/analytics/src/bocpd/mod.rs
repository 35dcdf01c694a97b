//! Change points of a stream, point by point: Bayesian online change point detection (Adams and
//! MacKay 2007, arXiv:0710.3742).
//!
//! ```text
//!   point --project--> d numbers --RunLengths--> P(run began at s | all so far) --> event
//! ```
//!
//! - **Projection.** Vectors of more than `dims` dimensions are projected on that many random
//!   directions drawn from a seed ([`Projection`]): cost and memory a point do not grow with D but
//!   for the projection itself. A jump of length J keeps `J sqrt(d/D)` of itself while the noise of
//!   each direction stays, so the jump must be longer than one the offline search finds.
//! - **Prior.** Normal-inverse-gamma per direction ([`RunLengths`]). Its mean and scale come from
//!   the first `warm_up` points, in few dimensions up to 31 (scale: mean squared step over two, one
//!   for all directions), which are then fed like all others. Nothing later is used: what the
//!   detector says at a point, it would have said then. No break is told before the prior is set.
//! - **Event.** Once the probability that the present run began after the last break, and has two
//!   points at least, exceeds `threshold`: at its likeliest beginning.
//!
//! Time and memory a point are bounded by `run_lengths_max`. The state can be written to bytes and
//! read back; a detector restored goes on as if it had not been away.

mod offline;
mod projection;
mod run_lengths;

use serde::{Deserialize, Serialize};

pub use offline::watch;
pub use projection::Projection;
pub use run_lengths::{Prior, RunLengths};

use crate::Error;

/// How to watch a stream.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Points between breaks, on average; one over the hazard.
    pub mean_run: f64,
    /// Directions watched at most.
    pub dims: usize,
    /// Probability of a new run from which it is an event.
    pub threshold: f64,
    /// Points that set the prior, 3 at least; more where few dimensions say little.
    pub warm_up: usize,
    /// Points between two events at least.
    pub min_segment: usize,
    /// Run lengths kept at most, and the probability below which one is dropped.
    pub run_lengths_max: usize,
    pub dropped_below: f64,
    /// What the prior weighs, in points: for the mean, and half of that for the variance.
    pub kappa: f64,
    pub alpha: f64,
    /// Of the random directions.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mean_run: 250.0,
            dims: 16,
            threshold: 0.95,
            warm_up: 10,
            min_segment: 5,
            run_lengths_max: 200,
            dropped_below: 1e-8,
            kappa: 0.1,
            alpha: 5.0,
            seed: 0x0710_3742,
        }
    }
}

/// Numbers that a prior's variance is estimated from, at least. From ten it would be off by half
/// of itself, and a run of points that happen to lie close would look like a regime of its own.
const NUMBERS_MIN: usize = 30;

impl Settings {
    /// Points that set the prior of vectors of `dim` dimensions.
    #[must_use]
    pub fn warm_up_at(&self, dim: usize) -> usize {
        self.warm_up.max(1 + NUMBERS_MIN.div_ceil(dim.min(self.dims).max(1)))
    }

    /// Refuses what is out of range.
    pub fn check(&self) -> Result<(), Error> {
        let checks = [
            (self.mean_run.is_finite() && self.mean_run > 1.0, "mean_run must be above 1"),
            (self.threshold > 0.0 && self.threshold < 1.0, "threshold must be between 0 and 1"),
            (self.dims > 0, "dims must be at least 1"),
            (self.warm_up >= 3, "warm_up must be at least 3"),
            (self.run_lengths_max >= 2, "run_lengths_max must be at least 2"),
            (self.kappa > 0.0 && self.kappa.is_finite(), "kappa must be above 0"),
            (self.alpha > 1.0 && self.alpha.is_finite(), "alpha must be above 1"),
            ((0.0..0.1).contains(&self.dropped_below), "dropped_below must be from 0 to 0.1"),
        ];
        match checks.into_iter().find(|(holds, _)| !holds) {
            Some((_, message)) => Err(Error::Invalid(message)),
            None => Ok(()),
        }
    }
}

/// A break, when it was noticed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// The first point of the new regime, counted from the stream's first.
    pub at: u64,
    /// The point at which it was noticed.
    pub noticed_at: u64,
    /// That a new run had begun.
    pub probability: f64,
}

/// A detector on one entity's stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Bocpd {
    projection: Projection,
    state: State,
}

/// All that a detector remembers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct State {
    settings: Settings,
    dim: usize,
    seen: u64,
    /// Where the regime began that is current as far as was told.
    regime: u64,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Phase {
    /// Projected points until there are enough for a prior.
    WarmUp(Vec<Vec<f64>>),
    Watch(RunLengths),
}

/// The layout of the bytes of a state.
const VERSION: u8 = 1;

impl Bocpd {
    /// A detector for vectors of `dim` dimensions.
    pub fn new(dim: usize, settings: Settings) -> Result<Self, Error> {
        settings.check()?;
        if dim == 0 {
            return Err(Error::NotATrajectory("vectors need a dimension"));
        }
        let projection = Projection::new(dim, settings.dims, settings.seed);
        let phase = Phase::WarmUp(Vec::with_capacity(settings.warm_up));
        Ok(Self { projection, state: State { settings, dim, seen: 0, regime: 0, phase } })
    }

    /// Takes the next point; the break it makes certain, if it does.
    pub fn see(&mut self, vector: &[f32]) -> Result<Option<Event>, Error> {
        if vector.len() != self.state.dim {
            return Err(Error::NotATrajectory("vectors of one stream have one dimension"));
        }
        if !vector.iter().all(|x| x.is_finite()) {
            return Err(Error::NotATrajectory("a vector holds NaN or infinity"));
        }
        Ok(self.state.see(self.projection.project(vector)))
    }

    /// Another one as it was new: it shares the random directions, which are most of its memory.
    #[must_use]
    pub fn fresh(&self) -> Self {
        let State { settings, dim, .. } = self.state;
        let phase = Phase::WarmUp(Vec::new());
        let state = State { settings, dim, seen: 0, regime: 0, phase };
        Self { projection: self.projection.clone(), state }
    }

    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.state.settings
    }

    /// The first point of the regime that is current as far as was told, counted from the
    /// stream's first.
    #[must_use]
    pub fn regime(&self) -> u64 {
        self.state.regime
    }

    /// About what it takes in memory, but for the directions.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let numbers = match &self.state.phase {
            Phase::WarmUp(points) => points.iter().map(Vec::len).sum(),
            Phase::Watch(runs) => runs.numbers(),
        };
        size_of::<Self>() + 8 * numbers
    }

    /// Points seen.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.state.seen
    }

    /// How long the present run may be; none before the prior is set.
    #[must_use]
    pub fn run_lengths(&self) -> Option<&RunLengths> {
        match &self.state.phase {
            Phase::Watch(runs) => Some(runs),
            Phase::WarmUp(_) => None,
        }
    }

    /// The state as bytes: a version, then postcard.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        postcard::to_extend(&self.state, vec![VERSION])
            .map_err(|_| Error::State("it cannot be written"))
    }

    /// The detector that wrote these bytes, if its vectors and settings are this one's; it shares
    /// the directions.
    pub fn restored(&self, bytes: &[u8]) -> Result<Self, Error> {
        let state = State::from_bytes(bytes)?;
        if state.dim != self.state.dim || state.settings != self.state.settings {
            return Err(Error::State("it is of another stream"));
        }
        Ok(Self { projection: self.projection.clone(), state })
    }

    /// The detector that wrote these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let state = State::from_bytes(bytes)?;
        let projection = Projection::new(state.dim, state.settings.dims, state.settings.seed);
        Ok(Self { projection, state })
    }
}

impl State {
    fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let Some((&VERSION, rest)) = bytes.split_first() else {
            return Err(Error::State("not of this version"));
        };
        let state: State =
            postcard::from_bytes(rest).map_err(|_| Error::State("cut short or broken"))?;
        state.settings.check().map_err(|_| Error::State("its settings are out of range"))?;
        let dims = state.dim.min(state.settings.dims);
        if dims == 0 || !state.phase.has_dims(dims) {
            return Err(Error::State("its parts do not fit together"));
        }
        Ok(state)
    }
}

impl Phase {
    fn has_dims(&self, dims: usize) -> bool {
        match self {
            Self::WarmUp(points) => points.iter().all(|point| point.len() == dims),
            Self::Watch(runs) => runs.has_dims(dims),
        }
    }
}

impl State {
    fn see(&mut self, x: Vec<f64>) -> Option<Event> {
        self.seen += 1;
        match &mut self.phase {
            Phase::Watch(runs) => {
                runs.see(&x);
                self.event()
            }
            Phase::WarmUp(points) => {
                points.push(x);
                if points.len() >= self.settings.warm_up_at(self.dim) {
                    self.begin();
                }
                None
            }
        }
    }

    /// The warm-up is over: sets the prior and replays the points.
    fn begin(&mut self) {
        let Phase::WarmUp(points) = &self.phase else { return };
        let mut runs = RunLengths::new(prior(points, &self.settings), self.settings.mean_run);
        runs.keep(self.settings.run_lengths_max, self.settings.dropped_below);
        points.iter().for_each(|point| runs.see(point));
        self.phase = Phase::Watch(runs);
    }

    fn event(&mut self) -> Option<Event> {
        let Phase::Watch(runs) = &self.phase else { return None };
        let earliest = self.regime + self.settings.min_segment as u64;
        // A run as long as this began no earlier. One of no points is only the hazard, and one of
        // a single point is an outlier until another follows.
        let longest = self.seen.checked_sub(earliest)?;
        let (mut total, mut likeliest) = (0.0, (0.0, 0));
        for (length, probability) in runs.posterior() {
            if (2..=longest).contains(&length) {
                total += probability;
                if probability > likeliest.0 {
                    likeliest = (probability, length);
                }
            }
        }
        if total < self.settings.threshold {
            return None;
        }
        self.regime = self.seen - likeliest.1;
        Some(Event { at: self.regime, noticed_at: self.seen - 1, probability: total })
    }
}

/// Mean of the points; one variance for all directions, from steps.
fn prior(points: &[Vec<f64>], settings: &Settings) -> Prior {
    let (count, dims) = (points.len() as f64, points[0].len());
    let mut mean = vec![0.0; dims];
    for point in points {
        mean.iter_mut().zip(point).for_each(|(mean, x)| *mean += x / count);
    }
    let steps = points.windows(2).flat_map(|pair| pair[0].iter().zip(&pair[1]));
    let squares: f64 = steps.map(|(a, b)| (b - a) * (b - a)).sum();
    let variance = squares / (2.0 * (count - 1.0) * dims as f64);
    // A stream that stood still so far: any move at all will be news.
    let size = mean.iter().fold(1e-6f64, |size, x| size.max(x.abs()));
    let variance = variance.max((1e-9 * size).powi(2));
    // The variance is believed no more than the numbers it came from deserve.
    let alpha = settings.alpha.min(1.0 + (count - 1.0) * dims as f64 / 8.0);
    Prior { mean, kappa: settings.kappa, alpha, beta: variance * (alpha - 1.0) }
}

#[cfg(test)]
mod tests;
