//! Sums of the points up to each place of the grid, from which any segment's gain is read.
//!
//! ```text
//!   points   0 1 2 3 | 4 5 6 7 | 8 9
//!   places   0         1         2     3        spacing 4
//!   sums     0         S1        S2    S3       of points before the place, minus n * center
//!
//!   sum of |x - mean|^2 over a segment = sum of |x|^2 - |S_j - S_i|^2 / (j - i)
//! ```
//!
//! The sums of squares of all segments together are the same for every segmentation, so only
//! `-|S_j - S_i|^2 / (j - i)` is ever computed: nothing large is subtracted from something large.
//! Sums are f64 and measured from the mean of all points.

use pulp::{Arch, Simd, WithSimd};

use crate::Trajectory;

/// Places and the sums up to them.
#[derive(Debug)]
pub(super) struct Sums {
    spacing: usize,
    points: usize,
    dim: usize,
    center: Vec<f64>,
    rows: Vec<f64>,
    arch: Arch,
}

/// Places whose distances from another are computed together.
pub(super) const PANEL: usize = 8;

impl Sums {
    pub(super) fn new(trajectory: &Trajectory<'_>, center: &[f64], spacing: usize) -> Self {
        let (points, dim) = (trajectory.len(), trajectory.dim());
        let places = points.div_ceil(spacing) + 1;
        let mut rows = Vec::with_capacity(places * dim);
        rows.resize(dim, 0.0);
        let arch = Arch::new();
        for block in trajectory.rows().chunks(spacing * dim) {
            let last = rows.len() - dim;
            rows.extend_from_within(last..);
            let sum = &mut rows[last + dim..];
            arch.dispatch(AddRows { sum, center, block });
        }
        let mut sums = Self { spacing, points, dim, center: center.to_vec(), rows, arch };
        sums.recentre();
        sums
    }

    /// Measures from the mean of all points. Costs differ as before, but sums no longer wander off
    /// with the center's error, and a bound by distances between sums is as near as it can be.
    fn recentre(&mut self) {
        let all = self.points as f64;
        let off: Vec<f64> = self.row(self.places() - 1).iter().map(|sum| sum / all).collect();
        for place in 0..self.places() {
            let points = self.point(place) as f64;
            let row = &mut self.rows[place * self.dim..][..self.dim];
            row.iter_mut().zip(&off).for_each(|(sum, off)| *sum -= points * off);
        }
        self.center.iter_mut().zip(&off).for_each(|(center, off)| *center += off);
    }

    /// How many places there are, both ends among them.
    pub(super) fn places(&self) -> usize {
        self.rows.len() / self.dim
    }

    /// Whether all numbers summed are finite: what is not never leaves a sum again.
    pub(super) fn is_finite(&self) -> bool {
        self.row(self.places() - 1).iter().all(|sum| sum.is_finite())
    }

    /// The point before which a place lies.
    pub(super) fn point(&self, place: usize) -> usize {
        (place * self.spacing).min(self.points)
    }

    pub(super) fn spacing(&self) -> usize {
        self.spacing
    }

    fn row(&self, place: usize) -> &[f64] {
        &self.rows[place * self.dim..][..self.dim]
    }

    /// The squared distances of a place's sum from those of others, behind what is in `out`.
    pub(super) fn distances(&self, from: usize, others: &[usize], out: &mut Vec<f64>) {
        self.arch.dispatch(Distances { sums: self, from, others, out });
    }

    /// Adds, for each of `from`, the squared distances of its sum from those of the [`PANEL`]
    /// places from `first` on.
    pub(super) fn to_panel(&self, from: &[usize], first: usize, out: &mut Vec<[f64; PANEL]>) {
        // Behind the last place its row again; nobody reads that distance.
        let last = self.places() - 1;
        let to = std::array::from_fn(|at| self.row((first + at).min(last)));
        self.arch.dispatch(ToPanel { sums: self, from, to, out });
    }

    /// The squared distance of two places' sums.
    pub(super) fn between(&self, a: usize, b: usize) -> f64 {
        self.between_each([a], b)[0]
    }

    /// The squared distances of a place's sum from those of some others.
    pub(super) fn between_each<const P: usize>(
        &self,
        others: [usize; P],
        place: usize,
    ) -> [f64; P] {
        self.arch.dispatch(BetweenEach(self.row(place), others.map(|other| self.row(other))))
    }

    /// The sum of all points before this one, from the nearest place's.
    pub(super) fn before(&self, trajectory: &Trajectory<'_>, point: usize) -> Vec<f64> {
        let place = point / self.spacing;
        let mut sum = self.row(place).to_vec();
        for row in self.point(place)..point {
            self.add(&mut sum, trajectory.vector(row));
        }
        sum
    }

    /// Adds a point to a sum.
    pub(super) fn add(&self, sum: &mut [f64], vector: &[f32]) {
        self.arch.dispatch(AddRows { sum, center: &self.center, block: vector });
    }

