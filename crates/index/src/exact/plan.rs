//! The chunks a scan walks, and in which order.

use std::ops::Range;

use cvx_core::{Composite, Metric, ValidTime};

use crate::{Block, Part, Request, Selection};

/// Some hundred neighbouring places of one part.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub(crate) part: u32,
    pub(crate) places: Range<usize>,
    /// No row of it is nearer than this.
    pub(crate) least: f64,
}

#[derive(Debug)]
pub(crate) struct Plan {
    /// In the order of `least`.
    pub(crate) chunks: Vec<Chunk>,
    /// Rows selected.
    pub(crate) candidates: usize,
}

impl Plan {
    /// Chunks of about `step` rows.
    pub(crate) fn new(request: &Request<'_>, parts: &[Part<'_>], step: usize) -> Self {
        let composite = request.composite.filter(|_| never_negative(request.metric));
        let step = step.clamp(64, 8192) / 64 * 64;
        let mut plan = Self { chunks: Vec::new(), candidates: 0 };
        for (number, part) in parts.iter().enumerate() {
            let count = part.rows.count(part.block.rows());
            plan.candidates += count;
            // Where one row in ten is selected, ten times the places make a chunk.
            let places = part.rows.places(part.block.rows()).len();
            if let Some(sparsity) = places.checked_div(count) {
                plan.cut(number as u32, part, step * sparsity, composite.as_ref());
            }
        }
        plan.chunks.sort_by(|a, b| a.least.total_cmp(&b.least));
        plan
    }

    fn cut(&mut self, number: u32, part: &Part<'_>, step: usize, composite: Option<&Composite>) {
        let all = part.rows.places(part.block.rows());
        let mut start = all.start;
        while start < all.end {
            let end = ((start / step + 1) * step).min(all.end);
            let least = composite.map_or(f64::NEG_INFINITY, |composite| {
                let (from, to) = times(&part.block, &part.rows, start..end);
                composite.least(ValidTime(from), ValidTime(to))
            });
            self.chunks.push(Chunk { part: number, places: start..end, least });
            start = end;
        }
    }
}

/// Whether the time term alone bounds a composite distance from below.
pub(crate) fn never_negative(metric: Metric) -> bool {
    match metric {
        Metric::L2 | Metric::Cosine | Metric::L1 | Metric::Poincare => true,
        Metric::InnerProduct => false,
    }
}

/// Between which times the rows at some places (at least one) lie.
pub(crate) fn times(block: &Block<'_>, rows: &Selection<'_>, places: Range<usize>) -> (i64, i64) {
    let (first, last) = (places.start, places.end - 1);
    match (rows, block.time_ordered) {
        (Selection::List(list), true) => {
            (block.ts[list[first] as usize], block.ts[list[last] as usize])
        }
        (Selection::List(list), false) => {
            span(list[places].iter().map(|row| block.ts[*row as usize]))
        }
        (_, true) => (block.ts[first], block.ts[last]),
        (_, false) => span(block.ts[places].iter().copied()),
    }
}

fn span(times: impl Iterator<Item = i64>) -> (i64, i64) {
    times.fold((i64::MAX, i64::MIN), |(from, to), ts| (from.min(ts), to.max(ts)))
}
