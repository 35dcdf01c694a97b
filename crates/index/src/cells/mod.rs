//! Cells: an index's rows by where they lie, each cell's in the order of their numbers, so of time.
//!
//! ```text
//!   centroids   codes of their own, ranked by bits side by side, then by bytes
//!      |
//!   cell   | block of 64 | block | block ..|   1-bit codes of what is left of each row when the
//!   rows     3 .. 180      181 .. 402          centroid is taken away, side by side (RaBitQ)
//!   heads    3             181                 the first row of each block: a stretch is a slice
//! ```
//!
//! An inverted file with RaBitQ codes (Gao and Long 2024, section 4) whose lists lie in the order
//! of time: a search in a stretch of time looks at the slices of the cells that are near, which is
//! little of either. A sift of the same stretch reads the codes of all of its rows, a walk meets
//! rows of all times.
//!
//! **One query for all cells.** A row's code is of `r = x - c`, c its centroid, and what is wanted
//! is `<r, q - c>`. The signs' products with q and with c go apart: the row's with its centroid is
//! known when it is encoded, and part of its base, so the query is prepared once, around the centre
//! of the index, whatever cells it meets.
//!
//! **When to stop.** A row of a cell with centroid distance d, whose rows lie r from the centroid,
//! is at `d^2 + r^2 - 2 d r cos`. That cosine is small for nearly all rows in many dimensions; how
//! large it gets for those that were the nearest to a row of the index, the builder measures
//! (`lean`), and cells that cannot reach the k-th found with it are left out. So a search goes on
//! in sparse stretches and stops early in dense ones, with no number of probes to choose.
//! Queries that lie between cells are ended by effort (`st_hnsw::probe`).
//!
//! **Invariant.** Each row with a code that is not loose is in one list, once; rows of a list grow.
//! Blocks are of one cell, its last filled up with rows that no bound lets through.
//!
//! I did consider codes around one centre, copied in this order: no second encoding, and estimates
//! twice as wide in clustered rows. And lists of numbers only: memory takes five times as long to
//! bring codes that lie here and there. The margin of SPANN (Chen and others 2021: cells no further
//! than so many times the nearest one) is a rule without the k-th, and knows no stretches.

mod build;
mod query;
mod train;

#[cfg(test)]
mod tests;

pub(crate) use build::{BuiltCells, build};
pub(crate) use query::{CellQuery, Near};

use crate::segment::{CodeQuery, Codes};
use crate::selection::places;
use cvx_core::code::{BLOCK_ROWS, block_bytes, prefetch};
use std::ops::Range;

/// No row: what fills up a cell's last block.
pub(crate) const NOBODY: u32 = u32::MAX;

/// How densely a stretch of rows may lie for the builder to see how far cells must be asked: all
/// rows, one in sixteen, one in 256.
pub(crate) const DENSITIES: usize = 3;
const SPARSER: f64 = 16.0;

/// Cells asked in vain, for each node that a walk would keep, after which no more are.
pub(crate) const IN_VAIN: f32 = 2.5;

/// Standard errors granted to centroids, which are nearest by little more than chance.
const ERRORS: f32 = 1.0;

/// How many cells are asked, by the effort of a search's default, of which so many bring something.
fn asked_in_vain(before: usize) -> usize {
    before + (IN_VAIN * crate::StHnsw::default().ef as f32) as usize
}

/// What the builder saw, at each density.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Reach {
    /// How far the nearest of a query lean from their centroids towards it, but for one in a
    /// hundred.
    pub(crate) leans: [f32; DENSITIES],
    /// What share of the cells is asked.
    pub(crate) shares: [f32; DENSITIES],
}

impl Reach {
    /// Between what was seen at two densities, how far from the first, for so many of so many rows.
    fn between(rows: usize, asked: f64) -> (usize, f64) {
        let sparse = (rows as f64 / asked.max(1.0)).log2().max(0.0) / SPARSER.log2();
        let sparse = sparse.min((DENSITIES - 1) as f64);
        let at = (sparse as usize).min(DENSITIES - 2);
        (at, sparse - at as f64)
    }

