//! `json`, kept as written, and `jsonb` in Postgres' normal text form.
//!
//! The normal form makes equal values equal text: object keys sorted by length, then bytes, the
//! last of duplicates kept; one space after `:` and `,`; numbers as `numeric` shows them (exponents
//! written out, trailing zeros kept). serde_json is not used: it would read numbers as doubles.

use super::shortened;
use crate::error::{Result, SqlError, SqlState};
use bytes::{BufMut, BytesMut};
use std::iter::Peekable;
use std::str::CharIndices;

/// Deeper nesting is 54001. Postgres' limit is its stack; this one leaves ours untouched.
const DEPTH_MAX: usize = 1000;
/// Numbers longer than this when written out are 22003.
const DIGITS_MAX: usize = 16_384;

/// Checks that `text` is JSON.
pub fn check(text: &str) -> Result<()> {
    parse(text).map(|_| ())
}

/// The normal form of `text`.
pub fn normalize(text: &str) -> Result<String> {
    let value = parse(text)?;
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    value.write(&mut out)?;
    Ok(out)
}

/// Whether two texts are one `jsonb` value: 1.0 is 1, and the order of keys says nothing.
pub fn equal(a: &str, b: &str) -> bool {
    a == b || matches!((by_value(a), by_value(b)), (Ok(a), Ok(b)) if a == b)
}

/// A form that equal values share: the normal one, numbers without trailing zeros.
fn by_value(text: &str) -> Result<String> {
    let value = parse(text)?;
    let mut out = String::with_capacity(text.len());
    value.write_as(&mut out, &|number| {
        let written = written_out(number)?;
        let trimmed = match written.contains('.') {
            true => written.trim_end_matches('0').trim_end_matches('.'),
            false => written.as_str(),
        };
        Ok(trimmed.to_owned())
    })?;
    Ok(out)
}

/// Writes the binary form of a `jsonb`: version 1, then text.
pub fn write_jsonb_binary(text: &str, out: &mut BytesMut) {
    out.put_u8(1);
    out.put_slice(text.as_bytes());
}

/// The text inside the binary form of a `jsonb`.
pub fn jsonb_text(bytes: &[u8]) -> Result<&str> {
    match bytes.split_first() {
        Some((1, text)) => super::simple::utf8(text),
        Some((version, _)) => {
            let message = format!("unsupported jsonb version number {version}");
            Err(SqlError::new(SqlState::INVALID_BINARY, message))
        }
        None => Err(super::invalid_binary("jsonb")),
    }
}

