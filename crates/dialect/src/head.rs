//! Which statements there are, by their first words.
//!
//! sqlparser reads the statements of a dozen databases whatever its dialect, some of them by
//! unbounded recursion (IF ... IF ..., EXPLAIN EXPLAIN ...). Only Postgres' are let through, and
//! those of Postgres' that no part of this database carries out are refused by name.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::error::Fault;
use crate::scan::keyword_at;

/// The first words of statements that are read.
#[rustfmt::skip]
const STATEMENTS: [&str; 46] = [
    "SELECT", "WITH", "VALUES", "TABLE", "INSERT", "UPDATE", "DELETE", "MERGE", "CREATE", "ALTER",
    "DROP", "TRUNCATE", "COMMENT", "COPY", "EXPLAIN", "ANALYZE", "VACUUM", "CALL", "SET", "SHOW",
    "RESET", "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE",
    "PREPARE", "EXECUTE", "DEALLOCATE", "DECLARE", "FETCH", "MOVE", "CLOSE", "LISTEN", "UNLISTEN",
    "NOTIFY", "GRANT", "REVOKE", "LOCK", "DISCARD", "REINDEX", "CLUSTER", "CHECKPOINT",
];

/// Statements of Postgres' that are not carried out, by as many words as name them.
const UNSUPPORTED: [&[&str]; 13] = [
    &["DO"],
    &["LOAD"],
    &["REASSIGN", "OWNED"],
    &["SECURITY", "LABEL"],
    &["IMPORT", "FOREIGN", "SCHEMA"],
    &["REFRESH", "MATERIALIZED", "VIEW"],
    &["PREPARE", "TRANSACTION"],
    &["COMMIT", "PREPARED"],
    &["ROLLBACK", "PREPARED"],
    &["ALTER", "SYSTEM"],
    &["ALTER", "DEFAULT", "PRIVILEGES"],
    &["ALTER", "SEQUENCE"],
    &["DROP", "OWNED"],
];

/// Words between CREATE and its object.
const MODIFIERS: [&str; 7] = ["OR", "REPLACE", "ALTER", "TEMP", "TEMPORARY", "GLOBAL", "LOCAL"];

/// Objects that cannot be created, altered or dropped.
const UNSUPPORTED_OBJECTS: [&[&str]; 24] = [
    &["ACCESS", "METHOD"],
    &["AGGREGATE"],
    &["CAST"],
    &["COLLATION"],
    &["CONSTRAINT", "TRIGGER"],
    &["CONVERSION"],
    &["EVENT", "TRIGGER"],
    &["FOREIGN", "DATA", "WRAPPER"],
    &["FOREIGN", "TABLE"],
    &["FUNCTION"],
    &["LANGUAGE"],
    &["OPERATOR"],
    &["POLICY"],
    &["PROCEDURE"],
    &["PUBLICATION"],
    &["ROUTINE"],
    &["RULE"],
    &["SERVER"],
    &["STATISTICS"],
    &["SUBSCRIPTION"],
    &["TABLESPACE"],
    &["TEXT", "SEARCH"],
    &["TRANSFORM"],
    &["TRIGGER"],
];

/// Objects that are nowhere but in COMMENT ON.
const UNSUPPORTED_COMMENTS: [&[&str]; 2] = [&["CONSTRAINT"], &["LARGE", "OBJECT"]];

/// Refuses what is no statement of Postgres', or none that is carried out.
pub(crate) fn check(tokens: &[TokenWithSpan]) -> Result<(), Fault> {
    let Some(first) = tokens.first() else {
        return Err(Fault::end("expected a statement"));
    };
    if let Some(name) = unsupported(tokens) {
        return Err(Fault::unsupported(first.span.start, format!("{name} is not supported")));
    }
    let known = STATEMENTS.iter().any(|name| is_word(first, name));
    if !known && first.token != Token::LParen {
        return Err(Fault::near(first.span.start, "expected a statement"));
    }
    check_inner(tokens)
}

