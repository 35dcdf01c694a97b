//! Building an index: centre, codes, twins, graph.
//!
//! Two passes over the rows: one for their mean, one that turns each into codes; after that only
//! codes are read, 48 MB of bytes for 65,536 rows of 768 dimensions where the rows are 200 MB.
//! Merging is building anew over the rows of several blocks: a graph of all of them leads anywhere
//! in one walk, and what the small graphs knew would save a quarter of the work at most.

use super::codes::{Codes, bits_stride, bytes_stride, factors_of_bits, words_of};
use super::fine::{Fine, Source};
use super::frame::Frame;
use super::image::{BuiltIndex, Header};
use super::rows::Rows;
use super::{Quantization, Space};
use crate::Block;
use crate::cells::{self, BuiltCells, Reach};
use crate::graph::{self, GraphOptions};
use crate::vectors::Room;
use cvx_core::Metric;
use cvx_core::code::{
    BLOCK_ROWS, Rotation, block_bytes, encode_bits, encode_bytes, encode_steps, write_to_block,
};
use hashbrown::HashMap;
use rayon::prelude::*;
use std::hash::{DefaultHasher, Hasher};

/// What an index may cost, and how it is told to stop.
#[derive(Clone, Copy)]
pub struct BuildOptions<'a> {
    /// Links of a node in upper layers, half of those in the lowest: the paper's M.
    pub degree: usize,
    /// Candidates for a new node's links: the paper's efConstruction.
    pub ef_construction: usize,
    /// What rows are scored by when they are searched.
    pub quantization: Quantization,
    /// Kept in the image, to tell which block it is of.
    pub stamp: u64,
    /// Whether rayon's threads help.
    pub parallel: bool,
    /// Rows from which on they are put into cells too: fewer are sifted or walked in no time.
    pub cells_from: usize,
    /// Whether cells are kept where they were seen to save nothing.
    pub cells_anyway: bool,
    /// Asked every few hundred rows; it may block for as long as the builder should pause.
    pub go_on: &'a (dyn Fn() -> bool + Sync),
}

/// Why there is no index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    #[error("building was stopped")]
    Stopped,
    #[error("an index by {0:?} scores rows by bytes, not by {name}", name = .1.name())]
    Codes(Metric, Quantization),
    #[error("an index cannot be built: {0}")]
    Malformed(&'static str),
}

impl<'a> BuildOptions<'a> {
    /// The rows from which on there are cells, where nobody says otherwise.
    pub const CELLS_FROM: usize = 100_000;

    /// pgvector's degree and twice its `ef_construction` (docs/adr/0010), on the calling thread.
    #[must_use]
    pub fn standard(go_on: &'a (dyn Fn() -> bool + Sync)) -> Self {
        let quantization = Quantization::default();
        Self {
            degree: 16,
            ef_construction: 128,
            quantization,
            stamp: 0,
            parallel: false,
            cells_from: Self::CELLS_FROM,
            cells_anyway: false,
            go_on,
        }
    }

    pub(crate) fn check(&self) -> Result<(), BuildError> {
        if (self.go_on)() { Ok(()) } else { Err(BuildError::Stopped) }
    }
}

/// The effort of searches that ask for none: what an index's breadth is told for.
pub(crate) const EFFORT: usize = 40;
/// Rows between two questions whether to go on; whole blocks.
const STEP: usize = 512;

/// Builds the image of a block's index under a metric.
pub fn build_index(
    block: &Block<'_>,
    metric: Metric,
    options: &BuildOptions<'_>,
) -> Result<Vec<u8>, BuildError> {
    Ok(merge_index(&[(0, *block)], metric, options)?.to_bytes())
}

