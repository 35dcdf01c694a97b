//! The orthogonal map between two spaces that hold the same things (Schönemann 1966).
//!
//! ```text
//!   rows of A, rows of B: the same entities under two models, or at two times
//!
//!   R = argmin |A R - B|   over  R' R = I      the orthogonal polar factor of M = A'B
//! ```
//!
//! A retrained embedding model turns its space; the turn keeps all distances within the space and
//! so means nothing, and yet looks like drift of everything. The map undoes it; what the map leaves
//! is the residual, and that is what changed.
//!
//! The polar factor is found by Newton's iteration `X <- (g X + X^-T / g) / 2` (Higham 1986),
//! scaled by `g = sqrt(|X^-1| / |X|)`; ten rounds suffice. It is that of the singular value
//! decomposition, `U V'` of `M = U S V'`, found sooner: at 768 dimensions by a factor of three with
//! the same library.
//!
//! Fewer pairs than dimensions leave directions of which the pairs say nothing, and there any turn
//! fits as well as another. A multiple of the identity, 1e-9 of |M|, is added to M, so that those
//! stay as they are, as far as the rest allows. I did consider leaving them to the decomposition:
//! it then turns them at random, and what is mapped beside the pairs is thrown anywhere.

use cvx_core::CancelToken;
use nalgebra::DMatrix;

use crate::rows::same_dimension;
use crate::{Error, Rows};

/// Whether the means of the two populations are matched as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Turn about zero: for directions, such as unit vectors.
    Fixed,
    /// Turn about the mean and carry it to the other mean.
    Moved,
}

/// A map that keeps distances: `y = (x - from) R + to`.
#[derive(Clone, Debug, PartialEq)]
pub struct Procrustes {
    /// R, row by row.
    rotation: Vec<f64>,
    from: Vec<f64>,
    to: Vec<f64>,
    /// Root mean square distance between the pairs once mapped, in units of the vectors.
    pub residual: f64,
    /// The same before the map, for comparison.
    pub unmapped: f64,
    /// What is left of the pairs' spread (about the origin of the turn) after the map: 0 is a
    /// perfect fit, 1 says that the map explains nothing.
    pub unexplained: f64,
}

/// What is added to the cross-covariance for directions that no pair speaks of.
const UNSEEN: f64 = 1e-9;
/// The iteration has arrived when it moves by no more than this, relatively.
const ARRIVED: f64 = 1e-13;
const ROUNDS_MAX: usize = 60;

/// Fits the map that takes each row of `from` closest to the same row of `to`.
pub fn procrustes(
    from: &Rows<'_>,
    to: &Rows<'_>,
    origin: Origin,
    stop: &CancelToken,
) -> Result<Procrustes, Error> {
    same_dimension(from.dim(), to.dim())?;
    if from.len() != to.len() {
        return Err(Error::Invalid("Procrustes maps pairs: as many rows on both sides"));
    }
    let needed = if origin == Origin::Moved { 2 } else { 1 };
    if from.len() < needed {
        return Err(Error::InsufficientData { needed, have: from.len() });
    }
    let zero = vec![0.0; from.dim()];
    let (from_mean, to_mean) = match origin {
        Origin::Fixed => (zero.clone(), zero),
        Origin::Moved => (from.mean(), to.mean()),
    };
    let (a, b) = (from.columns(&from_mean), to.columns(&to_mean));
    let rotation = polar_factor(&a * b.transpose(), stop)?;
    let misfit = (rotation.transpose() * &a - &b).norm_squared();
    let rows = from.len() as f64;
    let apart: f64 = from.iter().zip(to.iter()).map(|(a, b)| square(a, b)).sum();
    Ok(Procrustes {
        rotation: rotation.transpose().as_slice().to_vec(),
        from: from_mean,
        to: to_mean,
        residual: (misfit / rows).sqrt(),
        unmapped: (apart / rows).sqrt(),
        unexplained: misfit / b.norm_squared(),
    })
}

fn square(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
}

fn polar_factor(m: DMatrix<f64>, stop: &CancelToken) -> Result<DMatrix<f64>, Error> {
    let size = m.norm();
    if !(size > 0.0 && size.is_finite()) {
        return Err(Error::Undetermined("one of the populations has no spread"));
    }
    let dim = m.nrows();
    let mut x = m / size + DMatrix::identity(dim, dim) * UNSEEN;
    for _ in 0..ROUNDS_MAX {
        if let Some(why) = stop.stopped() {
            return Err(Error::Stopped(why));
        }
        let Some(inverse) = x.clone().try_inverse() else {
            return Err(Error::Undetermined("the pairs fit a turn and its mirror image alike"));
        };
        let scale = (inverse.norm() / x.norm()).sqrt();
        let next = (&x * scale + inverse.transpose() / scale) * 0.5;
        let moved = (&next - &x).norm();
        x = next;
        if moved <= ARRIVED * x.norm() {
            break;
        }
    }
    Ok(x)
}

impl Procrustes {
    #[must_use]
    pub fn dim(&self) -> usize {
        self.from.len()
    }

    /// R, row by row.
    #[must_use]
    pub fn rotation(&self) -> &[f64] {
        &self.rotation
    }

