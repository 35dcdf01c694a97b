//! Nearest neighbours over blocks of vectors in time order.
//!
//! ```text
//!   Part = Block (rows of f32 or f16, entities, times, commits) + Selection (the rows that count)
//!     |
//!     |  the caller has decided which rows are alive at the moment asked about, passed the
//!     |  filter, and so on: what is selected qualifies
//!     v
//!   Search::search(&Request, &[Part]) -> Answer { hits: nearest first, counters }
//! ```
//!
//! **Invariant.** This crate knows ids and vectors: no Arrow, no SQL, no files, no rules about
//! time axes. It computes nothing twice and keeps nothing: blocks are borrowed for one call.
//!
//! [`Search`] is the seam. [`ExactScan`] reads every selected row, and is the oracle for whatever
//! comes. ST-HNSW will implement it over the same parts: its graph proposes candidates out of
//! sealed blocks, blocks without one go to the scan, and either way the distances that leave are
//! exact. A composite request belongs to the seam, not to the caller: ranking by `d_sem` first
//! and re-ranking by time finds 46 % of the nearest ten at alpha 0.5 (performance.md, 4.4).
//!
//! I did consider one call per block with a shared top-k: simpler to implement, but then no
//! implementor can visit blocks in the order of their bounds, or hold one structure over several.
//!
//! ```
//! use cvx_core::{CancelToken, Metric};
//! use cvx_index::{Block, ExactScan, Part, Request, Search, Selection, Seqs, Vectors};
//!
//! let vectors = [0.0, 0.0, 3.0, 4.0, 6.0, 8.0];
//! let block = Block {
//!     dim: 2,
//!     vectors: Vectors::Floats(&vectors),
//!     present: None,
//!     entities: &[7, 8, 9],
//!     ts: &[1_000, 2_000, 3_000],
//!     seqs: Seqs::One(1),
//!     time_ordered: true,
//! };
//! let part = Part { block, rows: Selection::Range(1..3), index: None };
//! let request = Request {
//!     query: &[0.0, 0.0],
//!     metric: Metric::L2,
//!     k: 1,
//!     composite: None,
//!     cancel: &CancelToken::default(),
//! };
//! let answer = ExactScan::default().search(&request, &[part])?;
//! assert_eq!(answer.hits[0].entity.0, 8);
//! assert_eq!(answer.hits[0].distance, Some(5.0));
//! # Ok::<(), cvx_index::Error>(())
//! ```

mod answer;
mod block;
mod cells;
mod error;
mod exact;
mod found;
mod graph;
mod request;
mod segment;
mod selection;
mod st_hnsw;
#[cfg(test)]
mod trial;
mod vectors;

pub use answer::{Answer, Counters, Hit};
pub use block::{Block, Indexed, Part, Seqs};
pub use error::Error;
pub use exact::ExactScan;
pub use request::{Request, Search};
pub use segment::{
    BuildError, BuildOptions, BuiltIndex, ImageError, Member, Quantization, SegmentIndex,
    build_index, gather_sketch, merge_index, sketch_block,
};
pub use selection::Selection;
pub use st_hnsw::{Roads, StHnsw};
pub use vectors::{Room, Vectors};
