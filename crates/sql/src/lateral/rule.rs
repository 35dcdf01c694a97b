//! Recognises what has to run row by row. See the module's parent.

use super::node::{Kind, LateralJoin};
use crate::pg_catalog::outer_columns;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Expr, Extension, Filter, Join, JoinType, LogicalPlan, Projection, SubqueryAlias,
};
use datafusion::optimizer::decorrelate::PullUpCorrelatedExpr;
use datafusion::optimizer::decorrelate_lateral_join::DecorrelateLateralJoin;
use datafusion::optimizer::{AnalyzerRule, OptimizerContext, OptimizerRule};
use std::sync::Arc;

/// The rule; it belongs after the analyzer's own.
#[derive(Debug, Default)]
pub struct Laterals;

impl AnalyzerRule for Laterals {
    fn name(&self) -> &str {
        "laterals"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_down(rewrite).map(|rewritten| rewritten.data)
    }
}

fn rewrite(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Join(join) => lateral(join),
        LogicalPlan::Projection(projection) => values_of_projection(projection),
        LogicalPlan::Filter(filter) => values_of_filter(filter),
        other => Ok(Transformed::no(other)),
    }
}

/// A join with a sub-query of the left side's columns that stays one.
fn lateral(join: Join) -> Result<Transformed<LogicalPlan>> {
    let kind = match join.join_type {
        JoinType::Inner => Kind::Inner,
        JoinType::Left => Kind::Left,
        _ => return Ok(Transformed::no(LogicalPlan::Join(join))),
    };
    let Some(inner) = lateral_query(&join.right)? else {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    };
    let whole = LogicalPlan::Join(join.clone());
    let as_join = DecorrelateLateralJoin::new().rewrite(whole, &OptimizerContext::new());
    if as_join.is_ok_and(|tried| tried.transformed) {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    }
    let inner = restricted(&join, inner)?;
    match run_for_each(Arc::unwrap_or_clone(join.left.clone()), inner, kind)? {
        Some(plan) => Ok(Transformed::yes(plan)),
        None => Ok(Transformed::no(LogicalPlan::Join(join))),
    }
}

/// The query below the aliases of a join's right side, if it is lateral.
fn lateral_query(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Subquery(query) => Ok(Some(query.subquery.as_ref().clone())),
        LogicalPlan::SubqueryAlias(alias) => match lateral_query(&alias.input)? {
            Some(query) => {
                let alias = SubqueryAlias::try_new(Arc::new(query), alias.alias.clone())?;
                Ok(Some(LogicalPlan::SubqueryAlias(alias)))
            }
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

/// The inner query under the join's ON, whose left columns are outer ones there.
fn restricted(join: &Join, inner: LogicalPlan) -> Result<LogicalPlan> {
    let equal = join.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
    let on = equal.chain(join.filter.clone().filter(|filter| !is_true(filter)));
    let Some(condition) = on.reduce(Expr::and) else { return Ok(inner) };
    let left: &DFSchema = join.left.schema();
    let condition = condition.transform(|expr| match &expr {
        Expr::Column(column) if left.has_column(column) => {
            let (_, field) = left.qualified_field_from_column(column)?;
            let outer = Expr::OuterReferenceColumn(Arc::clone(field), column.clone());
            Ok(Transformed::yes(outer))
        }
        _ => Ok(Transformed::no(expr)),
    })?;
    Ok(LogicalPlan::Filter(Filter::try_new(condition.data, Arc::new(inner))?))
}

fn is_true(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(ScalarValue::Boolean(Some(true)), _))
}

/// The left side joined row by row; `None` where the inner query uses none of its columns.
fn run_for_each(left: LogicalPlan, inner: LogicalPlan, kind: Kind) -> Result<Option<LogicalPlan>> {
    let (mut outer, mut arguments) = (Vec::new(), Vec::new());
    for reference in outer_columns(&inner)? {
        if let Expr::OuterReferenceColumn(_, column) = &reference
            && left.schema().has_column(column)
        {
            arguments.push(Expr::Column(column.clone()));
            outer.push(reference);
        }
    }
    if outer.is_empty() {
        return Ok(None);
    }
    let node = LateralJoin::new(left, Arc::new(inner), outer, arguments, kind)?;
    Ok(Some(LogicalPlan::Extension(Extension { node: Arc::new(node) })))
}

/// Sub-queries for one value in a SELECT list.
fn values_of_projection(projection: Projection) -> Result<Transformed<LogicalPlan>> {
    if !projection.expr.iter().any(asks_for_value) {
        return Ok(Transformed::no(LogicalPlan::Projection(projection)));
    }
    let mut lifted = Lifted::over(&projection.input);
    let names = NamePreserver::new_for_projection();
    let exprs = projection.expr.iter().map(|expr| {
        let name = names.save(expr);
        Ok(name.restore(lifted.lift(expr.clone())?))
    });
    let exprs = exprs.collect::<Result<Vec<_>>>()?;
    match lifted.done() {
        Some(input) => {
            let projection = Projection::try_new(exprs, Arc::new(input))?;
            Ok(Transformed::yes(LogicalPlan::Projection(projection)))
        }
        None => Ok(Transformed::no(LogicalPlan::Projection(projection))),
    }
}

/// The same in a condition; the values are dropped again above it.
fn values_of_filter(filter: Filter) -> Result<Transformed<LogicalPlan>> {
    if !asks_for_value(&filter.predicate) {
        return Ok(Transformed::no(LogicalPlan::Filter(filter)));
    }
    let columns = filter.input.schema().columns();
    let mut lifted = Lifted::over(&filter.input);
    let predicate = lifted.lift(filter.predicate.clone())?;
    let Some(input) = lifted.done() else {
        return Ok(Transformed::no(LogicalPlan::Filter(filter)));
    };
    let filter = LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(input))?);
    let columns = columns.into_iter().map(Expr::Column).collect();
    let plan = Projection::try_new(columns, Arc::new(filter))?;
    Ok(Transformed::yes(LogicalPlan::Projection(plan)))
}

