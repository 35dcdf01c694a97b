//! Small parsers for what sqlparser cannot carry. Each reads with sqlparser's own parser, from
//! the statement's first word to its end.

mod column;
mod copy;
mod cursor;
mod database;
mod grant;
mod maintenance;
mod role;
mod settings;

use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Word};

use crate::error::Fault;
use crate::statement::Statement;

pub use column::ColumnSetting;
pub use copy::{Copy, CopyColumns, CopyDirection, CopyHeader, CopyOptions};
pub use database::{DatabaseOption, DatabaseStatement};
pub use grant::{Grant, GrantOn, GrantRole, PrivilegeWord, SetOwner};
pub use maintenance::{Maintenance, MaintenanceKind};
pub use role::{Password, RoleName, RoleOption, RoleStatement};

/// Reads the statement if it is one of these.
pub(crate) fn read(parser: &mut Parser) -> Result<Option<Statement>, Fault> {
    let first = peek_word(parser, 0);
    match first.as_deref() {
        Some("COPY") => copy::read(parser).map(Some),
        Some("SHOW") => settings::show(parser).map(Some),
        Some("FETCH" | "MOVE") => cursor::read(parser).map(Some),
        Some("VACUUM" | "ANALYZE" | "REINDEX" | "CLUSTER" | "CHECKPOINT") => {
            maintenance::read(parser).map(Some)
        }
        Some("SET") if peek_word(parser, 1).as_deref() == Some("CONSTRAINTS") => {
            settings::constraints(parser).map(Some)
        }
        Some("CREATE" | "ALTER" | "DROP") if role::is_about_role(parser) => {
            role::read(parser).map(Some)
        }
        Some("CREATE" | "ALTER" | "DROP") if database::is_about_database(parser) => {
            database::read(parser).map(Some)
        }
        Some("GRANT" | "REVOKE") => grant::read(parser).map(Some),
        Some("ALTER") => match grant::owner(parser)? {
            Some(statement) => Ok(Some(statement)),
            None => column::read(parser),
        },
        _ => Ok(None),
    }
}

fn rewind(parser: &mut Parser, start: usize) {
    while parser.index() > start {
        parser.prev_token();
    }
}

/// The unquoted word that is `ahead` further on, in upper case.
fn peek_word(parser: &Parser, ahead: usize) -> Option<String> {
    match &parser.peek_nth_token_ref(ahead).token {
        Token::Word(Word { value, quote_style: None, .. }) => Some(value.to_ascii_uppercase()),
        _ => None,
    }
}

/// Takes a word if it comes next. Some of Postgres' words are no keywords of sqlparser's.
fn take_word(parser: &mut Parser, word: &str) -> bool {
    let found = peek_word(parser, 0).as_deref() == Some(word);
    if found {
        parser.advance_token();
    }
    found
}

fn expect_word(parser: &mut Parser, word: &str) -> Result<(), Fault> {
    if take_word(parser, word) {
        Ok(())
    } else {
        Err(unexpected(parser, &format!("expected {word}")))
    }
}

/// A syntax error at what comes next.
fn unexpected(parser: &Parser, expected: &str) -> Fault {
    let next = parser.peek_token_ref();
    match next.token {
        Token::EOF => Fault::end(expected),
        _ => Fault::near(next.span.start, expected),
    }
}

fn is_next(parser: &Parser, token: &Token) -> bool {
    parser.peek_token_ref().token == *token
}

/// Names separated by commas.
fn names(parser: &mut Parser) -> Result<Vec<sqlparser::ast::ObjectName>, ParserError> {
    parser.parse_comma_separated(|parser| parser.parse_object_name(false))
}

/// A comma-separated list in parentheses.
fn parenthesised<T>(
    parser: &mut Parser,
    item: impl FnMut(&mut Parser) -> Result<T, ParserError>,
) -> Result<Vec<T>, ParserError> {
    parser.expect_token(&Token::LParen)?;
    let items = parser.parse_comma_separated(item)?;
    parser.expect_token(&Token::RParen)?;
    Ok(items)
}

/// Whether IF EXISTS stood here; it says nothing to statements that change nothing.
fn take_if_exists(parser: &mut Parser) -> bool {
    parser.parse_keywords(&[Keyword::IF, Keyword::EXISTS])
}
