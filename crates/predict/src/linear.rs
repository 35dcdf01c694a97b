//! The methods without a model: where it was, and where its last points lead.

use cvx_analytics::Trajectory;

/// How many last points the line is laid through at least.
const WINDOW: usize = 5;
/// How many times as far as it looked back the line goes on; there it stays.
const FAR: f64 = 10.0;

/// Where it was.
pub(crate) fn last(path: &Trajectory<'_>, origin: usize) -> Vec<f64> {
    path.vector(origin).iter().copied().map(f64::from).collect()
}

/// The last point and on from there for some days, by the least-squares slope of as far back as it
/// looks ahead, and of five points at least: two points of one afternoon say nothing of next year.
/// Where all of the past is shorter, the line ends at ten times its length, lest two points of one
/// second be followed for a year.
///
/// The line goes through the last point rather than through the middle of the window: on a random
/// walk the past says nothing of where it stands.
pub(crate) fn extrapolated(path: &Trajectory<'_>, origin: usize, days: f64) -> Vec<f64> {
    let mut vector = last(path, origin);
    let (slope, seen) = slope(path, origin, WINDOW, days);
    let days = days.min(FAR * seen);
    for (value, slope) in vector.iter_mut().zip(slope) {
        *value += slope * days;
    }
    vector
}

/// The change per day, by least squares through the last points up to `origin`: at least so many
/// of them, over at least so many days, as far as there are any. And the days they span.
pub(crate) fn slope(
    path: &Trajectory<'_>,
    origin: usize,
    points: usize,
    days: f64,
) -> (Vec<f64>, f64) {
    let mut first = (origin + 1).saturating_sub(points);
    while first > 0 && path.days(first, origin) < days {
        first -= 1;
    }
    let elapsed: Vec<f64> = (first..=origin).map(|at| path.days(first, at)).collect();
    let mean = elapsed.iter().sum::<f64>() / elapsed.len() as f64;
    let squares: f64 = elapsed.iter().map(|day| (day - mean).powi(2)).sum();
    let mut slope = vec![0.0; path.dim()];
    if squares > 0.0 {
        for (at, day) in (first..=origin).zip(&elapsed) {
            let weight = (day - mean) / squares;
            for (sum, value) in slope.iter_mut().zip(path.vector(at)) {
                *sum += weight * f64::from(*value);
            }
        }
    }
    (slope, path.days(first, origin))
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
            let expected = at(hours[origin] + ahead.min(10 * hours[origin]));
            // Positions are rounded to f32 and steps are an hour at least.
            prop_assert!((found - expected).abs() < 1e-3 * (1.0 + ahead as f64), "{found}");
        }
    }

    /// Three revisions of a morning after years of rest: a year ahead they are no trend.
    #[test]
    fn a_burst_is_no_trend_for_a_year() {
        let days = [0, 400, 800, 1200, 1600, 2000];
        let burst = [1, 2, 3].map(|second| 2000 * 24 * HOUR_US + second * 1_000_000);
        let ts: Vec<i64> = days.iter().map(|day| day * 24 * HOUR_US).chain(burst).collect();
        let values = [0.0, 0.1, 0.0, 0.1, 0.0, 0.1, 0.2, 0.3, 0.4];
        let path = Trajectory::new(&ts, &values, 1).unwrap();
        let ahead = extrapolated(&path, 8, 365.0)[0];
        assert!((0.3..1.0).contains(&ahead), "{ahead}");
    }

    #[test]
    fn one_point_goes_nowhere() {
        let path = Trajectory::new(&[5], &[1.0, 2.0], 2).unwrap();
        assert_eq!(extrapolated(&path, 0, 100.0), [1.0, 2.0]);
    }
}
