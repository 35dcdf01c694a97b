//! Breaks from the grid moved to their best places, and those that do not pay removed.
//!
//! A break between its neighbours is moved over the points up to a spacing to each side, all
//! others held still. A true break inside a block leaves a block of both regimes, which may have
//! become a segment of its own: two breaks closer than two spacings are replaced by the best
//! single one between their neighbours where that is cheaper. A break that gains less than its
//! penalty is removed, the least first. None of the three can raise the cost; they are repeated
//! until nothing changes, [`SWEEPS_MAX`] times at most (two are usual).

use std::ops::RangeInclusive;

use cvx_core::CancelToken;

use super::penalty::Terms;
use super::sums::Sums;
use crate::{Error, Trajectory};

const SWEEPS_MAX: usize = 8;

/// A place between segments, and the sum of the points before it.
#[derive(Clone, Debug)]
struct Edge {
    point: usize,
    sum: Vec<f64>,
}

#[derive(Debug)]
struct Refine<'a> {
    trajectory: &'a Trajectory<'a>,
    sums: &'a Sums,
    terms: &'a Terms,
    min_segment: usize,
    /// The breaks between the trajectory's two ends.
    edges: Vec<Edge>,
}

pub(super) fn refine(
    trajectory: &Trajectory<'_>,
    sums: &Sums,
    terms: &Terms,
    min_segment: usize,
    found: Vec<usize>,
    stop: &CancelToken,
) -> Result<Vec<usize>, Error> {
    let ends = [0].into_iter().chain(found).chain([trajectory.len()]);
    let edges = ends.map(|point| Edge { point, sum: sums.before(trajectory, point) }).collect();
    let mut refine = Refine { trajectory, sums, terms, min_segment, edges };
    for _ in 0..SWEEPS_MAX {
        if let Some(stop) = stop.stopped() {
            return Err(Error::Stopped(stop));
        }
        let changes = [refine.sweep(), refine.merge_close(), refine.remove_unpaid()];
        if changes == [false; 3] {
            break;
        }
    }
    let inner = 1..refine.edges.len() - 1;
    Ok(refine.edges[inner].iter().map(|edge| edge.point).collect())
}

impl Refine<'_> {
    /// What a segment takes off the cost.
    fn worth(&self, from: &Edge, to: &Edge) -> f64 {
        let length = (to.point - from.point) as f64;
        self.sums.distance(&from.sum, &to.sum) / length - self.terms.of_length(length)
    }

    /// Moves every break once; whether any moved.
    fn sweep(&mut self) -> bool {
        let mut moved = false;
        for at in 1..self.edges.len() - 1 {
            let best = self.moved(at);
            moved |= best.point != self.edges[at].point;
            self.edges[at] = best;
        }
        moved
    }

    /// A break at its best place near where it is.
    fn moved(&self, at: usize) -> Edge {
        let (before, here, after) = (&self.edges[at - 1], &self.edges[at], &self.edges[at + 1]);
        let near = self.near(here.point, here.point);
        let (worth, best) = self.best(before, after, near);
        let stays = worth <= self.worth(before, here) + self.worth(here, after);
        if stays { here.clone() } else { best }
    }

    /// Points up to a spacing around some.
    fn near(&self, from: usize, to: usize) -> RangeInclusive<usize> {
        from.saturating_sub(self.sums.spacing())..=to + self.sums.spacing()
    }

    /// The best place within a range for a break between two edges, and what it makes their
    /// segments worth; -infinity where none is long enough.
    fn best(&self, before: &Edge, after: &Edge, near: RangeInclusive<usize>) -> (f64, Edge) {
        let low = (*near.start()).max(before.point + self.min_segment);
        let high = (*near.end()).min(after.point.saturating_sub(self.min_segment));
        let mut edge = Edge { point: low, sum: Vec::new() };
        let mut best = (f64::NEG_INFINITY, edge.clone());
        if low <= high {
            edge.sum = self.sums.before(self.trajectory, low);
        }
        while edge.point <= high {
            let worth = self.worth(before, &edge) + self.worth(&edge, after);
            if worth > best.0 {
                best = (worth, edge.clone());
            }
            if edge.point < high {
                self.sums.add(&mut edge.sum, self.trajectory.vector(edge.point));
            }
            edge.point += 1;
        }
        best
    }

    /// Replaces pairs of close breaks by one where that is cheaper; whether there were any.
    fn merge_close(&mut self) -> bool {
        let (mut at, mut merged) = (1, false);
        while at + 2 < self.edges.len() {
            let [before, first, second, after] = &self.edges[at - 1..at + 3] else { break };
            if second.point - first.point <= 2 * self.sums.spacing() {
                let near = self.near(first.point, second.point);
                let (worth, best) = self.best(before, after, near);
                let both = self.worth(before, first)
                    + self.worth(first, second)
                    + self.worth(second, after);
                if worth + self.terms.per_break > both {
                    self.edges.splice(at..at + 2, [best]);
                    merged = true;
                }
            }
            at += 1;
        }
        merged
    }

    /// Removes breaks that gain less than their penalty, the least first; whether there were any.
    fn remove_unpaid(&mut self) -> bool {
        let mut removed = false;
        loop {
            let gains = (1..self.edges.len() - 1).map(|at| (self.gain(at), at));
            match gains.min_by(|a, b| a.0.total_cmp(&b.0)) {
                Some((gain, at)) if gain < self.terms.per_break => {
                    self.edges.remove(at);
                    removed = true;
                }
                _ => return removed,
            }
        }
    }

    fn gain(&self, at: usize) -> f64 {
        let (before, here, after) = (&self.edges[at - 1], &self.edges[at], &self.edges[at + 1]);
        self.worth(before, here) + self.worth(here, after) - self.worth(before, after)
    }
}
