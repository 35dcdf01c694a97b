//! Where an entity was at a moment, or on average over a window.
//!
//! ```text
//!   step     x0 -------- x1 -------- x2 ...   the point in force, as AS OF answers
//!   linear   x0 . . . .  x1 . . . .  x2 ---   on the straight line to the next point
//!   slerp    the same on the great circle (Shoemake 1985), lengths on a straight line
//! ```
//!
//! Before the first point there is no position, behind the last one it is the last point: what
//! comes next is prediction's business. Slerp has no way between opposite directions or from a
//! zero vector; there it is linear.

use std::str::FromStr;

use crate::drift::angle;
use crate::trajectory::days_between;
use crate::{Error, Trajectory};

/// What lies between two points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interpolate {
    #[default]
    Step,
    Linear,
    Slerp,
}

impl FromStr for Interpolate {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name.trim().to_ascii_lowercase().as_str() {
            "step" | "none" => Ok(Self::Step),
            "linear" => Ok(Self::Linear),
            "slerp" => Ok(Self::Slerp),
            _ => Err(Error::Invalid("interpolation must be step, linear or slerp")),
        }
    }
}

/// The position at a moment.
pub fn position(
    trajectory: &Trajectory<'_>,
    at_us: i64,
    how: Interpolate,
) -> Result<Vec<f64>, Error> {
    let before = trajectory.in_force(at_us).ok_or(Error::NothingInForce)?;
    let from = wide(trajectory.vector(before));
    if how == Interpolate::Step || before + 1 == trajectory.len() {
        return Ok(from);
    }
    let to = wide(trajectory.vector(before + 1));
    let since = days_between(trajectory.times_us()[before], at_us);
    let share = since / trajectory.days(before, before + 1);
    Ok(match how {
        Interpolate::Slerp => slerp(&from, &to, share),
        Interpolate::Step | Interpolate::Linear => linear(&from, &to, share),
    })
}

/// The mean position over `[from_us, to_us]`, each point weighted by how long it was in force in
/// it. Time before the first point does not count.
pub fn mean_position(
    trajectory: &Trajectory<'_>,
    from_us: i64,
    to_us: i64,
) -> Result<Vec<f64>, Error> {
    if from_us >= to_us {
        return position(trajectory, to_us, Interpolate::Step);
    }
    let last = trajectory.in_force(to_us).ok_or(Error::NothingInForce)?;
    let first = trajectory.in_force(from_us).unwrap_or(0);
    let times = trajectory.times_us();
    let (mut mean, mut total) = (vec![0.0; trajectory.dim()], 0.0);
    for point in first..=last {
        let end = if point == last { to_us } else { times[point + 1] };
        let weight = days_between(times[point].max(from_us), end);
        total += weight;
        mean.iter_mut()
            .zip(trajectory.vector(point))
            .for_each(|(sum, x)| *sum += weight * f64::from(*x));
    }
    if total == 0.0 {
        // The first point stands exactly at the window's end.
        return Ok(wide(trajectory.vector(last)));
    }
    mean.iter_mut().for_each(|sum| *sum /= total);
    Ok(mean)
}

pub(crate) fn wide(vector: &[f32]) -> Vec<f64> {
    vector.iter().map(|x| f64::from(*x)).collect()
}

fn linear(from: &[f64], to: &[f64], share: f64) -> Vec<f64> {
    mixed(from, to, 1.0 - share, share)
}

fn mixed(from: &[f64], to: &[f64], of_from: f64, of_to: f64) -> Vec<f64> {
    from.iter().zip(to).map(|(from, to)| of_from * from + of_to * to).collect()
}

