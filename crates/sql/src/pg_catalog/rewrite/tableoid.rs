//! `c.tableoid`, the system column, where `c` is a system table: its OID, written out.

use super::parts;
use crate::pg_catalog::spec::system_table;
use datafusion::sql::sqlparser::ast::{
    Expr, Select, Statement, TableFactor, TableWithJoins, Value, VisitMut, VisitorMut,
};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Writes out the OIDs of system tables.
pub fn fill(statement: &mut Statement) {
    let _: ControlFlow<()> = statement.visit(&mut Fill { scopes: Vec::new() });
}

/// What each FROM around the current expression calls its items: the OID of a system table, or
/// something else. Inner names hide outer ones.
struct Fill {
    scopes: Vec<BTreeMap<String, Option<u32>>>,
}

impl VisitorMut for Fill {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.scopes.push(select.from.iter().flat_map(items).filter_map(named).collect());
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _: &mut Select) -> ControlFlow<()> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(names) = expr
            && let [table, column] = names.as_slice()
            && column.value.eq_ignore_ascii_case("tableoid")
        {
            let mut scopes = self.scopes.iter().rev();
            if let Some(Some(oid)) = scopes.find_map(|scope| scope.get(&table.value)) {
                *expr = Expr::Value(Value::Number(oid.to_string(), false).into());
            }
        }
        ControlFlow::Continue(())
    }
}

fn items(from: &TableWithJoins) -> impl Iterator<Item = &TableFactor> {
    std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation))
}

fn named(item: &TableFactor) -> Option<(String, Option<u32>)> {
    let (name, alias) = match item {
        TableFactor::Table { name, alias, args: None, .. } => (Some(parts(name)), alias),
        TableFactor::Derived { alias, .. } | TableFactor::NestedJoin { alias, .. } => (None, alias),
        _ => return None,
    };
    let table = name.as_deref().and_then(|name| match name {
        [name] => system_table("pg_catalog", name),
        [schema, name] => system_table(schema, name),
        _ => None,
    });
    let said = alias.as_ref().map(|alias| alias.name.value.clone());
    let called = said.or_else(|| name.and_then(|mut name| name.pop()))?;
    Some((called, table.map(|table| table.oid)))
}
