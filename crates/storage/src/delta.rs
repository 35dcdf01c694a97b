//! Delta blocks: one entity's vectors in time order, the first whole and the rest as differences.
//!
//! Every vector is turned into integers first: the bits of its floats, or, where the caller
//! allows an error of `epsilon` in each dimension, multiples of a step. The first vector of a
//! block (the keyframe) is stored as these integers and each later one as its difference from the
//! one before, wrapping, so that the sum is exact: nothing accumulates, whatever the numbers are.
//! Differences are zigzag-coded, split into byte planes (all lowest bytes first, then the next)
//! and given to zstd, which finds the high planes nearly empty.
//!
//! ```text
//!  0      4         5      6       8   12    16     24             28         32      36    40
//!  +------+---------+------+-------+---+-----+------+--------------+----------+-------+-----+
//!  | CVXD | version | mode | zeros | n | dim | step | address len. | zstd len. | zeros | crc |
//!  +------+---------+------+-------+---+-----+------+--------------+----------+-------+-----+
//!  | addresses | zstd frame |
//!  +-----------+------------+
//! ```
//!
//! Little-endian; `step` is an f64, 0 in the lossless mode; the checksum covers all but itself.
//! Addresses are the (ts, seq) of each vector, as varints of differences.
//!
//! With an epsilon the step is 2 epsilon, the coarsest grid that keeps the promise. The value
//! given back is rounded to a float, which may break the promise by half a unit in the last
//! place; then the grid is made finer by as much, and where floats are so coarse that no grid
//! helps, or a value does not fit the grid's integers, the block is lossless.
//!
//! Measured before (docs of the format, 768 dimensions): XOR with the previous vector instead of
//! the difference of bits costs 4 to 6 per cent; Gorilla and Chimp codes are worse than both;
//! bit-packing the differences instead of zstd decodes faster and is 2 to 30 per cent larger.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::error::{Error, Result};
use cvx_core::{CommitSeq, ValidTime};

const MAGIC: &[u8; 4] = b"CVXD";
const VERSION: u8 = 1;
const LOSSLESS: u8 = 0;
const GRID: u8 = 1;
const FIELD_BYTES: usize = 36;
const HEADER_BYTES: usize = FIELD_BYTES + 4;
const ZSTD_LEVEL: i32 = 3;
/// A block holds no more floats than this: 64 MiB.
const FLOATS_MAX: usize = 16 << 20;

/// How vectors become blocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeltaOptions {
    /// Vectors in a block, of which the first is whole; at least 1.
    pub keyframe_interval: u32,
    /// The greatest error in each dimension; 0 gives back the same bits.
    pub epsilon: f64,
}

/// Vectors of one entity and column with the row versions they belong to.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct DeltaBlock {
    pub addresses: Vec<(ValidTime, CommitSeq)>,
    pub dim: usize,
    /// One vector after another, as many as there are addresses.
    pub values: Vec<f32>,
}

/// Encodes vectors as blocks of `keyframe_interval`, each under the address of its first.
pub fn encode_blocks(
    vectors: &DeltaBlock,
    options: &DeltaOptions,
) -> Result<Vec<(ValidTime, CommitSeq, Vec<u8>)>> {
    check(vectors)?;
    let per_block = usize::try_from(options.keyframe_interval.max(1)).unwrap_or(usize::MAX);
    let per_block = per_block.min(FLOATS_MAX.checked_div(vectors.dim).unwrap_or(1).max(1));
    let addresses = vectors.addresses.chunks(per_block);
    let values = vectors.values.chunks(per_block.saturating_mul(vectors.dim));
    let mut blocks = Vec::new();
    for (addresses, values) in addresses.zip(values) {
        let Some((ts, seq)) = addresses.first() else { continue };
        let bytes = encode_checked(addresses, vectors.dim, values, options.epsilon)?;
        blocks.push((*ts, *seq, bytes));
    }
    Ok(blocks)
}

