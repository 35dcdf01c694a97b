//! The index of one block, or of several: codes of its rows in time order, and a graph over them.
//!
//! ```text
//!   image (a file, mapped, or bytes just built)
//!   +--------+---------+---------------+----------------+-------+-------+----------------+
//!   | header | centre  | bits, and     | fine codes,    | loose | twins | order, members |
//!   |        | f32     | their factors | their factors  | u32   | u32   | cells, edges   |
//!   +--------+---------+---------------+----------------+-------+-------+----------------+
//! ```
//!
//! **Invariant.** An index is derived from its blocks and one metric, whose mark (`stamp`) it
//! carries; it never changes, and rows keep their numbers. Every row can be found: it is reachable
//! in the graph, or a twin of one that is (the same numbers), or loose. Loose rows are those that
//! codes cannot describe (no vector, a zero vector under cosine, numbers beyond f32's squares,
//! points on the boundary of Poincaré's ball and beyond) and those the graph could not reach; a
//! search compares them one by one.
//!
//! What is built is the file's image, so that there is one way to read an index, and opening a
//! file costs its validation. I did consider rkyv: these are some twenty arrays of plain numbers,
//! and their offsets fit in a table.

mod build;
mod codes;
mod fine;
mod frame;
mod image;
mod quantization;
mod rows;
mod sketch;
mod sound;
mod space;

#[cfg(test)]
mod stress;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use build::{BuildError, BuildOptions, build_index, merge_index};
pub(crate) use build::{EFFORT, Encoded};
pub(crate) use codes::{CodeQuery, Codes, GATE, Lead, factors_of_bits, passing, spread_scores};
pub use image::{BuiltIndex, ImageError, Member};
pub use quantization::Quantization;
pub use sketch::{gather_sketch, sketch_block};
pub(crate) use space::{Scale, Space};

use crate::cells::Cells;
use crate::graph::Graph;
use cvx_core::Metric;
use image::{Image, Section};

/// Nodes to be found by an effort in an index over so many segments: of several three quarters more
/// each time that they were merged in fours. In more rows the nearest are nearer to each other, and
/// a walk as wide as in few finds less of them.
pub(crate) fn width(effort: usize, members: usize) -> f64 {
    let levels = (members.max(1) as f64).log2() / 2.0;
    effort as f64 * (1.0 + 0.75 * levels)
}

/// An index that can be searched. Cheap to clone.
#[derive(Clone)]
pub struct SegmentIndex(Arc<Image>);

impl SegmentIndex {
    /// Takes up an image, if it is whole and says what `build_index` would have said. The bytes
    /// must start at a multiple of eight, as maps and allocations do.
    pub fn open(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Self, ImageError> {
        let image = Image::open(Box::new(bytes))?;
        Ok(Self(Arc::new(image)))
    }

    #[must_use]
    pub fn metric(&self) -> Metric {
        self.0.header().space.metric()
    }

    #[must_use]
    pub fn dim(&self) -> usize {
        self.0.header().dim
    }

    #[must_use]
    pub fn rows(&self) -> usize {
        self.0.header().rows
    }

    /// The blocks, in the order of their rows.
    #[must_use]
    pub fn members(&self) -> Vec<Member> {
        let members = self.0.array::<[u64; 2]>(Section::Members).iter();
        members.map(|[label, rows]| Member { label: *label, rows: *rows as usize }).collect()
    }

    pub(crate) fn member_count(&self) -> usize {
        self.0.array::<[u64; 2]>(Section::Members).len()
    }

    /// Whether it is the same index, not one like it.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// What the builder said the blocks were.
    #[must_use]
    pub fn stamp(&self) -> u64 {
        self.0.header().stamp
    }

    /// The image's length.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.len()
    }

    /// Rows in the graph.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.0.header().nodes
    }

    /// Links from a row to another, of the lowest layer.
    #[must_use]
    pub fn edges(&self) -> usize {
        self.0.header().links
    }

    #[must_use]
    pub fn layers(&self) -> usize {
        self.0.header().layers
    }

    /// Rows that are compared one by one, in every search.
    #[must_use]
    pub fn loose(&self) -> &[u32] {
        self.0.array(Section::Loose)
    }

    /// Loose rows that the graph should have reached.
    #[must_use]
    pub fn unreachable(&self) -> usize {
        self.0.header().unreachable
    }

    /// What rows are scored by.
    #[must_use]
    pub fn quantization(&self) -> Quantization {
        self.0.header().quantization
    }

    /// Bytes of the codes that rows are scored by.
    pub(crate) fn fine_bytes(&self) -> usize {
        self.rows() * self.quantization().row_bytes(self.dim())
    }

    pub(crate) fn space(&self) -> Space {
        self.0.header().space
    }

    pub(crate) fn lead(&self) -> Lead {
        self.0.header().lead
    }

    /// How many times as wide as others it is to be walked; infinitely many where walks do not find
    /// enough whatever they cost.
    #[must_use]
    pub fn breadth(&self) -> f64 {
        self.0.header().breadth.times()
    }

    pub(crate) fn codes(&self) -> Codes<'_> {
        let header = self.0.header();
        Codes {
            width: header.width,
            centre: self.0.array(Section::Centre),
            bits: self.0.array(Section::Bits),
            kind: header.quantization,
            bytes: self.0.array(Section::Bytes),
            codebook: self.0.array(Section::Codebook(header.layers)),
            blocks: self.0.array(Section::Blocks),
        }
    }

    /// How many cells its rows are in; 0 if they are in none.
    #[must_use]
    pub fn cell_count(&self) -> usize {
        self.0.header().cells
    }

    pub(crate) fn cells(&self) -> Option<Cells<'_>> {
        let header = self.0.header();
        let centroids = Codes {
            width: header.width,
            centre: self.0.array(Section::Centre),
            bits: self.0.array(Section::CellBits),
            kind: Quantization::Int8,
            bytes: self.0.array(Section::CellBytes),
            codebook: &[],
            blocks: self.0.array(Section::CellBlocks),
        };
        (header.cells > 0).then(|| Cells {
            centroids,
            starts: self.0.array(Section::CellStarts),
            radii: self.0.array(Section::CellRadii),
            heads: self.0.array(Section::CellHeads),
            rows: self.0.array(Section::CellRows),
            blocks: self.0.array(Section::CellCodes),
            reach: header.reach,
        })
    }

    pub(crate) fn graph(&self) -> Graph<'_> {
        let header = self.0.header();
        Graph::new(
            header.degree,
            header.entry,
            self.0.array(Section::Order),
            (0..header.layers).map(|layer| self.0.array(Section::Edges(layer))).collect(),
        )
    }

    /// The next row with the same vector, in a ring; `None` if no two rows are alike.
    pub(crate) fn twins(&self) -> Option<&[u32]> {
        let twins = self.0.array(Section::Twins);
        (!twins.is_empty()).then_some(twins)
    }
}

impl std::fmt::Debug for SegmentIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SegmentIndex").field("header", self.0.header()).finish_non_exhaustive()
    }
}
