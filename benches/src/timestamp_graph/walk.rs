//! The search of one layer, best first, `width` nodes wide, as the index walks: nodes are followed
//! in the order of their bits, and those that are followed are scored by bytes.

use super::codes::Look;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// The end of a list of links, and no node.
pub const NONE: u32 = u32::MAX;

/// Links of some nodes, as they are at one moment.
pub trait Links: Copy {
    /// Nodes are numbers below this.
    fn nodes(self) -> usize;

    /// Visits the nodes that one leads to.
    fn each(self, node: u32, visit: impl FnMut(u32));

    /// Asks memory for a node's links.
    fn prefetch(self, node: u32);
}

/// Another node, and how far it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near {
    pub distance: f32,
    pub node: u32,
}

impl Eq for Near {}

impl Ord for Near {
    fn cmp(&self, other: &Self) -> Ordering {
        self.distance.total_cmp(&other.distance).then(self.node.cmp(&other.node))
    }
}

impl PartialOrd for Near {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Room for a walk.
#[derive(Debug, Default)]
pub struct Room {
    seen: Vec<u64>,
    touched: Vec<u32>,
    left: BinaryHeap<Reverse<Near>>,
    nearest: BinaryHeap<Near>,
    fresh: Vec<u32>,
    rows: Vec<u32>,
    guesses: Vec<f32>,
}

impl Room {
    fn clear(&mut self, nodes: usize) {
        self.touched.drain(..).for_each(|word| self.seen[word as usize] = 0);
        self.seen.resize(self.seen.len().max(nodes.div_ceil(64)), 0);
        self.left.clear();
        self.nearest.clear();
    }

    #[inline]
    fn is_new(&mut self, node: u32) -> bool {
        let (word, bit) = (node as usize / 64, 1u64 << (node % 64));
        let before = self.seen[word];
        if before == 0 {
            self.touched.push(word as u32);
        }
        self.seen[word] = before | bit;
        before & bit == 0
    }
}

/// Walks from some nodes until `width` of those that count are nearer than what is left. Answers
/// what was followed and counts, by its bytes, nearest first.
pub fn walk(
    links: impl Links,
    (room, look): (&mut Room, &mut Look<'_>),
    (starts, width): (&[Near], usize),
    row: impl Fn(u32) -> u32,
    counts: impl Fn(u32) -> bool,
) -> Vec<Near> {
    room.clear(links.nodes());
    for start in starts {
        if room.is_new(start.node) {
            room.left.push(Reverse(*start));
        }
    }
    let (mut found, mut score) = (Vec::with_capacity(2 * width), Vec::new());
    while let Some(Reverse(Near { distance, node })) = room.left.pop() {
        let limit = limit(room, width);
        if distance > limit {
            break;
        }
        look.codes.prefetch(row(node));
        let mut fresh = std::mem::take(&mut room.fresh);
        fresh.clear();
        links.each(node, |other| {
            if room.is_new(other) {
                fresh.push(other);
            }
        });
        room.rows.clear();
        room.rows.extend(fresh.iter().map(|other| row(*other)));
        look.guess(&room.rows, &mut room.guesses);
        for (at, node) in fresh.iter().enumerate() {
            push(room, width, Near { distance: room.guesses[at], node: *node }, &counts);
        }
        room.fresh = fresh;
        if let Some(Reverse(next)) = room.left.peek() {
            links.prefetch(next.node);
        }
        if counts(node) {
            let known = !look.is_led_by_bits() && distance.is_finite();
            if !known {
                look.score(&[row(node)], &mut score);
            }
            found.push(Near { distance: if known { distance } else { score[0] }, node });
        }
    }
    found.sort_unstable();
    found
}

/// The distance from which on nodes are turned away.
fn limit(room: &Room, width: usize) -> f32 {
    let full = room.nearest.len() >= width;
    room.nearest.peek().filter(|_| full).map_or(f32::INFINITY, |last| last.distance)
}

fn push(room: &mut Room, width: usize, near: Near, counts: &impl Fn(u32) -> bool) {
    if near.distance >= limit(room, width) {
        return;
    }
    room.left.push(Reverse(near));
    if counts(near.node) {
        room.nearest.push(near);
    }
    if room.nearest.len() > width {
        room.nearest.pop();
    }
}
