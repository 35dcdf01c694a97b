//! A sketch: an index without a graph, for rows that are to be searched before one is built.
//!
//! Its codes cost some microseconds a row, a hundredth of what links cost, and a search sifts them
//! in a tenth of the time that comparing the rows takes. Sketches with one centre become one by
//! copying: rows in memory, which are merged now and then, are turned into codes once.
//!
//! **Invariant.** A sketch is an index like others but for its having no nodes; codes say of a row
//! the same whatever sketch they are copied to.

use super::build::{Encoded, bytes_of, centre, factors, without_codes};
use super::codes::{Codes, bits_stride, bytes_stride};
use super::frame::Frame;
use super::image::{BuiltIndex, Header, Section};
use super::rows::Rows;
use super::{BuildError, BuildOptions, Lead, Quantization, SegmentIndex, Space};
use crate::Block;
use crate::cells::Reach;
use crate::graph::Breadth;
use cvx_core::Metric;
use cvx_core::code::{BLOCK_ROWS, Rotation, block_bytes, write_to_block};

/// Rows from which on other threads help: some milliseconds of work.
const PARALLEL_ROWS: usize = 2048;

/// The codes of a block's rows, around the centre of another sketch where that fits, else around
/// their own mean. Of L1 it fits where the rows want about the other's grid: beyond it all would be
/// alike, and in the middle of it too.
pub fn sketch_block(
    block: &Block<'_>,
    metric: Metric,
    like: Option<&SegmentIndex>,
) -> Result<SegmentIndex, BuildError> {
    let space = Space::of(metric);
    let rows = Rows::new(std::iter::once(*block)).map_err(BuildError::Malformed)?;
    let (factors, rotation) = (factors(&rows, space), Rotation::new(rows.dim()));
    let like = like.filter(|like| like.space() == space && like.dim() == block.dim);
    let like = like.filter(|like| has_grid_for(like, (&rows, &factors), &rotation));
    let centre = match like {
        Some(like) => like.codes().centre.to_vec(),
        None => centre(&rows, &factors, &rotation, space),
    };
    let frame = match like.and_then(|like| like.codes().step()) {
        Some(step) if !space.has_bits() => {
            Frame { space, rotation: &rotation, centre: &centre, step }
        }
        _ => Frame::new(space, &rotation, &centre, &rows, &factors),
    };
    let parallel = rows.count() >= PARALLEL_ROWS;
    let options = BuildOptions { parallel, ..BuildOptions::standard(&|| true) };
    let encoded = Encoded::new(&rows, &factors, &frame, &options)?;
    let header = header(space, block.dim, rotation.width(), rows.count());
    image(&header, centre, encoded, without_codes(&factors))
}

/// How much coarser or finer than the grid that rows want one may be that they get.
const COARSER: f32 = 4.0;
const FINER: f32 = 1.5;

/// Whether rows of L1 go on the grid of a sketch; others always do.
fn has_grid_for(
    like: &SegmentIndex,
    (rows, factors): (&Rows<'_>, &[Option<f32>]),
    rotation: &Rotation,
) -> bool {
    let (space, codes) = (like.space(), like.codes());
    let wanted = || Frame::new(space, rotation, codes.centre, rows, factors).step;
    space.has_bits()
        || codes.step().is_some_and(|step| (step / COARSER..=step * FINER).contains(&wanted()))
}

/// The sketch of rows of several sketches, in the order given as (sketch, row). `None` where their
/// codes do not go together.
#[must_use]
pub fn gather_sketch(sketches: &[SegmentIndex], order: &[(usize, usize)]) -> Option<SegmentIndex> {
    let first = sketches.first()?;
    let (space, dim, centre) = (first.space(), first.dim(), first.codes().centre);
    let fits = |sketch: &SegmentIndex| {
        (sketch.space(), sketch.dim(), sketch.nodes()) == (space, dim, 0)
            && sketch.codes().centre == centre
            && (space.has_bits() || sketch.codes().step() == first.codes().step())
    };
    let there = |(sketch, row): &(usize, usize)| {
        sketches.get(*sketch).is_some_and(|sketch| *row < sketch.rows())
    };
    if !sketches.iter().all(fits) || !order.iter().all(there) {
        return None;
    }
    let width = first.codes().width;
    let encoded = gather_codes(sketches, order, (space, width));
    let is_loose = |(sketch, row): &(usize, usize)| {
        sketches[*sketch].loose().binary_search(&(*row as u32)).is_ok()
    };
    let loose = (0u32..).zip(order).filter(|(_, place)| is_loose(place)).map(|(row, _)| row);
    let header = header(space, dim, width, order.len());
    image(&header, centre.to_vec(), encoded, loose.collect()).ok()
}

fn gather_codes(
    sketches: &[SegmentIndex],
    order: &[(usize, usize)],
    (space, width): (Space, usize),
) -> Encoded {
    let codes: Vec<Codes<'_>> = sketches.iter().map(SegmentIndex::codes).collect();
    let (bits, bytes) = (bits_stride(width), bytes_stride(width));
    let with_bits = if space.has_bits() { order.len() } else { 0 };
    let mut encoded = Encoded {
        bits: Vec::with_capacity(with_bits * bits),
        bytes: Vec::with_capacity(order.len() * bytes),
        blocks: vec![0; with_bits.div_ceil(BLOCK_ROWS) * block_bytes(width)],
    };
    for (place, (sketch, row)) in order.iter().enumerate() {
        let codes = &codes[*sketch];
        encoded.bytes.extend_from_slice(&codes.bytes[row * bytes..][..bytes]);
        if !space.has_bits() {
            continue;
        }
        let words = &codes.bits[row * bits..][..bits];
        encoded.bits.extend_from_slice(words);
        let block = &mut encoded.blocks[place / BLOCK_ROWS * block_bytes(width)..];
        let (code, behind) = words.split_at(width / 64);
        let block = &mut block[..block_bytes(width)];
        write_to_block(block, place % BLOCK_ROWS, code, super::codes::factors_in(behind));
    }
    encoded
}

fn header(space: Space, dim: usize, width: usize, rows: usize) -> Header {
    Header {
        space,
        dim,
        width,
        degree: 1,
        rows,
        stamp: 0,
        layers: 0,
        nodes: 0,
        links: 0,
        unreachable: 0,
        entry: 0,
        lead: Lead::Bytes,
        breadth: Breadth::default(),
        quantization: Quantization::Int8,
        cells: 0,
        reach: Reach::default(),
    }
}

fn image(
    header: &Header,
    centre: Vec<f32>,
    encoded: Encoded,
    loose: Vec<u32>,
) -> Result<SegmentIndex, BuildError> {
    let none = Vec::new;
    let mut sections = vec![
        bytes_of(centre),
        bytes_of(encoded.bits),
        encoded.bytes,
        encoded.blocks,
        bytes_of(loose),
        none(),
        none(),
        bytes_of(vec![[0u64, header.rows as u64]]),
    ];
    sections.resize(Section::FIXED, none());
    let image = BuiltIndex::new(header, sections).to_bytes();
    SegmentIndex::open(image).map_err(|_| BuildError::Malformed("codes that are no sketch"))
}
