//! `numeric` as a scaled 128-bit integer: at most 38 digits, no NaN, no infinity.
//!
//! The binary form is Postgres': base-10000 digits with a weight and a display scale. A numeric
//! without modifier is kept at scale 10 and shown without trailing zeros, for Arrow's decimals
//! have one scale a column and cannot remember each value's own.

use super::{invalid_binary, invalid_text};
use crate::error::{Result, SqlError, SqlState};
use bytes::{BufMut, BytesMut};

const NAME: &str = "numeric";
const SIGN_NEGATIVE: u16 = 0x4000;
const SIGN_POSITIVE: u16 = 0;

/// How a decimal column keeps its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub precision: u8,
    pub scale: i8,
    /// No modifier was given: show no trailing zeros.
    pub trimmed: bool,
}

impl Shape {
    #[must_use]
    pub fn of_typmod(typmod: i32) -> Self {
        let (precision, scale) = crate::pg_type::numeric_precision_scale(typmod);
        Self { precision, scale, trimmed: typmod < 4 }
    }

    fn limit(self) -> i128 {
        10i128.checked_pow(u32::from(self.precision.min(38))).unwrap_or(i128::MAX)
    }

    fn checked(self, value: Option<i128>) -> Result<i128> {
        value
            .filter(|v| v.unsigned_abs() < self.limit().unsigned_abs())
            .ok_or_else(|| self.overflow())
    }

    fn overflow(self) -> SqlError {
        if self.trimmed {
            let message = "value overflows numeric format";
            return SqlError::new(SqlState::NUMERIC_OUT_OF_RANGE, message)
                .detail("An unconstrained numeric holds 28 digits before the point and 10 after.");
        }
        let Self { precision, scale, .. } = self;
        let whole = i32::from(precision) - i32::from(scale);
        SqlError::new(SqlState::NUMERIC_OUT_OF_RANGE, "numeric field overflow").detail(format!(
            "A field with precision {precision}, scale {scale} must round to an absolute value \
             less than 10^{whole}."
        ))
    }
}

/// Reads a decimal, rounding half away from zero to the shape's scale.
pub fn parse(text: &str, shape: Shape) -> Result<i128> {
    let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
    let (negative, unsigned) = match trimmed.as_bytes().first() {
        Some(b'-') => (true, &trimmed[1..]),
        Some(b'+') => (false, &trimmed[1..]),
        _ => (false, trimmed),
    };
    if ["nan", "inf", "infinity"].iter().any(|word| unsigned.eq_ignore_ascii_case(word)) {
        return Err(SqlError::unsupported(format!("numeric '{trimmed}'")));
    }
    let decimal = Decimal::of(unsigned).ok_or_else(|| invalid_text(NAME, text))?;
    let magnitude = decimal.at_scale(i32::from(shape.scale));
    shape.checked(magnitude.map(|m| if negative { -m } else { m }))
}

/// An unsigned decimal as text: its digits, and where the point stands.
struct Decimal {
    digits: Vec<u8>,
    /// Digits before the point; may lie outside `digits`.
    point: i32,
}

impl Decimal {
    fn of(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            None => (text, 0),
            // Beyond this the value over- or underflows whatever the mantissa.
            Some((mantissa, exponent)) => {
                (mantissa, exponent.parse::<i32>().ok()?.clamp(-200_000, 200_000))
            }
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = Vec::with_capacity(mantissa.len());
        let mut after_digit = false;
        for byte in whole.bytes() {
            match byte {
                b'0'..=b'9' => digits.push(byte - b'0'),
                b'_' if after_digit => {}
                _ => return None,
            }
            after_digit = byte != b'_';
        }
        if !whole.is_empty() && !after_digit {
            return None;
        }
        let point = i32::try_from(digits.len()).ok()?.checked_add(exponent)?;
        for byte in fraction.bytes() {
            digits.push(byte.is_ascii_digit().then(|| byte - b'0')?);
        }
        if digits.is_empty() { None } else { Some(Self { digits, point }) }
    }

