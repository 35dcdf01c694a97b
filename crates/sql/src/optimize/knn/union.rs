//! ORDER BY distance LIMIT k over UNION ALL: the k nearest of all are among those of each branch.

use super::chain::{below_alias, below_projection, substituted};
use super::{leading_key, recognise};
use datafusion::error::Result;
use datafusion::logical_expr::{
    Expr, LogicalPlan, Projection, Sort, SortExpr, SubqueryAlias, Union,
};
use std::sync::Arc;

/// The Sort's input with each branch of its UNION ALL that can be searched limited to k rows;
/// `None` where there is no such branch.
pub(super) fn limited(sort: &Sort) -> Result<Option<Arc<LogicalPlan>>> {
    if leading_key(sort).is_none() {
        return Ok(None);
    }
    let keys: Vec<SortExpr> = sort.expr.clone();
    Ok(below(&sort.input, keys, sort.fetch)?.map(Arc::new))
}

fn below(
    plan: &LogicalPlan,
    keys: Vec<SortExpr>,
    fetch: Option<usize>,
) -> Result<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Projection(projection) => {
            let keys = each(keys, |key| below_projection(projection, key));
            let Some(keys) = keys else { return Ok(None) };
            let Some(input) = below(&projection.input, keys, fetch)? else { return Ok(None) };
            let projection = Projection::try_new(projection.expr.clone(), Arc::new(input))?;
            Ok(Some(LogicalPlan::Projection(projection)))
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let Some(keys) = each(keys, |key| below_alias(alias, key)) else { return Ok(None) };
            let Some(input) = below(&alias.input, keys, fetch)? else { return Ok(None) };
            let alias = SubqueryAlias::try_new(Arc::new(input), alias.alias.clone())?;
            Ok(Some(LogicalPlan::SubqueryAlias(alias)))
        }
        LogicalPlan::Union(union) => Ok(branches(union, &keys, fetch)),
        _ => Ok(None),
    }
}

fn branches(union: &Union, keys: &[SortExpr], fetch: Option<usize>) -> Option<LogicalPlan> {
    let mut any = false;
    let mut inputs = Vec::with_capacity(union.inputs.len());
    for input in &union.inputs {
        match branch(union, input, keys, fetch) {
            Some(sorted) => {
                any = true;
                inputs.push(Arc::new(LogicalPlan::Sort(sorted)));
            }
            None => inputs.push(Arc::clone(input)),
        }
    }
    let schema = Arc::clone(&union.schema);
    any.then_some(LogicalPlan::Union(Union { inputs, schema }))
}

/// A branch under a Sort of its own, if that is a search.
fn branch(
    union: &Union,
    input: &Arc<LogicalPlan>,
    keys: &[SortExpr],
    fetch: Option<usize>,
) -> Option<Sort> {
    let columns = input.schema().columns();
    let own =
        |key: &Expr| substituted(key, &union.schema, |index| Expr::Column(columns[index].clone()));
    let expr = each(keys.to_vec(), own)?;
    let sort = Sort { expr, input: Arc::clone(input), fetch };
    recognise(&sort).is_some().then_some(sort)
}

fn each(keys: Vec<SortExpr>, change: impl Fn(&Expr) -> Option<Expr>) -> Option<Vec<SortExpr>> {
    keys.into_iter().map(|key| Some(SortExpr { expr: change(&key.expr)?, ..key })).collect()
}
