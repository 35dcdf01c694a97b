//! Rules of ours that DataFusion's optimizer runs after its own.

mod knn;
mod membership;
mod phases;
mod subquery;

pub use knn::{Awaited, NearestNeighbours, grows};
pub(crate) use knn::{metric_named, query_vector};
pub use membership::fix_memberships;
pub use phases::{by_values, for_all_values};
pub use subquery::fix_query_vectors;

/// Distance functions by name, and the metric each measures.
fn metric_of(function: &str) -> Option<cvx_core::Metric> {
    use cvx_core::Metric;
    Some(match function {
        "l2_distance" => Metric::L2,
        "cosine_distance" => Metric::Cosine,
        "vector_negative_inner_product" | "negative_inner_product" => Metric::InnerProduct,
        "l1_distance" => Metric::L1,
        "poincare_distance" => Metric::Poincare,
        _ => return None,
    })
}

/// The composite distance, whose metric is an argument.
pub(crate) const ST_DISTANCE: &str = "st_distance";