    /// How far rows lean where so many of so many are asked for.
    pub(crate) fn lean(&self, rows: usize, asked: f64) -> f32 {
        let (at, way) = Self::between(rows, asked);
        self.leans[at] + (self.leans[at + 1] - self.leans[at]) * way as f32
    }

    /// What share of the slices is met there.
    pub(crate) fn share(&self, rows: usize, asked: f64) -> f64 {
        let (at, way) = Self::between(rows, asked);
        let [dense, sparse] = [at, at + 1].map(|at| f64::from(self.shares[at]).clamp(1e-6, 1.0));
        dense * (sparse / dense).powf(way)
    }
}

/// The cells of an index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cells<'a> {
    /// Of the centroids, around the index's centre.
    pub(crate) centroids: Codes<'a>,
    /// The first block of each, and the end of the last.
    pub(crate) starts: &'a [u32],
    /// The root of the mean square of how far its rows lie from the centroid.
    pub(crate) radii: &'a [f32],
    pub(crate) heads: &'a [u32],
    /// 64 a block.
    pub(crate) rows: &'a [u32],
    pub(crate) blocks: &'a [u8],
    pub(crate) reach: Reach,
}

impl<'a> Cells<'a> {
    pub(crate) fn count(&self) -> usize {
        self.radii.len()
    }

    /// A cell's blocks that may hold rows of a stretch.
    pub(crate) fn slice(&self, cell: u32, rows: &Range<u32>) -> Range<usize> {
        let (from, to) = (self.starts[cell as usize], self.starts[cell as usize + 1]);
        let heads = &self.heads[from as usize..to as usize];
        let first = heads.partition_point(|head| *head <= rows.start).saturating_sub(1);
        let end = heads.partition_point(|head| *head < rows.end);
        from as usize + first..from as usize + end.max(first)
    }

    /// The cells whose centroids are nearest to a query by their bits, so many or fewer.
    pub(crate) fn nearest(&self, query: &mut CodeQuery<'_>, most: usize) -> Vec<u32> {
        let mut nearest: Vec<(f32, u32)> = Vec::with_capacity(most + 1);
        let mut bounds = [0.0; BLOCK_ROWS];
        let blocks = self.centroids.blocks.chunks_exact(block_bytes(self.centroids.width));
        for (block, first) in blocks.zip((0..self.count()).step_by(BLOCK_ROWS)) {
            let last = nearest.last().filter(|_| nearest.len() == most);
            let limit = last.map_or(f32::INFINITY, |(bound, _)| *bound);
            let here = u64::MAX >> (BLOCK_ROWS - (self.count() - first).min(BLOCK_ROWS));
            let near = here & query.within_block(block, (ERRORS, limit), &mut bounds);
            for place in places(near) {
                let at = nearest.partition_point(|(bound, _)| *bound <= bounds[place]);
                nearest.insert(at, (bounds[place], (first + place) as u32));
                nearest.truncate(most);
            }
        }
        nearest.into_iter().map(|(_, cell)| cell).collect()
    }

    /// The first rows of a cell.
    pub(crate) fn first_rows(&self, cell: u32) -> &'a [u32] {
        let block = self.starts[cell as usize];
        if block < self.starts[cell as usize + 1] { self.rows_of(block as usize) } else { &[] }
    }

    /// Asks memory for what `slice` will look at.
    fn ask(&self, cell: u32) {
        let (from, to) = (self.starts[cell as usize], self.starts[cell as usize + 1]);
        prefetch(&self.heads[from as usize..to as usize]);
    }

    /// A block's codes.
    pub(crate) fn block(&self, block: usize) -> &'a [u8] {
        let length = block_bytes(self.centroids.width);
        &self.blocks[block * length..][..length]
    }

    /// A block's rows.
    pub(crate) fn rows_of(&self, block: usize) -> &'a [u32; BLOCK_ROWS] {
        &self.rows.as_chunks().0[block]
    }
}
