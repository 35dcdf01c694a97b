//! The bytes of an index: written, checked and read as plain arrays.
//!
//! ```text
//!    0  magic "CVXHNSW\n"              48  nodes u64
//!    8  version u32 = 5                56  links u64
//!   12  metric u32 (0 L2, 1 cosine,    64  unreachable u64
//!       2 inner product, 3 L1,         72  entry u32
//!       4 Poincaré)
//!   16  dim u32                        76  checksum of what follows the table, CRC-32C
//!   20  degree u32 (M)                 80  sections u32
//!   24  rows u64                       84  checksum of header and table without these 4 bytes
//!   32  stamp u64                      88  lead u16 (0 bytes, 1 gate, 2 bits)
//!   40  layers u32                     90  breadth u16, in sixteenths
//!   44  width u32                      92  quantization u32
//!                                      96  cells u32
//!                                     100  three leans f32, three shares f32, zero to 128
//!                                     128  table: start u64, length u64 of each section
//!                                          sections at multiples of 64, little-endian
//! ```
//!
//! **Invariant.** After `open` every number that a search uses as a place is below what it is a
//! place in: a damaged file is an error, never a panic or a wrong row.

use super::codes::bits_stride;
use super::{Lead, Quantization, Space};
use crate::cells::{NOBODY, Reach};
use crate::graph::Breadth;
use bytemuck::Pod;
use cvx_core::code::{BLOCK_ROWS, block_bytes};
use std::ops::Range;

const MAGIC: &[u8; 8] = b"CVXHNSW\n";
const VERSION: u32 = 5;
const TABLE: usize = 128;
const REACH: usize = 100;
const HEAD_CRC: Range<usize> = 84..88;
const ALIGN: usize = 64;
/// No place: the end of a node's links.
pub(crate) const NONE: u32 = u32::MAX;
/// Layers a graph may have: with two links a node, 2^32 nodes have 32.
const LAYERS_MAX: usize = 40;

/// Why bytes are not an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an index: {0}")]
pub struct ImageError(pub &'static str);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Centre,
    Bits,
    Bytes,
    /// The bits again, 64 rows side by side.
    Blocks,
    Loose,
    Twins,
    Order,
    Members,
    /// Of the cells: codes of their centroids,
    CellBits,
    CellBytes,
    CellBlocks,
    /// where each one's blocks begin, how far its rows lie from the centroid,
    CellStarts,
    CellRadii,
    /// the first row of each block, all rows, and their codes around the centroid.
    CellHeads,
    CellRows,
    CellCodes,
    Edges(usize),
    /// Centroids, behind so many layers; of the quantization that has some.
    Codebook(usize),
}

impl Section {
    /// How many there are whatever the graph has.
    pub(super) const FIXED: usize = 16;

