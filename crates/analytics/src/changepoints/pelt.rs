//! PELT: the cheapest segmentation with breaks at places of a grid (Killick, Fearnhead, Eckley,
//! JASA 2012, algorithm 2).
//!
//! ```text
//!   F(0) = -penalty
//!   F(j) = min over i of  F(i) + cost(i, j) + penalty
//!
//!   i is dropped once F(i) + cost(i, j) >= F(j): whatever follows j, a break at j is as good.
//! ```
//!
//! With a least segment length a break at j is not allowed before `j + length`, so a dropped
//! candidate stays for that long; to drop it at once, as is often done, loses optima.
//!
//! Places are taken [`PANEL`] at a time: each candidate's sum is loaded once for all of them, and
//! candidates that drop out stay until the panel is done, which harms nothing. What is known of
//! candidates is kept in columns, so that a machine's registers work on several at once.

use cvx_core::CancelToken;
use pulp::{Arch, Simd, WithSimd};

use super::penalty::Terms;
use super::sums::{PANEL, Sums};
use crate::Error;

/// Places where the last segment may begin, in order.
#[derive(Debug, Default)]
struct Candidates {
    places: Vec<usize>,
    /// The places as points.
    points: Vec<f64>,
    /// What everything before costs.
    costs: Vec<f64>,
    /// Points from which on they are dropped.
    until: Vec<usize>,
    /// Squared distances from each of the panel's places.
    distances: [Vec<f64>; PANEL],
}

#[derive(Debug)]
struct Search<'a> {
    sums: &'a Sums,
    terms: &'a Terms,
    min_segment: usize,
    arch: Arch,
    /// Where the last segment of the cheapest segmentation up to a place begins.
    begins: Vec<usize>,
    candidates: Candidates,
    /// Costs through each candidate, for the place at work.
    through: Vec<f64>,
}

/// The points at which the segments of the cheapest segmentation begin, but for the first.
pub(super) fn segment(
    sums: &Sums,
    terms: &Terms,
    min_segment: usize,
    stop: &CancelToken,
) -> Result<Vec<usize>, Error> {
    let mut search = Search {
        sums,
        terms,
        min_segment,
        arch: Arch::new(),
        begins: vec![0],
        candidates: Candidates::default(),
        through: Vec::new(),
    };
    search.candidates.push(0, 0.0, -terms.per_break);
    for first in (1..sums.places()).step_by(PANEL) {
        if let Some(stop) = stop.stopped() {
            return Err(Error::Stopped(stop));
        }
        search.panel(first);
    }
    Ok(search.breaks())
}

impl Search<'_> {
    fn panel(&mut self, first: usize) {
        let Candidates { places, distances, .. } = &mut self.candidates;
        distances.iter_mut().for_each(Vec::clear);
        self.sums.distances(places, first, distances);
        let end = self.sums.places().min(first + PANEL);
        for place in first..end {
            if let Some(cost) = self.reach(place, place - first) {
                self.candidates.push(place, self.sums.point(place) as f64, cost);
                self.sums.distances(&[place], first, &mut self.candidates.distances);
            }
        }
        if end < self.sums.places() {
            self.candidates.drop_until(self.sums.point(end));
        }
    }

    /// The cost of the cheapest segmentation up to a place; none where no segment can end.
    fn reach(&mut self, place: usize, column: usize) -> Option<f64> {
        let end = self.sums.point(place);
        let latest = end.checked_sub(self.min_segment).map(|latest| latest as f64);
        let admitted = latest
            .map_or(0, |latest| self.candidates.points.partition_point(|point| *point <= latest));
        self.cost_through(admitted, column, end as f64);
        let least = self.through.iter().copied().fold(f64::INFINITY, f64::min);
        let at = self.through.iter().position(|cost| *cost == least);
        self.begins.push(at.map_or(0, |at| self.candidates.places[at]));
        at?;
        let total = least + self.terms.per_break;
        let until = end + self.min_segment;
        for (through, of) in self.through.iter().zip(&mut self.candidates.until) {
            if *through >= total {
                *of = until.min(*of);
            }
        }
        Some(total)
    }

    /// The costs of everything up to `end` with the last segment from each candidate on, the last
    /// break not yet paid.
    fn cost_through(&mut self, admitted: usize, column: usize, end: f64) {
        let candidates = &self.candidates;
        self.through.clear();
        self.through.resize(admitted, 0.0);
        self.arch.dispatch(CostThrough {
            end,
            points: &candidates.points[..admitted],
            costs: &candidates.costs[..admitted],
            distances: &candidates.distances[column][..admitted],
            through: &mut self.through,
        });
        if self.terms.charges_lengths() {
            for (through, point) in self.through.iter_mut().zip(&candidates.points) {
                *through += self.terms.of_length(end - point);
            }
        }
    }

    fn breaks(&self) -> Vec<usize> {
        let mut found = Vec::new();
        let mut place = self.sums.places() - 1;
        while place > 0 {
            place = self.begins[place];
            found.push(self.sums.point(place));
        }
        found.pop();
        found.reverse();
        found
    }
}

impl Candidates {
    fn push(&mut self, place: usize, point: f64, cost: f64) {
        self.places.push(place);
        self.points.push(point);
        self.costs.push(cost);
        self.until.push(usize::MAX);
    }

    /// Drops those that no place from a point on needs.
    fn drop_until(&mut self, point: usize) {
        let mut kept = 0;
        for at in 0..self.places.len() {
            if self.until[at] > point {
                self.places[kept] = self.places[at];
                self.points[kept] = self.points[at];
                self.costs[kept] = self.costs[at];
                self.until[kept] = self.until[at];
                kept += 1;
            }
        }
        self.places.truncate(kept);
        self.points.truncate(kept);
        self.costs.truncate(kept);
        self.until.truncate(kept);
    }
}

struct CostThrough<'a> {
    end: f64,
    points: &'a [f64],
    costs: &'a [f64],
    distances: &'a [f64],
    through: &'a mut [f64],
}

impl WithSimd for CostThrough<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        // Inlined into `dispatch`, the loop is compiled for the machine's registers.
        let known = self.points.iter().zip(self.costs).zip(self.distances);
        for (through, ((point, cost), distance)) in self.through.iter_mut().zip(known) {
            *through = cost - distance / (self.end - point);
        }
    }
}
