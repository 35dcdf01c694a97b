//! Walking a part's graph towards the query.
//!
//! Led by bits, nodes are followed in the order of their 1-bit estimates, two cache lines each, and
//! each that is followed is scored by its bytes, which were asked of memory a step before. So a
//! walk fetches the bytes of some fifty rows where it meets seven hundred (SymphonyQG, Gou and
//! others 2025, section 3.2, does so with codes beside the links; ours lie at their rows). Where
//! bits cannot tell rows apart they are a gate only, and the fine codes of what passes lead. Codes
//! of centroids have hardly more bits, and cannot either: there they are a second gate, and what
//! passes both is led by the rows themselves.

use super::Searching;
use super::asked::Asked;
use super::coded::Coded;
use super::gather::{Candidate, Gather};
use crate::graph::{Beam, Guess, Guide, Start, Visited, walk};
use crate::segment::{CodeQuery, Lead};
use crate::vectors::Room;
use crate::{Block, Error, SegmentIndex};
use std::cell::RefCell;

/// Nodes followed between two looks at the request's token.
const POLL: usize = 256;

thread_local! {
    /// Room for this thread's next walk.
    static ROOM: RefCell<(Beam, Visited)> = RefCell::default();
}

/// How far a walk may go.
#[derive(Clone, Copy)]
pub(super) struct Reach {
    /// Selected nodes to be nearer than what is left; `usize::MAX`: there is no such number.
    pub(super) width: usize,
    /// Nodes followed before a bound may end the walk.
    least: usize,
    /// Nodes followed at most.
    budget: usize,
}

/// What a walk came to.
struct Reached {
    /// Selected nodes that were followed.
    met: usize,
    /// Whether it ended by itself, not for its budget.
    ended: bool,
}

impl<'a> Searching<'a> {
    /// Gathers what the graph leads to. Returns whether that may stand for the part: false if too
    /// little of what was met is selected, or that would have cost more than sifting all.
    pub(super) fn seek(&mut self, part: &Coded<'a>) -> Result<bool, Error> {
        let width = part.width(self.effort, self.asked);
        let budget = part.budget(self.effort, self.asked);
        let reached = self.walk_part(part, Reach { width, least: usize::MAX, budget })?;
        let wanted = self.asked.request.k.min(part.run.selected - part.loose.len());
        let enough = reached.met >= wanted || part.twins.is_some() && reached.met > 0;
        Ok(enough && reached.ended)
    }

    /// The same for a composite search: nodes come in the order of meaning, until meaning alone,
    /// with the least time of the part, is worse than the k-th candidate. Returns whether that was
    /// reached before so many nodes were followed; if not, the part is to be sifted.
    pub(super) fn seek_until(&mut self, part: &Coded<'a>, budget: usize) -> Result<bool, Error> {
        // Twins have times of their own: one node cannot stand for them here.
        if part.twins.is_some() {
            return Ok(false);
        }
        let least = part.reach(self.effort, self.asked) as usize;
        let reach = Reach { width: usize::MAX, least, budget };
        Ok(self.walk_part(part, reach)?.ended)
    }

    /// What a walk is led by: what the index says, if codes do not lie in cache. There those of all
    /// that is met cost less than the longer walk that bits need for as much.
    fn lead(&self, index: &SegmentIndex) -> Lead {
        let by_codes = self.cached && !index.quantization().is_rough();
        if by_codes { Lead::Bytes } else { index.lead() }
    }

    fn walk_part(&mut self, part: &Coded<'a>, reach: Reach) -> Result<Reached, Error> {
        let graph = part.index.graph();
        let Some(lowest) = graph.lowest() else { return Ok(Reached { met: 0, ended: false }) };
        let query = CodeQuery::new(part.index.codes(), part.index.space(), &self.asked.rotated);
        let lead = self.lead(part.index);
        let mut seek = Seek {
            asked: self.asked,
            sigmas: self.effort.sigmas,
            part,
            lead,
            cached: self.cached,
            by_rows: lead != Lead::Bits && part.index.quantization().is_rough(),
            timed: self.asked.request.composite.is_some(),
            query,
            gather: &mut self.gather,
            score: Vec::new(),
            room: Room::default(),
            reach,
            estimates: 0,
            scores: 0,
            distances: 0,
            followed: 0,
            met: 0,
            ended: true,
        };
        let (mut beam, mut visited) = ROOM.take();
        let mut starts = seek.starts_in_cells();
        if starts.is_empty() {
            starts = graph.starts((&mut beam, &mut visited), &mut seek);
        }
        beam.clear(reach.width);
        visited.clear(lowest.nodes());
        for Start { node, guess } in starts {
            visited.insert(node);
            beam.start(guess, node);
        }
        walk(lowest, &mut beam, &mut visited, &mut seek);
        ROOM.set((beam, visited));
        let reached = Reached { met: seek.met, ended: seek.ended };
        self.counters.scores += seek.scores;
        self.counters.estimates += seek.estimates;
        self.counters.distances += seek.distances;
        self.poll()?;
        Ok(reached)
    }
}

/// What a walk looks for.
pub(super) struct Seek<'a, 's> {
    asked: &'s Asked<'a>,
    /// Standard errors that an estimate is given.
    sigmas: f32,
    pub(super) part: &'s Coded<'a>,
    pub(super) query: CodeQuery<'a>,
    gather: &'s mut Gather,
    /// Room for one.
    score: Vec<f32>,
    room: Room,
    pub(super) reach: Reach,
    lead: Lead,
    /// Whether codes lie in cache.
    cached: bool,
    /// Whether rows lead where fine codes say that they may be near.
    by_rows: bool,
    /// Whether time counts: else nobody's is looked up.
    timed: bool,
    estimates: usize,
    scores: usize,
    distances: usize,
    followed: usize,
    met: usize,
    ended: bool,
}

