//! Correlated sub-queries over the catalog, run for each row of the query around them.
//!
//! Clients ask the catalog with sub-queries that DataFusion cannot turn into joins: scalar ones
//! without an aggregate, with LIMIT, with an inequality to the outside, inside CASE, around a
//! recursive query, LATERAL. The rule replaces each by a function of the outer columns it uses;
//! the function puts a row's values in place of those columns and runs the sub-query. That is the
//! definition of a correlated sub-query (more than one row is an error, 21000), and cheap enough
//! for tables of a few hundred rows; one answer a distinct row of values is kept.
//!
//! Only sub-queries that read system tables are replaced, those over user's data are left to
//! DataFusion's joins, as are EXISTS and IN at the top of a WHERE.
//!
//! Rejected: wrapping them in an aggregate to make DataFusion's decorrelation apply. It fails on
//! every correlation but equality, and changes what more than one row means.

pub(crate) mod lateral;
mod run;

use crate::pg_catalog::tables::SystemTableProvider;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::datasource::source_as_provider;
use datafusion::execution::SessionState;
use datafusion::logical_expr::expr::{Exists, InSubquery, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan, ScalarUDF, Subquery};
use datafusion::optimizer::AnalyzerRule;
pub(crate) use run::bind;
use run::{Answer, SubqueryFunction};
use std::any::Any;
use std::fmt::{Debug, Formatter};
use std::sync::Arc;

/// The rule; it belongs after the analyzer's own.
pub struct CorrelatedSubqueries {
    state: Arc<SessionState>,
}

impl CorrelatedSubqueries {
    /// Sub-queries are planned and run by this state, which should have one target partition.
    #[must_use]
    pub fn new(state: SessionState) -> Self {
        Self { state: Arc::new(state) }
    }
}

impl Debug for CorrelatedSubqueries {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("CorrelatedSubqueries")
    }
}

impl AnalyzerRule for CorrelatedSubqueries {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        if !reads_catalog(&plan)? {
            return Ok(plan);
        }
        self.replace(plan, true)
    }

    fn name(&self) -> &str {
        "correlated_catalog_subqueries"
    }
}

impl CorrelatedSubqueries {
    fn replace(&self, plan: LogicalPlan, outermost: bool) -> Result<LogicalPlan> {
        let node = |plan: LogicalPlan| {
            let plan = self.replace_in_node(plan, outermost)?;
            lateral::unnest(plan, &self.state)
        };
        Ok(plan.transform_up(|plan| node(plan).map(Transformed::yes))?.data)
    }

    fn replace_in_node(&self, plan: LogicalPlan, outermost: bool) -> Result<LogicalPlan> {
        let schema = merge_schema(&plan.inputs());
        let names = NamePreserver::new(&plan);
        let joinable = outermost && matches!(plan, LogicalPlan::Filter(_));
        let changed = plan.map_expressions(|expr| {
            let name = names.save(&expr);
            let whole = joinable && joins_by_itself(&expr);
            let replaced =
                if whole { Transformed::no(expr) } else { self.replace_in_expr(expr, &schema)? };
            Ok(replaced.update_data(|expr| name.restore(expr)))
        })?;
        Ok(changed.data)
    }

    fn replace_in_expr(&self, expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        expr.transform_up(|expr| {
            let (query, answer, operand) = match expr {
                Expr::ScalarSubquery(query) => (query, Answer::Value, None),
                Expr::Exists(Exists { subquery, negated }) => {
                    (subquery, Answer::Exists { negated }, None)
                }
                Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
                    (subquery, Answer::In { negated }, Some(*expr))
                }
                other => return Ok(Transformed::no(other)),
            };
            let query = self.nested(query)?;
            let outer = outer_columns(&query.subquery)?;
            if outer.is_empty() || !is_ours(&query.subquery)? {
                return Ok(Transformed::yes(restore(query, answer, operand)));
            }
            let arguments = operand.into_iter().chain(outer.iter().map(|o| resolve(o, schema)));
            let function =
                SubqueryFunction::new(&query.subquery, outer.clone(), answer, &self.state)?;
            let udf = Arc::new(ScalarUDF::from(function));
            let call = ScalarFunction::new_udf(udf, arguments.collect());
            Ok(Transformed::yes(Expr::ScalarFunction(call)))
        })
    }

    /// A sub-query with its own sub-queries replaced.
    fn nested(&self, query: Subquery) -> Result<Subquery> {
        let inner = Arc::unwrap_or_clone(query.subquery);
        let subquery = Arc::new(self.replace(inner, false)?);
        Ok(Subquery { subquery, ..query })
    }
}