    fn place(self) -> usize {
        match self {
            Self::Centre => 0,
            Self::Bits => 1,
            Self::Bytes => 2,
            Self::Blocks => 3,
            Self::Loose => 4,
            Self::Twins => 5,
            Self::Order => 6,
            Self::Members => 7,
            Self::CellBits => 8,
            Self::CellBytes => 9,
            Self::CellBlocks => 10,
            Self::CellStarts => 11,
            Self::CellRadii => 12,
            Self::CellHeads => 13,
            Self::CellRows => 14,
            Self::CellCodes => 15,
            Self::Edges(layer) | Self::Codebook(layer) => Self::FIXED + layer,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    pub(super) space: Space,
    pub(super) dim: usize,
    pub(super) width: usize,
    pub(super) degree: usize,
    pub(super) rows: usize,
    pub(super) stamp: u64,
    pub(super) layers: usize,
    pub(super) nodes: usize,
    pub(super) links: usize,
    pub(super) unreachable: usize,
    pub(super) entry: u32,
    pub(super) lead: Lead,
    pub(super) breadth: Breadth,
    pub(super) quantization: Quantization,
    pub(super) cells: usize,
    pub(super) reach: Reach,
}

/// Bytes that are an index.
pub(super) struct Image {
    bytes: Box<dyn AsRef<[u8]> + Send + Sync>,
    header: Header,
    sections: Vec<Range<usize>>,
}

/// A block of an index: what the builder called it, and how many rows it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub label: u64,
    pub rows: usize,
}

/// An image that was built, in pieces that are to be written one after the other.
#[derive(Debug)]
pub struct BuiltIndex {
    head: Vec<u8>,
    /// Each a multiple of 64 bytes long.
    sections: Vec<Vec<u8>>,
}

impl BuiltIndex {
    /// Of sections in their order.
    pub(super) fn new(header: &Header, mut sections: Vec<Vec<u8>>) -> Self {
        let body = (TABLE + 16 * sections.len()).next_multiple_of(ALIGN);
        let mut head = vec![0u8; body];
        let (mut start, mut crc) = (body, 0);
        for (place, section) in sections.iter_mut().enumerate() {
            let at = TABLE + 16 * place;
            head[at..at + 8].copy_from_slice(&(start as u64).to_le_bytes());
            head[at + 8..at + 16].copy_from_slice(&(section.len() as u64).to_le_bytes());
            section.resize(section.len().next_multiple_of(ALIGN), 0);
            start += section.len();
            crc = crc32c::crc32c_append(crc, section);
        }
        let words = [
            (8, VERSION),
            (12, metric_code(header.space)),
            (16, header.dim as u32),
            (20, header.degree as u32),
            (40, header.layers as u32),
            (44, header.width as u32),
            (72, header.entry),
            (76, crc),
            (80, sections.len() as u32),
            (88, lead_code(header.lead) | u32::from(header.breadth.number()) << 16),
            (92, header.quantization.number()),
            (96, header.cells as u32),
        ];
        let reals = header.reach.leans.into_iter().chain(header.reach.shares);
        let longs = [
            (24, header.rows as u64),
            (32, header.stamp),
            (48, header.nodes as u64),
            (56, header.links as u64),
            (64, header.unreachable as u64),
        ];
        head[..8].copy_from_slice(MAGIC);
        for (at, word) in words {
            head[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        for (at, real) in (REACH..).step_by(4).zip(reals) {
            head[at..at + 4].copy_from_slice(&real.to_le_bytes());
        }
        for (at, long) in longs {
            head[at..at + 8].copy_from_slice(&long.to_le_bytes());
        }
        let crc = head_crc(&head);
        head[HEAD_CRC].copy_from_slice(&crc.to_le_bytes());
        Self { head, sections }
    }

    /// The image, piece by piece.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(&self.head[..]).chain(self.sections.iter().map(|section| &section[..]))
    }

    /// The image in one piece.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.pieces().map(<[u8]>::len).sum());
        self.pieces().for_each(|piece| bytes.extend_from_slice(piece));
        bytes
    }
}

fn head_crc(head: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&head[..HEAD_CRC.start]), &head[HEAD_CRC.end..])
}

fn metric_code(space: Space) -> u32 {
    match space {
        Space::L2 => 0,
        Space::Cosine => 1,
        Space::InnerProduct => 2,
        Space::L1 => 3,
        Space::Poincare => 4,
    }
}

fn lead_code(lead: Lead) -> u32 {
    match lead {
        Lead::Bytes => 0,
        Lead::Gate => 1,
        Lead::Bits => 2,
    }
}

fn space_of(code: u32) -> Option<Space> {
    let spaces = [Space::L2, Space::Cosine, Space::InnerProduct, Space::L1, Space::Poincare];
    spaces.get(code as usize).copied()
}

fn lead_of(code: u32) -> Option<Lead> {
    [Lead::Bytes, Lead::Gate, Lead::Bits].get(code as usize).copied()
}

impl Image {
    pub(super) fn open(bytes: Box<dyn AsRef<[u8]> + Send + Sync>) -> Result<Self, ImageError> {
        let (header, sections) = check(bytes.as_ref().as_ref()).map_err(ImageError)?;
        let image = Self { bytes, header, sections };
        image.check_places().map_err(ImageError)?;
        Ok(image)
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.as_ref().as_ref().len()
    }

    /// A section as numbers. `open` saw that lengths and alignment fit.
    pub(super) fn array<T: Pod>(&self, section: Section) -> &[T] {
        let range = self.sections.get(section.place()).cloned().unwrap_or_default();
        let bytes = self.bytes.as_ref().as_ref().get(range).unwrap_or_default();
        bytemuck::try_cast_slice(bytes).unwrap_or_default()
    }

