//! pgvector's `sparsevec`: text `{1:1.5,3:2}/5`, binary `i32 dimension, i32 count, i32 0,
//! indices, float4s`; indices count from 1 in text and from 0 elsewhere, and ascend.
//!
//! Words, limits and SQLSTATEs are pgvector's (src/sparsevec.c). A value is kept so that comparing
//! its bytes compares it as pgvector does (element by element, absent ones being 0), for sorting
//! and grouping know bytes only:
//!
//! ```text
//!   element > 0   2 | index, inverted | value      all of four bytes, the highest first
//!   element < 0   0 | index           | value, inverted
//!   end           1 | dimension
//! ```
//!
//! The end stands for the zeros that remain: above a negative element, below a positive one. Among
//! values of different dimensions bytes alone do not decide; [`Sparse::compare`] does.

use super::vector::{self, BadNumber, data_error, is_space, number_of};
use super::{invalid_binary, invalid_text};
use crate::error::{Result, SqlError, SqlState};
use bytes::{BufMut, BytesMut};
use std::cmp::Ordering;

/// pgvector's `SPARSEVEC_MAX_DIM`.
pub const DIMENSION_MAX: i32 = 1_000_000_000;
/// pgvector's `SPARSEVEC_MAX_NNZ`.
pub const ELEMENTS_MAX: usize = 16_000;

const NAME: &str = "sparsevec";
const NEGATIVE: u8 = 0;
const END: u8 = 1;
const POSITIVE: u8 = 2;
const ELEMENT_BYTES: usize = 9;

/// An element: its index from 0, and its value, which is not 0.
pub type Element = (u32, f32);

/// A sparse vector, read from the bytes it is kept in.
#[derive(Clone, Copy, Debug)]
pub struct Sparse<'a> {
    elements: &'a [[u8; ELEMENT_BYTES]],
    dimension: u32,
}

impl<'a> Sparse<'a> {
    /// What these bytes hold; nothing for bytes that are none of ours.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Option<Self> {
        let (body, [END, d0, d1, d2, d3]) = bytes.split_last_chunk::<5>()? else { return None };
        let (elements, rest) = body.as_chunks::<ELEMENT_BYTES>();
        let dimension = u32::from_be_bytes([*d0, *d1, *d2, *d3]);
        rest.is_empty().then_some(Self { elements, dimension })
    }

    #[must_use]
    pub fn dimension(&self) -> u32 {
        self.dimension
    }

    /// How many elements are not 0.
    #[must_use]
    pub fn count(&self) -> usize {
        self.elements.len()
    }

    /// The elements by index.
    pub fn iter(&self) -> impl Iterator<Item = Element> + use<'a> {
        self.elements.iter().map(|[tag, i0, i1, i2, i3, v0, v1, v2, v3]| {
            let index = u32::from_be_bytes([*i0, *i1, *i2, *i3]);
            let value = u32::from_be_bytes([*v0, *v1, *v2, *v3]);
            if *tag == POSITIVE {
                (!index, f32::from_bits(value))
            } else {
                (index, f32::from_bits(!value))
            }
        })
    }

    /// Both vectors' elements by index, 0 where one has none.
    pub fn zip(self, other: Self) -> impl Iterator<Item = (f32, f32)> + use<'a> {
        let (mut a, mut b) = (self.iter().peekable(), other.iter().peekable());
        std::iter::from_fn(move || match (a.peek().copied(), b.peek().copied()) {
            (None, None) => None,
            (Some((i, x)), Some((j, y))) if i == j => {
                a.next();
                b.next();
                Some((x, y))
            }
            (Some((i, x)), other) if other.is_none_or(|(j, _)| i < j) => {
                a.next();
                Some((x, 0.0))
            }
            (_, Some((_, y))) => {
                b.next();
                Some((0.0, y))
            }
            (Some(_), None) => None,
        })
    }

    /// As `sparsevec_cmp`: element by element as far as both go, then the dimensions.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        let common = self.dimension.min(other.dimension);
        let within = |of: &Self| of.iter().take_while(|(index, _)| *index < common).collect();
        let (a, b): (Vec<Element>, Vec<Element>) = (within(self), within(other));
        let bytes = |elements: &[Element]| layout(elements, 0);
        bytes(&a).cmp(&bytes(&b)).then(self.dimension.cmp(&other.dimension))
    }
}

