//! Queries: bound, planned, optimized, streamed.

use super::origin::origin;
use super::repeat::Repeat;
use super::shortcut;
use super::template::Template;
use crate::analyse::fix_given_points;
use crate::bind::Binder;
use crate::compute::Compute;
use crate::error::from_datafusion;
use crate::optimize::{fix_memberships, fix_query_vectors};
use crate::pg_catalog::{REPEATED, name_columns, output_names, reg, rewrite, touches_catalog};
use crate::plan::{Planner, StatementCx};
use cvx_engine::Table;
use cvx_types::{Column, PgType, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::sql::sqlparser::ast::{Query, Statement};
use std::sync::Arc;

/// The logical plan of a query, with parameter values where they are bound.
pub fn plan_query(cx: &StatementCx<'_>, query: Query) -> Result<LogicalPlan> {
    let (mut query, of_catalog) = as_planned(query);
    let bound = Binder::new(cx).query(&mut query)?;
    let planner = Planner::new(cx, bound);
    let mut plan = planner.query(query)?;
    if of_catalog {
        plan = reg::resolve(plan, cx.system()).map_err(from_datafusion)?;
    }
    planner.with_values(plan)
}

/// A query ready to run.
pub struct Planned {
    pub columns: Vec<Column>,
    pub plan: Arc<dyn ExecutionPlan>,
    /// What of it is kept from one execution to the next, in words.
    pub kept: Option<&'static str>,
}

/// The rows of a query that may have run before.
pub async fn rows_again(
    cx: &StatementCx<'_>,
    query: &Query,
    repeat: &Repeat,
) -> Result<(Vec<Column>, SendableRecordBatchStream)> {
    let template = repeat.template(cx, query)?;
    if let Some(template) = &template
        && let Some(errand) = template.errand(cx)?
    {
        return Ok((template.columns.clone(), shortcut::run(cx, errand)?));
    }
    let Planned { columns, plan, .. } = plan_by(cx, query, template.as_deref()).await?;
    Ok((columns, run(cx, plan)?))
}

/// Plans a query that may have run before.
pub async fn plan_again(cx: &StatementCx<'_>, query: &Query, repeat: &Repeat) -> Result<Planned> {
    let template = repeat.template(cx, query)?;
    plan_by(cx, query, template.as_deref()).await
}

async fn plan_by(
    cx: &StatementCx<'_>,
    query: &Query,
    template: Option<&Template>,
) -> Result<Planned> {
    if let Some(template) = template
        && let Some(plan) = template.filled(cx)?
    {
        let plan = executable(cx.state, &plan).await.map_err(from_datafusion)?;
        let kept = template.learn(&plan);
        return Ok(Planned { columns: template.columns.clone(), plan, kept: Some(kept) });
    }
    let plan = plan_query(cx, query.clone())?;
    let columns = columns(query, &plan);
    Ok(Planned { columns, plan: physical(cx, plan).await?, kept: None })
}

/// A query over the catalog in words that DataFusion knows; whether it is one.
pub(super) fn as_planned(query: Query) -> (Query, bool) {
    let mut statement = Statement::Query(Box::new(query));
    let of_catalog = touches_catalog(&statement);
    if of_catalog {
        rewrite(&mut statement);
    } else {
        name_columns(&mut statement);
        crate::types::lower(&mut statement);
    }
    match statement {
        Statement::Query(query) => (*query, of_catalog),
        _ => unreachable!("a query stays a query"),
    }
}

/// The physical plan of a logical one.
pub async fn physical(cx: &StatementCx<'_>, plan: LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
    let plan = fix_query_vectors(cx.state, plan).await?;
    let plan = fix_memberships(cx.state, plan).await?;
    let plan = fix_given_points(cx.state, plan).await?;
    lowered(cx.state, &plan).await.map_err(from_datafusion)
}

/// The optimized physical plan, which can be stopped.
pub async fn lowered(
    state: &SessionState,
    plan: &LogicalPlan,
) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
    executable(state, &state.optimize(plan)?).await
}

/// The physical plan of an optimized one, which can be stopped.
async fn executable(
    state: &SessionState,
    plan: &LogicalPlan,
) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
    let physical = match crate::optimize::grows(plan) {
        true => {
            let state = in_one_partition(state);
            state.query_planner().create_physical_plan(plan, &state).await?
        }
        false => state.query_planner().create_physical_plan(plan, state).await?,
    };
    crate::exec::stoppable(physical)
}

