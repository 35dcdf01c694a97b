//! What searches are tried by: rows and questions made up, and what is right, found without them.
//!
//! ```text
//!   case()  blocks of any shape, a question of any kind --.
//!   cloud() many rows around centres, and queries --------+--> parts --> search --> hits
//!                                                         |                          |
//!                                                         '--> brute_force ----------+
//!                            lawful: in order, nothing twice, nothing made up   <----|
//!                            complete: and as near as the nearest               <----|
//!                            measure: how many of the nearest, for what work    <----'
//! ```
//!
//! **Invariant.** What is right comes from `Rows` themselves, one row at a time, by nothing of the
//! product but distances: no selection, no block, no scan is asked.

mod case;
mod cloud;
mod law;
mod recall;
mod rows;

pub(crate) use case::{Case, case};
pub(crate) use cloud::{cloud, cloud_of};
pub(crate) use law::{brute_force, complete, distances, lawful};
pub(crate) use recall::{Measured, Questions, measure};
pub(crate) use rows::{Chosen, Rows, indexed};

use crate::segment::{BuildError, BuildOptions, build_index};
use crate::{Block, Request, Roads, SegmentIndex, StHnsw};
use cvx_core::{CancelToken, Metric};
use std::sync::LazyLock;

/// Wide enough that a few hundred rows are all met.
pub(crate) const THOROUGH: StHnsw =
    StHnsw { ef: 2_000, roads: Roads::Codes, sigmas: 1e6, cache_bytes: 0 };

/// Those whose codes are rotated, and need no ball.
pub(crate) const METRICS: [Metric; 3] = [Metric::Cosine, Metric::L2, Metric::InnerProduct];

/// A question that nobody cancels.
pub(crate) fn request(query: &[f32], metric: Metric, k: usize) -> Request<'_> {
    static NOBODY: LazyLock<CancelToken> = LazyLock::new(CancelToken::default);
    Request { query, metric, k, composite: None, cancel: &NOBODY }
}

/// As indexes are built, by who never stops.
pub(crate) fn standard() -> BuildOptions<'static> {
    BuildOptions::standard(&|| true)
}

/// The same, of cells too, however few rows there are and however little cells save.
pub(crate) fn in_cells() -> BuildOptions<'static> {
    BuildOptions { cells_from: 1, cells_anyway: true, ..standard() }
}

/// The index of a block.
pub(crate) fn index(
    block: &Block<'_>,
    metric: Metric,
    options: &BuildOptions<'_>,
) -> Result<SegmentIndex, BuildError> {
    build_index(block, metric, options).map(|image| SegmentIndex::open(image).unwrap())
}
