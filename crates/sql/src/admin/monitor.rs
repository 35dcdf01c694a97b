//! `cvx.changepoints` and `cvx.monitors`: what monitors have told, and how far they have come.
//!
//! Who may read a table may read what was found in it; of other tables there are no rows.

use crate::error::{from_datafusion, from_engine};
use crate::functions::vector::VectorsBuilder;
use crate::plan::StatementCx;
use arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::Schema;
use cvx_engine::{ChangeEvent, EntityKey, MonitorStats, Privileges, Table};
use cvx_types::{PgType, Result};
use std::sync::Arc;

const METHOD: &str = "bocpd";

/// An event with its table and its entity's key.
struct Told {
    table: Arc<Table>,
    entity: Option<String>,
    event: ChangeEvent,
}

/// A column's name and type, and its values.
type Made = (&'static str, PgType, ArrayRef);

/// `cvx.changepoints`: one row an event, what was withdrawn too.
pub(super) fn changepoints(cx: &StatementCx<'_>) -> Result<RecordBatch> {
    let told = all_told(cx)?;
    let text = |get: &dyn Fn(&Told) -> Option<String>| -> ArrayRef {
        Arc::new(told.iter().map(get).collect::<StringArray>())
    };
    let time = |get: &dyn Fn(&Told) -> Option<i64>| -> ArrayRef {
        let times = told.iter().map(get).collect::<TimestampMicrosecondArray>();
        Arc::new(times.with_timezone("UTC"))
    };
    let number = |get: &dyn Fn(&Told) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(told.iter().map(get)))
    };
    let mut drift = VectorsBuilder::new(&PgType::Vector.arrow_type(-1), told.len());
    for told in &told {
        drift.push(told.event.drift.iter().copied()).map_err(from_datafusion)?;
    }
    batch(vec![
        ("schema_name", PgType::Text, text(&|told| Some(told.table.schema.clone()))),
        ("table_name", PgType::Text, text(&|told| Some(told.table.name.clone()))),
        ("entity", PgType::Text, text(&|told| told.entity.clone())),
        ("ts", PgType::Timestamptz, time(&|told| Some(told.event.ts.0))),
        ("noticed_ts", PgType::Timestamptz, time(&|told| Some(told.event.noticed_ts.0))),
        ("probability", PgType::Float8, number(&|told| told.event.probability)),
        ("severity", PgType::Float8, number(&|told| told.event.severity)),
        ("drift_vector", PgType::Vector, drift.finish().map_err(from_datafusion)?),
        ("method", PgType::Text, text(&|_| Some(METHOD.to_owned()))),
        ("detected_at", PgType::Timestamptz, time(&|told| Some(told.event.detected_at_us))),
        ("withdrawn_at", PgType::Timestamptz, time(&|told| told.event.withdrawn_at_us)),
    ])
}

fn all_told(cx: &StatementCx<'_>) -> Result<Vec<Told>> {
    let mut told = Vec::new();
    for table in cx.catalog.here.tables.values().filter(|table| table.is_temporal()) {
        if cx.guard.table(table, Privileges::SELECT).is_err() {
            continue;
        }
        for event in cx.engine.change_events(table).map_err(from_engine)? {
            let key = cx.engine.entity_key(table, event.entity).map_err(from_engine)?;
            let entity = key.map(|key| written(table, key));
            told.push(Told { table: Arc::clone(table), entity, event });
        }
    }
    Ok(told)
}

/// An entity's key as text.
fn written(table: &Table, key: EntityKey) -> String {
    let ty = table.entity.and_then(|id| table.column_by_id(id)).map(|column| &column.ty);
    match (key, ty) {
        (EntityKey::Integer(key), _) => key.to_string(),
        (EntityKey::Bytes(bytes), Some(PgType::Uuid)) => {
            bytes.iter().enumerate().fold(String::new(), |text, (at, byte)| {
                let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
                format!("{text}{dash}{byte:02x}")
            })
        }
        (EntityKey::Bytes(bytes), _) => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// `cvx.monitors`: one row a table that has one.
pub(super) fn monitors(cx: &StatementCx<'_>) -> Result<RecordBatch> {
    let mut stats = cx.engine.monitor_stats();
    stats.retain(|stats| {
        let here = cx.catalog.table_by_oid(stats.table.oid).is_some();
        here && cx.guard.table(&stats.table, Privileges::SELECT).is_ok()
    });
    let text = |get: &dyn Fn(&MonitorStats) -> Option<String>| -> ArrayRef {
        Arc::new(stats.iter().map(get).collect::<StringArray>())
    };
    let number = |get: &dyn Fn(&MonitorStats) -> Option<f64>| -> ArrayRef {
        Arc::new(stats.iter().map(get).collect::<Float64Array>())
    };
    let count = |get: &dyn Fn(&MonitorStats) -> usize| -> ArrayRef {
        let counts = stats.iter().map(|row| i64::try_from(get(row)).unwrap_or(i64::MAX));
        Arc::new(Int64Array::from_iter_values(counts))
    };
    let monitor = |row: &MonitorStats| row.table.options.monitor;
    let column =
        |row: &MonitorStats| Some(row.table.column_by_id(monitor(row)?.column)?.name.clone());
    let least = |row: &MonitorStats| monitor(row).map_or(0, |m| m.min_segment as usize);
    let seen = stats.iter().map(|row| row.seen.map(|seq| seq.as_us()));
    let seen = seen.collect::<TimestampMicrosecondArray>().with_timezone("UTC");
    batch(vec![
        ("schema_name", PgType::Text, text(&|row| Some(row.table.schema.clone()))),
        ("table_name", PgType::Text, text(&|row| Some(row.table.name.clone()))),
        ("column_name", PgType::Text, text(&column)),
        ("method", PgType::Text, text(&|_| Some(METHOD.to_owned()))),
        ("mean_run", PgType::Float8, number(&|row| Some(monitor(row)?.mean_run))),
        ("threshold", PgType::Float8, number(&|row| Some(monitor(row)?.threshold))),
        ("min_segment", PgType::Int8, count(&least)),
        ("seen_until", PgType::Timestamptz, Arc::new(seen)),
        ("entities_due", PgType::Int8, count(&|row| row.due)),
        ("states", PgType::Int8, count(&|row| row.states)),
        ("state_bytes", PgType::Int8, count(&|row| row.bytes)),
    ])
}

fn batch(made: Vec<Made>) -> Result<RecordBatch> {
    let (fields, columns): (Vec<_>, Vec<_>) =
        made.into_iter().map(|(name, ty, column)| (ty.field(name, -1, true), column)).unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|error| crate::error::from_arrow(&error))
}
