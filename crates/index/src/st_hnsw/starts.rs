//! Where a walk starts, in an index that has cells: at rows of the cells nearest to the query.
//!
//! The centroids lie side by side, and their bits are ranked in a fraction of the time that the way
//! down through the upper layers waits for memory; it meets as many codes as the walk itself. A
//! cell's first row is any of its rows, a step or two from the nearest.
//!
//! An index without cells, and a walk so wide that it is to meet all, has the way down.

use super::seek::Seek;
use crate::cells::NOBODY;
use crate::graph::{Guess, Start};

/// Cells whose first rows are started from.
const CELLS: usize = 4;

impl Seek<'_, '_> {
    /// Rows of the nearest cells; none without cells.
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
