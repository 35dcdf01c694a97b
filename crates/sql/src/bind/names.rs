//! Identifiers as Postgres folds them, and the hidden columns a text names.

use cvx_dialect::Statement;
use cvx_engine::View;
use cvx_types::{Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{
    self, Ident, ObjectName, ObjectNamePart, Query, TableAlias, TableAliasColumnDef, Visit, Visitor,
};
use std::ops::ControlFlow;

/// Columns every table has and `*` never shows.
pub const HIDDEN: [&str; 4] = ["_valid_from", "_valid_to", "_system_from", "_system_to"];

/// An identifier's name: folded to lower case unless quoted.
pub fn ident_name(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// A name's parts, folded.
pub fn object_name(name: &ObjectName) -> Vec<String> {
    name.0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(ident) => ident_name(ident),
            ObjectNamePart::Function(function) => ident_name(&function.name),
        })
        .collect()
}

/// Words that begin a clause and are no table's name unless quoted; the parser takes them for one.
const RESERVED: [&str; 12] = [
    "where", "group", "order", "having", "limit", "offset", "union", "select", "from", "join",
    "on", "using",
];

/// 42601 where a clause's word stands in the place of a table's name.
pub fn refuse_keyword(name: &ObjectName) -> Result<()> {
    match name.0.as_slice() {
        [ObjectNamePart::Identifier(ident)]
            if ident.quote_style.is_none() && RESERVED.contains(&ident_name(ident).as_str()) =>
        {
            let message = format!("syntax error at or near \"{}\"", ident.value);
            Err(SqlError::new(SqlState::SYNTAX_ERROR, message))
        }
        _ => Ok(()),
    }
}

/// An identifier that stands for exactly this name.
pub fn quote(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

/// The hidden columns that a query names anywhere.
pub fn hidden_in(query: &Query) -> Vec<&'static str> {
    let mut finder = Finder(Vec::new());
    let _: ControlFlow<()> = query.visit(&mut finder);
    HIDDEN.into_iter().filter(|name| finder.0.contains(name)).collect()
}

struct Finder(Vec<&'static str>);

impl Visitor for Finder {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &ast::Expr) -> ControlFlow<()> {
        let last = match expr {
            ast::Expr::Identifier(ident) => Some(ident),
            ast::Expr::CompoundIdentifier(parts) => parts.last(),
            _ => None,
        };
        if let Some(ident) = last {
            let name = ident_name(ident);
            self.0.extend(HIDDEN.iter().find(|hidden| **hidden == name));
        }
        ControlFlow::Continue(())
    }
}

/// The query a view stands for.
pub fn parse_view(view: &View) -> Result<Box<Query>> {
    let mut statements = cvx_dialect::parse(&view.sql).map_err(crate::limits::from_parse)?;
    match (statements.pop(), statements.is_empty()) {
        (Some(Statement::Sql(statement)), true) => match *statement {
            ast::Statement::Query(query) => Ok(query),
            _ => Err(broken(view)),
        },
        _ => Err(broken(view)),
    }
}

fn broken(view: &View) -> SqlError {
    SqlError::new(SqlState::DATA_CORRUPTED, format!("view \"{}\" holds no query", view.name))
}

/// What a view is called in the query: the reader's alias, the view's own column names.
pub fn view_alias(view: &View, alias: Option<TableAlias>) -> TableAlias {
    let mut alias = alias.unwrap_or_else(|| table_alias(&view.name, &[]));
    if alias.columns.is_empty() {
        alias.columns = view.columns.iter().map(|column| alias_column(&column.name)).collect();
    }
    alias
}

/// `AS name(columns...)`.
pub fn table_alias(name: &str, columns: &[&str]) -> TableAlias {
    TableAlias {
        explicit: true,
        name: quote(name),
        columns: columns.iter().map(|name| alias_column(name)).collect(),
        at: None,
    }
}

pub(super) fn alias_column(name: &str) -> TableAliasColumnDef {
    TableAliasColumnDef { name: quote(name), data_type: None }
}
