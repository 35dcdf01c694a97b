//! CALL cvx.*: what an operator asks of the engine, and the `cvx` schema's tables.

mod index;

pub use index::{MeasureRecall, reindex};

use crate::bind::object_name;
use crate::error::from_engine;
use crate::plan::{Params, StatementCx};
use crate::session::SqlSession;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::error::ArrowError;
use cvx_engine::{Engine, EngineStats, Table, TableStats};
use cvx_session::{Notice, Outcome};
use cvx_types::{PgType, Result, SqlError, SqlState};
use datafusion::datasource::{MemTable, TableProvider};
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
};
use std::sync::Arc;

/// The procedures, as GRANT names them.
pub const PROCEDURES: [&str; 3] = ["cvx.compact", "cvx.erase", "cvx.seal"];

pub async fn call(
    session: &mut SqlSession,
    function: &Function,
    params: &Params,
    text: &str,
) -> Result<Outcome> {
    let name = object_name(&function.name).join(".");
    let table = session
        .reading(params, text, async |cx: &StatementCx<'_>| match name.as_str() {
            "cvx.compact" | "cvx.seal" => {
                let table = argument_table(cx, &name, function)?;
                cx.guard.call(&name, &table)?;
                Ok(table)
            }
            "cvx.erase" => Err(SqlError::unsupported("CALL cvx.erase")),
            _ => Err(SqlError::new(
                SqlState::UNDEFINED_FUNCTION,
                format!("procedure {name} does not exist"),
            )),
        })
        .await?;
    let engine = Arc::clone(session.engine());
    let work = tokio::task::spawn_blocking(move || match name.as_str() {
        "cvx.seal" => engine.seal(&table).map(|()| "sealed".to_owned()),
        _ => engine.compact(&table).map(|report| {
            format!(
                "{} vectors of {} entities: {} bytes as floats, {} in {} delta blocks",
                report.vectors,
                report.entities,
                report.raw_bytes,
                report.delta_bytes,
                report.blocks
            )
        }),
    });
    let done = work.await.map_err(|panic| {
        SqlError::new(SqlState::INTERNAL_ERROR, format!("the call failed: {panic}"))
    })?;
    let message = done.map_err(from_engine)?;
    session.notify(Notice { severity: "INFO", state: "00000", message });
    Ok(Outcome::Done { tag: "CALL".to_owned() })
}

fn argument_table(cx: &StatementCx<'_>, name: &str, function: &Function) -> Result<Arc<Table>> {
    let wrong =
        || SqlError::new(SqlState::UNDEFINED_FUNCTION, format!("{name} takes the name of a table"));
    let FunctionArguments::List(list) = &function.args else { return Err(wrong()) };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] = list.args.as_slice() else {
        return Err(wrong());
    };
    let text = table_name(cx, argument)?;
    let parts: Vec<String> = text.split('.').map(str::to_owned).collect();
    cx.find_table(&parts).ok_or_else(|| crate::plan::undefined_table(&text))
}

fn table_name(cx: &StatementCx<'_>, argument: &Expr) -> Result<String> {
    use arrow::array::{Array, AsArray};
    let array = cx.constant(argument, &PgType::Text, -1)?;
    let text = array.as_string::<i32>();
    if text.is_null(0) {
        return Err(SqlError::new(SqlState::INVALID_PARAMETER, "the table's name is NULL"));
    }
    Ok(text.value(0).to_owned())
}

/// The `cvx` schema's tables.
const TABLES: [&str; 2] = ["index_stats", "storage_stats"];

/// Whether the `cvx` schema has this table.
pub fn has_table(name: &str) -> bool {
    TABLES.contains(&name)
}

/// One table of the `cvx` schema, as it stands now.
pub fn table(engine: &Engine, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
    if !has_table(name) {
        return Ok(None);
    }
    let batch = match name {
        "index_stats" => index::index_stats(&engine.index_stats().map_err(from_engine)?),
        _ => storage_stats(&engine.stats().map_err(from_engine)?),
    };
    let batch = batch.map_err(|error| crate::error::from_arrow(&error))?;
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
