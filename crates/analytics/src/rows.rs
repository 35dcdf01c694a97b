//! Vectors without times: a population at a moment.

use nalgebra::{DMatrix, DVector};

use crate::{Error, Trajectory};

/// Vectors of one dimension, row by row, all numbers finite.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    values: &'a [f32],
    dim: usize,
}

impl<'a> Rows<'a> {
    pub fn new(values: &'a [f32], dim: usize) -> Result<Self, Error> {
        if dim == 0 || !values.len().is_multiple_of(dim) {
            return Err(Error::Invalid("the numbers are no whole rows of the dimension"));
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Err(Error::Invalid("vectors hold finite numbers only"));
        }
        Ok(Self { values, dim })
    }

    /// A trajectory's vectors, its times forgotten.
    pub fn of(path: &Trajectory<'a>) -> Result<Self, Error> {
        Self::new(path.rows(), path.dim())
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The numbers of all rows, one row behind the other.
    #[must_use]
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    pub fn iter(&self) -> std::slice::ChunksExact<'a, f32> {
        self.values.chunks_exact(self.dim)
    }

    /// A row below `len()`.
    #[must_use]
    pub fn row(&self, at: usize) -> &'a [f32] {
        &self.values[at * self.dim..][..self.dim]
    }

    /// The mean of the rows; zeros if there are none.
    #[must_use]
    pub fn mean(&self) -> Vec<f64> {
        let mut mean = vec![0.0; self.dim];
        for row in self.iter() {
            for (sum, value) in mean.iter_mut().zip(row) {
                *sum += f64::from(*value);
            }
        }
        let rows = self.len().max(1) as f64;
        mean.iter_mut().for_each(|sum| *sum /= rows);
        mean
    }

    /// One column a row, less `centre`: the shape that matrix products like.
    pub(crate) fn columns(&self, centre: &[f64]) -> DMatrix<f64> {
        let mut matrix = DMatrix::from_iterator(
            self.dim,
            self.len(),
            self.values.iter().copied().map(f64::from),
        );
        let centre = DVector::from_column_slice(centre);
        for mut column in matrix.column_iter_mut() {
            column -= &centre;
        }
        matrix
    }
}

/// The rows of two populations compare only in one dimension.
pub(crate) fn same_dimension(left: usize, right: usize) -> Result<(), Error> {
    if left == right {
        Ok(())
    } else {
        Err(cvx_core::DistanceError::Dimensions { left, right }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_finite_rows_are_a_population() {
        assert!(Rows::new(&[1.0; 6], 3).is_ok_and(|rows| rows.len() == 2));
        for (values, dim) in [(&[1.0; 5][..], 3), (&[1.0], 0), (&[f32::NAN, 0.0], 2)] {
            assert!(matches!(Rows::new(values, dim), Err(Error::Invalid(_))));
        }
        assert_eq!(Rows::new(&[1.0, 4.0, 3.0, 8.0], 2).unwrap().mean(), [2.0, 6.0]);
    }
}
