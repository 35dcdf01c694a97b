//! TRAJECTORY and HISTORY: the queries they stand for. Analyses are in [`super::analyses`].
//!
//! Both are reads of one table, so they become sub-queries and inherit everything a query has:
//! pruning by entity, parameters, lateral columns, views, streaming. An AS OF in force lets a
//! trajectory see only points up to its moment.

use super::names::{self, HIDDEN, quote};
use super::{Binder, Clause, Env, Pending, Show};
use crate::analyse::Analysis;
use cvx_dialect::{Arg, TableFunction};
use cvx_engine::Table;
use cvx_session::Notice;
use cvx_types::{Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{
    self, BinaryOperator, Expr, Ident, ObjectName, Query, Select, SelectItem, SetExpr, TableFactor,
    Visit, Visitor,
};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A call's arguments by name.
pub(super) struct Call {
    pub(super) source: Arg,
    pub(super) named: BTreeMap<&'static str, Expr>,
}

/// Names for an entity and time of a parenthesised SELECT.
pub(super) const GIVEN: [&str; 3] = ["entity", "ts", "vector"];

impl Binder<'_> {
    /// The derived table that a call of ours stands for; `None` for other functions.
    pub(super) fn table_function_query(
        &mut self,
        call: &TableFunction,
        env: &Env,
    ) -> Result<Option<TableFactor>> {
        let name = names::object_name(&call.name).pop().unwrap_or_default();
        let analysis = Analysis::named(&name);
        let parameters: &[&'static str] = match name.as_str() {
            "trajectory" => &["entity", "t1", "t2"],
            "history" => &["entity", "ts"],
            _ if analysis.is_some() => &[],
            _ => return Ok(None),
        };
        if call.time.is_some() {
            return Err(SqlError::unsupported(format!("a time clause on {name}")));
        }
        if call.with_ordinality {
            return Err(SqlError::unsupported(format!("{name} WITH ORDINALITY")));
        }
        if let Some(analysis) = analysis {
            return self.analysis_query(analysis, call, env).map(Some);
        }
        let arguments = arguments(&name, call, parameters, 1)?;
        let lateral = arguments.named.values().any(mentions_column);
        let mut subquery = match (&arguments.source, name.as_str()) {
            (Arg::Query(query), "trajectory") => self.given_points(query, &arguments, env)?,
            (Arg::Query(_), _) => {
                return Err(SqlError::unsupported("HISTORY of a query; name a table"));
            }
            (source, _) => self.table_points(&name, source, &arguments, env)?,
        };
        if lateral {
            subquery.order_by = None;
        }
        let alias = call.alias.clone().unwrap_or_else(|| names::table_alias(&name, &[]));
        Ok(Some(TableFactor::Derived { lateral, subquery, alias: Some(alias), sample: None }))
    }

    fn table_points(
        &mut self,
        name: &str,
        source: &Arg,
        call: &Call,
        env: &Env,
    ) -> Result<Box<Query>> {
        let table = self.argument_table(source)?;
        let history = name == "history";
        let (entity, ts) = entity_and_time(&table, history)?;
        if ts.is_none() && call.named.contains_key("ts") {
            return Err(wrong(format!("table \"{}\" has no valid time to ask for", table.name)));
        }
        let mut query = template(if history { HISTORY } else { TRAJECTORY })?;
        let select = select_of(&mut query)?;
        let factor = &mut select.from[0].relation;
        let hidden = if history { HIDDEN.to_vec() } else { Vec::new() };
        let show = Show::User { hidden: Arc::new(hidden) };
        let own_system = if history { Some(self.kept_versions(&table)?) } else { None };
        let pending = Pending {
            table: Arc::clone(&table),
            own_valid: history.then_some(Clause::All).filter(|_| ts.is_some()),
            own_system,
            scopes: env.scopes.clone(),
            show,
            all_points: true,
            reader: env.reader,
        };
        if let TableFactor::Table { name, .. } = factor {
            *name = ObjectName::from(vec![quote(&table.schema), quote(&table.name)]);
        }
        self.push(factor, pending)?;
        select.selection = condition(call, &entity, ts.as_deref());
        order_by(&mut query, ts.as_deref(), history);
        self.bind_condition(&mut query, env)?;
        Ok(query)
    }

    /// What HISTORY shows. Of a table whose history was purged, that is not all there ever was.
    fn kept_versions(&self, table: &Arc<Table>) -> Result<Clause> {
        let kept = super::time::all_versions(self.cx, table)?;
        if kept != Clause::All {
            let message =
                format!("versions of \"{}\" that were closed long ago are purged", table.name);
            let notice = Notice { severity: "NOTICE", state: "00000", message };
            self.cx.notices.lock().push(notice);
        }
        Ok(kept)
    }

    /// TRAJECTORY over `(SELECT entity, ts, vector ...)`.
    fn given_points(&mut self, query: &Query, call: &Call, env: &Env) -> Result<Box<Query>> {
        let mut inner = Box::new(query.clone());
        self.bind_query(&mut inner, env)?;
        let mut outer = template(TRAJECTORY)?;
        let select = select_of(&mut outer)?;
        select.from[0].relation = TableFactor::Derived {
            lateral: false,
            subquery: inner,
            alias: Some(names::table_alias("points", &GIVEN)),
            sample: None,
        };
        select.selection = condition(call, GIVEN[0], Some(GIVEN[1]));
        order_by(&mut outer, Some(GIVEN[1]), false);
        self.bind_condition(&mut outer, env)?;
        Ok(outer)
    }

    fn bind_condition(&mut self, query: &mut Query, env: &Env) -> Result<()> {
        match &mut select_of(query)?.selection {
            Some(condition) => self.bind_expressions(condition, env),
            None => Ok(()),
        }
    }

    pub(super) fn argument_table(&self, source: &Arg) -> Result<Arc<Table>> {
        let parts = match source {
            Arg::Table(name) => names::object_name(name),
            Arg::Expr(Expr::Value(value)) => match &value.value {
                ast::Value::SingleQuotedString(text) => {
                    text.split('.').map(str::to_lowercase).collect()
                }
                _ => return Err(needs_table()),
            },
            Arg::Expr(Expr::Identifier(ident)) => vec![names::ident_name(ident)],
            Arg::Expr(Expr::CompoundIdentifier(parts)) => {
                parts.iter().map(names::ident_name).collect()
            }
            _ => return Err(needs_table()),
        };
        self.cx.find_table(&parts).ok_or_else(|| {
            SqlError::new(
                SqlState::UNDEFINED_TABLE,
                format!("relation \"{}\" does not exist", parts.join(".")),
            )
        })
    }
}

