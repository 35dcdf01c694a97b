//! VACUUM, ANALYZE, REINDEX, CLUSTER and CHECKPOINT: orders that change no row.

use sqlparser::ast::ObjectName;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::{is_next, parenthesised, peek_word, take_word, unexpected};
use crate::error::Fault;
use crate::statement::Statement;

/// An order to look after tables or indexes.
#[derive(Clone, Debug, PartialEq)]
pub struct Maintenance {
    /// Which order.
    pub kind: MaintenanceKind,
    /// Its options in lower case, `full` or `verbose false`, and for REINDEX what it names:
    /// `index`, `table`, `schema`, `database` or `system`.
    pub options: Vec<String>,
    /// The tables, or whatever REINDEX names; none for all.
    pub names: Vec<ObjectName>,
}

/// The orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaintenanceKind {
    /// `VACUUM [(options)] [table, ...]`
    Vacuum,
    /// `ANALYZE [(options)] [table, ...]`
    Analyze,
    /// `REINDEX [(options)] {INDEX | TABLE | SCHEMA | DATABASE | SYSTEM} name`
    Reindex,
    /// `CLUSTER [table]`
    Cluster,
    /// `CHECKPOINT`
    Checkpoint,
}

const FLAGS: [&str; 5] = ["FULL", "FREEZE", "VERBOSE", "ANALYZE", "CONCURRENTLY"];
const REINDEXED: [&str; 5] = ["INDEX", "TABLE", "SCHEMA", "DATABASE", "SYSTEM"];

pub(super) fn read(parser: &mut Parser) -> Result<Statement, Fault> {
    let kind = match peek_word(parser, 0).as_deref() {
        Some("VACUUM") => MaintenanceKind::Vacuum,
        Some("ANALYZE") => MaintenanceKind::Analyze,
        Some("REINDEX") => MaintenanceKind::Reindex,
        Some("CLUSTER") => MaintenanceKind::Cluster,
        _ => MaintenanceKind::Checkpoint,
    };
    parser.advance_token();
    let mut options = Vec::new();
    if is_next(parser, &Token::LParen) {
        options = bracketed(parser)?;
    }
    let mut named = kind != MaintenanceKind::Reindex;
    while let Some(word) = option(parser, !named) {
        named |= REINDEXED.contains(&word.as_str());
        options.push(word.to_lowercase());
    }
    if !named {
        return Err(unexpected(parser, "expected INDEX, TABLE, SCHEMA, DATABASE or SYSTEM"));
    }
    let mut names = Vec::new();
    while kind != MaintenanceKind::Checkpoint && !is_next(parser, &Token::EOF) {
        names.push(name(parser)?);
        if !parser.consume_token(&Token::Comma) {
            break;
        }
    }
    Ok(Statement::Maintenance(Box::new(Maintenance { kind, options, names })))
}

/// An option word. ANALYZE may be a table's name elsewhere, but not here.
fn option(parser: &mut Parser, reindexes: bool) -> Option<String> {
    let word = peek_word(parser, 0)?;
    let known = FLAGS.contains(&word.as_str()) || (reindexes && REINDEXED.contains(&word.as_str()));
    (known && take_word(parser, &word)).then_some(word)
}

/// `(VERBOSE, PARALLEL 2)`
fn bracketed(parser: &mut Parser) -> Result<Vec<String>, Fault> {
    let options = parenthesised(parser, |parser| {
        let name = parser.parse_identifier()?.value.to_lowercase();
        if matches!(parser.peek_token_ref().token, Token::Comma | Token::RParen) {
            return Ok(name);
        }
        let value = parser.next_token().token.to_string().to_lowercase();
        Ok(format!("{name} {value}"))
    })?;
    Ok(options)
}

/// A table with columns, which say only what to look at, or with the index to cluster by.
fn name(parser: &mut Parser) -> Result<ObjectName, Fault> {
    let name = parser.parse_object_name(false)?;
    if is_next(parser, &Token::LParen) {
        parenthesised(parser, |parser| parser.parse_identifier())?;
    } else if take_word(parser, "USING") {
        parser.parse_identifier()?;
    }
    Ok(name)
}
