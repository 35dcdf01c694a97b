//! What an index promises of its graph, checked node by node. Opening a file checks what a search
//! relies on so as not to fail; this is what it relies on to find.

use super::SegmentIndex;
use super::image::{NONE, Section};
use crate::cells::NOBODY;
use cvx_core::code::BLOCK_ROWS;

impl SegmentIndex {
    /// Whether every row can be found (reached, a twin of one that is, or loose), links are within
    /// the degree, lead to nodes, and none to its own node or twice.
    pub fn check(&self) -> Result<(), &'static str> {
        let layers: Vec<&[u32]> =
            (0..self.layers()).map(|layer| self.0.array(Section::Edges(layer))).collect();
        let degree = self.0.header().degree;
        for (number, places) in layers.iter().enumerate() {
            let stride = if number == 0 { 2 * degree } else { degree };
            places
                .chunks(stride)
                .enumerate()
                .try_for_each(|(node, links)| check_node(node, links))?;
        }
        let order: &[u32] = self.0.array(Section::Order);
        if has_twice(order.to_vec()) {
            return Err("a row is two upper nodes");
        }
        let links = |places: &&[u32]| places.iter().filter(|link| **link != NONE).count();
        if layers.first().map_or(0, links) != self.edges() {
            return Err("links are not as many as the header says");
        }
        self.check_cells()?;
        self.check_found()
    }

    /// Each row that is not loose is in one cell, once, and a cell's rows grow.
    fn check_cells(&self) -> Result<(), &'static str> {
        let Some(cells) = self.cells() else { return Ok(()) };
        let mut listed: Vec<u32> = self.loose().to_vec();
        for ends in cells.starts.windows(2) {
            let blocks = ends[0] as usize..ends[1] as usize;
            let of_cell: Vec<u32> =
                blocks.clone().flat_map(|at| cells.rows_of(at)).copied().collect();
            let end = of_cell.iter().position(|row| *row == NOBODY).unwrap_or(of_cell.len());
            if of_cell[end..].iter().any(|row| *row != NOBODY) {
                return Err("a row of a cell behind its last");
            }
            if of_cell[..end].windows(2).any(|pair| pair[0] >= pair[1]) {
                return Err("rows of a cell that do not grow");
            }
            let mut heads = blocks.zip(of_cell.chunks(BLOCK_ROWS));
            if heads.any(|(at, rows)| cells.heads[at] != rows[0]) {
                return Err("a block that begins with another row");
            }
            listed.extend_from_slice(&of_cell[..end]);
        }
        listed.sort_unstable();
        let all = listed.iter().copied().eq(0..self.rows() as u32);
        if all { Ok(()) } else { Err("a row in no cell, or in two") }
    }

    /// The rows found by walking, by twins, or one by one. Without a graph all are looked at.
    fn check_found(&self) -> Result<(), &'static str> {
        if self.layers() == 0 {
            return Ok(());
        }
        let rows = self.rows();
        let loose = self.loose();
        let twins = self.twins();
        if twins.is_some_and(|twins| has_twice(twins.to_vec())) {
            return Err("rings of twins meet");
        }
        let mut found = self.reached();
        if let Some(twins) = twins {
            for row in 0..rows {
                let mut twin = twins[row] as usize;
                while found[row] && !found[twin] {
                    found[twin] = true;
                    twin = twins[twin] as usize;
                }
            }
        }
        loose.iter().for_each(|row| found[*row as usize] = true);
        if found.contains(&false) { Err("a row that no search finds") } else { Ok(()) }
    }

    /// Which rows are reached from the entry.
    fn reached(&self) -> Vec<bool> {
        let mut reached = vec![false; self.rows()];
        let Some(lowest) = self.graph().lowest() else { return reached };
        let mut left = vec![self.0.header().entry];
        while let Some(node) = left.pop() {
            if !std::mem::replace(&mut reached[node as usize], true) {
                left.extend(lowest.of(node));
            }
        }
        reached
    }
}

fn check_node(node: usize, places: &[u32]) -> Result<(), &'static str> {
    let end = places.iter().position(|link| *link == NONE).unwrap_or(places.len());
    let links = &places[..end];
    if links.iter().any(|link| *link as usize == node) {
        return Err("a link to its own node");
    }
    if has_twice(links.to_vec()) { Err("a link twice") } else { Ok(()) }
}

fn has_twice(mut numbers: Vec<u32>) -> bool {
    numbers.sort_unstable();
    numbers.windows(2).any(|pair| pair[0] == pair[1])
}
