//! The metrics as codes see them: each as one formula of what codes say.
//!
//! With rows `x = r + c` and a query `q = p + c` (rotated, and for cosine scaled to norm 1):
//!
//! ```text
//!   L2, cosine     score = |x-q|^2 = |r|^2 + |p|^2 - 2 <r,p>
//!   inner product  score = -<x,q>  = -<x,c> - <c,p> - <r,p>
//!                                    '-base' '-shift' '- weight * <r,p>
//!   L1             score = |x-q|   = beyond(x) + beyond(q) + step * sum |byte(x) - byte(q)|
//!   Poincaré       score = a |x-q|^2 / b,  a = 1 / (1 - |x|^2),  b = 1 + |q|^2
//!                        = a - 1/b - 2/b <a x, q>
//! ```
//!
//! A score orders rows as the distance does: it is the square of L2, twice the cosine distance, the
//! inner product's distance and that of L1 themselves. Poincaré's distance is `arcosh(1 + 2 a
//! |x-q|^2 / (1 - |q|^2))` (Nickel and Kiela 2017, equation 1), which grows with the score; codes
//! are of `a x`, around no centre, so that `a` follows from the code's own norm: the point of the
//! hyperboloid above x, but for its first coordinate, and the score is the hyperboloid's product.
//!
//! L1 is not the same after a rotation, so its codes are not rotated, and have no bits: signs of
//! coordinates that are not in random directions promise nothing. Considered: L1 from bits by the
//! ratio of L1 to L2, which of rows with a few large coordinates is anything from 1 to sqrt(D).

use cvx_core::Metric;
use cvx_core::code::Rotation;

/// A metric whose distances codes can estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    L2,
    Cosine,
    InnerProduct,
    L1,
    Poincare,
}

/// Squares of norms outside of this are left to exact comparison.
const SQUARES: std::ops::Range<f64> = 1e-30..1e30;
/// Rows nearer to the ball's boundary are left to exact comparison: as much as f32 says.
const LIFT_MAX: f64 = 1e7;

impl Space {
    pub(crate) fn of(metric: Metric) -> Self {
        match metric {
            Metric::L2 => Self::L2,
            Metric::Cosine => Self::Cosine,
            Metric::InnerProduct => Self::InnerProduct,
            Metric::L1 => Self::L1,
            Metric::Poincare => Self::Poincare,
        }
    }

    pub(crate) fn metric(self) -> Metric {
        match self {
            Self::L2 => Metric::L2,
            Self::Cosine => Metric::Cosine,
            Self::InnerProduct => Metric::InnerProduct,
            Self::L1 => Metric::L1,
            Self::Poincare => Metric::Poincare,
        }
    }

    /// Whether codes are of rotated coordinates, and have bits that say something.
    pub(crate) fn has_bits(self) -> bool {
        self != Self::L1
    }

    /// Whether scores are squares of distances from points, so that cells are where rows lie.
    /// Products are not: the longest rows are the nearest.
    pub(crate) fn has_cells(self) -> bool {
        matches!(self, Self::L2 | Self::Cosine)
    }

    /// Whether codes are around the mean of the rows.
    pub(super) fn is_centred(self) -> bool {
        self != Self::Poincare
    }

    /// The coordinates that codes are made of.
    pub(crate) fn lay(self, rotation: &Rotation, vector: &[f32], factor: f32, out: &mut [f32]) {
        if self.has_bits() {
            rotation.rotate(vector, factor, out);
            return;
        }
        out.fill(0.0);
        out.iter_mut().zip(vector).for_each(|(out, x)| *out = x * factor);
    }

    /// What a vector is multiplied by before it is encoded; `None` if codes cannot describe it.
    pub(crate) fn factor(self, vector: &[f32]) -> Option<f32> {
        let norm = cvx_core::distance::norm(vector);
        let square = norm * norm;
        match self {
            Self::Cosine => SQUARES.contains(&square).then(|| (1.0 / norm) as f32),
            Self::L2 | Self::InnerProduct | Self::L1 => (square < SQUARES.end).then_some(1.0),
            Self::Poincare => {
                (1.0 - square > 1.0 / LIFT_MAX).then(|| (1.0 / (1.0 - square)) as f32)
            }
        }
    }

