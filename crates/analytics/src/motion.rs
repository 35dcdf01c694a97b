//! Velocity and acceleration by finite differences over uneven times.
//!
//! ```text
//!        d1            d2             slopes of the two neighbouring steps
//!   x[i-1] ---h1--- x[i] ---h2--- x[i+1]
//!
//!   velocity      (h2 d1 + h1 d2) / (h1 + h2)
//!   acceleration  2 (d2 - d1) / (h1 + h2)
//! ```
//!
//! Both are those of the parabola through the three points, so the velocity of a body under
//! constant acceleration is exact however uneven the times; the plain mean of slopes is not. At
//! the ends of a trajectory the velocity is the slope of the one step there is. I did consider
//! the end of the parabola instead: it trusts the step farther away with a negative weight, and
//! so makes noise louder exactly where the present is. The acceleration at an end is that of the
//! outermost three points.

use crate::{Error, Trajectory};

/// The velocity at a point, per day. Needs two points.
pub fn velocity(trajectory: &Trajectory<'_>, at: usize) -> Result<Vec<f64>, Error> {
    check(trajectory, at, 2)?;
    let last = trajectory.len() - 1;
    if at == 0 {
        return Ok(slope(trajectory, 0));
    }
    if at == last {
        return Ok(slope(trajectory, last - 1));
    }
    let (h1, h2) = (trajectory.days(at - 1, at), trajectory.days(at, at + 1));
    let (before, after) = (h2 / (h1 + h2), h1 / (h1 + h2));
    let slopes = slope(trajectory, at - 1).into_iter().zip(slope(trajectory, at));
    Ok(slopes.map(|(d1, d2)| before * d1 + after * d2).collect())
}

/// The acceleration at a point, per day squared. Needs three points.
pub fn acceleration(trajectory: &Trajectory<'_>, at: usize) -> Result<Vec<f64>, Error> {
    check(trajectory, at, 3)?;
    let middle = at.clamp(1, trajectory.len() - 2);
    let half_span = trajectory.days(middle - 1, middle + 1) / 2.0;
    let slopes = slope(trajectory, middle - 1).into_iter().zip(slope(trajectory, middle));
    Ok(slopes.map(|(d1, d2)| (d2 - d1) / half_span).collect())
}

/// The length of a velocity or an acceleration.
#[must_use]
pub fn magnitude(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn check(trajectory: &Trajectory<'_>, at: usize, needed: usize) -> Result<(), Error> {
    let have = trajectory.len();
    if have < needed {
        return Err(Error::InsufficientData { needed, have });
    }
    if at >= have {
        return Err(Error::NoSuchPoint { at, have });
    }
    Ok(())
}

/// Change per day from a point to the next.
fn slope(trajectory: &Trajectory<'_>, from: usize) -> Vec<f64> {
    let days = trajectory.days(from, from + 1);
    let ends = trajectory.vector(from).iter().zip(trajectory.vector(from + 1));
    ends.map(|(from, to)| (f64::from(*to) - f64::from(*from)) / days).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR_US: i64 = 3_600_000_000;

    /// Uneven times, a few hours to a few weeks apart, and a motion by polynomial of the days.
    fn times() -> impl Strategy<Value = Vec<i64>> {
        (-1_000_000..1_000_000i64, prop::collection::vec(1..400i64, 2..20)).prop_map(
            |(start, gaps)| {
                let mut ts = vec![start * HOUR_US];
                ts.extend(gaps.iter().scan(start, |at, gap| {
                    *at += gap;
                    Some(*at * HOUR_US)
                }));
                ts
            },
        )
    }

    /// `x = offset + speed d + push d^2 / 2` per dimension, `d` days after the first point.
    fn moved(ts: &[i64], laws: &[(f64, f64, f64)]) -> Vec<f32> {
        let days = |t: i64| (t - ts[0]) as f64 / (24 * HOUR_US) as f64;
        let at =
            |d: f64| move |law: &(f64, f64, f64)| (law.0 + law.1 * d + law.2 * d * d / 2.0) as f32;
        ts.iter().flat_map(|t| laws.iter().map(at(days(*t))).collect::<Vec<f32>>()).collect()
    }

    fn assert_near(got: &[f64], expected: impl Iterator<Item = f64>, allowed: f64) {
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() <= allowed, "{got} for {expected} within {allowed}");
        }
    }

    proptest! {
        #[test]
        fn a_linear_mover_has_constant_velocity_and_no_acceleration(
            ts in times(), laws in prop::collection::vec((-1.0..1.0, -1.0..1.0, Just(0.0)), 1..5),
        ) {
            let vectors = moved(&ts, &laws);
            let walk = Trajectory::new(&ts, &vectors, laws.len()).unwrap();
            for at in 0..walk.len() {
                // Positions up to some hundreds are rounded to f32, steps are an hour at least.
                let rounding = 400.0 * 6e-8 * 2.0 * 24.0;
                let velocity = velocity(&walk, at).unwrap();
                assert_near(&velocity, laws.iter().map(|law| law.1), rounding);
                let acceleration = acceleration(&walk, at).unwrap();
                assert_near(&acceleration, laws.iter().map(|_| 0.0), rounding * 2.0 * 24.0);
            }
        }

        /// Whole numbers, so that f32 holds the positions and every difference is exact.
        #[test]
        fn a_steady_push_is_measured_exactly_however_uneven_the_times(
            gaps in prop::collection::vec(1..9i64, 2..10), speed in -4..4i8, push in -4..4i8,
        ) {
            let law = (0.0, f64::from(speed), f64::from(push * 2));
            let mut days = vec![0i64];
            days.extend(gaps.iter().scan(0, |day, gap| { *day += gap; Some(*day) }));
            let ts: Vec<i64> = days.iter().map(|day| day * 24 * HOUR_US).collect();
            let vectors = moved(&ts, &[law]);
            let walk = Trajectory::new(&ts, &vectors, 1).unwrap();
            for (at, day) in days.iter().enumerate() {
                let acceleration = acceleration(&walk, at).unwrap();
                assert_near(&acceleration, [law.2].into_iter(), 1e-9);
                if (1..walk.len() - 1).contains(&at) {
                    let velocity = velocity(&walk, at).unwrap();
                    assert_near(&velocity, [law.1 + law.2 * *day as f64].into_iter(), 1e-9);
                }
            }
        }
    }

    #[test]
    fn ends_have_the_slope_of_their_step() {
        let ts = [0, 24 * HOUR_US, 3 * 24 * HOUR_US];
        let walk = Trajectory::new(&ts, &[0.0, 1.0, 7.0], 1).unwrap();
        let velocities = [0, 1, 2].map(|at| velocity(&walk, at).unwrap()[0]);
        assert_near(&velocities, [1.0, 5.0 / 3.0, 3.0].into_iter(), 1e-12);
    }

    #[test]
    fn too_few_points_say_how_many_are_needed() {
        let one = Trajectory::new(&[0], &[1.0], 1).unwrap();
        let two = Trajectory::new(&[0, 1], &[1.0, 2.0], 1).unwrap();
        let lacking = |needed, have| Err(Error::InsufficientData { needed, have });
        assert_eq!(velocity(&one, 0), lacking(2, 1));
        assert_eq!(acceleration(&two, 0), lacking(3, 2));
        assert_eq!(velocity(&two, 2), Err(Error::NoSuchPoint { at: 2, have: 2 }));
    }
}
