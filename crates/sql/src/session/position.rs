//! Where in the statement a name stands that nothing answers to, so that clients can point at it.
//!
//! The planner's errors carry names, not places: a tree of expressions is rewritten many times
//! between the text and the error. The name is looked for among the statement's tokens; comments
//! and strings are none. The first that fits is pointed at.

use cvx_types::{SqlError, SqlState};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Whitespace};

/// The error with the place of the name that it is about, where it has none yet.
pub(super) fn located(error: SqlError, text: &str) -> SqlError {
    if error.position.is_some() {
        return error;
    }
    match wanted(&error).and_then(|name| name.place(text)) {
        Some(position) => error.at(position),
        None => error,
    }
}

/// A name as a message gives it.
struct Name {
    parts: Vec<String>,
    call: bool,
}

fn wanted(error: &SqlError) -> Option<Name> {
    let message = error.message.as_str();
    let quoted = || message.split('"').nth(1).map(str::to_owned);
    match error.state {
        SqlState::UNDEFINED_FUNCTION => {
            let name = message.strip_prefix("function ")?.split(['(', ' ']).next()?;
            Some(Name { parts: vec![name.to_owned()], call: true })
        }
        SqlState::UNDEFINED_TABLE | SqlState::UNDEFINED_COLUMN | SqlState::AMBIGUOUS_COLUMN => {
            let plain = || {
                let rest = message.strip_prefix("column ")?;
                rest.split(' ').next().map(str::to_owned)
            };
            let name = quoted().or_else(plain)?;
            let parts = name.split('.').map(str::to_owned).collect();
            Some(Name { parts, call: false })
        }
        _ => None,
    }
}

impl Name {
    /// Its place in characters from 1.
    fn place(&self, text: &str) -> Option<usize> {
        let tokens = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize_with_location().ok()?;
        let tokens: Vec<&TokenWithSpan> = tokens.iter().filter(|t| !is_blank(&t.token)).collect();
        let found = (0..tokens.len()).find(|at| self.stands(&tokens, *at))?;
        let start = tokens.get(found)?.span.start;
        let line = usize::try_from(start.line).ok()?.checked_sub(1)?;
        let before: usize = text.split('\n').take(line).map(|line| line.chars().count() + 1).sum();
        Some(before + usize::try_from(start.column).ok()?)
    }

    /// Whether the name stands at this token: not as a part of a longer one, not where it is given.
    fn stands(&self, tokens: &[&TokenWithSpan], at: usize) -> bool {
        let token = |at: usize| tokens.get(at).map(|token| &token.token);
        let before = at.checked_sub(1).and_then(token);
        let given = matches!(before, Some(Token::Period))
            || matches!(before, Some(Token::Word(word)) if word.value.eq_ignore_ascii_case("as"));
        let matches = self.parts.iter().enumerate().all(|(place, part)| {
            let dotted = place == 0 || matches!(token(at + 2 * place - 1), Some(Token::Period));
            dotted
                && matches!(token(at + 2 * place), Some(Token::Word(word)) if is_named(word, part))
        });
        let after = token(at + 2 * self.parts.len() - 1);
        !given && matches && (self.call == matches!(after, Some(Token::LParen)))
    }
}

fn is_named(word: &datafusion::sql::sqlparser::tokenizer::Word, name: &str) -> bool {
    match word.quote_style {
        Some(_) => word.value == name,
        None => word.value.to_lowercase() == name,
    }
}

fn is_blank(token: &Token) -> bool {
    matches!(
        token,
        Token::Whitespace(
            Whitespace::Space
                | Whitespace::Newline
                | Whitespace::Tab
                | Whitespace::SingleLineComment { .. }
                | Whitespace::MultiLineComment(_)
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_where_they_stand() {
        let check = |state, message: &str, text: &str, wanted: Option<u32>| {
            let error = located(SqlError::new(state, message), text);
            assert_eq!(error.position, wanted, "{message} in {text}");
        };
        let column = SqlState::UNDEFINED_COLUMN;
        check(column, "column \"x\" does not exist", "SELECT x FROM t", Some(8));
        check(column, "column \"x\" does not exist", "SELECT 'x' -- x\n, t.x, X FROM t", Some(24));
        check(column, "column t.y does not exist", "SELECT y, t.y FROM t", Some(11));
        check(column, "column \"Ä\" does not exist", "SELECT 'ää', \"Ä\"", Some(14));
        check(column, "column \"gone\" does not exist", "SELECT 1", None);
        let table = SqlState::UNDEFINED_TABLE;
        check(table, "relation \"s.t\" does not exist", "TABLE t, s.t", Some(10));
        check(table, "missing FROM-clause entry for table \"o\"", "SELECT o.id FROM t", Some(8));
        let function = SqlState::UNDEFINED_FUNCTION;
        let message = "function f(integer) does not exist";
        check(function, message, "SELECT f, F(1) FROM t", Some(11));
    }
}
