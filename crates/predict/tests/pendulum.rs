//! The solver beside scipy's: its own RK45, and one much more exact.
#![expect(clippy::unwrap_used, reason = "a test may fail so")]

use cvx_predict::{Solution, Tolerance, solve};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn solved(case: &Value, tolerance: Tolerance) -> Solution {
    let (start, span) = (numbers(&case["start"]), numbers(&case["span"]));
    let prey = case["name"] == "prey";
    let f = |_: f64, y: &[f64], out: &mut [f64]| {
        if prey {
            out[0] = 1.1 * y[0] - 0.4 * y[0] * y[1];
            out[1] = 0.1 * y[0] * y[1] - 0.4 * y[1];
        } else {
            out[0] = y[1];
            out[1] = -9.81 * y[0].sin();
        }
    };
    solve(f, span[0], &start, span[1], tolerance).unwrap()
}

/// The largest difference at the times kept, in units of the largest value.
fn off(case: &Value, solution: &Solution, from: &str) -> f64 {
    let times = numbers(&case["times"]);
    let expected: Vec<Vec<f64>> = case[from].as_array().unwrap().iter().map(numbers).collect();
    let largest = expected.iter().flatten().fold(0.0f64, |most, v| most.max(v.abs()));
    let (mut most, mut seen) = (0.0f64, 0);
    for (t, expected) in times.iter().zip(&expected) {
        for (got, expected) in solution.at(*t).iter().zip(expected) {
            most = most.max((got - expected).abs());
            seen += 1;
        }
    }
    assert!(seen >= 40);
    most / largest
}

#[test]
fn it_takes_the_steps_of_scipy() {
    let reference: Value = serde_json::from_str(include_str!("reference/pendulum.json")).unwrap();
    for case in reference["cases"].as_array().unwrap() {
        let solution = solved(case, Tolerance { rtol: 1e-6, atol: 1e-9 });
        assert_eq!(solution.steps() as u64, case["steps"].as_u64().unwrap(), "{}", case["name"]);
        let off = off(case, &solution, "rk45");
        assert!(off < 1e-9, "{} is off by {off}", case["name"]);
    }
}

#[test]
fn it_is_right_to_a_hundred_thousandth() {
    let reference: Value = serde_json::from_str(include_str!("reference/pendulum.json")).unwrap();
    for case in reference["cases"].as_array().unwrap() {
        let solution = solved(case, Tolerance { rtol: 1e-8, atol: 1e-10 });
        let off = off(case, &solution, "exact");
        assert!(off < 1e-5, "{} is off by {off}", case["name"]);
    }
}
