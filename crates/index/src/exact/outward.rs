//! Chunks of parts in the order of their time term, made as they are asked for.
//!
//! ```text
//!   a part in time order          moment
//!   |---------|---------|---------|--*------|---------|---------|
//!                  <- back    first ->          forth ->
//! ```
//!
//! A plan of all chunks of a million rows takes a tenth of a millisecond, of which most is asking
//! for the times at their ends. Few of them are near enough to be looked at. So of rows in time
//! order only the two chunks beside those that were seen are known, and the nearer one comes next.
//! Rows in no order are cut at once.

use super::plan::{Chunk, never_negative, times};
use crate::{Part, Request, Selection};
use cvx_core::{Composite, ValidTime};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

/// Which way the chunks behind a chunk lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Back,
    Forth,
    Nowhere,
}

/// The next chunk of a part on one side, which is the first of those that are left there.
#[derive(Debug)]
struct Side {
    chunk: Chunk,
    way: Way,
}

impl Side {
    fn key(&self) -> (u32, usize) {
        (self.chunk.part, self.chunk.places.start)
    }
}

impl Ord for Side {
    /// The largest is who comes first: the least time, then the place.
    fn cmp(&self, other: &Self) -> Ordering {
        let least = other.chunk.least.total_cmp(&self.chunk.least);
        least.then_with(|| other.key().cmp(&self.key()))
    }
}

impl PartialOrd for Side {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Side {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Side {}

/// The chunks of some parts.
#[derive(Debug)]
pub(crate) struct Outward<'a> {
    parts: &'a [Part<'a>],
    composite: Option<Composite>,
    /// Places of a chunk, for each part.
    steps: Vec<usize>,
    sides: BinaryHeap<Side>,
}

impl<'a> Outward<'a> {
    /// Chunks of about `step` rows.
    pub(crate) fn new(request: &Request<'_>, parts: &'a [Part<'a>], step: usize) -> Self {
        let composite = request.composite.filter(|_| never_negative(request.metric));
        let step = step.clamp(64, 8192) / 64 * 64;
        let places_of = |part: &Part<'_>| {
            let count = part.rows.count(part.block.rows());
            let places = part.rows.places(part.block.rows()).len();
            // Where one row in ten is selected, ten times the places make a chunk.
            places.checked_div(count).map_or(0, |sparsity| step * sparsity)
        };
        let steps = parts.iter().map(places_of).collect();
        let mut all = Self { parts, composite, steps, sides: BinaryHeap::new() };
        (0..parts.len() as u32).for_each(|part| all.begin(part));
        all
    }

    /// What the next chunk's rows rank at least, if there is one.
    pub(crate) fn least(&self) -> Option<f64> {
        self.sides.peek().map(|side| side.chunk.least)
    }

    fn places(&self, part: u32) -> Range<usize> {
        let part = &self.parts[part as usize];
        part.rows.places(part.block.rows())
    }

    fn begin(&mut self, part: u32) {
        let (all, step) = (self.places(part), self.steps[part as usize]);
        if all.is_empty() || step == 0 {
            return;
        }
        if self.composite.is_none() || !self.parts[part as usize].block.time_ordered {
            if self.composite.is_none() {
                self.push(part, all.start, Way::Forth);
            } else {
                let starts = std::iter::successors(Some(all.start), |start| {
                    Some((start / step + 1) * step).filter(|start| *start < all.end)
                });
                starts.for_each(|start| self.push(part, start, Way::Nowhere));
            }
            return;
        }
        let moment = first_not(all.clone(), |place| self.is_earlier(part, place)).min(all.end - 1);
        let start = (moment / step * step).max(all.start);
        self.push(part, start, Way::Forth);
        if start > all.start {
            self.push(part, ((start - 1) / step * step).max(all.start), Way::Back);
        }
    }

    /// The chunk of a part that starts at a place.
    fn push(&mut self, part: u32, start: usize, way: Way) {
        let (all, step) = (self.places(part), self.steps[part as usize]);
        let places = start..((start / step + 1) * step).min(all.end);
        let least = self.composite.map_or(f64::NEG_INFINITY, |composite| {
            let Part { block, rows, .. } = &self.parts[part as usize];
            let (from, to) = times(block, rows, places.clone());
            composite.least(ValidTime(from), ValidTime(to))
        });
        self.sides.push(Side { chunk: Chunk { part, places, least }, way });
    }

