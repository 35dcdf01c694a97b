//! Names and times resolved: the syntax tree, bound to one catalog.
//!
//! Binding walks a statement once. Every base table it meets becomes a [`BoundTable`] in a list,
//! and the table in the tree is marked with its number there, so that the planner cannot read a
//! table that was not given its slice of both time axes. Views are replaced by their queries,
//! TRAJECTORY and HISTORY by the queries they stand for.
//!
//! A trailing AS OF is axis-neutral until the walk is over: it means valid time if any table in its
//! reach has that, else system time ([`time`]). A clause that nothing consumed is an error; there is
//! no road on which it could silently mean today's rows.

mod analyses;
mod functions;
mod names;
mod rewrite;
mod table_functions;
mod time;
mod wildcard;

pub use names::{HIDDEN, ident_name, object_name, quote};

use crate::access::{Readable, Reader};
use crate::plan::StatementCx;
use cvx_core::ValidTime;
use cvx_engine::{Table, TableRead, TimeSlice, View};
use cvx_types::{Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{
    self, Expr, ObjectName, Query, Select, SetExpr, TableFactor, TableVersion, VisitMut,
};
use rewrite::Expressions;
use std::sync::Arc;
use time::{Clause, Scope};

/// A base table's appearance in a statement, with what of it is read.
#[derive(Clone, Debug)]
pub struct BoundTable {
    pub read: TableRead,
    pub slice: TimeSlice,
    /// Points after this moment are left out (a trajectory as of a moment).
    pub until: Option<ValidTime>,
    /// Indexes into the read's schema that this appearance shows.
    pub columns: Vec<usize>,
    /// In whose name it is read.
    pub reader: Reader,
    /// The moment `st_distance` measures from where the query says none, microseconds.
    pub at_us: i64,
}

/// What is in force where a query stands.
#[derive(Clone, Default)]
struct Env {
    /// Enclosing AS OFs, outermost first, as indexes into [`Binder::scopes`].
    scopes: Vec<usize>,
    /// Names of common table expressions in sight.
    ctes: Vec<String>,
    /// Hidden columns the text being bound names.
    hidden: Arc<Vec<&'static str>>,
    /// The relations of the FROM that expressions stand over.
    relations: Arc<Vec<wildcard::Shown>>,
    /// How many views we are inside.
    view_depth: usize,
    /// In whose name tables are read here.
    reader: Reader,
}

/// A base table whose slice is settled once all scopes are known.
struct Pending {
    table: Arc<Table>,
    own_valid: Option<Clause>,
    own_system: Option<Clause>,
    scopes: Vec<usize>,
    show: Show,
    /// TRAJECTORY reads all points up to the moment, not the one in force.
    all_points: bool,
    reader: Reader,
}

/// Which of a table's columns an appearance shows.
#[derive(Clone)]
enum Show {
    User {
        hidden: Arc<Vec<&'static str>>,
    },
    /// For UPDATE and DELETE: the user's columns and the row's address.
    Address,
}

pub struct Binder<'a> {
    cx: &'a StatementCx<'a>,
    scopes: Vec<Scope>,
    pending: Vec<Pending>,
}

const VIEW_DEPTH_MAX: usize = 32;

impl<'a> Binder<'a> {
    pub fn new(cx: &'a StatementCx<'a>) -> Self {
        Self { cx, scopes: Vec::new(), pending: Vec::new() }
    }

    /// Binds a query in place; the tables it reads come in the order of their marks.
    pub fn query(mut self, query: &mut Query) -> Result<Vec<BoundTable>> {
        let env = Env { hidden: Arc::new(names::hidden_in(query)), ..Env::default() };
        self.bind_query(query, &env)?;
        self.finish()
    }

    /// Binds the SELECT that finds the rows of an UPDATE or DELETE; its first table is the target.
    pub fn target_query(self, target: &Arc<Table>, query: &mut Query) -> Result<Vec<BoundTable>> {
        self.target_at(target, query, None)
    }

    /// The same over every version of the target that is kept.
    pub fn versions_query(self, target: &Arc<Table>, query: &mut Query) -> Result<Vec<BoundTable>> {
        let all = time::all_versions(self.cx, target)?;
        self.target_at(target, query, Some(all))
    }

    fn target_at(
        mut self,
        target: &Arc<Table>,
        query: &mut Query,
        own_system: Option<Clause>,
    ) -> Result<Vec<BoundTable>> {
        let env = Env { hidden: Arc::new(names::hidden_in(query)), ..Env::default() };
        let index = self.pending.len();
        self.pending.push(Pending {
            table: Arc::clone(target),
            own_valid: Some(Clause::All),
            own_system,
            scopes: Vec::new(),
            show: Show::Address,
            all_points: false,
            reader: Reader::Checked,
        });
        if let SetExpr::Select(select) = query.body.as_mut()
            && let Some(first) = select.from.first_mut()
        {
            mark(&mut first.relation, index)?;
        }
        self.bind_query(query, &env)?;
        self.finish()
    }

