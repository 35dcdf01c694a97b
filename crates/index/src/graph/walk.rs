//! The search of one layer: best first, `ef` nodes wide.

use super::layer::Edges;

/// Which nodes were seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visited {
    words: Vec<u64>,
}

impl Visited {
    /// Forgets all, for a layer of so many nodes.
    pub(crate) fn clear(&mut self, nodes: usize) {
        self.words.clear();
        self.words.resize(nodes.div_ceil(64), 0);
    }

    /// Whether the node is new.
    #[inline]
    pub(crate) fn insert(&mut self, node: u32) -> bool {
        let (word, bit) = (node as usize / 64, 1u64 << (node % 64));
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        new
    }

    pub(crate) fn contains(&self, node: u32) -> bool {
        self.words[node as usize / 64] >> (node % 64) & 1 == 1
    }
}

/// The nearest nodes seen, nearest first, and which of them were followed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beam {
    width: usize,
    nodes: Vec<Seen>,
    /// No node before this place is left to follow.
    next: usize,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    score: f32,
    node: u32,
    followed: bool,
}

impl Beam {
    pub(crate) fn clear(&mut self, width: usize) {
        self.width = width.max(1);
        self.nodes.clear();
        self.next = 0;
    }

    #[inline]
    pub(crate) fn push(&mut self, score: f32, node: u32) {
        if self.nodes.len() == self.width {
            if self.nodes.last().is_some_and(|last| score >= last.score) {
                return;
            }
            self.nodes.pop();
        }
        let place = self.nodes.partition_point(|seen| seen.score <= score);
        self.nodes.insert(place, Seen { score, node, followed: false });
        self.next = self.next.min(place);
    }

    /// The score from which on nodes are turned away.
    #[inline]
    fn limit(&self) -> f32 {
        let full = self.nodes.len() == self.width;
        self.nodes.last().filter(|_| full).map_or(f32::INFINITY, |last| last.score)
    }

    /// The nearest node not followed yet, which now is, and its score.
    #[inline]
    fn pop(&mut self) -> Option<(f32, u32)> {
        while let Some(seen) = self.nodes.get_mut(self.next) {
            self.next += 1;
            if !seen.followed {
                seen.followed = true;
                return Some((seen.score, seen.node));
            }
        }
        None
    }

    /// Nearest first.
    pub(crate) fn found(&self) -> impl Iterator<Item = (f32, u32)> + '_ {
        self.nodes.iter().map(|seen| (seen.score, seen.node))
    }
}

/// What a walk asks of whoever walks.
pub(crate) trait Guide {
    /// Scores nodes that were not seen before; whoever keeps results takes them here. Nodes at or
    /// beyond `limit` will not be followed, and may be given any score that is not below it.
    fn scores(&mut self, nodes: &[u32], limit: f32, out: &mut Vec<f32>);

    /// Whether to follow a node of this score: it is the nearest left.
    fn follow(&mut self, score: f32) -> bool;
}

/// Walks a layer until no node in the beam is left to follow, or the guide will not. The start
/// must be in the beam and visited.
pub(crate) fn walk(
    edges: Edges<'_>,
    beam: &mut Beam,
    visited: &mut Visited,
    guide: &mut impl Guide,
) {
    let (mut fresh, mut scores) = (Vec::with_capacity(edges.stride), Vec::new());
    while let Some((score, node)) = beam.pop() {
        if !guide.follow(score) {
            return;
        }
        fresh.clear();
        fresh.extend(edges.of(node).filter(|edge| visited.insert(*edge)));
        guide.scores(&fresh, beam.limit(), &mut scores);
        for (node, score) in fresh.iter().zip(&scores) {
            beam.push(*score, *node);
        }
    }
}