fn is_word(token: &TokenWithSpan, name: &str) -> bool {
    matches!(&token.token, Token::Word(word)
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(name))
}

fn begins(tokens: &[TokenWithSpan], words: &[&str]) -> bool {
    tokens.len() >= words.len()
        && tokens.iter().zip(words).all(|(token, name)| is_word(token, name))
}

fn unsupported(tokens: &[TokenWithSpan]) -> Option<String> {
    if let Some(words) = UNSUPPORTED.iter().find(|words| begins(tokens, words)) {
        return Some(words.join(" "));
    }
    if begins(tokens, &["COMMENT", "ON"]) {
        let object = tokens.get(2..)?;
        let words = UNSUPPORTED_OBJECTS.iter().chain(&UNSUPPORTED_COMMENTS);
        let words = words.copied().find(|words| begins(object, words))?;
        return Some(format!("COMMENT ON {}", words.join(" ")));
    }
    let verb = ["CREATE", "ALTER", "DROP"].into_iter().find(|verb| begins(tokens, &[verb]))?;
    let is_modifier = |token: &&TokenWithSpan| MODIFIERS.iter().any(|name| is_word(token, name));
    let modifiers = tokens.iter().skip(1).take_while(is_modifier).count();
    let object = tokens.get(1 + modifiers..)?;
    let words = UNSUPPORTED_OBJECTS.iter().find(|words| begins(object, words))?;
    Some(format!("{verb} {}", words.join(" ")))
}

/// EXPLAIN and PREPARE hold a statement, but never one another.
fn check_inner(tokens: &[TokenWithSpan]) -> Result<(), Fault> {
    let start = match keyword_at(tokens, 0) {
        Keyword::EXPLAIN => explained(tokens),
        Keyword::PREPARE => prepared(tokens),
        _ => return Ok(()),
    };
    let Some(inner) = tokens.get(start) else {
        return Ok(());
    };
    let allowed = matches!(
        keyword_at(tokens, start),
        Keyword::SELECT
            | Keyword::WITH
            | Keyword::VALUES
            | Keyword::TABLE
            | Keyword::INSERT
            | Keyword::UPDATE
            | Keyword::DELETE
            | Keyword::MERGE
            | Keyword::EXECUTE
            | Keyword::DECLARE
            | Keyword::CREATE
    );
    if allowed || inner.token == Token::LParen {
        return unsupported(&tokens[start..]).map_or(Ok(()), |name| {
            Err(Fault::unsupported(inner.span.start, format!("{name} is not supported")))
        });
    }
    Err(Fault::near(inner.span.start, "expected a query or a statement that changes rows"))
}

/// Where the statement begins that EXPLAIN explains.
pub(crate) fn explained(tokens: &[TokenWithSpan]) -> usize {
    let mut at = 1;
    while matches!(keyword_at(tokens, at), Keyword::ANALYZE | Keyword::VERBOSE) {
        at += 1;
    }
    let is_options = tokens.get(at).is_some_and(|token| token.token == Token::LParen)
        && !matches!(keyword_at(tokens, at + 1), Keyword::SELECT | Keyword::WITH | Keyword::VALUES)
        && tokens.get(at + 1).is_some_and(|token| token.token != Token::LParen);
    if is_options { behind_parenthesis(tokens, at) } else { at }
}

/// Where the statement begins that is prepared.
fn prepared(tokens: &[TokenWithSpan]) -> usize {
    let mut at = 2;
    if tokens.get(at).is_some_and(|token| token.token == Token::LParen) {
        at = behind_parenthesis(tokens, at);
    }
    at + usize::from(keyword_at(tokens, at) == Keyword::AS)
}

fn behind_parenthesis(tokens: &[TokenWithSpan], start: usize) -> usize {
    let mut open = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token.token {
            Token::LParen => open += 1,
            Token::RParen => open = open.saturating_sub(1),
            _ => {}
        }
        if open == 0 {
            return at + 1;
        }
    }
    tokens.len()
}
