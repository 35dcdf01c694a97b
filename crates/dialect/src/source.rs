//! The text of a request, and the way from a token's line and column back into it.

use sqlparser::parser::ParserError;
use sqlparser::tokenizer::{Location, Token, Tokenizer};

use crate::dialect::CvxDialect;
use crate::error::{Fault, ParseError, ParseErrorKind, Place};

/// A text with an index of its lines.
pub(crate) struct Source<'a> {
    text: &'a str,
    line_starts: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        Self { text, line_starts }
    }

    /// The byte at which a location stands; the end of the text if it lies outside.
    pub(crate) fn byte_of(&self, location: Location) -> usize {
        let line = usize::try_from(location.line).unwrap_or(usize::MAX).saturating_sub(1);
        let column = usize::try_from(location.column).unwrap_or(usize::MAX).saturating_sub(1);
        let Some(rest) = self.line_starts.get(line).and_then(|start| self.text.get(*start..))
        else {
            return self.text.len();
        };
        let end = rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at);
        self.text.len() - rest.len() + end
    }

    /// The text between two locations.
    pub(crate) fn slice(&self, start: Location, end: Location) -> &'a str {
        self.text.get(self.byte_of(start)..self.byte_of(end)).unwrap_or_default()
    }

    /// Characters before this byte, plus one: Postgres' position.
    fn position(&self, byte: usize) -> usize {
        self.text.get(..byte).map_or(0, |before| before.chars().count()) + 1
    }

    /// The user's token that starts here. Only errors ask, so the text is read again.
    fn token_at(&self, location: Location) -> Option<&'a str> {
        let mut tokens = Vec::new();
        let dialect = CvxDialect::for_tokens(0);
        // What came before an unreadable token is in the buffer, and that is enough.
        let _ = Tokenizer::new(&dialect, self.text).tokenize_with_location_into_buf(&mut tokens);
        let found = tokens.into_iter().find(|token| token.span.start == location)?;
        let shown = self.slice(found.span.start, found.span.end);
        Some(if self.may_be_password(&found.token) { "'...'" } else { shown })
    }

    /// Errors end up in logs. Where a password is spoken of, any text may be it, whatever is wrong
    /// with the statement.
    fn may_be_password(&self, token: &Token) -> bool {
        !matches!(token, Token::Word(_))
            && self.text.as_bytes().windows(8).any(|word| word.eq_ignore_ascii_case(b"password"))
    }

    /// Gives a fault its position and the words of the text it is about. `end` is where the
    /// statement's last token ends.
    pub(crate) fn error(&self, fault: Fault, end: Location) -> ParseError {
        let (position, near) = match fault.place {
            Place::Near(at) => (Some(self.position(self.byte_of(at))), self.token_at(at)),
            Place::At(at) => (Some(self.position(self.byte_of(at))), None),
            Place::End => (Some(self.position(self.byte_of(end))), None),
            Place::Nowhere => (None, None),
        };
        let message = match (near, fault.place) {
            (Some(near), _) => format!("{} at or near \"{}\"", fault.message, clipped(near)),
            (None, Place::Near(_) | Place::End) => format!("{} at end of input", fault.message),
            (None, Place::At(_) | Place::Nowhere) => fault.message,
        };
        ParseError { kind: fault.kind, message, position, hint: fault.hint }
    }
}

/// A token short enough to quote in a message.
fn clipped(token: &str) -> String {
    const CHARS_MAX: usize = 60;
    if token.chars().nth(CHARS_MAX).is_none() {
        return token.to_owned();
    }
    token.chars().take(CHARS_MAX).chain("...".chars()).collect()
}

/// sqlparser says where only in words: ` at Line: 3, Column: 7` ends most of its messages.
impl From<ParserError> for Fault {
    fn from(error: ParserError) -> Self {
        match error {
            ParserError::RecursionLimitExceeded => Fault {
                kind: ParseErrorKind::TooComplex,
                message: "the statement is nested too deeply".to_owned(),
                place: Place::Nowhere,
                hint: None,
            },
            ParserError::TokenizerError(text) => {
                let (message, at) = locate(&text);
                let message = uncapitalised(message.trim_end_matches('.'));
                let place = at.map_or(Place::End, Place::At);
                Fault { kind: ParseErrorKind::SyntaxError, message, place, hint: None }
            }
            ParserError::ParserError(text) => from_words(&text),
        }
    }
}

fn from_words(text: &str) -> Fault {
    let (message, at) = locate(text);
    let expected = message.strip_prefix("Expected").map(|rest| rest.trim_start_matches(':').trim());
    if let Some(expected) = expected {
        let hint = expected.split(", found").next().unwrap_or(expected);
        let hint = format!("expected {}", hint.trim());
        return at.map_or_else(|| Fault::end(hint.clone()), |at| Fault::near(at, hint.clone()));
    }
    let message = uncapitalised(message);
    let place = at.map_or(Place::Nowhere, Place::At);
    Fault { kind: ParseErrorKind::SyntaxError, message, place, hint: None }
}

/// Takes the location off the end of one of sqlparser's messages.
fn locate(text: &str) -> (&str, Option<Location>) {
    const MARK: &str = " at Line: ";
    let Some(at) = text.rfind(MARK) else {
        return (text, None);
    };
    let (message, rest) = text.split_at(at);
    let mut numbers = rest[MARK.len()..].split(", Column: ").map(|part| part.trim().parse());
    match (numbers.next(), numbers.next()) {
        (Some(Ok(line)), Some(Ok(column))) => (message, Some(Location::new(line, column))),
        _ => (text, None),
    }
}

fn uncapitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_not_bytes() {
        let source = Source::new("SELECT 'é',\n  ü FROM");
        let at = source.byte_of(Location::new(2, 3));
        assert_eq!(&"SELECT 'é',\n  ü FROM"[at..], "ü FROM");
        assert_eq!(source.position(at), 15);
        assert_eq!(source.byte_of(Location::new(9, 1)), 22);
    }

    #[test]
    fn sqlparsers_words_become_a_place_and_a_hint() {
        let words = "Expected: an expression, found: FROM at Line: 1, Column: 8";
        let fault = Fault::from(ParserError::ParserError(words.to_owned()));
        assert_eq!(fault.place, Place::Near(Location::new(1, 8)));
        assert_eq!(fault.hint.as_deref(), Some("expected an expression"));
        let error = Source::new("SELECT FROM WHERE").error(fault, Location::new(1, 18));
        assert_eq!(error.message, "syntax error at or near \"FROM\"");
        assert_eq!(error.position, Some(8));
    }
}
