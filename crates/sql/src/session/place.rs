//! Where in a statement an error is, for errors that name what is wrong: `P` of the protocol.
//!
//! The parser knows its places; the binder and the planner work on a tree whose clauses were
//! lifted, and say only names. So the place is found from the name: the first token of the
//! statement that is it. A column that stands twice is pointed at where it stands first, as in
//! Postgres. Rejected: sqlparser's spans through DataFusion's diagnostics, which are lost wherever
//! an error is ours, and are off behind a lifted clause.

use cvx_types::{SqlError, SqlState};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

/// SQLSTATEs of errors about a name that stands in the statement.
const NAMING: [SqlState; 5] = [
    SqlState::UNDEFINED_COLUMN,
    SqlState::UNDEFINED_TABLE,
    SqlState::UNDEFINED_FUNCTION,
    SqlState::UNDEFINED_OBJECT,
    SqlState::AMBIGUOUS_COLUMN,
];

/// The error with its place in the statement, where it can be told.
pub(super) fn placed(mut error: SqlError, text: &str) -> SqlError {
    if error.position.is_none() && NAMING.contains(&error.state) {
        let place = named(&error.message).and_then(|name| find(text, name));
        error.position = place.and_then(|at| u32::try_from(at).ok());
    }
    error
}

/// The name in the message: the first in double quotes, or a function's before its arguments.
fn named(message: &str) -> Option<&str> {
    if let Some(function) = message.strip_prefix("function ") {
        let end = function.find(['(', ' '])?;
        return Some(function[..end].trim_matches('"'));
    }
    message.split('"').nth(1)
}

/// The character, from 1, at which the name first stands; of `a.b`, where `a` does.
fn find(text: &str, name: &str) -> Option<usize> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize_with_location().ok()?;
    let parts: Vec<&str> = name.split('.').collect();
    let whole = (0..tokens.len()).find(|at| is_here(&tokens[*at..], &parts));
    // A qualifier may be ours and not the statement's.
    let last = || tokens.iter().position(|token| is(token, parts.last().copied()));
    character(text, tokens.get(whole.or_else(last)?)?.span.start)
}

/// Whether the tokens begin with the parts, a period between two.
fn is_here(tokens: &[TokenWithSpan], parts: &[&str]) -> bool {
    let mut tokens = tokens.iter();
    parts.iter().enumerate().all(|(at, part)| {
        let period = at == 0 || tokens.next().is_some_and(|token| token.token == Token::Period);
        period && tokens.next().is_some_and(|token| is(token, Some(part)))
    })
}

fn is(token: &TokenWithSpan, name: Option<&str>) -> bool {
    let (Token::Word(word), Some(name)) = (&token.token, name) else { return false };
    match word.quote_style {
        Some(_) => word.value == name,
        None => word.value.to_lowercase() == name,
    }
}

/// Lines and columns count from 1.
fn character(text: &str, location: Location) -> Option<usize> {
    let lines = usize::try_from(location.line).ok()?.checked_sub(1)?;
    let before: usize = text.split_inclusive('\n').take(lines).map(|l| l.chars().count()).sum();
    Some(before + usize::try_from(location.column).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(state: SqlState, message: &str, text: &str) -> Option<u32> {
        placed(SqlError::new(state, message), text).position
    }

    #[test]
    fn names_are_found_where_they_stand() {
        let column = |name: &str, text: &str| {
            let message = format!("column \"{name}\" does not exist");
            place(SqlState::UNDEFINED_COLUMN, &message, text)
        };
        assert_eq!(column("x", "SELECT x FROM t"), Some(8));
        assert_eq!(column("x", "SELECT 'x', \"X\", X"), Some(18));
        assert_eq!(column("d.x", "SELECT é,\n d.x FROM d"), Some(12));
        assert_eq!(column("docs.x", "SELECT x FROM docs"), Some(8));
        assert_eq!(column("x", "SELECT y"), None);
    }

    #[test]
    fn functions_and_tables_too() {
        let message = "function nope(bigint) does not exist";
        assert_eq!(place(SqlState::UNDEFINED_FUNCTION, message, "SELECT nope(1)"), Some(8));
        let message = "relation \"t\" does not exist";
        assert_eq!(place(SqlState::UNDEFINED_TABLE, message, "SELECT 1 FROM t"), Some(15));
    }

    #[test]
    fn other_errors_are_nowhere() {
        assert_eq!(place(SqlState::DIVISION_BY_ZERO, "\"x\"", "SELECT x"), None);
    }
}
