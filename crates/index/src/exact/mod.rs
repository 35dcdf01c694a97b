//! The exact scan: every selected row is compared, in the order memory has them.
//!
//! ```text
//!   parts -> chunks of some hundred rows -> (composite: nearest in time first)
//!                     |
//!        a shared counter hands them out
//!          /                         \
//!   worker: distances of a chunk,   worker: ...      each keeps its own top k
//!           offer to the top k
//!          \                         /
//!            merge: k nearest of all
//! ```
//!
//! **Pruning.** No row of a composite search is nearer than its time term (unless the metric has
//! negative distances). Chunks carry that lower bound and go out in its order; the workers share
//! the best k-th distance any of them holds, and stop at the first chunk whose bound lies beyond
//! it. Rows left out could only rank strictly behind k known ones, so the answer is the same.
//!
//! Handing out chunks by a counter rather than by rayon's splitting keeps that order, and lets a
//! search go on with the threads it has when others hold the rest. Small scans stay on the
//! calling thread: waking another costs more than they do.

pub(crate) mod outward;
pub(crate) mod plan;
mod worker;

#[cfg(test)]
mod tests;

use cvx_core::Query;
use rayon::prelude::*;

use crate::found::hits;
use crate::request::check;
use crate::{Answer, Counters, Error, Part, Request, Search};
use plan::Plan;
use worker::{Found, Shared};

/// Compares every selected row.
#[derive(Clone, Copy, Debug)]
pub struct ExactScan {
    /// Bytes of vectors one thread takes at a time.
    chunk_bytes: usize,
    /// Bytes of vectors from which on more than one thread is asked.
    parallel_bytes: usize,
}

impl Default for ExactScan {
    fn default() -> Self {
        Self { chunk_bytes: 512 << 10, parallel_bytes: 2 << 20 }
    }
}

impl Search for ExactScan {
    fn search(&self, request: &Request<'_>, parts: &[Part<'_>]) -> Result<Answer, Error> {
        check(request, parts)?;
        let query = Query::new(request.metric, request.query)?;
        if request.k == 0 {
            return Ok(Answer::default());
        }
        let step = self.chunk_bytes / size_of_val(request.query).max(1);
        let plan = Plan::new(request, parts, step);
        let workers = self.workers(request, &plan);
        let counters =
            Counters { blocks: parts.len(), candidates: plan.candidates, ..Counters::default() };
        let shared = Shared::new(request, parts, query, plan.chunks);
        let found = run(&shared, workers)?;
        Ok(answer(found, &shared, counters))
    }
}

impl ExactScan {
    fn workers(&self, request: &Request<'_>, plan: &Plan) -> usize {
        let bytes = plan.candidates.saturating_mul(size_of_val(request.query));
        if bytes < self.parallel_bytes {
            return 1;
        }
        rayon::current_num_threads().min(plan.chunks.len())
    }
}

fn run(shared: &Shared<'_>, workers: usize) -> Result<Found, Error> {
    if workers <= 1 {
        return worker::work(shared);
    }
    (0..workers)
        .into_par_iter()
        .with_max_len(1)
        .map(|_| worker::work(shared))
        .try_reduce_with(|a, b| Ok(a.merge(b)))
        .unwrap_or_else(|| worker::work(shared))
}

fn answer(found: Found, shared: &Shared<'_>, mut counters: Counters) -> Answer {
    counters.distances = found.distances;
    counters.scanned = shared.parts_visited();
    counters.blocks_pruned = counters.blocks - counters.scanned;
    Answer { hits: hits(found.top), counters }
}
