//! The signature of a path: its iterated integrals (Chen 1957; Lyons 1998).
//!
//! ```text
//!   S1[i]     = x_i(end) - x_i(start)                       where to
//!   S2[i,j]   = integral of (x_i - x_i(start)) dx_j          in which order: areas
//!   S3[i,j,k] = one integral more                            how the areas come about
//! ```
//!
//! Two entities may end where the other does and have gone there by other ways: signatures tell
//! them apart, and do not care how fast each went nor how often it was looked at. A straight
//! segment's signature is the exponential of its step; segments are joined by Chen's identity, so a
//! path costs one pass and memory of one signature. Values agree with the library esig
//! (`tests/reference`), whose order (lexicographic, level by level) is ours; its leading 1 is left
//! out.
//!
//! In d dimensions there are d + d^2 + d^3 numbers, so vectors are projected first
//! ([`Projection`]); at most 32 dimensions are taken.
//!
//! The distance is homogeneous (Friz and Victoir 2010, section 7.3): the greatest of
//! `(k! |S_k - T_k|)^(1/k)`. Levels are lengths, areas and volumes; their roots are all lengths, in
//! units of the path, and a metric. The plain Euclidean distance of all numbers is ruled by level 3
//! where paths are long, and by level 1 where they are short.

use crate::rows::same_dimension;
use crate::{Error, Projection, Rows, Trajectory};

/// Levels 1 to `depth` of a path's signature.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    dim: usize,
    levels: Vec<Vec<f64>>,
}

const DEPTH_MAX: usize = 3;
const DIM_MAX: usize = 32;
const NOT_OF_THE_DIMENSION: Error =
    Error::Invalid("a signature in d dimensions has d, d + d^2 or d + d^2 + d^3 numbers");

/// The signature of points given row by row. Needs two points; depth 1 to 3, at most 32
/// dimensions.
pub fn signature(path: &[f64], dim: usize, depth: usize) -> Result<Signature, Error> {
    if !(1..=DEPTH_MAX).contains(&depth) {
        return Err(Error::Invalid("a signature has 1 to 3 levels"));
    }
    if !(1..=DIM_MAX).contains(&dim) {
        return Err(Error::Invalid("a signature is taken in 1 to 32 dimensions; project first"));
    }
    if !path.len().is_multiple_of(dim) || path.iter().any(|value| !value.is_finite()) {
        return Err(Error::Invalid("a path is whole rows of finite numbers"));
    }
    let have = path.len() / dim;
    if have < 2 {
        return Err(Error::InsufficientData { needed: 2, have });
    }
    let mut signature = Signature::of_a_point(dim, depth);
    for (from, to) in path.chunks_exact(dim).zip(path.chunks_exact(dim).skip(1)) {
        let step: Vec<f64> = from.iter().zip(to).map(|(from, to)| to - from).collect();
        signature.go(&step);
    }
    if signature.values().any(|value| !value.is_finite()) {
        return Err(Error::Undetermined("the numbers leave the range of arithmetic"));
    }
    Ok(signature)
}

/// The signature of a trajectory in a projection's coordinates.
pub fn signature_in(
    frame: &Projection,
    path: &Trajectory<'_>,
    depth: usize,
) -> Result<Signature, Error> {
    let coordinates = frame.project_rows(&Rows::of(path)?)?;
    signature(&coordinates, frame.rank(), depth)
}

/// How differently two paths went, in units of the paths. Same dimension and depth.
pub fn signature_distance(a: &Signature, b: &Signature) -> Result<f64, Error> {
    same_dimension(a.dim, b.dim)?;
    if a.levels.len() != b.levels.len() {
        return Err(Error::Invalid("signatures of one depth compare"));
    }
    let (mut greatest, mut factorial) = (0.0f64, 1.0);
    for (at, (a, b)) in a.levels.iter().zip(&b.levels).enumerate() {
        let order = (at + 1) as f64;
        factorial *= order;
        let square: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
        greatest = greatest.max((factorial * square.sqrt()).powf(order.recip()));
    }
    Ok(greatest)
}

impl Signature {
    fn of_a_point(dim: usize, depth: usize) -> Self {
        let level = |k: usize| vec![0.0; dim.pow(k as u32)];
        Self { dim, levels: (1..=depth).map(level).collect() }
    }

    /// The signature that [`Signature::values`] gave, in so many dimensions.
    pub fn of_values(dim: usize, values: &[f64]) -> Result<Self, Error> {
        if !(1..=DIM_MAX).contains(&dim) {
            return Err(Error::Invalid("a signature has 1 to 32 dimensions"));
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Err(Error::Invalid("a signature is of finite numbers"));
        }
        let (mut levels, mut rest) = (Vec::new(), values);
        for k in 1..=DEPTH_MAX as u32 {
            if rest.is_empty() && k > 1 {
                break;
            }
            let (level, behind) = rest.split_at_checked(dim.pow(k)).ok_or(NOT_OF_THE_DIMENSION)?;
            levels.push(level.to_vec());
            rest = behind;
        }
        if rest.is_empty() { Ok(Self { dim, levels }) } else { Err(NOT_OF_THE_DIMENSION) }
    }

    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    #[must_use]
    pub fn depth(&self) -> usize {
        self.levels.len()
    }

