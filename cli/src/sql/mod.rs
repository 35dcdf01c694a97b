//! As much of SQL as a shell must know: where a token ends, and where a statement does.

mod scan;
mod split;

pub(crate) use scan::{Kind, Scanner, Token};
pub(crate) use split::{Splitter, is_complete};

/// A string literal of this text.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The text as an identifier, quoted where it must be.
pub(crate) fn identifier(name: &str) -> String {
    let mut chars = name.chars();
    let plain = chars.next().is_some_and(|c| c.is_ascii_lowercase() || c == '_')
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain && !crate::words::is_reserved(name) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The words of a text that are neither space nor comment.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Scanner::default().scan(text);
    tokens.retain(|token| !matches!(token.kind, Kind::Space | Kind::Comment));
    tokens
}