/// The bytes a sparse vector is kept in; `elements` ascend and hold no 0.
fn layout(elements: &[Element], dimension: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(elements.len() * ELEMENT_BYTES + 5);
    for (index, value) in elements {
        let (tag, index, value) = if *value > 0.0 {
            (POSITIVE, !index, value.to_bits())
        } else {
            (NEGATIVE, *index, !value.to_bits())
        };
        bytes.push(tag);
        bytes.extend(index.to_be_bytes());
        bytes.extend(value.to_be_bytes());
    }
    bytes.push(END);
    bytes.extend(dimension.to_be_bytes());
    bytes
}

/// The bytes of a sparse vector of these elements, checked as pgvector does.
pub fn pack(elements: &[Element], dimension: i32) -> Result<Vec<u8>> {
    let dimension = check_dimension(dimension)?;
    if elements.len() > ELEMENTS_MAX {
        return Err(too_many());
    }
    if elements.iter().any(|(index, _)| *index >= dimension) {
        return Err(data_error("sparsevec index out of bounds"));
    }
    for pair in elements.windows(2) {
        if let [(a, _), (b, _)] = pair {
            check_order(*a, *b)?;
        }
    }
    Ok(layout(elements, dimension))
}

/// The bytes of a dense vector's elements that are not 0.
pub fn of_dense(values: impl ExactSizeIterator<Item = f32>) -> Result<Vec<u8>> {
    let dimension = i32::try_from(values.len()).unwrap_or(i32::MAX);
    let elements: Vec<Element> = (0..).zip(values).filter(|(_, value)| *value != 0.0).collect();
    let values: Vec<f32> = elements.iter().map(|(_, value)| *value).collect();
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) if value.is_nan() => Err(BadNumber::Nan.error(NAME, "")),
        Some(_) => Err(BadNumber::Infinite.error(NAME, "")),
        None => pack(&elements, dimension),
    }
}

fn check_dimension(dimension: i32) -> Result<u32> {
    if dimension > DIMENSION_MAX {
        let message = format!("sparsevec cannot have more than {DIMENSION_MAX} dimensions");
        return Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
    }
    let least = || data_error("sparsevec must have at least 1 dimension");
    u32::try_from(dimension).ok().filter(|dimension| *dimension > 0).ok_or_else(least)
}

fn check_order(a: u32, b: u32) -> Result<()> {
    match a.cmp(&b) {
        Ordering::Less => Ok(()),
        Ordering::Equal => Err(data_error("sparsevec indices must not contain duplicates")),
        Ordering::Greater => Err(data_error("sparsevec indices must be in ascending order")),
    }
}

fn too_many() -> SqlError {
    let message = format!("sparsevec cannot have more than {ELEMENTS_MAX} non-zero elements");
    SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message)
}

/// A text form for a column of `expected` dimensions; <= 0 is any.
pub fn parse(text: &str, expected: i32) -> Result<Vec<u8>> {
    let syntax = || invalid_text(NAME, text);
    let rest = text
        .trim_matches(is_space)
        .strip_prefix('{')
        .ok_or_else(|| syntax().detail("Vector contents must start with \"{\"."))?;
    let (inner, rest) = rest.split_once('}').ok_or_else(syntax)?;
    let mut elements = Vec::new();
    if !inner.trim_matches(is_space).is_empty() {
        if inner.matches(',').count() >= ELEMENTS_MAX {
            return Err(too_many());
        }
        for element in inner.split(',') {
            elements.extend(element_of(element, text)?);
        }
    }
    let dimension = dimension_of(rest, text)?;
    check_dimension(dimension)?;
    vector::check_dimension(expected, usize::try_from(dimension).unwrap_or_default())?;
    elements.sort_by_key(|(index, _)| *index);
    let outside = |_| data_error("sparsevec index out of bounds");
    let counted =
        |(index, value): (i64, f32)| Ok((u32::try_from(index - 1).map_err(outside)?, value));
    pack(&elements.into_iter().map(counted).collect::<Result<Vec<_>>>()?, dimension)
}

