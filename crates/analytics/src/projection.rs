//! The few directions in which vectors differ most: principal components (Pearson 1901).
//!
//! Embeddings have hundreds of dimensions and move in a handful. What costs a power of the
//! dimension (signatures) or needs more data than there is (a learned model of motion) works on
//! coordinates along the leading axes.
//!
//! The axes come from subspace iteration on a random start (Halko, Martinsson and Tropp 2011,
//! algorithm 4.4; the start is seeded and the same always): eight vectors more than asked for,
//! six rounds, then the small problem solved exactly. Each axis points to where its largest
//! entry is positive, so that equal vectors give equal axes. Directions without variance are left
//! out: fewer axes than asked for may come back.
//!
//! I did consider the decomposition of the whole covariance: exact, and cubic in the dimension,
//! 0.8 s at 768 and a minute at 4,096.

use nalgebra::{DMatrix, DVector};

use crate::rows::same_dimension;
use crate::{Error, Rows, seeded};

/// An orthonormal frame of fewer dimensions and its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    mean: Vec<f64>,
    /// One axis behind the other.
    axes: Vec<f64>,
    /// Along each axis, in squared units of the vectors, falling.
    variances: Vec<f64>,
}

const SPARE: usize = 8;
const ROUNDS: usize = 6;
/// An axis with less than this of the leading variance is rounding.
const NOTHING: f64 = 1e-12;

impl Projection {
    /// The `k` leading axes of some rows, or as many as have variance. Needs two rows.
    pub fn fit(rows: &Rows<'_>, k: usize) -> Result<Self, Error> {
        if k == 0 {
            return Err(Error::Invalid("a projection needs at least one axis"));
        }
        if rows.len() < 2 {
            return Err(Error::InsufficientData { needed: 2, have: rows.len() });
        }
        let mean = rows.mean();
        let points = rows.columns(&mean);
        let size = (k + SPARE).min(rows.dim()).min(rows.len());
        let basis = leading_space(&points, size);
        let inner = basis.transpose() * &points;
        let eigen = (&inner * inner.transpose() / rows.len() as f64).symmetric_eigen();
        let mut order: Vec<usize> = (0..size).collect();
        order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
        let largest = eigen.eigenvalues[order[0]];
        if largest <= 0.0 || !largest.is_finite() {
            return Err(Error::Undetermined("the vectors do not differ"));
        }
        order.retain(|at| eigen.eigenvalues[*at] > NOTHING * largest);
        order.truncate(k);
        let axis = |at: &usize| towards_positive(&basis * eigen.eigenvectors.column(*at));
        Ok(Self {
            axes: order.iter().flat_map(axis).collect(),
            variances: order.iter().map(|at| eigen.eigenvalues[*at]).collect(),
            mean,
        })
    }

    /// A frame from its parts, as a stored model has them.
    pub fn from_parts(mean: Vec<f64>, axes: Vec<f64>, variances: Vec<f64>) -> Result<Self, Error> {
        let whole = mean.len().checked_mul(variances.len()) == Some(axes.len());
        if mean.is_empty() || variances.is_empty() || !whole {
            return Err(Error::Invalid("axes are of the mean's dimension, one for each variance"));
        }
        if [&mean, &axes, &variances].iter().any(|part| part.iter().any(|v| !v.is_finite())) {
            return Err(Error::Invalid("a projection holds finite numbers only"));
        }
        Ok(Self { mean, axes, variances })
    }

