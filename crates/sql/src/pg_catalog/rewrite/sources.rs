//! Set-returning functions in FROM: as sub-queries that unnest lists.

use super::exprs::call;
use super::{is_system_schema, parts};
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, Query, SelectItem, SetExpr, Statement,
    TableAlias, TableFactor, Visit, Visitor,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use std::ops::ControlFlow;

/// Rewrites one FROM item.
pub fn rewrite(factor: &mut TableFactor) {
    let made = match factor {
        TableFactor::UNNEST {
            alias,
            array_exprs,
            with_offset: false,
            with_offset_alias: None,
            with_ordinality,
        } => unnest(array_exprs, *with_ordinality, alias.as_ref()),
        TableFactor::Table { name, alias, args: Some(args), with_ordinality, .. } => {
            function(name, &args.args, *with_ordinality, alias.as_ref())
        }
        TableFactor::Function { name, args, with_ordinality, alias, .. } => {
            function(name, args, *with_ordinality, alias.as_ref())
        }
        _ => None,
    };
    if let Some(made) = made {
        *factor = made;
    }
}

/// `unnest(a, b) WITH ORDINALITY`; numbers over several arrays would need the longest.
fn unnest(arrays: &[Expr], ordinality: bool, alias: Option<&TableAlias>) -> Option<TableFactor> {
    if ordinality && arrays.len() != 1 {
        return None;
    }
    let columns = arrays.iter().map(|array| call("unnest", vec![array.clone()]));
    let numbers = arrays.first().filter(|_| ordinality).map(ordinals);
    derived("unnest", columns.chain(numbers).collect(), ordinality, alias)
}

fn ordinals(array: &Expr) -> Expr {
    call("unnest", vec![call("cvx_ordinals", vec![array.clone()])])
}

fn function(
    name: &ObjectName,
    args: &[FunctionArg],
    ordinality: bool,
    alias: Option<&TableAlias>,
) -> Option<TableFactor> {
    let named = parts(name);
    let name = match named.as_slice() {
        [name] => name,
        [schema, name] if is_system_schema(schema) => name,
        _ => return None,
    };
    let arguments: Option<Vec<Expr>> = args.iter().map(plain).collect();
    let arguments = arguments?;
    let list = match (name.as_str(), arguments.as_slice()) {
        ("unnest", arrays) => return unnest(arrays, ordinality, alias),
        ("generate_series", [_, _] | [_, _, _]) => call("generate_series", arguments),
        ("generate_subscripts", [_, _]) => call("cvx_subscripts", arguments),
        ("_pg_expandarray", [array]) if !ordinality => {
            let columns = vec![call("unnest", vec![array.clone()]), ordinals(array)];
            return derived(name, columns, false, Some(&expanded(alias)));
        }
        _ => return None,
    };
    let numbers = ordinality.then(|| ordinals(&list));
    let column = call("unnest", vec![list]);
    derived(name, std::iter::once(column).chain(numbers).collect(), ordinality, alias)
}

/// The alias of `_pg_expandarray`, whose columns are `x` and `n` where it names none.
fn expanded(alias: Option<&TableAlias>) -> TableAlias {
    let mut alias = alias.cloned().unwrap_or_else(|| plain_alias("_pg_expandarray"));
    if alias.columns.is_empty() {
        alias.columns = ["x", "n"].map(column_alias).to_vec();
    }
    alias
}

fn plain(argument: &FunctionArg) -> Option<Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    }
}

/// `(SELECT .. AS c1, .. AS c2) AS alias`. Columns are called as the alias says, then
/// `ordinality`, else as the alias or the function itself.
fn derived(
    function: &str,
    columns: Vec<Expr>,
    ordinality: bool,
    alias: Option<&TableAlias>,
) -> Option<TableFactor> {
    let alias = alias.cloned().unwrap_or_else(|| plain_alias(function));
    let last = columns.len() - 1;
    let named = columns.into_iter().enumerate().map(|(at, expr)| {
        let said = alias.columns.get(at).map(|column| column.name.clone());
        let unsaid = || match (ordinality && at == last, at) {
            (true, _) => Ident::new("ordinality"),
            (false, 0) => alias.name.clone(),
            (false, _) => Ident::new(function),
        };
        SelectItem::ExprWithAlias { expr, alias: said.unwrap_or_else(unsaid) }
    });
    let named: Vec<SelectItem> = named.collect();
    let lateral = named.iter().any(|item| item.visit(&mut Columns).is_break());
    let mut query = template()?;
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    select.projection = named;
    let alias = TableAlias { columns: Vec::new(), ..alias };
    Some(TableFactor::Derived {
        lateral,
        subquery: Box::new(query),
        alias: Some(alias),
        sample: None,
    })
}

/// Finds a column: what has one must be lateral.
struct Columns;

impl Visitor for Columns {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// A SELECT to fill.
fn template() -> Option<Query> {
    match Parser::parse_sql(&PostgreSqlDialect {}, "SELECT 1").ok()?.pop()? {
        Statement::Query(query) => Some(*query),
        _ => None,
    }
}

fn plain_alias(name: &str) -> TableAlias {
    TableAlias { explicit: true, name: Ident::new(name), columns: Vec::new(), at: None }
}

fn column_alias(name: &str) -> datafusion::sql::sqlparser::ast::TableAliasColumnDef {
    datafusion::sql::sqlparser::ast::TableAliasColumnDef::from_name(name)
}
