//! A node's neighbours at all moments, each kept once: the Historic Neighbor Tree.
//!
//! ```text
//!   split, here, left | entries that live at the split, by birth | left: all died by then | right:
//!   NONE, entries     | some entries: a leaf                                   all born later
//! ```
//!
//! The paper's tree (section V) grows with the graph: an entry that dies goes to the highest node
//! of the path whose split it lives at. Ours is made when all is known, so it is an interval tree
//! (Edelsbrunner 1980) whose splits are medians, in one array. A list of `n` entries is looked up
//! in `log n` steps, and each step sees what lived at one moment: no more than a node's degree.

use super::walk::{Links, NONE};

/// A neighbour, since which rank, and before which.
pub type Entry = [u32; 3];

/// Entries that are looked at one by one. Most lists are no longer.
const LEAF: usize = 64;
/// Words of a list that memory is asked for before it is read.
const AHEAD: usize = 160;

/// Adds the tree of some entries, none of which is empty.
pub fn plant(mut entries: Vec<Entry>, out: &mut Vec<u32>) {
    if entries.is_empty() {
        return;
    }
    entries.sort_unstable_by_key(|[node, from, _]| (*from, *node));
    grow(entries, out);
}

/// The same of entries by birth.
fn grow(entries: Vec<Entry>, out: &mut Vec<u32>) {
    if entries.len() <= LEAF {
        out.extend([NONE, entries.len() as u32]);
        out.extend(entries.iter().flatten());
        return;
    }
    let split = entries[entries.len() / 2][1];
    let (before, right): (Vec<_>, Vec<_>) = entries.into_iter().partition(|e| e[1] <= split);
    let (left, here): (Vec<_>, Vec<_>) = before.into_iter().partition(|e| e[2] <= split);
    let head = out.len();
    out.extend([split, here.len() as u32, 0]);
    out.extend(here.iter().flatten());
    let start = out.len();
    grow(left, out);
    out[head + 2] = (out.len() - start) as u32;
    grow(right, out);
}

/// Visits the neighbours of a rank.
#[inline]
pub fn each(mut words: &[u32], rank: u32, mut visit: impl FnMut(u32)) {
    while let [split, count, rest @ ..] = words {
        if *split == NONE {
            let leaf = rest.as_chunks::<3>().0.iter().take(*count as usize);
            let there = leaf.filter(|[_, from, to]| *from <= rank && rank < *to);
            there.for_each(|[node, ..]| visit(*node));
            return;
        }
        let Some((left, rest)) = rest.split_first() else { return };
        let Some((here, below)) = rest.split_at_checked(3 * *count as usize) else { return };
        let Some((left, right)) = below.split_at_checked(*left as usize) else { return };
        let here = here.as_chunks::<3>().0.iter();
        if rank <= *split {
            let there = here.take_while(|[_, from, _]| *from <= rank);
            there.for_each(|[node, ..]| visit(*node));
        } else {
            let there = here.filter(|[_, _, to]| rank < *to);
            there.for_each(|[node, ..]| visit(*node));
        }
        words = match rank.cmp(split) {
            std::cmp::Ordering::Less => left,
            std::cmp::Ordering::Equal => return,
            std::cmp::Ordering::Greater => right,
        };
    }
}

/// The trees of some nodes, one behind the other.
#[derive(Clone, Copy, Debug)]
pub struct Trees<'a> {
    /// Where each begins, and where the last ends.
    pub starts: &'a [u32],
    pub words: &'a [u32],
}

impl<'a> Trees<'a> {
    #[inline]
    pub fn of(self, node: u32) -> &'a [u32] {
        let at = node as usize;
        let range = self.starts[at] as usize..self.starts[at + 1] as usize;
        self.words.get(range).unwrap_or_default()
    }
}

/// The links of a layer at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Then<'a> {
    pub trees: Trees<'a>,
    pub rank: u32,
}

impl Links for Then<'_> {
    fn nodes(self) -> usize {
        self.trees.starts.len().saturating_sub(1)
    }

    #[inline]
    fn each(self, node: u32, visit: impl FnMut(u32)) {
        each(self.trees.of(node), self.rank, visit);
    }

    #[inline]
    fn prefetch(self, node: u32) {
        let words = self.trees.of(node);
        cvx_core::code::prefetch(&words[..words.len().min(AHEAD)]);
    }
}
