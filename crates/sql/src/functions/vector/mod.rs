//! pgvector's functions over Arrow columns.
//!
//! A `vector(n)` column is one `&[f32]` of rows times n: kernels walk it with no allocation per
//! row, and a constant query vector stays one slice. A vector without a dimension is a
//! `List<Float32>`; a text constant is parsed once a batch. A `halfvec` is computed as floats,
//! which every half is, and rounded where it is a result. Messages and SQLSTATEs are
//! pgvector's (`vector.c`), so that its users read what they know.

mod aggregate;
mod anchors;
mod arithmetic;
mod bits;
mod column;
mod distance;
mod drift;
mod order;
mod sparse;

#[cfg(test)]
mod kinds_tests;
#[cfg(test)]
mod tests;

pub(crate) use aggregate::{VectorFold, avg, sum};
pub(crate) use anchors::{Anchors, WRONG_ALONG, along_named};
pub(crate) use bits::{checked_column as checked_bits, fitted_column as fitted_bits};
pub(crate) use column::{Vectors, VectorsBuilder, check_vector, vector_argument};
pub use distance::distances_computed;
pub(crate) use distance::{distance_column, distance_function, distance_of};
pub(crate) use drift::drift;
pub(crate) use sparse::{checked_column as checked_sparse, of_dense_column, to_dense};

use datafusion::logical_expr::ScalarUDF;
use std::sync::Arc;

/// Every scalar function of this module.
pub(crate) fn functions() -> Vec<Arc<ScalarUDF>> {
    let mut all = distance::functions();
    all.extend(arithmetic::functions());
    all.extend(order::functions());
    all.extend(bits::functions());
    all.extend(anchors::functions());
    all
}
