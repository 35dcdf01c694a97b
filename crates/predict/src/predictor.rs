//! What answers a prediction: the methods, how each did, and what errors to expect.

use cvx_analytics::Trajectory;
use cvx_core::CancelToken;
use serde::{Deserialize, Serialize};

use crate::backtest::{BacktestOptions, Score, check_confidence, judge};
use crate::case::Subject;
use crate::conformal::Calibration;
use crate::error::Error;
use crate::linear;
use crate::ode::Ode;
use crate::split::Split;
use crate::train::{Progress, TrainOptions, train};

/// A way to predict, simplest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// It stays where it is.
    Last,
    /// It goes on along the line of its last five points.
    Linear,
    /// The neural equation.
    Ode,
}

impl Method {
    pub const ALL: [Self; 3] = [Self::Last, Self::Linear, Self::Ode];

    /// As SQL says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Linear => "linear",
            Self::Ode => "ode",
        }
    }
}

/// Which method a prediction uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Whichever erred least on cases that nobody learnt from.
    Auto,
    Only(Method),
}

/// Where an entity will be.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    pub vector: Vec<f64>,
    /// Of the interval in each dimension; none if there are too few cases for the confidence.
    pub lower: Option<Vec<f64>>,
    pub upper: Option<Vec<f64>>,
    /// Half width of the 68.27 % interval in each dimension: a standard deviation, if errors were
    /// normal.
    pub uncertainty: Option<Vec<f64>>,
    /// The one used.
    pub method: Method,
}

/// The methods with their scores and calibrations.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictor {
    pub(crate) dim: usize,
    pub(crate) split: Split,
    pub(crate) ode: Option<Ode>,
    pub(crate) judged: Vec<(Score, Calibration)>,
    /// The time of the last point it was made from.
    pub(crate) until_us: i64,
}

const ONE_DEVIATION: f64 = 0.682_689_492_137_085_9;

