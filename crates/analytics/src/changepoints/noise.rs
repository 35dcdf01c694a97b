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

use pulp::{Arch, Simd, WithSimd};

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
        let middle = median(steps);
        robust += (deviation(steps, middle) * MAD_TO_SIGMA).powi(2) / 2.0;
    });
    if robust == 0.0 {
        each_dimension(trajectory, |_, steps| {
            plain += steps.iter().map(|x| x * x).sum::<f64>() / steps.len() as f64 / 2.0;
        });
    }
    let variance = if robust == 0.0 { plain } else { robust };
    Noise { variance: variance / dim as f64, center }
}

/// Shows the mean position and the (sampled) steps of each dimension, one after the other.
pub(super) fn each_dimension(trajectory: &Trajectory<'_>, mut see: impl FnMut(f64, &mut [f64])) {
    let (steps, dim) = (sampled_steps(trajectory), trajectory.dim());
    let mut columns = vec![0.0; steps.len() * STRIPE.min(dim)];
    for first in (0..dim).step_by(STRIPE) {
        let columns = &mut columns[..steps.len() * STRIPE.min(dim - first)];
        let means = gather(trajectory, &steps, first, columns);
        let columns = columns.chunks_exact_mut(steps.len());
        means.into_iter().zip(columns).for_each(|(mean, column)| see(mean, column));
    }
}

/// Places of steps to look at: all, or evenly over a long trajectory.
fn sampled_steps(trajectory: &Trajectory<'_>) -> Vec<usize> {
    let all = trajectory.len() - 1;
    let wanted = (NUMBERS_MAX / trajectory.dim()).max(STEPS_MIN).min(all);
    (0..wanted).map(|at| at * all / wanted).collect()
}

/// Fills columns, one behind the other, with the steps of some dimensions, and returns the mean
/// positions there.
fn gather(
    trajectory: &Trajectory<'_>,
    steps: &[usize],
    first: usize,
    columns: &mut [f64],
) -> [f64; STRIPE] {
    let mut means = [0.0; STRIPE];
    let dims = first..first + columns.len() / steps.len();
    for (row, step) in steps.iter().enumerate() {
        let from = &trajectory.vector(*step)[dims.clone()];
        let to = &trajectory.vector(step + 1)[dims.clone()];
        let column = columns[row..].iter_mut().step_by(steps.len());
        for (((from, to), mean), place) in from.iter().zip(to).zip(&mut means).zip(column) {
            let from = f64::from(*from);
            *mean += from;
            *place = f64::from(*to) - from;
        }
    }
    means.map(|mean| mean / steps.len() as f64)
}

/// The median absolute deviation from a middle. Spoils its argument.
pub(super) fn deviation(values: &mut [f64], middle: f64) -> f64 {
    values.iter_mut().for_each(|x| *x = (*x - middle).abs());
    median(values)
}

/// Values from which on a median is worth two steps.
const MANY: usize = 48;

/// The middle value, the upper of two, of values that must not be empty.
pub(super) fn median(values: &[f64]) -> f64 {
    let half = values.len() / 2;
    if values.len() < MANY {
        return nth(values.iter().copied(), half);
    }
    // Rounding keeps the order: the middle one is among those that are rounded as it is, and short
    // numbers are counted eight at a time.
    let keys: Vec<i32> = values.iter().map(|x| in_order_f32(*x as f32)).collect();
    let (middle, below) = Arch::new().dispatch(Nth { keys: &keys, nth: half });
    let alike = values.iter().zip(&keys).filter(|(_, key)| **key == middle);
    nth(alike.map(|(value, _)| *value), half - below)
}

/// The value in this place of the sorted, or the last.
fn nth(values: impl Iterator<Item = f64>, nth: usize) -> f64 {
    // Integers in the values' order: comparing them is one instruction, and sorts without branches.
    let mut keys: Vec<i64> = values.map(|x| in_order(x.to_bits().cast_signed())).collect();
    let nth = nth.min(keys.len() - 1);
    let key = *keys.select_nth_unstable(nth).1;
    f64::from_bits(in_order(key).cast_unsigned())
}

/// Finds the key in a place of the sorted, and how many are less, bit by bit.
struct Nth<'a> {
    keys: &'a [i32],
    nth: usize,
}

impl WithSimd for Nth<'_> {
    type Output = (i32, usize);

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> (i32, usize) {
        // Inlined into `dispatch`, the loop is compiled for the machine's registers.
        let (mut found, mut below) = (i32::MIN, 0);
        for bit in (0..32).rev() {
            let tried = found.wrapping_add(1i32.wrapping_shl(bit));
            let mut less = 0i32;
            for key in self.keys {
                // Never too many, but a check would keep it out of the registers.
                less = less.wrapping_add(i32::from(*key < tried));
            }
            if less as usize <= self.nth {
                (found, below) = (tried, less as usize);
            }
        }
        (found, below)
    }
}

/// A float as an integer in `total_cmp`'s order.
fn in_order_f32(x: f32) -> i32 {
    let bits = x.to_bits().cast_signed();
    bits ^ ((bits >> 31).cast_unsigned() >> 1).cast_signed()
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
        let few = [-0.0, 0.0, -5.5, 1e300, f64::NEG_INFINITY, 3.0, -1e-300];
        let alike = (0..99).map(|x| 1.0 + f64::from(x * 37 % 100) * 1e-12).collect();
        let spread: Vec<f64> =
            (0..1_000).map(|x| f64::from(x * 7_919 % 1_009 - 300).powi(3) / 7.0).collect();
        let lacking = [few.repeat(9), vec![f64::NAN; 30], vec![-f64::NAN; 40]].concat();
        for values in
            [vec![0.0], vec![2.0, -1.0], few.to_vec(), few.repeat(20), alike, spread, lacking]
        {
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
