//! What the benchmarks beside this crate have in common: seeded inputs, data sets on disk and their
//! indexes. The numbers they give are published in docs/benchmarks.md.

pub mod dataset;
pub mod indexes;
pub mod npy;
pub mod timestamp_graph;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// Rows of numbers in [-1, 1), one behind the other; the same for the same seed.
#[must_use]
pub fn vectors(seed: u64, rows: usize, dim: usize) -> Vec<f32> {
    let mut rng = SmallRng::seed_from_u64(seed);
    (0..rows * dim).map(|_| rng.random_range(-1.0..1.0)).collect()
}

/// Scales every row to the given norm.
pub fn scale_rows(rows: &mut [f32], dim: usize, norm: f64) {
    for row in rows.chunks_mut(dim) {
        let factor = (norm / cvx_core::distance::norm(row)) as f32;
        row.iter_mut().for_each(|x| *x *= factor);
    }
}
