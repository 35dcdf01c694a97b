//! The dialect, from outside: its grammar's examples, what parses to what, limits, properties.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod databases;
mod grammar;
mod limits;
mod properties;
mod roles;
mod statements;
mod temporal;

use cvx_dialect::{Statement, parse};
use sqlparser::ast;

/// The only statement of a text.
fn one(sql: &str) -> Statement {
    let mut statements = parse(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    assert_eq!(statements.len(), 1, "{sql}");
    statements.remove(0)
}

/// The only statement of a text, as sqlparser's.
fn sql(text: &str) -> ast::Statement {
    match one(text) {
        Statement::Sql(statement) => *statement,
        other => panic!("{text}: {other:?}"),
    }
}

/// The query of a SELECT.
fn query(text: &str) -> ast::Query {
    match sql(text) {
        ast::Statement::Query(query) => *query,
        other => panic!("{text}: {other:?}"),
    }
}
