//! One entity's points in time order.

use crate::Error;

const DAY_US: f64 = 86_400e6;

/// Times in microseconds, strictly growing, and one vector a time, row by row.
#[derive(Clone, Copy, Debug)]
pub struct Trajectory<'a> {
    ts_us: &'a [i64],
    vectors: &'a [f32],
    dim: usize,
}

impl<'a> Trajectory<'a> {
    pub fn new(ts_us: &'a [i64], vectors: &'a [f32], dim: usize) -> Result<Self, Error> {
        if dim == 0 {
            return Err(Error::NotATrajectory("vectors need a dimension"));
        }
        if ts_us.len().checked_mul(dim) != Some(vectors.len()) {
            return Err(Error::NotATrajectory("times and vectors are not of the same points"));
        }
        if ts_us.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(Error::NotATrajectory("times do not grow"));
        }
        Ok(Self { ts_us, vectors, dim })
    }

    /// How many points there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ts_us.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ts_us.is_empty()
    }

    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The points' vectors in time order.
    pub fn vectors(&self) -> impl ExactSizeIterator<Item = &'a [f32]> {
        self.vectors.chunks_exact(self.dim)
    }

    /// The point in force at a moment: the last one not after it.
    #[must_use]
    pub fn in_force(&self, at_us: i64) -> Option<usize> {
        self.ts_us.partition_point(|ts| *ts <= at_us).checked_sub(1)
    }

    /// The points' times in microseconds.
    #[must_use]
    pub fn times_us(&self) -> &'a [i64] {
        self.ts_us
    }

    /// The vector of a point below `len()`.
    #[must_use]
    pub fn vector(&self, point: usize) -> &'a [f32] {
        &self.vectors[point * self.dim..][..self.dim]
    }

    /// Days between two points below `len()`, the earlier one first.
    #[must_use]
    pub fn days(&self, from: usize, to: usize) -> f64 {
        days_between(self.ts_us[from], self.ts_us[to])
    }

    /// All vectors, row by row.
    pub(crate) fn rows(&self) -> &'a [f32] {
        self.vectors
    }
}

/// Days between two moments, the earlier one first.
pub(crate) fn days_between(from_us: i64, to_us: i64) -> f64 {
    to_us.abs_diff(from_us) as f64 / DAY_US
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_trajectory() {
        let cases: [(&[i64], &[f32], usize); 5] = [
            (&[1, 2], &[0.0; 4], 0),
            (&[1, 2], &[0.0; 3], 2),
            (&[1, 1], &[0.0; 4], 2),
            (&[2, 1], &[0.0; 4], 2),
            (&[1], &[], 1),
        ];
        for (ts, vectors, dim) in cases {
            let refused = Trajectory::new(ts, vectors, dim);
            assert!(matches!(refused, Err(Error::NotATrajectory(_))), "{refused:?}");
        }
        assert!(Trajectory::new(&[], &[], 3).is_ok_and(|none| none.is_empty()));
    }

    #[test]
    fn in_force_is_the_last_not_after() {
        let points = Trajectory::new(&[-10, 0, 10], &[0.0; 3], 1).unwrap();
        let in_force = [-11, -10, -1, 0, 9, 10, i64::MAX].map(|at| points.in_force(at));
        assert_eq!(in_force, [None, Some(0), Some(0), Some(1), Some(1), Some(2), Some(2)]);
    }

    #[test]
    fn days_span_all_of_time() {
        let points = Trajectory::new(&[i64::MIN, i64::MAX], &[0.0; 2], 1).unwrap();
        assert!(points.days(0, 1) > 2e8);
    }
}
