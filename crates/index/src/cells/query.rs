//! A query against the cells of one index: which come next, and what their rows score at least.

use super::Cells;
use crate::segment::{CodeQuery, Space};
use cvx_core::code::BLOCK_ROWS;

/// Cells whose distance is told by bytes at a time.
const BATCH: usize = 128;

/// A cell, as a query sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Near {
    pub(crate) cell: u32,
    /// Squared distance of the centroid.
    pub(crate) score: f32,
    /// What its rows score at least, but for few.
    pub(crate) bound: f32,
}

/// What rows score at least whose centroid scores so much, lie so far from it, and lean no further
/// towards the query; without limit to that, nothing is known.
#[inline]
pub(super) fn bound(score: f32, radius: f32, lean: f32) -> f32 {
    if lean == f32::INFINITY {
        return f32::NEG_INFINITY;
    }
    score + radius * (radius - 2.0 * lean * score.max(0.0).sqrt())
}

/// A query, and the cells that it has not come to.
#[derive(Debug)]
pub(crate) struct CellQuery<'a> {
    pub(crate) cells: Cells<'a>,
    query: CodeQuery<'a>,
    lean: f32,
    /// The first are done, those up to `sorted` in their order, the rest behind them in none.
    near: Vec<Near>,
    done: usize,
    sorted: usize,
    scores: Vec<f32>,
}

impl<'a> CellQuery<'a> {
    /// Of a query that was rotated, in a space of squared distances.
    pub(crate) fn new(cells: Cells<'a>, space: Space, rotated: &[f32], lean: f32) -> Self {
        let mut query = CodeQuery::new(cells.centroids, space, rotated);
        let mut scores = Vec::new();
        query.least(0, cells.count(), 0.0, &mut scores);
        let near = (0u32..).zip(&scores).zip(cells.radii);
        let near = near.map(|((cell, score), radius)| {
            let (score, bound) = (*score, bound(*score, *radius, lean));
            Near { cell, score, bound }
        });
        let near = near.collect();
        Self { cells, query, lean, near, done: 0, sorted: 0, scores }
    }

    /// Brings the next cells into their order.
    fn sort(&mut self) {
        let left = &mut self.near[self.sorted..];
        let count = left.len().min(BATCH);
        if count < left.len() {
            left.select_nth_unstable_by(count, |a, b| a.bound.total_cmp(&b.bound));
        }
        let next = &mut left[..count];
        let cells: Vec<u32> = next.iter().map(|near| near.cell).collect();
        cells.iter().for_each(|cell| self.cells.ask(*cell));
        self.query.scores(&cells, &mut self.scores);
        for (near, score) in next.iter_mut().zip(&self.scores) {
            let radius = self.cells.radii[near.cell as usize];
            (near.score, near.bound) = (*score, bound(*score, radius, self.lean));
        }
        next.sort_by(|a, b| a.bound.total_cmp(&b.bound));
        self.sorted += count;
    }

    /// The cell behind the next, if that is known.
    pub(crate) fn peek(&self) -> Option<Near> {
        self.near[..self.sorted].get(self.done).copied()
    }

    /// Which rows of a block of a cell may score within a limit, by so many standard errors, and
    /// the least that these may.
    #[inline]
    pub(crate) fn within(
        &mut self,
        near: &Near,
        block: usize,
        by: (f32, f32),
        out: &mut [f32; BLOCK_ROWS],
    ) -> u64 {
        self.query.within_around(near.score, self.cells.block(block), by, out)
    }
}

impl Iterator for CellQuery<'_> {
    type Item = Near;

    fn next(&mut self) -> Option<Near> {
        if self.done == self.sorted && self.sorted < self.near.len() {
            self.sort();
        }
        let next = self.peek()?;
        self.done += 1;
        Some(next)
    }
}
