//! How alike two trajectories are as curves, whatever their speeds.
//!
//! ```text
//!        b_0  b_1  b_2        a way from corner to corner, by steps right, down or both
//!   a_0   *                   that pairs every point of one with some of the other, in order
//!   a_1   *
//!   a_2        *    *         Frechet: the longest pair of the best way
//!                             DTW:     the sum over the pairs of the best way
//! ```
//!
//! The discrete Fréchet distance (Eiter and Mannila 1994) is that of two walkers on a leash: the
//! shortest leash with which both can go their ways forward. It is a metric if the points' distance
//! is, and one stray point decides it. Dynamic time warping (Sakoe and Chiba 1978) sums instead:
//! one stray counts once, but the sum grows with the number of points, and it is no metric. Both
//! know the order of points alone and not their times.
//!
//! One row of the table is kept, so memory is that of the shorter trajectory; a band (Sakoe and
//! Chiba's) bounds the time as well, by allowing pairs only where the places `i / n` and `j / m`
//! differ by no more than a share.

use cvx_core::distance::Query;
use cvx_core::{CancelToken, Metric};

use crate::{Error, Trajectory};

/// Which pairs are allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Band {
    All,
    /// Only pairs whose relative places along the two trajectories differ by at most this share,
    /// 0 to 1. The band is widened to a step where it would be broken.
    Share(f64),
}

/// The discrete Fréchet distance, in units of the metric.
pub fn frechet(
    a: &Trajectory<'_>,
    b: &Trajectory<'_>,
    metric: Metric,
    stop: &CancelToken,
) -> Result<f64, Error> {
    best_way(a, b, metric, Band::All, stop, f64::max)
}

/// The least sum of distances over a warping of time, in units of the metric.
pub fn dtw(
    a: &Trajectory<'_>,
    b: &Trajectory<'_>,
    metric: Metric,
    band: Band,
    stop: &CancelToken,
) -> Result<f64, Error> {
    if let Band::Share(share) = band
        && !(0.0..=1.0).contains(&share)
    {
        return Err(Error::Invalid("a band is a share from 0 to 1"));
    }
    if metric == Metric::InnerProduct {
        return Err(Error::Invalid("a sum of inner products has no least way: choose a distance"));
    }
    best_way(a, b, metric, band, stop, |before, here| before + here)
}

/// The table of both: a place costs `join(least of its three predecessors, its own distance)`.
fn best_way(
    a: &Trajectory<'_>,
    b: &Trajectory<'_>,
    metric: Metric,
    band: Band,
    stop: &CancelToken,
    join: impl Fn(f64, f64) -> f64,
) -> Result<f64, Error> {
    if a.is_empty() || b.is_empty() {
        return Err(Error::InsufficientData { needed: 1, have: 0 });
    }
    // Both are symmetric, so the row kept is the shorter one.
    let (long, short) = if a.len() < b.len() { (b, a) } else { (a, b) };
    let mut row = vec![f64::INFINITY; short.len()];
    let mut distances = vec![0.0; short.len()];
    for (at, vector) in long.vectors().enumerate() {
        if let Some(why) = stop.stopped() {
            return Err(Error::Stopped(why));
        }
        let allowed = band.columns(at, long.len(), short.len());
        let query = Query::new(metric, vector)?;
        let near = &mut distances[allowed.clone()];
        query.distances(
            &short.rows()[allowed.start * short.dim()..allowed.end * short.dim()],
            near,
        )?;
        if near.iter().any(|distance| distance.is_nan()) {
            return Err(Error::Undetermined("a zero vector has no direction"));
        }
        advance(&mut row, at == 0, allowed, &distances, &join);
    }
    Ok(row[short.len() - 1])
}

/// From the row above to the next; what the band leaves out becomes unreachable.
fn advance(
    row: &mut [f64],
    first: bool,
    allowed: std::ops::Range<usize>,
    distances: &[f64],
    join: &impl Fn(f64, f64) -> f64,
) {
    let mut corner = if allowed.start == 0 { f64::INFINITY } else { row[allowed.start - 1] };
    let mut left = f64::INFINITY;
    row[..allowed.start].fill(f64::INFINITY);
    for at in allowed.clone() {
        let before = left.min(row[at]).min(corner);
        corner = row[at];
        let begins = first && at == 0;
        left = if begins { distances[0] } else { join(before, distances[at]) };
        row[at] = left;
    }
    row[allowed.end..].fill(f64::INFINITY);
}