/// Builds one index over several blocks of one dimension, each with a label that the index keeps.
/// Their rows are numbered one block after the other.
pub fn merge_index(
    blocks: &[(u64, Block<'_>)],
    metric: Metric,
    options: &BuildOptions<'_>,
) -> Result<BuiltIndex, BuildError> {
    let space = Space::of(metric);
    if !space.has_bits() && options.quantization != Quantization::Int8 {
        return Err(BuildError::Codes(metric, options.quantization));
    }
    let rows = Rows::new(blocks.iter().map(|(_, block)| *block)).map_err(BuildError::Malformed)?;
    if !(2..=100).contains(&options.degree) || options.ef_construction == 0 {
        return Err(BuildError::Malformed("degree or ef_construction out of bounds"));
    }
    let factors = factors(&rows, space);
    let rotation = Rotation::new(rows.dim());
    let centre = centre(&rows, &factors, &rotation, space);
    let frame = Frame::new(space, &rotation, &centre, &rows, &factors);
    let mut encoded = Encoded::new(&rows, &factors, &frame, options)?;
    let twins = twins(&rows, &factors);
    let nodes = nodes_of(&factors, &twins);
    let graph_options = GraphOptions {
        degree: options.degree,
        ef: options.ef_construction,
        parallel: options.parallel,
        space,
        width: super::width(EFFORT, blocks.len()) as usize,
    };
    let codes = encoded.codes(rotation.width(), &centre);
    let graph = graph::build(&codes, &nodes, &graph_options, &|| options.check())?;
    let mut loose = without_codes(&factors);
    // A row that cannot be reached takes its twins along.
    loose.extend(graph.unreachable.iter().flat_map(|row| ring(&twins, *row)));
    loose.sort_unstable();
    let cells = cells_of(&codes, space, &loose, options)?;
    let header = Header {
        space,
        dim: rows.dim(),
        width: rotation.width(),
        degree: options.degree,
        rows: rows.count(),
        stamp: options.stamp,
        layers: graph.edges.len(),
        nodes: nodes.len(),
        links: graph.edges.first().map_or(0, |edges| count_links(edges)),
        unreachable: graph.unreachable.len(),
        entry: graph.entry,
        lead: graph.lead,
        breadth: graph.breadth,
        quantization: options.quantization,
        cells: cells.as_ref().map_or(0, BuiltCells::count),
        reach: cells.as_ref().map_or_else(Reach::default, |cells| cells.reach),
    };
    let source = Source { rows: &rows, factors: &factors, frame };
    let fine = match options.quantization {
        Quantization::Int8 => {
            Fine { bytes: std::mem::take(&mut encoded.bytes), codebook: Vec::new() }
        }
        _ => Fine::new(&source, options)?,
    };
    let mut sections: Vec<Vec<u8>> = vec![
        bytes_of(centre),
        bytes_of(encoded.bits),
        fine.bytes,
        encoded.blocks,
        bytes_of(loose),
        bytes_of(twins),
        bytes_of(graph.order),
        bytes_of(members_of(blocks)),
    ];
    sections.extend(cells.map_or_else(Default::default, BuiltCells::into_sections));
    sections.extend(graph.edges.into_iter().map(bytes_of));
    if !fine.codebook.is_empty() {
        sections.push(bytes_of(fine.codebook));
    }
    Ok(BuiltIndex::new(&header, sections))
}

/// The rows that are nodes: with codes, the first of their twins.
fn nodes_of(factors: &[Option<f32>], twins: &[u32]) -> Vec<u32> {
    let is_node = |row: &u32| factors[*row as usize].is_some() && is_first(twins, *row);
    (0..factors.len() as u32).filter(is_node).collect()
}

fn members_of(blocks: &[(u64, Block<'_>)]) -> Vec<[u64; 2]> {
    blocks.iter().map(|(label, block)| [*label, block.rows() as u64]).collect()
}

/// The cells of all rows that are not loose; `None` where there are none to be.
pub(super) fn cells_of(
    codes: &Codes<'_>,
    space: Space,
    loose: &[u32],
    options: &BuildOptions<'_>,
) -> Result<Option<BuiltCells>, BuildError> {
    if codes.rows() < options.cells_from || !space.has_cells() {
        return Ok(None);
    }
    let rows = (0..codes.rows() as u32).filter(|row| loose.binary_search(row).is_err());
    cells::build(codes, &rows.collect::<Vec<_>>(), options)
}

/// Rows that codes cannot describe.
pub(super) fn without_codes(factors: &[Option<f32>]) -> Vec<u32> {
    (0..factors.len() as u32).filter(|row| factors[*row as usize].is_none()).collect()
}

/// An array's bytes; it is let go, so that what is built is not there twice.
pub(super) fn bytes_of<T: bytemuck::NoUninit>(array: Vec<T>) -> Vec<u8> {
    bytemuck::cast_slice(&array).to_vec()
}

fn count_links(edges: &[u32]) -> usize {
    edges.iter().filter(|edge| **edge != super::image::NONE).count()
}

/// What each row is multiplied by, `None` for rows without codes.
pub(super) fn factors(rows: &Rows<'_>, space: Space) -> Vec<Option<f32>> {
    let mut room = Room::default();
    let factor = |row| rows.vector(row, &mut room).and_then(|vector| space.factor(vector));
    (0..rows.count()).map(factor).collect()
}

/// The mean of the rows that have codes, as codes have it.
pub(super) fn centre(
    rows: &Rows<'_>,
    factors: &[Option<f32>],
    rotation: &Rotation,
    space: Space,
) -> Vec<f32> {
    let mut centre = vec![0.0; rotation.width()];
    if !space.is_centred() {
        return centre;
    }
    let mut sum = vec![0.0f64; rows.dim()];
    let (mut count, mut room) = (0usize, Room::default());
    for (row, factor) in factors.iter().enumerate() {
        let Some((vector, factor)) = rows.vector(row, &mut room).zip(*factor) else { continue };
        count += 1;
        for (sum, x) in sum.iter_mut().zip(vector) {
            *sum += f64::from(x * factor);
        }
    }
    let mean: Vec<f32> = sum.iter().map(|sum| (sum / count.max(1) as f64) as f32).collect();
    space.lay(rotation, &mean, 1.0, &mut centre);
    centre
}

/// The codes of rows.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) bits: Vec<u64>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) blocks: Vec<u8>,
}

/// Places for the codes of some neighbouring rows.
struct Stretch<'a> {
    first: usize,
    bits: &'a mut [u64],
    bytes: &'a mut [u8],
    blocks: &'a mut [u8],
}

impl Encoded {
    pub(super) fn new(
        all: &Rows<'_>,
        factors: &[Option<f32>],
        frame: &Frame<'_>,
        options: &BuildOptions<'_>,
    ) -> Result<Self, BuildError> {
        let width = frame.rotation.width();
        let with_bits = if frame.space.has_bits() { all.count() } else { 0 };
        let mut encoded = Self::empty(all.count(), with_bits, width);
        let encode = |stretch: Stretch<'_>| {
            options.check()?;
            match frame.space.has_bits() {
                true => stretch.encode(all, factors, frame),
                false => stretch.encode_on_grid(all, factors, frame),
            }
            Ok(())
        };
        let stretches: Vec<_> = encoded.stretches(width).collect();
        if options.parallel {
            stretches.into_par_iter().try_for_each(encode)?;
        } else {
            stretches.into_iter().try_for_each(encode)?;
        }
        Ok(encoded)
    }

    /// Places for the codes of some rows, of which some have bits.
    pub(crate) fn empty(rows: usize, with_bits: usize, width: usize) -> Self {
        Self {
            bits: vec![0; with_bits * bits_stride(width)],
            bytes: vec![0; rows * bytes_stride(width)],
            blocks: vec![0; with_bits.div_ceil(BLOCK_ROWS) * block_bytes(width)],
        }
    }

    /// Writes the codes of one residual.
    pub(crate) fn write(&mut self, row: usize, residual: &[f32], base: f32, width: usize) {
        let bits = &mut self.bits[row * bits_stride(width)..][..bits_stride(width)];
        let bytes = &mut self.bytes[row * bytes_stride(width)..][..bytes_stride(width)];
        let block = &mut self.blocks[row / BLOCK_ROWS * block_bytes(width)..][..block_bytes(width)];
        write_codes(residual, base, (bits, bytes), (block, row % BLOCK_ROWS));
    }

    fn stretches(&mut self, width: usize) -> impl Iterator<Item = Stretch<'_>> {
        let bytes = self.bytes.chunks_mut(STEP * bytes_stride(width));
        // Of codes without bits there is no stretch of them.
        let bits = self.bits.chunks_mut(STEP * bits_stride(width));
        let bits = bits.chain(std::iter::repeat_with(|| &mut [][..]));
        let blocks = self.blocks.chunks_mut(STEP / BLOCK_ROWS * block_bytes(width));
        let blocks = blocks.chain(std::iter::repeat_with(|| &mut [][..]));
        bytes.zip(bits).zip(blocks).enumerate().map(|(at, ((bytes, bits), blocks))| Stretch {
            first: at * STEP,
            bits,
            bytes,
            blocks,
        })
    }

    pub(crate) fn codes<'a>(&'a self, width: usize, centre: &'a [f32]) -> Codes<'a> {
        Codes {
            width,
            centre,
            bits: &self.bits,
            kind: Quantization::Int8,
            bytes: &self.bytes,
            codebook: &[],
            blocks: &self.blocks,
        }
    }
}

