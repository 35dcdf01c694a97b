//! The noise that a trajectory has between its breaks.
//!
//! From first differences, which a break touches once: the median absolute deviation of each
//! dimension's, times 1.4826 and over sqrt(2), squared, and averaged over the dimensions. Half the
//! steps could be breaks without moving it much. Subtracting the median difference takes out a
//! steady drift.
//!
//! A long trajectory is sampled, evenly, to some 250,000 numbers: the error is below 1 % of the
//! standard deviation. Where more than half of the steps are exactly equal (an entity that mostly
//! stands still), the median says nothing and the mean square is taken.

use crate::Trajectory;

/// The variance of a dimension, and a place near the data to measure from.
#[derive(Clone, Debug)]
pub(super) struct Noise {
    pub(super) variance: f64,
    pub(super) center: Vec<f64>,
}

/// A standard deviation in median absolute deviations, of a normal distribution.
pub(super) const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;

const NUMBERS_MAX: usize = 1 << 18;
const STEPS_MIN: usize = 256;

/// Dimensions gathered at a time: a cache line of the rows.
const STRIPE: usize = 16;

pub(super) fn estimate(trajectory: &Trajectory<'_>) -> Noise {
    let dim = trajectory.dim();
    let mut center = Vec::with_capacity(dim);
    let (mut robust, mut plain) = (0.0, 0.0);
    each_dimension(trajectory, |mean, steps| {
        center.push(mean);
        plain += steps.iter().map(|x| x * x).sum::<f64>() / steps.len() as f64 / 2.0;
        let middle = median(steps);
        robust += (deviation(steps, middle) * MAD_TO_SIGMA).powi(2) / 2.0;
    });
    let variance = if robust > 0.0 { robust } else { plain };
    Noise { variance: variance / dim as f64, center }
}

/// Shows the mean position and the (sampled) steps of each dimension, one after the other.
pub(super) fn each_dimension(trajectory: &Trajectory<'_>, mut see: impl FnMut(f64, &mut [f64])) {
    let (steps, dim) = (sampled_steps(trajectory), trajectory.dim());
    let mut columns = vec![Vec::with_capacity(steps.len()); STRIPE.min(dim)];
    for first in (0..dim).step_by(STRIPE) {
        let width = STRIPE.min(dim - first);
        let means = gather(trajectory, &steps, first, &mut columns[..width]);
        means.into_iter().zip(&mut columns).for_each(|(mean, column)| see(mean, column));
    }
}

/// Places of steps to look at: all, or evenly over a long trajectory.
fn sampled_steps(trajectory: &Trajectory<'_>) -> Vec<usize> {
    let all = trajectory.len() - 1;
    let wanted = (NUMBERS_MAX / trajectory.dim()).max(STEPS_MIN).min(all);
    (0..wanted).map(|at| at * all / wanted).collect()
}

/// Fills columns with the steps of some dimensions and returns the mean positions there.
fn gather(
    trajectory: &Trajectory<'_>,
    steps: &[usize],
    first: usize,
    columns: &mut [Vec<f64>],
) -> Vec<f64> {
    columns.iter_mut().for_each(Vec::clear);
    let mut means = vec![0.0; columns.len()];
    for step in steps {
        let (from, to) = (trajectory.vector(*step), trajectory.vector(step + 1));
        for (at, column) in columns.iter_mut().enumerate() {
            let (from, to) = (f64::from(from[first + at]), f64::from(to[first + at]));
            means[at] += from / steps.len() as f64;
            column.push(to - from);
        }
    }
    means
}

/// The median absolute deviation from a middle. Spoils its argument.
pub(super) fn deviation(values: &mut [f64], middle: f64) -> f64 {
    values.iter_mut().for_each(|x| *x = (*x - middle).abs());
    median(values)
}

/// The middle value, the upper of two, of values that must not be empty.
pub(super) fn median(values: &[f64]) -> f64 {
    // Integers in the values' order: comparing them is one instruction, and sorts without branches.
    let mut keys: Vec<i64> = values.iter().map(|x| in_order(x.to_bits().cast_signed())).collect();
    let half = keys.len() / 2;
    let middle = *keys.select_nth_unstable(half).1;
    f64::from_bits(in_order(middle).cast_unsigned())
}

/// A float's bits to an integer in `total_cmp`'s order, and back.
fn in_order(bits: i64) -> i64 {
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::super::tests::planted;
    use super::*;

    #[test]
    fn the_median_is_that_of_the_sorted() {
        for values in [
            vec![0.0],
            vec![2.0, -1.0],
            vec![-0.0, 0.0, -5.5, 1e300, f64::NEG_INFINITY, 3.0, -1e-300],
        ] {
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            assert_eq!(median(&values).to_bits(), sorted[values.len() / 2].to_bits());
        }
    }

    #[test]
    fn noise_is_found_in_spite_of_breaks_and_drift() {
        for (n, dim) in [(200, 8), (3_000, 1), (400, 768), (3_000, 768)] {
            let mut data = planted(7, n, dim, &[n / 3, n / 2], 5.0);
            for (row, vector) in data.vectors.chunks_exact_mut(dim).enumerate() {
                vector.iter_mut().for_each(|x| *x = 100.0 + 0.5 * *x + 0.1 * row as f32);
            }
            let sigma = estimate(&data.trajectory()).variance.sqrt();
            let allowed = 0.01 + 1.0 / ((n * dim) as f64).sqrt();
            assert!((sigma - 0.5).abs() < allowed, "{sigma} at {n} x {dim}");
        }
    }

    #[test]
    fn an_entity_that_mostly_stands_still_has_the_noise_of_its_steps() {
        let x = [0.0f32, 0.0, 0.0, 0.0, 3.0, 3.0, 3.0, 3.0, 3.0];
        let ts: Vec<i64> = (0..9).collect();
        let noise = estimate(&Trajectory::new(&ts, &x, 1).unwrap());
        assert_eq!(noise.variance, 9.0 / 8.0 / 2.0);
        let still = Trajectory::new(&ts, &[1.0; 9], 1).unwrap();
        assert_eq!(estimate(&still).variance, 0.0);
    }
}
