//! The frame around the Arrow part: header, trailer and where the parts lie.

use crate::keys::FileId;
use cvx_core::SpaceId;
use std::ops::Range;

const HEAD_MAGIC: &[u8; 8] = b"CVXROWS\n";
const TAIL_MAGIC: &[u8; 8] = b"CVXREND\n";
const VERSION: u32 = 1;
/// Length of the header, and of the trailer.
pub(super) const FRAME_BYTES: usize = 64;

/// Where the parts of a file lie, and their checksums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub arrow: Range<usize>,
    pub body: Range<usize>,
    pub keys_end: usize,
    pub head_crc: u32,
    pub rows_crc: u32,
    pub foot_crc: u32,
}

impl Frame {
    pub(super) fn encode(&self) -> [u8; FRAME_BYTES] {
        let mut trailer = [0; FRAME_BYTES];
        trailer[..8].copy_from_slice(TAIL_MAGIC);
        let offsets = [self.arrow.len(), self.body.start, self.keys_end, self.body.end];
        for (place, offset) in trailer[8..40].chunks_exact_mut(8).zip(offsets) {
            place.copy_from_slice(&(offset as u64).to_le_bytes());
        }
        let crcs = [self.head_crc, self.rows_crc, self.foot_crc];
        for (place, crc) in trailer[40..52].chunks_exact_mut(4).zip(crcs) {
            place.copy_from_slice(&crc.to_le_bytes());
        }
        seal(trailer)
    }

    /// Reads the trailer of a file of this length; the ranges it gives are inside the file.
    pub(super) fn decode(
        trailer: &[u8; FRAME_BYTES],
        file_bytes: usize,
    ) -> Result<Self, &'static str> {
        if !sealed(trailer) {
            return Err("wrong checksum of the trailer");
        }
        if !trailer.starts_with(TAIL_MAGIC) {
            return Err("no trailer");
        }
        let arrow_end = file_bytes.checked_sub(FRAME_BYTES).ok_or("too short")?;
        let arrow = FRAME_BYTES..arrow_end;
        if number(trailer, 8)? != arrow.len() {
            return Err("the trailer tells another length");
        }
        let body = number(trailer, 16)?..number(trailer, 32)?;
        let keys_end = number(trailer, 24)?;
        let ordered = [FRAME_BYTES, body.start, keys_end, body.end, arrow_end];
        if !ordered.is_sorted() {
            return Err("the trailer's offsets are out of order");
        }
        let crc = |at| word(trailer, at);
        let (head_crc, rows_crc, foot_crc) = (crc(40)?, crc(44)?, crc(48)?);
        Ok(Self { arrow, body, keys_end, head_crc, rows_crc, foot_crc })
    }
}

pub(super) fn header(space: SpaceId, id: FileId, rows: u64) -> [u8; FRAME_BYTES] {
    let mut header = [0; FRAME_BYTES];
    header[..8].copy_from_slice(HEAD_MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..16].copy_from_slice(&space.0.to_le_bytes());
    header[16..24].copy_from_slice(&id.0.to_le_bytes());
    header[24..32].copy_from_slice(&rows.to_le_bytes());
    seal(header)
}

fn seal(mut frame: [u8; FRAME_BYTES]) -> [u8; FRAME_BYTES] {
    let crc = crc32c::crc32c(&frame[..FRAME_BYTES - 4]);
    frame[FRAME_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
    frame
}

fn sealed(frame: &[u8; FRAME_BYTES]) -> bool {
    seal(*frame) == *frame
}

fn number(bytes: &[u8], at: usize) -> Result<usize, &'static str> {
    let bytes = bytes.get(at..).and_then(|bytes| bytes.first_chunk()).ok_or("too short")?;
    usize::try_from(u64::from_le_bytes(*bytes)).map_err(|_| "an offset beyond this machine")
}

fn word(bytes: &[u8], at: usize) -> Result<u32, &'static str> {
    let bytes = bytes.get(at..).and_then(|bytes| bytes.first_chunk()).ok_or("too short")?;
    Ok(u32::from_le_bytes(*bytes))
}
