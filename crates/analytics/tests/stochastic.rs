//! The stochastic measures beside statsmodels and arch, on series kept with what those said.
#![expect(clippy::unwrap_used, reason = "a test may fail so")]

use cvx_analytics::{Deterministic, Lags, garch, unit_root, variance_ratio};
use serde_json::Value;

fn reference() -> Value {
    serde_json::from_str(include_str!("reference/stochastic.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

#[track_caller]
fn near(got: f64, expected: &Value, relative: f64, what: &Value) {
    let expected = expected.as_f64().unwrap();
    let allowed = relative * expected.abs().max(1e-3);
    assert!((got - expected).abs() <= allowed, "{got} for {expected}: {what}");
}

#[test]
fn the_unit_root_test_is_that_of_statsmodels() {
    let reference = reference();
    let cases = reference["adf"].as_array().unwrap();
    assert_eq!(cases.len(), 60);
    for case in cases {
        let series = numbers(&reference["series"][case[0].as_str().unwrap()]);
        let given = match case[1].as_str().unwrap() {
            "n" => Deterministic::None,
            "c" => Deterministic::Constant,
            _ => Deterministic::Trend,
        };
        let lags = match case[2].as_str() {
            Some("AIC") => Lags::Aic,
            Some(_) => Lags::Bic,
            None => Lags::Fixed(usize::try_from(case[2].as_u64().unwrap()).unwrap()),
        };
        let test = unit_root(&series, given, lags).unwrap();
        near(test.statistic, &case[3], 1e-8, case);
        near(test.p_value, &case[4], 1e-7, case);
        assert_eq!(test.lags as u64, case[5].as_u64().unwrap(), "{case}");
        assert_eq!(test.observations as u64, case[6].as_u64().unwrap(), "{case}");
    }
}

#[test]
fn the_variance_ratio_is_that_of_arch() {
    let reference = reference();
    for case in reference["variance_ratio"].as_array().unwrap() {
        let series = numbers(&reference["series"][case[0].as_str().unwrap()]);
        let q = usize::try_from(case[1].as_u64().unwrap()).unwrap();
        let test = variance_ratio(&series, q).unwrap();
        near(test.ratio, &case[2], 1e-10, case);
        near(test.z, &case[3], 1e-9, case);
        near(test.p_value, &case[4], 1e-8, case);
    }
}

/// Two searches for one maximum: the likelihoods agree closely, the parameters as far as the
/// likelihood is flat.
#[test]
fn garch_is_that_of_arch() {
    let reference = reference();
    for case in reference["garch"].as_array().unwrap() {
        let fit = garch(&numbers(&case["values"])).unwrap();
        let expected = &case["fit"];
        near(fit.log_likelihood, &case["log_likelihood"], 1e-8, expected);
        for (at, got) in [fit.mu, fit.omega, fit.alpha, fit.beta].into_iter().enumerate() {
            near(got, &expected[at], 2e-3, expected);
        }
        near(fit.next_variance, &case["next_variance"], 2e-3, expected);
    }
}