/// The planner's state for a search that grows: rows dealt out to several partitions would be
/// fetched ahead of what is asked for, and sides of joins swapped would lose their order.
fn in_one_partition(state: &SessionState) -> SessionState {
    let mut state = state.clone();
    let options = state.config_mut().options_mut();
    options.execution.target_partitions = 1;
    options.optimizer.join_reordering = false;
    state
}

/// A query's rows.
pub async fn stream_query(cx: &StatementCx<'_>, query: Query) -> Result<SendableRecordBatchStream> {
    let plan = plan_query(cx, query)?;
    let physical = physical(cx, plan).await?;
    run(cx, physical)
}

/// The logical plan of the query that finds an UPDATE's or DELETE's rows.
pub fn plan_target_query(
    cx: &StatementCx<'_>,
    target: &Arc<Table>,
    mut query: Query,
) -> Result<LogicalPlan> {
    name_columns(&mut query);
    crate::types::lower(&mut query);
    let bound = Binder::new(cx).target_query(target, &mut query)?;
    let planner = Planner::new(cx, bound);
    let plan = planner.query(query)?;
    planner.with_values(plan)
}

/// As [`stream_target_query`], over every version of the target rather than its present rows.
pub async fn stream_versions_query(
    cx: &StatementCx<'_>,
    target: &Arc<Table>,
    mut query: Query,
) -> Result<SendableRecordBatchStream> {
    let bound = Binder::new(cx).versions_query(target, &mut query)?;
    let planner = Planner::new(cx, bound);
    let plan = planner.query(query)?;
    let physical = physical(cx, planner.with_values(plan)?).await?;
    run(cx, physical)
}

/// The rows that an UPDATE or DELETE of `target` will change.
pub async fn stream_target_query(
    cx: &StatementCx<'_>,
    target: &Arc<Table>,
    query: Query,
) -> Result<SendableRecordBatchStream> {
    let plan = plan_target_query(cx, target, query)?;
    let physical = physical(cx, plan).await?;
    run(cx, physical)
}

/// Starts a physical plan; its stream ends with an error once the statement is stopped.
pub fn run(
    cx: &StatementCx<'_>,
    physical: Arc<dyn ExecutionPlan>,
) -> Result<SendableRecordBatchStream> {
    let context = crate::exec::context_for(&physical, cx.state);
    let context = Arc::new(context.with_runtime(Arc::clone(cx.runtime)));
    let compute = Compute::of(cx.state);
    let stream = {
        // Operators start tasks of their own here already.
        let _entered = compute.enter();
        execute_stream(physical, context).map_err(from_datafusion)?
    };
    Ok(super::stopping::stopping(stream, &compute, cx.cancel.clone()))
}

/// How clients see the columns of a plan.
pub fn columns(query: &Query, plan: &LogicalPlan) -> Vec<Column> {
    let names = aligned(output_names(query), plan.schema().fields().len());
    plan.schema()
        .fields()
        .iter()
        .enumerate()
        .map(|(place, field)| {
            let name = names.get(place).cloned().flatten();
            let (ty, typmod) = PgType::of_field(field);
            let (table_oid, attnum) = origin(plan, place).unwrap_or((0, 0));
            Column {
                name: name.unwrap_or_else(|| shown_name(field.name())),
                ty,
                typmod,
                table_oid,
                attnum,
            }
        })
        .collect()
}

/// A column's name without what tells it from another of that name.
fn shown_name(name: &str) -> String {
    name.split(REPEATED).next().unwrap_or_default().to_owned()
}

/// Names for each of `width` columns, where one wildcard stands for as many as are missing.
fn aligned(names: Vec<Option<String>>, width: usize) -> Vec<Option<String>> {
    if names.len() == width {
        return names;
    }
    let wildcard = names.iter().position(Option::is_none);
    let (Some(place), true) = (wildcard, names.len() <= width + 1) else {
        return vec![None; width];
    };
    if names.iter().filter(|name| name.is_none()).count() > 1 {
        return vec![None; width];
    }
    let mut aligned = names;
    let missing = width + 1 - aligned.len();
    aligned.splice(place..=place, std::iter::repeat_n(None, missing));
    aligned
}
