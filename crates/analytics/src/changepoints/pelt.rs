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
//! Places are taken [`PANEL`] at a time: each candidate's sum is loaded once for all of them.

use cvx_core::CancelToken;

use super::penalty::Terms;
use super::sums::{PANEL, Sums};
use crate::Error;

/// A place where the last segment may begin.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    place: usize,
    /// It is dropped from this point on.
    until: usize,
}

#[derive(Debug)]
struct Search<'a> {
    sums: &'a Sums,
    terms: &'a Terms,
    min_segment: usize,
    /// F of each place reached.
    cost: Vec<f64>,
    /// Where the last segment of the cheapest segmentation up to a place begins.
    begins: Vec<usize>,
    candidates: Vec<Candidate>,
    /// Squared distances of each candidate from the panel's places.
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
        cost: vec![-terms.per_break],
        begins: vec![0],
        candidates: vec![Candidate { place: 0, until: usize::MAX }],
        distances: Vec::new(),
    };
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
        let from: Vec<usize> = self.candidates.iter().map(|c| c.place).collect();
        self.distances.clear();
        self.distances.resize(from.len(), [0.0; PANEL]);
        self.sums.distances(&from, first, &mut self.distances);
        for place in first..self.sums.places().min(first + PANEL) {
            self.reach(place, place - first);
            self.enter(place, first);
        }
    }

    /// Finds the cheapest segmentation up to a place.
    fn reach(&mut self, place: usize, column: usize) {
        let end = self.sums.point(place);
        let (mut least, mut begins) = (f64::INFINITY, 0);
        for (candidate, distances) in self.candidates.iter().zip(&self.distances) {
            let cost = self.through(candidate, distances[column], end);
            if cost < least {
                (least, begins) = (cost, candidate.place);
            }
        }
        let total = least + self.terms.per_break;
        let next = self.sums.point(place + 1).max(end + 1);
        self.prune(column, end, next, total);
        self.cost.push(total);
        self.begins.push(begins);
    }

    /// The cost of everything up to `end` with the last segment from a candidate on, the last
    /// break not yet paid; infinite where the segment is too short.
    #[inline]
    fn through(&self, candidate: &Candidate, distance: f64, end: usize) -> f64 {
        let length = end - self.sums.point(candidate.place);
        if length < self.min_segment {
            return f64::INFINITY;
        }
        let length = length as f64;
        self.cost[candidate.place] - distance / length + self.terms.of_length(length)
    }

    /// Drops candidates that no place from point `next` on needs.
    fn prune(&mut self, column: usize, end: usize, next: usize, total: f64) {
        let mut kept = 0;
        for at in 0..self.candidates.len() {
            let mut candidate = self.candidates[at];
            let distances = self.distances[at];
            let cost = self.through(&candidate, distances[column], end);
            if cost >= total && cost.is_finite() {
                candidate.until = candidate.until.min(end + self.min_segment);
            }
            if candidate.until > next {
                self.candidates[kept] = candidate;
                self.distances[kept] = distances;
                kept += 1;
            }
        }
        self.candidates.truncate(kept);
        self.distances.truncate(kept);
    }

    /// Makes a place a candidate for those behind it.
    fn enter(&mut self, place: usize, first: usize) {
        if !self.cost[place].is_finite() {
            return;
        }
        let mut distances = [[0.0; PANEL]];
        self.sums.distances(&[place], first, &mut distances);
        self.candidates.push(Candidate { place, until: usize::MAX });
        self.distances.extend(distances);
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
