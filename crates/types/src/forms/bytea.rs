//! `bytea`: hex (`\x00ff`) and the older escape form, both read, either shown.

use super::invalid_text;
use crate::error::{Result, SqlError, SqlState};
use crate::settings::ByteaOutput;
use bytes::{BufMut, BytesMut};

pub fn write(bytes: &[u8], output: ByteaOutput, out: &mut BytesMut) {
    match output {
        ByteaOutput::Hex => {
            out.reserve(2 + bytes.len() * 2);
            out.put_slice(b"\\x");
            bytes.iter().for_each(|byte| out.put_slice(&hex(*byte)));
        }
        ByteaOutput::Escape => bytes.iter().for_each(|byte| match byte {
            b'\\' => out.put_slice(b"\\\\"),
            b' '..=b'~' => out.put_u8(*byte),
            _ => {
                let octal = [byte >> 6, (byte >> 3) & 7, byte & 7].map(|digit| b'0' + digit);
                out.put_u8(b'\\');
                out.put_slice(&octal);
            }
        }),
    }
}

/// Two lower-case hex digits.
pub(crate) fn hex(byte: u8) -> [u8; 2] {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    [digit(byte >> 4), digit(byte & 15)]
}

pub fn parse(text: &str) -> Result<Vec<u8>> {
    match text.strip_prefix("\\x") {
        Some(digits) => from_hex(digits).ok_or_else(|| invalid_hex(digits)),
        None => from_escape(text.as_bytes()).ok_or_else(|| invalid_text("bytea", text)),
    }
}

/// 22023, as Postgres says it of hexadecimal digits alone.
fn invalid_hex(digits: &str) -> SqlError {
    let other = digits.chars().find(|c| !c.is_ascii_hexdigit() && !c.is_ascii_whitespace());
    let message = match other {
        Some(other) => format!("invalid hexadecimal digit: \"{other}\""),
        None => "invalid hexadecimal data: odd number of digits".to_owned(),
    };
    SqlError::new(SqlState::INVALID_PARAMETER, message)
}

/// Pairs of hex digits; white space may stand between pairs.
fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let nibble = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    let mut input = digits.bytes();
    while let Some(first) = input.next() {
        if !first.is_ascii_whitespace() {
            bytes.push(nibble(first)? * 16 + nibble(input.next()?)?);
        }
    }
    Some(bytes)
}

fn from_escape(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    loop {
        text = match text {
            [] => return Some(bytes),
            [b'\\', b'\\', rest @ ..] => {
                bytes.push(b'\\');
                rest
            }
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..] => {
                bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest
            }
            [b'\\', ..] => return None,
            [byte, rest @ ..] => {
                bytes.push(*byte);
                rest
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_forms() {
        assert_eq!(parse("\\xDE AD\nbeef").unwrap(), [0xde, 0xad, 0xbe, 0xef]);
        assert_eq!(parse("a\\\\b\\001é").unwrap(), b"a\\b\x01\xc3\xa9");
        for bad in ["\\x0", "\\xgg", "\\9", "\\400", "tail\\"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_read_back(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            for output in [ByteaOutput::Hex, ByteaOutput::Escape] {
                let mut out = BytesMut::new();
                write(&bytes, output, &mut out);
                prop_assert_eq!(&parse(std::str::from_utf8(&out).unwrap()).unwrap(), &bytes);
            }
        }
    }
}
