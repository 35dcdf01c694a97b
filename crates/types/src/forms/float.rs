//! `real` and `double precision`: the shortest decimal that reads back, laid out as Postgres does.
//!
//! Digits come from Ryu (Adams 2018), as in Postgres; the layout is that of `%g`: fixed point
//! for exponents from -4 up to the type's reliable digits, otherwise `1.5e+20`.

use super::invalid_text;
use crate::error::{Result, SqlError, SqlState};
use bytes::{BufMut, BytesMut};

pub fn write_f32(value: f32, out: &mut BytesMut) {
    if value.is_finite() {
        let mut digits = ryu::Buffer::new();
        let shortest = digits.format_finite(value);
        let plain = (1e-4..1e6).contains(&value.abs());
        if plain { put_plain(shortest, out) } else { lay_out(shortest, 6, out) }
    } else {
        out.put_slice(not_finite(f64::from(value)));
    }
}

pub fn write_f64(value: f64, out: &mut BytesMut) {
    if value.is_finite() {
        let mut digits = ryu::Buffer::new();
        let shortest = digits.format_finite(value);
        let plain = (1e-4..1e15).contains(&value.abs());
        if plain { put_plain(shortest, out) } else { lay_out(shortest, 15, out) }
    } else {
        out.put_slice(not_finite(value));
    }
}

fn not_finite(value: f64) -> &'static [u8] {
    if value.is_nan() {
        b"NaN"
    } else if value > 0.0 {
        b"Infinity"
    } else {
        b"-Infinity"
    }
}

/// In this range Ryu writes no exponent either; only its `.0` is not Postgres'.
fn put_plain(shortest: &str, out: &mut BytesMut) {
    out.put_slice(shortest.strip_suffix(".0").unwrap_or(shortest).as_bytes());
}

/// Lays Ryu's text (`1.5`, `1e20`, `-1.5e-7`, `100000.0`) out again. `fixed_below` is the first
/// exponent shown in scientific form.
fn lay_out(shortest: &str, fixed_below: i32, out: &mut BytesMut) {
    let unsigned = match shortest.strip_prefix('-') {
        Some(rest) => {
            out.put_u8(b'-');
            rest
        }
        None => shortest,
    };
    let (mantissa, written_exponent) = unsigned.split_once('e').unwrap_or((unsigned, "0"));
    let written_exponent: i32 = written_exponent.parse().unwrap_or(0);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = Digits::of(whole, fraction);
    let exponent = written_exponent + digits.exponent;
    if digits.significant().is_empty() {
        out.put_u8(b'0');
    } else if (-4..fixed_below).contains(&exponent) {
        write_fixed(digits.significant(), exponent, out);
    } else {
        write_scientific(digits.significant(), exponent, out);
    }
}

/// The significant digits of a decimal, and the exponent of the first.
struct Digits {
    buffer: [u8; 40],
    len: usize,
    exponent: i32,
}

impl Digits {
    fn of(whole: &str, fraction: &str) -> Self {
        let mut this = Self { buffer: [0; 40], len: 0, exponent: whole.len() as i32 - 1 };
        for byte in whole.bytes().chain(fraction.bytes()) {
            if this.len == 0 && byte == b'0' {
                this.exponent -= 1;
            } else if let Some(slot) = this.buffer.get_mut(this.len) {
                *slot = byte;
                this.len += 1;
            }
        }
        while this.len > 0 && this.buffer.get(this.len - 1) == Some(&b'0') {
            this.len -= 1;
        }
        this
    }

    fn significant(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }
}

fn write_fixed(digits: &[u8], exponent: i32, out: &mut BytesMut) {
    let Ok(point) = usize::try_from(exponent + 1) else {
        out.put_slice(b"0.");
        out.put_bytes(b'0', (-exponent - 1).unsigned_abs() as usize);
        out.put_slice(digits);
        return;
    };
    if point == 0 {
        out.put_slice(b"0.");
        out.put_slice(digits);
    } else if let Some((whole, fraction)) = digits.split_at_checked(point) {
        out.put_slice(whole);
        if !fraction.is_empty() {
            out.put_u8(b'.');
            out.put_slice(fraction);
        }
    } else {
        out.put_slice(digits);
        out.put_bytes(b'0', point - digits.len());
    }
}