impl Predictor {
    /// Without an equation: what the entities' past says of the simple methods. One entity is
    /// enough; with fewer than three points there are no cases, and predictions have no intervals.
    pub fn untrained(
        subjects: &[Subject<'_>],
        options: &BacktestOptions,
        stop: &CancelToken,
    ) -> Result<Self, Error> {
        let dim = one_dimension(subjects)?;
        let split = Split::Everything;
        let judged = judge(subjects, &split, None, options, stop)?;
        Ok(Self { dim, split, ode: None, judged, until_us: last_time(subjects) })
    }

    /// Fits an equation and judges it beside the simple methods on what it did not learn from.
    pub fn trained(
        subjects: &[Subject<'_>],
        training: &TrainOptions,
        options: &BacktestOptions,
        progress: &mut dyn FnMut(Progress),
        stop: &CancelToken,
    ) -> Result<Self, Error> {
        let dim = one_dimension(subjects)?;
        let split = Split::of(subjects)?;
        let ode = train(subjects, &split, training, progress, stop)?;
        let judged = judge(subjects, &split, Some(&ode), options, stop)?;
        Ok(Self { dim, split, ode: Some(ode), judged, until_us: last_time(subjects) })
    }

    /// Of the vectors.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The trained equation, if there is one.
    #[must_use]
    pub fn ode(&self) -> Option<&Ode> {
        self.ode.as_ref()
    }

    /// The time of the last point it was made from: whoever asks as of an earlier moment must not
    /// be answered by it.
    #[must_use]
    pub fn until_us(&self) -> i64 {
        self.until_us
    }

    /// Which cases judge it.
    #[must_use]
    pub fn split(&self) -> &Split {
        &self.split
    }

    /// How the methods did, simplest first.
    pub fn scores(&self) -> impl Iterator<Item = &Score> {
        self.judged.iter().map(|(score, _)| score)
    }

    /// The method that erred least; of equals, the simplest.
    #[must_use]
    pub fn best(&self) -> Method {
        least(self.scores())
    }

    /// The better of the methods without a model.
    fn simple(&self) -> Method {
        least(self.scores().filter(|score| score.method != Method::Ode))
    }

    /// The vector at a time after the last point.
    pub fn predict(
        &self,
        path: &Trajectory<'_>,
        at_us: i64,
        choice: Choice,
        confidence: f64,
    ) -> Result<Prediction, Error> {
        check_confidence(confidence)?;
        let Some(origin) = path.len().checked_sub(1) else {
            return Err(Error::InsufficientData { needed: 1, have: 0, of: "points" });
        };
        if path.dim() != self.dim {
            return Err(Error::Invalid("the predictor is of vectors of another dimension"));
        }
        let last_us = path.times_us()[origin];
        if at_us <= last_us {
            return Err(Error::NotAhead);
        }
        let days = at_us.abs_diff(last_us) as f64 / 86_400e6;
        let (vector, method) = self.forecast(path, origin, days, choice)?;
        let calibration =
            self.judged.iter().find(|(score, _)| score.method == method).map(|(_, c)| c);
        let widths = |confidence| calibration.and_then(|c| c.half_widths(days, confidence));
        let half = widths(confidence);
        let moved = |sign: f64| {
            let half = half.as_ref()?;
            Some(vector.iter().zip(half).map(|(v, half)| v + sign * half).collect())
        };
        let (lower, upper) = (moved(-1.0), moved(1.0));
        let uncertainty = widths(ONE_DEVIATION);
        Ok(Prediction { vector, lower, upper, uncertainty, method })
    }

    fn forecast(
        &self,
        path: &Trajectory<'_>,
        origin: usize,
        days: f64,
        choice: Choice,
    ) -> Result<(Vec<f64>, Method), Error> {
        let ode = self.ode.as_ref();
        match choice {
            Choice::Auto => forecast(self.best(), ode, self.simple(), path, origin, days),
            Choice::Only(Method::Ode) => {
                let ode = ode.ok_or(Error::NoModel)?;
                Ok((ode.predict(path, origin, days)?, Method::Ode))
            }
            Choice::Only(Method::Linear) if origin == 0 => {
                Err(Error::InsufficientData { needed: 2, have: 1, of: "points" })
            }
            Choice::Only(method) => forecast(method, None, method, path, origin, days),
        }
    }
}

/// The method of the least error, the first of equals; the line where nothing was judged.
pub(crate) fn least<'a>(scores: impl Iterator<Item = &'a Score>) -> Method {
    let best = scores.min_by(|a, b| a.error.total_cmp(&b.error));
    best.map_or(Method::Linear, |score| score.method)
}

fn one_dimension(subjects: &[Subject<'_>]) -> Result<usize, Error> {
    let Some(first) = subjects.first() else {
        return Err(Error::InsufficientData { needed: 1, have: 0, of: "entities" });
    };
    let dim = first.path.dim();
    if subjects.iter().any(|subject| subject.path.dim() != dim) {
        return Err(Error::Invalid("the entities have vectors of different dimensions"));
    }
    Ok(dim)
}

fn last_time(subjects: &[Subject<'_>]) -> i64 {
    let last = |subject: &Subject<'_>| subject.path.times_us().last().copied();
    subjects.iter().filter_map(last).max().unwrap_or(i64::MIN)
}

/// A method's vector. Where the equation has too little to go by, is asked too far, or is not
/// solved, `otherwise` says instead; where there is no line, the last point.
pub(crate) fn forecast(
    method: Method,
    ode: Option<&Ode>,
    otherwise: Method,
    path: &Trajectory<'_>,
    origin: usize,
    days: f64,
) -> Result<(Vec<f64>, Method), Error> {
    let mut method = method;
    if method == Method::Ode {
        match ode.ok_or(Error::NoModel)?.predict(path, origin, days) {
            Ok(vector) => return Ok((vector, Method::Ode)),
            Err(Error::InsufficientData { .. } | Error::TooFar { .. } | Error::Unsolved(_)) => {
                method = otherwise
            }
            Err(other) => return Err(other),
        }
    }
    if method == Method::Last || origin == 0 {
        return Ok((linear::last(path, origin), Method::Last));
    }
    Ok((linear::extrapolated(path, origin, days), Method::Linear))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{self, Walk};

    const DAY_US: i64 = 86_400_000_000;

    fn trained(walks: &[Walk]) -> Predictor {
        let training = TrainOptions { width: 32, epochs_max: 60, ..TrainOptions::STANDARD };
        let (options, stop) = (BacktestOptions::STANDARD, CancelToken::default());
        let subjects = synthetic::subjects(walks);
        Predictor::trained(&subjects, &training, &options, &mut |_| (), &stop).unwrap()
    }

    fn untrained(walks: &[Walk]) -> Predictor {
        let subjects = synthetic::subjects(walks);
        let stop = CancelToken::default();
        Predictor::untrained(&subjects, &BacktestOptions::STANDARD, &stop).unwrap()
    }

    fn error(predictor: &Predictor, method: Method) -> f64 {
        predictor.scores().find(|score| score.method == method).unwrap().error
    }

    /// The share of truths inside the intervals, and the root mean square errors of two methods,
    /// over new entities asked about their last point.
    fn on_new(predictor: &Predictor, walks: &[Walk], confidence: f64) -> (f64, [f64; 2]) {
        let (mut within, mut all, mut squares) = (0.0, 0.0, [0.0, 0.0]);
        for walk in walks {
            let known = walk.ts.len() - 1 - walk.key as usize % 5;
            let path = walk.head(known);
            let (at, truth) = (walk.ts[walk.ts.len() - 1], walk.vector(walk.ts.len() - 1));
            let found = predictor.predict(&path, at, Choice::Auto, confidence).unwrap();
            let linear = Choice::Only(Method::Linear);
            let linear = predictor.predict(&path, at, linear, confidence).unwrap();
            let bounds = found.lower.iter().flatten().zip(found.upper.iter().flatten());
            for (truth, (lower, upper)) in truth.iter().zip(bounds) {
                within += f64::from(u8::from((*lower..=*upper).contains(&f64::from(*truth))));
                all += 1.0;
            }
            for (sum, found) in squares.iter_mut().zip([found, linear]) {
                let square = |(v, t): (&f64, &f32)| (v - f64::from(*t)).powi(2);
                *sum += found.vector.iter().zip(truth).map(square).sum::<f64>();
            }
        }
        (within / all, squares.map(f64::sqrt))
    }

    /// Things go round at some speed: the line leaves the orbit, the equation follows it.
    #[test]
    fn on_orbits_the_equation_wins_and_covers() {
        let predictor = trained(&synthetic::orbits(150, 30, 24, 0.01, 1));
        let (ode, linear) = (error(&predictor, Method::Ode), error(&predictor, Method::Linear));
        assert!(ode < 0.5 * linear, "{ode} {linear}");
        assert_eq!(predictor.best(), Method::Ode);
        let mut fresh = synthetic::orbits(300, 30, 24, 0.01, 77);
        fresh.iter_mut().for_each(|walk| walk.key += 1_000);
        let (covered, [ode, linear]) = on_new(&predictor, &fresh, 0.9);
        assert!(ode < 0.5 * linear, "{ode} {linear}");
        assert!((covered - 0.9).abs() < 0.04, "{covered}");
    }

    /// Of a random walk nothing can be known but where it is, and `auto` says so.
    #[test]
    fn on_random_walks_the_last_point_wins_and_covers() {
        let walks = synthetic::walks(&[20; 200], 6, 3);
        for predictor in [untrained(&walks), trained(&walks)] {
            let last = error(&predictor, Method::Last);
            assert!(last < error(&predictor, Method::Linear));
            if predictor.ode().is_none() {
                assert_eq!(predictor.best(), Method::Last);
            } else {
                assert!(error(&predictor, predictor.best()) > 0.97 * last);
            }
        }
        let predictor = untrained(&walks);
        for score in predictor.scores() {
            assert!((score.coverage.unwrap() - 0.95).abs() < 0.02, "{score:?}");
        }
        for confidence in [0.8, 0.95] {
            let (covered, _) =
                on_new(&predictor, &synthetic::walks(&[20; 1_000], 6, 4), confidence);
            assert!((covered - confidence).abs() < 0.02, "{covered} for {confidence}");
        }
    }

    #[test]
    fn a_linear_mover_is_a_line() {
        let walks = synthetic::lines(30, 20, 4, 9);
        let predictor = untrained(&walks);
        assert_eq!(predictor.best(), Method::Linear);
        let path = walks[0].head(20);
        let at = walks[0].ts[19] + 3 * DAY_US;
        let found = predictor.predict(&path, at, Choice::Auto, 0.9).unwrap();
        assert_eq!(found.method, Method::Linear);
        let widths = found.uncertainty.unwrap();
        assert!(widths.iter().all(|width| *width < 1e-3), "{widths:?}");
    }

    #[test]
    fn the_edges() {
        let walks = synthetic::walks(&[1, 30], 2, 5);
        let predictor = untrained(&walks[..1]);
        let path = walks[0].head(1);
        let soon = walks[0].ts[0] + DAY_US;
        let ask = |at, choice, confidence| predictor.predict(&path, at, choice, confidence);
        let alone = ask(soon, Choice::Auto, 0.9).unwrap();
        assert_eq!((alone.method, &alone.lower), (Method::Last, &None));
        assert_eq!(ask(walks[0].ts[0], Choice::Auto, 0.9), Err(Error::NotAhead));
        assert_eq!(ask(soon, Choice::Only(Method::Ode), 0.9), Err(Error::NoModel));
        let line = ask(soon, Choice::Only(Method::Linear), 0.9);
        assert!(matches!(line, Err(Error::InsufficientData { needed: 2, have: 1, .. })));
        for confidence in [0.0, 1.0, f64::NAN] {
            assert!(matches!(ask(soon, Choice::Auto, confidence), Err(Error::Invalid(_))));
        }
        let none = Trajectory::new(&[], &[], 2).unwrap();
        let nobody = predictor.predict(&none, soon, Choice::Auto, 0.9);
        assert!(matches!(nobody, Err(Error::InsufficientData { needed: 1, have: 0, .. })));
        assert!(
            Predictor::untrained(&[], &BacktestOptions::STANDARD, &CancelToken::default()).is_err()
        );
    }
}