fn restore(subquery: Subquery, answer: Answer, operand: Option<Expr>) -> Expr {
    match (answer, operand) {
        (Answer::Exists { negated }, _) => Expr::Exists(Exists { subquery, negated }),
        (Answer::In { negated }, Some(operand)) => {
            Expr::InSubquery(InSubquery::new(Box::new(operand), subquery, negated))
        }
        _ => Expr::ScalarSubquery(subquery),
    }
}

/// An outer column as the node around the sub-query sees it: its own, or one further out.
fn resolve(outer: &Expr, schema: &DFSchema) -> Expr {
    match outer {
        Expr::OuterReferenceColumn(_, column) if schema.has_column(column) => {
            Expr::Column(column.clone())
        }
        other => other.clone(),
    }
}

/// Whether all of a predicate's sub-queries are EXISTS or IN joined by AND, which DataFusion
/// makes semi-joins of. Those with further sub-queries, or with LIMIT, it may refuse.
fn joins_by_itself(predicate: &Expr) -> bool {
    use datafusion::logical_expr::utils::split_conjunction;
    let simple = |query: &Subquery| is_filtered_scan(&query.subquery);
    let mut found = false;
    let fine = split_conjunction(predicate).into_iter().all(|part| match part {
        Expr::Exists(exists) => {
            found = true;
            simple(&exists.subquery)
        }
        Expr::InSubquery(within) => {
            found = true;
            simple(&within.subquery) && !has_subquery(&within.expr)
        }
        other => !has_subquery(other),
    });
    found && fine
}

fn has_subquery(expr: &Expr) -> bool {
    let is_one = |expr: &Expr| {
        Ok(matches!(expr, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_)))
    };
    expr.exists(is_one).unwrap_or(true)
}

/// SELECT .. FROM one table WHERE .., and nothing else.
fn is_filtered_scan(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(node) => is_filtered_scan(&node.input),
        LogicalPlan::SubqueryAlias(node) => is_filtered_scan(&node.input),
        LogicalPlan::Filter(node) => {
            !has_subquery(&node.predicate) && is_filtered_scan(&node.input)
        }
        LogicalPlan::TableScan(_) => true,
        _ => false,
    }
}

/// The distinct outer columns that a plan still needs from around it.
pub(crate) fn outer_columns(plan: &LogicalPlan) -> Result<Vec<Expr>> {
    let mut found = Vec::new();
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if matches!(expr, Expr::OuterReferenceColumn(..)) && !found.contains(expr) {
                    found.push(expr.clone());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}

/// Whether a plan, its sub-queries included, scans a system table.
fn reads_catalog(plan: &LogicalPlan) -> Result<bool> {
    Ok(scans(plan)?.contains(&true))
}

/// Whether a sub-query reads system tables, or no table at all.
fn is_ours(plan: &LogicalPlan) -> Result<bool> {
    let scans = scans(plan)?;
    Ok(scans.is_empty() || scans.contains(&true))
}

/// For each table that a plan and its sub-queries scan: is it a system table?
fn scans(plan: &LogicalPlan) -> Result<Vec<bool>> {
    let mut found = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let provider = source_as_provider(&scan.source).ok();
            found.push(provider.is_some_and(|provider| {
                (provider.as_ref() as &dyn Any).is::<SystemTableProvider>()
            }));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}
