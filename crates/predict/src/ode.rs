//! A neural ordinary differential equation on a few coordinates (Chen and others 2018).
//!
//! ```text
//!   vector  --projection-->  z: up to 16 coordinates along the axes of greatest variance
//!   v: their slope over the last points
//!
//!   (z, v)' = A (z, v) + network(z, v)         begins as z' = v, v' = 0: a straight line
//!
//!   forecast = last vector + what z moved, lifted back
//! ```
//!
//! Of second order (Norcliffe and others 2020): where something goes depends on where it is and how
//! it moves there. Training begins at the straight line and can learn to stay, to slow down, a
//! turn, a pull. What lies across the coordinates stays as it last was. Coordinates and time are
//! scaled (by their deviation, and the median gap between points) so that all numbers are near one.
//!
//! Points come in bursts. The slope is that of at least three points over at least one unit of
//! time; where all of the past is shorter, it counts as what was gone in one unit, so v is never
//! larger than a way that was really gone.
//!
//! It is solved by [`solve`] at rtol 1e-5. Times beyond twice the farthest it was trained on are
//! refused: a network is a guess outside of what it has seen.

use cvx_analytics::{Projection, Trajectory};
use nalgebra::DMatrix;

use crate::error::Error;
use crate::linear;
use crate::mlp::Mlp;
use crate::rk45::{Tolerance, solve};

/// A trained equation.
#[derive(Clone, Debug, PartialEq)]
pub struct Ode {
    pub(crate) frame: Projection,
    /// Units of the vectors in one unit of z.
    pub(crate) unit: f64,
    /// Days in one unit of time.
    pub(crate) unit_days: f64,
    /// The farthest it was trained on.
    pub(crate) seen_days: f64,
    pub(crate) mlp: Mlp,
}

/// Fewest points before a prediction; with less the slope is nothing to build on.
pub(crate) const POINTS_MIN: usize = 5;
/// The slope is that of few points, as the network can smooth but not sharpen.
const WINDOW: usize = 3;
const FAR: f64 = 2.0;
const TOLERANCE: Tolerance = Tolerance { rtol: 1e-5, atol: 1e-7 };

impl Ode {
    /// Of the vectors it was trained on.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.frame.dim()
    }

    /// How many coordinates it moves.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.frame.rank()
    }

    /// z and v at a point, in scaled units.
    pub(crate) fn state(&self, path: &Trajectory<'_>, origin: usize) -> Result<Vec<f64>, Error> {
        let mut state = self.place(path.vector(origin))?;
        let (slope, days) = linear::slope(path, origin, WINDOW, self.unit_days);
        let scale = self.unit_days.min(days) / self.unit;
        let along = |axis: &[f64]| axis.iter().zip(&slope).map(|(a, v)| a * v).sum::<f64>();
        let axes = self.frame.axes().chunks_exact(self.dim());
        state.extend(axes.map(|axis| along(axis) * scale));
        Ok(state)
    }

    /// z of a vector.
    pub(crate) fn place(&self, vector: &[f32]) -> Result<Vec<f64>, Error> {
        Ok(self.frame.project(vector)?.into_iter().map(|z| z / self.unit).collect())
    }

    /// The vector some days after a point. Needs five points up to it.
    pub fn predict(
        &self,
        path: &Trajectory<'_>,
        origin: usize,
        days: f64,
    ) -> Result<Vec<f64>, Error> {
        let have = (origin + 1).min(path.len());
        if have < POINTS_MIN || origin >= path.len() {
            return Err(Error::InsufficientData { needed: POINTS_MIN, have, of: "points" });
        }
        if days > FAR * self.seen_days {
            return Err(Error::TooFar { seen_days: self.seen_days, asked_days: days });
        }
        let state = self.state(path, origin)?;
        let mut moved: Vec<f64> = self.forecast(&state, days / self.unit_days)?;
        moved.iter_mut().zip(&state).for_each(|(to, from)| *to = (*to - from) * self.unit);
        // Lifted as a difference: the frame's mean drops out.
        let mut vector = linear::last(path, origin);
        for (axis, moved) in self.frame.axes().chunks_exact(self.dim()).zip(moved) {
            vector.iter_mut().zip(axis).for_each(|(value, along)| *value += moved * along);
        }
        Ok(vector)
    }

    /// z after some time.
    fn forecast(&self, state: &[f64], time: f64) -> Result<Vec<f64>, Error> {
        let rank = self.rank();
        let right_side = |_: f64, y: &[f64], out: &mut [f64]| {
            let (pushed, _) = self.mlp.forward(DMatrix::from_column_slice(2 * rank, 1, y));
            out.copy_from_slice(pushed.as_slice());
        };
        let solved = solve(right_side, 0.0, state, time, TOLERANCE)?;
        Ok(solved.end()[..rank].to_vec())
    }
}
