//! Why there is no result.

use cvx_core::{DistanceError, Stop};

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// More points would help.
    #[error("insufficient data: {needed} points are needed, there are {have}")]
    InsufficientData { needed: usize, have: usize },
    /// The caller's slices are no trajectory.
    #[error("not a trajectory: {0}")]
    NotATrajectory(&'static str),
    #[error("point {at} is asked for, there are {have}")]
    NoSuchPoint { at: usize, have: usize },
    /// An option or argument outside its range.
    #[error("{0}")]
    Invalid(&'static str),
    /// The numbers are fine and do not settle the measure: all are equal, say.
    #[error("not determined: {0}")]
    Undetermined(&'static str),
    #[error("stopped before the end")]
    Stopped(Stop),
    #[error(transparent)]
    Distance(#[from] DistanceError),
}
