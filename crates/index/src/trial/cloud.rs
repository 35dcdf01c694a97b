//! Rows around centres, as many as a graph is worth building for.

use super::Rows;

/// Numbers that depend on a seed alone, about normal.
struct Normal(u64);

impl Normal {
    fn next(&mut self) -> f32 {
        let mut uniform = || {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 40) as f32 / (1u32 << 24) as f32 - 0.5
        };
        (0..6).map(|_| uniform()).sum::<f32>() * 1.4
    }

    fn vector(&mut self, dim: usize, scale: f32) -> Vec<f32> {
        (0..dim).map(|_| self.next() * scale).collect()
    }
}

/// Rows around some centres, or around none; and queries of the same kind.
pub(crate) fn cloud(seed: u64, rows: usize, dim: usize, centres: usize) -> (Rows, Vec<Vec<f32>>) {
    cloud_of(seed, rows, dim, centres, 0.15)
}

/// The same, of clusters so wide where their centres are 1.4 sqrt(dim) apart.
pub(crate) fn cloud_of(
    seed: u64,
    rows: usize,
    dim: usize,
    centres: usize,
    width: f32,
) -> (Rows, Vec<Vec<f32>>) {
    let mut normal = Normal(seed);
    let centres: Vec<Vec<f32>> = (0..centres).map(|_| normal.vector(dim, 1.0)).collect();
    let mut point = |at: usize| match centres.get(at % centres.len().max(1)) {
        // Clusters are flat: a few directions carry most of the spread.
        Some(centre) => {
            let mut noise = normal.vector(dim, width);
            noise.iter_mut().take(dim / 8).for_each(|x| *x *= 4.0);
            centre.iter().zip(noise).map(|(c, x)| c + x).collect()
        }
        None => normal.vector(dim, 1.0),
    };
    let vectors: Vec<f32> = (0..rows).flat_map(|row| point(row * 7)).collect();
    let queries = (0..40).map(|row| point(row * 11 + 3)).collect();
    let ts = (0..rows as i64).map(|row| row * 1_000).collect();
    (Rows { ts, ..Rows::of(dim, vectors) }, queries)
}
