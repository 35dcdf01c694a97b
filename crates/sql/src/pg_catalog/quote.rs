//! Names and strings as SQL text, quoted where Postgres would.

use crate::pg_catalog::keywords::keywords;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// The words that cannot stand unquoted everywhere (`pg_get_keywords()` but category `U`).
static KEYWORDS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    keywords().iter().filter(|word| word.category != "U").map(|word| word.word).collect()
});

/// As `quote_ident`.
pub fn ident(name: &str) -> String {
    let plain = |at: usize, byte: u8| {
        byte.is_ascii_lowercase() || byte == b'_' || (at > 0 && byte.is_ascii_digit())
    };
    let safe = !name.is_empty() && name.bytes().enumerate().all(|(at, byte)| plain(at, byte));
    if safe && !KEYWORDS.contains(name) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// As `quote_literal`.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') {
        format!("E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// A name with its schema, both quoted where needed.
pub fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", ident(schema), ident(name))
}

/// Takes `schema.name` or `name` apart, unquoting and folding as the parser does; `None` where
/// it is neither.
pub fn split(text: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    loop {
        let (part, after) = take_part(rest)?;
        parts.push(part);
        match after.trim_start().strip_prefix('.') {
            Some(after) => rest = after.trim_start(),
            None if after.trim().is_empty() => return Some(parts),
            None => return None,
        }
    }
}

fn take_part(text: &str) -> Option<(String, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut part = String::new();
        let mut rest = quoted;
        loop {
            let (before, after) = rest.split_once('"')?;
            part.push_str(before);
            match after.strip_prefix('"') {
                Some(after) => {
                    part.push('"');
                    rest = after;
                }
                None => return (!part.is_empty()).then_some((part, after)),
            }
        }
    }
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let end = text.find(|c| !word(c)).unwrap_or(text.len());
    let (part, rest) = text.split_at(end);
    let starts_well = part.starts_with(|c: char| c.is_alphabetic() || c == '_');
    starts_well.then(|| (part.to_lowercase(), rest))
}

/// The elements of a one-dimensional array as Postgres writes it (`{a,"b c",NULL}`); `None` where
/// the text is no such array.
pub fn array_elements(text: &str) -> Option<Vec<Option<String>>> {
    let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    let mut elements = Vec::new();
    while !rest.is_empty() {
        let (element, after) = take_element(rest)?;
        elements.push(element);
        rest = match after.trim_start().strip_prefix(',') {
            // A comma has an element behind it.
            Some(after) => Some(after.trim_start()).filter(|after| !after.is_empty())?,
            None if after.trim().is_empty() => "",
            None => return None,
        };
    }
    Some(elements)
}

fn take_element(text: &str) -> Option<(Option<String>, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut element = String::new();
        let mut chars = quoted.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => return Some((Some(element), quoted.get(at + 1..)?)),
                '\\' => element.push(chars.next()?.1),
                c => element.push(c),
            }
        }
        return None;
    }
    let (element, after) = text.split_at(text.find(',').unwrap_or(text.len()));
    let element = element.trim_end();
    if element.is_empty() || element.contains(['"', '{', '}', '\\']) {
        return None;
    }
    let null = element.eq_ignore_ascii_case("null");
    Some(((!null).then(|| element.to_owned()), after))
}
