//! Bounds on statements, and what the parser's refusals are to clients.

use cvx_dialect::{ParseError, ParseErrorKind};
use cvx_types::{SqlError, SqlState};

/// What a client sees of text that is no statement.
pub fn from_parse(error: ParseError) -> SqlError {
    let state = match error.kind {
        ParseErrorKind::SyntaxError => SqlState::SYNTAX_ERROR,
        ParseErrorKind::TooComplex => SqlState::STATEMENT_TOO_COMPLEX,
        ParseErrorKind::TooLong => SqlState::PROGRAM_LIMIT_EXCEEDED,
        ParseErrorKind::Unsupported => SqlState::FEATURE_NOT_SUPPORTED,
    };
    let mut out = SqlError::new(state, error.message);
    out.position = error.position.and_then(|position| u32::try_from(position).ok());
    out.hint = error.hint;
    out
}