/// Encodes vectors as one block, exactly where `epsilon` is 0.
pub fn encode_block(vectors: &DeltaBlock, epsilon: f64) -> Result<Vec<u8>> {
    check(vectors)?;
    encode_checked(&vectors.addresses, vectors.dim, &vectors.values, epsilon)
}

/// The vectors of a block. The error says what is wrong with the bytes.
pub fn decode_block(bytes: &[u8]) -> Result<DeltaBlock, String> {
    let header = Header::decode(bytes)?;
    let body = bytes.get(HEADER_BYTES..).ok_or("cut short")?;
    let (addresses, packed) = body.split_at_checked(header.address_bytes).ok_or("cut short")?;
    if packed.len() != header.packed_bytes {
        return Err("another length than it tells".to_owned());
    }
    let addresses = decode_addresses(addresses, header.vectors)?;
    let planes_bytes = header.floats().checked_mul(4).ok_or("too large")?;
    let planes = zstd::bulk::decompress(packed, planes_bytes).map_err(|e| e.to_string())?;
    if planes.len() != planes_bytes {
        return Err("fewer numbers than vectors".to_owned());
    }
    let integers = add_up(&planes, &header).ok_or("numbers cut short")?;
    let values = match header.mode {
        LOSSLESS => integers.into_iter().map(f32::from_bits).collect(),
        _ => integers.into_iter().map(|n| on_grid(n.cast_signed(), header.step)).collect(),
    };
    Ok(DeltaBlock { addresses, dim: header.dim, values })
}

/// How many vectors a block holds and of what dimension, without decoding it.
pub fn block_shape(bytes: &[u8]) -> Result<(usize, usize), String> {
    Header::decode(bytes).map(|header| (header.vectors, header.dim))
}

fn check(vectors: &DeltaBlock) -> Result<()> {
    let floats = vectors.addresses.len().checked_mul(vectors.dim);
    if floats != Some(vectors.values.len()) || vectors.values.is_empty() {
        return Err(Error::invalid("a delta block whose numbers do not match its addresses"));
    }
    if vectors.dim > FLOATS_MAX {
        return Err(Error::unsupported(format!("a vector of {} dimensions", vectors.dim)));
    }
    Ok(())
}

fn encode_checked(
    addresses: &[(ValidTime, CommitSeq)],
    dim: usize,
    values: &[f32],
    epsilon: f64,
) -> Result<Vec<u8>> {
    let (mode, step, integers) = match grid(values, epsilon) {
        Some((step, integers)) => (GRID, step, integers),
        None => (LOSSLESS, 0.0, values.iter().map(|value| value.to_bits()).collect()),
    };
    let planes = differences(mode, dim, &integers);
    let packed = zstd::bulk::compress(&planes, ZSTD_LEVEL)
        .map_err(|error| Error::invalid(format!("zstd: {error}")))?;
    let address_bytes = encode_addresses(addresses);
    let header = Header {
        mode,
        vectors: addresses.len(),
        dim,
        step,
        address_bytes: address_bytes.len(),
        packed_bytes: packed.len(),
    };
    header.frame(&address_bytes, &packed)
}

/// The values as multiples of a step, if one keeps every error within `epsilon`.
fn grid(values: &[f32], epsilon: f64) -> Option<(f64, Vec<u32>)> {
    if !(epsilon > 0.0 && epsilon.is_finite()) {
        return None;
    }
    let greatest = values.iter().fold(0f64, |max, value| max.max(f64::from(value.abs())));
    // Half a unit in the last place of the greatest value, at most.
    let rounding = greatest * f64::from(f32::EPSILON) / 2.0;
    let coarse = 2.0 * epsilon;
    let fine = 2.0 * (epsilon - rounding);
    let steps = [Some(coarse), Some(fine).filter(|fine| *fine >= epsilon / 4.0)];
    steps.into_iter().flatten().find_map(|step| Some((step, quantize(values, step, epsilon)?)))
}

