//! The five ways to say how far apart two vectors are.

use serde::{Deserialize, Serialize};

/// A distance between vectors of one dimension; smaller is nearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Metric {
    /// `<->`: Euclidean distance.
    L2,
    /// `<=>`: one minus the cosine of the angle; NaN where a vector is zero.
    Cosine,
    /// `<#>`: the inner product, negated so that smaller is nearer.
    InnerProduct,
    /// `<+>`: sum of absolute differences.
    L1,
    /// Hyperbolic distance in the unit ball; norms must be below 1.
    Poincare,
}
