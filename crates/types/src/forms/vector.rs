//! pgvector's `vector`: text `[1,2.5,3]`, binary `u16 dimension, u16 0, f32...` big-endian.
//!
//! Limits, words and SQLSTATEs of the refusals are pgvector's (src/vector.c): clients match on
//! them. Values are appended to one flat buffer, for a column is one long slice of floats.

use super::{float, invalid_text};
use crate::error::{Result, SqlError, SqlState};
use bytes::{BufMut, BytesMut};

/// pgvector's `VECTOR_MAX_DIM`.
pub const DIMENSION_MAX: usize = 16_000;

/// Appends the elements of a text form; says how many. On error `values` may hold a part of them.
pub fn parse_into(text: &str, values: &mut Vec<f32>) -> Result<usize> {
    let syntax = || invalid_text("vector", text);
    let trimmed = text.trim_matches(is_space);
    let inner = trimmed
        .strip_prefix('[')
        .ok_or_else(|| syntax().detail("Vector contents must start with \"[\"."))?;
    let inner = inner.strip_suffix(']').ok_or_else(|| {
        let junk = inner.contains(']');
        syntax().detail(if junk {
            "Junk after closing right brace."
        } else {
            "Unexpected end of input."
        })
    })?;
    if inner.trim_matches(is_space).is_empty() {
        return Err(data_error("vector must have at least 1 dimension"));
    }
    let start = values.len();
    for element in inner.split(',') {
        if values.len() - start == DIMENSION_MAX {
            return Err(too_many());
        }
        values.push(element_of(element.trim_matches(is_space)).map_err(|bad| bad.error(text))?);
    }
    Ok(values.len() - start)
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

enum BadElement<'a> {
    Syntax,
    Range(&'a str),
    Nan,
    Infinite,
}

impl BadElement<'_> {
    fn error(self, whole: &str) -> SqlError {
        match self {
            Self::Syntax => invalid_text("vector", whole),
            Self::Range(element) => float::out_of_range("vector", element),
            Self::Nan => data_error("NaN not allowed in vector"),
            Self::Infinite => data_error("infinite value not allowed in vector"),
        }
    }
}

fn element_of(text: &str) -> Result<f32, BadElement<'_>> {
    let value: f32 = text.parse().map_err(|_| BadElement::Syntax)?;
    if value.is_nan() {
        Err(BadElement::Nan)
    } else if value.is_infinite() {
        let spelled = text.bytes().any(|b| b.eq_ignore_ascii_case(&b'f'));
        Err(if spelled { BadElement::Infinite } else { BadElement::Range(text) })
    } else {
        Ok(value)
    }
}

/// Appends the elements of a binary form; says how many.
pub fn parse_binary_into(bytes: &[u8], values: &mut Vec<f32>) -> Result<usize> {
    let Some(([d0, d1, u0, u1], elements)) = bytes.split_first_chunk::<4>() else {
        return Err(super::invalid_binary("vector"));
    };
    let dimension = usize::from(u16::from_be_bytes([*d0, *d1]));
    let unused = i16::from_be_bytes([*u0, *u1]);
    if dimension == 0 {
        return Err(data_error("vector must have at least 1 dimension"));
    }
    if dimension > DIMENSION_MAX {
        return Err(too_many());
    }
    if unused != 0 {
        return Err(data_error(&format!("expected unused to be 0, not {unused}")));
    }
    if elements.len() != dimension * 4 {
        return Err(super::invalid_binary("vector"));
    }
    let start = values.len();
    let (chunks, _) = elements.as_chunks::<4>();
    values.extend(chunks.iter().map(|chunk| f32::from_be_bytes(*chunk)));
    check_finite(values.get(start..).unwrap_or_default())?;
    Ok(dimension)
}

/// 22000 where an element is NaN or infinite.
pub fn check_finite(values: &[f32]) -> Result<()> {
    // One pass without branches: only an all-ones exponent survives this maximum.
    const EXPONENT: u32 = 0x7f80_0000;
    let worst = values.iter().fold(0, |worst, v| worst.max(v.to_bits() & EXPONENT));
    if worst < EXPONENT {
        return Ok(());
    }
    let nan = values.iter().find(|v| !v.is_finite()).is_some_and(|v| v.is_nan());
    Err(data_error(if nan {
        "NaN not allowed in vector"
    } else {
        "infinite value not allowed in vector"
    }))
}

/// 22000 unless a column of `expected` dimensions may hold `found`; `expected` <= 0 is any.
pub fn check_dimension(expected: i32, found: usize) -> Result<()> {
    if expected <= 0 || usize::try_from(expected) == Ok(found) {
        return Ok(());
    }
    Err(data_error(&format!("expected {expected} dimensions, not {found}")))
}

