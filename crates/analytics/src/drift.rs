//! How far something has come: between two moments, and along its way.

use cvx_core::distance::{self, norm};
use cvx_core::{DistanceError, Metric};

use crate::{Error, Trajectory};

/// How far two vectors of one entity lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// Length of the displacement.
    pub l2: f64,
    /// One minus the cosine of the angle; NaN if a vector is zero.
    pub cosine: f64,
    /// The angle itself in radians, 0 to pi; NaN if a vector is zero.
    pub angular: f64,
}

/// The drift from one vector to another.
pub fn drift(from: &[f32], to: &[f32]) -> Result<Drift, Error> {
    Ok(Drift {
        l2: distance::l2_squared(from, to)?.sqrt(),
        cosine: distance::distance(Metric::Cosine, from, to)?,
        angular: angle(from, to),
    })
}

/// `2 atan2(|a' - b'|, |a' + b'|)` of the unit vectors (Kahan 2006, section 12): `acos` loses
/// half the digits of a small angle, and small angles are what drift is made of.
fn angle(a: &[f32], b: &[f32]) -> f64 {
    let (a_norm, b_norm) = (norm(a), norm(b));
    if a_norm == 0.0 || b_norm == 0.0 {
        return f64::NAN;
    }
    let (mut difference, mut sum) = (0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (f64::from(*a) / a_norm, f64::from(*b) / b_norm);
        difference += (a - b) * (a - b);
        sum += (a + b) * (a + b);
    }
    2.0 * difference.sqrt().atan2(sum.sqrt())
}

/// `to - from`, dimension by dimension.
pub fn displacement(from: &[f32], to: &[f32]) -> Result<Vec<f64>, Error> {
    if from.len() != to.len() {
        let (left, right) = (from.len(), to.len());
        return Err(DistanceError::Dimensions { left, right }.into());
    }
    Ok(from.iter().zip(to).map(|(from, to)| f64::from(*to) - f64::from(*from)).collect())
}

/// The way gone from point to point; never shorter than the drift from the first to the last.
#[must_use]
pub fn path_length(trajectory: &Trajectory<'_>) -> f64 {
    let steps = trajectory.vectors().zip(trajectory.vectors().skip(1));
    // Rows of one trajectory have one dimension, so every step has a length.
    steps.filter_map(|(from, to)| distance::l2_squared(from, to).ok()).map(f64::sqrt).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pair() -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
        (1..40usize).prop_flat_map(|dim| {
            let vector = prop::collection::vec(-10.0..10.0f32, dim);
            (vector.clone(), vector)
        })
    }

    #[test]
    fn a_quarter_turn() {
        let turned = drift(&[3.0, 0.0], &[0.0, 4.0]).unwrap();
        assert_eq!((turned.l2, turned.cosine), (5.0, 1.0));
        assert!((turned.angular - std::f64::consts::FRAC_PI_2).abs() < 1e-15);
        let nowhere = drift(&[0.0, 0.0], &[0.0, 4.0]).unwrap();
        assert!(nowhere.l2 == 4.0 && nowhere.cosine.is_nan() && nowhere.angular.is_nan());
        assert!(drift(&[1.0], &[1.0, 2.0]).is_err());
        assert!(displacement(&[1.0], &[1.0, 2.0]).is_err());
    }

    #[test]
    fn a_small_angle_keeps_its_digits() {
        let angle = f64::from(1e-6f32);
        let turned = drift(&[1.0, 0.0], &[1.0, 1e-6]).unwrap();
        assert!((turned.angular - angle.atan()).abs() < 1e-12 * angle, "{}", turned.angular);
    }

    proptest! {
        #[test]
        fn the_three_measures_agree((a, b) in pair()) {
            let drift = drift(&a, &b).unwrap();
            let way = displacement(&a, &b).unwrap();
            let length = way.iter().map(|x| x * x).sum::<f64>().sqrt();
            prop_assert!((drift.l2 - length).abs() <= 1e-12 * (1.0 + length));
            prop_assume!(norm(&a) > 0.0 && norm(&b) > 0.0);
            prop_assert!((0.0..=std::f64::consts::PI + 1e-12).contains(&drift.angular));
            prop_assert!((1.0 - drift.angular.cos() - drift.cosine).abs() <= 2e-6);
        }

        #[test]
        fn standing_still_is_no_drift((a, _) in pair()) {
            prop_assume!(norm(&a) > 0.0);
            prop_assert_eq!(drift(&a, &a).unwrap(), Drift { l2: 0.0, cosine: 0.0, angular: 0.0 });
        }

        #[test]
        fn the_way_is_no_shorter_than_the_drift(dim in 1..6usize,
            numbers in prop::collection::vec(-5.0..5.0f32, 6..60)) {
            let points = numbers.len() / dim;
            let ts: Vec<i64> = (0..points as i64).collect();
            let walk = Trajectory::new(&ts, &numbers[..points * dim], dim).unwrap();
            let (first, last) = (walk.vector(0), walk.vector(points - 1));
            let direct = drift(first, last).unwrap().l2;
            prop_assert!(path_length(&walk) >= direct * (1.0 - 1e-12));
            let there_and_back: Vec<f32> =
                first.iter().chain(last).chain(first).copied().collect();
            let round = Trajectory::new(&[0, 1, 2], &there_and_back, dim).unwrap();
            prop_assert!((path_length(&round) - 2.0 * direct).abs() <= 1e-12 * direct);
        }
    }
}
