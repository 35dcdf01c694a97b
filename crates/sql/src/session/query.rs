//! Queries: bound, planned, optimized, streamed.

use crate::analyse::fix_given_points;
use crate::bind::Binder;
use crate::error::{from_datafusion, from_stop, to_datafusion};
use crate::optimize::fix_query_vectors;
use crate::pg_catalog::{name_duplicates, output_names, reg, rewrite, touches_catalog};
use crate::plan::{Planner, StatementCx};
use cvx_core::CancelToken;
use cvx_engine::Table;
use cvx_types::{Column, PgType, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::sql::sqlparser::ast::{Query, Statement};
use futures::StreamExt;
use std::sync::Arc;

/// The logical plan of a query, with parameter values where they are bound.
pub fn plan_query(cx: &StatementCx<'_>, query: Query) -> Result<LogicalPlan> {
    let (mut query, of_catalog) = as_planned(query);
    let bound = Binder::new(cx).query(&mut query)?;
    let planner = Planner::new(cx, bound);
    let mut plan = planner.query(query)?;
    if of_catalog {
        plan = reg::resolve(plan, &cx.system).map_err(from_datafusion)?;
    }
    planner.with_values(plan)
}

/// A query over the catalog in words that DataFusion knows; whether it is one.
fn as_planned(query: Query) -> (Query, bool) {
    let mut statement = Statement::Query(Box::new(query));
    let of_catalog = touches_catalog(&statement);
    if of_catalog {
        rewrite(&mut statement);
    }
    match statement {
        Statement::Query(mut query) => {
            if !of_catalog {
                name_duplicates(&mut query);
            }
            (*query, of_catalog)
        }
        _ => unreachable!("a query stays a query"),
    }
}

/// The physical plan of a logical one.
pub async fn physical(cx: &StatementCx<'_>, plan: LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
    let plan = fix_query_vectors(cx.state, plan).await?;
    let plan = fix_given_points(cx.state, plan).await?;
    let plan = cx.state.create_physical_plan(&plan).await.map_err(from_datafusion)?;
    crate::exec::stoppable(plan, &cx.cancel).map_err(from_datafusion)
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
    let bound = Binder::new(cx).target_query(target, &mut query)?;
    let planner = Planner::new(cx, bound);
    let plan = planner.query(query)?;
    planner.with_values(plan)
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
    let context = TaskContext::from(cx.state).with_runtime(Arc::clone(cx.runtime));
    let context = Arc::new(context);
    let stream = execute_stream(physical, context).map_err(from_datafusion)?;
    Ok(stoppable(stream, cx.cancel.clone()))
}

fn stoppable(stream: SendableRecordBatchStream, cancel: CancelToken) -> SendableRecordBatchStream {
    let schema = stream.schema();
    let checked = stream.map(move |batch| match cancel.stopped() {
        Some(stop) => Err(to_datafusion(from_stop(stop))),
        None => batch,
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, checked))
}

/// How clients see the columns of a plan.
pub fn columns(cx: &StatementCx<'_>, query: &Query, plan: &LogicalPlan) -> Vec<Column> {
    let names = aligned(output_names(query), plan.schema().fields().len());
    plan.schema()
        .iter()
        .enumerate()
        .map(|(place, (qualifier, field))| {
            let name = names.get(place).cloned().flatten();
            let (ty, typmod) = PgType::of_field(field);
            let origin = qualifier.and_then(|table| {
                let parts: Vec<String> = table.to_vec();
                let table = cx.find_table(&parts)?;
                let column = table.column(field.name())?;
                Some((table.oid, column.attnum))
            });
            let (table_oid, attnum) = origin.unwrap_or((0, 0));
            Column {
                name: name.unwrap_or_else(|| field.name().clone()),
                ty,
                typmod,
                table_oid,
                attnum,
            }
        })
        .collect()
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
