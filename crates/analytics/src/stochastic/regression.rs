//! Least squares by an orthogonal basis grown column by column.
//!
//! Modified Gram-Schmidt on the columns with the response carried along: after each column the
//! residual of the fit so far is at hand, so one pass gives the sum of squares of *every* leading
//! set of columns, which is what choosing a number of lags asks for.

/// A fit in progress.
pub(super) struct Regression {
    residual: Vec<f64>,
    /// Orthogonal columns and their squared lengths.
    basis: Vec<(Vec<f64>, f64)>,
}

/// A column that lies in the span of those before it.
pub(super) struct Collinear;

/// What a column's part that is left after projection may lose before it counts as nothing.
const COLLINEAR: f64 = 1e-20;

impl Regression {
    pub(super) fn of(response: Vec<f64>) -> Self {
        Self { residual: response, basis: Vec::new() }
    }

    /// Adds a column. Two passes of projection: one loses digits where columns are nearly parallel.
    pub(super) fn add(&mut self, mut column: Vec<f64>) -> Result<(), Collinear> {
        let whole = dot(&column, &column);
        for _ in 0..2 {
            for (direction, square) in &self.basis {
                let along = dot(&column, direction) / square;
                subtract(&mut column, direction, along);
            }
        }
        let square = dot(&column, &column);
        if square <= COLLINEAR * whole || square <= f64::MIN_POSITIVE {
            return Err(Collinear);
        }
        let along = dot(&self.residual, &column) / square;
        subtract(&mut self.residual, &column, along);
        self.basis.push((column, square));
        Ok(())
    }

    /// What the columns so far leave unexplained.
    pub(super) fn residual_squares(&self) -> f64 {
        dot(&self.residual, &self.residual)
    }

    pub(super) fn columns(&self) -> usize {
        self.basis.len()
    }

    pub(super) fn rows(&self) -> usize {
        self.residual.len()
    }

    /// The t statistic of the last column added, whose coefficient is its own along the basis.
    pub(super) fn t_of_last(&self, response: &[f64]) -> Option<f64> {
        let (direction, square) = self.basis.last()?;
        let free = self.rows().checked_sub(self.columns()).filter(|free| *free > 0)?;
        let variance = self.residual_squares() / super::count(free);
        let t = dot(response, direction) / square / (variance / square).sqrt();
        t.is_finite().then_some(t)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn subtract(from: &mut [f64], direction: &[f64], times: f64) {
    for (value, direction) in from.iter_mut().zip(direction) {
        *value -= times * direction;
    }
}