const TRAJECTORY: &str = "SELECT * FROM points";
const HISTORY: &str = "SELECT *, _valid_from, _valid_to, _system_from, _system_to FROM points";

pub(super) fn template(sql: &str) -> Result<Box<Query>> {
    match cvx_dialect::parse(sql).map_err(crate::limits::from_parse)?.pop() {
        Some(cvx_dialect::Statement::Sql(statement)) => match *statement {
            ast::Statement::Query(mut query) => {
                if sql == HISTORY {
                    star_without_hidden(&mut query)?;
                }
                Ok(query)
            }
            _ => Err(needs_table()),
        },
        _ => Err(needs_table()),
    }
}

/// The base relation already ends in the four hidden columns, so `*` alone shows each once.
fn star_without_hidden(query: &mut Query) -> Result<()> {
    let select = select_of(query)?;
    select.projection.retain(|item| matches!(item, SelectItem::Wildcard(_)));
    Ok(())
}

pub(super) fn select_of(query: &mut Query) -> Result<&mut Select> {
    match query.body.as_mut() {
        SetExpr::Select(select) => Ok(select),
        _ => Err(needs_table()),
    }
}

/// A call's arguments by name; the first `required` parameters must be among them.
pub(super) fn arguments(
    name: &str,
    call: &TableFunction,
    parameters: &[&'static str],
    required: usize,
) -> Result<Call> {
    let mut source = None;
    let mut named = BTreeMap::new();
    for (position, (label, arg)) in call.args.iter().enumerate() {
        let label = label.as_ref().map(|label| label.to_ascii_lowercase());
        match (label.as_deref(), position) {
            (None, 0) | (Some("table" | "source"), _) => source = Some(arg.clone()),
            (label, position) => {
                let parameter = parameter(name, label, position, parameters)?;
                let value = match arg {
                    Arg::Expr(value) => value.clone(),
                    Arg::Query(query) => Expr::Subquery(query.clone()),
                    _ => return Err(wrong(format!("{name}: {parameter} must be a value"))),
                };
                if named.insert(parameter, value).is_some() {
                    return Err(wrong(format!("{name}: {parameter} is given twice")));
                }
            }
        }
    }
    let source = source.ok_or_else(needs_table)?;
    if let Some(missing) = parameters.iter().take(required).find(|of| !named.contains_key(*of)) {
        return Err(wrong(format!("{name} needs {missing}"))
            .hint(format!("It takes a table, then {}.", parameters.join(", "))));
    }
    Ok(Call { source, named })
}

fn parameter(
    name: &str,
    label: Option<&str>,
    position: usize,
    parameters: &[&'static str],
) -> Result<&'static str> {
    let found = match label {
        Some(label) => parameters.iter().find(|known| **known == label),
        None => parameters.get(position.wrapping_sub(1)),
    };
    found.copied().ok_or_else(|| match label {
        Some(label) => wrong(format!("{name} has no argument \"{label}\""))
            .hint(format!("It takes a table, then {}.", parameters.join(", "))),
        None => wrong(format!("{name} takes at most {} arguments", parameters.len() + 1)),
    })
}

fn condition(call: &Call, entity: &str, ts: Option<&str>) -> Option<Expr> {
    let comparisons = [
        ("entity", Some(entity), BinaryOperator::Eq),
        ("ts", ts, BinaryOperator::Eq),
        ("t1", ts, BinaryOperator::GtEq),
        ("t2", ts, BinaryOperator::LtEq),
    ];
    comparisons
        .into_iter()
        .filter_map(|(argument, column, op)| {
            let right = Box::new(Expr::Nested(Box::new(call.named.get(argument)?.clone())));
            let left = Box::new(Expr::Identifier(quote(column?)));
            Some(Expr::BinaryOp { left, op, right })
        })
        .reduce(|left, right| Expr::BinaryOp {
            left: Box::new(left),
            op: BinaryOperator::And,
            right: Box::new(right),
        })
}

fn order_by(query: &mut Query, ts: Option<&str>, history: bool) {
    let key = |name: &str| ast::OrderByExpr {
        expr: Expr::Identifier(quote(name)),
        options: ast::OrderByOptions { asc: None, nulls_first: None },
        with_fill: None,
    };
    let mut keys: Vec<_> = ts.map(key).into_iter().collect();
    if history {
        keys.push(key("_system_from"));
    }
    query.order_by =
        Some(ast::OrderBy { kind: ast::OrderByKind::Expressions(keys), interpolate: None });
}

/// The columns of the entity and its time. A table without valid time has a history too: of the
/// row with a key, which is the entity then.
pub(super) fn entity_and_time(table: &Table, history: bool) -> Result<(String, Option<String>)> {
    let name = |id: Option<u16>| {
        table.columns.iter().find(|column| Some(column.id) == id).map(|column| column.name.clone())
    };
    match (name(table.entity), name(table.valid_time)) {
        (Some(entity), Some(ts)) => return Ok((entity, Some(ts))),
        _ if !history => return Err(no_valid_time(table)),
        _ => {}
    }
    let key = match table.key.as_slice() {
        [key] => name(Some(*key)),
        _ => None,
    };
    key.map(|key| (key, None)).ok_or_else(|| {
        SqlError::unsupported("HISTORY of a table whose key is not one column")
            .hint("SELECT ... FROM t FOR SYSTEM_TIME ALL WHERE ... shows every version.")
    })
}

pub(super) fn no_valid_time(table: &Table) -> SqlError {
    let message = format!("table \"{}\" has no valid time", table.name);
    SqlError::new(SqlState::WRONG_OBJECT_TYPE, message)
        .hint("CREATE TABLE ... WITH (entity = ..., valid_time = ...) declares it.")
}

/// Whether a value depends on a column of an earlier relation of FROM. A sub-query in it is taken
/// to have columns of its own.
pub(super) fn mentions_column(expr: &Expr) -> bool {
    let mut finder = ColumnFinder { found: false, queries: 0 };
    let _: ControlFlow<()> = expr.visit(&mut finder);
    finder.found
}

struct ColumnFinder {
    found: bool,
    queries: usize,
}

impl Visitor for ColumnFinder {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let is_column =
            matches!(expr, Expr::Identifier(Ident { .. }) | Expr::CompoundIdentifier(_));
        self.found |= is_column && self.queries == 0;
        ControlFlow::Continue(())
    }
}

pub(super) fn needs_table() -> SqlError {
    wrong("the first argument must be a table or a parenthesised SELECT")
}

pub(super) fn wrong(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::UNDEFINED_FUNCTION, message)
}
