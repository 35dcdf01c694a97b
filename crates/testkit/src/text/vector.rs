//! pgvector's types and bit strings, from their documentation.

use super::number::float4;
use super::{Printed, take};

pub(super) fn vector(raw: &[u8]) -> Printed {
    let mut rest = raw;
    let dim = u16::from_be_bytes(take(&mut rest)?);
    let _unused: [u8; 2] = take(&mut rest)?;
    let (floats, odd) = rest.as_chunks::<4>();
    if !odd.is_empty() || floats.len() != usize::from(dim) {
        return Err(format!("a vector of {dim} dimensions with {} bytes", rest.len()));
    }
    let cells: Vec<String> = floats.iter().map(|b| float4(f32::from_be_bytes(*b))).collect();
    Ok(format!("[{}]", cells.join(",")))
}

pub(super) fn halfvec(raw: &[u8]) -> Printed {
    let mut rest = raw;
    let dim = u16::from_be_bytes(take(&mut rest)?);
    let _unused: [u8; 2] = take(&mut rest)?;
    let (halves, odd) = rest.as_chunks::<2>();
    if !odd.is_empty() || halves.len() != usize::from(dim) {
        return Err(format!("a halfvec of {dim} dimensions with {} bytes", rest.len()));
    }
    let cells: Vec<String> = halves.iter().map(|b| float4(half(u16::from_be_bytes(*b)))).collect();
    Ok(format!("[{}]", cells.join(",")))
}

/// IEEE 754 binary16, by its definition.
fn half(bits: u16) -> f32 {
    let (exponent, digits) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff) / 1024.0);
    let magnitude = match exponent {
        0 => digits * 2f32.powi(-14),
        _ => (1.0 + digits) * 2f32.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

pub(super) fn sparsevec(raw: &[u8]) -> Printed {
    let mut rest = raw;
    let [dim, count, _unused] =
        [take(&mut rest)?, take(&mut rest)?, take(&mut rest)?].map(i32::from_be_bytes);
    let (words, odd) = rest.as_chunks::<4>();
    let count = usize::try_from(count).map_err(|error| error.to_string())?;
    if !odd.is_empty() || words.len() != 2 * count {
        return Err(format!("a sparsevec of {count} elements with {} bytes", rest.len()));
    }
    let (indices, values) = words.split_at(count);
    let cells: Vec<String> = indices
        .iter()
        .zip(values)
        .map(|(index, value)| {
            let (index, value) = (i32::from_be_bytes(*index), f32::from_be_bytes(*value));
            format!("{}:{}", index + 1, float4(value))
        })
        .collect();
    Ok(format!("{{{}}}/{dim}", cells.join(",")))
}

pub(super) fn bits(raw: &[u8]) -> Printed {
    let mut rest = raw;
    let length = i32::from_be_bytes(take(&mut rest)?);
    let length = usize::try_from(length).map_err(|error| error.to_string())?;
    if rest.len() != length.div_ceil(8) {
        return Err(format!("{length} bits with {} bytes", rest.len()));
    }
    let all: String = rest.iter().map(|byte| format!("{byte:08b}")).collect();
    Ok(all[..length].to_owned())
}
