//! pgvector's `vector` and `halfvec`: text `[1,2.5,3]`, binary `u16 dimension, u16 0, numbers`.
//!
//! Both are one slice of numbers and differ in the [`Element`] alone. Limits, words and SQLSTATEs
//! of the refusals are pgvector's (src/vector.c, src/halfvec.c): clients match on them. Values are
//! appended to one flat buffer, for a column is one long slice of numbers.

use super::element::Element;
use super::{float, invalid_text};
use crate::error::{Result, SqlError, SqlState};
use bytes::{BufMut, BytesMut};

/// pgvector's `VECTOR_MAX_DIM` and `HALFVEC_MAX_DIM`.
pub const DIMENSION_MAX: usize = 16_000;

/// Appends the elements of a text form; says how many. On error `values` may hold a part of them.
pub fn parse_into<E: Element>(text: &str, values: &mut Vec<E>) -> Result<usize> {
    let syntax = || invalid_text(E::NAME, text);
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
        return Err(empty::<E>());
    }
    let start = values.len();
    // A number of seven digits takes ten bytes with its comma.
    values.reserve((inner.len() / 10).min(DIMENSION_MAX));
    for element in elements(inner) {
        if values.len() - start == DIMENSION_MAX {
            return Err(too_many::<E>());
        }
        let number = number_of(element);
        let number = number.and_then(|(value, text)| {
            let nearest = E::nearest(value);
            if nearest.to_f32().is_finite() { Ok(nearest) } else { Err(BadNumber::Range(text)) }
        });
        values.push(number.map_err(|bad| bad.error(E::NAME, text))?);
    }
    Ok(values.len() - start)
}

/// What stands between commas, without the space around it. Byte by byte: a search for patterns
/// takes longer than reading the numbers.
fn elements(inner: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(inner);
    std::iter::from_fn(move || {
        let text = rest?;
        let comma = text.bytes().position(|byte| byte == b',');
        let (element, after) = match comma {
            Some(at) => (text.get(..at)?, text.get(at + 1..)),
            None => (text, None),
        };
        rest = after;
        let spaced = |byte: Option<u8>| byte.is_some_and(|byte| is_space(char::from(byte)));
        let bytes = element.as_bytes();
        let trim = spaced(bytes.first().copied()) || spaced(bytes.last().copied());
        Some(if trim { element.trim_matches(is_space) } else { element })
    })
}

pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

/// What is wrong with a number inside a vector.
pub(super) enum BadNumber<'a> {
    Syntax,
    Range(&'a str),
    Nan,
    Infinite,
}

impl BadNumber<'_> {
    pub(super) fn error(self, name: &str, whole: &str) -> SqlError {
        match self {
            Self::Syntax => invalid_text(name, whole),
            Self::Range(element) => float::out_of_range(name, element),
            Self::Nan => data_error(&format!("NaN not allowed in {name}")),
            Self::Infinite => data_error(&format!("infinite value not allowed in {name}")),
        }
    }
}

/// A finite number and its text.
pub(super) fn number_of(text: &str) -> Result<(f32, &str), BadNumber<'_>> {
    let value: f32 = text.parse().map_err(|_| BadNumber::Syntax)?;
    if value.is_nan() {
        Err(BadNumber::Nan)
    } else if value.is_infinite() {
        let spelled = text.bytes().any(|b| b.eq_ignore_ascii_case(&b'f'));
        Err(if spelled { BadNumber::Infinite } else { BadNumber::Range(text) })
    } else {
        Ok((value, text))
    }
}

/// Appends the elements of a binary form; says how many.
pub fn parse_binary_into<E: Element>(bytes: &[u8], values: &mut Vec<E>) -> Result<usize> {
    let Some(([d0, d1, u0, u1], elements)) = bytes.split_first_chunk::<4>() else {
        return Err(super::invalid_binary(E::NAME));
    };
    let dimension = usize::from(u16::from_be_bytes([*d0, *d1]));
    let unused = i16::from_be_bytes([*u0, *u1]);
    if dimension == 0 {
        return Err(empty::<E>());
    }
    if dimension > DIMENSION_MAX {
        return Err(too_many::<E>());
    }
    if unused != 0 {
        return Err(data_error(&format!("expected unused to be 0, not {unused}")));
    }
    if elements.len() != dimension * E::WIDTH {
        return Err(super::invalid_binary(E::NAME));
    }
    let start = values.len();
    values.extend(elements.chunks_exact(E::WIDTH).map(E::from_wire));
    check_finite(values.get(start..).unwrap_or_default())?;
    Ok(dimension)
}

/// 22000 where an element is NaN or infinite.
pub fn check_finite<E: Element>(values: &[E]) -> Result<()> {
    // One pass without branches: only an all-ones exponent survives this maximum.
    const EXPONENT: u32 = 0x7f80_0000;
    let worst = values.iter().fold(0, |worst, v| worst.max(v.to_f32().to_bits() & EXPONENT));
    if worst < EXPONENT {
        return Ok(());
    }
    let nan = values.iter().any(|v| v.to_f32().is_nan());
    let bad = if nan { BadNumber::Nan } else { BadNumber::Infinite };
    Err(bad.error(E::NAME, ""))
}