    /// All numbers, level by level, each level with its last index running fastest.
    pub fn values(&self) -> impl Iterator<Item = f64> + '_ {
        self.levels.iter().flatten().copied()
    }

    /// Joins a straight step: `S <- S x exp(step)`, highest level first, as each needs the lower
    /// ones as they were.
    fn go(&mut self, step: &[f64]) {
        for k in (1..=self.levels.len()).rev() {
            // Horner: (((step/k + S1) step/(k-1) + S2) step/(k-2) + ...) step.
            let mut product: Vec<f64> = step.iter().map(|v| v / k as f64).collect();
            for below in 1..k {
                for (value, lower) in product.iter_mut().zip(&self.levels[below - 1]) {
                    *value += lower;
                }
                let divisor = (k - below) as f64;
                product = outer(&product, step, divisor);
            }
            for (value, grown) in self.levels[k - 1].iter_mut().zip(product) {
                *value += grown;
            }
        }
    }
}

fn outer(a: &[f64], b: &[f64], divisor: f64) -> Vec<f64> {
    a.iter().flat_map(|a| b.iter().map(move |b| a * b / divisor)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::simulated::noise;

    fn wild(points: usize, dim: usize, seed: u64) -> Vec<f64> {
        noise(seed).take(points * dim).collect()
    }

    proptest! {
        /// A point more on a segment, or one looked at twice, changes nothing.
        #[test]
        fn how_often_a_path_is_seen_does_not_matter(
            dim in 1..5usize, points in 2..8usize, seed in 0..1000u64, share in 0.0..1.0,
        ) {
            let path = wild(points, dim, seed);
            let between: Vec<f64> =
                (0..dim).map(|at| path[at] + share * (path[dim + at] - path[at])).collect();
            let mut denser = path[..dim].to_vec();
            denser.extend(&between);
            denser.extend(&between);
            denser.extend(&path[dim..]);
            let (a, b) = (signature(&path, dim, 3).unwrap(), signature(&denser, dim, 3).unwrap());
            for (a, b) in a.values().zip(b.values()) {
                prop_assert!((a - b).abs() < 1e-9, "{a} {b}");
            }
        }

        /// There and back again is as if it had not moved.
        #[test]
        fn going_back_undoes(dim in 1..5usize, points in 2..8usize, seed in 0..1000u64) {
            let path = wild(points, dim, seed);
            let back = path.chunks(dim).rev().skip(1).flatten();
            let there_and_back: Vec<f64> = path.iter().chain(back).copied().collect();
            let loop_ = signature(&there_and_back, dim, 3).unwrap();
            prop_assert!(loop_.values().all(|value| value.abs() < 1e-8));
        }

        #[test]
        fn the_distance_is_a_metric(dim in 1..4usize, seed in 0..1000u64) {
            let [a, b, c] = [0, 1, 2].map(|k| signature(&wild(5, dim, seed + k), dim, 3).unwrap());
            let far = |a, b| signature_distance(a, b).unwrap();
            prop_assert_eq!(far(&a, &a), 0.0);
            prop_assert_eq!(far(&a, &b), far(&b, &a));
            prop_assert!(far(&a, &c) <= far(&a, &b) + far(&b, &c) + 1e-9);
        }
    }

    #[test]
    fn values_tell_the_signature() {
        for (dim, depth) in [(1, 1), (1, 3), (2, 1), (2, 2), (3, 3)] {
            let was = signature(&wild(6, dim, 5), dim, depth).unwrap();
            let values: Vec<f64> = was.values().collect();
            assert_eq!(Signature::of_values(dim, &values), Ok(was));
        }
        let wrong = [(2, 0), (2, 3), (2, 7), (2, 15), (0, 1), (33, 33)];
        for (dim, count) in wrong {
            let none = Signature::of_values(dim, &vec![0.0; count]);
            assert!(matches!(none, Err(Error::Invalid(_))), "{dim} {count}");
        }
        assert!(matches!(Signature::of_values(1, &[f64::NAN]), Err(Error::Invalid(_))));
    }

    /// Around a unit square, against the clock: nowhere, and an area of one.
    #[test]
    fn a_square_has_an_area() {
        let square = [0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0];
        let around = signature(&square, 2, 2).unwrap();
        let values: Vec<f64> = around.values().collect();
        assert_eq!(values[..2], [0.0, 0.0]);
        assert_eq!((values[3] - values[4]) / 2.0, 1.0);
    }

    #[test]
    fn what_is_no_path_is_an_error() {
        assert!(matches!(signature(&[0.0; 4], 2, 4), Err(Error::Invalid(_))));
        assert!(matches!(signature(&[0.0; 66], 33, 2), Err(Error::Invalid(_))));
        assert!(matches!(signature(&[0.0; 3], 2, 2), Err(Error::Invalid(_))));
        assert!(matches!(signature(&[f64::NAN; 4], 2, 2), Err(Error::Invalid(_))));
        let lacking = Error::InsufficientData { needed: 2, have: 1 };
        assert_eq!(signature(&[0.0; 2], 2, 2), Err(lacking));
        assert!(matches!(signature(&[1e200, -1e200], 1, 3), Err(Error::Undetermined(_))));
    }
}
