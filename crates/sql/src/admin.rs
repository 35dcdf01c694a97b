//! CALL cvx.*: what an operator asks of the engine, and the `cvx` schema's tables.

mod index;
mod monitor;

pub use index::{MeasureRecall, reindex};

use crate::bind::object_name;
use crate::error::from_engine;
use crate::plan::{Params, StatementCx};
use crate::session::SqlSession;
use crate::train;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::error::ArrowError;
use cvx_core::{EntityId, ValidTime};
use cvx_engine::{Engine, EngineStats, RemovalReport, Table, TableStats};
use cvx_session::{Notice, Outcome};
use cvx_types::{PgType, Result, SqlError, SqlState};
use datafusion::datasource::{MemTable, TableProvider};
use datafusion::sql::sqlparser::ast::{Function, FunctionArg, FunctionArgExpr, FunctionArguments};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The procedures, as GRANT names them.
pub const PROCEDURES: [&str; 6] =
    ["cvx.catch_up", "cvx.compact", "cvx.erase", "cvx.purge", "cvx.seal", train::NAME];

/// What is asked of the engine.
enum Order {
    CatchUp,
    Seal,
    Compact,
    Purge,
    Erase(BTreeSet<(EntityId, ValidTime)>),
}

pub async fn call(
    session: &mut SqlSession,
    function: &Function,
    params: &Params,
    text: &str,
) -> Result<Outcome> {
    let name = object_name(&function.name).join(".");
    if name == train::NAME {
        return train::call(session, function, params, text).await;
    }
    if matches!(name.as_str(), "cvx.erase" | "cvx.purge") {
        session.check_outside_block(&name)?;
    }
    let (table, order) = session
        .reading(params, text, async |cx: &StatementCx<'_>| order(cx, &name, function).await)
        .await?;
    let engine = Arc::clone(session.engine());
    let work = tokio::task::spawn_blocking(move || carry_out(&engine, &table, order));
    let done = work.await.map_err(|panic| {
        SqlError::new(SqlState::INTERNAL_ERROR, format!("the call failed: {panic}"))
    })?;
    let message = done.map_err(from_engine)?;
    session.notify(Notice { severity: "INFO", state: "00000", message });
    Ok(Outcome::Done { tag: "CALL".to_owned() })
}

async fn order(
    cx: &StatementCx<'_>,
    name: &str,
    function: &Function,
) -> Result<(Arc<Table>, Order)> {
    let order = match name {
        "cvx.catch_up" => Order::CatchUp,
        "cvx.seal" => Order::Seal,
        "cvx.compact" => Order::Compact,
        "cvx.purge" => Order::Purge,
        "cvx.erase" => return erase(cx, function).await,
        _ => {
            return Err(SqlError::new(
                SqlState::UNDEFINED_FUNCTION,
                format!("procedure {name} does not exist"),
            ));
        }
    };
    let [table] = arguments(function) else {
        return Err(wrong(format!("{name} takes the name of a table")));
    };
    let table = argument_table(cx, table)?;
    cx.guard.call(name, &table)?;
    if matches!(order, Order::Purge) && table.options.history_retention_us.is_none() {
        let message = format!("table \"{}\" has no history_retention", table.name);
        return Err(SqlError::new(SqlState::INVALID_PARAMETER, message)
            .hint("ALTER TABLE ... SET (history_retention = '90 days')"));
    }
    if matches!(order, Order::CatchUp) && table.options.monitor.is_none() {
        let message = format!("table \"{}\" has no monitor", table.name);
        return Err(SqlError::new(SqlState::INVALID_PARAMETER, message)
            .hint("ALTER TABLE ... SET (monitor = 'bocpd')"));
    }
    Ok((table, order))
}

async fn erase(cx: &StatementCx<'_>, function: &Function) -> Result<(Arc<Table>, Order)> {
    let [table, condition] = arguments(function) else {
        return Err(wrong("cvx.erase takes the name of a table and a condition".to_owned()));
    };
    let table = argument_table(cx, table)?;
    cx.guard.call("cvx.erase", &table)?;
    let condition = text_of(cx, condition, "the condition")?;
    let points = crate::dml::erased_points(cx, &table, &condition).await?;
    Ok((table, Order::Erase(points)))
}

fn carry_out(engine: &Engine, table: &Table, order: Order) -> cvx_engine::Result<String> {
    Ok(match order {
        Order::CatchUp => {
            engine.wait_for_monitors()?;
            "all commits up to this call have been looked at".to_owned()
        }
        Order::Seal => {
            engine.seal(table)?;
            "sealed".to_owned()
        }
        Order::Compact => {
            let report = engine.compact(table)?;
            format!(
                "{} vectors of {} entities: {} bytes as floats, {} in {} delta blocks",
                report.vectors,
                report.entities,
                report.raw_bytes,
                report.delta_bytes,
                report.blocks
            )
        }
        Order::Purge => removed("purged", engine.purge(table)?),
        Order::Erase(points) => removed("erased", engine.erase(table, points)?),
    })
}

fn removed(what: &str, report: RemovalReport) -> String {
    let RemovalReport { versions, entities, files } = report;
    format!("{what} {versions} versions of {entities} entities; {files} row files written anew")
}

fn wrong(message: String) -> SqlError {
    SqlError::new(SqlState::UNDEFINED_FUNCTION, message)
}

/// Arguments that are values; none if any is something else.
fn arguments(function: &Function) -> &[FunctionArg] {
    match &function.args {
        FunctionArguments::List(list) => &list.args,
        _ => &[],
    }
}

fn argument_table(cx: &StatementCx<'_>, argument: &FunctionArg) -> Result<Arc<Table>> {
    let text = text_of(cx, argument, "the table's name")?;
    let parts: Vec<String> = text.split('.').map(str::to_owned).collect();
    cx.find_table(&parts).ok_or_else(|| crate::plan::undefined_table(&text))
}

fn text_of(cx: &StatementCx<'_>, argument: &FunctionArg, what: &str) -> Result<String> {
    use arrow::array::{Array, AsArray};
    let FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) = argument else {
        return Err(wrong(format!("{what} must be a value")));
    };
    let array = cx.constant(argument, &PgType::Text, -1)?;
    let text = array.as_string::<i32>();
    if text.is_null(0) {
        return Err(SqlError::new(SqlState::INVALID_PARAMETER, format!("{what} is NULL")));
    }
    Ok(text.value(0).to_owned())
}