fn slerp(from: &[f64], to: &[f64], share: f64) -> Vec<f64> {
    let (from_length, to_length) = (crate::magnitude(from), crate::magnitude(to));
    let theta = angle(from, to);
    let sine = theta.sin();
    // A zero vector has no angle: NaN.
    if sine.is_nan() || sine <= 1e-9 {
        return linear(from, to, share);
    }
    let length = (1.0 - share) * from_length + share * to_length;
    let of_from = ((1.0 - share) * theta).sin() / sine * length / from_length;
    let of_to = (share * theta).sin() / sine * length / to_length;
    mixed(from, to, of_from, of_to)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(got: &[f64], expected: &[f64]) -> bool {
        got.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 1e-6)
    }

    #[test]
    fn a_quarter_turn_has_a_middle() {
        let ts = [0, 100];
        let turn = Trajectory::new(&ts, &[2.0, 0.0, 0.0, 4.0], 2).unwrap();
        let at = |at, how| position(&turn, at, how).unwrap();
        assert_eq!(at(50, Interpolate::Step), [2.0, 0.0]);
        assert_eq!(at(50, Interpolate::Linear), [1.0, 2.0]);
        let half = 3.0 * 0.5f64.sqrt();
        assert!(near(&at(50, Interpolate::Slerp), &[half, half]));
        assert_eq!(at(200, Interpolate::Linear), [0.0, 4.0]);
        let early = position(&turn, -1, Interpolate::Step);
        assert_eq!(early, Err(Error::NothingInForce));
    }

    #[test]
    fn slerp_without_a_way_is_linear() {
        let ts = [0, 100];
        let opposite = Trajectory::new(&ts, &[1.0, 0.0, -1.0, 0.0], 2).unwrap();
        assert_eq!(position(&opposite, 25, Interpolate::Slerp), Ok(vec![0.5, 0.0]));
        let from_zero = Trajectory::new(&ts, &[0.0, 0.0, 4.0, 0.0], 2).unwrap();
        assert_eq!(position(&from_zero, 25, Interpolate::Slerp), Ok(vec![1.0, 0.0]));
    }

    #[test]
    fn a_window_weighs_points_by_their_time() {
        let ts = [0, 10, 40];
        let steps = Trajectory::new(&ts, &[1.0, 2.0, 6.0], 1).unwrap();
        assert!(near(&mean_position(&steps, 0, 40).unwrap(), &[(10.0 + 60.0) / 40.0]));
        assert!(near(&mean_position(&steps, 20, 50).unwrap(), &[(40.0 + 60.0) / 30.0]));
        assert!(near(&mean_position(&steps, -90, 20).unwrap(), &[(10.0 + 20.0) / 20.0]));
        assert_eq!(mean_position(&steps, -5, 0), Ok(vec![1.0]));
        assert_eq!(mean_position(&steps, -9, -5), Err(Error::NothingInForce));
        assert_eq!(mean_position(&steps, 41, 41), Ok(vec![6.0]));
    }

    proptest! {
        #[test]
        fn slerp_between_unit_vectors_stays_on_the_sphere_at_constant_speed(
            a in prop::collection::vec(-1.0..1.0f32, 3),
            b in prop::collection::vec(-1.0..1.0f32, 3),
            share in 0..=100i64,
        ) {
            let unit = |v: &[f32]| -> Vec<f32> {
                let length = v.iter().map(|x| x * x).sum::<f32>().sqrt();
                v.iter().map(|x| x / length).collect()
            };
            prop_assume!(a.iter().any(|x| x.abs() > 0.1) && b.iter().any(|x| x.abs() > 0.1));
            let (a, b) = (unit(&a), unit(&b));
            let whole = angle(&wide(&a), &wide(&b));
            prop_assume!(whole > 0.01 && whole < 3.0);
            let ts = [0, 100];
            let both = [a.clone(), b].concat();
            let arc = Trajectory::new(&ts, &both, 3).unwrap();
            let x = position(&arc, share, Interpolate::Slerp).unwrap();
            prop_assert!((crate::magnitude(&x) - 1.0).abs() < 1e-5);
            prop_assert!((angle(&wide(&a), &x) - whole * share as f64 / 100.0).abs() < 1e-5);
        }
    }
}
