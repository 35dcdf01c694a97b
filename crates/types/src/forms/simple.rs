//! `boolean`, `uuid`, `"char"`, `name` and `varchar`: one small rule each.

use super::{invalid_text, shortened};
use crate::error::{Result, SqlError, SqlState};
use bytes::{BufMut, BytesMut};

/// Any unambiguous beginning of true, false, yes, no, on, off; or 1, 0.
pub fn parse_bool(text: &str) -> Result<bool> {
    let word = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
    let word = word.to_ascii_lowercase();
    let begins = |whole: &str, at_least: usize| word.len() >= at_least && whole.starts_with(&word);
    if begins("true", 1) || begins("yes", 1) || word == "on" || word == "1" {
        Ok(true)
    } else if begins("false", 1) || begins("no", 1) || begins("off", 2) || word == "0" {
        Ok(false)
    } else {
        Err(invalid_text("boolean", text))
    }
}

/// 32 hex digits, in braces or not, with a hyphen allowed after each group of four.
pub fn parse_uuid(text: &str) -> Result<[u8; 16]> {
    uuid_of(text).ok_or_else(|| invalid_text("uuid", text))
}

fn uuid_of(text: &str) -> Option<[u8; 16]> {
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let mut uuid = [0u8; 16];
    let mut digits = inner.bytes().peekable();
    for (at, byte) in uuid.iter_mut().enumerate() {
        let high = char::from(digits.next()?).to_digit(16)?;
        let low = char::from(digits.next()?).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
        let may_break = at % 2 == 1 && at < 15;
        if may_break && digits.peek() == Some(&b'-') {
            digits.next();
        }
    }
    digits.next().is_none().then_some(uuid)
}

pub fn write_uuid(uuid: &[u8], out: &mut BytesMut) {
    for (at, byte) in uuid.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.put_u8(b'-');
        }
        out.put_slice(&super::bytea::hex(*byte));
    }
}

/// A `name` keeps 63 bytes, whole characters.
#[must_use]
pub fn name_of(text: &str) -> &str {
    let mut end = text.len().min(63);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A `"char"` keeps one byte; we keep ASCII.
#[must_use]
pub fn char_of(text: &str) -> &str {
    match text.chars().next() {
        Some(c) => &text[..c.len_utf8()],
        None => "",
    }
}

/// A `varchar(n)` refuses more than n characters, unless the rest is spaces.
pub fn varchar_of(text: &str, typmod: i32) -> Result<&str> {
    let Some(limit) = usize::try_from(typmod.saturating_sub(4)).ok().filter(|_| typmod >= 4) else {
        return Ok(text);
    };
    let Some((end, _)) = text.char_indices().nth(limit) else { return Ok(text) };
    if text[end..].bytes().all(|b| b == b' ') {
        return Ok(&text[..end]);
    }
    let message = format!("value too long for type character varying({limit})");
    Err(SqlError::new(SqlState::STRING_TOO_LONG, message))
}

/// Text may hold any character but NUL, as in Postgres.
pub fn without_nul(text: &str) -> Result<&str> {
    if text.bytes().any(|b| b == 0) {
        let message = "invalid byte sequence for encoding \"UTF8\": 0x00";
        return Err(SqlError::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, message));
    }
    Ok(text)
}

/// The bytes as text, or 22021 naming the first bad byte.
pub fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let bad = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
        let message = format!("invalid byte sequence for encoding \"UTF8\": 0x{bad:02x}");
        SqlError::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, message)
    })
}

/// Quotes input for an error's context, cut at 100 characters.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", shortened(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn booleans() {
        for yes in ["t", "TRUE", " y ", "yes", "on", "1", "tr"] {
            assert!(parse_bool(yes).unwrap(), "{yes}");
        }
        for no in ["f", "False", "n", "no", "of", "off", "0"] {
            assert!(!parse_bool(no).unwrap(), "{no}");
        }
        for bad in ["", "o", "2", "truee", "yess", "null"] {
            assert!(parse_bool(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn uuids() {
        let text = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
        let uuid = parse_uuid(text).unwrap();
        for other in [
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
            "{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}",
            "a0eebc999c0b4ef8bb6d6bb9bd380a11",
            "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11",
        ] {
            assert_eq!(parse_uuid(other).unwrap(), uuid);
        }
        for bad in
            ["", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0e-ebc999c0b4ef8bb6d6bb9bd380a11"]
        {
            assert!(parse_uuid(bad).is_err());
        }
        let mut out = BytesMut::new();
        write_uuid(&uuid, &mut out);
        assert_eq!(out, text.as_bytes());
    }

    #[test]
    fn lengths() {
        assert_eq!(varchar_of("héllo", 9).unwrap(), "héllo");
        assert_eq!(varchar_of("hé  ", 6).unwrap(), "hé");
        assert_eq!(varchar_of("héllo", 8).unwrap_err().state, SqlState::STRING_TOO_LONG);
        assert_eq!(varchar_of("any length", -1).unwrap(), "any length");
        assert_eq!(name_of(&"é".repeat(40)).len(), 62);
    }

    proptest! {
        #[test]
        fn any_uuid_reads_back(uuid: [u8; 16]) {
            let mut out = BytesMut::new();
            write_uuid(&uuid, &mut out);
            prop_assert_eq!(parse_uuid(std::str::from_utf8(&out).unwrap()).unwrap(), uuid);
        }
    }
}
