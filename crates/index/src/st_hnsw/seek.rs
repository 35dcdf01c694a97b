//! Walking a part's graph towards the query.

use super::Searching;
use super::asked::Asked;
use super::gather::{Candidate, Gather};
use super::road::{Coded, is_narrow, reach};
use crate::Error;
use crate::graph::{Beam, Guide, Visited, walk};
use crate::segment::CodeQuery;

/// Standard errors below its 1-bit estimate at which a node must be within the beam's worst to be
/// scored by its bytes. It halves the rows of bytes that are fetched, and keeps recall (adr/0010).
const GATE: f32 = 1.5;
/// Nodes that the walk of a composite search keeps.
const BEAM_MAX: usize = 4_096;
/// Nodes followed between two looks at the request's token.
const POLL: usize = 256;

impl<'a> Searching<'a> {
    /// Gathers what the graph leads to. Returns whether that may stand for the part: false if too
    /// little of what was met is selected.
    pub(super) fn seek(&mut self, part: &Coded<'a>) -> Result<bool, Error> {
        let k = self.asked.request.k;
        let width = part.width(self.effort, self.asked);
        let (beam, _) = self.walk_part(part, width, usize::MAX)?;
        let met = beam.found().filter(|(_, node)| part.stand_in(*node).is_some()).count();
        Ok(met >= k.min(part.run.selected - part.loose.len()) || part.twins.is_some() && met > 0)
    }

    /// The same for a composite search: nodes come in the order of meaning, until meaning alone,
    /// with the least time of the part, is worse than the k-th candidate. Returns whether that was
    /// reached before so many nodes were followed; if not, the part is to be sifted.
    pub(super) fn seek_until(&mut self, part: &Coded<'a>, budget: usize) -> Result<bool, Error> {
        // Twins have times of their own: one node cannot stand for them here.
        if part.twins.is_some() {
            return Ok(false);
        }
        Ok(self.walk_part(part, BEAM_MAX, budget)?.1)
    }

    fn walk_part(
        &mut self,
        part: &Coded<'a>,
        width: usize,
        budget: usize,
    ) -> Result<(Beam, bool), Error> {
        let mut beam = Beam::default();
        let graph = part.index.graph();
        let Some(lowest) = graph.lowest() else { return Ok((beam, false)) };
        let query = CodeQuery::new(part.index.codes(), part.index.space(), &self.asked.rotated);
        let (asked, ef) = (self.asked, reach(self.effort.ef, part.index));
        let mut seek = Seek::new(asked, part, query, &mut self.gather, (ef, budget));
        let start = graph.descend(|rows, out| {
            seek.scores += rows.len();
            seek.query.scores(rows, out);
        });
        let mut visited = Visited::default();
        beam.clear(width);
        visited.clear(lowest.nodes());
        visited.insert(start);
        let mut score = Vec::new();
        seek.scores(&[start], f32::INFINITY, &mut score);
        beam.push(score[0], start);
        walk(lowest, &mut beam, &mut visited, &mut seek);
        let reached = seek.reached;
        self.counters.scores += seek.scores;
        self.counters.estimates += seek.estimates;
        self.poll()?;
        Ok((beam, reached))
    }
}

/// What a walk looks for.
struct Seek<'a, 's> {
    asked: &'s Asked<'a>,
    part: &'s Coded<'a>,
    query: CodeQuery<'a>,
    gather: &'s mut Gather,
    near: Vec<u32>,
    bounds: Vec<f32>,
    exact: Vec<f32>,
    estimates: usize,
    scores: usize,
    followed: usize,
    /// Nodes followed before a bound may end the walk, and at most.
    ef: usize,
    budget: usize,
    /// Whether a bound ended the walk.
    reached: bool,
    /// Whether time counts: else nobody's is looked up.
    timed: bool,
}

impl<'a, 's> Seek<'a, 's> {
    fn new(
        asked: &'s Asked<'a>,
        part: &'s Coded<'a>,
        query: CodeQuery<'a>,
        gather: &'s mut Gather,
        (ef, budget): (usize, usize),
    ) -> Self {
        let (near, bounds, exact) = (Vec::new(), Vec::new(), Vec::new());
        let (estimates, scores, followed, reached) = (0, 0, 0, false);
        Self {
            asked,
            part,
            query,
            gather,
            near,
            bounds,
            exact,
            estimates,
            scores,
            followed,
            ef,
            budget,
            reached,
            timed: asked.request.composite.is_some(),
        }
    }
}

impl Seek<'_, '_> {
    /// Keeps a node if it may be among the nearest.
    #[inline]
    fn meet(&mut self, node: u32, score: f32) {
        let ts = if self.timed { self.part.ts(node) } else { 0 };
        let low = self.asked.rank(score - self.query.doubt(node), ts);
        if low > self.gather.limit() {
            return;
        }
        let Some(row) = self.part.stand_in(node) else { return };
        let Some((place, row)) = self.part.locate(row) else { return };
        let rank = self.asked.rank(score, ts);
        let (part, row) = (self.part.run.members[place].number, row as u32);
        self.gather.offer(Candidate { rank, low, part, row, node: true });
    }
}

impl Guide for Seek<'_, '_> {
    fn scores(&mut self, nodes: &[u32], limit: f32, out: &mut Vec<f32>) {
        self.near.clear();
        self.near.extend_from_slice(nodes);
        out.clear();
        out.resize(nodes.len(), f32::INFINITY);
        if limit.is_finite() && !is_narrow(self.part.index) {
            self.estimates += nodes.len();
            self.query.least_at(nodes, GATE, &mut self.bounds);
            let mut bounds = self.bounds.iter();
            self.near.retain(|_| bounds.next().is_some_and(|least| *least < limit));
        }
        self.scores += self.near.len();
        self.query.scores(&self.near, &mut self.exact);
        let mut places = nodes.iter().enumerate();
        for at in 0..self.near.len() {
            let (node, score) = (&self.near[at], &self.exact[at]);
            if let Some((place, _)) = places.find(|(_, other)| *other == node) {
                out[place] = *score;
            }
            let (node, score) = (*node, *score);
            self.meet(node, score);
        }
    }

    fn follow(&mut self, score: f32) -> bool {
        self.followed += 1;
        if self.followed > self.ef
            && self.asked.least(score, self.part.least) > f64::from(self.gather.limit())
        {
            self.reached = true;
            return false;
        }
        self.followed <= self.budget
            && (!self.followed.is_multiple_of(POLL)
                || self.asked.request.cancel.stopped().is_none())
    }
}
