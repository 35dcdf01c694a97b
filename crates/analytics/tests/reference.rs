//! The kernels against numpy, scipy and ruptures. `reference/make.py` makes the files.
#![expect(clippy::unwrap_used, reason = "a test may fail so")]

use cvx_analytics::bocpd::{Prior, RunLengths};
use cvx_analytics::changepoints::{Method, Penalty, Search};
use cvx_analytics::{
    Trajectory, changepoints, drift, max_drawdown, net_displacement, path_length,
    realised_volatility, velocity,
};
use cvx_core::CancelToken;

fn rows(name: &str) -> Vec<Vec<f64>> {
    let path = format!("{}/tests/reference/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.split(',').map(|x| x.parse().unwrap()).collect()).collect()
}

#[track_caller]
fn near(got: f64, expected: f64, allowed: f64) {
    let allowed = allowed * expected.abs().max(1.0);
    assert!((got - expected).abs() <= allowed, "{got} for {expected}");
}

/// Times, positions of three dimensions, and what stands behind them.
fn calculus() -> (Vec<i64>, Vec<f32>, Vec<Vec<f64>>) {
    let rows = rows("calculus.csv");
    let ts = rows.iter().map(|row| row[0] as i64).collect();
    let vectors = rows.iter().flat_map(|row| row[1..4].iter().map(|x| *x as f32)).collect();
    (ts, vectors, rows.iter().map(|row| row[4..].to_vec()).collect())
}

#[test]
fn velocity_is_numpys_gradient() {
    let (ts, vectors, gradients) = calculus();
    let walk = Trajectory::new(&ts, &vectors, 3).unwrap();
    for (at, gradient) in gradients.iter().enumerate() {
        let got = velocity(&walk, at).unwrap();
        got.iter().zip(gradient).for_each(|(got, expected)| near(*got, *expected, 1e-10));
    }
}

#[test]
fn paths_measure_as_numpy_and_scipy_say() {
    let (ts, vectors, _) = calculus();
    let walk = Trajectory::new(&ts, &vectors, 3).unwrap();
    let drift = drift(walk.vector(0), walk.vector(walk.len() - 1)).unwrap();
    let got = [
        path_length(&walk),
        net_displacement(&walk).unwrap(),
        realised_volatility(&walk).unwrap(),
        max_drawdown(&walk).unwrap(),
        drift.cosine,
        drift.angular,
    ];
    for (got, expected) in got.iter().zip(&rows("path.csv")[0]) {
        near(*got, *expected, 1e-6);
    }
}

#[test]
fn exact_breaks_where_ruptures_does() {
    let mut breaks = 0;
    for case in rows("changepoints.csv") {
        let [number, dim, variance, penalty, least] = case[..5] else { panic!("{case:?}") };
        let expected: Vec<usize> = case[5..].iter().map(|at| *at as usize).collect();
        breaks += expected.len();
        let series = rows(&format!("series{number}.csv"));
        let vectors: Vec<f32> = series.iter().flatten().map(|x| *x as f32).collect();
        let ts: Vec<i64> = (0..series.len() as i64).collect();
        let trajectory = Trajectory::new(&ts, &vectors, dim as usize).unwrap();
        for method in [Method::Exact, Method::Pelt] {
            let penalty = Penalty::Value(penalty);
            let search = Search { method, penalty, min_segment: least as usize };
            let found = changepoints(&trajectory, &search, &CancelToken::default()).unwrap();
            let got: Vec<usize> = found.iter().map(|point| point.at).collect();
            assert_eq!(got, expected, "series {number}, variance {variance}, {search:?}");
        }
    }
    assert!(breaks > 50, "{breaks} breaks compared");
}

#[test]
fn the_posterior_is_that_of_the_evidence_of_every_run() {
    let prior = Prior { mean: vec![0.1, -0.2], kappa: 0.3, alpha: 2.5, beta: 1.7 };
    let mut runs = RunLengths::new(prior, 20.0);
    for row in rows("bocpd.csv") {
        // Positions are read as the f32 they were computed from.
        runs.see(&[f64::from(row[0] as f32), f64::from(row[1] as f32)]);
        let got: Vec<f64> = runs.posterior().map(|(_, probability)| probability).collect();
        assert_eq!(got.len(), row.len() - 2);
        got.iter().zip(&row[2..]).for_each(|(got, expected)| near(*got, *expected, 1e-8));
    }
}
