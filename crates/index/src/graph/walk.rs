//! The search of one layer: best first, `ef` nodes wide.

use super::layer::Edges;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Which nodes were seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visited {
    words: Vec<u64>,
    /// Words that are not zero: forgetting costs what was seen, not what there is.
    touched: Vec<u32>,
}

impl Visited {
    /// Forgets all, for a layer of so many nodes.
    pub(crate) fn clear(&mut self, nodes: usize) {
        self.touched.drain(..).for_each(|word| self.words[word as usize] = 0);
        let words = nodes.div_ceil(64);
        if words > self.words.len() {
            self.words.resize(words, 0);
        }
    }

    /// Whether the node is new.
    #[inline]
    pub(crate) fn insert(&mut self, node: u32) -> bool {
        let (word, bit) = (node as usize / 64, 1u64 << (node % 64));
        let before = self.words[word];
        if before == 0 {
            self.touched.push(word as u32);
        }
        self.words[word] = before | bit;
        before & bit == 0
    }

    pub(crate) fn contains(&self, node: u32) -> bool {
        self.words[node as usize / 64] >> (node % 64) & 1 == 1
    }
}

/// A node and how near it seems.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Seen {
    guess: f32,
    node: u32,
}

impl Eq for Seen {}

impl Ord for Seen {
    fn cmp(&self, other: &Self) -> Ordering {
        self.guess.total_cmp(&other.guess).then(self.node.cmp(&other.node))
    }
}

impl PartialOrd for Seen {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Nodes to be followed, and the nearest that count. A walk is over when `width` nodes that count
/// are nearer than whatever is left to follow; where few count, it goes on for longer by itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beam {
    width: usize,
    /// Nearest on top.
    left: BinaryHeap<Reverse<Seen>>,
    /// Those that count, farthest on top.
    nearest: BinaryHeap<Seen>,
    /// Room for what is met beside one node.
    fresh: Vec<u32>,
    guesses: Vec<f32>,
}

impl Beam {
    pub(crate) fn clear(&mut self, width: usize) {
        self.width = width.max(1);
        self.left.clear();
        self.nearest.clear();
    }

    /// Where a walk starts.
    pub(crate) fn start(&mut self, guess: f32, node: u32) {
        self.left.push(Reverse(Seen { guess, node }));
    }

    #[inline]
    fn push(&mut self, guess: f32, node: u32, counts: bool) {
        let seen = Seen { guess, node };
        if guess >= self.limit() {
            return;
        }
        self.left.push(Reverse(seen));
        if counts {
            self.nearest.push(seen);
        }
        if self.nearest.len() > self.width {
            self.nearest.pop();
        }
    }

    /// The guess from which on nodes are turned away.
    #[inline]
    fn limit(&self) -> f32 {
        let full = self.nearest.len() == self.width;
        self.nearest.peek().filter(|_| full).map_or(f32::INFINITY, |last| last.guess)
    }

    /// The nearest node left, if it is worth following.
    #[inline]
    fn pop(&mut self) -> Option<Seen> {
        self.left.pop().map(|Reverse(seen)| seen).filter(|seen| seen.guess <= self.limit())
    }
}

/// What a walk asks of whoever walks.
pub(crate) trait Guide {
    /// Guesses how near nodes are that were not seen before. Nodes at or beyond `limit` will not be
    /// followed, and may be given any guess that is not below it.
    fn guess(&mut self, nodes: &[u32], limit: f32, out: &mut Vec<f32>);

    /// Whether a node is one of those that are looked for.
    fn counts(&self, node: u32) -> bool;

    /// Says that a node is about to be followed: memory may be asked for what `follow` needs.
    fn approach(&self, node: u32);

    /// Takes up the nearest node left by that guess, whose links were just followed; false ends
    /// the walk.
    fn follow(&mut self, node: u32, guess: f32) -> bool;
}

/// Walks a layer until no node in the beam is worth following, or the guide will not. Where it
/// starts must be in the beam and visited.
pub(crate) fn walk(
    edges: Edges<'_>,
    beam: &mut Beam,
    visited: &mut Visited,
    guide: &mut impl Guide,
) {
    let (mut fresh, mut guesses) =
        (std::mem::take(&mut beam.fresh), std::mem::take(&mut beam.guesses));
    while let Some(Seen { guess, node }) = beam.pop() {
        guide.approach(node);
        fresh.clear();
        fresh.extend(edges.of(node).filter(|edge| visited.insert(*edge)));
        guide.guess(&fresh, beam.limit(), &mut guesses);
        for (node, guess) in fresh.iter().zip(&guesses) {
            // It may be the next that is followed: its links should be here by then.
            if *guess < beam.limit() {
                edges.prefetch(*node);
            }
            beam.push(*guess, *node, guide.counts(*node));
        }
        if !guide.follow(node, guess) {
            break;
        }
    }
    (beam.fresh, beam.guesses) = (fresh, guesses);
}
