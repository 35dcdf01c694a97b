//! Postgres' own constructs spelled in ones that DataFusion plans, meaning the same.
//!
//! Only statements that [touch the catalog](touches_catalog) are rewritten, and of those only
//! what DataFusion cannot read: `OPERATOR(pg_catalog.~)`, `COLLATE "default"`, `pg_catalog.f()`,
//! `::regclass`, `ARRAY(SELECT ..)`, `x = ANY ('{a,b}')`, `LIKE .. ESCAPE '/'`, set-returning
//! functions in FROM, columns without a name. What is not listed stays as it is, and an error
//! stays an error.

mod apart;
mod exprs;
mod names;
mod sources;
mod tableoid;

use crate::pg_catalog::functions;
use crate::pg_catalog::spec::system_table;
use datafusion::sql::sqlparser::ast::{
    DataType, Expr, ObjectName, Query, Select, Statement, TableFactor, Visit, VisitMut, Visitor,
    VisitorMut,
};
pub use names::{REPEATED, output_names};
use std::ops::ControlFlow;

/// Whether a statement names a system table, one of the catalog's functions, or an OID alias.
#[must_use]
pub fn touches_catalog(statement: &Statement) -> bool {
    statement.visit(&mut Search).is_break()
}

/// Spells a statement's Postgres constructs in DataFusion's.
pub fn rewrite(statement: &mut Statement) {
    tableoid::fill(statement);
    let _: ControlFlow<()> = statement.visit(&mut Rewriter { namer: Namer { depth: 0 } });
}

struct Search;

impl Visitor for Search {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let parts = parts(relation);
        let system = match parts.as_slice() {
            [name] => system_table("pg_catalog", name).is_some(),
            [.., schema, _] => is_system_schema(schema),
            [] => false,
        };
        if system { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let found = match expr {
            Expr::Function(function) => match parts(&function.name).as_slice() {
                [name] => functions::names().any(|ours| ours == name),
                [.., schema, _] => is_system_schema(schema),
                [] => false,
            },
            Expr::Cast { data_type, .. } => exprs::is_postgres_type(data_type),
            Expr::Identifier(name) => exprs::is_reserved_function(name),
            _ => false,
        };
        if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, args: Some(_), .. } => match parts(name).as_slice() {
                [.., schema, _] if is_system_schema(schema) => ControlFlow::Break(()),
                [name] if name == "pg_get_keywords" => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            },
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Names the unnamed columns of a statement's sub-queries as Postgres does, and those of its
/// outermost SELECT where DataFusion needs it.
pub fn name_columns(node: &mut impl VisitMut) {
    let _: ControlFlow<()> = node.visit(&mut Namer { depth: 0 });
}

struct Namer {
    depth: usize,
}

impl VisitorMut for Namer {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if self.depth == 0 {
            names::name_duplicates(query);
        }
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        // After names are given: they come from what was written.
        apart::tell_apart(query);
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if self.depth > 1 {
            names::name_all(select);
        }
        ControlFlow::Continue(())
    }
}

struct Rewriter {
    namer: Namer,
}

impl VisitorMut for Rewriter {
    type Break = ();

    // Names are given before expressions change: they come from what was written.
    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.namer.pre_visit_query(query)
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.namer.post_visit_query(query)
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.namer.pre_visit_select(select)
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        exprs::rewrite(expr);
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        sources::rewrite(factor);
        ControlFlow::Continue(())
    }
}

/// The parts of a name, folded as Postgres folds them; none where a part is computed.
fn parts(name: &ObjectName) -> Vec<String> {
    let fold = |ident: &datafusion::sql::sqlparser::ast::Ident| match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    };
    let parts: Option<Vec<String>> = name.0.iter().map(|part| part.as_ident().map(fold)).collect();
    parts.unwrap_or_default()
}

fn is_system_schema(schema: &str) -> bool {
    schema == "pg_catalog" || schema == "information_schema"
}

/// A type's name where it is written as a name.
fn type_parts(ty: &DataType) -> Vec<String> {
    match ty {
        DataType::Custom(name, modifiers) if modifiers.is_empty() => parts(name),
        _ => Vec::new(),
    }
}
