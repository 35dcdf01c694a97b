//! Set-returning functions in FROM: as sub-queries that unnest lists.

use super::exprs::{call, string};
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
    match (made, factor) {
        (Some(made), factor) => *factor = made,
        // The planner looks functions up by their plain names.
        (None, TableFactor::Table { name, args: Some(_), .. }) => unqualify(name),
        _ => {}
    }
}

fn unqualify(name: &mut ObjectName) {
    if let [.., schema, plain] = parts(name).as_slice()
        && is_system_schema(schema)
    {
        *name = ObjectName::from(vec![Ident::new(plain)]);
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
        ("generate_subscripts", [_, _]) => call("cvx_subscripts", arguments),
        (series, _) if crate::types::is_set_returning(series) => call(series, arguments),
        ("_pg_expandarray", [array]) if !ordinality => {
            let columns = vec![call("unnest", vec![array.clone()]), ordinals(array)];
            let alias = with_columns(name, alias, &["x", "n"]);
            return derived(name, columns, false, Some(&alias));
        }
        ("pg_get_keywords", []) if !ordinality => {
            let alias = with_columns(name, alias, &KEYWORD_COLUMNS);
            return derived(
                name,
                KEYWORD_COLUMNS.map(keyword_column).to_vec(),
                false,
                Some(&alias),
            );
        }
        (plain, _) if !ordinality && gives_one_value(plain) => {
            return derived(name, vec![call(name, arguments)], false, alias);
        }
        _ => return None,
    };
    let numbers = ordinality.then(|| ordinals(&list));
    let column = call("unnest", vec![list]);
    derived(name, std::iter::once(column).chain(numbers).collect(), ordinality, alias)
}

/// Functions of one value that clients put into FROM, where they are a row.
fn gives_one_value(name: &str) -> bool {
    const ARRAYS: [&str; 3] = ["current_schemas", "regexp_split_to_array", "string_to_array"];
    ARRAYS.contains(&name)
}

/// The columns of `pg_get_keywords()`.
const KEYWORD_COLUMNS: [&str; 5] = ["word", "catcode", "barelabel", "catdesc", "baredesc"];

fn keyword_column(name: &str) -> Expr {
    let list = match name {
        "barelabel" => call("cvx_keyword_labels", Vec::new()),
        name => call("cvx_keywords", vec![string(name.to_owned())]),
    };
    call("unnest", vec![list])
}

/// The alias of a function of several columns, which are called so where it names none.
fn with_columns(function: &str, alias: Option<&TableAlias>, columns: &[&str]) -> TableAlias {
    let mut alias = alias.cloned().unwrap_or_else(|| plain_alias(function));
    if alias.columns.is_empty() {
        alias.columns = columns.iter().map(|name| column_alias(name)).collect();
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