    /// Checks that whatever is a place lies inside what it is a place in.
    fn check_places(&self) -> Result<(), &'static str> {
        let Header { rows, layers, degree, entry, .. } = self.header;
        let below = |numbers: &[u32], end: usize| numbers.iter().all(|n| (*n as usize) < end);
        let order: &[u32] = self.array(Section::Order);
        let loose: &[u32] = self.array(Section::Loose);
        if !below(order, rows) || !below(self.array(Section::Twins), rows) {
            return Err("a row beyond the last");
        }
        let members: &[[u64; 2]] = self.array(Section::Members);
        let counted = members.iter().try_fold(0u64, |sum, [_, rows]| sum.checked_add(*rows));
        if counted != Some(rows as u64) {
            return Err("members of another number of rows");
        }
        if !below(loose, rows) || loose.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err("loose rows that do not grow");
        }
        self.check_cells()?;
        for layer in 0..layers {
            let edges: &[u32] = self.array(Section::Edges(layer));
            let stride = if layer == 0 { 2 * degree } else { degree };
            let nodes = edges.len() / stride;
            if !edges.len().is_multiple_of(stride)
                || nodes > if layer == 0 { rows } else { order.len() }
            {
                return Err("links of another number of nodes");
            }
            if edges.iter().any(|edge| *edge != NONE && *edge as usize >= nodes) {
                return Err("a link to nowhere");
            }
            let is_gap = |pair: &[u32]| pair[0] == NONE && pair[1] != NONE;
            if edges.chunks_exact(stride).any(|places| places.windows(2).any(is_gap)) {
                return Err("links behind the last");
            }
            if layer == 0 && nodes != rows {
                return Err("links of another number of rows");
            }
            if layer > 0 && nodes == 0 {
                return Err("an empty layer");
            }
        }
        if layers > 0 && entry as usize >= rows {
            return Err("an entry beyond the last row");
        }
        Ok(())
    }
}

impl Image {
    /// The same of cells: their blocks follow on each other, and hold rows or nobody.
    fn check_cells(&self) -> Result<(), &'static str> {
        let Header { rows, cells, .. } = self.header;
        let heads: &[u32] = self.array(Section::CellHeads);
        let starts: &[u32] = self.array(Section::CellStarts);
        if cells == 0 {
            return Ok(());
        }
        let ends = (starts.first().copied(), starts.last().map(|last| *last as usize));
        if ends != (Some(0), Some(heads.len())) || starts.windows(2).any(|ends| ends[0] > ends[1]) {
            return Err("cells whose blocks are not in order");
        }
        let listed: &[u32] = self.array(Section::CellRows);
        if listed.iter().any(|row| *row != NOBODY && *row as usize >= rows) {
            return Err("a row beyond the last in a cell");
        }
        if heads.iter().any(|head| *head as usize >= rows) {
            return Err("a block that begins beyond the last row");
        }
        Ok(())
    }
}

/// Reads the header and the table, and checks the checksums and what follows from the header.
fn check(bytes: &[u8]) -> Result<(Header, Vec<Range<usize>>), &'static str> {
    if !bytes.starts_with(MAGIC) || bytes.len() < TABLE {
        return Err("no header");
    }
    if !bytes.as_ptr().cast::<u64>().is_aligned() {
        return Err("bytes out of line");
    }
    let count = word(bytes, 80)? as usize;
    let body = (TABLE + 16 * count.min(1 << 16)).next_multiple_of(ALIGN);
    let head = bytes.get(..body).ok_or("cut short")?;
    if word(head, HEAD_CRC.start)? != head_crc(head) {
        return Err("wrong checksum of the header");
    }
    if word(head, 8)? != VERSION {
        return Err("an unknown version");
    }
    if word(head, 76)? != crc32c::crc32c(&bytes[body..]) {
        return Err("wrong checksum of the arrays");
    }
    let header = header(head)?;
    let sections = (0..count).map(|place| section(head, place, bytes.len()));
    let sections = sections.collect::<Result<Vec<_>, _>>()?;
    check_lengths(&header, &sections)?;
    Ok((header, sections))
}

fn header(head: &[u8]) -> Result<Header, &'static str> {
    let number = |at| usize::try_from(long(head, at)?).map_err(|_| "a number beyond this machine");
    let real = |at: usize| {
        let real = f32::from_bits(word(head, REACH + 4 * at)?);
        real.is_finite().then_some(real).ok_or("a number that is none")
    };
    let header = Header {
        space: space_of(word(head, 12)?).ok_or("an unknown metric")?,
        dim: word(head, 16)? as usize,
        degree: word(head, 20)? as usize,
        rows: number(24)?,
        stamp: long(head, 32)?,
        layers: word(head, 40)? as usize,
        width: word(head, 44)? as usize,
        nodes: number(48)?,
        links: number(56)?,
        unreachable: number(64)?,
        entry: word(head, 72)?,
        lead: lead_of(word(head, 88)? & 0xffff).ok_or("an unknown lead")?,
        breadth: Breadth::numbered((word(head, 88)? >> 16) as u16),
        quantization: Quantization::numbered(word(head, 92)?).ok_or("an unknown quantization")?,
        cells: word(head, 96)? as usize,
        reach: Reach {
            leans: [real(0)?, real(1)?, real(2)?],
            shares: [real(3)?, real(4)?, real(5)?],
        },
    };
    let sound = header.dim > 0
        && header.width == cvx_core::code::code_width(header.dim)
        && header.degree > 0
        && header.layers <= LAYERS_MAX
        && (header.space.has_bits()
            || (header.lead, header.quantization) == (Lead::Bytes, Quantization::Int8))
        && header.cells <= header.rows
        && (header.cells == 0 || header.space.has_cells())
        && u32::try_from(header.rows).is_ok();
    sound.then_some(header).ok_or("a header that contradicts itself")
}