fn quantize(values: &[f32], step: f64, epsilon: f64) -> Option<Vec<u32>> {
    let on = |value: &f32| {
        let value = f64::from(*value);
        let multiple = (value / step).round();
        // An `as` beyond the range gives its end, and NaN gives 0: both fail the test below.
        let integer = multiple as i32;
        let error = f64::from(on_grid(integer, step)) - value;
        (error.abs() <= epsilon).then_some(integer.cast_unsigned())
    };
    values.iter().map(on).collect()
}

/// The float nearest to a multiple of the step.
fn on_grid(integer: i32, step: f64) -> f32 {
    (f64::from(integer) * step) as f32
}

/// Byte planes of the keyframe, then of the differences.
fn differences(mode: u8, dim: usize, integers: &[u32]) -> Vec<u8> {
    let (keyframe, rest) = integers.split_at_checked(dim).unwrap_or((integers, &[]));
    let keyframe: Vec<u32> = keyframe.iter().map(|integer| fold_keyframe(mode, *integer)).collect();
    let changes = rest.iter().zip(integers);
    let changes: Vec<u32> = changes.map(|(now, then)| zigzag(now.wrapping_sub(*then))).collect();
    let mut planes = Vec::with_capacity(integers.len().saturating_mul(4));
    for part in [keyframe, changes] {
        for shift in [0, 8, 16, 24] {
            planes.extend(part.iter().map(|number| number.wrapping_shr(shift) as u8));
        }
    }
    planes
}

/// Undoes [`differences`].
fn add_up(planes: &[u8], header: &Header) -> Option<Vec<u32>> {
    let (keyframe, changes) = planes.split_at_checked(header.dim.checked_mul(4)?)?;
    let mut integers = Vec::with_capacity(header.floats());
    integers.extend(join(keyframe)?.map(|number| unfold_keyframe(header.mode, number)));
    for (at, change) in join(changes)?.enumerate() {
        let then = *integers.get(at)?;
        integers.push(then.wrapping_add(unzigzag(change)));
    }
    (integers.len() == header.floats()).then_some(integers)
}

/// The numbers whose four byte planes follow each other.
fn join(planes: &[u8]) -> Option<impl Iterator<Item = u32> + '_> {
    let length = planes.len().checked_div(4)?;
    let (low, rest) = planes.split_at_checked(length)?;
    let (second, rest) = rest.split_at_checked(length)?;
    let (third, high) = rest.split_at_checked(length)?;
    let bytes = low.iter().zip(second).zip(third.iter().zip(high));
    Some(bytes.map(|((a, b), (c, d))| u32::from_le_bytes([*a, *b, *c, *d])))
}

/// A float's sign goes to the lowest bit, which leaves its exponent a plane of its own.
fn fold_keyframe(mode: u8, integer: u32) -> u32 {
    if mode == LOSSLESS { integer.rotate_left(1) } else { zigzag(integer) }
}

fn unfold_keyframe(mode: u8, number: u32) -> u32 {
    if mode == LOSSLESS { number.rotate_right(1) } else { unzigzag(number) }
}

/// Small numbers of either sign become small numbers.
fn zigzag(number: u32) -> u32 {
    let signed = number.cast_signed();
    (signed.wrapping_shl(1) ^ signed.wrapping_shr(31)).cast_unsigned()
}

fn unzigzag(number: u32) -> u32 {
    number.wrapping_shr(1) ^ (number & 1).wrapping_neg()
}

