//! What is told of a break.

use super::penalty::Terms;
use crate::position::wide;
use crate::{Trajectory, magnitude};

/// A break: the first point of a new regime.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangePoint {
    /// Its place in the trajectory.
    pub at: usize,
    pub ts_us: i64,
    /// How far the regime's mean lies from the one before it: the length of `drift`, in the
    /// vectors' own unit.
    pub severity: f64,
    /// From the mean of the regime before, up to the break before this, to the mean of the new
    /// one, up to the break behind.
    pub drift: Vec<f64>,
    /// The evidence in units of what was needed; above 1.
    pub score: f64,
}

/// Breaks found by whatever means, with the drift between the regimes they part. Breaks grow and
/// lie inside the trajectory; scores are left at zero.
#[must_use]
pub fn between_regimes(trajectory: &Trajectory<'_>, breaks: &[usize]) -> Vec<ChangePoint> {
    if breaks.is_empty() {
        return Vec::new();
    }
    let means = regimes(trajectory, breaks);
    let pairs = means.windows(2).zip(breaks);
    pairs.map(|(pair, at)| between(trajectory, *at, &pair[0], &pair[1])).collect()
}

/// Breaks with what they gain over what they cost.
pub(super) fn describe(
    trajectory: &Trajectory<'_>,
    breaks: &[usize],
    terms: &Terms,
) -> Vec<ChangePoint> {
    let mut found = between_regimes(trajectory, breaks);
    for (at, point) in found.iter_mut().enumerate() {
        let begin = if at == 0 { 0 } else { breaks[at - 1] };
        let end = breaks.get(at + 1).copied().unwrap_or(trajectory.len());
        let (before, after) = ((point.at - begin) as f64, (end - point.at) as f64);
        // What two means instead of one take off the sum of squares, less what lengths are charged.
        let gain = before * after / (before + after) * point.severity * point.severity
            + terms.of_length(before + after)
            - terms.of_length(before)
            - terms.of_length(after);
        let costs = terms.per_break;
        point.score = if costs > 0.0 { gain / costs } else { f64::INFINITY };
    }
    found
}

/// The mean of each segment.
fn regimes(trajectory: &Trajectory<'_>, breaks: &[usize]) -> Vec<Vec<f64>> {
    let starts = [0].into_iter().chain(breaks.iter().copied());
    let ends = breaks.iter().copied().chain([trajectory.len()]);
    starts.zip(ends).map(|(from, to)| mean(trajectory, from, to)).collect()
}

fn between(trajectory: &Trajectory<'_>, at: usize, from: &[f64], to: &[f64]) -> ChangePoint {
    let drift: Vec<f64> = from.iter().zip(to).map(|(from, to)| to - from).collect();
    let (ts_us, severity) = (trajectory.times_us()[at], magnitude(&drift));
    ChangePoint { at, ts_us, severity, drift, score: 0.0 }
}

/// The mean of points `from..to`, at least one.
pub(super) fn mean(trajectory: &Trajectory<'_>, from: usize, to: usize) -> Vec<f64> {
    // Measured from its first point, so that the noise is not lost beside a large offset.
    let origin = wide(trajectory.vector(from));
    let mut sum = vec![0.0; origin.len()];
    for row in from..to {
        let pairs = trajectory.vector(row).iter().zip(&origin);
        sum.iter_mut().zip(pairs).for_each(|(sum, (x, origin))| *sum += f64::from(*x) - origin);
    }
    let count = (to - from) as f64;
    sum.iter().zip(&origin).map(|(sum, origin)| origin + sum / count).collect()
}
