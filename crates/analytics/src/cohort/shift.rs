//! Where the population's mean went, how its spread changed, and who moved most.

use cvx_core::distance::l2_squared;

use super::Cohort;
use crate::{Error, Rows};

/// The first two moments of a population's change.
#[derive(Clone, Debug, PartialEq)]
pub struct Shift {
    /// Mean after less mean before, in units of the vectors.
    pub mean_shift: Vec<f64>,
    /// Its length.
    pub l2: f64,
    /// Root mean square distance to the mean, before.
    pub dispersion_before: f64,
    /// The same after.
    pub dispersion_after: f64,
}

/// An entity and how far it came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mover {
    /// Which of the pairs.
    pub row: usize,
    /// Its own displacement, in units of the vectors.
    pub l2: f64,
}

/// Needs a row at each moment.
pub fn shift(cohort: &Cohort<'_>) -> Result<Shift, Error> {
    cohort.check(1)?;
    let (before, after) = (cohort.before().mean(), cohort.after().mean());
    let mean_shift: Vec<f64> = before.iter().zip(&after).map(|(b, a)| a - b).collect();
    Ok(Shift {
        l2: mean_shift.iter().map(|v| v * v).sum::<f64>().sqrt(),
        mean_shift,
        dispersion_before: dispersion(&cohort.before(), &before),
        dispersion_after: dispersion(&cohort.after(), &after),
    })
}

fn dispersion(rows: &Rows<'_>, mean: &[f64]) -> f64 {
    let square =
        |row: &[f32]| row.iter().zip(mean).map(|(v, m)| (f64::from(*v) - m).powi(2)).sum::<f64>();
    (rows.iter().map(square).sum::<f64>() / rows.len() as f64).sqrt()
}

/// The pairs that came farthest, farthest first, ties by row; no more than there are.
pub fn top_movers(cohort: &Cohort<'_>, n: usize) -> Result<Vec<Mover>, Error> {
    let mut movers = Vec::with_capacity(cohort.paired());
    for row in 0..cohort.paired() {
        let l2 = l2_squared(cohort.before().row(row), cohort.after().row(row))?.sqrt();
        movers.push(Mover { row, l2 });
    }
    movers.sort_by(|a, b| b.l2.total_cmp(&a.l2).then(a.row.cmp(&b.row)));
    movers.truncate(n);
    Ok(movers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_population_that_moves_and_spreads() {
        let before = [0.0, 0.0, 2.0, 0.0, 0.0, 2.0, 2.0, 2.0];
        let after = [3.0, 0.0, 7.0, 0.0, 3.0, 4.0, 7.0, 4.0];
        let (before, after) = (Rows::new(&before, 2).unwrap(), Rows::new(&after, 2).unwrap());
        let cohort = Cohort::new(before, after, 4).unwrap();
        let moved = shift(&cohort).unwrap();
        assert_eq!(moved.mean_shift, [4.0, 1.0]);
        assert_eq!(moved.l2, 17f64.sqrt());
        assert_eq!((moved.dispersion_before, moved.dispersion_after), (2f64.sqrt(), 8f64.sqrt()));
        let movers = top_movers(&cohort, 2).unwrap();
        let far = Mover { row: 3, l2: 29f64.sqrt() };
        assert_eq!(movers, [far, Mover { row: 1, l2: 5.0 }]);
    }

    #[test]
    fn a_moment_without_anybody_is_an_error() {
        let (some, none) = (Rows::new(&[1.0], 1).unwrap(), Rows::new(&[], 1).unwrap());
        let cohort = Cohort::new(some, none, 0).unwrap();
        assert_eq!(shift(&cohort), Err(Error::InsufficientData { needed: 1, have: 0 }));
        assert_eq!(top_movers(&cohort, 3), Ok(vec![]));
        assert!(matches!(Cohort::new(some, none, 1), Err(Error::Invalid(_))));
    }
}