/// The `cvx` schema's tables.
const TABLES: [&str; 4] = ["changepoints", "index_stats", "monitors", "storage_stats"];

/// Whether the `cvx` schema has this table.
pub fn has_table(name: &str) -> bool {
    TABLES.contains(&name)
}

/// One table of the `cvx` schema, as it stands now: of this database's tables.
pub fn table(cx: &StatementCx<'_>, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
    let here = |table: &Table| cx.catalog.table_by_oid(table.oid).is_some();
    let failed = |error| crate::error::from_arrow(&error);
    let batch = match name {
        "changepoints" => monitor::changepoints(cx)?,
        "monitors" => monitor::monitors(cx)?,
        "index_stats" => {
            let mut stats = cx.engine.index_stats().map_err(from_engine)?;
            stats.retain(|index| here(&index.table));
            index::index_stats(&stats).map_err(failed)?
        }
        "storage_stats" => {
            let mut stats = cx.engine.stats().map_err(from_engine)?;
            stats.tables.retain(|stats| here(&stats.table));
            storage_stats(&stats).map_err(failed)?
        }
        _ => return Ok(None),
    };
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]])
        .map_err(crate::error::from_datafusion)?;
    Ok(Some(Arc::new(table)))
}

/// `cvx.storage_stats`: one row a table, all in bytes or counts.
fn storage_stats(stats: &EngineStats) -> std::result::Result<RecordBatch, ArrowError> {
    let names = |pick: fn(&Table) -> &String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(stats.tables.iter().map(|t| pick(&t.table))))
    };
    let numbers = |pick: fn(&TableStats) -> u64| -> ArrayRef {
        let values = stats.tables.iter().map(|t| i64::try_from(pick(t)).unwrap_or(i64::MAX));
        Arc::new(Int64Array::from_iter_values(values))
    };
    RecordBatch::try_from_iter([
        ("schema_name", names(|table| &table.schema)),
        ("table_name", names(|table| &table.name)),
        ("rows", numbers(|t| t.rows as u64)),
        ("closed_rows", numbers(|t| t.closed_rows as u64)),
        ("entities", numbers(|t| t.entities as u64)),
        ("sealed_segments", numbers(|t| t.sealed_segments as u64)),
        ("sealed_rows", numbers(|t| t.sealed_rows as u64)),
        ("sealed_bytes", numbers(|t| t.mapped_bytes as u64)),
        ("tail_runs", numbers(|t| t.tail_runs as u64)),
        ("tail_rows", numbers(|t| t.tail_rows as u64)),
        ("tail_bytes", numbers(|t| t.tail_bytes as u64)),
        ("closure_bytes", numbers(|t| t.closure_bytes as u64)),
        ("timeline_bytes", numbers(|t| t.timeline_bytes as u64)),
        ("delta_blocks", numbers(|t| t.deltas.blocks)),
        ("raw_bytes", numbers(|t| t.deltas.raw_bytes)),
        ("delta_bytes", numbers(|t| t.deltas.encoded_bytes)),
    ])
}