fn section(head: &[u8], place: usize, end: usize) -> Result<Range<usize>, &'static str> {
    let (start, length) = (long(head, TABLE + 16 * place)?, long(head, TABLE + 16 * place + 8)?);
    let stop = start.checked_add(length).filter(|stop| *stop <= end as u64);
    let stop = stop.ok_or("a section beyond the end")?;
    if !start.is_multiple_of(ALIGN as u64) {
        return Err("a section out of line");
    }
    Ok(start as usize..stop as usize)
}

fn check_lengths(header: &Header, sections: &[Range<usize>]) -> Result<(), &'static str> {
    let Header { rows, width, layers, quantization, space, .. } = *header;
    let with_bits = if space.has_bits() { rows } else { 0 };
    let (blocks, fine) =
        (with_bits.div_ceil(BLOCK_ROWS) * block_bytes(width), quantization.stride(width));
    let lengths = [width * 4, with_bits * 8 * bits_stride(width), rows * fine, blocks];
    let (codebook, behind) = (quantization.codebook(width), Section::Edges(layers).place());
    let right = sections.len() == behind + usize::from(codebook > 0)
        && sections.get(behind).is_none_or(|section| section.len() == 4 * codebook)
        && sections[Section::Members.place()].len().is_multiple_of(16)
        && lengths.iter().zip(sections).all(|(length, section)| section.len() == *length)
        && check_cell_lengths(header, sections)
        && sections[lengths.len()..].iter().all(|section| section.len().is_multiple_of(4))
        && [0, rows * 4].contains(&sections[Section::Twins.place()].len());
    right.then_some(()).ok_or("sections of other lengths")
}

/// Whether the sections of cells are as long as the header says that they are many.
fn check_cell_lengths(header: &Header, sections: &[Range<usize>]) -> bool {
    let Header { cells, width, .. } = *header;
    let length = |section: Section| sections[section.place()].len();
    let blocks = length(Section::CellHeads) / 4;
    let starts = if cells == 0 { 0 } else { cells + 1 };
    [
        (Section::CellBits, cells * 8 * bits_stride(width)),
        (Section::CellBytes, cells * Quantization::Int8.stride(width)),
        (Section::CellBlocks, cells.div_ceil(BLOCK_ROWS) * block_bytes(width)),
        (Section::CellStarts, 4 * starts),
        (Section::CellRadii, 4 * cells),
        (Section::CellHeads, 4 * blocks),
        (Section::CellRows, 4 * blocks * BLOCK_ROWS),
        (Section::CellCodes, blocks * block_bytes(width)),
    ]
    .into_iter()
    .all(|(section, right)| length(section) == right)
}

fn word(bytes: &[u8], at: usize) -> Result<u32, &'static str> {
    let bytes = bytes.get(at..).and_then(|bytes| bytes.first_chunk()).ok_or("cut short")?;
    Ok(u32::from_le_bytes(*bytes))
}

fn long(bytes: &[u8], at: usize) -> Result<u64, &'static str> {
    let bytes = bytes.get(at..).and_then(|bytes| bytes.first_chunk()).ok_or("cut short")?;
    Ok(u64::from_le_bytes(*bytes))
}

/// Makes the checksums of changed bytes right again.
#[cfg(test)]
pub(super) fn reseal(image: &mut [u8]) {
    let count = word(image, 80).unwrap() as usize;
    let body = (TABLE + 16 * count).next_multiple_of(ALIGN);
    let crc = crc32c::crc32c(&image[body..]);
    image[76..80].copy_from_slice(&crc.to_le_bytes());
    let crc = head_crc(&image[..body]);
    image[HEAD_CRC].copy_from_slice(&crc.to_le_bytes());
}
