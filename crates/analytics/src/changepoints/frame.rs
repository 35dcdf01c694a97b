//! A plane through three sums, and where other sums lie to it.
//!
//! ```text
//!            . S_i                       x, y   on the plane, from the first of the three
//!          h :                           h      how far off it
//!     -------+-----------  plane
//!      first, end, anchor                distances from the three tell all of them
//! ```
//!
//! Two sums are `(x - x')^2 + (y - y')^2 + (h + h')^2` apart at most, and that is what this is for:
//! it must never be less than the truth. Squares are taken from squares, so an axis that is short
//! beside what it is to measure is left out, and h is loosened by more than what is lost by
//! rounding.

use pulp::{Arch, Simd, WithSimd};

/// Part of a square by which h is loosened: above its rounding.
const SLACK: f64 = 1e-9;

/// Below this part of the squares measured, an axis is too short. Its root times the rounding of a
/// number, twice, is what coordinates are wrong by: far below `SLACK`.
const SHORT: f64 = 1e-5;

/// On the plane, and off it.
pub(super) type Lies = [f64; 3];

/// Squared distances between the three.
#[derive(Clone, Copy, Debug)]
pub(super) struct Three {
    end: f64,
    anchor: f64,
    end_to_anchor: f64,
}

impl Three {
    /// From the distances between the three, numbered as first, end, anchor.
    pub(super) fn new(between: impl Fn(usize, usize) -> f64) -> Self {
        Self { end: between(0, 1), anchor: between(0, 2), end_to_anchor: between(1, 2) }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    three: Three,
    /// One over the length of the first axis, towards the anchor; zero if it is left out.
    per_x: f64,
    /// The end on the first axis.
    end_x: f64,
    /// One over the end's distance from the first axis, which is the second.
    per_y: f64,
    loose: f64,
}

impl Frame {
    /// For sums that are so far from the first.
    pub(super) fn new(three: Three, from_first: &[f64]) -> Self {
        let far = from_first.iter().copied().fold(three.end + three.anchor, f64::max);
        let per = |square: f64| if square > SHORT * far { square.sqrt().recip() } else { 0.0 };
        let per_x = per(three.anchor);
        let end_x = 0.5 * (three.anchor + three.end - three.end_to_anchor) * per_x;
        let per_y = per(three.end - end_x * end_x);
        let loose = SLACK * SLACK * (three.end + three.anchor);
        Self { three, per_x, end_x, per_y, loose }
    }

    /// Where a sum lies, from its squared distances from the three.
    #[inline(always)]
    pub(super) fn lies(&self, [first, end, anchor]: [f64; 3]) -> Lies {
        let x = 0.5 * (first + self.three.anchor - anchor) * self.per_x;
        let y = (0.5 * (first + self.three.end - end) - x * self.end_x) * self.per_y;
        let off = (first - x * x - y * y).max(0.0);
        [x, y, (off + SLACK * first + self.loose).sqrt()]
    }

    /// Where sums lie, in columns.
    pub(super) fn place(&self, arch: Arch, from: &[Vec<f64>; 3], lies: &mut [Vec<f64>; 3]) {
        lies.iter_mut().zip(from).for_each(|(lies, from)| lies.resize(from.len(), 0.0));
        arch.dispatch(Place { frame: self, from, lies });
    }
}

struct Place<'a> {
    frame: &'a Frame,
    from: &'a [Vec<f64>; 3],
    lies: &'a mut [Vec<f64>; 3],
}

impl WithSimd for Place<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        // Inlined into `dispatch`, the loop is compiled for the machine's registers.
        let ([xs, ys, hs], [first, end, anchor]) = (self.lies, self.from);
        let from = first.iter().zip(end).zip(anchor);
        let lies = xs.iter_mut().zip(ys).zip(hs);
        for (((x, y), h), ((first, end), anchor)) in lies.zip(from) {
            [*x, *y, *h] = self.frame.lies([*first, *end, *anchor]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn apart(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
    }

    proptest! {
        /// Also where points are far away, equal, or on one line.
        #[test]
        fn no_two_are_farther_apart_than_they_seem(
            points in prop::collection::vec(
                (prop::collection::vec(-1.0..1.0f64, 4), -9..9i32), 5..20,
            ),
            line: bool,
            of in prop::array::uniform3(0..5usize),
        ) {
            let points: Vec<Vec<f64>> = points
                .into_iter()
                .map(|(point, power)| {
                    let far = 10f64.powi(power);
                    point.iter().map(|x| far * if line { point[0] } else { *x }).collect()
                })
                .collect();
            let from: [Vec<f64>; 3] =
                of.map(|of| points.iter().map(|p| apart(&points[of], p)).collect());
            let frame = Frame::new(Three::new(|a, b| from[a][of[b]]), &from[0]);
            let mut lies = [const { Vec::new() }; 3];
            frame.place(Arch::new(), &from, &mut lies);
            for a in 0..points.len() {
                for b in 0..points.len() {
                    let [x, y] = [0, 1].map(|axis: usize| lies[axis][a] - lies[axis][b]);
                    let off = lies[2][a] + lies[2][b];
                    let (bound, truth) = (x * x + y * y + off * off, apart(&points[a], &points[b]));
                    prop_assert!(bound >= truth, "{bound} for {truth}");
                }
            }
        }
    }

    #[test]
    fn on_the_plane_and_off_it() {
        let points = [[0.0, 0.0, 0.0], [1.0, 2.0, 0.0], [4.0, 0.0, 0.0], [5.0, 5.0, 5.0]];
        let from: [Vec<f64>; 3] =
            [0, 1, 2].map(|of: usize| points.iter().map(|p| apart(&points[of], p)).collect());
        let frame = Frame::new(Three::new(|a, b| from[a][b]), &from[0]);
        let lies = frame.lies([0, 1, 2].map(|of: usize| from[of][3]));
        assert!(lies.iter().all(|x| (x - 5.0).abs() < 1e-6), "{lies:?}");
    }
}
