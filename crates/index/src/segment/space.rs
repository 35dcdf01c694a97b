//! The three metrics that codes serve, as one formula.
//!
//! With rows `x = r + c` and a query `q = p + c` (rotated, and for cosine scaled to norm 1):
//!
//! ```text
//!   L2, cosine     score = |x-q|^2 = |r|^2 + |p|^2 - 2 <r,p>
//!   inner product  score = -<x,q>  = -<x,c> - <c,p> - <r,p>
//!                                    '-base' '-shift' '- weight * <r,p>
//! ```
//!
//! A score orders rows as the distance does: it is the square of L2, twice the cosine distance,
//! and the inner product's distance itself.

use cvx_core::Metric;

/// A metric whose distances codes can estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    L2,
    Cosine,
    InnerProduct,
}

/// Squares of norms outside of this are left to exact comparison.
const SQUARES: std::ops::Range<f64> = 1e-30..1e30;

impl Space {
    /// `None` for metrics that are not of the family.
    pub(crate) fn of(metric: Metric) -> Option<Self> {
        match metric {
            Metric::L2 => Some(Self::L2),
            Metric::Cosine => Some(Self::Cosine),
            Metric::InnerProduct => Some(Self::InnerProduct),
            Metric::L1 | Metric::Poincare => None,
        }
    }

    pub(crate) fn metric(self) -> Metric {
        match self {
            Self::L2 => Metric::L2,
            Self::Cosine => Metric::Cosine,
            Self::InnerProduct => Metric::InnerProduct,
        }
    }

    /// What a vector is multiplied by before it is encoded; `None` if codes cannot describe it.
    pub(crate) fn factor(self, vector: &[f32]) -> Option<f32> {
        let norm = cvx_core::distance::norm(vector);
        let square = norm * norm;
        match self {
            Self::Cosine => SQUARES.contains(&square).then(|| (1.0 / norm) as f32),
            Self::L2 | Self::InnerProduct => (square < SQUARES.end).then_some(1.0),
        }
    }

    /// What the inner product of residuals is multiplied by.
    pub(crate) fn weight(self) -> f32 {
        match self {
            Self::L2 | Self::Cosine => -2.0,
            Self::InnerProduct => -1.0,
        }
    }

    /// A row's part of the score: of its residual, and the centre.
    pub(crate) fn base(self, residual: &[f32], centre: &[f32]) -> f32 {
        match self {
            Self::L2 | Self::Cosine => dot(residual, residual) as f32,
            Self::InnerProduct => -(dot(residual, centre) + dot(centre, centre)) as f32,
        }
    }

    /// The query's part of the score.
    pub(crate) fn shift(self, residual: &[f32], centre: &[f32]) -> f32 {
        match self {
            Self::L2 | Self::Cosine => dot(residual, residual) as f32,
            Self::InnerProduct => -dot(residual, centre) as f32,
        }
    }

    pub(crate) fn score(self, distance: f64) -> f64 {
        match self {
            Self::L2 => distance * distance,
            Self::Cosine => 2.0 * distance,
            Self::InnerProduct => distance,
        }
    }

    pub(crate) fn distance(self, score: f64) -> f64 {
        match self {
            Self::L2 => score.max(0.0).sqrt(),
            Self::Cosine => score * 0.5,
            Self::InnerProduct => score,
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    cvx_core::distance::inner_product(a, b).unwrap_or(f64::NAN)
}
