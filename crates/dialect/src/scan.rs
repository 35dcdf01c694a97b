//! Text to tokens, and tokens to statements.

use sqlparser::keywords::Keyword;
use sqlparser::parser::ParserError;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use crate::dialect::CvxDialect;
use crate::error::Fault;
use crate::fuse::fuse;
use crate::limits::Limits;

/// One statement's tokens, without white space, comments and its semicolon.
pub(crate) struct Tokens {
    pub(crate) tokens: Vec<TokenWithSpan>,
}

impl Tokens {
    /// Where the last token ends.
    pub(crate) fn end(&self) -> Location {
        self.tokens.last().map_or(Location::empty(), |token| token.span.end)
    }
}

/// All tokens of a text with white space and comments, if it is within the limits.
pub(crate) fn tokenize(text: &str, limits: &Limits) -> Result<Vec<TokenWithSpan>, Fault> {
    limits.check_bytes(text)?;
    // A token has at least one byte. Only a text with more bytes than tokens may be counted
    // first, because the tokenizer cannot be stopped and a token takes eighty bytes.
    if text.len() > limits.tokens_max {
        limits.check_count(count_at_most(text, limits.tokens_max))?;
    }
    let dialect = CvxDialect::for_tokens(0);
    let mut tokenizer = Tokenizer::new(&dialect, text);
    tokenizer.tokenize_with_location().map_err(|error| Fault::from(ParserError::from(error)))
}

/// The statements of a text, empty ones left out.
pub(crate) fn statements(text: &str, limits: &Limits) -> Result<Vec<Tokens>, Fault> {
    let mut statements = Vec::new();
    let mut current = Vec::new();
    let mut depth = Depth::default();
    for token in tokenize(text, limits)? {
        if matches!(token.token, Token::Whitespace(_)) {
            continue;
        }
        if depth.ends_statement(&token.token) {
            statements.push(std::mem::take(&mut current));
        } else {
            current.push(token);
        }
    }
    statements.push(current);
    let given = statements.into_iter().filter(|tokens| !tokens.is_empty());
    given.map(|tokens| Ok(Tokens { tokens: fuse(tokens)? })).collect()
}

/// Parentheses open while looking for semicolons.
#[derive(Default)]
pub(crate) struct Depth {
    open: usize,
}

impl Depth {
    /// Reads one token and says whether it is a semicolon between statements.
    pub(crate) fn ends_statement(&mut self, token: &Token) -> bool {
        match token {
            Token::LParen => self.open += 1,
            Token::RParen => self.open = self.open.saturating_sub(1),
            Token::SemiColon if self.open == 0 => return true,
            _ => {}
        }
        false
    }
}

/// An upper bound of the number of tokens, counted no further than one over `max`.
///
/// It need only be right about where strings and comments end; an operator of three characters
/// may count as three.
fn count_at_most(text: &str, max: usize) -> usize {
    let mut rest = text;
    let mut count = 0;
    while let Some(length) = first_token_length(rest) {
        count += 1;
        if count > max {
            break;
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    count
}

fn first_token_length(rest: &str) -> Option<usize> {
    let mut chars = rest.chars();
    let first = chars.next()?;
    let second = chars.next();
    let length = match (first, second) {
        ('\'', _) => quoted_length(rest, '\'', false),
        ('E' | 'e', Some('\'')) => 1 + quoted_length(&rest[1..], '\'', true),
        ('"', _) => quoted_length(rest, '"', false),
        ('-', Some('-')) => rest.find('\n').unwrap_or(rest.len()),
        ('/', Some('*')) => comment_length(rest),
        ('$', _) => dollar_length(rest),
        (first, _) if first.is_ascii_digit() => {
            rest.find(|ch: char| !ch.is_ascii_alphanumeric() && ch != '_').unwrap_or(rest.len())
        }
        (first, _) if is_name_part(first) => {
            rest.find(|ch: char| !is_name_part(ch)).unwrap_or(rest.len())
        }
        (first, _) => first.len_utf8(),
    };
    Some(length)
}

fn is_name_part(ch: char) -> bool {
    ch.is_alphanumeric() || ch == '_' || ch == '$' || !ch.is_ascii()
}

/// The length of a string from its opening quote; two quotes are one in it.
fn quoted_length(rest: &str, quote: char, backslashes: bool) -> usize {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, ch)) = chars.next() {
        if backslashes && ch == '\\' {
            chars.next();
        } else if ch == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    rest.len()
}

fn comment_length(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(pair) = bytes.get(at..at + 2) {
        match pair {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn dollar_length(rest: &str) -> usize {
    let tag = rest[1..].find(|ch: char| !ch.is_alphanumeric() && ch != '_');
    let Some(close) = tag.map(|at| at + 1).filter(|at| rest[*at..].starts_with('$')) else {
        return tag.map_or(rest.len(), |at| at + 1);
    };
    let delimiter = &rest[..=close];
    rest[close + 1..].find(delimiter).map_or(rest.len(), |at| close + 1 + at + delimiter.len())
}

/// The keyword of the token at an index, or `NoKeyword`.
pub(crate) fn keyword_at(tokens: &[TokenWithSpan], index: usize) -> Keyword {
    match tokens.get(index).map(|token| &token.token) {
        Some(Token::Word(word)) => word.keyword,
        _ => Keyword::NoKeyword,
    }
}

/// Whether an unquoted word stands at an index.
pub(crate) fn word_at(tokens: &[TokenWithSpan], index: usize, name: &str) -> bool {
    matches!(
        tokens.get(index).map(|token| &token.token),
        Some(Token::Word(word)) if word.quote_style.is_none()
            && word.value.eq_ignore_ascii_case(name)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_never_below_the_tokenizers() {
        let texts = [
            "SELECT 'it''s', E'\\'', \"a\"\"b\", $$a ' b$$, $t$ $$ $t$, $1, x$1, 1$t$ ' $t$",
            "-- a ' b\nSELECT /* /* ' */ */ 1+2, 1e10, 'a\\', U&'\\0061', B'01', 'é' \"ü\"",
            "a<+>b <-> c[1:2]::int;;; ((()))",
        ];
        for text in texts {
            let tokens = tokenize(text, &Limits::DEFAULT).unwrap();
            assert!(count_at_most(text, 1_000) >= tokens.len(), "{text}");
            assert_eq!(count_at_most(text, 5), 6, "{text}");
        }
    }

    #[test]
    fn a_large_string_is_one_token_and_many_tokens_are_refused_before_they_exist() {
        let limits = Limits { tokens_max: 100, ..Limits::DEFAULT };
        let text = format!("SELECT '{}'", "[".repeat(1_000));
        assert_eq!(tokenize(&text, &limits).unwrap().len(), 3);
        let refused = tokenize(&"(".repeat(101), &limits).unwrap_err();
        assert_eq!(refused.kind, crate::ParseErrorKind::TooLong);
    }
}