fn write_scientific(digits: &[u8], exponent: i32, out: &mut BytesMut) {
    let (first, rest) = digits.split_at(1);
    out.put_slice(first);
    if !rest.is_empty() {
        out.put_u8(b'.');
        out.put_slice(rest);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    // BytesMut grows; writing to it cannot fail.
    let _ = std::fmt::Write::write_fmt(out, format_args!("e{sign}{:02}", exponent.abs()));
}

pub fn parse_f32(text: &str) -> Result<f32> {
    let trimmed = trim(text);
    let value: f32 = number(trimmed).ok_or_else(|| invalid_text("real", text))?;
    let lost = value == 0.0 && has_digit_above_zero(trimmed);
    if (value.is_infinite() && !is_infinity(trimmed)) || lost {
        return Err(out_of_range("real", trimmed));
    }
    Ok(value)
}

pub fn parse_f64(text: &str) -> Result<f64> {
    let trimmed = trim(text);
    let value: f64 = number(trimmed).ok_or_else(|| invalid_text("double precision", text))?;
    let lost = value == 0.0 && has_digit_above_zero(trimmed);
    if (value.is_infinite() && !is_infinity(trimmed)) || lost {
        return Err(out_of_range("double precision", trimmed));
    }
    Ok(value)
}

fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b')
}

/// Rust reads what Postgres does (digits, point, exponent, `nan`, `inf`, `infinity` in any case)
/// but for the forms below.
fn number<F: std::str::FromStr>(trimmed: &str) -> Option<F> {
    let unsigned = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    let signed_nan = unsigned.len() < trimmed.len() && unsigned.eq_ignore_ascii_case("nan");
    if signed_nan { None } else { trimmed.parse().ok() }
}

fn is_infinity(trimmed: &str) -> bool {
    trimmed.bytes().any(|b| b.eq_ignore_ascii_case(&b'f'))
}

fn has_digit_above_zero(trimmed: &str) -> bool {
    let mantissa = trimmed.split(['e', 'E']).next().unwrap_or_default();
    mantissa.bytes().any(|b| (b'1'..=b'9').contains(&b))
}

/// 22003, in the words the float types use.
pub fn out_of_range(type_name: &str, text: &str) -> SqlError {
    let message = format!("\"{}\" is out of range for type {type_name}", super::shortened(text));
    SqlError::new(SqlState::NUMERIC_OUT_OF_RANGE, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn f64_text(value: f64) -> String {
        let mut out = BytesMut::new();
        write_f64(value, &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    fn f32_text(value: f32) -> String {
        let mut out = BytesMut::new();
        write_f32(value, &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    /// Expectations taken from PostgreSQL 16.
    #[test]
    fn as_postgres_shows_them() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (-1.5, "-1.5"),
            (100_000.0, "100000"),
            (123_456_789.125, "123456789.125"),
            (1e14, "100000000000000"),
            (1e15, "1e+15"),
            (1.5e20, "1.5e+20"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.25e-7, "1.25e-07"),
            (1e100, "1e+100"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (5e-324, "5e-324"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(f64_text(value), text);
        }
        for (value, text) in [
            (1e5f32, "100000"),
            (999_999.0, "999999"),
            (1e6, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (0.1, "0.1"),
            (16_777_216.0, "1.6777216e+07"),
            (0.000_012_5, "1.25e-05"),
            (0.000_125, "0.000125"),
            (f32::MAX, "3.4028235e+38"),
        ] {
            assert_eq!(f32_text(value), text);
        }
    }

    #[test]
    fn refusals() {
        for bad in ["", " ", "1e", "0x10", "-nan", "1,5", "one"] {
            assert_eq!(parse_f64(bad).unwrap_err().state, SqlState::INVALID_TEXT, "{bad:?}");
        }
        for large in ["1e400", "-1e400", "1e-400"] {
            assert_eq!(parse_f64(large).unwrap_err().state, SqlState::NUMERIC_OUT_OF_RANGE);
        }
        assert!(parse_f32("1e39").is_err());
        assert_eq!(parse_f32(" -Infinity ").unwrap(), f32::NEG_INFINITY);
        assert_eq!(parse_f64("0e-999").unwrap(), 0.0);
    }

    proptest! {
        #[test]
        fn every_double_reads_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            let back = parse_f64(&f64_text(value)).unwrap();
            prop_assert!(back.to_bits() == bits || (value.is_nan() && back.is_nan()));
        }

        #[test]
        fn every_real_reads_back(bits in any::<u32>()) {
            let value = f32::from_bits(bits);
            let back = parse_f32(&f32_text(value)).unwrap();
            prop_assert!(back.to_bits() == bits || (value.is_nan() && back.is_nan()));
        }
    }
}