/// `index:value`; nothing for a value of 0.
fn element_of(element: &str, text: &str) -> Result<Option<(i64, f32)>> {
    let syntax = || invalid_text(NAME, text);
    let (index, value) = element.split_once(':').ok_or_else(syntax)?;
    let index = integer(index.trim_matches(is_space)).ok_or_else(syntax)?;
    let value = number_of(value.trim_matches(is_space));
    let value = value.and_then(|(value, digits)| {
        // As C's `strtof` tells it: a number that is not 0 and comes out as 0.
        let mantissa = digits.split(['e', 'E']).next().unwrap_or_default();
        let lost = value == 0.0 && mantissa.bytes().any(|b| (b'1'..=b'9').contains(&b));
        if lost { Err(BadNumber::Range(digits)) } else { Ok(value) }
    });
    let value = value.map_err(|bad| bad.error(NAME, text))?;
    Ok((value != 0.0).then_some((index, value)))
}

/// What stands behind the braces: `/5`.
fn dimension_of(rest: &str, text: &str) -> Result<i32> {
    let syntax = || invalid_text(NAME, text);
    let rest = rest.trim_matches(is_space);
    let rest = rest.strip_prefix('/').ok_or_else(|| syntax().detail("Unexpected end of input."))?;
    let rest = rest.trim_matches(is_space);
    let digits = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+');
    let (number, junk) = rest.split_at(rest.find(|c| !digits(c)).unwrap_or(rest.len()));
    let dimension = integer(number).ok_or_else(syntax)?;
    if !junk.is_empty() {
        return Err(syntax().detail("Junk after closing."));
    }
    Ok(i32::try_from(dimension).unwrap_or(if dimension < 0 { 0 } else { i32::MAX }))
}

/// As `strtol`, kept within the numbers an index can be told from.
fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let limit = i64::from(i32::MAX);
    let bound = if text.starts_with('-') { -limit } else { limit };
    Some(text.parse::<i64>().map_or(bound, |number| number.clamp(-limit, limit)))
}

/// A binary form for a column of `expected` dimensions.
pub fn parse_binary(bytes: &[u8], expected: i32) -> Result<Vec<u8>> {
    let (words, odd) = bytes.as_chunks::<4>();
    let ([dimension, count, unused], words) =
        words.split_first_chunk::<3>().ok_or_else(|| invalid_binary(NAME))?;
    let [dimension, count, unused] = [dimension, count, unused].map(|w| i32::from_be_bytes(*w));
    check_dimension(dimension)?;
    let count = check_count(count, dimension)?;
    vector::check_dimension(expected, usize::try_from(dimension).unwrap_or_default())?;
    if unused != 0 {
        return Err(data_error(&format!("expected unused to be 0, not {unused}")));
    }
    if !odd.is_empty() || words.len() != count * 2 {
        return Err(invalid_binary(NAME));
    }
    let (indices, values) = words.split_at(count);
    let mut elements = Vec::with_capacity(count);
    for (index, value) in indices.iter().zip(values) {
        let value = f32::from_be_bytes(*value);
        vector::check_finite(&[value]).map_err(|_| {
            let bad = if value.is_nan() { BadNumber::Nan } else { BadNumber::Infinite };
            bad.error(NAME, "")
        })?;
        if value == 0.0 {
            let message = "binary representation of sparsevec cannot contain zero values";
            return Err(data_error(message));
        }
        elements.push((u32::from_be_bytes(*index), value));
    }
    pack(&elements, dimension)
}

fn check_count(count: i32, dimension: i32) -> Result<usize> {
    let negative = |_| data_error("sparsevec cannot have negative number of elements");
    let elements = usize::try_from(count).map_err(negative)?;
    if elements > ELEMENTS_MAX {
        return Err(too_many());
    }
    if count > dimension {
        let message = "sparsevec cannot have more elements than dimensions";
        return Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
    }
    Ok(elements)
}

