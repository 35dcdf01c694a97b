//! Jumps of something that drifts: steps too long to be among the others.
//!
//! A random walk or a slow drift has no mean to shift; what can be told is whether one step is
//! unlike the rest. Steps are whitened: the median step is taken off each dimension and each is
//! divided by its median absolute deviation. A step's energy is the sum of squares. Were steps
//! normal and dimensions independent, energies would be chi-square with D degrees; they are
//! neither, but the cube root of any such sum is close to normal (Wilson and Hilferty 1931), with
//! a middle and a width that the energies themselves tell: median and median absolute deviation.
//! A step is a jump if its energy's cube root lies
//!
//! ```text
//!   sqrt(v (exp(2 x / v) - 1)) widths above the middle,   x = ln(20 n),   v = 0.37 n
//! ```
//!
//! which a series of n steps without a jump exceeds about once in 20 times at most. With many steps
//! that is sqrt(2 x), Chernoff's bound on a normal tail. The width of few is known badly: a median
//! absolute deviation is worth the variance of 0.37 n numbers, and the bound is carried over to
//! Student's t of so many degrees as Wallace (1959) does. With a number as penalty that is x. A
//! spike is two long steps, there and back: steps in a row count as one, and the way from before to
//! after must be long too.
//!
//! I did consider DeCAFS (Romano, Rigaill, Runge, Fearnhead, JASA 2022), which fits drift,
//! autocorrelated noise and jumps together: it is for one dimension. Steps are not divided by
//! their time: after a long silence a long step is no surprise and may still be reported.

use super::breaks::ChangePoint;
use super::noise::{MAD_TO_SIGMA, deviation, each_dimension, median};
use super::{NOT_FINITE, Penalty, Search};
use crate::{Error, Trajectory, magnitude};

pub(super) fn jumps(
    trajectory: &Trajectory<'_>,
    search: &Search,
) -> Result<Vec<ChangePoint>, Error> {
    let scales = scales(trajectory);
    let energies: Vec<f64> =
        (0..trajectory.len() - 1).map(|step| energy(trajectory, &scales, step, step + 1)).collect();
    if energies.iter().any(|energy| !energy.is_finite()) {
        return Err(NOT_FINITE);
    }
    let Some(limit) = limit(&energies, search.penalty)? else { return Ok(Vec::new()) };
    let mut found: Vec<ChangePoint> = Vec::new();
    let mut step = 0;
    while step < energies.len() {
        let run = energies[step..].iter().take_while(|energy| **energy > limit).count();
        if run > 0 {
            // Way of several steps: its noise is the sum of theirs.
            let way = energy(trajectory, &scales, step, step + run) / run as f64;
            let apart = found.last().is_none_or(|last| step + 1 - last.at >= search.min_segment);
            if way > limit && apart {
                found.push(jump(trajectory, step, run, way / limit));
            }
        }
        step += run.max(1);
    }
    Ok(found)
}

/// The usual step of a dimension, and one over its deviation; zero where it never moves.
#[derive(Clone, Copy, Debug)]
struct Scale {
    median: f64,
    inverse: f64,
}

fn scales(trajectory: &Trajectory<'_>) -> Vec<Scale> {
    let mut scales = Vec::with_capacity(trajectory.dim());
    each_dimension(trajectory, |_, steps| {
        let median = median(steps);
        let square = steps.iter().map(|x| (x - median).powi(2)).sum::<f64>();
        let plain = (square / steps.len() as f64).sqrt();
        let sigma = deviation(steps, median) * MAD_TO_SIGMA;
        let sigma = if sigma > 0.0 { sigma } else { plain };
        scales.push(Scale { median, inverse: if sigma > 0.0 { 1.0 / sigma } else { 0.0 } });
    });
    scales
}

/// The squared length of the whitened way between two points.
fn energy(trajectory: &Trajectory<'_>, scales: &[Scale], from: usize, to: usize) -> f64 {
    let steps = (to - from) as f64;
    let ends = trajectory.vector(from).iter().zip(trajectory.vector(to));
    ends.zip(scales)
        .map(|((a, b), scale)| {
            let way = f64::from(*b) - f64::from(*a) - steps * scale.median;
            (way * scale.inverse).powi(2)
        })
        .sum()
}

/// The energy beyond which a step is a jump; none where nothing moves.
fn limit(energies: &[f64], penalty: Penalty) -> Result<Option<f64>, Error> {
    let x = match penalty {
        Penalty::Value(x) if x.is_finite() && x >= 0.0 => x,
        Penalty::Value(_) => return Err(Error::Invalid("the penalty must be a number, 0 or more")),
        Penalty::Auto => (20.0 * energies.len() as f64).ln(),
        Penalty::Bic | Penalty::Aic | Penalty::Mbic => {
            return Err(Error::Invalid("method jump takes the penalty auto or a number"));
        }
    };
    let mut roots: Vec<f64> = energies.iter().map(|energy| energy.cbrt()).collect();
    let middle = median(&roots);
    if middle == 0.0 {
        return Ok(None);
    }
    // Steps all of one length have no width; rounding alone is no jump.
    let width = (deviation(&mut roots, middle) * MAD_TO_SIGMA).max(1e-6 * middle);
    Ok(Some((middle + width * reach(x, energies.len())).powi(3)))
}

/// What a median absolute deviation is worth beside a standard deviation, of normal numbers.
const MAD_EFFICIENCY: f64 = 0.37;

/// Widths above the middle that one of so many steps exceeds with probability `exp(-x)` at most.
fn reach(x: f64, steps: usize) -> f64 {
    let freedom = MAD_EFFICIENCY * steps as f64;
    (freedom * (2.0 * x / freedom).exp_m1()).sqrt()
}

fn jump(trajectory: &Trajectory<'_>, step: usize, run: usize, score: f64) -> ChangePoint {
    let ends = trajectory.vector(step).iter().zip(trajectory.vector(step + run));
    let drift: Vec<f64> = ends.map(|(a, b)| f64::from(*b) - f64::from(*a)).collect();
    let at = step + 1;
    let (ts_us, severity) = (trajectory.times_us()[at], magnitude(&drift));
    ChangePoint { at, ts_us, severity, drift, score }
}