impl Band {
    /// The columns allowed in a row: those near its place, never none, and joined with the next
    /// row's at least at a corner.
    fn columns(self, row: usize, rows: usize, columns: usize) -> std::ops::Range<usize> {
        let Self::Share(share) = self else {
            return 0..columns;
        };
        let place = |at: usize| at as f64 / (rows - 1).max(1) as f64;
        let last = (columns - 1) as f64;
        let low = ((place(row) - share) * last).floor().max(0.0);
        let high = ((place((row + 1).min(rows - 1)) + share) * last).ceil().min(last);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let (low, high) = (low as usize, high as usize);
        low..high + 1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::simulated::noise;

    type Walk = (Vec<i64>, Vec<f32>);

    fn walk(points: usize, dim: usize, seed: u64) -> Walk {
        let ts = (0..points as i64).collect();
        (ts, noise(seed).take(points * dim).map(|v| v as f32).collect())
    }

    fn as_trajectory((ts, vectors): &Walk, dim: usize) -> Trajectory<'_> {
        Trajectory::new(ts, vectors, dim).unwrap()
    }

    /// The definitions, by trying all ways.
    fn all_ways(a: &[f64], b: &[f64], i: usize, j: usize, join: &dyn Fn(f64, f64) -> f64) -> f64 {
        let here = (a[i] - b[j]).abs();
        if (i, j) == (0, 0) {
            return here;
        }
        let mut before = f64::INFINITY;
        for (di, dj) in [(1, 0), (0, 1), (1, 1)] {
            if i >= di && j >= dj {
                before = before.min(all_ways(a, b, i - di, j - dj, join));
            }
        }
        join(before, here)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn both_are_the_best_of_all_ways(n in 1..7usize, m in 1..7usize, seed in 0..10_000u64) {
            let (a, b) = (walk(n, 1, seed), walk(m, 1, seed + 1));
            let wide = |walk: &Walk| walk.1.iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
            let (one, other) = (wide(&a), wide(&b));
            let (a, b) = (as_trajectory(&a, 1), as_trajectory(&b, 1));
            let stop = CancelToken::default();
            let leash = frechet(&a, &b, Metric::L2, &stop).unwrap();
            prop_assert!((leash - all_ways(&one, &other, n - 1, m - 1, &f64::max)).abs() < 1e-6);
            let sum = all_ways(&one, &other, n - 1, m - 1, &|before, here| before + here);
            for band in [Band::All, Band::Share(1.0)] {
                let warped = dtw(&a, &b, Metric::L2, band, &stop).unwrap();
                prop_assert!((warped - sum).abs() < 1e-5);
            }
        }

        /// A band allows fewer ways, and always one.
        #[test]
        fn a_band_only_makes_it_longer(
            n in 1..40usize, m in 1..40usize, share in 0.0..1.0, seed in 0..10_000u64,
        ) {
            let (a, b) = (walk(n, 3, seed), walk(m, 3, seed + 1));
            let (a, b) = (as_trajectory(&a, 3), as_trajectory(&b, 3));
            let stop = CancelToken::default();
            let free = dtw(&a, &b, Metric::L2, Band::All, &stop).unwrap();
            let bound = dtw(&a, &b, Metric::L2, Band::Share(share), &stop).unwrap();
            prop_assert!(bound.is_finite() && bound >= free - 1e-9);
            let back = dtw(&b, &a, Metric::L2, Band::All, &stop).unwrap();
            prop_assert!((free - back).abs() < 1e-9 * free.max(1.0));
        }

        /// Standing still at points costs nothing.
        #[test]
        fn speed_does_not_matter(n in 1..20usize, seed in 0..10_000u64) {
            let (ts, vectors) = walk(n, 2, seed);
            let slow: Vec<f32> = vectors.chunks(2).flat_map(|v| [v, v, v].concat()).collect();
            let slow = ((0..3 * n as i64).collect(), slow);
            let (a, b) = (Trajectory::new(&ts, &vectors, 2).unwrap(), as_trajectory(&slow, 2));
            let stop = CancelToken::default();
            prop_assert_eq!(frechet(&a, &b, Metric::L2, &stop).unwrap(), 0.0);
            prop_assert_eq!(dtw(&a, &b, Metric::L2, Band::All, &stop).unwrap(), 0.0);
        }
    }

    #[test]
    fn what_does_not_compare_is_an_error() {
        let stop = CancelToken::default();
        let (zero, one) = ((vec![0], vec![0.0, 0.0]), (vec![0], vec![1.0, 0.0]));
        let (zero, one) = (as_trajectory(&zero, 2), as_trajectory(&one, 2));
        let none = Trajectory::new(&[], &[], 2).unwrap();
        let lacking = Error::InsufficientData { needed: 1, have: 0 };
        assert_eq!(frechet(&zero, &none, Metric::L2, &stop), Err(lacking));
        let directionless = frechet(&zero, &one, Metric::Cosine, &stop);
        assert!(matches!(directionless, Err(Error::Undetermined(_))));
        let band = dtw(&zero, &one, Metric::L2, Band::Share(f64::NAN), &stop);
        assert!(matches!(band, Err(Error::Invalid(_))));
        stop.cancel();
        assert!(matches!(frechet(&zero, &one, Metric::L2, &stop), Err(Error::Stopped(_))));
    }
}
