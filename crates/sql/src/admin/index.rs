//! Indexes to those who look after them: REINDEX, `cvx.index_stats`, `cvx.measure_recall`.

use crate::access::Guard;
use crate::bind::object_name;
use crate::error::{engine_to_datafusion, from_engine, to_datafusion};
use crate::plan::{Params, StatementCx, undefined_table};
use crate::session::SqlSession;
use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use cvx_core::CancelToken;
use cvx_dialect::Maintenance;
use cvx_engine::{Catalog, Engine, IndexStats, Privileges, SearchMode, Securable, Table};
use cvx_session::Outcome;
use cvx_types::{Result, SqlError, SqlState};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::sql::sqlparser::ast::ObjectName;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// REINDEX: builds indexes anew, and waits for them.
pub async fn reindex(
    session: &mut SqlSession,
    work: &Maintenance,
    params: &Params,
    text: &str,
) -> Result<Outcome> {
    let indexes =
        session.reading(params, text, async |cx: &StatementCx<'_>| named(cx, work)).await?;
    let engine = Arc::clone(session.engine());
    let done = tokio::task::spawn_blocking(move || engine.reindex(&indexes)).await;
    let failed = |panic: tokio::task::JoinError| {
        SqlError::new(SqlState::INTERNAL_ERROR, format!("indexes could not be built: {panic}"))
    };
    done.map_err(failed)?.map_err(from_engine)?;
    Ok(Outcome::Done { tag: "REINDEX".to_owned() })
}

/// The OIDs of the indexes that REINDEX names.
fn named(cx: &StatementCx<'_>, work: &Maintenance) -> Result<Vec<u32>> {
    let says = |word: &str| work.options.iter().any(|option| option == word);
    let mut found = Vec::new();
    if says("database") || says("system") {
        check_named_here(cx, work)?;
        for table in cx.catalog.here.tables.values() {
            found.extend(of_table(cx, table)?);
        }
        return Ok(found);
    }
    for name in &work.names {
        let parts = object_name(name);
        if says("table") {
            let table = cx.table(name)?;
            found.extend(of_table(cx, &table)?);
        } else if says("schema") {
            let schema = parts.last().cloned().unwrap_or_default();
            let tables = cx.catalog.here.tables.values();
            for table in tables.filter(|table| table.schema == schema) {
                found.extend(of_table(cx, table)?);
            }
        } else {
            found.push(index_named(cx, &parts)?);
        }
    }
    Ok(found)
}

/// Only the session's own database has its indexes built anew.
fn check_named_here(cx: &StatementCx<'_>, work: &Maintenance) -> Result<()> {
    let other = |name: &&ObjectName| object_name(name) != [cx.catalog.here.name.as_str()];
    match work.names.iter().find(other) {
        Some(_) => Err(SqlError::unsupported("REINDEX of another database than the current one")),
        None => Ok(()),
    }
}

/// The indexes of a table, for its owner.
fn of_table(cx: &StatementCx<'_>, table: &Table) -> Result<Vec<u32>> {
    cx.guard.owner(&Securable::Relation(table.oid), &format!("table {}", table.name))?;
    Ok(table.indexes.iter().map(|index| index.oid).collect())
}

fn index_named(cx: &StatementCx<'_>, parts: &[String]) -> Result<u32> {
    let schemas = match parts {
        [.., schema, _] => vec![schema.clone()],
        _ => cx.search_path(),
    };
    let name = parts.last().map(String::as_str).unwrap_or_default();
    let index = schemas.iter().find_map(|schema| cx.catalog.index(schema, name));
    let missing = || {
        let what = format!("index \"{}\" does not exist", parts.join("."));
        SqlError::new(SqlState::UNDEFINED_OBJECT, what)
    };
    let (table, index) = index.ok_or_else(missing)?;
    cx.guard.owner(&Securable::Relation(table.oid), &format!("index {name}"))?;
    Ok(index.oid)
}

/// `cvx.index_stats`: one row a segment of each index, and one for the rows in memory.
pub(super) fn index_stats(stats: &[IndexStats]) -> std::result::Result<RecordBatch, ArrowError> {
    let texts = |get: &dyn Fn(&IndexStats) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(stats.iter().map(get)))
    };
    let numbers = |get: &dyn Fn(&IndexStats) -> usize| -> ArrayRef {
        let values = stats.iter().map(|row| i64::try_from(get(row)).unwrap_or(i64::MAX));
        Arc::new(Int64Array::from_iter_values(values))
    };
    let floats = |get: &dyn Fn(&IndexStats) -> Option<f64>| -> ArrayRef {
        Arc::new(Float64Array::from_iter(stats.iter().map(get)))
    };
    let column = |row: &IndexStats| {
        let column = row.table.column_by_id(row.index.column);
        column.map(|column| column.name.clone()).unwrap_or_default()
    };
    let metric = |row: &IndexStats| {
        row.index
            .answers()
            .map(|metric| crate::plan::metric_name(metric).to_owned())
            .unwrap_or_default()
    };
    let quantization = |row: &IndexStats| {
        let coded = row.index.answers().map(|_| row.index.quantization().name().to_owned());
        coded.unwrap_or_default()
    };
    let segment = |row: &IndexStats| row.segment.map_or("tail".to_owned(), |id| id.to_string());
    RecordBatch::try_from_iter([
        ("schema_name", texts(&|row| row.table.schema.clone())),
        ("table_name", texts(&|row| row.table.name.clone())),
        ("index_name", texts(&|row| row.index.name.clone())),
        ("column_name", texts(&column)),
        ("metric", texts(&metric)),
        ("quantization", texts(&quantization)),
        ("segment", texts(&segment)),
        ("state", texts(&|row| row.state.name().to_owned())),
        ("rows", numbers(&|row| row.rows)),
        ("unindexed", numbers(&|row| row.unindexed)),
        ("nodes", numbers(&|row| row.nodes)),
        ("edges", numbers(&|row| row.edges)),
        ("layers", numbers(&|row| row.layers)),
        ("bytes", numbers(&|row| row.bytes)),
        ("live_share", floats(&|row| Some(row.live_share))),
        ("unreachable", numbers(&|row| row.unreachable)),
        ("recall", floats(&|row| row.recall)),
    ])
}

