//! Tables, rows and engines for tests.

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, Float32Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Int64Type, TimestampMicrosecondType, UInt64Type};
use cvx_core::{Clock, CommitSeq, EntityId, ManualClock, SpaceId, ValidTime};
use cvx_engine::{
    CatalogChange, ColumnDef, Disposition, Durability, Engine, EngineOptions, InsertMode,
    OnConflict, Result, RowAddr, ScanRequest, Table, TableOptions, TableRead, TimeSlice, Txn,
};
use cvx_types::PgType;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// The clock tests begin at.
pub(crate) const START_US: i64 = 1_000_000;
pub(crate) const DIM: usize = 2;

pub(crate) fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Builder::new_current_thread().build().unwrap())
}

pub(crate) fn commit(txn: Txn) -> Result<CommitSeq> {
    runtime().block_on(txn.commit(Durability::Relaxed))
}

pub(crate) fn options() -> EngineOptions {
    EngineOptions {
        write_buffer_bytes: 4 << 20,
        block_cache_bytes: 1 << 20,
        // Purged when the test says so.
        retention_look: std::time::Duration::ZERO,
        ..EngineOptions::standard()
    }
}

pub(crate) fn open(dir: &Path, options: EngineOptions) -> (Arc<Engine>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(START_US));
    let engine = Engine::open(dir, options, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    (engine, clock)
}

/// `docs(id bigint, ts timestamptz, title text, n bigint, v vector(2))`, temporal or not.
pub(crate) fn docs(temporal: bool) -> Table {
    let mut columns = vec![
        ColumnDef::new(1, "id", PgType::Int8, -1),
        ColumnDef::new(2, "ts", PgType::Timestamptz, -1),
        ColumnDef::new(3, "title", PgType::Text, -1),
        ColumnDef::new(4, "n", PgType::Int8, -1),
        ColumnDef::new(5, "v", PgType::Vector, DIM as i32),
    ];
    columns[0].not_null = true;
    columns[1].not_null = temporal;
    Table {
        oid: 0,
        space: SpaceId(0),
        schema: "public".to_owned(),
        name: "docs".to_owned(),
        columns,
        key: if temporal { vec![1, 2] } else { vec![1] },
        entity: temporal.then_some(1),
        valid_time: temporal.then_some(2),
        options: TableOptions::standard(),
        indexes: vec![],
        comment: None,
        key_index_oid: 0,
    }
}

pub(crate) fn create(engine: &Arc<Engine>, table: Table) -> Arc<Table> {
    let (schema, name) = (table.schema.clone(), table.name.clone());
    let mut txn = engine.begin();
    txn.ddl(CatalogChange::CreateTable(table)).unwrap();
    commit(txn).unwrap();
    Arc::clone(engine.catalog().table(&schema, &name).unwrap())
}

/// A row of `docs`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Doc {
    pub(crate) id: i64,
    pub(crate) ts: i64,
    pub(crate) title: Option<String>,
    pub(crate) n: Option<i64>,
    pub(crate) v: Option<[f32; DIM]>,
}

pub(crate) fn doc(id: i64, ts: i64, n: i64) -> Doc {
    let v = Some([n as f32, ts as f32]);
    Doc { id, ts, title: Some(format!("{id}/{ts}/{n}")), n: Some(n), v }
}

pub(crate) fn vectors(rows: &[Option<[f32; DIM]>]) -> ArrayRef {
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let values = rows.iter().flat_map(|row| row.unwrap_or_default());
    let nulls = NullBuffer::from_iter(rows.iter().map(Option::is_some));
    let values = Arc::new(Float32Array::from_iter_values(values));
    Arc::new(FixedSizeListArray::new(item, DIM as i32, values, Some(nulls)))
}

pub(crate) fn batch(table: &Table, rows: &[Doc]) -> RecordBatch {
    let ts = rows.iter().map(|row| row.ts);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.id))),
        Arc::new(TimestampMicrosecondArray::from_iter_values(ts).with_timezone("UTC")),
        Arc::new(StringArray::from_iter(rows.iter().map(|row| row.title.clone()))),
        Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.n))),
        vectors(&rows.iter().map(|row| row.v).collect::<Vec<_>>()),
    ];
    RecordBatch::try_new(table.arrow_schema(), columns).unwrap()
}

pub(crate) fn plain() -> InsertMode {
    InsertMode { supplied: vec![true; 5], on_conflict: OnConflict::Error, force: false }
}

pub(crate) fn insert(txn: &mut Txn, table: &Arc<Table>, rows: &[Doc]) -> Result<Vec<Disposition>> {
    txn.begin_statement();
    txn.insert(table, batch(table, rows), &plain())
}

/// A row as a read shows it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shown {
    pub(crate) doc: Doc,
    pub(crate) valid_from: Option<i64>,
    pub(crate) valid_to: Option<i64>,
    pub(crate) system_from: Option<i64>,
    pub(crate) system_to: Option<i64>,
    pub(crate) addr: RowAddr,
}

/// All columns of the read schema of `docs`.
pub(crate) fn everything() -> Vec<usize> {
    (0..12).collect()
}

pub(crate) fn shown(batch: &RecordBatch) -> Vec<Shown> {
    (0..batch.num_rows()).map(|row| shown_row(batch, row)).collect()
}

fn shown_row(batch: &RecordBatch, row: usize) -> Shown {
    let int = |place: usize| {
        let array = batch.column(place).as_primitive::<Int64Type>();
        array.is_valid(row).then(|| array.value(row))
    };
    let time = |place: usize| {
        let array = batch.column(place).as_primitive::<TimestampMicrosecondType>();
        array.is_valid(row).then(|| array.value(row))
    };
    let id = |place: usize| batch.column(place).as_primitive::<UInt64Type>().value(row);
    let title = batch.column(2).as_string::<i32>();
    Shown {
        doc: Doc {
            id: int(0).unwrap(),
            ts: time(1).unwrap(),
            title: title.is_valid(row).then(|| title.value(row).to_owned()),
            n: int(3),
            v: vector(batch.column(4), row),
        },
        valid_from: time(5),
        valid_to: time(6),
        system_from: time(7),
        system_to: time(8),
        addr: RowAddr {
            entity: EntityId(id(9)),
            ts: ValidTime(int(10).unwrap()),
            seq: CommitSeq(id(11)),
        },
    }
}

pub(crate) fn vector(array: &ArrayRef, row: usize) -> Option<[f32; DIM]> {
    let list = array.as_fixed_size_list();
    list.is_valid(row).then(|| {
        let values = list.value(row);
        let values = values.as_primitive::<arrow::datatypes::Float32Type>().values();
        [values[0], values[1]]
    })
}

pub(crate) fn scan(read: &TableRead, request: ScanRequest) -> Vec<Shown> {
    read.scan(request).flat_map(|batch| shown(&batch.unwrap())).collect()
}

pub(crate) fn rows(read: &TableRead, slice: TimeSlice) -> Vec<Shown> {
    let mut rows = scan(read, ScanRequest::of(slice, everything()));
    rows.sort_by_key(|row| row.addr);
    rows
}

/// What a new transaction reads.
pub(crate) fn current(engine: &Arc<Engine>, table: &Arc<Table>) -> Vec<Doc> {
    let read = engine.begin().read(table).unwrap();
    rows(&read, TimeSlice::CURRENT).into_iter().map(|row| row.doc).collect()
}
