//! Queries: bound, planned, optimized, streamed.

use crate::bind::Binder;
use crate::error::{from_datafusion, from_stop, to_datafusion};
use crate::optimize::fix_query_vectors;
use crate::plan::{Planner, StatementCx};
use cvx_core::CancelToken;
use cvx_engine::Table;
use cvx_types::{Column, PgType, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::sql::sqlparser::ast::Query;
use futures::StreamExt;
use std::sync::Arc;

/// The logical plan of a query, with parameter values where they are bound.
pub fn plan_query(cx: &StatementCx<'_>, mut query: Query) -> Result<LogicalPlan> {
    crate::pg_catalog::rewrite_query(&mut query);
    let bound = Binder::new(cx).query(&mut query)?;
    let planner = Planner::new(cx, bound);
    let plan = planner.query(query)?;
    planner.with_values(plan)
}

/// The physical plan of a logical one.
pub async fn physical(cx: &StatementCx<'_>, plan: LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
    let plan = fix_query_vectors(cx.state, plan).await?;
    cx.state.create_physical_plan(&plan).await.map_err(from_datafusion)
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
    let context = Arc::new(TaskContext::from(cx.state));
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
pub fn columns(cx: &StatementCx<'_>, plan: &LogicalPlan) -> Vec<Column> {
    plan.schema()
        .iter()
        .map(|(qualifier, field)| {
            let (ty, typmod) = PgType::of_field(field);
            let origin = qualifier.and_then(|table| {
                let parts: Vec<String> = table.to_vec();
                let table = cx.find_table(&parts)?;
                let column = table.column(field.name())?;
                Some((table.oid, column.attnum))
            });
            let (table_oid, attnum) = origin.unwrap_or((0, 0));
            Column { name: display_name(field.name()), ty, typmod, table_oid, attnum }
        })
        .collect()
}

/// DataFusion names a bare expression by its text; Postgres names it by its function, or not.
fn display_name(name: &str) -> String {
    match name.find('(') {
        Some(0) => "?column?".to_owned(),
        Some(place) => {
            let head = &name[..place];
            let plain = head.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if plain { head.to_owned() } else { "?column?".to_owned() }
        }
        None if name.contains([' ', '"']) && !name.contains(char::is_alphabetic) => {
            "?column?".to_owned()
        }
        None => name.to_owned(),
    }
}