fn encode_addresses(addresses: &[(ValidTime, CommitSeq)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(addresses.len().saturating_mul(6));
    let (mut last_ts, mut last_seq) = (0i64, 0u64);
    for (ts, seq) in addresses {
        put_varint(&mut bytes, zigzag64(ts.0.wrapping_sub(last_ts)));
        put_varint(&mut bytes, zigzag64(seq.0.wrapping_sub(last_seq).cast_signed()));
        (last_ts, last_seq) = (ts.0, seq.0);
    }
    bytes
}

fn decode_addresses(mut bytes: &[u8], n: usize) -> Result<Vec<(ValidTime, CommitSeq)>, String> {
    // An address takes two bytes at least, so a false count cannot claim much memory.
    if n.checked_mul(2).is_none_or(|least| least > bytes.len()) {
        return Err("fewer addresses than vectors".to_owned());
    }
    let mut addresses = Vec::with_capacity(n);
    let (mut ts, mut seq) = (0i64, 0u64);
    for _ in 0..n {
        ts = ts.wrapping_add(unzigzag64(take_varint(&mut bytes)?));
        seq = seq.wrapping_add(unzigzag64(take_varint(&mut bytes)?).cast_unsigned());
        addresses.push((ValidTime(ts), CommitSeq(seq)));
    }
    if bytes.is_empty() { Ok(addresses) } else { Err("more addresses than vectors".to_owned()) }
}

fn zigzag64(number: i64) -> u64 {
    (number.wrapping_shl(1) ^ number.wrapping_shr(63)).cast_unsigned()
}

fn unzigzag64(number: u64) -> i64 {
    (number.wrapping_shr(1) ^ (number & 1).wrapping_neg()).cast_signed()
}

fn put_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(0x80 | (number & 0x7f) as u8);
        number = number.wrapping_shr(7);
    }
    bytes.push(number as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Result<u64, String> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or("an address cut short")?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).wrapping_shl(shift);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err("an address too long".to_owned())
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Header {
    mode: u8,
    vectors: usize,
    dim: usize,
    step: f64,
    address_bytes: usize,
    packed_bytes: usize,
}

impl Header {
    fn floats(&self) -> usize {
        self.vectors.saturating_mul(self.dim)
    }

    fn frame(&self, addresses: &[u8], packed: &[u8]) -> Result<Vec<u8>> {
        let too_large = |_| Error::unsupported("a delta block of more than 4 GiB");
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend(MAGIC);
        header.extend([VERSION, self.mode, 0, 0]);
        for count in [self.vectors, self.dim] {
            header.extend(u32::try_from(count).map_err(too_large)?.to_le_bytes());
        }
        header.extend(self.step.to_le_bytes());
        for length in [self.address_bytes, self.packed_bytes] {
            header.extend(u32::try_from(length).map_err(too_large)?.to_le_bytes());
        }
        header.extend([0; 4]);
        debug_assert_eq!(header.len(), FIELD_BYTES);
        let crc = checksum(&[&header, addresses, packed]);
        Ok([&header, &crc.to_le_bytes()[..], addresses, packed].concat())
    }

    /// Reads and checks a header and the checksum of the whole block.
    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let (header, body) = bytes.split_at_checked(HEADER_BYTES).ok_or("cut short")?;
        let (fields, crc) = header.split_last_chunk().ok_or("cut short")?;
        if checksum(&[fields, body]) != u32::from_le_bytes(*crc) {
            return Err("wrong checksum".to_owned());
        }
        let rest = fields.strip_prefix(MAGIC).ok_or("no delta block")?;
        let (marks, rest) = rest.split_first_chunk::<4>().ok_or("cut short")?;
        let [VERSION, mode @ (LOSSLESS | GRID), 0, 0] = *marks else {
            return Err("unknown version or mode".to_owned());
        };
        let mut words = rest.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
        let mut size = || words.next().and_then(|word| usize::try_from(word).ok());
        let (vectors, dim) = size().zip(size()).ok_or("cut short")?;
        let (low, high) = size().zip(size()).ok_or("cut short")?;
        let step = f64::from_bits(low as u64 | (high as u64).wrapping_shl(32));
        let (address_bytes, packed_bytes) = size().zip(size()).ok_or("cut short")?;
        let header = Self { mode, vectors, dim, step, address_bytes, packed_bytes };
        if header.floats() == 0 || header.floats() > FLOATS_MAX {
            return Err("an impossible size".to_owned());
        }
        Ok(header)
    }
}

fn checksum(parts: &[&[u8]]) -> u32 {
    parts.iter().fold(0, |crc, part| crc32c::crc32c_append(crc, part))
}

#[cfg(test)]
mod tests;
