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
//! Most costs need not be known. The sum up to j is as far from that up to i as the sum up to a
//! place p between them is, and the way from p to j at most:
//!
//! ```text
//!   |S_j - S_i| <= |S_p - S_i| + |S_j - S_p|
//! ```
//!
//! So distances from candidates are computed for the first of every [`PANEL`] places, and bound
//! from below what the others would cost; only candidates whose bound undercuts the best are
//! looked at, and then for all places of the panel, its sum being loaded once. The answer is that
//! of the plain algorithm. Candidates are dropped by the bound too: one that stays longer than it
//! must harms nothing. What is known of candidates is kept in columns, so that a machine's
//! registers work on several at once.

use cvx_core::CancelToken;
use pulp::{Arch, Simd, WithSimd};

use super::penalty::Terms;
use super::sums::{PANEL, Sums};
use crate::Error;

/// A bound is loosened by more than the rounding of what it is made of.
const SLACK: f64 = 1.0 + 1e-9;

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
    /// Distances from the panel's first place.
    near: Vec<f64>,
    /// Where among the distances known in this panel its own are.
    known: Vec<usize>,
}

/// The place of what is not known.
const NOWHERE: usize = usize::MAX;

#[derive(Debug)]
struct Search<'a> {
    sums: &'a Sums,
    terms: &'a Terms,
    min_segment: usize,
    arch: Arch,
    /// Where the last segment of the cheapest segmentation up to a place begins.
    begins: Vec<usize>,
    candidates: Candidates,
    /// Costs through each candidate, for the place at work, or a bound below them.
    through: Vec<f64>,
    /// Candidates to be looked at, and what came of it.
    asked: Vec<usize>,
    unknown: Vec<usize>,
    /// Squared distances of candidates from the panel's places.
    distances: Vec<[f64; PANEL]>,
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
        asked: Vec::new(),
        unknown: Vec::new(),
        distances: Vec::new(),
    };
    search.candidates.push(0, 0.0, -terms.per_break, 0.0);
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
        let Candidates { places, near, known, .. } = &mut self.candidates;
        known.clear();
        known.resize(places.len(), NOWHERE);
        self.distances.clear();
        near.clear();
        self.sums.distances(first, places, near);
        near.iter_mut().for_each(|distance| *distance = distance.sqrt());
        let end = self.sums.places().min(first + PANEL);
        for place in first..end {
            let moved = self.sums.apart(first, place);
            if let Some(cost) = self.reach(first, place, moved) {
                self.candidates.push(place, self.sums.point(place) as f64, cost, moved);
            }
        }
        if end < self.sums.places() {
            self.candidates.drop_until(self.sums.point(end));
        }
    }

    /// The cost of the cheapest segmentation up to a place; none where no segment can end.
    fn reach(&mut self, first: usize, place: usize, moved: f64) -> Option<f64> {
        let end = self.sums.point(place);
        let latest = end.checked_sub(self.min_segment).map(|latest| latest as f64);
        let admitted = latest
            .map_or(0, |latest| self.candidates.points.partition_point(|point| *point <= latest));
        self.bound(admitted, moved, end as f64);
        let at = self.cheapest(first, place, admitted);
        self.begins.push(at.map_or(0, |at| self.candidates.places[at]));
        let total = self.through[at?] + self.terms.per_break;
        // Where the bounds are tight; asking at every place costs more than it drops.
        if moved == 0.0 {
            let until = end + self.min_segment;
            for (through, of) in self.through.iter().zip(&mut self.candidates.until) {
                *of = if *through >= total { until.min(*of) } else { *of };
            }
        }
        Some(total)
    }

    /// The first of the cheapest candidates; `through` then has its cost, as it has of all that
    /// were looked at.
    fn cheapest(&mut self, first: usize, place: usize, admitted: usize) -> Option<usize> {
        // What was best for the place before is likely to be best again.
        let before = self.begins.last().copied().unwrap_or(0);
        let guess = self.candidates.places[..admitted].binary_search(&before).unwrap_or(0);
        if admitted == 0 {
            return None;
        }
        self.asked.clear();
        self.asked.push(guess);
        self.look(first, place);
        let least = self.through[guess];
        self.asked.clear();
        let undercut = self.through.iter().enumerate().filter(|(_, low)| **low <= least);
        self.asked.extend(undercut.map(|(at, _)| at).filter(|at| *at != guess));
        self.look(first, place);
        let known = self.asked.iter().copied().chain([guess]);
        known.min_by(|a, b| self.through[*a].total_cmp(&self.through[*b]).then(a.cmp(b)))
    }

    /// Puts the true costs in the place of the bounds, for the candidates asked.
    fn look(&mut self, first: usize, place: usize) {
        self.unknown.clear();
        for at in &self.asked {
            if self.candidates.known[*at] == NOWHERE {
                self.candidates.known[*at] = self.distances.len() + self.unknown.len();
                self.unknown.push(self.candidates.places[*at]);
            }
        }
        self.sums.to_panel(&self.unknown, first, &mut self.distances);
        let end = self.sums.point(place) as f64;
        for at in &self.asked {
            let distance = self.distances[self.candidates.known[*at]][place - first];
            let length = end - self.candidates.points[*at];
            let own = self.candidates.costs[*at] - distance / length;
            self.through[*at] = own + self.of_length(length);
        }
    }

    /// Bounds below the costs of everything up to `end` with the last segment from each candidate
    /// on, the last break not yet paid.
    fn bound(&mut self, admitted: usize, moved: f64, end: f64) {
        let candidates = &self.candidates;
        self.through.clear();
        self.through.resize(admitted, 0.0);
        self.arch.dispatch(Bound {
            end,
            moved,
            points: &candidates.points[..admitted],
            costs: &candidates.costs[..admitted],
            near: &candidates.near[..admitted],
            through: &mut self.through,
        });
        if self.terms.charges_lengths() {
            for (through, point) in self.through.iter_mut().zip(&candidates.points) {
                *through += self.terms.of_length(end - point);
            }
        }
    }

    fn of_length(&self, length: f64) -> f64 {
        if self.terms.charges_lengths() { self.terms.of_length(length) } else { 0.0 }
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
    fn push(&mut self, place: usize, point: f64, cost: f64, near: f64) {
        self.near.push(near);
        self.known.push(NOWHERE);
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

struct Bound<'a> {
    end: f64,
    moved: f64,
    points: &'a [f64],
    costs: &'a [f64],
    near: &'a [f64],
    through: &'a mut [f64],
}

impl WithSimd for Bound<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        // Inlined into `dispatch`, the loop is compiled for the machine's registers.
        let known = self.points.iter().zip(self.costs).zip(self.near);
        for (through, ((point, cost), near)) in self.through.iter_mut().zip(known) {
            let apart = near + self.moved;
            *through = cost - apart * apart * SLACK / (self.end - point);
        }
    }
}
