//! CREATE VIEW: the query's text is kept; its own time clauses are fixed, its unclaused tables take
//! the reader's.

use super::{DdlPlan, place};
use crate::bind::ident_name;
use crate::plan::StatementCx;
use cvx_engine::{CatalogChange, View, ViewColumn};
use cvx_types::{Column, Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::CreateView;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, Tokenizer};
use std::collections::BTreeSet;

pub(super) async fn plan(cx: &StatementCx<'_>, create: &CreateView) -> Result<DdlPlan> {
    const TAG: &str = "CREATE VIEW";
    if create.materialized || create.temporary {
        return Err(SqlError::unsupported("a materialized or temporary view"));
    }
    let (schema, name) = place(cx, &create.name)?;
    if create.if_not_exists && cx.catalog.view(&schema, &name).is_some() {
        return Ok(
            DdlPlan::new(TAG).notice(format!("relation \"{name}\" already exists, skipping"))
        );
    }
    let plan = crate::session::plan_query(cx, (*create.query).clone())?;
    let shown = crate::session::columns(&create.query, &plan);
    if create.columns.len() > shown.len() {
        return Err(SqlError::new(
            SqlState::SYNTAX_ERROR,
            "CREATE VIEW specifies more column names than columns",
        ));
    }
    let column = |(place, column): (usize, Column)| {
        let named = create.columns.get(place).map(|column| ident_name(&column.name));
        let name = named.unwrap_or(column.name);
        ViewColumn { name, ty: column.ty, typmod: column.typmod }
    };
    let columns: Vec<ViewColumn> = shown.into_iter().enumerate().map(column).collect();
    refuse_repeated(&columns)?;
    let view = View { oid: 0, schema, name, sql: body(cx.text)?.to_owned(), columns };
    let change = CatalogChange::CreateView { view, replace: create.or_replace };
    Ok(DdlPlan::change(TAG, change))
}

/// 42701: a view's columns are told apart by their names.
fn refuse_repeated(columns: &[ViewColumn]) -> Result<()> {
    let mut names = BTreeSet::new();
    match columns.iter().find(|column| !names.insert(&column.name)) {
        None => Ok(()),
        Some(column) => Err(SqlError::new(
            SqlState::DUPLICATE_COLUMN,
            format!("column \"{}\" specified more than once", column.name),
        )),
    }
}

/// The query's own words: what follows the first AS outside parentheses. The syntax tree cannot say
/// them, since a time clause does not print as it was written.
fn body(text: &str) -> Result<&str> {
    let lost = || SqlError::new(SqlState::SYNTAX_ERROR, "CREATE VIEW needs AS and a query");
    let tokens =
        Tokenizer::new(&PostgreSqlDialect {}, text).tokenize_with_location().map_err(|_| lost())?;
    let mut depth = 0_usize;
    for token in &tokens {
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Word(word) if depth == 0 && word.keyword == Keyword::AS => {
                let start = offset(text, token.span.end).ok_or_else(lost)?;
                let body = text.get(start..).ok_or_else(lost)?;
                return Ok(body.trim().trim_end_matches(';').trim_end());
            }
            _ => {}
        }
    }
    Err(lost())
}

/// The byte where a location, counted in lines and characters from 1, stands.
fn offset(text: &str, location: Location) -> Option<usize> {
    let line = usize::try_from(location.line).ok()?.checked_sub(1)?;
    let column = usize::try_from(location.column).ok()?.checked_sub(1)?;
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = text.get(start..)?;
    let bytes = rest.char_indices().nth(column).map_or(rest.len(), |(byte, _)| byte);
    Some(start + bytes)
}
