//! Fitting the equation: discretise, then optimise.
//!
//! ```text
//!   batch of cases: state at the origin, place at the target, time between
//!   forward:   RK4, four steps from origin to target, each case with its own step
//!   loss:      mean square of z - place
//!   backward:  the gradient of exactly those steps, stage by stage, the last one first
//! ```
//!
//! I did consider the adjoint equation (Chen and others 2018): constant memory, and a gradient of
//! another discretisation than the one that made the loss; four steps of a network this small fit
//! anywhere, and their gradient is exact (Onken and Ruthotto 2020), which finite differences
//! confirm.
//!
//! After each epoch the error on cases of other entities (or later times, [`Split`]) decides:
//! the best network so far is kept, the rate is halved when six epochs gain nothing, and training
//! ends when fifteen do.

use cvx_analytics::{Projection, Rows};
use cvx_core::CancelToken;
use nalgebra::DMatrix;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::adam::Adam;
use crate::case::{Case, Subject, draw};
use crate::error::{Error, go_on};
use crate::mlp::{Mlp, Trace};
use crate::ode::{Ode, POINTS_MIN};
use crate::split::{Role, Split};

/// What may be chosen; [`TrainOptions::STANDARD`] is a fair choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainOptions {
    /// Neurons of a hidden layer, 1 to 256.
    pub width: usize,
    /// Hidden layers, 1 to 4.
    pub layers: usize,
    /// Coordinates at most, 1 to 32.
    pub rank_max: usize,
    /// How many points ahead it learns to see.
    pub steps_ahead: usize,
    pub epochs_max: usize,
    /// Cases learnt from at most, over all entities.
    pub cases_max: usize,
    pub seed: u64,
}

impl TrainOptions {
    pub const STANDARD: Self = Self {
        width: 64,
        layers: 2,
        rank_max: 16,
        steps_ahead: 5,
        epochs_max: 200,
        cases_max: 20_000,
        seed: 1,
    };

    fn check(&self) -> Result<(), Error> {
        let ranges = [
            (1..=256, self.width, "width: 1 to 256"),
            (1..=4, self.layers, "layers: 1 to 4"),
            (1..=32, self.rank_max, "rank: 1 to 32"),
            (1..=1_000, self.steps_ahead, "steps ahead: 1 to 1,000"),
            (1..=100_000, self.epochs_max, "epochs: 1 to 100,000"),
            (1..=10_000_000, self.cases_max, "cases: 1 to 10,000,000"),
        ];
        match ranges.into_iter().find(|(range, value, _)| !range.contains(value)) {
            Some((.., what)) => Err(Error::Invalid(what)),
            None => Ok(()),
        }
    }
}

/// How training goes, said after each epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    pub epoch: usize,
    pub epochs_max: usize,
    /// Root mean square error on the cases that decide when to stop, in scaled units.
    pub error: f64,
    /// The same before training: that of a straight line.
    pub error_linear: f64,
}

const BATCH: usize = 128;
/// Batches of an epoch at most: with many cases the error is looked at before all were seen.
const BATCHES_MAX: usize = 64;
const STEPS: usize = 4;
const RATE: f64 = 3e-3;
const HALVE_AFTER: usize = 6;
const STOP_AFTER: usize = 15;
/// Spans longer than this many median gaps are not learnt from: a few cases of years would rule
/// the loss of all others.
const TIME_MAX: f64 = 20.0;
/// An epoch gained something if the error fell by this share.
const GAIN: f64 = 1e-3;
/// Rows that the projection is fitted to at most.
const FRAME_ROWS_MAX: usize = 10_000;
/// Cases that decide when to stop, at most.
const STOP_CASES_MAX: usize = 2_000;
/// Fewest cases to learn from, and to stop by.
const CASES_MIN: usize = 20;