    /// The value times ten to the `scale`, rounded; `None` where it overflows.
    fn at_scale(&self, scale: i32) -> Option<i128> {
        let kept = self.point.saturating_add(scale);
        if self.digits.iter().all(|d| *d == 0) {
            return Some(0);
        }
        let Ok(kept) = usize::try_from(kept) else { return Some(0) };
        let mut value: i128 = 0;
        for digit in self.digits.iter().take(kept) {
            value = value.checked_mul(10)?.checked_add(i128::from(*digit))?;
        }
        for _ in self.digits.len()..kept {
            // Zero stays zero however far the point is: `0e100000` ends at once above.
            value = value.checked_mul(10)?;
        }
        let rounds_up = self.digits.get(kept).is_some_and(|d| *d >= 5);
        value.checked_add(i128::from(rounds_up))
    }
}

/// Writes `value / 10^scale`.
pub fn write(value: i128, shape: Shape, out: &mut BytesMut) {
    let mut scale = usize::from(shape.scale.max(0).unsigned_abs());
    let mut magnitude = value.unsigned_abs();
    if shape.trimmed {
        while scale > 0 && magnitude.is_multiple_of(10) {
            magnitude /= 10;
            scale -= 1;
        }
    }
    if value < 0 {
        out.put_u8(b'-');
    }
    let digits = format!("{magnitude:0width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    out.put_slice(whole.as_bytes());
    if shape.scale < 0 && value != 0 {
        out.put_bytes(b'0', usize::from(shape.scale.unsigned_abs()));
    }
    if !fraction.is_empty() {
        out.put_u8(b'.');
        out.put_slice(fraction.as_bytes());
    }
}

/// Writes the binary form.
pub fn write_binary(value: i128, shape: Shape, out: &mut BytesMut) {
    let mut scale = i32::from(shape.scale);
    let mut magnitude = value.unsigned_abs();
    if shape.trimmed {
        while scale > 0 && magnitude.is_multiple_of(10) {
            magnitude /= 10;
            scale -= 1;
        }
    }
    let display_scale = u16::try_from(scale).unwrap_or(0);
    let (digits, weight) = base_10000(magnitude, scale);
    out.put_u16(u16::try_from(digits.len()).unwrap_or(0));
    out.put_i16(if digits.is_empty() { 0 } else { weight });
    out.put_u16(if value < 0 { SIGN_NEGATIVE } else { SIGN_POSITIVE });
    out.put_u16(display_scale);
    for digit in digits {
        out.put_u16(digit);
    }
}

/// Base-10000 digits, most significant first, without zeros at either end; and the first's weight.
fn base_10000(magnitude: u128, scale: i32) -> (Vec<u16>, i16) {
    // Align the point to a group of four by appending zeros: done digit by digit, since the
    // shifted number may not fit in 128 bits.
    let padding = (-scale).rem_euclid(4);
    let groups_below = (scale + padding) / 4;
    let first = 10u128.pow(u32::try_from(4 - padding).unwrap_or(4));
    let shift = 10u128.pow(padding.unsigned_abs());
    let mut reversed = vec![u16::try_from((magnitude % first) * shift).unwrap_or(0)];
    let mut rest = magnitude / first;
    while rest > 0 {
        reversed.push(u16::try_from(rest % 10_000).unwrap_or(0));
        rest /= 10_000;
    }
    while reversed.last() == Some(&0) {
        reversed.pop();
    }
    let weight = i32::try_from(reversed.len()).unwrap_or(0) - groups_below - 1;
    let trailing = reversed.iter().take_while(|d| **d == 0).count();
    let digits: Vec<u16> = reversed.into_iter().skip(trailing).rev().collect();
    (digits, i16::try_from(weight).unwrap_or(0))
}

/// Reads the binary form.
pub fn parse_binary(bytes: &[u8], shape: Shape) -> Result<i128> {
    let mut words = Words(bytes);
    let (Some(count), Some(weight), Some(sign), Some(_)) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(invalid_binary(NAME));
    };
    #[expect(clippy::cast_possible_wrap, reason = "weight is an i16 on the wire")]
    let weight = i32::from(weight as i16);
    let negative = match sign {
        SIGN_POSITIVE => false,
        SIGN_NEGATIVE => true,
        0xC000 | 0xD000 | 0xF000 => return Err(SqlError::unsupported("numeric NaN or infinity")),
        _ => return Err(invalid_binary(NAME)),
    };
    let mut digits = Vec::with_capacity(usize::from(count) * 4);
    for _ in 0..count {
        let group = words.next().filter(|g| *g < 10_000).ok_or_else(|| invalid_binary(NAME))?;
        for power in [1000, 100, 10, 1] {
            digits.push(u8::try_from(group / power % 10).unwrap_or(0));
        }
    }
    if !words.0.is_empty() {
        return Err(invalid_binary(NAME));
    }
    let decimal = Decimal { digits, point: (weight + 1) * 4 };
    let magnitude = decimal.at_scale(i32::from(shape.scale));
    shape.checked(magnitude.map(|m| if negative { -m } else { m }))
}

struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn next(&mut self) -> Option<u16> {
        let (word, rest) = self.0.split_first_chunk::<2>()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FREE: Shape = Shape { precision: 38, scale: 10, trimmed: true };
    const MONEY: Shape = Shape { precision: 5, scale: 2, trimmed: false };

    fn text(value: i128, shape: Shape) -> String {
        let mut out = BytesMut::new();
        write(value, shape, &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn reads_and_shows() {
        for (input, shown) in [
            ("0", "0"),
            (" 1.50 ", "1.5"),
            ("-0.0001", "-0.0001"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1e3", "1000"),
            ("1.25E-2", "0.0125"),
            ("1_000.5", "1000.5"),
            ("0.00000000005", "0.0000000001"),
            ("-0.00000000005", "-0.0000000001"),
            ("0e100000", "0"),
            ("1e-100000", "0"),
            ("9999999999999999999999999999.9999999999", "9999999999999999999999999999.9999999999"),
        ] {
            assert_eq!(text(parse(input, FREE).unwrap(), FREE), shown, "{input}");
        }
        assert_eq!(text(parse("1.5", MONEY).unwrap(), MONEY), "1.50");
        assert_eq!(text(parse("-0.005", MONEY).unwrap(), MONEY), "-0.01");
        assert_eq!(text(parse("999.994", MONEY).unwrap(), MONEY), "999.99");
    }

    #[test]
    fn refusals() {
        for bad in ["", ".", "1.2.3", "1e", "abc", "1__0", "_1", "--1", "1e1.5", "0x10"] {
            assert_eq!(parse(bad, FREE).unwrap_err().state, SqlState::INVALID_TEXT, "{bad:?}");
        }
        for large in ["999.995", "1000", "1e100000", "-1e30"] {
            let error = parse(large, MONEY).unwrap_err();
            assert_eq!(error.state, SqlState::NUMERIC_OUT_OF_RANGE, "{large}");
        }
        assert_eq!(parse("NaN", FREE).unwrap_err().state, SqlState::FEATURE_NOT_SUPPORTED);
        assert_eq!(parse("1e29", FREE).unwrap_err().state, SqlState::NUMERIC_OUT_OF_RANGE);
    }

    /// The wire form as the independent `rust_decimal` crate writes and reads it.
    #[test]
    fn binary_agrees_with_rust_decimal() {
        use postgres_types::{FromSql, ToSql, Type};
        for input in ["0", "1", "-1", "10000", "0.5", "0.0001", "12345.6789", "-99999999.00001"] {
            let ours = parse(input, FREE).unwrap();
            let mut bytes = BytesMut::new();
            write_binary(ours, FREE, &mut bytes);
            let theirs = rust_decimal::Decimal::from_sql(&Type::NUMERIC, &bytes).unwrap();
            assert_eq!(theirs.to_string(), input);
            let mut written = BytesMut::new();
            let _ = theirs.to_sql(&Type::NUMERIC, &mut written).unwrap();
            assert_eq!(parse_binary(&written, FREE).unwrap(), ours, "{input}");
        }
    }

    proptest! {
        #[test]
        fn text_and_binary_read_back(value in any::<i128>(), scale in 0i8..=38, trimmed: bool) {
            let shape = Shape { precision: 38, scale, trimmed };
            let value = value % 10i128.pow(38);
            prop_assert_eq!(parse(&text(value, shape), shape).unwrap(), value);
            let mut bytes = BytesMut::new();
            write_binary(value, shape, &mut bytes);
            prop_assert_eq!(parse_binary(&bytes, shape).unwrap(), value);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse_binary(&bytes, FREE);
            let _ = parse(&String::from_utf8_lossy(&bytes), MONEY);
        }
    }
}
