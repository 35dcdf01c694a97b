//! Random directions on which vectors are projected.
//!
//! Entries are normal with variance 1/D (Dasgupta and Gupta 2003), from Box and Muller (1958) over
//! SplitMix64 (Steele, Lea, Flood 2014): a few lines whose numbers no library's next version
//! changes, for a stored state is only good with the directions it was made with.

use std::sync::Arc;

/// A matrix of `dims` rows over D columns; none where vectors are short enough as they are. A
/// clone shares it.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    rows: Option<Arc<[f32]>>,
    dim: usize,
}

impl Projection {
    #[must_use]
    pub fn new(dim: usize, dims: usize, seed: u64) -> Self {
        let rows = (dim > dims).then(|| {
            let scale = 1.0 / (dim as f64).sqrt();
            let mut bits = SplitMix(seed ^ (dim as u64).rotate_left(32));
            (0..dim * dims).map(|_| (bits.normal() * scale) as f32).collect()
        });
        Self { rows, dim }
    }

    /// The coordinates of a vector of D dimensions.
    #[must_use]
    pub fn project(&self, vector: &[f32]) -> Vec<f64> {
        match &self.rows {
            None => vector.iter().map(|x| f64::from(*x)).collect(),
            Some(rows) => rows.chunks_exact(self.dim).map(|row| dot(row, vector)).collect(),
        }
    }
}

fn dot(row: &[f32], vector: &[f32]) -> f64 {
    cvx_core::distance::inner_product(row, vector).unwrap_or(f64::NAN)
}

struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Above 0, up to 1.
    fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let (u, v) = (self.uniform(), self.uniform());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_vectors_stay_as_they_are() {
        assert_eq!(Projection::new(2, 16, 1).project(&[1.5, -2.0]), [1.5, -2.0]);
    }

    #[test]
    fn lengths_are_kept_on_average() {
        let projection = Projection::new(400, 200, 1);
        let vector: Vec<f32> = (0..400).map(|at| (at % 7) as f32 - 3.0).collect();
        let whole: f64 = vector.iter().map(|x| f64::from(*x).powi(2)).sum();
        let projected: f64 = projection.project(&vector).iter().map(|x| x * x).sum();
        let ratio = projected / (whole * 200.0 / 400.0);
        assert!((ratio - 1.0).abs() < 0.3, "{ratio}");
    }

    /// A change here makes stored states worthless.
    #[test]
    fn directions_never_change() {
        let mut bits = SplitMix(0);
        assert_eq!(bits.next(), 0xe220_a839_7b1d_cdaf);
        let first = SplitMix(7).normal();
        assert!((first - 1.364_992_297_457_228).abs() < 1e-12, "{first}");
    }
}