    /// Binds an expression that may hold sub-queries but reads no table itself.
    pub fn expression(mut self, expr: &mut Expr) -> Result<Vec<BoundTable>> {
        let env = Env::default();
        self.bind_expressions(expr, &env)?;
        self.finish()
    }

    fn finish(self) -> Result<Vec<BoundTable>> {
        time::settle(self.cx, self.scopes, self.pending)
    }

    fn bind_query(&mut self, query: &mut Query, outer: &Env) -> Result<()> {
        let mut env = outer.clone();
        if let Some(scope) = time::open_scope(self.cx, query)? {
            env.scopes.push(self.scopes.len());
            self.scopes.push(scope);
        }
        refuse_clauses(query)?;
        self.bind_with(query, &mut env)?;
        env.relations = Arc::new(self.bind_set_expr(&mut query.body, &env)?);
        if let Some(order_by) = &mut query.order_by {
            self.bind_expressions(order_by, &env)?;
        }
        if let Some(limit) = &mut query.limit_clause {
            self.bind_expressions(limit, &env)?;
        }
        rewrite::fetch_to_limit(query)
    }

    fn bind_with(&mut self, query: &mut Query, env: &mut Env) -> Result<()> {
        let Some(with) = &mut query.with else { return Ok(()) };
        if with.recursive {
            env.ctes.extend(with.cte_tables.iter().map(|cte| ident_name(&cte.alias.name)));
        }
        for cte in &mut with.cte_tables {
            self.bind_query(&mut cte.query, env)?;
            env.ctes.push(ident_name(&cte.alias.name));
        }
        Ok(())
    }

