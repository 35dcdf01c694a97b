//! One kernel of the analyses on an array that numpy has saved, on one thread; what it found and
//! how long it took, as JSON. `benches/analytics` runs it beside the references.
//!
//! ```text
//! kernels pelt FILE LEAST      and jump, exact: {"ms", "breaks"}, the best of up to three runs
//! kernels bocpd FILE           {"ms", "breaks", "noticed"}: where, and when that was seen
//! kernels mmd FILE PERMS       the first half of the rows against the second: {"ms", "squared", "p"}
//! kernels predict FILE COUNT   so many walks one behind the other: {"train_ms", "methods"}
//! ```
#![expect(clippy::print_stdout, reason = "figures are what it is for")]

use anyhow::{Result, bail};
use cvx_analytics::changepoints::{Method, Penalty, Search};
use cvx_analytics::{Bocpd, Cohort, Rows, Trajectory, bocpd, changepoints, mmd};
use cvx_benches::npy;
use cvx_core::CancelToken;
use cvx_predict::{BacktestOptions, Choice, Method as Way, Predictor, Subject, TrainOptions};
use std::time::Instant;

const DAY_US: i64 = 86_400_000_000;

/// Rows as numpy saves them: f32, in the order of C.
struct Array {
    values: Vec<f32>,
    rows: usize,
    dim: usize,
}

impl Array {
    fn load(path: &str) -> Result<Self> {
        let array = npy::Array::load(path.as_ref())?;
        let [rows, dim] = array.shape() else { bail!("{path}: {:?} is no matrix", array.shape()) };
        let values = array.floats()?;
        Ok(Self { values, rows: *rows, dim: *dim })
    }

    fn ts(&self) -> Vec<i64> {
        (0..self.rows as i64).map(|row| row * DAY_US).collect()
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (kernel, array) = match arguments.as_slice() {
        [kernel, path, ..] => (kernel.as_str(), Array::load(path)?),
        _ => bail!("kernels KERNEL FILE [NUMBER]"),
    };
    let number = arguments.get(2).map_or(Ok(0), |number| number.parse())?;
    match kernel {
        "pelt" => offline(&array, Method::Pelt, number),
        "jump" => offline(&array, Method::Jump, number),
        "exact" => offline(&array, Method::Exact, number),
        "bocpd" => online(&array),
        "mmd" => two_samples(&array, number),
        "predict" => prediction(&array, number),
        other => bail!("no kernel {other}"),
    }
}

fn ms(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}

fn offline(array: &Array, method: Method, least: usize) -> Result<()> {
    let ts = array.ts();
    let trajectory = Trajectory::new(&ts, &array.values, array.dim)?;
    let search = Search { method, penalty: Penalty::default(), min_segment: least.max(1) };
    let (mut best, mut breaks) = (f64::INFINITY, Vec::new());
    for _ in 0..3 {
        let began = Instant::now();
        let found = changepoints(&trajectory, &search, &CancelToken::default())?;
        best = best.min(ms(began));
        breaks = found.iter().map(|point| point.at).collect();
        if best > 2_000.0 {
            break;
        }
    }
    println!("{{\"ms\": {best}, \"breaks\": {breaks:?}}}");
    Ok(())
}

fn online(array: &Array) -> Result<()> {
    let mut detector = Bocpd::new(array.dim, bocpd::Settings::default())?;
    let mut events = Vec::new();
    let began = Instant::now();
    for vector in array.values.chunks_exact(array.dim) {
        events.extend(detector.see(vector)?);
    }
    let took = ms(began);
    let breaks: Vec<u64> = events.iter().map(|event| event.at).collect();
    let noticed: Vec<u64> = events.iter().map(|event| event.noticed_at).collect();
    println!("{{\"ms\": {took}, \"breaks\": {breaks:?}, \"noticed\": {noticed:?}}}");
    Ok(())
}

fn two_samples(array: &Array, permutations: usize) -> Result<()> {
    let half = array.rows / 2;
    let (before, after) = array.values.split_at(half * array.dim);
    let (before, after) = (Rows::new(before, array.dim)?, Rows::new(after, array.dim)?);
    let cohort = Cohort::new(before, after, 0)?;
    let began = Instant::now();
    let found = mmd(&cohort, permutations, 1, &CancelToken::default())?;
    let (squared, p) = (found.squared, found.p_value);
    println!("{{\"ms\": {}, \"squared\": {squared}, \"p\": {p}}}", ms(began));
    Ok(())
}

fn prediction(array: &Array, count: usize) -> Result<()> {
    let points = array.rows / count.max(1);
    let ts: Vec<i64> = (0..points as i64).map(|day| day * DAY_US).collect();
    let paths = (0..).zip(array.values.chunks_exact(points * array.dim));
    let subjects = paths
        .map(|(key, walk)| Ok(Subject { key, path: Trajectory::new(&ts, walk, array.dim)? }))
        .collect::<Result<Vec<Subject<'_>>>>()?;
    let training = TrainOptions { epochs_max: 1, ..TrainOptions::STANDARD };
    let backtest = BacktestOptions { cases_max: 200, ..BacktestOptions::STANDARD };
    let stop = CancelToken::default();
    let began = Instant::now();
    let predictor = Predictor::trained(&subjects, &training, &backtest, &mut |_| (), &stop)?;
    let train_ms = ms(began);
    let (path, at) = (subjects[0].path, (points as i64 + 2) * DAY_US);
    let mut methods = Vec::new();
    for method in Way::ALL {
        let mut times = Vec::new();
        for _ in 0..21 {
            let began = Instant::now();
            predictor.predict(&path, at, Choice::Only(method), 0.9)?;
            times.push(ms(began));
        }
        times.sort_by(f64::total_cmp);
        methods.push(format!("\"{}\": {}", method.name(), times[10]));
    }
    println!("{{\"train_ms\": {train_ms}, \"methods\": {{{}}}}}", methods.join(", "));
    Ok(())
}