    /// Of the vectors.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// How many axes there are.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.variances.len()
    }

    #[must_use]
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    #[must_use]
    pub fn variances(&self) -> &[f64] {
        &self.variances
    }

    /// The axes one behind the other, unit vectors of `dim()` numbers.
    #[must_use]
    pub fn axes(&self) -> &[f64] {
        &self.axes
    }

    /// A vector's coordinates along the axes.
    pub fn project(&self, vector: &[f32]) -> Result<Vec<f64>, Error> {
        same_dimension(vector.len(), self.dim())?;
        let centred: Vec<f64> =
            vector.iter().zip(&self.mean).map(|(v, mean)| f64::from(*v) - mean).collect();
        let along = |axis: &[f64]| axis.iter().zip(&centred).map(|(a, v)| a * v).sum();
        Ok(self.axes.chunks_exact(self.dim()).map(along).collect())
    }

    /// All rows' coordinates, row by row.
    pub fn project_rows(&self, rows: &Rows<'_>) -> Result<Vec<f64>, Error> {
        let mut coordinates = Vec::with_capacity(rows.len() * self.rank());
        for row in rows.iter() {
            coordinates.extend(self.project(row)?);
        }
        Ok(coordinates)
    }

    /// The vector at some coordinates.
    pub fn lift(&self, coordinates: &[f64]) -> Result<Vec<f64>, Error> {
        same_dimension(coordinates.len(), self.rank())?;
        let mut vector = self.mean.clone();
        for (axis, times) in self.axes.chunks_exact(self.dim()).zip(coordinates) {
            for (sum, along) in vector.iter_mut().zip(axis) {
                *sum += times * along;
            }
        }
        Ok(vector)
    }
}

/// An orthonormal basis that holds the leading directions of columns.
fn leading_space(points: &DMatrix<f64>, size: usize) -> DMatrix<f64> {
    let start = seeded::normal(0x5eed).take(points.nrows() * size);
    let mut basis = DMatrix::from_iterator(points.nrows(), size, start).qr().q();
    let transposed = points.transpose();
    for _ in 0..ROUNDS {
        basis = (points * (&transposed * &basis)).qr().q();
    }
    basis
}

fn towards_positive(axis: DVector<f64>) -> Vec<f64> {
    let sign = if axis[axis.iamax()] < 0.0 { -1.0 } else { 1.0 };
    axis.iter().map(|v| v * sign).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated::noise;

    /// Rows whose variance falls from axis to axis.
    fn ellipsoid(rows: usize, dim: usize) -> Vec<f32> {
        let scaled = |(at, v): (usize, f64)| (v * 0.7f64.powi((at % dim) as i32)) as f32;
        noise(11).take(rows * dim).enumerate().map(scaled).collect()
    }

    #[test]
    fn variances_are_those_of_the_whole_covariance() {
        let values = ellipsoid(400, 30);
        let rows = Rows::new(&values, 30).unwrap();
        let points = rows.columns(&rows.mean());
        let mut exact: Vec<f64> = (&points * points.transpose() / 400.0)
            .symmetric_eigen()
            .eigenvalues
            .iter()
            .copied()
            .collect();
        exact.sort_by(|a, b| b.total_cmp(a));
        let found = Projection::fit(&rows, 5).unwrap();
        for (found, exact) in found.variances().iter().zip(exact) {
            assert!((found - exact).abs() < 1e-6 * exact, "{found} for {exact}");
        }
    }

    #[test]
    fn what_lies_in_the_frame_comes_back() {
        let values = ellipsoid(50, 8);
        let frame = Projection::fit(&Rows::new(&values, 8).unwrap(), 8).unwrap();
        for row in values.chunks(8) {
            let back = frame.lift(&frame.project(row).unwrap()).unwrap();
            assert!(back.iter().zip(row).all(|(a, b)| (a - f64::from(*b)).abs() < 1e-6));
        }
    }

    #[test]
    fn a_line_has_one_axis() {
        let values: Vec<f32> = (0..30).map(|at| (at / 3) as f32).collect();
        let frame = Projection::fit(&Rows::new(&values, 3).unwrap(), 3).unwrap();
        assert_eq!(frame.rank(), 1);
        assert!(frame.axes().iter().all(|along| (along - 3f64.sqrt().recip()).abs() < 1e-9));
    }

    #[test]
    fn what_has_no_axis_is_an_error() {
        let same = Rows::new(&[1.0; 8], 2).unwrap();
        assert!(matches!(Projection::fit(&same, 1), Err(Error::Undetermined(_))));
        assert!(matches!(Projection::fit(&same, 0), Err(Error::Invalid(_))));
        let one = Projection::fit(&Rows::new(&[1.0; 2], 2).unwrap(), 1);
        assert_eq!(one, Err(Error::InsufficientData { needed: 2, have: 1 }));
    }
}
