//! The words behind a command.

use crate::error::{Error, Result};

/// Words are parted by space; quotes of either kind hold space, and a doubled quote is one.
///
/// Single quotes go, as in psql. Double quotes stay: they belong to the name.
pub(super) fn words(text: &str) -> Result<Vec<String>> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => words.extend(word.take()),
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                let kept = c == '"';
                word.extend(kept.then_some(c));
                loop {
                    match chars.next() {
                        Some(inner) if inner != c => word.push(inner),
                        Some(_) if chars.next_if_eq(&c).is_some() => {
                            word.push(c);
                            word.extend(kept.then_some(c));
                        }
                        Some(_) => break,
                        None => return Err(Error::Usage(format!("a {c} is not closed"))),
                    }
                }
                word.extend(kept.then_some(c));
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// A name as the catalog has it: what is not quoted is in small letters. With its schema, if given.
pub(super) fn name(text: &str) -> (Option<String>, String) {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(String::new()),
            c => {
                let part = parts.last_mut();
                let small = c.to_lowercase().filter(|_| !quoted);
                let as_is = std::iter::once(c).filter(|_| quoted);
                part.into_iter().for_each(|part| part.extend(small.clone().chain(as_is.clone())));
            }
        }
    }
    let name = parts.pop().unwrap_or_default();
    (parts.pop(), name)
}

/// A psql pattern (`doc*`) as LIKE has it.
pub(super) fn like(pattern: &str) -> String {
    let mut like = String::new();
    for c in pattern.to_lowercase().chars() {
        match c {
            '*' => like.push('%'),
            '?' => like.push('_'),
            '_' | '%' | '\\' => like.extend(['\\', c]),
            c => like.push(c),
        }
    }
    like
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_words_together() {
        assert_eq!(words("a  'b c'd \"E f\" 'it''s'").unwrap(), ["a", "b cd", "\"E f\"", "it's"]);
        assert_eq!(words("''").unwrap(), [""]);
        assert!(words("").unwrap().is_empty());
        assert!(words("'a").is_err());
    }

    #[test]
    fn names_are_small_unless_quoted() {
        assert_eq!(name("Docs"), (None, "docs".to_owned()));
        assert_eq!(name("public.\"My.Docs\""), (Some("public".to_owned()), "My.Docs".to_owned()));
    }

    #[test]
    fn patterns_are_like_psqls() {
        assert_eq!(like("Do*_a?"), "do%\\_a_");
    }
}