fn asks_for_value(expr: &Expr) -> bool {
    expr.exists(|expr| Ok(matches!(expr, Expr::ScalarSubquery(_)))).unwrap_or(false)
}

/// Sub-queries taken out of expressions, each a lateral join below.
struct Lifted {
    input: LogicalPlan,
    count: usize,
}

impl Lifted {
    fn over(input: &LogicalPlan) -> Self {
        Self { input: input.clone(), count: 0 }
    }

    fn done(self) -> Option<LogicalPlan> {
        (self.count > 0).then_some(self.input)
    }

    fn lift(&mut self, expr: Expr) -> Result<Expr> {
        let lifted = expr.transform(|expr| match &expr {
            Expr::ScalarSubquery(query) if stays(&query.subquery)? => {
                match self.value(&query.subquery)? {
                    Some(column) => Ok(Transformed::yes(Expr::Column(column))),
                    None => Ok(Transformed::no(expr)),
                }
            }
            _ => Ok(Transformed::no(expr)),
        })?;
        Ok(lifted.data)
    }

    fn value(&mut self, query: &Arc<LogicalPlan>) -> Result<Option<Column>> {
        let [field] = query.schema().fields().as_ref() else { return Ok(None) };
        let name = format!("__value_{}", self.count + 1);
        let column = Column::new(Some(name.clone()), field.name());
        let inner = LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::clone(query), name)?);
        let Some(input) = run_for_each(self.input.clone(), inner, Kind::Value)? else {
            return Ok(None);
        };
        self.input = input;
        self.count += 1;
        Ok(Some(column))
    }
}

/// Whether a sub-query for one value uses outer columns in a way no join can express.
fn stays(query: &LogicalPlan) -> Result<bool> {
    if outer_columns(query)?.is_empty() {
        return Ok(false);
    }
    let mut pull_up = PullUpCorrelatedExpr::new().with_need_handle_count_bug(true);
    let pulled = query.clone().rewrite(&mut pull_up);
    Ok(!(aggregates(query) && pulled.is_ok() && pull_up.can_pull_up))
}

/// Whether a query is one aggregate, which gives one row.
fn aggregates(query: &LogicalPlan) -> bool {
    match query {
        LogicalPlan::Projection(node) => aggregates(&node.input),
        LogicalPlan::SubqueryAlias(node) => aggregates(&node.input),
        LogicalPlan::Filter(node) => matches!(node.input.as_ref(), LogicalPlan::Aggregate(_)),
        LogicalPlan::Aggregate(_) => true,
        _ => false,
    }
}
