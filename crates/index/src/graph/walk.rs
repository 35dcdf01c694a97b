//! The search of one layer: best first, `ef` nodes wide.

use super::layer::{Edges, NONE};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Which nodes were seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visited {
    words: Vec<u64>,
    /// The nodes, in the order in which they were: forgetting costs what was seen, not what there
    /// is.
    seen: Vec<u32>,
}

impl Visited {
    /// Forgets all, for a layer of so many nodes.
    pub(crate) fn clear(&mut self, nodes: usize) {
        self.seen.drain(..).for_each(|node| self.words[node as usize / 64] = 0);
        let words = nodes.div_ceil(64);
        if words > self.words.len() {
            self.words.resize(words, 0);
        }
    }

    /// Whether the node is new.
    #[inline]
    pub(crate) fn insert(&mut self, node: u32) -> bool {
        let is_new = mark(&mut self.words, node);
        if is_new {
            self.seen.push(node);
        }
        is_new
    }

    /// Inserts nodes. Those that are new are the last from then on.
    #[inline]
    fn insert_all(&mut self, nodes: &[u32]) {
        choose(nodes, &mut self.seen, |node| mark(&mut self.words, node));
    }

    pub(crate) fn contains(&self, node: u32) -> bool {
        self.words[node as usize / 64] >> (node % 64) & 1 == 1
    }
}

/// Sets a node's bit. Returns whether it was not.
#[inline]
fn mark(words: &mut [u64], node: u32) -> bool {
    let (word, bit) = (&mut words[node as usize / 64], 1u64 << (node % 64));
    let before = *word;
    *word = before | bit;
    before & bit == 0
}

/// Appends those of some nodes that are wanted, without a branch for each: which of a node's links
/// lead to something new, no processor foresees.
#[inline]
fn choose(nodes: &[u32], out: &mut Vec<u32>, mut is_wanted: impl FnMut(u32) -> bool) {
    let mut end = out.len();
    out.resize(end + nodes.len(), NONE);
    for node in nodes {
        out[end] = *node;
        end += usize::from(is_wanted(*node));
    }
    out.truncate(end);
}

/// A node and how near it seems, as one number: nearer ones are less, of two equally near the one
/// with the smaller number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seen(u64);

impl Seen {
    #[inline]
    fn new(guess: f32, node: u32) -> Self {
        let bits = guess.to_bits();
        // As `total_cmp` orders them.
        let order = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
        Self(u64::from(order) << 32 | u64::from(node))
    }

    #[inline]
    fn guess(self) -> f32 {
        let order = (self.0 >> 32) as u32;
        f32::from_bits(if order >> 31 == 1 { order & !(1 << 31) } else { !order })
    }

    #[inline]
    fn node(self) -> u32 {
        self.0 as u32
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
    room: Room,
}

/// Room for what is met beside one node, and beside the next.
#[derive(Clone, Debug, Default)]
struct Room {
    guesses: Vec<f32>,
    ahead: Vec<u32>,
}

impl Beam {
    pub(crate) fn clear(&mut self, width: usize) {
        self.width = width.max(1);
        self.left.clear();
        self.nearest.clear();
    }

    /// Where a walk starts.
    pub(crate) fn start(&mut self, guess: f32, node: u32) {
        self.left.push(Reverse(Seen::new(guess, node)));
    }

    #[inline]
    fn push(&mut self, guess: f32, node: u32, counts: bool) {
        let seen = Seen::new(guess, node);
        if guess >= self.limit() {
            return;
        }
        self.left.push(Reverse(seen));
        if counts && self.nearest.len() < self.width {
            self.nearest.push(seen);
        } else if counts
            && let Some(mut last) = self.nearest.peek_mut()
            && seen < *last
        {
            *last = seen;
        }
    }

    /// The guess from which on nodes are turned away.
    #[inline]
    fn limit(&self) -> f32 {
        let full = self.nearest.len() == self.width;
        self.nearest.peek().filter(|_| full).map_or(f32::INFINITY, |last| last.guess())
    }

    /// The nearest node left.
    #[inline]
    fn next(&self) -> Option<u32> {
        self.left.peek().map(|Reverse(seen)| seen.node())
    }

