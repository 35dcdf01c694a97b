//! What is asked, and who may answer.

use cvx_core::{CancelToken, Composite, DistanceError, Metric};

use crate::{Answer, Error, Part};

/// A question of k nearest neighbours.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub query: &'a [f32],
    pub metric: Metric,
    pub k: usize,
    /// Distance in time, weighed against distance in meaning.
    pub composite: Option<Composite>,
    /// Polled every few hundred rows.
    pub cancel: &'a CancelToken,
}

/// Whoever can answer.
///
/// **Law.** The answer is the `min(k, selected rows)` first of all selected rows in the order:
/// distance ascending, NaN after numbers, NULL (no vector) after NaN; ties by entity, then time,
/// then commit sequence, then part and row. Distances are exact. The same question over the same
/// rows has the same answer, however rows are cut into parts (parts and rows of the hits aside)
/// and however many threads work. An implementor that approximates may miss a row; it never
/// invents or misplaces one, and never returns fewer rows than qualify.
pub trait Search: Send + Sync + std::fmt::Debug {
    fn search(&self, request: &Request<'_>, parts: &[Part<'_>]) -> Result<Answer, Error>;
}

/// Checks that parts keep their law and fit the query.
pub(crate) fn check(request: &Request<'_>, parts: &[Part<'_>]) -> Result<(), Error> {
    for (number, part) in parts.iter().enumerate() {
        part.block
            .check()
            .and_then(|()| part.rows.check(part.block.rows()))
            .map_err(|what| Error::Malformed { part: number, what })?;
        if part.block.dim != request.query.len() {
            let (left, right) = (part.block.dim, request.query.len());
            return Err(DistanceError::Dimensions { left, right }.into());
        }
    }
    Ok(())
}
