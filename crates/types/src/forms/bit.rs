//! `bit(n)` and `bit varying(n)`: text `101`, binary `i32 length` and the bits, highest first.
//!
//! A value is kept so that comparing its bytes compares it as Postgres does (bit by bit, then the
//! shorter first), for sorting, grouping and `<` know bytes only:
//!
//! ```text
//!   7 bits, 1 | 7 bits, 1 | ... | 0 | bits of the last group (0 to 7)
//! ```
//!
//! Every group carries a mark that is greater than the closing zero, so a shorter value comes
//! before the longer ones it begins. That is one byte in seven more than packed bits; a byte for
//! each bit would sort as well, at seven times the memory. The marks fall out of an exclusive or,
//! so a Hamming distance is the count over whole values of one length.

use crate::error::{Result, SqlError, SqlState};
use bytes::{BufMut, BytesMut};

/// The longest `bit(n)` there may be, as in Postgres.
pub const LENGTH_MAX: i32 = 83_886_080;

const GROUP: usize = 7;
const MARK: u8 = 1;

/// A bit string, read from the bytes it is kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits<'a> {
    groups: &'a [u8],
    length: usize,
}

impl<'a> Bits<'a> {
    /// What these bytes hold; nothing for bytes that are none of ours.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Option<Self> {
        let (groups, &[0, last]) = bytes.split_last_chunk::<2>()? else { return None };
        let last = usize::from(last);
        let fits = if groups.is_empty() { last == 0 } else { (1..=GROUP).contains(&last) };
        let length = groups.len().saturating_sub(1) * GROUP + last;
        fits.then_some(Self { groups, length })
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The bits in order.
    pub fn iter(&self) -> impl Iterator<Item = bool> + use<'a> {
        let each = |group: &'a u8| (0..GROUP).map(move |at| group >> (7 - at) & 1 == 1);
        self.groups.iter().flat_map(each).take(self.length)
    }

    /// How many bits differ from those of a string of the same length.
    #[must_use]
    pub fn hamming(&self, other: &Self) -> u64 {
        self.count(other, |a, b| a ^ b)
    }

    /// How many bits both have set, and how many each.
    #[must_use]
    pub fn overlap(&self, other: &Self) -> (u64, u64, u64) {
        let marks = self.groups.len() as u64;
        let both = self.count(other, |a, b| a & b) - marks;
        let own = self.count(other, |a, _| a) - marks;
        (both, own, self.count(other, |_, b| b) - marks)
    }

    #[inline]
    fn count(&self, other: &Self, of: impl Fn(u8, u8) -> u8) -> u64 {
        let pairs = self.groups.iter().zip(other.groups);
        pairs.map(|(a, b)| u64::from(of(*a, *b).count_ones())).sum()
    }
}

/// The bytes a bit string is kept in.
#[must_use]
pub fn pack(bits: impl Iterator<Item = bool>) -> Vec<u8> {
    let (mut bytes, mut held) = (Vec::with_capacity(bits.size_hint().0 / GROUP + 3), GROUP);
    for bit in bits {
        if held == GROUP {
            bytes.push(MARK);
            held = 0;
        }
        if let Some(group) = bytes.last_mut().filter(|_| bit) {
            *group |= 1 << (7 - held);
        }
        held += 1;
    }
    let last = if bytes.is_empty() { 0 } else { held };
    bytes.extend([0, u8::try_from(last).unwrap_or_default()]);
    bytes
}

/// A text form: digits, after an optional `b`; hexadecimal after an `x`.
pub fn parse(text: &str) -> Result<Vec<u8>> {
    let digit = |c: char, radix: u32| {
        let kind = if radix == 2 { "binary" } else { "hexadecimal" };
        c.to_digit(radix).ok_or_else(|| {
            let message = format!("\"{c}\" is not a valid {kind} digit");
            SqlError::new(SqlState::INVALID_TEXT, message)
        })
    };
    if let Some(digits) = text.strip_prefix(['x', 'X']) {
        let digits = digits.chars().map(|c| digit(c, 16)).collect::<Result<Vec<_>>>()?;
        let each = |digit: u32| (0..4).map(move |at| digit >> (3 - at) & 1 == 1);
        return Ok(pack(digits.into_iter().flat_map(each)));
    }
    let digits = text.strip_prefix(['b', 'B']).unwrap_or(text);
    let bits = digits.chars().map(|c| digit(c, 2).map(|d| d == 1)).collect::<Result<Vec<_>>>()?;
    Ok(pack(bits.into_iter()))
}

/// A binary form.
pub fn parse_binary(bytes: &[u8]) -> Result<Vec<u8>> {
    let invalid = || super::invalid_binary("bit");
    let (length, body) = bytes.split_first_chunk::<4>().ok_or_else(invalid)?;
    let length = usize::try_from(i32::from_be_bytes(*length)).map_err(|_| {
        SqlError::new(SqlState::INVALID_BINARY, "invalid length in external bit string")
    })?;
    if body.len() != length.div_ceil(8) {
        return Err(invalid());
    }
    let each = |byte: &u8| {
        let byte = *byte;
        (0..8).map(move |at| byte >> (7 - at) & 1 == 1)
    };
    Ok(pack(body.iter().flat_map(each).take(length)))
}

