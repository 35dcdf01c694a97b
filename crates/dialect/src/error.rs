//! What can be wrong with a statement's text, and where.
//!
//! Inside the crate a [`Fault`] names a place by line and column, as tokens do. At the edge it
//! becomes a [`ParseError`] whose position counts characters from 1, as Postgres' `P` field does.

use sqlparser::tokenizer::Location;

/// What the caller can do about a [`ParseError`]; each kind is one SQLSTATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseErrorKind {
    /// The text is not in the dialect: 42601.
    SyntaxError,
    /// The text is in the dialect, but nested or chained too deeply: 54001.
    TooComplex,
    /// The text, or its number of tokens, is over the limit: 54000.
    TooLong,
    /// The text is valid SQL that this database does not carry out: 0A000.
    Unsupported,
}

impl ParseErrorKind {
    /// The SQLSTATE that Postgres clients expect for this kind.
    #[must_use]
    pub fn sqlstate(self) -> &'static str {
        match self {
            Self::SyntaxError => "42601",
            Self::TooComplex => "54001",
            Self::TooLong => "54000",
            Self::Unsupported => "0A000",
        }
    }
}

/// A statement that was refused before anything was planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// What the caller can do about it.
    pub kind: ParseErrorKind,
    /// One sentence, lower case, without a full stop, as Postgres writes them.
    pub message: String,
    /// The character of the text it is about, counted from 1.
    pub position: Option<usize>,
    /// What would have been right, if that is known.
    pub hint: Option<String>,
}

/// The place a [`Fault`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Where this token starts; the message names the token.
    Near(Location),
    /// Where this token starts; the message says all.
    At(Location),
    /// After the statement's last token.
    End,
    /// No place.
    Nowhere,
}

/// An error that does not know the text yet.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) kind: ParseErrorKind,
    pub(crate) message: String,
    pub(crate) place: Place,
    pub(crate) hint: Option<String>,
}

impl Fault {
    /// `syntax error at or near "..."`, the text to be filled in from the place.
    pub(crate) fn near(location: Location, expected: impl Into<String>) -> Self {
        Self {
            kind: ParseErrorKind::SyntaxError,
            message: "syntax error".to_owned(),
            place: Place::Near(location),
            hint: Some(expected.into()),
        }
    }

    pub(crate) fn end(expected: impl Into<String>) -> Self {
        Self {
            kind: ParseErrorKind::SyntaxError,
            message: "syntax error".to_owned(),
            place: Place::End,
            hint: Some(expected.into()),
        }
    }

    pub(crate) fn syntax(location: Location, message: impl Into<String>) -> Self {
        Self::of(ParseErrorKind::SyntaxError, location, message)
    }

    pub(crate) fn unsupported(location: Location, message: impl Into<String>) -> Self {
        Self::of(ParseErrorKind::Unsupported, location, message)
    }

    pub(crate) fn too_complex(location: Location, message: impl Into<String>) -> Self {
        Self::of(ParseErrorKind::TooComplex, location, message)
    }

    pub(crate) fn too_long(message: impl Into<String>) -> Self {
        Self {
            kind: ParseErrorKind::TooLong,
            message: message.into(),
            place: Place::Nowhere,
            hint: None,
        }
    }

    fn of(kind: ParseErrorKind, location: Location, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), place: Place::At(location), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
