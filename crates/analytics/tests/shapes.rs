//! Signatures, Procrustes and warped distances beside esig, scipy and numpy.
#![expect(clippy::unwrap_used, reason = "a test may fail so")]

use cvx_analytics::{Band, Origin, Rows, Trajectory, dtw, frechet, procrustes, signature};
use cvx_core::{CancelToken, Metric};
use serde_json::Value;

fn reference(part: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("reference/shapes.json")).unwrap();
    let cases = all[part].as_array().unwrap().clone();
    assert!(!cases.is_empty());
    cases
}

fn wide(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn narrow(value: &Value) -> Vec<f32> {
    wide(value).into_iter().map(|v| v as f32).collect()
}

fn size(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

#[track_caller]
fn near(got: &[f64], expected: &[f64], allowed: f64) {
    assert_eq!(got.len(), expected.len());
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() <= allowed * expected.abs().max(1.0), "{got} {expected}");
    }
}

#[test]
fn signatures_are_those_of_esig() {
    for case in reference("signatures") {
        let path = wide(&case["path"]);
        let found = signature(&path, size(&case["dim"]), size(&case["depth"])).unwrap();
        near(&found.values().collect::<Vec<_>>(), &wide(&case["values"]), 1e-10);
    }
}

#[test]
fn the_orthogonal_map_is_that_of_scipy() {
    for case in reference("procrustes") {
        let (a, b, dim) = (narrow(&case["a"]), narrow(&case["b"]), size(&case["dim"]));
        let (a, b) = (Rows::new(&a, dim).unwrap(), Rows::new(&b, dim).unwrap());
        let map = procrustes(&a, &b, Origin::Fixed, &CancelToken::default()).unwrap();
        near(map.rotation(), &wide(&case["rotation"]), 1e-7);
        near(&[map.residual], &[case["residual"].as_f64().unwrap()], 1e-7);
    }
}

#[test]
fn warped_distances_are_those_of_the_table() {
    for case in reference("warped") {
        let metric = match case["metric"].as_str().unwrap() {
            "euclidean" => Metric::L2,
            "cosine" => Metric::Cosine,
            _ => Metric::L1,
        };
        let (a, b, dim) = (narrow(&case["a"]), narrow(&case["b"]), size(&case["dim"]));
        let times = |values: &[f32]| (0..(values.len() / dim) as i64).collect::<Vec<_>>();
        let (a_ts, b_ts) = (times(&a), times(&b));
        let a = Trajectory::new(&a_ts, &a, dim).unwrap();
        let b = Trajectory::new(&b_ts, &b, dim).unwrap();
        let stop = CancelToken::default();
        let warped = dtw(&a, &b, metric, Band::All, &stop).unwrap();
        let leash = frechet(&a, &b, metric, &stop).unwrap();
        let expected = ["dtw", "frechet"].map(|name| case[name].as_f64().unwrap());
        near(&[warped, leash], &expected, 1e-5);
    }
}
