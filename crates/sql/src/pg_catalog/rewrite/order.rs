//! ORDER BY with IN or EXISTS of a sub-query among its keys.
//!
//! DataFusion sorts by no expression that holds one, but computes it among a SELECT's columns (a
//! sub-query for one value it sorts by, and the nearest to one is a search). So the keys become
//! columns of the query inside, and the query around it sorts:
//!
//! ```text
//! SELECT a FROM t ORDER BY a IN (SELECT ..), 1
//! SELECT a FROM (SELECT a, a IN (SELECT ..) AS key FROM t) ORDER BY key, 1
//! ```

use super::names::{REPEATED, figure_or_unknown};
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, OrderByExpr, OrderByKind, Query, Select, SelectItem, SetExpr, TableAlias,
    TableFactor, Value, Visit, Visitor,
};
use std::ops::ControlFlow;

/// Moves such keys inside. A query with a wildcard, DISTINCT or a set operation stays as it is.
pub fn move_keys(query: &mut Query) {
    if !has_subquery_key(query) {
        return;
    }
    let mut inner = query.clone();
    inner.with = None;
    let Some(mut keys) = inner.order_by.take() else { return };
    (inner.limit_clause, inner.fetch, inner.locks) = (None, None, Vec::new());
    let SetExpr::Select(select) = inner.body.as_mut() else { return };
    let Some(columns) = named(select) else { return };
    let OrderByKind::Expressions(expressions) = &mut keys.kind else { return };
    for (at, key) in expressions.iter_mut().enumerate() {
        move_key(key, at, select, &columns);
    }
    let mut outer = select.as_ref().clone();
    outer.projection = columns
        .iter()
        .map(|name| SelectItem::UnnamedExpr(Expr::Identifier(name.clone())))
        .collect();
    (outer.selection, outer.having) = (None, None);
    outer.group_by = ungrouped();
    outer.from.truncate(1);
    let Some(from) = outer.from.first_mut() else { return };
    from.joins.clear();
    from.relation = TableFactor::Derived {
        lateral: false,
        subquery: Box::new(inner),
        alias: Some(alias()),
        sample: None,
    };
    *query.body = SetExpr::Select(Box::new(outer));
    query.order_by = Some(keys);
}

fn has_subquery_key(query: &Query) -> bool {
    let Some(OrderByKind::Expressions(keys)) = query.order_by.as_ref().map(|order| &order.kind)
    else {
        return false;
    };
    let plain = match query.body.as_ref() {
        SetExpr::Select(select) => select.distinct.is_none() && !select.from.is_empty(),
        _ => false,
    };
    plain && keys.iter().any(|key| key.expr.visit(&mut Subqueries).is_break())
}

struct Subqueries;

impl Visitor for Subqueries {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::InSubquery { .. } | Expr::Exists { .. } => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Gives every column a name that no other has; `None` where a wildcard stands for some.
fn named(select: &mut Select) -> Option<Vec<Ident>> {
    let mut names = Vec::new();
    for (at, item) in select.projection.iter_mut().enumerate() {
        let (expr, name) = match item {
            SelectItem::UnnamedExpr(expr) => (expr.clone(), figure_or_unknown(expr)),
            SelectItem::ExprWithAlias { expr, alias } => (expr.clone(), alias.value.clone()),
            _ => return None,
        };
        let repeated = names.iter().any(|known: &Ident| known.value == name);
        let name = if repeated { format!("{name}{REPEATED}{at}") } else { name };
        let alias = Ident::with_quote('"', name);
        names.push(alias.clone());
        *item = SelectItem::ExprWithAlias { expr, alias };
    }
    Some(names)
}

/// A key that is neither a position nor a column of the result is computed inside.
fn move_key(key: &mut OrderByExpr, at: usize, select: &mut Select, columns: &[Ident]) {
    let stays = match &key.expr {
        Expr::Value(value) => matches!(value.value, Value::Number(..)),
        Expr::Identifier(name) => columns.iter().any(|column| column.value == name.value),
        _ => false,
    };
    if !stays {
        let alias = Ident::with_quote('"', format!("key{REPEATED}{at}"));
        let expr = std::mem::replace(&mut key.expr, Expr::Identifier(alias.clone()));
        select.projection.push(SelectItem::ExprWithAlias { expr, alias });
    }
}

fn ungrouped() -> datafusion::sql::sqlparser::ast::GroupByExpr {
    datafusion::sql::sqlparser::ast::GroupByExpr::Expressions(Vec::new(), Vec::new())
}

fn alias() -> TableAlias {
    let name = Ident::with_quote('"', format!("sorted{REPEATED}"));
    TableAlias { explicit: true, name, columns: Vec::new(), at: None }
}