    /// Where the map takes a vector.
    pub fn apply(&self, vector: &[f32]) -> Result<Vec<f64>, Error> {
        same_dimension(vector.len(), self.dim())?;
        let mut mapped = self.to.clone();
        let rows = self.rotation.chunks_exact(self.dim());
        for ((value, mean), row) in vector.iter().zip(&self.from).zip(rows) {
            let value = f64::from(*value) - mean;
            for (sum, weight) in mapped.iter_mut().zip(row) {
                *sum += value * weight;
            }
        }
        Ok(mapped)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::simulated::noise;

    /// A random turn, from the orthogonal factor of a random matrix.
    fn turn(dim: usize, seed: u64) -> DMatrix<f64> {
        DMatrix::from_iterator(dim, dim, noise(seed).take(dim * dim)).qr().q()
    }

    fn cloud(rows: usize, dim: usize, seed: u64) -> Vec<f32> {
        noise(seed).take(rows * dim).map(|v| v as f32).collect()
    }

    /// Each row turned by `x R`, then moved.
    fn turned(values: &[f32], by: &DMatrix<f64>, moved: f64) -> Vec<f32> {
        let dim = by.nrows();
        let turn = |row: &[f32]| {
            let row = DMatrix::from_iterator(1, dim, row.iter().copied().map(f64::from));
            (row * by).iter().map(|v| (v + moved) as f32).collect::<Vec<_>>()
        };
        values.chunks(dim).flat_map(turn).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn a_turn_is_found_and_undone(dim in 1..12usize, seed in 0..10_000u64, moved in -3.0..3.0) {
            let a = cloud(dim + 5, dim, seed);
            let b = turned(&a, &turn(dim, seed + 1), moved);
            let (from, to) = (Rows::new(&a, dim).unwrap(), Rows::new(&b, dim).unwrap());
            let map = procrustes(&from, &to, Origin::Moved, &CancelToken::default()).unwrap();
            prop_assert!(map.residual < 1e-5 && map.unexplained < 1e-9, "{map:?}");
            for (a, b) in from.iter().zip(to.iter()) {
                for (got, expected) in map.apply(a).unwrap().iter().zip(b) {
                    prop_assert!((got - f64::from(*expected)).abs() < 1e-5);
                }
            }
        }

        /// No turn by a small angle in any plane fits better.
        #[test]
        fn no_turn_nearby_fits_better(dim in 2..8usize, seed in 0..10_000u64) {
            let (a, b) = (cloud(20, dim, seed), cloud(20, dim, seed + 1));
            let (from, to) = (Rows::new(&a, dim).unwrap(), Rows::new(&b, dim).unwrap());
            let map = procrustes(&from, &to, Origin::Fixed, &CancelToken::default()).unwrap();
            let rotation = DMatrix::from_row_slice(dim, dim, map.rotation());
            let unit = &rotation * rotation.transpose() - DMatrix::identity(dim, dim);
            prop_assert!(unit.norm() < 1e-12);
            let misfit = |by: &DMatrix<f64>| {
                let (a, b) = (from.columns(&vec![0.0; dim]), to.columns(&vec![0.0; dim]));
                (by.transpose() * a - b).norm_squared()
            };
            for angle in [-1e-3f64, 1e-3] {
                for (i, j) in (0..dim).flat_map(|i| (0..i).map(move |j| (i, j))) {
                    let mut plane = DMatrix::identity(dim, dim);
                    plane[(i, i)] = angle.cos();
                    plane[(j, j)] = angle.cos();
                    plane[(i, j)] = angle.sin();
                    plane[(j, i)] = -angle.sin();
                    prop_assert!(misfit(&rotation) <= misfit(&(&rotation * plane)) + 1e-9);
                }
            }
        }
    }

    /// Three pairs in 40 dimensions: what is far from all of them is left alone.
    #[test]
    fn directions_that_no_pair_speaks_of_stay() {
        let dim = 40;
        let mut a = vec![0.0; 3 * dim];
        let mut b = a.clone();
        for (row, to) in [(0, 1), (1, 2), (2, 0)] {
            a[row * dim + row] = 1.0;
            b[row * dim + to] = 1.0;
        }
        let (from, to) = (Rows::new(&a, dim).unwrap(), Rows::new(&b, dim).unwrap());
        let map = procrustes(&from, &to, Origin::Fixed, &CancelToken::default()).unwrap();
        let mut far = vec![0.0; dim];
        far[17] = 2.0;
        let mapped = map.apply(&far).unwrap();
        for (got, expected) in mapped.iter().zip(&far) {
            assert!((got - f64::from(*expected)).abs() < 1e-6, "{mapped:?}");
        }
    }

    #[test]
    fn what_fits_no_map_is_an_error() {
        let fit = |a: &[f32], b: &[f32]| {
            let (a, b) = (Rows::new(a, 2).unwrap(), Rows::new(b, 2).unwrap());
            procrustes(&a, &b, Origin::Moved, &CancelToken::default())
        };
        let lacking = Error::InsufficientData { needed: 2, have: 1 };
        assert_eq!(fit(&[1.0, 2.0], &[1.0, 2.0]), Err(lacking));
        assert!(matches!(fit(&[1.0; 4], &[1.0; 2]), Err(Error::Invalid(_))));
        assert!(matches!(fit(&[1.0; 4], &[1.0, 2.0, 3.0, 4.0]), Err(Error::Undetermined(_))));
        let stopped = CancelToken::default();
        stopped.cancel();
        let rows = Rows::new(&[1.0, 2.0, 3.0, 5.0], 2).unwrap();
        let fit = procrustes(&rows, &rows, Origin::Fixed, &stopped);
        assert!(matches!(fit, Err(Error::Stopped(_))));
    }
}