/// `cvx.measure_recall(table, column)`: the share of exact answers that the column's index finds,
/// at the session's `hnsw.ef_search`.
#[derive(Debug)]
pub struct MeasureRecall {
    engine: Arc<Engine>,
    catalog: Arc<Catalog>,
    search_path: Vec<String>,
    guard: Guard,
    ef: usize,
    cancel: CancelToken,
    signature: Signature,
}

impl MeasureRecall {
    pub fn new(cx: &StatementCx<'_>) -> Self {
        let ef = match cx.search_mode() {
            SearchMode::Index { ef } | SearchMode::Auto { ef } => ef,
            SearchMode::Exact => 40,
        };
        let types = vec![DataType::Utf8, DataType::Utf8];
        Self {
            engine: Arc::clone(cx.engine),
            catalog: Arc::clone(&cx.catalog),
            search_path: cx.search_path(),
            guard: cx.guard.clone(),
            ef,
            cancel: cx.cancel.clone(),
            signature: Signature::exact(types, Volatility::Volatile),
        }
    }

    fn table(&self, name: &str) -> Result<Arc<Table>> {
        let parts: Vec<&str> = name.split('.').collect();
        let found = match parts.as_slice() {
            [schema, name] => self.catalog.table(schema, name),
            [name] => self.search_path.iter().find_map(|schema| self.catalog.table(schema, name)),
            _ => None,
        };
        found.cloned().ok_or_else(|| undefined_table(name))
    }
}

impl PartialEq for MeasureRecall {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for MeasureRecall {}

impl Hash for MeasureRecall {
    fn hash<H: Hasher>(&self, state: &mut H) {
        "measure_recall".hash(state);
    }
}

impl ScalarUDFImpl for MeasureRecall {
    fn name(&self) -> &str {
        "measure_recall"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> DfResult<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let [
            ColumnarValue::Scalar(ScalarValue::Utf8(Some(table))),
            ColumnarValue::Scalar(ScalarValue::Utf8(Some(column))),
        ] = args.args.as_slice()
        else {
            let error = SqlError::unsupported("measure_recall of anything but constants");
            return Err(to_datafusion(error));
        };
        let table = self.table(table).map_err(to_datafusion)?;
        self.guard.table(&table, Privileges::SELECT).map_err(to_datafusion)?;
        let column = crate::dml::column(&table, column).map_err(to_datafusion)?.id;
        let measure = || self.engine.measure_recall(&table, column, self.ef, &self.cancel);
        let recall = tokio::task::block_in_place(measure).map_err(engine_to_datafusion)?;
        Ok(ColumnarValue::Scalar(ScalarValue::Float64(Some(recall))))
    }
}