    fn bind_set_expr(&mut self, body: &mut SetExpr, env: &Env) -> Result<Vec<wildcard::Shown>> {
        match body {
            SetExpr::Select(select) => self.bind_select(select, env),
            SetExpr::Query(query) => self.bind_query(query, env).map(|()| Vec::new()),
            SetExpr::SetOperation { left, right, .. } => {
                self.bind_set_expr(left, env)?;
                self.bind_set_expr(right, env)?;
                Ok(Vec::new())
            }
            SetExpr::Values(values) => self.bind_expressions(values, env).map(|()| Vec::new()),
            SetExpr::Table(_) => Err(SqlError::unsupported("TABLE as a query")),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                Err(SqlError::unsupported("a statement that changes rows inside WITH"))
            }
        }
    }

    fn bind_select(&mut self, select: &mut Select, env: &Env) -> Result<Vec<wildcard::Shown>> {
        let mut from = std::mem::take(&mut select.from);
        let mut shown = Vec::new();
        for table in &mut from {
            self.bind_factor(&mut table.relation, env, &mut shown)?;
            for join in &mut table.joins {
                self.bind_factor(&mut join.relation, env, &mut shown)?;
                self.bind_expressions(&mut join.join_operator, env)?;
            }
        }
        wildcard::check(select, &shown)?;
        let inner = Env { relations: Arc::new(shown), ..env.clone() };
        self.bind_expressions(select, &inner)?;
        rewrite::literal_types(select);
        if !env.hidden.is_empty() {
            wildcard::expand(select, &inner.relations)?;
        }
        select.from = from;
        Ok(Arc::unwrap_or_clone(inner.relations))
    }

    fn bind_factor(
        &mut self,
        factor: &mut TableFactor,
        env: &Env,
        shown: &mut Vec<wildcard::Shown>,
    ) -> Result<()> {
        if let Some(call) = cvx_dialect::table_function(factor)
            && let Some(derived) = self.table_function_query(&call, env)?
        {
            shown.push(wildcard::Shown::whole(&derived));
            *factor = derived;
            return Ok(());
        }
        match factor {
            TableFactor::Table { args: None, .. } => self.bind_table(factor, env, shown),
            TableFactor::Derived { subquery, .. } => {
                self.bind_query(subquery, env)?;
                shown.push(wildcard::Shown::whole(factor));
                Ok(())
            }
            TableFactor::NestedJoin { table_with_joins, .. } => {
                self.bind_factor(&mut table_with_joins.relation, env, shown)?;
                for join in &mut table_with_joins.joins {
                    self.bind_factor(&mut join.relation, env, shown)?;
                    self.bind_expressions(&mut join.join_operator, env)?;
                }
                Ok(())
            }
            other => {
                self.bind_expressions(other, env)?;
                shown.push(wildcard::Shown::whole(other));
                Ok(())
            }
        }
    }

    fn bind_table(
        &mut self,
        factor: &mut TableFactor,
        env: &Env,
        shown: &mut Vec<wildcard::Shown>,
    ) -> Result<()> {
        let TableFactor::Table { name, alias, version, sample, .. } = &mut *factor else {
            return Ok(());
        };
        let (name, alias) = (name.clone(), alias.clone());
        if sample.is_some() {
            return Err(SqlError::unsupported("TABLESAMPLE"));
        }
        if matches!(version, Some(TableVersion::VersionAsOf(_))) {
            return Ok(());
        }
        let clause =
            version.take().map(|version| time::own_clause(self.cx, &version)).transpose()?;
        let parts = object_name(&name);
        if let [single] = parts.as_slice()
            && env.ctes.contains(single)
        {
            refuse_time(clause.is_some(), "a common table expression")?;
            shown.push(wildcard::Shown::whole(factor));
            return Ok(());
        }
        if let Some(view) = self.cx.find_view(&parts) {
            let derived = self.view_query(&view, alias, clause.is_some(), env)?;
            shown.push(wildcard::Shown::whole(&derived));
            *factor = derived;
            return Ok(());
        }
        let Some(table) = self.cx.find_table(&parts) else {
            names::refuse_keyword(&name)?;
            self.cx.check_system_table(&name)?;
            shown.push(wildcard::Shown::whole(factor));
            return refuse_time(clause.is_some(), "a catalog table");
        };
        let own = clause.unwrap_or_default().settled(table.valid_time.is_some());
        if own.valid.is_some() && table.valid_time.is_none() {
            return Err(SqlError::unsupported(format!(
                "FOR VALID_TIME on table \"{}\", which has no valid time,",
                table.name
            )));
        }
        let readable = self.cx.guard.readable(env.reader, &table);
        let partly = matches!(readable, Ok(Readable::Columns(_)));
        shown.push(wildcard::Shown::table(factor, &table, partly));
        let show = Show::User { hidden: Arc::clone(&env.hidden) };
        self.push(
            factor,
            Pending {
                table,
                own_valid: own.valid,
                own_system: own.system,
                scopes: env.scopes.clone(),
                show,
                all_points: false,
                reader: env.reader,
            },
        )
    }

    fn push(&mut self, factor: &mut TableFactor, pending: Pending) -> Result<()> {
        mark(factor, self.pending.len())?;
        self.pending.push(pending);
        Ok(())
    }

    /// A view stands for its query; its tables without clauses take the reader's times.
    fn view_query(
        &mut self,
        view: &View,
        alias: Option<ast::TableAlias>,
        clause: bool,
        env: &Env,
    ) -> Result<TableFactor> {
        refuse_time(clause, "a view")?;
        if env.view_depth >= VIEW_DEPTH_MAX {
            return Err(SqlError::new(SqlState::STATEMENT_TOO_COMPLEX, "views nest too deep"));
        }
        let reader = self.cx.guard.view(env.reader, view)?;
        let mut subquery = names::parse_view(view)?;
        crate::pg_catalog::name_columns(subquery.as_mut());
        crate::types::lower(subquery.as_mut());
        let inner = Env {
            scopes: env.scopes.clone(),
            ctes: Vec::new(),
            hidden: Arc::new(names::hidden_in(&subquery)),
            relations: Arc::default(),
            view_depth: env.view_depth + 1,
            reader,
        };
        self.bind_query(&mut subquery, &inner)?;
        let alias = names::view_alias(view, alias);
        Ok(TableFactor::Derived { lateral: false, subquery, alias: Some(alias), sample: None })
    }

    /// Binds what hides in expressions: sub-queries, `st_distance`, functions under a schema.
    fn bind_expressions<N: VisitMut>(&mut self, node: &mut N, env: &Env) -> Result<()> {
        let mut visitor = Expressions::new(self, env);
        let flow = node.visit(&mut visitor);
        match flow {
            std::ops::ControlFlow::Break(error) => Err(error),
            std::ops::ControlFlow::Continue(()) => Ok(()),
        }
    }
}

/// The number under which the planner finds a marked table.
pub fn mark_of(version: Option<&TableVersion>) -> Option<usize> {
    match version {
        Some(TableVersion::VersionAsOf(Expr::Value(value))) => match &value.value {
            ast::Value::Number(text, _) => text.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

fn mark(factor: &mut TableFactor, index: usize) -> Result<()> {
    match factor {
        TableFactor::Table { version, .. } => {
            let number = ast::Value::Number(index.to_string(), false);
            *version = Some(TableVersion::VersionAsOf(Expr::Value(number.into())));
            Ok(())
        }
        _ => Err(SqlError::unsupported("changing rows of anything but a table")),
    }
}

fn refuse_time(given: bool, what: &str) -> Result<()> {
    if given {
        return Err(SqlError::unsupported(format!("a time clause on {what}")));
    }
    Ok(())
}

/// Clauses that DataFusion's planner would drop without a word.
fn refuse_clauses(query: &Query) -> Result<()> {
    if !query.locks.is_empty() {
        return Err(SqlError::unsupported("FOR UPDATE")
            .hint("Readers never block writers here; a conflicting commit gets 40001."));
    }
    if query.for_clause.is_some() || query.format_clause.is_some() {
        return Err(SqlError::unsupported("this clause at the end of a query"));
    }
    Ok(())
}

/// A table's name in a message.
pub fn display_name(name: &ObjectName) -> String {
    object_name(name).join(".")
}
