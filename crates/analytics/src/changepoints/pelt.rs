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
//! Most costs need not be known. Places are taken in panels of [`PANEL`], and the distances of all
//! candidates from three sums are computed: those up to a panel's first place and its end, and that
//! up to the place where the best segment before it begins. They tell where a candidate's sum lies
//! on the plane through the three, and how far off it; so do the same distances of the panel's
//! places. Whatever two sums have across that plane is no longer than both together:
//!
//! ```text
//!   |S_j - S_i|^2 <= (x_j - x_i)^2 + (y_j - y_i)^2 + (h_j + h_i)^2
//! ```
//!
//! ([`frame`](super::frame)). In many dimensions what noise adds to a sum is at right angles to the
//! rest, so that h_j is short beside the segment, and the bound is within a few percent. Only
//! candidates whose bound undercuts the best are looked at, and then for all places of the panel,
//! its sum being loaded once. The answer is that of the plain algorithm. Candidates are dropped by
//! the bound too: one that stays longer than it must harms nothing. What is known of candidates is
//! kept in columns, so that a machine's registers work on several at once.

use cvx_core::CancelToken;
use pulp::{Arch, Simd, WithSimd};

use super::frame::{Frame, Lies, Three};
use super::penalty::Terms;
use super::sums::{PANEL, Sums};
use crate::Error;

/// Places where the last segment may begin, in order.
#[derive(Debug)]
struct Candidates {
    places: Vec<usize>,
    /// The places as points.
    points: Vec<f64>,
    /// What everything before costs.
    costs: Vec<f64>,
    /// Points from which on they are dropped, and the least of these.
    until: Vec<usize>,
    drop_at: usize,
    /// Squared distances from the frame's three sums.
    from: [Vec<f64>; 3],
    /// Where they lie in the frame.
    lies: [Vec<f64>; 3],
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
    /// The places whose sums the candidates' distances are known from: first, end, anchor.
    three: [usize; 3],
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
        candidates: Candidates::none(),
        three: [0; 3],
        through: Vec::new(),
        asked: Vec::new(),
        unknown: Vec::new(),
        distances: Vec::new(),
    };
    let last = sums.places() - 1;
    search.candidates.push(0, 0.0, -terms.per_break, [0.0; 3]);
    for first in (1..=last).step_by(PANEL) {
        if let Some(stop) = stop.stopped() {
            return Err(Error::Stopped(stop));
        }
        search.panel(first, last);
    }
    Ok(search.breaks())
}

