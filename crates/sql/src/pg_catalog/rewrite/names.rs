//! What a column without AS is called.
//!
//! Postgres names it after its outermost function, type or column, and never minds two of one
//! name; DataFusion names it after its whole text, and minds. So inside a statement unnamed
//! columns get Postgres' name, made unique, and the outermost names are told separately.

use super::parts;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, DataType, Expr, Function, Ident, ObjectName, OrderByKind, Query, Select,
    SelectItem, SetExpr, Value, visit_expressions_mut,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// The names of a query's columns as Postgres gives them, as far as they are written out: `None`
/// stands for a wildcard, whose names are those of its table.
#[must_use]
pub fn output_names(query: &Query) -> Vec<Option<String>> {
    leftmost(&query.body)
        .map_or_else(Vec::new, |select| select.projection.iter().map(item_name).collect())
}

/// Names every unnamed column of a sub-query that is more than a column.
pub fn name_all(select: &mut Select) {
    let mut taken: BTreeSet<String> = select.projection.iter().filter_map(said_name).collect();
    for item in &mut select.projection {
        name_item(item, &mut taken);
    }
}

/// Names those columns of an outermost SELECT that DataFusion would take for one and the same,
/// and those that ORDER BY mentions by their name.
pub fn name_duplicates(query: &mut Query) {
    let ordered: BTreeSet<String> = match query.order_by.as_ref().map(|order| &order.kind) {
        Some(OrderByKind::Expressions(keys)) => {
            keys.iter().filter_map(|key| plain_name(&key.expr)).collect()
        }
        _ => BTreeSet::new(),
    };
    each_select(&mut query.body, &mut |select| name_repeated(select, &ordered));
}

/// Parts what names of one column that come twice have behind them, which no client sees.
pub const REPEATED: char = '\u{1f}';

fn name_repeated(select: &mut Select, ordered: &BTreeSet<String>) {
    let wild = select.projection.iter().any(is_wildcard);
    let aliases: BTreeSet<String> = select.projection.iter().filter_map(alias_name).collect();
    let mut taken: BTreeSet<String> = select.projection.iter().filter_map(said_name).collect();
    let (mut seen, mut said) = (Seen::default(), BTreeSet::new());
    for item in &mut select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                // DataFusion calls every sub-query by one name.
                let again = expr.to_string().contains("(SELECT") || seen.before(expr);
                let plain = plain_name(expr);
                let taken_over = plain.as_ref().is_some_and(|name| aliases.contains(name));
                let mentioned =
                    plain.is_none() && figure(expr).is_some_and(|name| ordered.contains(&name));
                // What a wildcard stands for may be any column.
                if again || mentioned || taken_over || wild {
                    let fresh = wild && !mentioned;
                    *item = aliased(expr.clone(), &mut taken, fresh);
                }
            }
            SelectItem::ExprWithAlias { expr, alias } if !said.insert(folded(alias)) => {
                let name = repeated(&folded(alias), &mut taken);
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: name };
            }
            _ => {}
        }
    }
}

fn is_wildcard(item: &SelectItem) -> bool {
    matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
}

fn alias_name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
        _ => None,
    }
}

/// The expressions so far, as DataFusion would name them: a cast has the name of what it casts,
/// and a column the name of its table in front, whether it was written or not.
#[derive(Default)]
struct Seen(BTreeMap<String, Vec<String>>);

impl Seen {
    /// Whether one came that may have the same name; this one has come from now on.
    fn before(&mut self, expr: &Expr) -> bool {
        let said = uncast(expr);
        let full = said.to_string();
        let bare = unqualified(said).to_string();
        let qualified = full != bare;
        let others = self.0.entry(bare.clone()).or_default();
        let again = others.iter().any(|other| !qualified || *other == bare || *other == full);
        others.push(full);
        again
    }
}

pub(super) fn uncast(expr: &Expr) -> Expr {
    let mut expr = expr.clone();
    let _: ControlFlow<()> = visit_expressions_mut(&mut expr, |inner| {
        while let Expr::Cast { expr, .. } | Expr::Nested(expr) = inner {
            let cast = std::mem::replace(&mut **expr, Expr::value(Value::Null));
            *inner = cast;
        }
        ControlFlow::Continue(())
    });
    expr
}

fn unqualified(mut expr: Expr) -> Expr {
    let _: ControlFlow<()> = visit_expressions_mut(&mut expr, |inner| {
        if let Expr::CompoundIdentifier(names) = inner
            && let Some(last) = names.pop()
        {
            *inner = Expr::Identifier(last);
        }
        ControlFlow::Continue(())
    });
    expr
}

fn name_item(item: &mut SelectItem, taken: &mut BTreeSet<String>) {
    if let SelectItem::UnnamedExpr(expr) = item
        && plain_name(expr).is_none()
    {
        *item = aliased(expr.clone(), taken, false);
    }
}

