//! What a large statement keeps in memory for each new entity, counted by the allocator.
//!
//! A COPY of a million new entities kept 570 MiB, most of it lists of one version in allocations
//! of their own, twice: in the transaction and in the timelines. The rows themselves are spilled.
//!
//! ```text
//!   floor, a map of (entity, ts, commit)   24 bytes, of which a map that just doubled has
//!                                          2 x 8/7 times as many, and a byte more of each: 57
//!   in the statement                       that map
//!   in the commit                          24 (entity, ts, and where the row lies)
//!   from then on                           that map again, as timelines
//! ```

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use arrow::array::{
    ArrayRef, FixedSizeListArray, Float32Array, Int64Array, RecordBatch, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field};
use cvx_core::{ManualClock, SpaceId};
use cvx_engine::{
    CatalogChange, ColumnDef, Durability, Engine, EngineOptions, InsertMode, OnConflict, Table,
    TableOptions,
};
use cvx_types::PgType;
use peak_alloc::PeakAlloc;
use std::sync::Arc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// A little above 7/8 of a power of two, both for one map and for each of 64: maps are at their
/// emptiest.
const ENTITIES: usize = 240_000;
const BATCH: usize = 1_000;
/// What the statement may hold of rows, and what the engine needs whatever comes.
const WORKING_BYTES: usize = 8 << 20;

fn table() -> Table {
    let mut columns = vec![
        ColumnDef::new(1, "id", PgType::Int8, -1),
        ColumnDef::new(2, "ts", PgType::Timestamptz, -1),
        ColumnDef::new(3, "v", PgType::Vector, 8),
    ];
    columns.iter_mut().for_each(|column| column.not_null = true);
    Table {
        oid: 0,
        space: SpaceId(0),
        schema: "public".to_owned(),
        name: "docs".to_owned(),
        columns,
        key: vec![1, 2],
        entity: Some(1),
        valid_time: Some(2),
        options: TableOptions::standard(),
        indexes: vec![],
        comment: None,
        key_index_oid: 0,
    }
}

fn batch(table: &Table, start: usize) -> RecordBatch {
    let ids = start as i64..(start + BATCH) as i64;
    let ts = std::iter::repeat_n(1_000_000, BATCH);
    let values = Arc::new(Float32Array::from_iter_values((0..8 * BATCH).map(|n| n as f32)));
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(ids)),
        Arc::new(TimestampMicrosecondArray::from_iter_values(ts).with_timezone("UTC")),
        Arc::new(FixedSizeListArray::new(item, 8, values, None)),
    ];
    RecordBatch::try_new(table.arrow_schema(), columns).unwrap()
}

#[test]
fn a_new_entity_takes_two_numbers_and_not_two_lists() {
    let dir = tempfile::tempdir().unwrap();
    let options = EngineOptions {
        spill_bytes: 1 << 20,
        write_buffer_bytes: 4 << 20,
        block_cache_bytes: 1 << 20,
        ..EngineOptions::standard()
    };
    let engine = Engine::open(dir.path(), options, Arc::new(ManualClock::at(1_000_000))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut txn = engine.begin();
    txn.ddl(CatalogChange::CreateTable(table())).unwrap();
    runtime.block_on(txn.commit(Durability::Relaxed)).unwrap();
    let table = Arc::clone(engine.catalog().table("public", "docs").unwrap());
    let mode = InsertMode { supplied: vec![true; 3], on_conflict: OnConflict::Error, force: false };

    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let each = |bytes: usize| bytes.saturating_sub(before + WORKING_BYTES) as f64 / ENTITIES as f64;
    let mut txn = engine.begin();
    for start in (0..ENTITIES).step_by(BATCH) {
        txn.insert(&table, batch(&table, start), &mode).unwrap();
    }
    let (held, in_statement) = (each(MEMORY.current_usage()), each(MEMORY.peak_usage()));
    assert!(held < 60.0, "{held} bytes of each entity are held by the statement");
    assert!(in_statement < 90.0, "{in_statement} bytes of each entity at the statement's peak");
    MEMORY.reset_peak_usage();
    runtime.block_on(txn.commit(Durability::Relaxed)).unwrap();
    let (stays, in_commit) = (each(MEMORY.current_usage()), each(MEMORY.peak_usage()));
    assert!(in_commit < 90.0, "{in_commit} bytes of each entity at the commit's peak");
    assert!(stays < 60.0, "{stays} bytes of each entity stay");
    let stats = engine.stats().unwrap();
    assert_eq!(stats.tables[0].entities, ENTITIES);
    assert_eq!(stats.tables[0].closure_bytes, 0, "nothing happened to any row");
}
