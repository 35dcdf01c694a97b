//! How far apart two vectors are: five metrics, two roads, one answer.
//!
//! ```text
//!              rows of f32, dim numbers each
//!                |
//!   wide.rs      |  pulp's registers, chosen when the program runs; f32 lanes emptied into an
//!                |  f64 every 32 registers, so long vectors lose no more than short ones
//!                v
//!   sums of the metric's terms -- out of f32's range? --> exact.rs: the same sums in f64
//!                |
//!   query.rs     v
//!   finish: root, sign, quotient of norms --> f64
//! ```
//!
//! **Invariants.** A row's distance depends on the query and the row alone: not on its place in a
//! batch, nor on how many rows were asked about, so that ties stay ties. `distance(a, b)` and
//! `distance(b, a)` are the same bits. A vector is at distance exactly 0 from itself (inner
//! product excepted). Answers agree with f64 arithmetic within 1e-6 of the vectors' norms, also
//! where squares leave the range of f32.
//!
//! Cosine distance is NaN where a vector is zero, as pgvector has it: no direction, no angle.
//! The inner product is negated, so that smaller is nearer in every metric.
//! The Poincaré distance (Nickel and Kiela 2017, eq. 1) is
//! `arcosh(1 + 2|a-b|^2 / ((1-|a|^2)(1-|b|^2)))`; close to the rim the factors `1-|a|^2` lose all
//! digits in f32, so it is computed in f64 throughout.
//!
//! I did consider L2 by norms (`|a|^2 + |b|^2 - 2ab`, one multiplication less): it cancels where
//! it matters most, at the nearest rows. And f64 lanes everywhere: as fast from memory, two to
//! three times slower from cache.

mod exact;
mod half;
mod query;
mod wide;

#[cfg(test)]
mod tests;

use crate::Metric;
pub(crate) use half::float_of;
pub use half::{half_of, widen};
pub use query::Query;

/// Why there is no distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DistanceError {
    #[error("different vector dimensions {left} and {right}")]
    Dimensions { left: usize, right: usize },
    #[error("Poincaré distance needs vectors of norm below 1")]
    OutsideBall,
    #[error("row {row} is asked for, there are {rows}")]
    NoSuchRow { row: usize, rows: usize },
}

/// The distance between two vectors. For one against many make a [`Query`].
pub fn distance(metric: Metric, a: &[f32], b: &[f32]) -> Result<f64, DistanceError> {
    same_dimension(a, b)?;
    Query::new(metric, a)?.distance(b)
}

/// The square of the Euclidean distance, in f64.
pub fn l2_squared(a: &[f32], b: &[f32]) -> Result<f64, DistanceError> {
    same_dimension(a, b)?;
    let [sum] = exact::sums_of_pair::<exact::Squares, 1>(a, b);
    Ok(sum)
}

/// The inner product (not negated), in f64.
pub fn inner_product(a: &[f32], b: &[f32]) -> Result<f64, DistanceError> {
    same_dimension(a, b)?;
    let [sum] = exact::sums_of_pair::<exact::Dot, 1>(a, b);
    Ok(sum)
}

/// The Euclidean norm, in f64.
#[must_use]
pub fn norm(vector: &[f32]) -> f64 {
    let [sum] = exact::sums_of_pair::<exact::Dot, 1>(vector, vector);
    sum.sqrt()
}

fn same_dimension(a: &[f32], b: &[f32]) -> Result<(), DistanceError> {
    if a.len() == b.len() {
        return Ok(());
    }
    Err(DistanceError::Dimensions { left: a.len(), right: b.len() })
}