    /// The same, taken out, if it is worth following.
    #[inline]
    fn pop(&mut self) -> Option<Seen> {
        self.left.pop().map(|Reverse(seen)| seen).filter(|seen| seen.guess() <= self.limit())
    }
}

/// Tells how near nodes are.
pub(crate) trait Guess {
    /// Guesses how near nodes are that were not seen before. Nodes at or beyond `limit` will not be
    /// followed, and may be given any guess that is not below it.
    fn guess(&mut self, nodes: &[u32], limit: f32, out: &mut Vec<f32>);

    /// Whether what guesses need comes from memory, so that it is worth asking for before.
    fn looks_ahead(&self) -> bool {
        false
    }

    /// Asks memory for it.
    fn ask(&self, _nodes: &[u32]) {}
}

/// What a walk asks of whoever walks.
pub(crate) trait Guide: Guess {
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
///
/// Memory answers after some 300 ns, and answers many questions at once: while it fetches the codes
/// beside one node, it is asked for those beside what is next now. If something nearer turns up,
/// that node is still likely to be followed soon.
pub(crate) fn walk(
    edges: Edges<'_>,
    beam: &mut Beam,
    visited: &mut Visited,
    guide: &mut impl Guide,
) {
    let mut room = std::mem::take(&mut beam.room);
    let (looks_ahead, mut asked) = (guide.looks_ahead(), NONE);
    while let Some(seen) = beam.pop() {
        let (node, guess) = (seen.node(), seen.guess());
        guide.approach(node);
        let before = visited.seen.len();
        visited.insert_all(edges.of(node));
        let fresh = &visited.seen[before..];
        if let Some(next) = beam.next().filter(|next| looks_ahead && *next != asked) {
            asked = next;
            guide.ask(fresh);
            room.ahead.clear();
            choose(edges.of(next), &mut room.ahead, |edge| !visited.contains(edge));
            guide.ask(&room.ahead);
        }
        guide.guess(fresh, beam.limit(), &mut room.guesses);
        for (node, guess) in fresh.iter().zip(&room.guesses) {
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
    beam.room = room;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        /// What is new is told in its order and once, by itself or with others, and forgotten.
        #[test]
        fn nodes_are_new_once(rounds in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(0..200u32, 0..40), 0..6), 1..4)
        ) {
            let mut visited = Visited::default();
            for links in rounds {
                visited.clear(200);
                let mut known = BTreeSet::new();
                for (at, links) in links.iter().enumerate() {
                    let before = visited.seen.len();
                    if at.is_multiple_of(2) {
                        visited.insert_all(links);
                    } else {
                        links.iter().for_each(|node| _ = visited.insert(*node));
                    }
                    let new = links.iter().copied().filter(|node| known.insert(*node));
                    prop_assert_eq!(&visited.seen[before..], new.collect::<Vec<_>>());
                }
                prop_assert!((0..200).all(|node| visited.contains(node) == known.contains(&node)));
            }
        }

        /// A beam holds the nearest that count, whatever order they come in.
        #[test]
        fn beams_hold_the_nearest(
            width in 1..8usize,
            nodes in prop::collection::vec((-4..4i8, any::<bool>()), 0..40),
        ) {
            let mut beam = Beam::default();
            beam.clear(width);
            let mut near = Vec::new();
            for (node, (guess, counts)) in (0u32..).zip(nodes) {
                let guess = f32::from(guess);
                if counts && guess < beam.limit() {
                    near.push(Seen::new(guess, node));
                }
                beam.push(guess, node, counts);
                near.sort_unstable();
                near.truncate(width);
                let limit = near.get(width - 1).map_or(f32::INFINITY, |last| last.guess());
                prop_assert_eq!(beam.limit(), limit);
            }
            prop_assert_eq!(beam.nearest.into_sorted_vec(), near);
        }

        /// Whatever bits two guesses have.
        #[test]
        fn numbers_order_nodes_as_guesses_do(a in any::<(u32, u32)>(), b in any::<(u32, u32)>()) {
            let [(guess, node), (other_guess, other_node)] =
                [a, b].map(|(bits, node)| (f32::from_bits(bits), node));
            let [seen, other] = [Seen::new(guess, node), Seen::new(other_guess, other_node)];
            let wanted = guess.total_cmp(&other_guess).then(node.cmp(&other_node));
            prop_assert_eq!(seen.cmp(&other), wanted);
            prop_assert_eq!((seen.guess().to_bits(), seen.node()), (guess.to_bits(), node));
        }
    }
}
