//! Reading JSON text in place: what a value is, its members, its elements.
//!
//! The text was checked when it became a value, so the scan only counts brackets outside
//! strings. On text that is no JSON it ends early; it never panics and never loops.

use std::borrow::Cow;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

impl Kind {
    /// Of a value without leading blanks.
    pub(super) fn of(json: &str) -> Self {
        match json.trim_start().as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b'"') => Self::String,
            Some(b't' | b'f') => Self::Bool,
            Some(b'n') => Self::Null,
            _ => Self::Number,
        }
    }

    /// As `jsonb_typeof` says it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Number => "number",
            Self::Bool => "boolean",
            Self::Null => "null",
        }
    }
}

/// Where the value that starts here ends.
fn value_end(json: &str) -> usize {
    let bytes = json.as_bytes();
    match bytes.first() {
        Some(b'"') => string_end(bytes),
        Some(b'{' | b'[') => bracket_end(bytes),
        _ => {
            let ends =
                |b: &u8| matches!(b, b',' | b']' | b'}' | b':' | b' ' | b'\t' | b'\n' | b'\r');
            bytes.iter().position(ends).unwrap_or(bytes.len())
        }
    }
}

/// After the closing quote.
fn string_end(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// After the bracket that closes the first one.
fn bracket_end(bytes: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at += string_end(&bytes[at..]) - 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth <= 1 => return at + 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Cuts the next value off, and what separates it from the one after.
fn next_value<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let text = rest.trim_start();
    let (value, after) = text.split_at_checked(value_end(text))?;
    *rest = after.trim_start();
    (!value.is_empty()).then_some(value)
}

/// The values of an array, in order; of anything else, none.
#[derive(Clone, Debug)]
pub(super) struct Elements<'a> {
    rest: &'a str,
}

impl<'a> Elements<'a> {
    pub(super) fn of(json: &'a str) -> Self {
        Self { rest: json.trim_start().strip_prefix('[').unwrap_or("") }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let value = next_value(&mut self.rest)?;
        self.rest = self.rest.strip_prefix(',').unwrap_or("");
        Some(value)
    }
}

/// The members of an object: the key between its quotes, and the value. Else, none.
#[derive(Clone, Debug)]
pub(super) struct Members<'a> {
    rest: &'a str,
}

impl<'a> Members<'a> {
    pub(super) fn of(json: &'a str) -> Self {
        Self { rest: json.trim_start().strip_prefix('{').unwrap_or("") }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let key = next_value(&mut self.rest)?;
        let key = key.strip_prefix('"')?.strip_suffix('"')?;
        self.rest = self.rest.strip_prefix(':')?;
        let value = next_value(&mut self.rest)?;
        self.rest = self.rest.strip_prefix(',').unwrap_or("");
        Some((key, value))
    }
}

/// The member of this (plain) key; of several the last, as Postgres takes it.
pub(super) fn member<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    Members::of(json).filter(|(own, _)| plain(own) == key).last().map(|(_, value)| value)
}

/// The element at this place; negative places count from the end.
pub(super) fn element(json: &str, place: i64) -> Option<&str> {
    let mut elements = Elements::of(json);
    match usize::try_from(place) {
        Ok(place) => elements.nth(place),
        Err(_) => {
            let back = usize::try_from(place.unsigned_abs()).ok()?;
            let place = elements.clone().count().checked_sub(back)?;
            elements.nth(place)
        }
    }
}

/// What a path step means: a key, or a place where the step is a number.
pub(super) fn step<'a>(json: &'a str, step: &str) -> Option<&'a str> {
    match Kind::of(json) {
        Kind::Object => member(json, step),
        Kind::Array => element(json, step.trim().parse().ok()?),
        _ => None,
    }
}

/// A string's characters, from the text between its quotes.
pub(super) fn plain(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut plain = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, escape)) = rest.split_once('\\') {
        plain.push_str(before);
        rest = unescape(escape, &mut plain);
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// Takes one escape (its backslash gone) and gives back what follows it.
fn unescape<'a>(escape: &'a str, plain: &mut String) -> &'a str {
    let mut chars = escape.chars();
    let Some(code) = chars.next() else { return "" };
    let rest = chars.as_str();
    match code {
        'b' => plain.push('\u{8}'),
        'f' => plain.push('\u{c}'),
        'n' => plain.push('\n'),
        'r' => plain.push('\r'),
        't' => plain.push('\t'),
        'u' => return unescape_unicode(rest, plain),
        other => plain.push(other),
    }
    rest
}

fn unescape_unicode<'a>(rest: &'a str, plain: &mut String) -> &'a str {
    let hex = |text: &str| text.get(..4).and_then(|hex| u16::from_str_radix(hex, 16).ok());
    let Some(first) = hex(rest) else { return rest };
    let after = rest.get(4..).unwrap_or("");
    let low = after.strip_prefix("\\u").and_then(hex);
    let pair = [first, low.unwrap_or(0)];
    let decode = |units: &[u16]| char::decode_utf16(units.iter().copied()).next();
    if let Some(Ok(c)) = decode(&[first]) {
        plain.push(c);
        return after;
    }
    match decode(&pair) {
        Some(Ok(c)) if low.is_some() => {
            plain.push(c);
            after.get(6..).unwrap_or("")
        }
        _ => {
            plain.push(char::REPLACEMENT_CHARACTER);
            after
        }
    }
}

/// The value as `->>` gives it: strings without quotes, JSON null as NULL.
pub(super) fn as_text(json: &str) -> Option<Cow<'_, str>> {
    let json = json.trim();
    match Kind::of(json) {
        Kind::Null => None,
        Kind::String => {
            let raw = json.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'));
            Some(plain(raw.unwrap_or(json)))
        }
        _ => Some(Cow::Borrowed(json)),
    }
}
