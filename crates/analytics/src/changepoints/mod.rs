//! Change points of a trajectory known as a whole: where its mean jumps.
//!
//! **Model.** Between breaks the points are a mean plus noise of one variance `s^2` a dimension. A
//! segmentation costs the squared distances of all points from their segment's mean, in units of
//! `s^2`, plus a penalty for each break (Killick, Fearnhead, Eckley 2012). `s` is estimated from
//! the data ([`noise`]), so that a penalty means the same on unit vectors of 768 dimensions as on
//! a thermometer: a raw sum of squares against `D ln n` could never fire there.
//!
//! | method | what it minimises | cost |
//! |---|---|---|
//! | [`Method::Exact`] | over all segmentations: PELT | O(n) to O(n^2) with breaks few, times D |
//! | [`Method::Pelt`] | PELT over a grid of [`NODES_MAX`] places at most, then exact [`refine`]ment | O(n D) and 1.3 million evaluations at most |
//! | [`Method::Jump`] | nothing: tests each step against the others ([`jump`]) | O(n D) |
//!
//! **What the grid costs.** Up to [`NODES_MAX`] points the grid has every place and the answer is
//! PELT's own. With more, places lie `g = n / NODES_MAX` (rounded up) points apart. A break is
//! seen at the nearest place, at most g/2 points off, before it is moved to its best: a mean that
//! holds for m > g points and differs by J is found if `(m - g/2) J^2` exceeds what exact PELT
//! asks of `m J^2`; one that holds for m < g is diluted by its block and needs `m^2 J^2 / g`. What
//! is found is as exact as PELT's: no single break can be moved or removed to lower the cost.
//!
//! PELT prunes only where breaks come; on 100,000 points without any it is five thousand million
//! distances of D dimensions. I did consider random projections: they keep the jump's length and
//! spread the noise, so that sqrt(D/d) times the evidence is needed; and binary segmentation,
//! which is as fast as the grid but keeps early mistakes and minimises nothing.
//!
//! **Not for drift.** A slow drift or a random walk *is* a series of small steps of the mean, and
//! mean-shift detection reports breaks all along it. [`Method::Jump`] is for those.

mod breaks;
mod frame;
mod jump;
mod noise;
mod pelt;
mod penalty;
mod refine;
mod sums;

use cvx_core::CancelToken;

pub use breaks::{ChangePoint, between_regimes};
pub use penalty::Penalty;

use crate::{Error, Trajectory};
use breaks::describe;

use sums::Sums;

/// Places of the grid, and points up to which [`Method::Pelt`] is exact.
pub const NODES_MAX: usize = 1_600;

/// How to look for breaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    #[default]
    Pelt,
    Exact,
    Jump,
}

impl Method {
    /// As SQL names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pelt => "pelt",
            Self::Exact => "exact",
            Self::Jump => "jump",
        }
    }
}

/// What to look for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    pub method: Method,
    pub penalty: Penalty,
    /// Points of a segment at least. One alone makes every outlier two breaks.
    pub min_segment: usize,
}

impl Search {
    /// Points that are asked for: two segments, and steps enough to say how large steps are.
    #[must_use]
    pub fn points_needed(&self) -> usize {
        self.min_segment.saturating_mul(2).max(4)
    }
}

impl Default for Search {
    fn default() -> Self {
        Self { method: Method::Pelt, penalty: Penalty::Auto, min_segment: 2 }
    }
}

/// The breaks of a trajectory in time order.
pub fn changepoints(
    trajectory: &Trajectory<'_>,
    search: &Search,
    stop: &CancelToken,
) -> Result<Vec<ChangePoint>, Error> {
    check(trajectory, search)?;
    let (n, dim) = (trajectory.len(), trajectory.dim());
    if search.method == Method::Jump {
        return jump::jumps(trajectory, search);
    }
    let noise = noise::estimate(trajectory);
    let terms = search.penalty.terms(n, dim)?.scaled(noise.variance);
    let spacing = match search.method {
        Method::Exact => 1,
        Method::Pelt | Method::Jump => n.div_ceil(NODES_MAX),
    };
    let sums = Sums::new(trajectory, &noise.center, spacing);
    if !sums.is_finite() {
        return Err(NOT_FINITE);
    }
    if noise.variance == 0.0 {
        return Ok(Vec::new());
    }
    let found = pelt::segment(&sums, &terms, search.min_segment, stop)?;
    let found = match spacing {
        1 => found,
        _ => refine::refine(trajectory, &sums, &terms, search.min_segment, found, stop)?,
    };
    Ok(describe(trajectory, &found, &terms))
}

const NOT_FINITE: Error = Error::NotATrajectory("a vector holds NaN or infinity");

fn check(trajectory: &Trajectory<'_>, search: &Search) -> Result<(), Error> {
    if search.min_segment == 0 {
        return Err(Error::Invalid("min_segment must be at least 1"));
    }
    let (needed, have) = (search.points_needed(), trajectory.len());
    if have < needed {
        return Err(Error::InsufficientData { needed, have });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
