//! What a whole trajectory amounts to: numbers about its way.
//!
//! | measure | formula | unit |
//! |---|---|---|
//! | path length | sum of step lengths | L2 |
//! | net displacement | distance from first to last | L2 |
//! | realised volatility | sqrt(sum of squared step lengths / days) | L2 per sqrt(day) |
//! | maximum drawdown | largest fall of the distance from the first point below its peak | L2 |
//!
//! Realised volatility is Andersen and Bollerslev's (1998) of a vector: for a random walk it does
//! not depend on how often one looks. A drawdown needs one number a moment; a vector has none, so
//! it is the distance from where the entity began: how much of its way it took back.

use cvx_core::distance::l2_squared;

use crate::{Error, Trajectory};

/// The lengths of the steps from point to point.
#[must_use]
pub fn step_lengths(trajectory: &Trajectory<'_>) -> Vec<f64> {
    squared_steps(trajectory).map(f64::sqrt).collect()
}

/// The way gone from point to point; never shorter than the net displacement.
#[must_use]
pub fn path_length(trajectory: &Trajectory<'_>) -> f64 {
    squared_steps(trajectory).map(f64::sqrt).sum()
}

/// The distance from the first point to the last. Needs two points.
pub fn net_displacement(trajectory: &Trajectory<'_>) -> Result<f64, Error> {
    needs_two(trajectory)?;
    let (first, last) = (trajectory.vector(0), trajectory.vector(trajectory.len() - 1));
    Ok(l2_squared(first, last)?.sqrt())
}

/// The square root of the squared steps' sum per day. Needs two points.
pub fn realised_volatility(trajectory: &Trajectory<'_>) -> Result<f64, Error> {
    needs_two(trajectory)?;
    let days = trajectory.days(0, trajectory.len() - 1);
    Ok((squared_steps(trajectory).sum::<f64>() / days).sqrt())
}

/// How far the distance from the first point fell below its highest so far. Needs two points.
pub fn max_drawdown(trajectory: &Trajectory<'_>) -> Result<f64, Error> {
    needs_two(trajectory)?;
    let first = trajectory.vector(0);
    let (mut peak, mut fall) = (0.0f64, 0.0f64);
    for vector in trajectory.vectors() {
        let distance = l2_squared(first, vector)?.sqrt();
        peak = peak.max(distance);
        fall = fall.max(peak - distance);
    }
    Ok(fall)
}

fn needs_two(trajectory: &Trajectory<'_>) -> Result<(), Error> {
    match trajectory.len() {
        have @ 0..2 => Err(Error::InsufficientData { needed: 2, have }),
        _ => Ok(()),
    }
}

fn squared_steps(trajectory: &Trajectory<'_>) -> impl Iterator<Item = f64> {
    let steps = trajectory.vectors().zip(trajectory.vectors().skip(1));
    // Rows of one trajectory have one dimension, so every step has a length.
    steps.filter_map(|(from, to)| l2_squared(from, to).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY_US: i64 = 86_400_000_000;

    fn daily(points: usize) -> Vec<i64> {
        (0..points as i64).map(|day| day * DAY_US).collect()
    }

    #[test]
    fn there_and_half_the_way_back() {
        let ts = daily(3);
        let walk = Trajectory::new(&ts, &[0.0, 0.0, 3.0, 4.0, 1.5, 2.0], 2).unwrap();
        assert_eq!(step_lengths(&walk), [5.0, 2.5]);
        assert_eq!(path_length(&walk), 7.5);
        assert_eq!(net_displacement(&walk), Ok(2.5));
        assert_eq!(max_drawdown(&walk), Ok(2.5));
        assert_eq!(realised_volatility(&walk), Ok((31.25f64 / 2.0).sqrt()));
    }

    #[test]
    fn one_point_went_nowhere() {
        let one = Trajectory::new(&[0], &[1.0], 1).unwrap();
        let lacking = Err(Error::InsufficientData { needed: 2, have: 1 });
        assert_eq!(path_length(&one), 0.0);
        assert_eq!(net_displacement(&one), lacking);
        assert_eq!(realised_volatility(&one), lacking);
        assert_eq!(max_drawdown(&one), lacking);
    }

    proptest! {
        #[test]
        fn measures_bound_each_other(
            dim in 1..6usize, numbers in prop::collection::vec(-5.0..5.0f32, 12..60),
        ) {
            let points = numbers.len() / dim;
            let ts = daily(points);
            let walk = Trajectory::new(&ts, &numbers[..points * dim], dim).unwrap();
            let (path, net) = (path_length(&walk), net_displacement(&walk).unwrap());
            prop_assert!(path >= net * (1.0 - 1e-12));
            // A fall was climbed before, and neither is shorter than its height.
            prop_assert!(max_drawdown(&walk).unwrap() <= path / 2.0 * (1.0 + 1e-12));
            let days = (points - 1) as f64;
            let volatility = realised_volatility(&walk).unwrap();
            // Cauchy and Schwarz: (sum |d|)^2 <= steps * sum |d|^2.
            prop_assert!(path <= volatility * days * (1.0 + 1e-12));
        }

        #[test]
        fn a_straight_way_has_no_drawdown_and_no_detour(
            speed in 0.1..5.0f32, points in 2..30usize,
        ) {
            let ts = daily(points);
            let x: Vec<f32> = (0..points).map(|day| speed * day as f32).collect();
            let walk = Trajectory::new(&ts, &x, 1).unwrap();
            prop_assert_eq!(max_drawdown(&walk), Ok(0.0));
            let (path, net) = (path_length(&walk), net_displacement(&walk).unwrap());
            prop_assert!((path - net).abs() < 1e-5 * net);
        }
    }
}