pub fn write(sparse: Sparse<'_>, out: &mut BytesMut) {
    use std::fmt::Write;
    out.put_u8(b'{');
    for (at, (index, value)) in sparse.iter().enumerate() {
        out.put_slice(if at > 0 { b"," } else { b"" });
        // BytesMut grows; writing to it cannot fail.
        let _ = write!(out, "{}:", u64::from(index) + 1);
        super::float::write_f32(value, out);
    }
    let _ = write!(out, "}}/{}", sparse.dimension());
}

pub fn write_binary(sparse: Sparse<'_>, out: &mut BytesMut) {
    out.reserve(12 + sparse.count() * 8);
    out.put_u32(sparse.dimension());
    out.put_u32(u32::try_from(sparse.count()).unwrap_or_default());
    out.put_u32(0);
    sparse.iter().for_each(|(index, _)| out.put_u32(index));
    sparse.iter().for_each(|(_, value)| out.put_f32(value));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(bytes: &[u8]) -> String {
        let mut out = BytesMut::new();
        write(Sparse::of(bytes).unwrap(), &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    /// pgvector's own regression tests, test/sql/sparsevec_type.sql.
    #[test]
    fn as_pgvector_reads_them() {
        for (text, wanted) in [
            ("{1:1.5,3:3.5}/5", "{1:1.5,3:3.5}/5"),
            ("{1:-2,3:-4}/5", "{1:-2,3:-4}/5"),
            ("{1:2.,3:4.}/5", "{1:2,3:4}/5"),
            (" { 1 : 1.5 ,  3  :  3.5  } / 5 ", "{1:1.5,3:3.5}/5"),
            ("{1:1.23456}/1", "{1:1.23456}/1"),
            ("{}/5", "{}/5"),
            ("{ }/5", "{}/5"),
            ("{1:0,2:1,3:0}/3", "{2:1}/3"),
            ("{2:1,1:1}/2", "{1:1,2:1}/2"),
            ("{1:1.5e38,2:-1.5e38}/2", "{1:1.5e+38,2:-1.5e+38}/2"),
        ] {
            assert_eq!(shown(&parse(text, -1).unwrap()), wanted, "{text}");
        }
        for (text, state, message) in [
            ("{1:hello}/2", "22P02", "invalid input syntax for type sparsevec: \"{1:hello}/2\""),
            ("{1:NaN}/1", "22000", "NaN not allowed in sparsevec"),
            ("{1:Infinity}/1", "22000", "infinite value not allowed in sparsevec"),
            ("{1:1e-46}/1", "22003", "\"1e-46\" is out of range for type sparsevec"),
            ("{1:4e38}/1", "22003", "\"4e38\" is out of range for type sparsevec"),
            ("", "22P02", "invalid input syntax for type sparsevec: \"\""),
            ("{", "22P02", "invalid input syntax for type sparsevec: \"{\""),
            ("{}", "22P02", "invalid input syntax for type sparsevec: \"{}\""),
            ("{}/", "22P02", "invalid input syntax for type sparsevec: \"{}/\""),
            ("{}/1a", "22P02", "invalid input syntax for type sparsevec: \"{}/1a\""),
            ("{1:1,1:1}/2", "22000", "sparsevec indices must not contain duplicates"),
            ("{0:1}/1", "22000", "sparsevec index out of bounds"),
            ("{2:1}/1", "22000", "sparsevec index out of bounds"),
            ("{-2147483649:1}/1", "22000", "sparsevec index out of bounds"),
            ("{}/0", "22000", "sparsevec must have at least 1 dimension"),
            ("{}/-1", "22000", "sparsevec must have at least 1 dimension"),
            ("{}/1000000001", "54000", "sparsevec cannot have more than 1000000000 dimensions"),
            ("{1:1,}/1", "22P02", "invalid input syntax for type sparsevec: \"{1:1,}/1\""),
            ("{1}/1", "22P02", "invalid input syntax for type sparsevec: \"{1}/1\""),
        ] {
            let error = parse(text, -1).unwrap_err();
            assert_eq!((error.state.0, error.message.as_str()), (state, message), "{text}");
        }
        assert_eq!(parse("{}/5", 4).unwrap_err().message, "expected 4 dimensions, not 5");
        let long: Vec<String> = (1..=16_001).map(|i| format!("{i}:1")).collect();
        let error = parse(&format!("{{{}}}/20000", long.join(",")), -1).unwrap_err();
        assert_eq!(error.state, SqlState::PROGRAM_LIMIT_EXCEEDED);
    }

    #[test]
    fn bad_binary() {
        let form =
            |words: &[i32]| -> Vec<u8> { words.iter().flat_map(|w| w.to_be_bytes()).collect() };
        let one = 1f32.to_bits().cast_signed();
        for (words, state) in [
            (&[3, 1, 0][..], "22P03"),
            (&[3, -1, 0], "22000"),
            (&[3, 4, 0], "54000"),
            (&[3, 1, 1, 0, one], "22000"),
            (&[3, 1, 0, 3, one], "22000"),
            (&[3, 1, 0, -1, one], "22000"),
            (&[3, 1, 0, 0, 0], "22000"),
            (&[3, 2, 0, 1, 0, one, one], "22000"),
            (&[0, 0, 0], "22000"),
            (&[1], "22P03"),
        ] {
            assert_eq!(parse_binary(&form(words), -1).unwrap_err().state.0, state, "{words:?}");
        }
    }

    fn dense() -> impl Strategy<Value = Vec<i8>> {
        prop::collection::vec(prop_oneof![2 => Just(0i8), 1 => -3i8..4], 1..12)
    }

    fn sparse(values: &[i8]) -> Vec<u8> {
        of_dense(values.iter().map(|v| f32::from(*v))).unwrap()
    }

    proptest! {
        #[test]
        fn both_forms_read_back(values in dense()) {
            let bytes = sparse(&values);
            let kept = Sparse::of(&bytes).unwrap();
            let mut binary = BytesMut::new();
            write_binary(kept, &mut binary);
            prop_assert_eq!(&parse_binary(&binary, -1).unwrap(), &bytes);
            prop_assert_eq!(&parse(&shown(&bytes), -1).unwrap(), &bytes);
            let mut back = vec![0.0; values.len()];
            kept.iter().for_each(|(index, value)| back[index as usize] = value);
            prop_assert_eq!(back, values.iter().map(|v| f32::from(*v)).collect::<Vec<_>>());
        }

        #[test]
        fn order_is_that_of_dense_vectors(a in dense(), b in dense()) {
            let (x, y) = (sparse(&a), sparse(&b));
            let (p, q) = (Sparse::of(&x).unwrap(), Sparse::of(&y).unwrap());
            prop_assert_eq!(p.compare(&q), a.cmp(&b));
            if a.len() == b.len() {
                prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            }
        }

        #[test]
        fn zipped_elements_are_those_of_dense_vectors(
            pairs in prop::collection::vec((-2i8..3, -2i8..3), 1..12),
        ) {
            let (a, b): (Vec<i8>, Vec<i8>) = pairs.iter().copied().unzip();
            let (x, y) = (sparse(&a), sparse(&b));
            let zipped: Vec<_> = Sparse::of(&x).unwrap().zip(Sparse::of(&y).unwrap()).collect();
            let wanted = pairs.iter().filter(|(a, b)| *a != 0 || *b != 0);
            let wanted = wanted.map(|(a, b)| (f32::from(*a), f32::from(*b)));
            prop_assert_eq!(zipped, wanted.collect::<Vec<_>>());
        }

        #[test]
        fn no_input_panics(
            bytes in prop::collection::vec(any::<u8>(), 0..40),
            text in "[{}0-9:,/.\\- ]{0,30}",
        ) {
            let _ = (parse(&text, -1), parse_binary(&bytes, -1));
            let _ = Sparse::of(&bytes).map(|sparse| sparse.iter().count());
        }
    }
}
