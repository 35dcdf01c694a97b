//! How far a population's numbers must be carried to become the later ones.
//!
//! In one dimension the Wasserstein distance of order 1 (Kantorovich 1942) is the area between two
//! distribution functions, which sorting tells:
//!
//! ```text
//!   W(d) = integral of |F_before(x) - F_after(x)| dx
//!   root of the sum of W(d)^2 over dimensions d
//! ```
//!
//! A population that moves as a whole comes to the length of its mean's way and no further; what
//! exceeds that is change of spread and of shape, which a mean does not show. It looks at one
//! dimension after the other, and so is blind to how they go together ([`mmd`](super::mmd()) is
//! not). I did consider random directions: they see that, at the price of an answer that depends
//! on their choice, and shrinks as dimensions grow.

use cvx_core::CancelToken;

use super::Cohort;
use crate::{Error, Rows};

/// Dimensions gathered at a time: a cache line of the rows.
const STRIPE: usize = 16;

/// In units of the vectors. Needs a row at each moment.
pub fn wasserstein(cohort: &Cohort<'_>, stop: &CancelToken) -> Result<f64, Error> {
    cohort.check(1)?;
    let mut squares = 0.0;
    for first in (0..cohort.dim()).step_by(STRIPE) {
        if let Some(stop) = stop.stopped() {
            return Err(Error::Stopped(stop));
        }
        let (before, after) = (columns(&cohort.before(), first), columns(&cohort.after(), first));
        squares += before.iter().zip(&after).map(|(b, a)| between(b, a).powi(2)).sum::<f64>();
    }
    Ok(squares.sqrt())
}

/// Some dimensions' numbers, each sorted.
fn columns(rows: &Rows<'_>, first: usize) -> Vec<Vec<f32>> {
    let width = STRIPE.min(rows.dim() - first);
    let mut columns = vec![Vec::with_capacity(rows.len()); width];
    for row in rows.iter() {
        let row = &row[first..first + width];
        columns.iter_mut().zip(row).for_each(|(column, x)| column.push(*x));
    }
    columns.iter_mut().for_each(|column| column.sort_unstable_by(f32::total_cmp));
    columns
}

/// The area between the distribution functions of sorted numbers.
fn between(before: &[f32], after: &[f32]) -> f64 {
    let (mut below, mut area) = ([0, 0], 0.0);
    let mut at = f64::from(before[0].min(after[0]));
    while below[0] < before.len() || below[1] < after.len() {
        let [next_before, next_after] = [before.get(below[0]), after.get(below[1])]
            .map(|x| x.copied().unwrap_or(f32::INFINITY));
        let shares = below[0] as f64 / before.len() as f64 - below[1] as f64 / after.len() as f64;
        let next = f64::from(next_before.min(next_after));
        area += shares.abs() * (next - at);
        at = next;
        below[usize::from(next_after < next_before)] += 1;
    }
    area
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::shift;
    use super::*;

    fn carried(before: &[f32], after: &[f32], dim: usize) -> f64 {
        let rows = |values| Rows::new(values, dim).unwrap();
        let cohort = Cohort::new(rows(before), rows(after), 0).unwrap();
        wasserstein(&cohort, &CancelToken::default()).unwrap()
    }

    #[test]
    fn what_spreads_is_carried_though_its_mean_stays() {
        assert_eq!(carried(&[0.0, 0.0], &[-1.0, 1.0], 1), 1.0);
        assert_eq!(carried(&[3.0], &[0.0, 3.0, 6.0], 1), 2.0);
        assert_eq!(carried(&[0.0, 0.0], &[3.0, 4.0], 2), 5.0);
    }

    proptest! {
        /// Never less than the mean's way, and as much where all go the same.
        #[test]
        fn it_is_no_shorter_than_the_shift(
            dim in 1..20usize,
            numbers in prop::collection::vec(-50..50i16, 60..200),
            cut in 1..3usize,
        ) {
            let rows = numbers.len() / dim;
            let values: Vec<f32> = numbers[..rows * dim].iter().map(|x| f32::from(*x)).collect();
            let (before, after) = values.split_at((rows * cut / 3).max(1) * dim);
            let all = |values| Rows::new(values, dim).unwrap();
            let moved = shift(&Cohort::new(all(before), all(after), 0).unwrap()).unwrap();
            let way = carried(before, after, dim);
            prop_assert!(way >= moved.l2 * (1.0 - 1e-12) - 1e-12, "{way} {}", moved.l2);
            let further: Vec<f32> = before.iter().map(|x| x + 3.0).collect();
            let expected = 3.0 * (dim as f64).sqrt();
            prop_assert!((carried(before, &further, dim) - expected).abs() < 1e-9);
            prop_assert_eq!(carried(before, before, dim), 0.0);
        }
    }

    #[test]
    fn a_moment_without_anybody_is_an_error() {
        let (some, none) = (Rows::new(&[1.0], 1).unwrap(), Rows::new(&[], 1).unwrap());
        let cohort = Cohort::new(some, none, 0).unwrap();
        let lacking = wasserstein(&cohort, &CancelToken::default());
        assert_eq!(lacking, Err(Error::InsufficientData { needed: 1, have: 0 }));
    }
}