#[derive(Debug)]
enum Value<'a> {
    /// `null`, `true`, `false`.
    Word(&'static str),
    Number(&'a str),
    Text(String),
    Array(Vec<Value<'a>>),
    Object(Vec<(String, Value<'a>)>),
}

fn parse(text: &str) -> Result<Value<'_>> {
    let mut reader = Reader { text, chars: text.char_indices().peekable() };
    let value = reader.value(0)?;
    reader.skip_space();
    match reader.chars.peek() {
        None => Ok(value),
        Some(_) => Err(reader.expected("end of input")),
    }
}

struct Reader<'a> {
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value<'a>> {
        if depth > DEPTH_MAX {
            let message = format!("JSON is nested deeper than {DEPTH_MAX} levels");
            return Err(SqlError::new(SqlState::STATEMENT_TOO_COMPLEX, message));
        }
        self.skip_space();
        match self.chars.peek().map(|(_, c)| *c) {
            Some('{') => self.object(depth),
            Some('[') => self.array(depth),
            Some('"') => self.string().map(Value::Text),
            Some('-' | '0'..='9') => self.number().map(Value::Number),
            Some('a'..='z') => self.word().map(Value::Word),
            _ => Err(self.expected("JSON value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>> {
        self.chars.next();
        let mut members = Vec::new();
        if self.eat('}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_space();
            if self.chars.peek().map(|(_, c)| *c) != Some('"') {
                return Err(self.expected("string"));
            }
            let key = self.string()?;
            if !self.eat(':') {
                return Err(self.expected("\":\""));
            }
            members.push((key, self.value(depth + 1)?));
            if self.eat('}') {
                return Ok(Value::Object(members));
            }
            if !self.eat(',') {
                return Err(self.expected("\",\" or \"}\""));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value<'a>> {
        self.chars.next();
        let mut elements = Vec::new();
        if self.eat(']') {
            return Ok(Value::Array(elements));
        }
        loop {
            elements.push(self.value(depth + 1)?);
            if self.eat(']') {
                return Ok(Value::Array(elements));
            }
            if !self.eat(',') {
                return Err(self.expected("\",\" or \"]\""));
            }
        }
    }

    fn string(&mut self) -> Result<String> {
        self.chars.next();
        let mut string = String::new();
        loop {
            match self.chars.next() {
                Some((_, '"')) => return Ok(string),
                Some((_, '\\')) => string.push(self.escape()?),
                Some((_, c)) if u32::from(c) < 0x20 => {
                    let detail =
                        format!("Character with value 0x{:02x} must be escaped.", u32::from(c));
                    return Err(self.invalid().detail(detail));
                }
                Some((_, c)) => string.push(c),
                None => return Err(self.expected("end of string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        Ok(match self.chars.next().map(|(_, c)| c) {
            Some(c @ ('"' | '\\' | '/')) => c,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => return self.unicode(),
            _ => return Err(self.invalid().detail("Escape sequence is invalid.")),
        })
    }

    /// `\uXXXX` after its `u`, with the second half of a surrogate pair.
    fn unicode(&mut self) -> Result<char> {
        let first = self.hex4()?;
        let code = match first {
            0 => {
                let message = "unsupported Unicode escape sequence";
                return Err(SqlError::new(SqlState::UNTRANSLATABLE_CHARACTER, message)
                    .detail("\\u0000 cannot be converted to text."));
            }
            0xD800..=0xDBFF => {
                let escaped = self.next_is('\\') && self.next_is('u');
                let second = if escaped { self.hex4()? } else { 0 };
                if !(0xDC00..=0xDFFF).contains(&second) {
                    return Err(self.lone_surrogate());
                }
                0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            }
            _ => first,
        };
        char::from_u32(code).ok_or_else(|| self.lone_surrogate())
    }

    fn lone_surrogate(&self) -> SqlError {
        self.invalid().detail("Unicode high surrogate and low surrogate must come in pairs.")
    }

    fn hex4(&mut self) -> Result<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.chars.next().and_then(|(_, c)| c.to_digit(16));
            let digit = digit.ok_or_else(|| {
                self.invalid().detail("\"\\u\" must be followed by four hexadecimal digits.")
            })?;
            code = code * 16 + digit;
        }
        Ok(code)
    }

    fn number(&mut self) -> Result<&'a str> {
        let start = self.at();
        while let Some((_, '-' | '+' | '.' | 'e' | 'E' | '0'..='9')) = self.chars.peek() {
            self.chars.next();
        }
        let text = self.text.get(start..self.at()).unwrap_or_default();
        if is_number(text) { Ok(text) } else { Err(self.token_is_invalid(text)) }
    }

    fn word(&mut self) -> Result<&'static str> {
        let start = self.at();
        while self.chars.peek().is_some_and(|(_, c)| c.is_alphanumeric() || *c == '_') {
            self.chars.next();
        }
        let text = self.text.get(start..self.at()).unwrap_or_default();
        let known = ["null", "true", "false"].into_iter().find(|word| *word == text);
        known.ok_or_else(|| self.token_is_invalid(text))
    }

    /// Where the next character stands, in bytes.
    fn at(&mut self) -> usize {
        self.chars.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    fn skip_space(&mut self) {
        while let Some((_, ' ' | '\t' | '\n' | '\r')) = self.chars.peek() {
            self.chars.next();
        }
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.skip_space();
        self.next_is(wanted)
    }

    fn next_is(&mut self, wanted: char) -> bool {
        self.chars.next_if(|(_, c)| *c == wanted).is_some()
    }

    fn invalid(&self) -> SqlError {
        SqlError::new(SqlState::INVALID_TEXT, "invalid input syntax for type json")
    }

    fn token_is_invalid(&self, token: &str) -> SqlError {
        self.invalid().detail(format!("Token \"{}\" is invalid.", shortened(token)))
    }

    fn expected(&mut self, what: &str) -> SqlError {
        let rest = self.text.get(self.at()..).unwrap_or_default();
        if rest.is_empty() {
            return self.invalid().detail("The input string ended unexpectedly.");
        }
        let found: String = rest.chars().take(20).collect();
        self.invalid().detail(format!("Expected {what}, but found \"{found}\"."))
    }
}

/// `-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?`
fn is_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let whole_ok = digits(whole) && (whole == "0" || !whole.starts_with('0'));
    let exponent = exponent.map(|e| e.strip_prefix(['+', '-']).unwrap_or(e));
    whole_ok && fraction.is_none_or(digits) && exponent.is_none_or(digits)
}

impl Value<'_> {
    fn write(self, out: &mut String) -> Result<()> {
        self.write_as(out, &written_out)
    }

    fn write_as(self, out: &mut String, number: &dyn Fn(&str) -> Result<String>) -> Result<()> {
        match self {
            Self::Word(word) => out.push_str(word),
            Self::Number(text) => out.push_str(&number(text)?),
            Self::Text(text) => write_string(&text, out),
            Self::Array(elements) => {
                out.push('[');
                for (at, element) in elements.into_iter().enumerate() {
                    out.push_str(if at > 0 { ", " } else { "" });
                    element.write_as(out, number)?;
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (at, (key, value)) in in_order(members).into_iter().enumerate() {
                    out.push_str(if at > 0 { ", " } else { "" });
                    write_string(&key, out);
                    out.push_str(": ");
                    value.write_as(out, number)?;
                }
                out.push('}');
            }
        }
        Ok(())
    }
}

/// Sorted by the key's length, then bytes; the last of duplicates stays.
fn in_order<T>(mut members: Vec<(String, T)>) -> Vec<(String, T)> {
    // The sort is stable, so reversed duplicates come last one first.
    members.reverse();
    members.sort_by(|(a, _), (b, _)| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    members.dedup_by(|later, kept| later.0 == kept.0);
    members
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A number without exponent, as `numeric` shows it: `1e2` is `100`, `1.50e1` is `15.0`.
fn written_out(text: &str) -> Result<String> {
    let (sign, unsigned) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let zero = mantissa.bytes().all(|b| matches!(b, b'0' | b'.'));
    let sign = if zero { "" } else { sign };
    let too_long = || {
        let message = format!("JSON number \"{}\" is out of range", shortened(text));
        SqlError::new(SqlState::NUMERIC_OUT_OF_RANGE, message)
    };
    let exponent: i64 = exponent.parse().map_err(|_| too_long())?;
    if exponent.unsigned_abs() > DIGITS_MAX as u64 {
        return Err(too_long());
    }
    let digits = format!("{whole}{fraction}");
    let point = i64::try_from(whole.len()).map_err(|_| too_long())? + exponent;
    let (whole, fraction) = match usize::try_from(point) {
        Ok(point) if point <= digits.len() => {
            let (whole, fraction) = digits.split_at(point);
            (whole.to_owned(), fraction.to_owned())
        }
        Ok(point) => (format!("{digits}{}", "0".repeat(point - digits.len())), String::new()),
        Err(_) => {
            let zeros = usize::try_from(point.unsigned_abs()).map_err(|_| too_long())?;
            (String::new(), format!("{}{digits}", "0".repeat(zeros)))
        }
    };
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    Ok(format!("{sign}{whole}{point}{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Expectations taken from PostgreSQL 16.
    #[test]
    fn normal_form() {
        for (text, normal) in [
            ("{}", "{}"),
            ("[ ]", "[]"),
            (" null ", "null"),
            (
                "{\"bb\":1,\"a\":2,\"c\":{\"z\":[1,2]}}",
                "{\"a\": 2, \"c\": {\"z\": [1, 2]}, \"bb\": 1}",
            ),
            ("{\"a\":1,\"a\":2}", "{\"a\": 2}"),
            (
                "[1.50, 1e2, 1E-3, -0, -0.0, 12.5e1, 1.50e1, 0.1e0]",
                "[1.50, 100, 0.001, 0, 0.0, 125, 15.0, 0.1]",
            ),
            ("\"\\u00e9\\n\\ud83d\\ude00\\/\\u0001\"", "\"é\\n😀/\\u0001\""),
            ("[true,false,null]", "[true, false, null]"),
        ] {
            assert_eq!(normalize(text).unwrap(), normal, "{text}");
        }
    }

    #[test]
    fn refusals() {
        for bad in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "{a:1}",
            "nul",
            "01",
            "1.",
            ".5",
            "+1",
            "--1",
            "1e",
            "\"\n\"",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "[1] 2",
            "\"open",
            "'a'",
            "trueish",
        ] {
            assert_eq!(check(bad).unwrap_err().state, SqlState::INVALID_TEXT, "{bad:?}");
        }
        assert_eq!(check("\"\\u0000\"").unwrap_err().state.0, "22P05");
        assert_eq!(normalize("1e999999999").unwrap_err().state, SqlState::NUMERIC_OUT_OF_RANGE);
        let deep = "[".repeat(100_000);
        assert_eq!(check(&deep).unwrap_err().state, SqlState::STATEMENT_TOO_COMPLEX);
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            (-1e9..1e9f64).prop_map(|f| ((f * 8.0).round() / 8.0).into()),
            ".*".prop_filter("no NUL", |s| !s.contains('\0')).prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::vec(("[a-z]{0,4}", inner), 0..6).prop_map(|members| {
                    serde_json::Value::Object(members.into_iter().collect())
                }),
            ]
        })
    }

    proptest! {
        /// serde_json is the oracle: the normal form means the same, and is its own normal form.
        #[test]
        fn keeps_the_meaning(value in any_json()) {
            let normal = normalize(&value.to_string()).unwrap();
            let back: serde_json::Value = serde_json::from_str(&normal).unwrap();
            let same = |a: &serde_json::Value, b: &serde_json::Value| {
                normalize(&a.to_string()).unwrap() == normalize(&b.to_string()).unwrap()
            };
            prop_assert!(same(&back, &value), "{} != {}", back, value);
            prop_assert_eq!(normalize(&normal).unwrap(), normal);
        }

        #[test]
        fn accepts_what_serde_accepts(text in r#"[\[\]{}:,"0-9eE.+\-a-z\\ ]{0,12}"#) {
            let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            prop_assert_eq!(check(&text).is_ok(), theirs, "{:?}", text);
        }
    }
}
