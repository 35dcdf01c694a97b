//! The way down through the upper layers, to where a search of the lowest starts.
//!
//! The paper keeps one node a layer. Where rows lie in clusters, that one is often in the wrong
//! cluster, and no walk of the lowest layer that is not very wide comes out of it again: of a
//! million clustered rows, walks of 140 nodes found 0.948 of what is near, and 0.981 when they had
//! sixteen nodes of the last upper layer to start from. So that layer, which has one row in `M`, is
//! walked some nodes wide, and several of them are started from.

use super::layer::Edges;
use super::walk::{Beam, Guess, Guide, Visited, walk};

/// How wide the last upper layer is walked: 16 nodes of the 62,500 above a million rows, four of
/// the 4,096 above a segment's. Half of them are started from.
fn width(nodes: usize) -> usize {
    nodes.isqrt().div_ceil(16).max(1)
}

/// A node to start from, and how near it seems.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    pub(crate) node: u32,
    pub(crate) guess: f32,
}

impl Start {
    /// A node of which nothing is known: it is followed first.
    pub(crate) fn blind(node: u32) -> Self {
        Self { node, guess: f32::NEG_INFINITY }
    }
}

/// The nearest nodes of the lowest of some upper layers; none without layers.
pub(crate) fn starts(
    upper: &[Edges<'_>],
    order: &[u32],
    (beam, visited): (&mut Beam, &mut Visited),
    guess: &mut impl Guess,
) -> Vec<Start> {
    let Some((last, above)) = upper.split_first() else { return Vec::new() };
    let first = descend(above, order, visited, guess);
    let width = width(last.nodes());
    beam.clear(width);
    visited.clear(last.nodes());
    visited.insert(first);
    beam.start(f32::NEG_INFINITY, first);
    let (rows, starts) = (Vec::new(), Vec::with_capacity(2 * width));
    let mut descent = Descent { guess, order, rows, starts };
    walk(*last, beam, visited, &mut descent);
    let mut starts = descent.starts;
    starts.sort_unstable_by(|a, b| a.guess.total_cmp(&b.guess).then(a.node.cmp(&b.node)));
    starts.truncate(width.div_ceil(2));
    starts
}

/// The node of the lowest of some layers that greedy steps lead to. What was seen in a layer is not
/// nearer than where the step is now: it is not asked about again.
fn descend(upper: &[Edges<'_>], order: &[u32], seen: &mut Visited, guess: &mut impl Guess) -> u32 {
    let (mut rows, mut out) = (vec![order[0]], Vec::new());
    guess.guess(&rows, f32::INFINITY, &mut out);
    let (mut node, mut best) = (0u32, out[0]);
    let mut fresh = Vec::new();
    for layer in upper.iter().rev() {
        seen.clear(layer.nodes());
        seen.insert(node);
        loop {
            let from = node;
            fresh.clear();
            fresh.extend(layer.of(from).iter().filter(|edge| seen.insert(**edge)));
            rows.clear();
            rows.extend(fresh.iter().map(|node| order[*node as usize]));
            guess.guess(&rows, f32::INFINITY, &mut out);
            for (edge, guess) in fresh.iter().zip(&out) {
                if *guess < best {
                    (node, best) = (*edge, *guess);
                }
            }
            if node == from {
                break;
            }
        }
    }
    node
}

/// Walks the last upper layer.
struct Descent<'a, G> {
    guess: &'a mut G,
    /// The rows of its nodes.
    order: &'a [u32],
    /// Room for some.
    rows: Vec<u32>,
    starts: Vec<Start>,
}

impl<G: Guess> Guess for Descent<'_, G> {
    fn guess(&mut self, nodes: &[u32], limit: f32, out: &mut Vec<f32>) {
        self.rows.clear();
        self.rows.extend(nodes.iter().map(|node| self.order[*node as usize]));
        self.guess.guess(&self.rows, limit, out);
    }
}

impl<G: Guess> Guide for Descent<'_, G> {
    fn counts(&self, _node: u32) -> bool {
        true
    }

    fn approach(&self, _node: u32) {}

    fn follow(&mut self, node: u32, guess: f32) -> bool {
        self.starts.push(Start { node, guess });
        true
    }
}
