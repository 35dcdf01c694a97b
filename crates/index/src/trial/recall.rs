//! How much of what is nearest a search finds, and what it takes.

use super::{Rows, brute_force, request};
use crate::{Counters, Part, Request, Search, SegmentIndex, StHnsw};
use cvx_core::{Composite, Metric};

/// Queries for the ten nearest of some blocks.
#[derive(Clone, Copy)]
pub(crate) struct Questions<'a> {
    pub(crate) blocks: &'a [Rows],
    pub(crate) queries: &'a [Vec<f32>],
    pub(crate) metric: Metric,
    pub(crate) composite: Option<Composite>,
}

/// What became of them.
pub(crate) struct Measured {
    /// The share of rows found of those that were to be found.
    pub(crate) recall: f64,
    /// What a question took, in the mean.
    pub(crate) scores: usize,
    pub(crate) estimates: usize,
    pub(crate) distances: usize,
    /// What each took.
    pub(crate) counters: Vec<Counters>,
}

impl Questions<'_> {
    /// Asks them of parts that show the blocks.
    pub(crate) fn ask(&self, search: &StHnsw, parts: &[Part<'_>]) -> Measured {
        let (mut found, mut wanted, mut counters) = (0, 0, Vec::new());
        for query in self.queries {
            let request = Request { composite: self.composite, ..request(query, self.metric, 10) };
            let answer = search.search(&request, parts).unwrap();
            let right = brute_force(&request, self.blocks);
            wanted += right.len();
            found += answer.hits.iter().filter(|hit| right.contains(hit)).count();
            counters.push(answer.counters);
        }
        let mean =
            |of: fn(&Counters) -> usize| counters.iter().map(of).sum::<usize>() / counters.len();
        Measured {
            recall: found as f64 / wanted as f64,
            scores: mean(|counters| counters.scores),
            estimates: mean(|counters| counters.estimates),
            distances: mean(|counters| counters.distances),
            counters,
        }
    }
}

/// Asks one index of all rows for the nearest by its metric.
pub(crate) fn measure(
    search: &StHnsw,
    rows: &Rows,
    index: &SegmentIndex,
    queries: &[Vec<f32>],
    composite: Option<Composite>,
) -> Measured {
    let (blocks, metric) = (std::slice::from_ref(rows), index.metric());
    Questions { blocks, queries, metric, composite }.ask(search, &[rows.under(index)])
}
