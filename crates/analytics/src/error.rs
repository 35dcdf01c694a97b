//! Why there is no result.

use cvx_core::{DistanceError, Stop};

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// More points would help.
    #[error("insufficient data: {needed} points are needed, there are {have}")]
    InsufficientData { needed: usize, have: usize },
    /// The moment or window asked about lies before the first point.
    #[error("insufficient data: no point is in force at the time asked about")]
    NothingInForce,
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
    #[error(transparent)]
    Distance(#[from] DistanceError),
    /// The caller's token asked to stop.
    #[error("stopped before the end")]
    Stopped(Stop),
    /// Bytes that no detector wrote, or one of another version.
    #[error("not a detector's state: {0}")]
    State(&'static str),
}