/// 22000 unless a column of `expected` dimensions may hold `found`; `expected` <= 0 is any.
pub fn check_dimension(expected: i32, found: usize) -> Result<()> {
    if expected <= 0 || usize::try_from(expected) == Ok(found) {
        return Ok(());
    }
    Err(data_error(&format!("expected {expected} dimensions, not {found}")))
}

pub(super) fn data_error(message: &str) -> SqlError {
    SqlError::new(SqlState::DATA_EXCEPTION, message)
}

fn empty<E: Element>() -> SqlError {
    data_error(&format!("{} must have at least 1 dimension", E::NAME))
}

fn too_many<E: Element>() -> SqlError {
    let message = format!("{} cannot have more than {DIMENSION_MAX} dimensions", E::NAME);
    SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message)
}

/// 22000 or 54000 unless a vector of so many dimensions may be.
pub fn check_length<E: Element>(dimensions: usize) -> Result<()> {
    match dimensions {
        0 => Err(empty::<E>()),
        1..=DIMENSION_MAX => Ok(()),
        _ => Err(too_many::<E>()),
    }
}

pub fn write<E: Element>(values: &[E], out: &mut BytesMut) {
    out.reserve(values.len() * 12 + 2);
    out.put_u8(b'[');
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            out.put_u8(b',');
        }
        float::write_f32(value.to_f32(), out);
    }
    out.put_u8(b']');
}

pub fn write_binary<E: Element>(values: &[E], out: &mut BytesMut) -> Result<()> {
    let dimension = u16::try_from(values.len()).map_err(|_| too_many::<E>())?;
    out.reserve(4 + values.len() * E::WIDTH);
    out.put_u16(dimension);
    out.put_u16(0);
    let start = out.len();
    out.resize(start + values.len() * E::WIDTH, 0);
    let chunks = out.split_at_mut(start).1.chunks_exact_mut(E::WIDTH);
    chunks.zip(values).for_each(|(chunk, value)| value.to_wire(chunk));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::f16;
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
        let mut values = Vec::<f32>::new();
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

    /// pgvector's own regression tests, test/sql/halfvec_type.sql.
    #[test]
    fn halves_as_pgvector_reads_them() {
        let read = |text: &str| {
            let mut values = Vec::<f16>::new();
            parse_into(text, &mut values).map(|_| values)
        };
        let shown = |text: &str| {
            let mut out = BytesMut::new();
            write(&read(text).unwrap(), &mut out);
            String::from_utf8(out.to_vec()).unwrap()
        };
        assert_eq!(shown("[1,2,3]"), "[1,2,3]");
        assert_eq!(shown(" [ 1,  2 ,    3  ] "), "[1,2,3]");
        assert_eq!(shown("[1.23456]"), "[1.234375]");
        assert_eq!(shown("[65504,-65504]"), "[65504,-65504]");
        assert_eq!(shown("[1e-8]"), "[0]");
        for (bad, state, message) in [
            ("[65520]", "22003", "\"65520\" is out of range for type halfvec"),
            ("[-65520]", "22003", "\"-65520\" is out of range for type halfvec"),
            ("[4e38]", "22003", "\"4e38\" is out of range for type halfvec"),
            ("[NaN]", "22000", "NaN not allowed in halfvec"),
            ("[Infinity]", "22000", "infinite value not allowed in halfvec"),
            ("[]", "22000", "halfvec must have at least 1 dimension"),
            ("[1,", "22P02", "invalid input syntax for type halfvec: \"[1,\""),
        ] {
            let error = read(bad).unwrap_err();
            assert_eq!((error.state.0, error.message.as_str()), (state, message), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn halves_read_back_in_both_forms(
            bits in prop::collection::vec(
                any::<u16>().prop_filter("finite", |b| f16::from_bits(*b).is_finite()), 1..40),
        ) {
            let values: Vec<f16> = bits.iter().map(|b| f16::from_bits(*b)).collect();
            let (mut text, mut binary) = (BytesMut::new(), BytesMut::new());
            write(&values, &mut text);
            write_binary(&values, &mut binary).unwrap();
            let of = |values: &[f16]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            let (mut a, mut b) = (Vec::<f16>::new(), Vec::<f16>::new());
            parse_into(std::str::from_utf8(&text).unwrap(), &mut a).unwrap();
            parse_binary_into(&binary, &mut b).unwrap();
            prop_assert_eq!(of(&a), bits.clone());
            prop_assert_eq!(of(&b), bits);
        }

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
            let mut back = Vec::<f32>::new();
            prop_assert_eq!(parse_binary_into(&binary, &mut back).unwrap(), values.len());
            prop_assert_eq!(bits(&back), bits(&values));
        }

        #[test]
        fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..40), text in ".{0,40}") {
            let (mut floats, mut halves) = (Vec::<f32>::new(), Vec::<f16>::new());
            let _ = parse_binary_into(&bytes, &mut floats);
            let _ = parse_into(&text, &mut floats);
            let _ = parse_binary_into(&bytes, &mut halves);
            let _ = parse_into(&text, &mut halves);
        }
    }
}
