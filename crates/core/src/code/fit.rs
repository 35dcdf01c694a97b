//! How the product with a decoded code stands for the product with the row itself.
//!
//! A code decodes to `y`, which points about where the residual `r` does. Scaled by `|r|^2/<y,r>`
//! it meets the plane that `r` meets: what is left, `e = scale y - r`, is orthogonal to `r`. So of
//! a query `q` only what is orthogonal to `r` meets `e`, in a direction that a random rotation made
//! random: the estimate `scale <y,q>` is unbiased, and its standard error is at most `|e| |q| /
//! sqrt(D - 1)` (Gao and Long 2024, theorem 3.2; Gao and others 2024, "Practical and Asymptotically
//! Optimal Quantization of High-Dimensional Vectors in Euclidean Space for Approximate Nearest
//! Neighbor Search", section 3, for more bits than one).

/// What a row's code needs beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fit {
    /// `<r,q> ~ scale * <y,q>`.
    pub scale: f32,
    /// One standard error of that, for a `q` of norm 1.
    pub error: f32,
    /// The norm of `scale * y`.
    pub norm: f32,
}

/// Least cosine between a residual and its code: a code that points anywhere says nothing.
const COSINE: f64 = 0.05;
/// What sums of f32 are off by, in terms of the norms.
const ROUNDING: f64 = 1e-6;

impl Fit {
    /// From `|r|^2`, `<y,r>` and `|y|^2`.
    pub(super) fn new(squares: f64, product: f64, decoded: f64, width: usize) -> Self {
        if squares == 0.0 {
            return Self::default();
        }
        if product <= COSINE * (squares * decoded).sqrt() {
            // Cauchy and Schwarz: no more is known.
            return Self { scale: 0.0, error: squares.sqrt() as f32, norm: 0.0 };
        }
        let scale = squares / product;
        let left = (scale * scale * decoded - squares).max(ROUNDING * ROUNDING * squares);
        let error = (left / (width as f64 - 1.0)).sqrt();
        let norm = scale * decoded.sqrt();
        Self { scale: scale as f32, error: error as f32, norm: norm as f32 }
    }

    /// Of a residual and what its code decodes to.
    pub(super) fn of(residual: &[f32], decoded: impl Iterator<Item = f32>) -> Self {
        let [mut squares, mut product, mut length] = [0.0f64; 3];
        for (r, y) in residual.iter().zip(decoded) {
            let (r, y) = (f64::from(*r), f64::from(y));
            squares += r * r;
            product += r * y;
            length += y * y;
        }
        Self::new(squares, product, length, residual.len())
    }
}