impl Search<'_> {
    fn panel(&mut self, first: usize, last: usize) {
        let frame = self.turn(first, last.min(first + PANEL));
        for place in first..=last.min(first + PANEL - 1) {
            let from = self.sums.between_each(self.three, place);
            let lies = frame.lies(from);
            if let Some(cost) = self.reach(first, place, lies) {
                self.candidates.push(place, self.sums.point(place) as f64, cost, from);
                self.candidates.lies.iter_mut().zip(lies).for_each(|(of, lies)| of.push(lies));
            }
        }
        self.candidates.drop_until(self.sums.point(last.min(first + PANEL)));
    }

    /// Makes the next panel's frame, and places the candidates in it.
    fn turn(&mut self, first: usize, end: usize) -> Frame {
        let anchor = self.begins.last().copied().unwrap_or(0);
        let Candidates { places, known, from, lies, .. } = &mut self.candidates;
        self.distances.clear();
        known.clear();
        known.resize(places.len(), NOWHERE);
        // The end of the panel before is this one's first.
        from.swap(0, 1);
        let before = std::mem::replace(&mut self.three, [first, end, anchor]);
        for (at, known) in [(0, before[1]), (1, NOWHERE), (2, before[2])] {
            if known != self.three[at] {
                from[at].clear();
                self.sums.distances(self.three[at], places, &mut from[at]);
            }
        }
        let sides = Three::new(|a, b| self.sums.between(self.three[a], self.three[b]));
        let frame = Frame::new(sides, &from[0]);
        frame.place(self.arch, from, lies);
        frame
    }

    /// The cost of the cheapest segmentation up to a place; none where no segment can end.
    fn reach(&mut self, first: usize, place: usize, lies: Lies) -> Option<f64> {
        let end = self.sums.point(place);
        let latest = end.checked_sub(self.min_segment).map(|latest| latest as f64);
        let admitted = latest
            .map_or(0, |latest| self.candidates.points.partition_point(|point| *point <= latest));
        self.bound(admitted, lies, end as f64);
        let at = self.cheapest(first, place, admitted);
        self.begins.push(at.map_or(0, |at| self.candidates.places[at]));
        let total = self.through[at?] + self.terms.per_break;
        // Where the bounds are tight; asking at every place costs more than it drops.
        if place == first {
            self.candidates.limit(&self.through, total, end + self.min_segment);
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
        let (through, asked) = (&self.through, &mut self.asked);
        self.arch.dispatch(Undercut { through, least, guess, asked });
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
        if !self.unknown.is_empty() {
            self.sums.to_panel(&self.unknown, first, &mut self.distances);
        }
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
    fn bound(&mut self, admitted: usize, lies: Lies, end: f64) {
        let candidates = &self.candidates;
        self.through.resize(admitted, 0.0);
        self.arch.dispatch(Bound {
            end,
            lies,
            points: &candidates.points[..admitted],
            costs: &candidates.costs[..admitted],
            others: candidates.lies.each_ref().map(|lies| &lies[..admitted]),
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
    fn none() -> Self {
        Self {
            places: Vec::new(),
            points: Vec::new(),
            costs: Vec::new(),
            until: Vec::new(),
            drop_at: usize::MAX,
            from: [const { Vec::new() }; 3],
            lies: [const { Vec::new() }; 3],
            known: Vec::new(),
        }
    }

    fn push(&mut self, place: usize, point: f64, cost: f64, from: [f64; 3]) {
        self.known.push(NOWHERE);
        self.places.push(place);
        self.points.push(point);
        self.costs.push(cost);
        self.until.push(usize::MAX);
        self.from.iter_mut().zip(from).for_each(|(of, from)| of.push(from));
    }

    /// Drops those through which it costs as much as with a break at the end, from a point on.
    fn limit(&mut self, through: &[f64], total: f64, point: usize) {
        for (lows, until) in through.chunks(PANEL).zip(self.until.chunks_mut(PANEL)) {
            if lows.iter().fold(false, |any, low| any | (*low >= total)) {
                let dropped = lows.iter().zip(until).filter(|(low, _)| **low >= total);
                dropped.for_each(|(_, until)| *until = point.min(*until));
                self.drop_at = self.drop_at.min(point);
            }
        }
    }

    /// Lets go of those that no place from a point on needs.
    fn drop_until(&mut self, point: usize) {
        if self.drop_at > point {
            return;
        }
        let mut kept = 0;
        self.drop_at = usize::MAX;
        for at in 0..self.places.len() {
            if self.until[at] > point {
                self.drop_at = self.drop_at.min(self.until[at]);
                self.places[kept] = self.places[at];
                self.points[kept] = self.points[at];
                self.costs[kept] = self.costs[at];
                self.until[kept] = self.until[at];
                self.from.iter_mut().for_each(|from| from[kept] = from[at]);
                kept += 1;
            }
        }
        self.places.truncate(kept);
        self.points.truncate(kept);
        self.costs.truncate(kept);
        self.until.truncate(kept);
        self.from.iter_mut().for_each(|from| from.truncate(kept));
    }
}

struct Bound<'a> {
    end: f64,
    lies: Lies,
    points: &'a [f64],
    costs: &'a [f64],
    others: [&'a [f64]; 3],
    through: &'a mut [f64],
}

impl WithSimd for Bound<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        // Inlined into `dispatch`, the loop is compiled for the machine's registers.
        let ([x, y, h], [xs, ys, hs]) = (self.lies, self.others);
        let others = xs.iter().zip(ys).zip(hs);
        let known = self.points.iter().zip(self.costs).zip(others);
        for (through, ((point, cost), ((x_i, y_i), h_i))) in self.through.iter_mut().zip(known) {
            let (along, aside, off) = (x - x_i, y - y_i, h + h_i);
            let apart = along * along + aside * aside + off * off;
            *through = cost - apart / (self.end - point);
        }
    }
}

/// Lists who seems to cost no more than the best known.
struct Undercut<'a> {
    through: &'a [f64],
    least: f64,
    guess: usize,
    asked: &'a mut Vec<usize>,
}

impl WithSimd for Undercut<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (first, lows) in (0..).step_by(2 * PANEL).zip(self.through.chunks(2 * PANEL)) {
            // Few do, and that none of several does is quickly told.
            if lows.iter().fold(false, |any, low| any | (*low <= self.least)) {
                for (at, low) in (first..).zip(lows) {
                    if *low <= self.least && at != self.guess {
                        self.asked.push(at);
                    }
                }
            }
        }
    }
}
