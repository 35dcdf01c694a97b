//! A trajectory told by named anchors: how near to each of them it was, point by point.
//!
//! The dimensions of an embedding have no names. Anchors do: the vectors of known words, topics or
//! products, or differences of two (the axis from *cheap* to *dear*; An, Kwak and Ahn 2018 call
//! such axes SemAxis). The coordinates along them are numbers that people can read, and the anchor
//! whose coordinate changed most names the drift.
//!
//! Anchors are used as they are and one at a time. I did consider coordinates of all anchors
//! jointly (least squares): they add up to the vector, but one anchor more changes all others, and
//! two similar ones get large numbers of opposite sign.

use cvx_core::distance::{inner_product, norm};

use crate::rows::same_dimension;
use crate::{Error, Rows, Trajectory};

/// What a coordinate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Along {
    /// The cosine of the angle to the anchor, -1 to 1.
    Cosine,
    /// The length of the part along the anchor, in units of the vectors.
    Component,
}

/// The coordinates of each point along each anchor: `path.len()` rows of `anchors.len()` numbers.
pub fn anchor_projection(
    path: &Trajectory<'_>,
    anchors: &Rows<'_>,
    along: Along,
) -> Result<Vec<f64>, Error> {
    same_dimension(path.dim(), anchors.dim())?;
    let lengths: Vec<f64> = anchors.iter().map(norm).collect();
    if lengths.contains(&0.0) {
        return Err(Error::Undetermined("an anchor that is a zero vector has no direction"));
    }
    let mut coordinates = Vec::with_capacity(path.len() * anchors.len());
    for vector in path.vectors() {
        let own = match along {
            Along::Cosine => norm(vector),
            Along::Component => 1.0,
        };
        if own == 0.0 {
            return Err(Error::Undetermined("a zero vector has no direction"));
        }
        for (anchor, length) in anchors.iter().zip(&lengths) {
            let part = inner_product(vector, anchor)? / length / own;
            coordinates.push(if along == Along::Cosine { part.clamp(-1.0, 1.0) } else { part });
        }
    }
    Ok(coordinates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_goes_from_one_anchor_to_the_other() {
        let path = Trajectory::new(&[0, 1, 2], &[2.0, 0.0, 1.0, 1.0, 0.0, 3.0], 2).unwrap();
        let anchors = Rows::new(&[10.0, 0.0, 0.0, 0.5], 2).unwrap();
        let half = std::f64::consts::FRAC_1_SQRT_2;
        let cosines = anchor_projection(&path, &anchors, Along::Cosine).unwrap();
        for (got, expected) in cosines.iter().zip([1.0, 0.0, half, half, 0.0, 1.0]) {
            assert!((got - expected).abs() < 1e-12, "{cosines:?}");
        }
        let components = anchor_projection(&path, &anchors, Along::Component).unwrap();
        assert_eq!(components, [2.0, 0.0, 1.0, 1.0, 0.0, 3.0]);
    }

    #[test]
    fn what_has_no_direction_is_an_error() {
        let path = Trajectory::new(&[0], &[0.0, 0.0], 2).unwrap();
        let anchors = Rows::new(&[1.0, 0.0], 2).unwrap();
        let none = anchor_projection(&path, &anchors, Along::Cosine);
        assert!(matches!(none, Err(Error::Undetermined(_))));
        assert_eq!(anchor_projection(&path, &anchors, Along::Component), Ok(vec![0.0]));
        let zero = Rows::new(&[0.0, 0.0], 2).unwrap();
        let none = anchor_projection(&path, &zero, Along::Component);
        assert!(matches!(none, Err(Error::Undetermined(_))));
        let other = Rows::new(&[0.0; 3], 3).unwrap();
        assert!(matches!(anchor_projection(&path, &other, Along::Cosine), Err(Error::Distance(_))));
    }
}
