//! Why there is no prediction, or no model.

use cvx_core::Stop;

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More points or entities would help.
    #[error("insufficient data: {needed} {of} are needed, there are {have}")]
    InsufficientData { needed: usize, have: usize, of: &'static str },
    /// An option or argument outside its range.
    #[error("{0}")]
    Invalid(&'static str),
    /// A prediction of what has happened.
    #[error("the time to predict does not lie after the entity's last point")]
    NotAhead,
    /// The method asked for has no model, or none for this table's vectors.
    #[error("there is no trained model for method 'ode'")]
    NoModel,
    /// The model was asked about a time far beyond all it has seen.
    #[error("the model has seen spans of {seen_days} days, and {asked_days} days are asked for")]
    TooFar { seen_days: f64, asked_days: f64 },
    /// The equation has no solution to the end that the solver could find.
    #[error("the differential equation was not solved: {0}")]
    Unsolved(&'static str),
    /// Bytes that are no model of this version.
    #[error("not a model: {0}")]
    NotAModel(&'static str),
    #[error("stopped before the end")]
    Stopped(Stop),
    #[error(transparent)]
    Analytics(#[from] cvx_analytics::Error),
}

/// What a long computation asks every now and then.
pub(crate) fn go_on(stop: &cvx_core::CancelToken) -> Result<(), Error> {
    stop.stopped().map_or(Ok(()), |why| Err(Error::Stopped(why)))
}
