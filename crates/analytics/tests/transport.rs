//! How far populations are carried, beside scipy.

use cvx_analytics::{Cohort, Rows, wasserstein};
use cvx_core::CancelToken;
use serde_json::Value;

#[test]
fn the_distance_is_that_of_scipy() {
    let all: Value = serde_json::from_str(include_str!("reference/transport.json")).unwrap();
    let cases = all["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let numbers = |of: &str| -> Vec<f32> {
            let numbers = case[of].as_array().unwrap().iter();
            numbers.map(|x| x.as_f64().unwrap() as f32).collect()
        };
        let dim = usize::try_from(case["dim"].as_u64().unwrap()).unwrap();
        let (before, after) = (numbers("before"), numbers("after"));
        let rows = |values| Rows::new(values, dim).unwrap();
        let cohort = Cohort::new(rows(&before), rows(&after), 0).unwrap();
        let found = wasserstein(&cohort, &CancelToken::default()).unwrap();
        let expected = case["wasserstein"].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-9 * (1.0 + expected), "{found} for {expected}");
    }
}
