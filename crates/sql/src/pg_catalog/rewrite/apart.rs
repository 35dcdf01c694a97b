//! Aggregates and keys of GROUP BY that differ by a cast only, told apart.
//!
//! DataFusion names a cast after what it casts, and a query may not aggregate two things of one
//! name: `sum(id), sum(id::int)`, `GROUP BY ts, ts::date`. The later of two gets a `coalesce`
//! around it, which is the same value by another name, wherever the query says it.

use super::names::uncast;
use super::parts;
use crate::types::call;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, OrderBy,
    OrderByKind, Query, Select, SelectItem, SetExpr, Value, VisitMut, visit_expressions,
    visit_expressions_mut,
};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

const AGGREGATES: [&str; 24] = [
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "every",
    "json_agg",
    "jsonb_agg",
    "max",
    "mean",
    "median",
    "min",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "var_pop",
    "var_samp",
    "variance",
];

/// Tells them apart in a query's own SELECT.
pub fn tell_apart(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let mut names = Names::default();
    names.collect(select, query.order_by.as_ref());
    if !names.are_unique() {
        let rename = |node: &mut Expr| names.rename(node);
        each(&mut select.projection, &rename);
        each(&mut select.group_by, &rename);
        each(&mut select.having, &rename);
        each(&mut query.order_by, &rename);
    }
}

fn each(node: &mut impl VisitMut, rename: &impl Fn(&mut Expr)) {
    let _: ControlFlow<()> = visit_expressions_mut(node, |expr| {
        rename(expr);
        ControlFlow::Continue(())
    });
}

/// By the name that DataFusion gives them, as they are written.
#[derive(Default)]
struct Names(BTreeMap<String, Vec<String>>);

impl Names {
    fn collect(&mut self, select: &Select, order: Option<&OrderBy>) {
        if let GroupByExpr::Expressions(keys, _) = &select.group_by {
            keys.iter().for_each(|key| self.add(meant(key, select)));
        }
        let mut add = |expr: &Expr| {
            if is_aggregate(expr) {
                self.add(expr);
            }
            ControlFlow::<()>::Continue(())
        };
        let _ = visit_expressions(&select.projection, &mut add);
        let _ = visit_expressions(&select.having, &mut add);
        if let Some(OrderByKind::Expressions(keys)) = order.map(|order| &order.kind) {
            let _ = visit_expressions(keys, &mut add);
        }
    }

    fn add(&mut self, expr: &Expr) {
        let (name, text) = (uncast(expr).to_string(), expr.to_string());
        let known = self.0.entry(name).or_default();
        if !known.contains(&text) {
            known.push(text);
        }
    }

    fn are_unique(&self) -> bool {
        self.0.values().all(|known| known.len() == 1)
    }

    /// Puts as many wrappers around the expression as others of its name came before.
    fn rename(&self, expr: &mut Expr) {
        let text = expr.to_string();
        let place = |known: &Vec<String>| known.iter().position(|other| *other == text);
        let Some(place) = self.0.values().find_map(place) else { return };
        let subject = match expr {
            Expr::Function(function) if is_aggregate_name(function) => {
                let Some(first) = first_argument(function) else { return };
                first
            }
            other => other,
        };
        for _ in 0..place {
            let inner = std::mem::replace(subject, Expr::value(Value::Null));
            *subject = call("coalesce", vec![inner]);
        }
    }
}

/// A key's expression, where it is the number of a column.
fn meant<'a>(key: &'a Expr, select: &'a Select) -> &'a Expr {
    let Expr::Value(value) = key else { return key };
    let Value::Number(number, _) = &value.value else { return key };
    let place = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    match place.and_then(|place| select.projection.get(place)) {
        Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) => expr,
        _ => key,
    }
}

fn is_aggregate(expr: &Expr) -> bool {
    matches!(expr, Expr::Function(function) if is_aggregate_name(function))
}

fn is_aggregate_name(function: &Function) -> bool {
    parts(&function.name).pop().is_some_and(|name| AGGREGATES.contains(&name.as_str()))
}

fn first_argument(function: &mut Function) -> Option<&mut Expr> {
    let FunctionArguments::List(list) = &mut function.args else { return None };
    match list.args.first_mut()? {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    }
}
