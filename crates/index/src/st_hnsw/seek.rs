//! Walking a part's graph towards the query.

use super::Searching;
use super::asked::Asked;
use super::gather::{Candidate, Gather};
use super::road::Coded;
use crate::Error;
use crate::graph::{Beam, Guide, Visited, walk};
use crate::segment::CodeQuery;

/// Nodes followed between two looks at the request's token.
const POLL: usize = 256;

impl<'a> Searching<'a> {
    /// Gathers what the graph leads to. Returns whether that may stand for the part: false if too
    /// little of what was met is selected.
    pub(super) fn seek(&mut self, part: &Coded<'a>) -> Result<bool, Error> {
        let k = self.asked.request.k;
        let width = part.width(self.effort, self.asked);
        let mut seek = Seek {
            asked: self.asked,
            part,
            query: CodeQuery::new(part.index.codes(), part.index.space(), &self.asked.rotated),
            gather: &mut self.gather,
            scores: 0,
            followed: 0,
        };
        let graph = part.index.graph();
        let Some(lowest) = graph.lowest() else { return Ok(false) };
        let start = graph.descend(|rows, out| {
            seek.scores += rows.len();
            seek.query.scores(rows, out);
        });
        let (mut beam, mut visited) = (Beam::default(), Visited::default());
        beam.clear(width);
        visited.clear(lowest.nodes());
        visited.insert(start);
        let mut score = Vec::new();
        seek.scores(&[start], &mut score);
        beam.push(score[0], start);
        walk(lowest, &mut beam, &mut visited, &mut seek);
        self.counters.scores += seek.scores;
        self.poll()?;
        let met = beam.found().filter(|(_, node)| part.selects_node(*node)).count();
        Ok(met >= k.min(part.selected - part.loose.len()) || part.twins.is_some() && met > 0)
    }
}

struct Seek<'a, 's> {
    asked: &'s Asked<'a>,
    part: &'s Coded<'a>,
    query: CodeQuery<'a>,
    gather: &'s mut Gather,
    scores: usize,
    followed: usize,
}

impl Guide for Seek<'_, '_> {
    fn scores(&mut self, nodes: &[u32], out: &mut Vec<f32>) {
        self.scores += nodes.len();
        self.query.scores(nodes, out);
        for (node, score) in nodes.iter().zip(out.iter()) {
            let low = score - self.query.doubt(*node);
            if low <= self.gather.limit() && self.part.selects_node(*node) {
                let (part, row) = (self.part.number, *node);
                self.gather.offer(Candidate { rank: *score, low, part, row, node: true });
            }
        }
    }

    fn follow(&mut self, _score: f32) -> bool {
        self.followed += 1;
        !self.followed.is_multiple_of(POLL) || self.asked.request.cancel.stopped().is_none()
    }
}
