//! How far something has come from one place to another, and in which dimensions.

use cvx_core::DistanceError;

use crate::Error;
use crate::position::wide;

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

/// Where a drift went: the displacement taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// Cosines of the displacement with each axis: the displacement at length 1. All zero where
    /// nothing moved.
    pub direction: Vec<f64>,
    /// The dimensions that moved most, most first.
    pub most_affected: Vec<Affected>,
}

/// A dimension and its part in a drift.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affected {
    /// From 0.
    pub dimension: usize,
    pub change: f64,
    /// Of the squared length, 0 to 1; those of all dimensions add up to 1.
    pub share: f64,
}

/// The drift from one stored vector to another.
pub fn drift(from: &[f32], to: &[f32]) -> Result<Drift, Error> {
    drift_between(&wide(from), &wide(to))
}

/// The drift between two positions.
pub fn drift_between(from: &[f64], to: &[f64]) -> Result<Drift, Error> {
    let way = difference(from, to)?;
    let theta = angle(from, to);
    // 1 - cos(theta) without the cancellation that eats small angles.
    let half = (theta / 2.0).sin();
    Ok(Drift { l2: crate::magnitude(&way), cosine: 2.0 * half * half, angular: theta })
}

/// The direction of the drift, and its `top` most affected dimensions.
pub fn course(from: &[f64], to: &[f64], top: usize) -> Result<Course, Error> {
    let mut direction = difference(from, to)?;
    let length = crate::magnitude(&direction);
    let share = |change: f64| if length > 0.0 { (change / length).powi(2) } else { 0.0 };
    let mut most_affected: Vec<Affected> = direction
        .iter()
        .enumerate()
        .map(|(dimension, change)| Affected { dimension, change: *change, share: share(*change) })
        .filter(|affected| affected.change != 0.0)
        .collect();
    most_affected
        .sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.dimension.cmp(&b.dimension)));
    most_affected.truncate(top);
    if length > 0.0 {
        direction.iter_mut().for_each(|x| *x /= length);
    }
    Ok(Course { direction, most_affected })
}

/// `2 atan2(|a' - b'|, |a' + b'|)` of the unit vectors (Kahan 2006, section 12): `acos` loses
/// half the digits of a small angle, and small angles are what drift is made of.
pub(crate) fn angle(a: &[f64], b: &[f64]) -> f64 {
    let (a_norm, b_norm) = (crate::magnitude(a), crate::magnitude(b));
    if a_norm == 0.0 || b_norm == 0.0 {
        return f64::NAN;
    }
    let (mut difference, mut sum) = (0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a / a_norm, b / b_norm);
        difference += (a - b) * (a - b);
        sum += (a + b) * (a + b);
    }
    2.0 * difference.sqrt().atan2(sum.sqrt())
}

/// `to - from`, dimension by dimension.
pub fn displacement(from: &[f32], to: &[f32]) -> Result<Vec<f64>, Error> {
    difference(&wide(from), &wide(to))
}

fn difference(from: &[f64], to: &[f64]) -> Result<Vec<f64>, Error> {
    if from.len() != to.len() {
        let (left, right) = (from.len(), to.len());
        return Err(DistanceError::Dimensions { left, right }.into());
    }
    Ok(from.iter().zip(to).map(|(from, to)| to - from).collect())
}

#[cfg(test)]
mod tests {
    use cvx_core::distance::norm;
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
        assert_eq!(turned.l2, 5.0);
        assert!((turned.cosine - 1.0).abs() < 1e-15);
        assert!((turned.angular - std::f64::consts::FRAC_PI_2).abs() < 1e-15);
        let nowhere = drift(&[0.0, 0.0], &[0.0, 4.0]).unwrap();
        assert!(nowhere.l2 == 4.0 && nowhere.cosine.is_nan() && nowhere.angular.is_nan());
        assert!(drift(&[1.0], &[1.0, 2.0]).is_err());
        assert!(displacement(&[1.0], &[1.0, 2.0]).is_err());
        assert!(course(&[1.0], &[1.0, 2.0], 3).is_err());
    }

    #[test]
    fn a_small_angle_keeps_its_digits() {
        let angle = f64::from(1e-6f32);
        let turned = drift(&[1.0, 0.0], &[1.0, 1e-6]).unwrap();
        assert!((turned.angular - angle.atan()).abs() < 1e-12 * angle, "{}", turned.angular);
        let expected = angle.atan() * angle.atan() / 2.0;
        assert!((turned.cosine - expected).abs() < 1e-12 * expected, "{}", turned.cosine);
    }

    #[test]
    fn the_most_affected_come_first() {
        let course = course(&[0.0, 0.0, 0.0], &[3.0, 0.0, -4.0], 5).unwrap();
        let affected = |dimension, change, share| Affected { dimension, change, share };
        let most = &course.most_affected;
        assert_eq!(most.len(), 2);
        assert_eq!((most[0].dimension, most[0].change), (2, -4.0));
        assert!((most[0].share - 0.64).abs() < 1e-15);
        assert_eq!(most[1], affected(0, 3.0, most[1].share));
        assert_eq!(course.direction, [0.6, 0.0, -0.8]);
    }

    #[test]
    fn standing_still_has_no_direction() {
        let course = course(&[1.0, 2.0], &[1.0, 2.0], 5).unwrap();
        assert_eq!(course, Course { direction: vec![0.0; 2], most_affected: vec![] });
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
            prop_assert!((1.0 - drift.angular.cos() - drift.cosine).abs() <= 1e-12);
            let metric = cvx_core::distance(cvx_core::Metric::Cosine, &a, &b).unwrap();
            prop_assert!((metric - drift.cosine).abs() <= 2e-6);
        }

        #[test]
        fn standing_still_is_no_drift((a, _) in pair()) {
            prop_assume!(norm(&a) > 0.0);
            prop_assert_eq!(drift(&a, &a).unwrap(), Drift { l2: 0.0, cosine: 0.0, angular: 0.0 });
        }

        #[test]
        fn shares_of_all_dimensions_are_one((a, b) in pair()) {
            let course = course(&wide(&a), &wide(&b), usize::MAX).unwrap();
            prop_assume!(!course.most_affected.is_empty());
            let total: f64 = course.most_affected.iter().map(|affected| affected.share).sum();
            prop_assert!((total - 1.0).abs() < 1e-12);
            let length: f64 = course.direction.iter().map(|x| x * x).sum();
            prop_assert!((length - 1.0).abs() < 1e-12);
        }
    }
}