    /// The same of a query.
    pub(crate) fn query_factor(self, query: &[f32]) -> Option<f32> {
        let factor = self.factor(query)?;
        Some(if self == Self::Poincare { 1.0 } else { factor })
    }

    /// What the inner product of residuals, or the sum of differences, is multiplied by.
    pub(crate) fn weight(self, query: &[f32]) -> f32 {
        match self {
            Self::L2 | Self::Cosine => -2.0,
            Self::InnerProduct => -1.0,
            Self::L1 => 1.0,
            Self::Poincare => (-2.0 / (1.0 + dot(query, query))) as f32,
        }
    }

    /// A row's part of the score: of its residual, and the centre. Of L1 the code says it.
    pub(crate) fn base(self, residual: &[f32], centre: &[f32]) -> f32 {
        match self {
            Self::L2 | Self::Cosine => dot(residual, residual) as f32,
            Self::InnerProduct => -(dot(residual, centre) + dot(centre, centre)) as f32,
            Self::L1 => 0.0,
            // |a x|^2 = a (a - 1).
            Self::Poincare => {
                f64::midpoint(1.0, (1.0 + 4.0 * dot(residual, residual)).sqrt()) as f32
            }
        }
    }

    /// The query's part of the score. Of L1 the code says it.
    pub(crate) fn shift(self, residual: &[f32], centre: &[f32]) -> f32 {
        match self {
            Self::L2 | Self::Cosine => dot(residual, residual) as f32,
            Self::InnerProduct => -dot(residual, centre) as f32,
            Self::L1 => 0.0,
            Self::Poincare => (-1.0 / (1.0 + dot(residual, residual))) as f32,
        }
    }
}

/// What turns a query's scores into distances and back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    space: Space,
    /// Of Poincaré: (1 + |q|^2) / (1 - |q|^2).
    stretch: f64,
}

impl Scale {
    pub(crate) fn new(space: Space, query: &[f32]) -> Self {
        let square = if space == Space::Poincare { dot(query, query) } else { 0.0 };
        Self { space, stretch: (1.0 + square) / (1.0 - square) }
    }

    pub(crate) fn score(self, distance: f64) -> f64 {
        match self.space {
            Space::L2 => distance * distance,
            Space::Cosine => 2.0 * distance,
            Space::InnerProduct | Space::L1 => distance,
            // cosh(d) - 1 without losing small d.
            Space::Poincare => (distance / 2.0).sinh().powi(2) / self.stretch,
        }
    }

    pub(crate) fn distance(self, score: f64) -> f64 {
        match self.space {
            Space::L2 => score.max(0.0).sqrt(),
            Space::Cosine => score * 0.5,
            Space::InnerProduct | Space::L1 => score,
            Space::Poincare => 2.0 * (score.max(0.0) * self.stretch).sqrt().asinh(),
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    cvx_core::distance::inner_product(a, b).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A Poincaré score is what its formula says, and leads back to the distance.
        #[test]
        fn scores_of_the_ball_are_distances(
            x in prop::collection::vec(-0.4f32..0.4, 4),
            q in prop::collection::vec(-0.4f32..0.4, 4),
        ) {
            let wanted = cvx_core::distance(Metric::Poincare, &q, &x).unwrap();
            let space = Space::Poincare;
            let factor = space.factor(&x).unwrap();
            let row: Vec<f32> = x.iter().map(|x| x * factor).collect();
            let base = f64::from(space.base(&row, &[0.0; 4]));
            prop_assert!((base - f64::from(factor)).abs() < 1e-5 * base);
            let (shift, weight) = (space.shift(&q, &[0.0; 4]), space.weight(&q));
            let score = base + f64::from(shift) + f64::from(weight) * dot(&row, &q);
            let scale = Scale::new(space, &q);
            prop_assert!((scale.score(wanted) - score).abs() < 1e-5);
            prop_assert!((scale.distance(scale.score(wanted)) - wanted).abs() < 1e-6);
        }
    }
}
