//! A graph for every moment: the timestamp graph, measured as a rival of what the index does for
//! AS OF searches. It is no part of the product; docs/adr/0014 says why.
//!
//! ```text
//!   roots      some of what lives, in a tree by time: the nearest of them start the way down
//!   layer 1    some more, with links                          links, at each moment, lead from
//!   layer 0    all, with links                                what lives to what lives
//! ```
//!
//! After Wang, He, Tong, Zhou and Zhong, "Timestamp Approximate Nearest Neighbor Search over
//! High-Dimensional Vector Data" (ICDE 2025): a navigable graph is kept up while rows come and go,
//! and each node's links are kept as they were, in a tree by time (`tree`), so that the graph of
//! any moment can be walked, and all of them together need hardly more than one.
//!
//! **Invariant.** At each moment a node that lives leads to nodes that live, to `2M` of them at
//! most (`M` above), and all of them are reached from the entry of the moment. Which rows count is
//! still the caller's to say: if rows were closed after the graph was built, it leads through them,
//! and they are not in the answer.
//!
//! What was changed: lives are known to their ends when the graph is built, so the sweep is done at
//! once, and trees are balanced; those who lead to a dead node are known, not only those that it
//! leads to, so no link leads to the dead; bonds keep what lives in one piece (`layer`); the layers
//! above are timestamp graphs too, under roots that are compared one by one; distances are those of
//! the index's codes, with its kernels, so that what is compared is the graph.
//!
//! Rejected: the edges of the first sketches whose weight decays with age. It is known when an edge
//! ends, so that it may seem old says nothing more; and a search of the past would find its edges
//! faded.

mod build;
mod codes;
mod layer;
mod lives;
#[cfg(test)]
mod tests;
mod tree;
mod walk;

pub use build::{Options, build};
pub use codes::{Codes, Look};
pub use walk::Room;

use cvx_core::{Metric, Query};
use tree::{Then, Trees};
use walk::{NONE, Near, walk};

/// What is known of each moment.
#[derive(Debug)]
pub struct TimestampGraph {
    moments: Vec<i64>,
    /// Rows of upper nodes.
    order: Vec<u32>,
    /// A tree of nodes of the uppermost layer.
    roots: Vec<u32>,
    /// From a rank on, a node of the lowest layer that lives; `NONE` if there is none.
    entries: Vec<[u32; 2]>,
    /// Of each layer, from the lowest: where trees begin, and trees.
    layers: Vec<[Vec<u32>; 2]>,
}

/// The graph of one moment.
#[derive(Debug)]
struct Moment<'a> {
    entry: u32,
    roots: Vec<u32>,
    layers: Vec<Then<'a>>,
}

/// A question.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub query: &'a [f32],
    pub moment: i64,
    pub k: usize,
    /// Nodes kept while the lowest layer is walked: efSearch.
    pub ef: usize,
}

/// The nearest rows by cosine, nearest first, and rows compared with the query itself.
#[derive(Debug, Default)]
pub struct Found {
    pub rows: Vec<(f64, u32)>,
    pub distances: usize,
}

impl TimestampGraph {
    /// All that is kept.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let layers: usize = self.layers.iter().flatten().map(Vec::len).sum();
        let words = self.order.len() + self.roots.len() + layers;
        8 * (self.moments.len() + self.entries.len()) + 4 * words
    }

    /// The graph of a moment; `None` if nothing lives.
    fn at(&self, moment: i64) -> Option<Moment<'_>> {
        let rank = lives::rank_of(&self.moments, moment);
        let entry = self.entries.partition_point(|[since, _]| *since <= rank).checked_sub(1)?;
        let [_, entry] = self.entries[entry];
        let mut roots = Vec::new();
        tree::each(&self.roots, rank, |root| roots.push(root));
        let layers = self.layers.iter();
        let layers = layers.map(|[starts, words]| Then { trees: Trees { starts, words }, rank });
        (entry != NONE).then(|| Moment { entry, roots, layers: layers.collect() })
    }

    /// The nearest of the rows that count. Unit rows, as `vectors` has them.
    pub fn search(
        &self,
        (room, look): (&mut Room, &mut Look<'_>),
        vectors: &[f32],
        asked: Asked<'_>,
        counts: impl Fn(u32) -> bool,
    ) -> Found {
        let Some(moment) = self.at(asked.moment) else { return Found::default() };
        look.from_vector(asked.query);
        let upper = &moment.layers[1..];
        let mut starts = build::way_down(upper, &self.order, &moment.roots, (room, look));
        starts.iter_mut().for_each(|start| start.node = self.order[start.node as usize]);
        if starts.is_empty() {
            starts.push(Near { distance: f32::NEG_INFINITY, node: moment.entry });
        }
        let how = (&starts[..], asked.ef.max(asked.k));
        let near = walk(moment.layers[0], (room, look), how, |node| node, counts);
        ranked(look, vectors, asked, &near)
    }
}

/// Compares rows with the query, nearest by their bytes first, until none can be nearer.
fn ranked(look: &Look<'_>, vectors: &[f32], asked: Asked<'_>, near: &[Near]) -> Found {
    let Ok(query) = Query::new(Metric::Cosine, asked.query) else { return Found::default() };
    let dim = asked.query.len();
    let vector = |near: &Near| &vectors[near.node as usize * dim..][..dim];
    near.iter().take(asked.k).for_each(|near| cvx_core::code::prefetch_soon(vector(near)));
    let mut found = Found::default();
    for near in near {
        // Of unit rows a squared distance is twice the cosine's.
        let least = f64::from(near.distance - look.doubt(near.node)) / 2.0;
        if found.rows.len() >= asked.k && least > found.rows[asked.k - 1].0 {
            continue;
        }
        let distance = query.distance(vector(near)).unwrap_or(f64::NAN);
        found.distances += 1;
        let place = found.rows.partition_point(|(other, _)| *other <= distance);
        found.rows.insert(place, (distance, near.node));
    }
    found.rows.truncate(asked.k);
    found
}