/// 22026 unless `bit(n)` may hold the value, 22001 unless `bit varying(n)`; n <= 0 is any.
pub fn check_length(bytes: &[u8], varying: bool, typmod: i32) -> Result<()> {
    let Some(wanted) = usize::try_from(typmod).ok().filter(|n| *n > 0) else { return Ok(()) };
    let found = Bits::of(bytes).map_or(0, |bits| bits.len());
    if varying && found > wanted {
        let message = format!("bit string too long for type bit varying({wanted})");
        return Err(SqlError::new(SqlState::STRING_TOO_LONG, message));
    }
    if !varying && found != wanted {
        let message = format!("bit string length {found} does not match type bit({wanted})");
        return Err(SqlError::new(SqlState("22026"), message));
    }
    Ok(())
}

/// The value as an explicit cast makes it: cut, or for `bit(n)` filled with zeros on the right.
#[must_use]
pub fn fit(bits: Bits<'_>, varying: bool, typmod: i32) -> Vec<u8> {
    match usize::try_from(typmod).ok().filter(|n| *n > 0) {
        None => pack(bits.iter()),
        Some(length) if varying => pack(bits.iter().take(length)),
        Some(length) => pack(bits.iter().chain(std::iter::repeat(false)).take(length)),
    }
}

pub fn write(bits: Bits<'_>, out: &mut BytesMut) {
    out.reserve(bits.len());
    out.extend(bits.iter().map(|bit| if bit { b'1' } else { b'0' }));
}

pub fn write_binary(bits: Bits<'_>, out: &mut BytesMut) -> Result<()> {
    let long = |_| SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "a bit string is too long");
    out.put_i32(i32::try_from(bits.len()).map_err(long)?);
    let start = out.len();
    out.put_bytes(0, bits.len().div_ceil(8));
    for (at, bit) in bits.iter().enumerate() {
        if let Some(byte) = out.get_mut(start + at / 8).filter(|_| bit) {
            *byte |= 1 << (7 - at % 8);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text_of(bytes: &[u8]) -> String {
        let mut out = BytesMut::new();
        write(Bits::of(bytes).unwrap(), &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn as_postgres_reads_them() {
        for text in ["", "0", "1010101", "10101010", "111100001111000011"] {
            assert_eq!(text_of(&parse(text).unwrap()), text);
        }
        assert_eq!(text_of(&parse("b101").unwrap()), "101");
        assert_eq!(text_of(&parse("xA5").unwrap()), "10100101");
        let error = parse("102").unwrap_err();
        assert_eq!(error.message, "\"2\" is not a valid binary digit");
        assert_eq!(error.state, SqlState::INVALID_TEXT);
        assert_eq!(parse("xg").unwrap_err().message, "\"g\" is not a valid hexadecimal digit");
        let two = parse("10").unwrap();
        let error = check_length(&two, false, 3).unwrap_err();
        assert_eq!(error.message, "bit string length 2 does not match type bit(3)");
        assert_eq!(error.state.0, "22026");
        assert!(check_length(&two, true, 3).is_ok() && check_length(&two, false, -1).is_ok());
        assert_eq!(check_length(&two, true, 1).unwrap_err().state, SqlState::STRING_TOO_LONG);
        let bits = Bits::of(&two).unwrap();
        assert_eq!(text_of(&fit(bits, false, 4)), "1000");
        assert_eq!(text_of(&fit(bits, false, 1)), "1");
        assert_eq!(text_of(&fit(bits, true, 4)), "10");
    }

    fn bits() -> impl Strategy<Value = Vec<bool>> {
        prop::collection::vec(any::<bool>(), 0..40)
    }

    proptest! {
        #[test]
        fn both_forms_read_back(bits in bits()) {
            let bytes = pack(bits.iter().copied());
            let kept = Bits::of(&bytes).unwrap();
            prop_assert_eq!(kept.len(), bits.len());
            prop_assert_eq!(kept.iter().collect::<Vec<_>>(), bits);
            let mut binary = BytesMut::new();
            write_binary(kept, &mut binary).unwrap();
            prop_assert_eq!(&parse_binary(&binary).unwrap(), &bytes);
            prop_assert_eq!(parse(&text_of(&bytes)).unwrap(), bytes);
        }

        /// `bit_cmp` of Postgres: the bits, then the lengths.
        #[test]
        fn bytes_are_in_the_order_of_the_values(a in bits(), b in bits()) {
            let packed = |bits: &[bool]| pack(bits.iter().copied());
            prop_assert_eq!(packed(&a).cmp(&packed(&b)), a.cmp(&b));
        }

        #[test]
        fn counts_are_those_of_the_bits(
            pairs in prop::collection::vec(any::<(bool, bool)>(), 0..40),
        ) {
            let (a, b): (Vec<bool>, Vec<bool>) = pairs.iter().copied().unzip();
            let (a, b) = (pack(a.into_iter()), pack(b.into_iter()));
            let (a, b) = (Bits::of(&a).unwrap(), Bits::of(&b).unwrap());
            let count =
                |of: fn(&(bool, bool)) -> bool| pairs.iter().filter(|p| of(p)).count() as u64;
            prop_assert_eq!(a.hamming(&b), count(|(a, b)| a != b));
            let wanted = (count(|(a, b)| *a && *b), count(|(a, _)| *a), count(|(_, b)| *b));
            prop_assert_eq!(a.overlap(&b), wanted);
        }

        #[test]
        fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..20), text in ".{0,20}") {
            let _ = (parse(&text), parse_binary(&bytes));
            let _ = Bits::of(&bytes).map(|b| b.iter().count());
        }
    }
}