impl<'a> Seek<'a, '_> {
    /// A node's score by its fine code, or its row where rows lead.
    #[inline]
    fn score(&mut self, node: u32) -> f32 {
        self.scores += 1;
        let mut score = std::mem::take(&mut self.score);
        self.query.scores(&[node], &mut score);
        if self.by_rows {
            self.sharpen(&[node], f32::INFINITY, &mut score);
        }
        self.score = score;
        self.score[0]
    }

    /// How far the score that leads to a node may be off.
    fn doubt(&self, node: u32) -> f32 {
        let exact = self.by_rows && self.place(node).is_some();
        let sigmas = if exact { 0.0 } else { self.sigmas };
        self.query.doubt(node, sigmas)
    }

    /// Where a node's vector lies, if its part was asked about.
    fn place(&self, node: u32) -> Option<(&'a Block<'a>, usize)> {
        let (place, row) = self.part.locate(node)?;
        Some((&self.part.run.members[place].part.block, row))
    }

    /// The exact score of a node whose part was asked about.
    fn exact(&mut self, node: u32) -> Option<f32> {
        let (block, row) = self.place(node)?;
        let vector = block.vectors.row(row, block.dim, &mut self.room);
        let distance = self.asked.query.distance(vector).ok()?;
        self.distances += 1;
        Some(self.asked.scale.score(distance) as f32)
    }

    /// Puts the exact score in the place of those that may be below the limit.
    fn sharpen(&mut self, nodes: &[u32], limit: f32, out: &mut [f32]) {
        let may = |node: u32, guess: f32| {
            guess.is_finite() && guess - self.query.doubt(node, self.sigmas / 2.0) < limit
        };
        let near = |at: &usize| may(nodes[*at], out[*at]);
        let near: Vec<usize> = (0..nodes.len().min(out.len())).filter(near).collect();
        let places = near.iter().filter_map(|at| self.place(nodes[*at]));
        places.for_each(|(block, row)| block.vectors.prefetch(row, block.dim));
        for at in near {
            out[at] = self.exact(nodes[at]).unwrap_or(out[at]);
        }
    }

    /// Keeps a node if it may be among the nearest. One that is not reached from the entry may be
    /// from another start, and is compared already: it is loose.
    #[inline]
    fn meet(&mut self, node: u32, score: f32) {
        let Some(row) = self.part.stand_in(node) else { return };
        if self.part.loose.binary_search(&row).is_ok() {
            return;
        }
        self.met += 1;
        let ts = if self.timed { self.part.ts(node) } else { 0 };
        let low = self.asked.rank(score - self.doubt(node), ts);
        if low > self.gather.limit() {
            return;
        }
        let Some((place, row)) = self.part.locate(row) else { return };
        let rank = self.asked.rank(score, ts);
        let (part, row) = (self.part.run.members[place].number, row as u32);
        self.gather.offer(Candidate { rank, low, part, row, node: true });
        if self.cached {
            self.prefetch_row(place, row);
        }
    }

    /// Asks memory for a row that is likely to be compared: those that the walk still drops were
    /// not far away either.
    fn prefetch_row(&self, place: usize, row: u32) {
        let block = &self.part.run.members[place].part.block;
        block.vectors.prefetch(row as usize, block.dim);
    }

    /// Whether no node that is left, none of which is nearer than this guess, can be of use.
    fn is_beyond(&self, node: u32, guess: f32) -> bool {
        let by_bits = self.lead == Lead::Bits;
        let slack = if by_bits { self.query.slack(node, self.sigmas) } else { 0.0 };
        self.followed > self.reach.least
            && self.asked.least(guess - slack, self.part.least) > f64::from(self.gather.limit())
    }
}

impl Guess for Seek<'_, '_> {
    fn guess(&mut self, nodes: &[u32], limit: f32, out: &mut Vec<f32>) {
        match self.lead {
            Lead::Bits => {
                self.estimates += nodes.len();
                self.query.least_at(nodes, 0.0, out);
                return;
            }
            Lead::Gate if limit.is_finite() => {
                self.estimates += nodes.len();
                self.scores += self.query.gated(nodes, limit, out);
            }
            Lead::Gate | Lead::Bytes => {
                self.scores += nodes.len();
                self.query.scores(nodes, out);
            }
        }
        if self.by_rows {
            self.sharpen(nodes, limit, out);
        }
    }

    fn looks_ahead(&self) -> bool {
        self.lead != Lead::Bytes && !self.cached
    }

    fn ask(&self, nodes: &[u32]) {
        nodes.iter().for_each(|node| self.query.prefetch_bits(*node));
    }
}

impl Guide for Seek<'_, '_> {
    fn counts(&self, node: u32) -> bool {
        self.part.whole || self.part.stand_in(node).is_some()
    }

    fn approach(&self, node: u32) {
        if self.lead == Lead::Bits {
            self.query.prefetch(node);
        }
    }

    fn follow(&mut self, node: u32, guess: f32) -> bool {
        self.followed += 1;
        if self.is_beyond(node, guess) {
            return false;
        }
        let known = self.lead != Lead::Bits && guess.is_finite();
        let score = if known { guess } else { self.score(node) };
        self.meet(node, score);
        self.ended = self.followed <= self.reach.budget;
        self.ended
            && (!self.followed.is_multiple_of(POLL)
                || self.asked.request.cancel.stopped().is_none())
    }
}
