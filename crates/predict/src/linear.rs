//! The methods without a model: where it was, and where its last points lead.

use cvx_analytics::Trajectory;

/// How many last points the line is laid through.
pub(crate) const WINDOW: usize = 5;

/// Where it was.
pub(crate) fn last(path: &Trajectory<'_>, origin: usize) -> Vec<f64> {
    path.vector(origin).iter().copied().map(f64::from).collect()
}

/// The last point and on from there for some days, by the least-squares slope of up to
/// [`WINDOW`] points. The line goes through the last point rather than through the middle of the
/// five: on a random walk the past says nothing of where it stands.
pub(crate) fn extrapolated(path: &Trajectory<'_>, origin: usize, days: f64) -> Vec<f64> {
    let mut vector = last(path, origin);
    for (value, slope) in vector.iter_mut().zip(slope(path, origin, WINDOW)) {
        *value += slope * days;
    }
    vector
}

/// Per day, by least squares through the last `window` points up to `origin`; zero for one point.
pub(crate) fn slope(path: &Trajectory<'_>, origin: usize, window: usize) -> Vec<f64> {
    let first = (origin + 1).saturating_sub(window);
    let days: Vec<f64> = (first..=origin).map(|at| path.days(first, at)).collect();
    let mean = days.iter().sum::<f64>() / days.len() as f64;
    let squares: f64 = days.iter().map(|day| (day - mean).powi(2)).sum();
    let mut slope = vec![0.0; path.dim()];
    if squares == 0.0 {
        return slope;
    }
    for (at, day) in (first..=origin).zip(days) {
        let weight = (day - mean) / squares;
        for (sum, value) in slope.iter_mut().zip(path.vector(at)) {
            *sum += weight * f64::from(*value);
        }
    }
    slope
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR_US: i64 = 3_600_000_000;

    proptest! {
        #[test]
        fn a_linear_mover_is_followed(
            gaps in prop::collection::vec(1..100i64, 1..9), speed in -9..9i8, start in -9..9i8,
            ahead in 0..1000i64,
        ) {
            let mut hours = vec![0];
            hours.extend(gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) }));
            let at = |hour: i64| f64::from(start) + f64::from(speed) * hour as f64 / 24.0;
            let ts: Vec<i64> = hours.iter().map(|hour| hour * HOUR_US).collect();
            let values: Vec<f32> = hours.iter().map(|hour| at(*hour) as f32).collect();
            let path = Trajectory::new(&ts, &values, 1).unwrap();
            let origin = path.len() - 1;
            let found = extrapolated(&path, origin, ahead as f64 / 24.0)[0];
            let expected = at(hours[origin] + ahead);
            // Positions are rounded to f32 and steps are an hour at least.
            prop_assert!((found - expected).abs() < 1e-3 * (1.0 + ahead as f64), "{found}");
        }
    }

    #[test]
    fn one_point_goes_nowhere() {
        let path = Trajectory::new(&[5], &[1.0, 2.0], 2).unwrap();
        assert_eq!(extrapolated(&path, 0, 100.0), [1.0, 2.0]);
    }
}
