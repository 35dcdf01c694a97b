//! Every method on the same past cases: how far off it was, and whether its intervals kept their
//! word.
//!
//! The error is the root mean square of the distance between forecast and truth, in units of the
//! vectors. The coverage is cross-fitted: intervals made of one half of the cases (halves of
//! entities, where there are several) are tried on the other half, and the share of truths inside,
//! over cases and dimensions, is to be compared with the confidence.
//!
//! Where another method had to stand in for the equation, its error counts against the equation,
//! but not in the equation's intervals: a prediction made by the line has the line's.

use cvx_core::CancelToken;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::case::{Case, Subject, draw};
use crate::conformal::{Calibration, Residual};
use crate::error::{Error, go_on};
use crate::ode::Ode;
use crate::predictor::{Method, forecast, least};
use crate::split::{Role, Split, scattered};

/// What may be chosen; [`BacktestOptions::STANDARD`] is a fair choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BacktestOptions {
    /// How many points ahead is asked for, at most.
    pub steps_ahead: usize,
    /// Cases at most.
    pub cases_max: usize,
    /// Of the intervals whose coverage is measured.
    pub confidence: f64,
    pub seed: u64,
}

impl BacktestOptions {
    pub const STANDARD: Self = Self { steps_ahead: 5, cases_max: 1_000, confidence: 0.95, seed: 1 };

    pub(crate) fn check(&self) -> Result<(), Error> {
        if !(1..=1_000).contains(&self.steps_ahead) || !(1..=100_000).contains(&self.cases_max) {
            return Err(Error::Invalid("steps ahead: 1 to 1,000; cases: 1 to 100,000"));
        }
        check_confidence(self.confidence)
    }
}

pub(crate) fn check_confidence(confidence: f64) -> Result<(), Error> {
    if confidence > 0.0 && confidence < 1.0 {
        Ok(())
    } else {
        Err(Error::Invalid("a confidence lies between 0 and 1, both excluded"))
    }
}

/// How a method did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    pub method: Method,
    /// Root mean square distance to the truth, in units of the vectors.
    pub error: f64,
    /// Share of truths inside the intervals, by case and dimension; none with too few cases.
    pub coverage: Option<f64>,
    /// How many cases that rests on.
    pub cases: usize,
}

/// The methods' scores on the cases that judge, simplest first; none if there are no cases. With
/// an equation also its own; where that has too little to go by, the better of the others stands in
/// for it, as it does in a prediction.
pub fn backtest(
    subjects: &[Subject<'_>],
    split: &Split,
    ode: Option<&Ode>,
    options: &BacktestOptions,
    stop: &CancelToken,
) -> Result<Vec<Score>, Error> {
    let judged = judge(subjects, split, ode, options, stop)?;
    Ok(judged.into_iter().map(|(score, _)| score).collect())
}

/// The scores, and what errors to expect from now on.
pub(crate) fn judge(
    subjects: &[Subject<'_>],
    split: &Split,
    ode: Option<&Ode>,
    options: &BacktestOptions,
    stop: &CancelToken,
) -> Result<Vec<(Score, Calibration)>, Error> {
    options.check()?;
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let (steps, most) = (options.steps_ahead, options.cases_max);
    let cases = draw(subjects, split, Role::Judge, steps, most, &mut rng);
    let halves = halves(subjects, &cases);
    let mut judged: Vec<(Score, Calibration)> = Vec::new();
    for method in Method::ALL {
        if method == Method::Ode && ode.is_none() {
            continue;
        }
        // Methods come simplest first, so those that may stand in are known by now.
        let otherwise = least(judged.iter().map(|(score, _)| score));
        let made = residuals(subjects, &cases, (method, otherwise), ode, stop)?;
        let own: Vec<(&Residual, bool)> = made
            .iter()
            .zip(&halves)
            .filter(|((_, used), _)| *used == method)
            .map(|((residual, _), half)| (residual, *half))
            .collect();
        let all: Vec<&Residual> = own.iter().map(|(residual, _)| *residual).collect();
        let Some(calibration) = Calibration::of(&all) else {
            continue;
        };
        let coverage = coverage(&own, options.confidence);
        let score = Score { method, error: rms(&made), coverage, cases: cases.len() };
        judged.push((score, calibration));
    }
    Ok(judged)
}

/// The errors, and the method that made each.
fn residuals(
    subjects: &[Subject<'_>],
    cases: &[Case],
    (method, otherwise): (Method, Method),
    ode: Option<&Ode>,
    stop: &CancelToken,
) -> Result<Vec<(Residual, Method)>, Error> {
    let of = |case: &Case| {
        go_on(stop)?;
        let (path, days) = (&subjects[case.subject].path, case.days(subjects));
        let (forecast, used) = forecast(method, ode, otherwise, path, case.origin, days)?;
        let truth = case.truth(subjects);
        let error = forecast.iter().zip(truth).map(|(f, t)| (f - f64::from(*t)) as f32).collect();
        Ok((Residual { days, error }, used))
    };
    cases.iter().map(of).collect()
}

fn rms(residuals: &[(Residual, Method)]) -> f64 {
    let square =
        |(r, _): &(Residual, Method)| r.error.iter().map(|e| f64::from(*e).powi(2)).sum::<f64>();
    (residuals.iter().map(square).sum::<f64>() / residuals.len() as f64).sqrt()
}

/// Which half each case is in: its entity's; with few entities its own.
fn halves(subjects: &[Subject<'_>], cases: &[Case]) -> Vec<bool> {
    let by_entity = |case: &Case| scattered(subjects[case.subject].key ^ 0x5eed) & 1 == 0;
    let halves: Vec<bool> = cases.iter().map(by_entity).collect();
    let first = halves.iter().filter(|half| **half).count();
    if first * 4 < halves.len() || first * 4 > 3 * halves.len() {
        return (0..cases.len()).map(|at| at % 2 == 0).collect();
    }
    halves
}

fn coverage(residuals: &[(&Residual, bool)], confidence: f64) -> Option<f64> {
    let (mut within, mut all) = (0usize, 0usize);
    for half in [true, false] {
        let of = |wanted: bool| {
            let chosen = residuals.iter().filter(move |(_, half)| *half == wanted);
            chosen.map(|(residual, _)| *residual)
        };
        let calibration = Calibration::of(&of(half).collect::<Vec<_>>())?;
        for Residual { days, error } in of(!half) {
            let widths = calibration.half_widths(*days, confidence)?;
            let inside = error.iter().zip(widths).filter(|(e, w)| f64::from(e.abs()) <= *w);
            within += inside.count();
            all += error.len();
        }
    }
    (all > 0).then(|| within as f64 / all as f64)
}