impl Stretch<'_> {
    /// Bytes on the frame's grid; the step is behind all rows, so that the first one tells it.
    fn encode_on_grid(self, rows: &Rows<'_>, factors: &[Option<f32>], frame: &Frame<'_>) {
        let width = frame.rotation.width();
        let (mut residual, mut room) = (vec![0.0; width], Room::default());
        let bytes = self.bytes.chunks_exact_mut(bytes_stride(width));
        for (row, bytes) in (self.first..).zip(bytes) {
            let (code, behind) = bytes.split_at_mut(width);
            let mut factors_of_row = [frame.step, 0.0, 0.0, 0.0];
            if let Some((vector, factor)) = rows.vector(row, &mut room).zip(factors[row]) {
                frame.residual(vector, factor, &mut residual);
                let of_row = encode_steps(&residual, frame.step, code);
                factors_of_row = [frame.step, of_row.error, 0.0, of_row.beyond];
            }
            behind.copy_from_slice(bytemuck::bytes_of(&factors_of_row));
        }
    }

    fn encode(self, rows: &Rows<'_>, factors: &[Option<f32>], frame: &Frame<'_>) {
        let (width, space, centre) = (frame.rotation.width(), frame.space, frame.centre);
        let (mut residual, mut room) = (vec![0.0; width], Room::default());
        let bits = self.bits.chunks_exact_mut(bits_stride(width));
        let bytes = self.bytes.chunks_exact_mut(bytes_stride(width));
        for (row, (bits, bytes)) in (self.first..).zip(bits.zip(bytes)) {
            let vector = rows.vector(row, &mut room);
            let Some((vector, factor)) = vector.zip(factors[row]) else { continue };
            frame.residual(vector, factor, &mut residual);
            let base = space.base(&residual, centre);
            let (block, place) = ((row - self.first) / BLOCK_ROWS, row % BLOCK_ROWS);
            let block = &mut self.blocks[block * block_bytes(width)..][..block_bytes(width)];
            write_codes(&residual, base, (bits, bytes), (block, place));
        }
    }
}

