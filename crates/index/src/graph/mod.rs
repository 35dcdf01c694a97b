//! A navigable small world over codes, in layers (HNSW: Malkov and Yashunin 2018).
//!
//! ```text
//!   layer 2   0 ------- 1                nodes of upper layers are numbers in `order`, a random
//!             |         |                permutation of the rows: layer l has its first n / M^l
//!   layer 1   0 - 3 --- 1 - 2
//!             |   |     |   |            a search goes down greedily, the last step some
//!   layer 0   row row  row row ...       nodes wide, and then `ef` in the lowest: its nodes are rows
//! ```
//!
//! **Invariants.** A node has at most 2M links in the lowest layer and M above; none leads
//! nowhere. Every row is reached from the entry, or said to be unreachable. The same codes give
//! the same graph, with however many threads it is built.
//!
//! What we changed: the way down ends in several nodes (`descent`); distances are those of the byte codes; each layer is built whole before the
//! next, in batches whose members search the graph of the batches before (ParlayANN: Dobson and
//! others 2024), so that building can use threads, pause between batches, and still be
//! reproducible; links are kept up to half more than allowed and pruned only then; identical
//! vectors are one node, because thousands of them would be each other's only neighbours.
//!
//! I did consider Vamana (one layer, alpha = 1.2): it needs a second pass over all rows, and the
//! upper layers cost 7 % of the links. And 1-bit codes packed beside the links (SymphonyQG, Gou
//! and others 2025): the fastest graph there is, at 3.4 KB a row of 768 dimensions with 32 links.

mod build;
mod descent;
mod layer;
mod walk;

pub(crate) use build::{Breadth, GraphOptions, build};
pub(crate) use descent::Start;
pub(crate) use layer::Graph;
pub(crate) use walk::{Beam, Guess, Guide, Visited, walk};
