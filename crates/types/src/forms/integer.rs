//! `smallint`, `integer`, `bigint`, `oid`: decimal, hex, octal and binary, with underscores.

use super::{invalid_text, out_of_range};
use crate::error::Result;

/// Reads an integer that must lie in `low..=high`.
pub fn parse(type_name: &str, text: &str, low: i64, high: i64) -> Result<i64> {
    let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
    // The common case: plain decimal digits.
    if let Ok(value) = trimmed.parse::<i64>() {
        return in_range(type_name, text, value, low, high);
    }
    let (negative, digits) = match trimmed.as_bytes().first() {
        Some(b'-') => (true, &trimmed[1..]),
        Some(b'+') => (false, &trimmed[1..]),
        _ => (false, trimmed),
    };
    let magnitude = match magnitude(digits) {
        Some(Magnitude::Value(value)) => value,
        Some(Magnitude::TooLarge) => return Err(out_of_range(type_name, text)),
        None => return Err(invalid_text(type_name, text)),
    };
    let value = if negative { -magnitude } else { magnitude };
    let value = i64::try_from(value).map_err(|_| out_of_range(type_name, text))?;
    in_range(type_name, text, value, low, high)
}

fn in_range(type_name: &str, text: &str, value: i64, low: i64, high: i64) -> Result<i64> {
    let inside = (low..=high).contains(&value);
    if inside { Ok(value) } else { Err(out_of_range(type_name, text.trim())) }
}

enum Magnitude {
    Value(i128),
    TooLarge,
}

fn magnitude(text: &str) -> Option<Magnitude> {
    let (radix, digits) = match text.get(..2) {
        Some("0x" | "0X") => (16, &text[2..]),
        Some("0o" | "0O") => (8, &text[2..]),
        Some("0b" | "0B") => (2, &text[2..]),
        _ => (10, text),
    };
    let mut value: i128 = 0;
    let mut after_digit = radix != 10;
    for c in digits.chars() {
        match c.to_digit(radix) {
            Some(digit) => {
                value = value.saturating_mul(i128::from(radix)).saturating_add(i128::from(digit));
                after_digit = true;
            }
            None if c == '_' && after_digit => after_digit = false,
            None => return None,
        }
    }
    let ends_well = after_digit && !digits.is_empty();
    let fits = value <= i128::from(u64::MAX);
    ends_well.then_some(if fits { Magnitude::Value(value) } else { Magnitude::TooLarge })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::SqlState;

    #[test]
    fn as_postgres_reads_them() {
        let read = |text| parse("integer", text, i64::from(i32::MIN), i64::from(i32::MAX));
        assert_eq!(read(" 42 ").unwrap(), 42);
        assert_eq!(read("-0x1F").unwrap(), -31);
        assert_eq!(read("1_000").unwrap(), 1000);
        assert_eq!(read("+7").unwrap(), 7);
        for bad in ["", " ", "1.5", "0x", "1__0", "_1", "1_", "abc", "--1", "+-1"] {
            assert_eq!(read(bad).unwrap_err().state, SqlState::INVALID_TEXT, "{bad:?}");
        }
        for large in ["2147483648", "99999999999999999999999999", "0xfffffffffffffffffffff"] {
            assert_eq!(read(large).unwrap_err().state, SqlState::NUMERIC_OUT_OF_RANGE);
        }
        assert_eq!(read("x").unwrap_err().message, "invalid input syntax for type integer: \"x\"");
    }

    #[test]
    fn bigint_ends() {
        let read = |text| parse("bigint", text, i64::MIN, i64::MAX);
        assert_eq!(read("-9223372036854775808").unwrap(), i64::MIN);
        assert_eq!(read("-0x8000000000000000").unwrap(), i64::MIN);
        assert!(read("9223372036854775808").is_err());
    }
}