fn data_error(message: &str) -> SqlError {
    SqlError::new(SqlState::DATA_EXCEPTION, message)
}

fn too_many() -> SqlError {
    let message = format!("vector cannot have more than {DIMENSION_MAX} dimensions");
    SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message)
}

pub fn write(values: &[f32], out: &mut BytesMut) {
    out.reserve(values.len() * 12 + 2);
    out.put_u8(b'[');
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            out.put_u8(b',');
        }
        float::write_f32(*value, out);
    }
    out.put_u8(b']');
}

pub fn write_binary(values: &[f32], out: &mut BytesMut) -> Result<()> {
    let dimension = u16::try_from(values.len()).map_err(|_| too_many())?;
    out.reserve(4 + values.len() * 4);
    out.put_u16(dimension);
    out.put_u16(0);
    let start = out.len();
    out.resize(start + values.len() * 4, 0);
    let (chunks, _) = out.split_at_mut(start).1.as_chunks_mut::<4>();
    for (chunk, value) in chunks.iter_mut().zip(values) {
        *chunk = value.to_be_bytes();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Vec<f32>> {
        let mut values = Vec::new();
        parse_into(text, &mut values).map(|_| values)
    }

    /// pgvector's own regression tests, test/sql/vector_type.sql.
    #[test]
    fn as_pgvector_reads_them() {
        assert_eq!(read("[1,2,3]").unwrap(), [1.0, 2.0, 3.0]);
        assert_eq!(read("[-1,-2,-3]").unwrap(), [-1.0, -2.0, -3.0]);
        assert_eq!(read(" [ 1,  2 ,    3  ] ").unwrap(), [1.0, 2.0, 3.0]);
        assert_eq!(read("[1.23456]").unwrap(), [1.234_56]);
        for bad in ["[hello,1]", "[1,2,3", "[1,2,3]9", "1,2,3", "", "[", "[,]", "[1,]", "[1,,3]"] {
            assert_eq!(read(bad).unwrap_err().state, SqlState::INVALID_TEXT, "{bad}");
        }
        for (bad, message) in [
            ("[NaN,1]", "NaN not allowed in vector"),
            ("[Infinity,1]", "infinite value not allowed in vector"),
            ("[-Infinity,1]", "infinite value not allowed in vector"),
            ("[]", "vector must have at least 1 dimension"),
        ] {
            let error = read(bad).unwrap_err();
            assert_eq!((error.state, error.message.as_str()), (SqlState::DATA_EXCEPTION, message));
        }
        let error = read("[4e38,1]").unwrap_err();
        assert_eq!(error.message, "\"4e38\" is out of range for type vector");
        assert_eq!(error.state, SqlState::NUMERIC_OUT_OF_RANGE);
        let long = format!("[{}1]", "1,".repeat(DIMENSION_MAX));
        assert_eq!(read(&long).unwrap_err().state, SqlState::PROGRAM_LIMIT_EXCEEDED);
        assert_eq!(check_dimension(3, 2).unwrap_err().message, "expected 3 dimensions, not 2");
    }

    #[test]
    fn bad_binary() {
        let mut values = Vec::new();
        for bytes in [&b""[..], b"\0\x01\0", b"\0\x01\0\0\0\0", b"\0\x01\0\0\0\0\0\0\0"] {
            let error = parse_binary_into(bytes, &mut values).unwrap_err();
            assert_eq!(error.state, SqlState::INVALID_BINARY);
        }
        let unused = b"\0\x01\0\x01\0\0\0\0";
        assert_eq!(
            parse_binary_into(unused, &mut values).unwrap_err().message,
            "expected unused to be 0, not 1"
        );
        let mut nan = b"\0\x01\0\0".to_vec();
        nan.extend(f32::NAN.to_be_bytes());
        assert!(parse_binary_into(&nan, &mut values).unwrap_err().message.starts_with("NaN"));
    }

    proptest! {
        #[test]
        fn both_forms_read_back(
            values in prop::collection::vec(
                any::<f32>().prop_filter("finite", |v| v.is_finite()), 1..40),
        ) {
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            let (mut text, mut binary) = (BytesMut::new(), BytesMut::new());
            write(&values, &mut text);
            write_binary(&values, &mut binary).unwrap();
            let back = read(std::str::from_utf8(&text).unwrap()).unwrap();
            prop_assert_eq!(bits(&back), bits(&values));
            let mut back = Vec::new();
            prop_assert_eq!(parse_binary_into(&binary, &mut back).unwrap(), values.len());
            prop_assert_eq!(bits(&back), bits(&values));
        }

        #[test]
        fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..40), text in ".{0,40}") {
            let mut values = Vec::new();
            let _ = parse_binary_into(&bytes, &mut values);
            let _ = parse_into(&text, &mut values);
        }
    }
}
