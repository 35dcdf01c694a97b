//! Why there is no answer.

use cvx_core::{DistanceError, Stop};

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The query does not fit the rows, or the metric has no distance for them.
    #[error(transparent)]
    Distance(#[from] DistanceError),
    /// The request's token said so.
    #[error("the search was stopped ({0:?})")]
    Stopped(Stop),
    /// The caller broke the law of [`crate::Block`] or [`crate::Selection`].
    #[error("part {part}: {what}")]
    Malformed { part: usize, what: &'static str },
}