/// Under its name, or under one of that name that nothing else has: if there is one so far, or
/// where a `fresh` one is asked for.
fn aliased(expr: Expr, taken: &mut BTreeSet<String>, fresh: bool) -> SelectItem {
    let name = figure_or_unknown(&expr);
    let alias = match !fresh && taken.insert(name.clone()) {
        true => Ident::with_quote('"', name),
        false => repeated(&name, taken),
    };
    SelectItem::ExprWithAlias { expr, alias }
}

fn repeated(name: &str, taken: &mut BTreeSet<String>) -> Ident {
    let mut number = 2;
    loop {
        let unique = format!("{name}{REPEATED}{number}");
        if taken.insert(unique.clone()) {
            return Ident::with_quote('"', unique);
        }
        number += 1;
    }
}

fn leftmost(body: &SetExpr) -> Option<&Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::Query(query) => leftmost(&query.body),
        SetExpr::SetOperation { left, .. } => leftmost(left),
        _ => None,
    }
}

fn each_select(body: &mut SetExpr, act: &mut impl FnMut(&mut Select)) {
    match body {
        SetExpr::Select(select) => act(select),
        SetExpr::Query(query) => each_select(&mut query.body, act),
        SetExpr::SetOperation { left, right, .. } => {
            each_select(left, act);
            each_select(right, act);
        }
        _ => {}
    }
}

fn item_name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(expr) => Some(figure_or_unknown(expr)),
        SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
        _ => None,
    }
}

/// The name of an item that has one without asking.
fn said_name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(expr) => plain_name(expr),
        SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
        _ => None,
    }
}

/// The name of an expression that is no more than a column.
fn plain_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(name) => Some(folded(name)),
        Expr::CompoundIdentifier(names) => names.last().map(folded),
        _ => None,
    }
}

fn folded(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

/// As Postgres' FigureColname; `None` where it says `?column?`.
fn figure(expr: &Expr) -> Option<String> {
    strong(expr).or_else(|| weak(expr))
}

/// The name of a column that is not given one.
pub fn figure_or_unknown(expr: &Expr) -> String {
    figure(expr).unwrap_or_else(|| "?column?".to_owned())
}

/// A name that wins over the type of a cast around it.
fn strong(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => strong(inner),
        Expr::Cast { expr, .. } => strong(expr),
        Expr::Function(Function { name, .. }) => function_name(name),
        Expr::CompoundFieldAccess { root, access_chain } => {
            let last = access_chain.iter().rev().find_map(|access| match access {
                AccessExpr::Dot(field) => plain_name(field),
                AccessExpr::Subscript(_) => None,
            });
            last.or_else(|| strong(root))
        }
        Expr::Subquery(query) => output_names(query).into_iter().next().flatten(),
        Expr::Exists { .. } => Some("exists".to_owned()),
        Expr::Array(_) => Some("array".to_owned()),
        Expr::Case { else_result: Some(otherwise), .. } => strong(otherwise),
        Expr::Extract { .. } => Some("extract".to_owned()),
        Expr::Ceil { .. } => Some("ceil".to_owned()),
        Expr::Floor { .. } => Some("floor".to_owned()),
        Expr::Position { .. } => Some("position".to_owned()),
        Expr::Substring { .. } => Some("substring".to_owned()),
        Expr::Trim { .. } => Some("btrim".to_owned()),
        Expr::Overlay { .. } => Some("overlay".to_owned()),
        Expr::AtTimeZone { .. } => Some("timezone".to_owned()),
        Expr::Tuple(_) => Some("row".to_owned()),
        other => plain_name(other),
    }
}

/// A name for want of a better one.
fn weak(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Nested(inner) => weak(inner),
        Expr::Cast { data_type, .. } => Some(type_name(data_type)),
        Expr::TypedString(typed) => Some(type_name(&typed.data_type)),
        Expr::Interval(_) => Some("interval".to_owned()),
        Expr::Case { .. } => Some("case".to_owned()),
        _ => None,
    }
}

fn function_name(name: &ObjectName) -> Option<String> {
    parts(name).pop()
}

/// A type's name in `pg_type`.
fn type_name(ty: &DataType) -> String {
    let written = match ty {
        DataType::Array(element) => {
            use datafusion::sql::sqlparser::ast::ArrayElemTypeDef;
            match element {
                ArrayElemTypeDef::SquareBracket(element, _)
                | ArrayElemTypeDef::AngleBracket(element)
                | ArrayElemTypeDef::Parenthesis(element) => return type_name(element),
                ArrayElemTypeDef::None => return "array".to_owned(),
            }
        }
        DataType::Custom(name, _) => parts(name).pop().unwrap_or_default(),
        other => other.to_string().to_lowercase(),
    };
    let plain = written.split('(').next().unwrap_or_default().trim();
    let name = match plain {
        "int" | "integer" => "int4",
        "bigint" => "int8",
        "smallint" => "int2",
        "boolean" => "bool",
        "real" => "float4",
        "double precision" | "float" => "float8",
        "character varying" => "varchar",
        "character" | "char" => "bpchar",
        "decimal" => "numeric",
        "timestamp with time zone" => "timestamptz",
        "timestamp without time zone" => "timestamp",
        other => other,
    };
    name.to_owned()
}
