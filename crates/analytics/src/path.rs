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

use crate::trajectory::days_between;
use crate::{Error, Trajectory};

/// What a way amounts to so far: the measures of this module a point at a time, and each of them
/// to the bit what the function on all points says.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    points: usize,
    first: Vec<f32>,
    last: Vec<f32>,
    first_us: i64,
    last_us: i64,
    length: f64,
    squares: f64,
    peak: f64,
    fall: f64,
}

impl Way {
    /// A way that begins here.
    #[must_use]
    pub fn from(ts_us: i64, vector: &[f32]) -> Self {
        Self {
            points: 1,
            first: vector.to_vec(),
            last: vector.to_vec(),
            first_us: ts_us,
            last_us: ts_us,
            length: 0.0,
            squares: 0.0,
            peak: 0.0,
            fall: 0.0,
        }
    }

    /// Goes on to a point, which must be later than the last; the same point again is none.
    pub fn go(&mut self, ts_us: i64, vector: &[f32]) -> Result<(), Error> {
        if ts_us == self.last_us && vector == self.last {
            return Ok(());
        }
        if ts_us <= self.last_us {
            return Err(Error::NotATrajectory("times do not grow"));
        }
        let square = l2_squared(&self.last, vector)?;
        self.length += square.sqrt();
        self.squares += square;
        let distance = l2_squared(&self.first, vector)?.sqrt();
        self.peak = self.peak.max(distance);
        self.fall = self.fall.max(self.peak - distance);
        self.last.copy_from_slice(vector);
        self.last_us = ts_us;
        self.points += 1;
        Ok(())
    }

    /// As [`path_length`]. Needs two points.
    pub fn path_length(&self) -> Result<f64, Error> {
        self.needs_two().map(|()| self.length)
    }

    /// As [`realised_volatility`].
    pub fn realised_volatility(&self) -> Result<f64, Error> {
        self.needs_two()?;
        Ok((self.squares / days_between(self.first_us, self.last_us)).sqrt())
    }

    /// As [`max_drawdown`].
    pub fn max_drawdown(&self) -> Result<f64, Error> {
        self.needs_two().map(|()| self.fall)
    }

    fn needs_two(&self) -> Result<(), Error> {
        match self.points {
            have @ 0..2 => Err(Error::InsufficientData { needed: 2, have }),
            _ => Ok(()),
        }
    }
}

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

        /// Point by point to the bit what is said of all of them.
        #[test]
        fn a_way_amounts_to_what_its_points_do(
            dim in 1..6usize, numbers in prop::collection::vec(-5.0..5.0f32, 12..60),
        ) {
            let points = numbers.len() / dim;
            let ts = daily(points);
            let mut way = Way::from(ts[0], &numbers[..dim]);
            for n in 1..=points {
                let so_far = Trajectory::new(&ts[..n], &numbers[..n * dim], dim).unwrap();
                way.go(ts[n - 1], so_far.vector(n - 1)).unwrap();
                prop_assert_eq!(way.realised_volatility(), realised_volatility(&so_far));
                prop_assert_eq!(way.max_drawdown(), max_drawdown(&so_far));
                let length = way.path_length();
                prop_assert_eq!(length, needs_two(&so_far).map(|()| path_length(&so_far)));
            }
            let back = way.clone().go(ts[0] - 1, &numbers[..dim]);
            prop_assert!(matches!(back, Err(Error::NotATrajectory(_))));
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
