//! Floats and decimals as Postgres prints them.

use super::{Printed, take};

/// The digits after which float8 turns to an exponent, and float4.
const FLOAT8_DIGITS: i32 = 15;
const FLOAT4_DIGITS: i32 = 6;

/// The shortest text that reads back as the same float8 (`extra_float_digits` 1).
pub(super) fn float8(value: f64) -> String {
    special(value).unwrap_or_else(|| shortest(&format!("{value:e}"), FLOAT8_DIGITS))
}

/// The shortest text that reads back as the same float4.
pub(super) fn float4(value: f32) -> String {
    special(f64::from(value)).unwrap_or_else(|| shortest(&format!("{value:e}"), FLOAT4_DIGITS))
}

fn special(value: f64) -> Option<String> {
    let name = match value {
        _ if value.is_nan() => "NaN",
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => return None,
    };
    Some(name.to_owned())
}

/// Rust's `d.ddde-7` as Postgres lays it out: plain between 1e-4 and 1e`digits`, else with a
/// signed exponent of two digits or more.
fn shortest(scientific: &str, digits: i32) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..digits).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let all: String = mantissa.chars().filter(|c| *c != '.').collect();
    let plain = match usize::try_from(exponent) {
        Err(_) => format!("0.{}{all}", "0".repeat(exponent.unsigned_abs() as usize - 1)),
        Ok(point) if all.len() <= point + 1 => {
            format!("{all}{}", "0".repeat(point + 1 - all.len()))
        }
        Ok(point) => format!("{}.{}", &all[..=point], &all[point + 1..]),
    };
    format!("{sign}{plain}")
}

/// Base-10000 digits with a weight, a sign and a display scale.
pub(super) fn numeric(raw: &[u8]) -> Printed {
    let mut rest = raw;
    let count = u16::from_be_bytes(take(&mut rest)?);
    let weight = i16::from_be_bytes(take(&mut rest)?);
    let sign = u16::from_be_bytes(take(&mut rest)?);
    let scale = usize::from(u16::from_be_bytes(take(&mut rest)?));
    match sign {
        0xC000 => return Ok("NaN".to_owned()),
        0xD000 => return Ok("Infinity".to_owned()),
        0xF000 => return Ok("-Infinity".to_owned()),
        _ => {}
    }
    let mut digits = Vec::new();
    for _ in 0..count {
        digits.push(u16::from_be_bytes(take(&mut rest)?));
    }
    // The digit group of 10000^power, zero where none is stored.
    let group = |power: i32| {
        let at = usize::try_from(i32::from(weight) - power).ok();
        at.and_then(|at| digits.get(at)).copied().unwrap_or(0)
    };
    let whole: String = (0..=i32::from(weight)).rev().map(|p| format!("{:04}", group(p))).collect();
    let whole = whole.trim_start_matches('0');
    let groups = i32::try_from(scale.div_ceil(4)).map_err(|error| error.to_string())?;
    let fraction: String = (1..=groups).map(|p| format!("{:04}", group(-p))).collect();
    let sign = if sign == 0x4000 { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if scale > 0 { "." } else { "" };
    Ok(format!("{sign}{whole}{point}{}", &fraction[..scale]))
}
