//! The text form of arrays, `{1,NULL,"a b"}`: cutting it into elements, and quoting them.
//!
//! Arrays have one dimension here; Postgres' second and further ones are refused by name.

use super::shortened;
use crate::error::{Result, SqlError, SqlState};
use bytes::{BufMut, BytesMut};

/// One element: its text with quotes and backslashes gone, or NULL.
pub type Element = Option<String>;

/// Cuts an array's text form into its elements.
pub fn elements(text: &str) -> Result<Vec<Element>> {
    let malformed = |detail: &str| {
        let message = format!("malformed array literal: \"{}\"", shortened(text));
        SqlError::new(SqlState::INVALID_TEXT, message).detail(detail.to_owned())
    };
    let trimmed = without_bounds(text.trim_matches(is_space));
    let inner = trimmed
        .strip_prefix('{')
        .ok_or_else(|| malformed("Array value must start with \"{\" or dimension information."))?;
    let mut scanner = Scanner { rest: inner };
    let mut elements = Vec::new();
    scanner.skip_space();
    if scanner.eat('}') {
        return scanner.end().then_some(elements).ok_or_else(|| malformed(JUNK));
    }
    loop {
        match scanner.element() {
            Ok(element) => elements.push(element),
            Err(Bad::Nested) => {
                return Err(SqlError::unsupported("an array of more than one dimension"));
            }
            Err(Bad::Syntax) => return Err(malformed("Unexpected array element.")),
            Err(Bad::End) => return Err(malformed("Unexpected end of input.")),
        }
        if scanner.eat('}') {
            return scanner.end().then_some(elements).ok_or_else(|| malformed(JUNK));
        }
        if !scanner.eat(',') {
            return Err(malformed("Unexpected end of input."));
        }
    }
}

const JUNK: &str = "Junk after closing right brace.";

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

/// Drops `[1:3]=`: the bounds of one dimension say nothing that we keep.
fn without_bounds(text: &str) -> &str {
    let bounds = text.strip_prefix('[').and_then(|rest| rest.split_once("]="));
    match bounds {
        Some((range, rest)) if range.bytes().all(|b| b.is_ascii_digit() || b == b':') => rest,
        _ => text,
    }
}

enum Bad {
    Syntax,
    Nested,
    End,
}

struct Scanner<'a> {
    rest: &'a str,
}

impl Scanner<'_> {
    /// Reads an element and the white space around it.
    fn element(&mut self) -> Result<Element, Bad> {
        self.skip_space();
        let (mut text, mut quoted) = (String::new(), false);
        // Trailing white space belongs to no element, unless it was quoted or escaped.
        let mut keep = 0;
        loop {
            let c = self.rest.chars().next().ok_or(Bad::End)?;
            match c {
                ',' | '}' => break,
                '{' => return Err(Bad::Nested),
                '"' => {
                    if quoted || !text.is_empty() {
                        return Err(Bad::Syntax);
                    }
                    self.quoted(&mut text)?;
                    (quoted, keep) = (true, text.len());
                }
                c if quoted && !is_space(c) => return Err(Bad::Syntax),
                '\\' => {
                    self.advance(c);
                    let escaped = self.rest.chars().next().ok_or(Bad::End)?;
                    self.advance(escaped);
                    text.push(escaped);
                    keep = text.len();
                }
                c => {
                    self.advance(c);
                    text.push(c);
                    keep = if is_space(c) { keep } else { text.len() };
                }
            }
        }
        text.truncate(keep);
        match (quoted, text.is_empty()) {
            (false, true) => Err(Bad::Syntax),
            (false, false) if text.eq_ignore_ascii_case("null") => Ok(None),
            _ => Ok(Some(text)),
        }
    }

    fn quoted(&mut self, text: &mut String) -> Result<(), Bad> {
        self.advance('"');
        loop {
            let c = self.rest.chars().next().ok_or(Bad::End)?;
            self.advance(c);
            match c {
                '"' => return Ok(()),
                '\\' => {
                    let escaped = self.rest.chars().next().ok_or(Bad::End)?;
                    self.advance(escaped);
                    text.push(escaped);
                }
                c => text.push(c),
            }
        }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches(is_space);
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.rest.starts_with(wanted);
        if found {
            self.advance(wanted);
        }
        found
    }

    fn advance(&mut self, c: char) {
        self.rest = self.rest.get(c.len_utf8()..).unwrap_or_default();
    }

    fn end(&self) -> bool {
        self.rest.trim_matches(is_space).is_empty()
    }
}

/// Writes an element, in quotes where it would be misread without.
pub fn write_element(text: &[u8], out: &mut BytesMut) {
    let special =
        |b: &u8| matches!(b, b'{' | b'}' | b',' | b'"' | b'\\') || is_space(char::from(*b));
    let plain =
        !text.is_empty() && !text.eq_ignore_ascii_case(b"null") && !text.iter().any(special);
    if plain {
        out.put_slice(text);
        return;
    }
    out.put_u8(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(b'\\');
        }
        out.put_u8(*byte);
    }
    out.put_u8(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn some(texts: &[&str]) -> Vec<Element> {
        texts.iter().map(|t| Some((*t).to_owned())).collect()
    }

    #[test]
    fn as_postgres_reads_them() {
        assert_eq!(elements("{}").unwrap(), vec![]);
        assert_eq!(elements(" { 1 , 2 } ").unwrap(), some(&["1", "2"]));
        assert_eq!(elements("{a b , \" c\\\"d \" ,\\ e}").unwrap(), some(&["a b", " c\"d ", " e"]));
        assert_eq!(
            elements("{NULL,null,\"NULL\"}").unwrap(),
            vec![None, None, Some("NULL".into())]
        );
        assert_eq!(elements("[1:2]={1,2}").unwrap(), some(&["1", "2"]));
        assert_eq!(elements("{\"\"}").unwrap(), some(&[""]));
        for bad in
            ["", "1,2", "{1,2", "{1,}", "{,1}", "{1}}", "{1}x", "{\"a\"b}", "{a\"b\"}", "{\\"]
        {
            assert_eq!(elements(bad).unwrap_err().state, SqlState::INVALID_TEXT, "{bad}");
        }
        assert_eq!(elements("{{1}}").unwrap_err().state, SqlState::FEATURE_NOT_SUPPORTED);
    }

    proptest! {
        #[test]
        fn any_elements_read_back(list in prop::collection::vec(prop::option::of(".{0,8}"), 0..8)) {
            let mut out = BytesMut::from(&b"{"[..]);
            for (at, element) in list.iter().enumerate() {
                out.put_slice(if at > 0 { b"," } else { b"" });
                match element {
                    Some(text) => write_element(text.as_bytes(), &mut out),
                    None => out.put_slice(b"NULL"),
                }
            }
            out.put_u8(b'}');
            prop_assert_eq!(elements(std::str::from_utf8(&out).unwrap()).unwrap(), list);
        }

        #[test]
        fn no_text_panics(text in "[{},\"\\\\ a\\[\\]=:]{0,20}") {
            let _ = elements(&text);
        }
    }
}
