//! Where a walk starts, in an index that has cells: at rows of the cells nearest to the query.
//!
//! The way down through the upper layers meets a third to a half of all codes that a walk of ten
//! nearest does, here and there in memory; centroids lie side by side, and a block is left after a
//! quarter of its bits if it has none that is nearer. A cell's first row is any of its rows. In two
//! turns, ten of 1,000,000 clustered rows took 66 us for a recall of 0.960 (76 for 0.953 by the way
//! down), of 200,000 the time for 0.95 was 6 % less; without clusters it made no difference.
//! Tried: to start from the rows of these cells that their codes say are nearest. Less effort finds
//! as much then, and takes as long.
//!
//! An index without cells, a machine that does not look at rows side by side, and a walk so wide
//! that it is to meet all have the way down.

use super::seek::Seek;
use crate::cells::NOBODY;
use crate::graph::{Guess, Start};

/// Cells whose first rows are started from.
const CELLS: usize = 4;

impl Seek<'_, '_> {
    /// Rows of the nearest cells; none where there is the way down instead.
    pub(super) fn starts_in_cells(&mut self) -> Vec<Start> {
        let Some(cells) = self.part.index.cells() else { return Vec::new() };
        if !self.query.has_blocks() || self.is_thorough() {
            return Vec::new();
        }
        let nearest = cells.nearest(&mut self.query, CELLS);
        let first = |cell: u32| {
            let rows = cells.first_rows(cell).iter().copied();
            rows.filter(|row| *row != NOBODY).find(|row| self.is_node(*row))
        };
        let nodes: Vec<u32> = nearest.into_iter().filter_map(first).collect();
        let mut guesses = Vec::new();
        self.guess(&nodes, f32::INFINITY, &mut guesses);
        nodes.iter().zip(guesses).map(|(node, guess)| Start { node: *node, guess }).collect()
    }

    /// Whether a row is in the graph: of twins, which lie in a ring, the first is.
    fn is_node(&self, row: u32) -> bool {
        self.part.twins.is_none_or(|twins| twins[row as usize] >= row)
    }

    /// Whether the walk is wide enough to meet all there is.
    fn is_thorough(&self) -> bool {
        self.reach.width != usize::MAX && self.reach.width >= self.part.index.rows()
    }
}
