//! What expressions hide: sub-queries to bind, calls to put into the form the planner knows.

use super::{Binder, Env, functions};
use cvx_types::{Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{self, Expr, LimitClause, Query, Value, VisitorMut};
use std::ops::ControlFlow;

/// Visits the expressions of one query level; each sub-query is handed to the binder whole.
pub(super) struct Expressions<'v, 'a> {
    binder: &'v mut Binder<'a>,
    env: &'v Env,
    depth: usize,
}

impl<'v, 'a> Expressions<'v, 'a> {
    pub(super) fn new(binder: &'v mut Binder<'a>, env: &'v Env) -> Self {
        Self { binder, env, depth: 0 }
    }
}

impl VisitorMut for Expressions<'_, '_> {
    type Break = SqlError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<SqlError> {
        self.depth += 1;
        if self.depth > 1 {
            return ControlFlow::Continue(());
        }
        flow(self.binder.bind_query(query, self.env))
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<SqlError> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<SqlError> {
        if self.depth > 0 {
            return ControlFlow::Continue(());
        }
        flow(functions::canonical(expr, &self.env.relations))
    }
}

fn flow(result: Result<()>) -> ControlFlow<SqlError> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    }
}

/// A bare whole number in a SELECT list is an int4 where it fits, as in Postgres.
pub(super) fn literal_types(select: &mut ast::Select) {
    for item in &mut select.projection {
        let (ast::SelectItem::UnnamedExpr(expr) | ast::SelectItem::ExprWithAlias { expr, .. }) =
            item
        else {
            continue;
        };
        let Expr::Value(value) = &*expr else { continue };
        if let Value::Number(text, _) = &value.value
            && text.parse::<i32>().is_ok()
        {
            *expr = cast(expr.clone(), ast::DataType::Integer(None));
        }
    }
}

/// FETCH FIRST n ROWS ONLY is LIMIT n.
pub(super) fn fetch_to_limit(query: &mut Query) -> Result<()> {
    let Some(fetch) = query.fetch.take() else { return Ok(()) };
    if fetch.with_ties || fetch.percent {
        return Err(SqlError::unsupported("FETCH ... WITH TIES or PERCENT"));
    }
    let rows =
        fetch.quantity.unwrap_or_else(|| Expr::Value(Value::Number("1".into(), false).into()));
    match &mut query.limit_clause {
        None => {
            query.limit_clause = Some(LimitClause::LimitOffset {
                limit: Some(rows),
                offset: None,
                limit_by: vec![],
            });
        }
        Some(LimitClause::LimitOffset { limit: limit @ None, .. }) => *limit = Some(rows),
        Some(_) => {
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, "LIMIT and FETCH in one query"));
        }
    }
    Ok(())
}

/// `CAST(expr AS type)`, as the planner's types know it.
pub(super) fn cast(expr: Expr, data_type: ast::DataType) -> Expr {
    Expr::Cast {
        kind: ast::CastKind::DoubleColon,
        expr: Box::new(expr),
        data_type,
        array: false,
        format: None,
    }
}