/// Fits an equation to what some entities did. Deterministic; says how it goes, and can be stopped.
pub fn train(
    subjects: &[Subject<'_>],
    split: &Split,
    options: &TrainOptions,
    progress: &mut dyn FnMut(Progress),
    stop: &CancelToken,
) -> Result<Ode, Error> {
    options.check()?;
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let learn = cases(subjects, split, Role::Learn, options, options.cases_max, &mut rng)?;
    let judge = cases(subjects, split, Role::Stop, options, STOP_CASES_MAX, &mut rng)?;
    let mut ode = untrained(subjects, split, &learn, options, &mut rng)?;
    let learn = Samples::of(&ode, subjects, &learn)?;
    let judge = Samples::of(&ode, subjects, &judge)?;
    let all: Vec<usize> = (0..judge.times.len()).collect();
    let batch = judge.batch(&all);
    let error_linear = batch.error(&ode.mlp);
    let mut best = (error_linear, ode.mlp.clone());
    let (mut adam, mut rate, mut since) = (Adam::of(&ode.mlp), RATE, 0);
    for epoch in 1..=options.epochs_max {
        learn_once(&mut ode.mlp, &learn, &mut adam, rate, &mut rng, stop)?;
        let error = batch.error(&ode.mlp);
        progress(Progress { epoch, epochs_max: options.epochs_max, error, error_linear });
        since += 1;
        if error < best.0 {
            since = if error < best.0 * (1.0 - GAIN) { 0 } else { since };
            best = (error, ode.mlp.clone());
        }
        if since == STOP_AFTER {
            break;
        }
        if since > 0 && since % HALVE_AFTER == 0 {
            rate *= 0.5;
            ode.mlp = best.1.clone();
        }
    }
    ode.mlp = best.1;
    Ok(ode)
}

fn cases(
    subjects: &[Subject<'_>],
    split: &Split,
    role: Role,
    options: &TrainOptions,
    most: usize,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<Case>, Error> {
    let mut cases = draw(subjects, split, role, options.steps_ahead, most, rng);
    cases.retain(|case| case.origin + 1 >= POINTS_MIN);
    let have = cases.len();
    if have < CASES_MIN {
        return Err(Error::InsufficientData { needed: CASES_MIN, have, of: "cases to learn from" });
    }
    Ok(cases)
}

/// The frame and the scales, and a network that says zero.
fn untrained(
    subjects: &[Subject<'_>],
    split: &Split,
    learn: &[Case],
    options: &TrainOptions,
    rng: &mut ChaCha8Rng,
) -> Result<Ode, Error> {
    let mut origins: Vec<&Case> = learn.iter().collect();
    origins.shuffle(rng);
    origins.truncate(FRAME_ROWS_MAX);
    let row = |case: &&Case| subjects[case.subject].path.vector(case.origin).iter().copied();
    let rows: Vec<f32> = origins.iter().flat_map(row).collect();
    let dim = subjects[origins[0].subject].path.dim();
    let frame = Projection::fit(&Rows::new(&rows, dim)?, options.rank_max)?;
    let variance = frame.variances().iter().sum::<f64>() / frame.rank() as f64;
    let unit_days = median_gap(subjects, split);
    let farthest = learn.iter().map(|case| case.days(subjects)).fold(0.0, f64::max);
    let seen_days = farthest.min(TIME_MAX * unit_days);
    let mut widths = vec![2 * frame.rank()];
    widths.extend(vec![options.width; options.layers]);
    widths.push(2 * frame.rank());
    let mlp = Mlp::new(&widths, straight(frame.rank()), rng);
    Ok(Ode { frame, unit: variance.sqrt(), unit_days, seen_days, mlp })
}

/// `z' = v, v' = 0`.
fn straight(rank: usize) -> DMatrix<f64> {
    DMatrix::from_fn(2 * rank, 2 * rank, |row, column| f64::from(u8::from(column == row + rank)))
}

/// Days between neighbouring points that are learnt from.
fn median_gap(subjects: &[Subject<'_>], split: &Split) -> f64 {
    let mut gaps = Vec::new();
    for Subject { key, path } in subjects {
        let ts = path.times_us();
        let learnt = |at: &usize| split.role(*key, ts[at - 1], ts[*at]) == Some(Role::Learn);
        gaps.extend((1..path.len()).filter(learnt).map(|at| path.days(at - 1, at)));
    }
    gaps.sort_by(f64::total_cmp);
    gaps.get(gaps.len() / 2).copied().unwrap_or(1.0)
}

/// Cases in scaled units: a column each.
struct Samples {
    states: DMatrix<f64>,
    targets: DMatrix<f64>,
    times: Vec<f64>,
}

impl Samples {
    fn of(ode: &Ode, subjects: &[Subject<'_>], cases: &[Case]) -> Result<Self, Error> {
        let rank = ode.rank();
        let (mut states, mut targets) = (Vec::new(), Vec::new());
        let near = |case: &&Case| case.days(subjects) <= ode.seen_days;
        let cases: Vec<&Case> = cases.iter().filter(near).collect();
        for case in &cases {
            states.extend(ode.state(&subjects[case.subject].path, case.origin)?);
            targets.extend(ode.place(case.truth(subjects))?);
        }
        Ok(Self {
            states: DMatrix::from_vec(2 * rank, cases.len(), states),
            targets: DMatrix::from_vec(rank, cases.len(), targets),
            times: cases.iter().map(|case| case.days(subjects) / ode.unit_days).collect(),
        })
    }

    fn batch(&self, chosen: &[usize]) -> Batch {
        Batch {
            states: self.states.select_columns(chosen),
            targets: self.targets.select_columns(chosen),
            steps: chosen.iter().map(|at| self.times[*at] / STEPS as f64).collect(),
        }
    }
}

/// One pass over the cases in a new order.
fn learn_once(
    mlp: &mut Mlp,
    samples: &Samples,
    adam: &mut Adam,
    rate: f64,
    rng: &mut ChaCha8Rng,
    stop: &CancelToken,
) -> Result<(), Error> {
    let mut order: Vec<usize> = (0..samples.times.len()).collect();
    order.shuffle(rng);
    for chosen in order.chunks(BATCH).take(BATCHES_MAX) {
        go_on(stop)?;
        let (_, gradient) = samples.batch(chosen).gradient(mlp);
        adam.step(mlp, &gradient, rate);
    }
    Ok(())
}

struct Batch {
    states: DMatrix<f64>,
    targets: DMatrix<f64>,
    /// Length of one RK4 step for each case.
    steps: Vec<f64>,
}

/// What the four stages of each step leave for the way back.
type Tape = Vec<[Trace; 4]>;

impl Batch {
    fn error(&self, mlp: &Mlp) -> f64 {
        let (end, _) = self.forward(mlp);
        (self.wrong(&end).norm_squared() / self.targets.len() as f64).sqrt()
    }

    /// How far z is off.
    fn wrong(&self, end: &DMatrix<f64>) -> DMatrix<f64> {
        end.rows(0, self.targets.nrows()) - &self.targets
    }

    fn forward(&self, mlp: &Mlp) -> (DMatrix<f64>, Tape) {
        let (mut y, mut tape) = (self.states.clone(), Vec::with_capacity(STEPS));
        for _ in 0..STEPS {
            let (k1, t1) = mlp.forward(y.clone());
            let (k2, t2) = mlp.forward(self.moved(&y, &k1, 0.5));
            let (k3, t3) = mlp.forward(self.moved(&y, &k2, 0.5));
            let (k4, t4) = mlp.forward(self.moved(&y, &k3, 1.0));
            y = self.moved(&y, &(k1 + (k2 + k3) * 2.0 + k4), 1.0 / 6.0);
            tape.push([t1, t2, t3, t4]);
        }
        (y, tape)
    }

    /// `y + share h k`, each column with its own h.
    fn moved(&self, y: &DMatrix<f64>, k: &DMatrix<f64>, share: f64) -> DMatrix<f64> {
        y + self.scaled(k, share)
    }

    fn scaled(&self, k: &DMatrix<f64>, share: f64) -> DMatrix<f64> {
        let mut scaled = k.clone();
        for (mut column, step) in scaled.column_iter_mut().zip(&self.steps) {
            column *= share * step;
        }
        scaled
    }

    /// The mean square error and its gradient by the parameters.
    fn gradient(&self, mlp: &Mlp) -> (f64, Mlp) {
        let (end, tape) = self.forward(mlp);
        let wrong = self.wrong(&end);
        let count = self.targets.len() as f64;
        let mut gradient = mlp.zeros();
        let mut by_y = DMatrix::zeros(end.nrows(), end.ncols());
        by_y.rows_mut(0, wrong.nrows()).copy_from(&(&wrong * (2.0 / count)));
        for [t1, t2, t3, t4] in tape.iter().rev() {
            // The stages backwards: each hands on what its place owes to the slope before it.
            let mut back = |trace: &Trace, by_k| mlp.backward(trace, by_k, &mut gradient);
            let a4 = back(t4, self.scaled(&by_y, 1.0 / 6.0));
            let a3 = back(t3, self.scaled(&by_y, 1.0 / 3.0) + self.scaled(&a4, 1.0));
            let a2 = back(t2, self.scaled(&by_y, 1.0 / 3.0) + self.scaled(&a3, 0.5));
            let a1 = back(t1, self.scaled(&by_y, 1.0 / 6.0) + self.scaled(&a2, 0.5));
            by_y += a1 + a2 + a3 + a4;
        }
        (wrong.norm_squared() / count, gradient)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlp::tests::{by_differences, drawn, matrix};
    use crate::synthetic;

    #[test]
    fn the_gradient_through_the_solver_is_that_of_finite_differences() {
        let mlp = drawn(&[4, 6, 4], 1);
        let steps = vec![0.05, 0.1, 0.02];
        let batch = Batch { states: matrix(4, 3, 2), targets: matrix(2, 3, 3), steps };
        let (loss, gradient) = batch.gradient(&mlp);
        assert!((batch.error(&mlp).powi(2) - loss).abs() < 1e-12);
        let expected = by_differences(&mlp, |mlp| batch.error(mlp).powi(2));
        for (got, expected) in gradient.parameters().zip(expected) {
            assert!((got - expected).abs() < 1e-7 * (1.0 + expected.abs()), "{got} {expected}");
        }
    }

    #[test]
    fn training_is_deterministic_and_stops_when_asked() {
        let orbits = synthetic::orbits(30, 12, 6, 0.01, 4);
        let subjects = synthetic::subjects(&orbits);
        let split = Split::of(&subjects).unwrap();
        let options = TrainOptions { epochs_max: 2, width: 8, ..TrainOptions::STANDARD };
        let stop = CancelToken::default();
        let mut epochs = vec![];
        let mut fit = || {
            train(&subjects, &split, &options, &mut |progress| epochs.push(progress.epoch), &stop)
        };
        assert_eq!(fit().unwrap(), fit().unwrap());
        assert_eq!(epochs, [1, 2, 1, 2]);
        stop.cancel();
        let stopped = train(&subjects, &split, &options, &mut |_| (), &stop);
        assert!(matches!(stopped, Err(Error::Stopped(_))));
    }

    #[test]
    fn too_little_to_learn_from_is_an_error() {
        let walks = synthetic::walks(&[3; 30], 2, 1);
        let subjects = synthetic::subjects(&walks);
        let stop = CancelToken::default();
        let train = |options: &TrainOptions| {
            train(&subjects, &Split::ByEntity, options, &mut |_| (), &stop)
        };
        let none = train(&TrainOptions::STANDARD);
        assert!(matches!(none, Err(Error::InsufficientData { .. })), "{none:?}");
        let wild = train(&TrainOptions { width: 0, ..TrainOptions::STANDARD });
        assert!(matches!(wild, Err(Error::Invalid(_))));
    }
}