    /// Of each part, between which places the rows lie whose time term is within a limit, of those
    /// that are left; and how many these are at most.
    pub(crate) fn within(&self, limit: f64) -> Vec<(Range<usize>, usize)> {
        let mut within = vec![(0..0, 0); self.parts.len()];
        for side in self.sides.iter().filter(|side| side.chunk.least <= limit) {
            let Chunk { part, places, .. } = &side.chunk;
            let all = self.places(*part);
            let places = match side.way {
                Way::Nowhere => places.clone(),
                Way::Forth => {
                    places.start..first_not(places.start..all.end, |place| {
                        // The first chunk begins before the moment.
                        self.is_earlier(*part, place) || self.time_term(*part, place) <= limit
                    })
                }
                Way::Back => {
                    let far = |place| self.time_term(*part, place) > limit;
                    first_not(all.start..places.end, far)..places.end
                }
            };
            let (hull, count) = &mut within[*part as usize];
            let known = if *count == 0 { places.clone() } else { hull.clone() };
            *hull = known.start.min(places.start)..known.end.max(places.end);
            *count += places.len();
        }
        within
    }

    /// Whether the row at a place lies before the moment asked about.
    fn is_earlier(&self, part: u32, place: usize) -> bool {
        let Part { block, rows, .. } = &self.parts[part as usize];
        self.composite.is_some_and(|composite| block.ts[row_at(rows, place)] < composite.at().0)
    }

    fn time_term(&self, part: u32, place: usize) -> f64 {
        let Part { block, rows, .. } = &self.parts[part as usize];
        let ts = ValidTime(block.ts[row_at(rows, place)]);
        self.composite.map_or(f64::NEG_INFINITY, |composite| composite.least(ts, ts))
    }
}

impl Iterator for Outward<'_> {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        let Side { chunk, way } = self.sides.pop()?;
        let all = self.places(chunk.part);
        match way {
            Way::Forth if chunk.places.end < all.end => {
                self.push(chunk.part, chunk.places.end, Way::Forth);
            }
            Way::Back if chunk.places.start > all.start => {
                let step = self.steps[chunk.part as usize];
                let start = ((chunk.places.start - 1) / step * step).max(all.start);
                self.push(chunk.part, start, Way::Back);
            }
            Way::Back | Way::Forth | Way::Nowhere => {}
        }
        Some(chunk)
    }
}

/// The row at a place.
#[inline]
fn row_at(rows: &Selection<'_>, place: usize) -> usize {
    match rows {
        Selection::List(list) => list[place] as usize,
        Selection::Range(_) | Selection::Bits(_) => place,
    }
}

/// The first place of which something does not hold that holds up to there.
pub(crate) fn first_not(places: Range<usize>, holds: impl Fn(usize) -> bool) -> usize {
    let (mut from, mut to) = (places.start, places.end);
    while from < to {
        let middle = from + (to - from) / 2;
        if holds(middle) { from = middle + 1 } else { to = middle }
    }
    from
}

#[cfg(test)]
mod tests {
    use super::super::plan::Plan;
    use super::*;
    use crate::trial::case;
    use proptest::prelude::*;

    proptest! {
        /// The chunks are those of the plan, in its order; and within a limit lies what it says.
        #[test]
        fn chunks_come_in_the_order_of_the_plan(case in case(), share in 0.0..1.2f64) {
            let (request, parts) = (case.request(), case.parts());
            let plan = Plan::new(&request, &parts, 64);
            let mut outward = Outward::new(&request, &parts, 64);
            let most = plan.chunks.last().map_or(0.0, |chunk| chunk.least.max(0.0));
            let limit = share * most;
            let within = outward.within(limit);
            let (mut leasts, mut seen) = (Vec::new(), Vec::new());
            while let Some(least) = outward.least() {
                let chunk = outward.next().unwrap();
                prop_assert_eq!(chunk.least.to_bits(), least.to_bits());
                if chunk.least <= limit {
                    let (hull, _) = &within[chunk.part as usize];
                    let (places, near) = (chunk.places.clone(), |place: usize| {
                        outward.time_term(chunk.part, place) <= limit
                    });
                    prop_assert!(places.filter(|at| near(*at)).all(|at| hull.contains(&at)));
                }
                leasts.push(chunk.least);
                seen.push((chunk.part, chunk.places.start, chunk.places.end));
            }
            // exp is not promised to be monotone in the last bit.
            prop_assert!(leasts.windows(2).all(|pair: &[f64]| pair[0] <= pair[1] + 1e-12));
            leasts.sort_by(f64::total_cmp);
            let wanted = plan.chunks.iter().map(|chunk| chunk.least);
            prop_assert_eq!(leasts, wanted.collect::<Vec<_>>());
            let chunks = plan.chunks.iter();
            let mut of_plan: Vec<_> =
                chunks.map(|chunk| (chunk.part, chunk.places.start, chunk.places.end)).collect();
            of_plan.sort_unstable();
            seen.sort_unstable();
            prop_assert_eq!(seen, of_plan);
        }
    }
}