/// Writes a residual's codes, and what lies behind them.
fn write_codes(
    residual: &[f32],
    base: f32,
    (bits, bytes): (&mut [u64], &mut [u8]),
    (block, place): (&mut [u8], usize),
) {
    let width = residual.len();
    let (code, behind) = bits.split_at_mut(width / 64);
    let factors = factors_of_bits(&encode_bits(residual, code), base);
    behind[..2].copy_from_slice(&words_of(factors));
    write_to_block(block, place, code, factors);
    let (code, behind) = bytes.split_at_mut(width);
    let of_bytes = encode_bytes(residual, code);
    let factors = [of_bytes.scale, of_bytes.norm, of_bytes.sum, base];
    behind.copy_from_slice(bytemuck::bytes_of(&factors));
}

/// Rings of rows with the same numbers; empty if no two rows are alike.
fn twins(rows: &Rows<'_>, factors: &[Option<f32>]) -> Vec<u32> {
    let (mut room, mut other) = (Room::default(), Room::default());
    let same = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
    let mut firsts: HashMap<u64, Vec<u32>> = HashMap::new();
    let mut next: Vec<u32> = (0..rows.count() as u32).collect();
    let mut found = false;
    for row in (0..rows.count()).filter(|row| factors[*row].is_some()) {
        let mut hasher = DefaultHasher::new();
        let vector = rows.vector(row, &mut room).unwrap_or_default();
        hasher.write(bytemuck::cast_slice(vector));
        let alike = firsts.entry(hasher.finish()).or_default();
        let is_same = |first: &&u32| {
            rows.vector(**first as usize, &mut other).is_some_and(|first| same(first, vector))
        };
        match alike.iter().find(is_same) {
            Some(first) => {
                next.swap(*first as usize, row);
                found = true;
            }
            None => alike.push(row as u32),
        }
    }
    if found { next } else { Vec::new() }
}

/// The rows of a ring, the one asked about first.
fn ring(twins: &[u32], row: u32) -> Vec<u32> {
    let mut all = vec![row];
    let mut at = twins.get(row as usize).copied().unwrap_or(row);
    while at != row {
        all.push(at);
        at = twins[at as usize];
    }
    all
}

/// Whether a row is the first of its ring: all others point at an earlier row, as `twins` swaps.
fn is_first(twins: &[u32], row: u32) -> bool {
    twins.get(row as usize).is_none_or(|next| *next >= row)
}