    /// The squared distance of two sums.
    pub(super) fn distance(&self, a: &[f64], b: &[f64]) -> f64 {
        self.arch.dispatch(BetweenEach(a, [b]))[0]
    }
}

/// Adds rows, less the center, to a sum.
struct AddRows<'a> {
    sum: &'a mut [f64],
    center: &'a [f64],
    block: &'a [f32],
}

impl WithSimd for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        // Inlined into `dispatch`, these loops are compiled for the machine's registers.
        for row in self.block.chunks_exact(self.sum.len()) {
            for ((sum, center), x) in self.sum.iter_mut().zip(self.center).zip(row) {
                *sum += f64::from(*x) - center;
            }
        }
    }
}

struct Distances<'a> {
    sums: &'a Sums,
    from: usize,
    others: &'a [usize],
    out: &'a mut Vec<f64>,
}

impl WithSimd for Distances<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let from = self.sums.row(self.from);
        for others in self.others.chunks(PANEL) {
            // A short chunk's last place stands in for those that lack.
            let mut to = [from; PANEL];
            for (at, to) in to.iter_mut().enumerate() {
                *to = self.sums.row(others[at.min(others.len() - 1)]);
            }
            let distances = squared_distances(simd, from, to);
            self.out.extend_from_slice(&distances[..others.len()]);
        }
    }
}

struct ToPanel<'a> {
    sums: &'a Sums,
    from: &'a [usize],
    to: [&'a [f64]; PANEL],
    out: &'a mut Vec<[f64; PANEL]>,
}

impl WithSimd for ToPanel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for place in self.from {
            self.out.push(squared_distances(simd, self.sums.row(*place), self.to));
        }
    }
}

struct BetweenEach<'a, const P: usize>(&'a [f64], [&'a [f64]; P]);

impl<const P: usize> WithSimd for BetweenEach<'_, P> {
    type Output = [f64; P];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [f64; P] {
        squared_distances(simd, self.0, self.1)
    }
}

/// Squared distances from one row to `P` others, its registers loaded once.
#[inline(always)]
fn squared_distances<S: Simd, const P: usize>(simd: S, from: &[f64], to: [&[f64]; P]) -> [f64; P] {
    let (from, from_rest) = S::as_simd_f64s(from);
    let (mut heads, mut rests) = ([&[][..]; P], [&[][..]; P]);
    for p in 0..P {
        (heads[p], rests[p]) = S::as_simd_f64s(to[p]);
    }
    // P chains of multiply-adds hide each other's latency; all rows have one length.
    let mut sums = [simd.splat_f64s(0.0); P];
    for (at, x) in from.iter().enumerate() {
        for p in 0..P {
            let d = simd.sub_f64s(*x, heads[p][at]);
            sums[p] = simd.mul_add_f64s(d, d, sums[p]);
        }
    }
    // No closures: inlining must reach into `dispatch`.
    let mut totals = [0.0; P];
    for p in 0..P {
        let mut total = simd.reduce_sum_f64s(sums[p]);
        for (a, b) in from_rest.iter().zip(rests[p]) {
            total += (a - b) * (a - b);
        }
        totals[p] = total;
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::super::tests::planted;
    use super::*;

    #[test]
    fn distances_are_those_of_plain_sums() {
        for (n, dim, spacing) in [(10, 1, 4), (9, 7, 2), (30, 35, 1), (21, 64, 5)] {
            let data = planted(3, n, dim, &[n / 2], 4.0);
            let (trajectory, center) = (data.trajectory(), vec![0.25; dim]);
            let sums = Sums::new(&trajectory, &center, spacing);
            let mut mean = vec![0.0; dim];
            for row in trajectory.vectors() {
                mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += f64::from(*x) / n as f64);
            }
            let plain = |place: usize| {
                let mut sum = vec![0.0; dim];
                for row in 0..sums.point(place) {
                    for ((sum, x), mean) in sum.iter_mut().zip(trajectory.vector(row)).zip(&mean) {
                        *sum += f64::from(*x) - mean;
                    }
                }
                sum
            };
            let all: Vec<usize> = (0..sums.places()).collect();
            for from in 0..sums.places() {
                let mut out = Vec::new();
                sums.distances(from, &all, &mut out);
                for (to, got) in out.into_iter().enumerate() {
                    let pairs = plain(from).into_iter().zip(plain(to));
                    let expected: f64 = pairs.map(|(a, b)| (a - b) * (a - b)).sum();
                    assert!((got - expected).abs() <= 1e-9 * (1.0 + expected), "{got}");
                    assert!((sums.between(from, to) - got).abs() <= 1e-12 * got);
                    let mut panel = Vec::new();
                    sums.to_panel(&[from], to, &mut panel);
                    assert!((panel[0][0] - got).abs() <= 1e-9 * (1.0 + got));
                }
            }
            assert_eq!(sums.point(sums.places() - 1), n);
            for point in 0..=n {
                let got = sums.before(&trajectory, point);
                let whole = Sums::new(&trajectory, &center, 1);
                assert!(whole.distance(&got, whole.row(point)) < 1e-18);
            }
        }
    }
}
