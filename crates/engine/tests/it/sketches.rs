//! Rows that have no index yet are found by their codes: in memory, sealed, and found at start.

use crate::support::{commit, create, docs, open, options, plain};
use arrow::array::{
    ArrayRef, FixedSizeListArray, Float32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field};
use cvx_core::{CancelToken, Metric};
use cvx_engine::{
    CatalogChange, Engine, IndexDef, IndexState, KnnAnswer, KnnRequest, SearchMode, Table,
    TimeSlice,
};
use std::sync::Arc;

const DIM: usize = 96;

/// Numbers that look drawn at random, and are the same each time.
fn vector(of: i64) -> Vec<f32> {
    let mut state = of as u64 ^ 0x9e37_79b9_7f4a_7c15;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (state >> 40) as f32 / (1u32 << 24) as f32 - 0.5
    };
    (0..DIM).map(next).collect()
}

fn wide_docs(engine: &Arc<Engine>) -> Arc<Table> {
    let mut table = docs(true);
    table.columns[4].typmod = DIM as i32;
    create(engine, table)
}

fn current(engine: &Engine) -> Arc<Table> {
    Arc::clone(engine.catalog().table("public", "docs").unwrap())
}

fn insert(engine: &Arc<Engine>, ids: std::ops::Range<i64>) {
    let table = &current(engine);
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let values = Float32Array::from_iter_values(ids.clone().flat_map(vector));
    let vectors = FixedSizeListArray::new(item, DIM as i32, Arc::new(values), None);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(ids.clone())),
        Arc::new(TimestampMicrosecondArray::from_iter_values(ids.clone()).with_timezone("UTC")),
        Arc::new(StringArray::from_iter(ids.clone().map(|_| None::<&str>))),
        Arc::new(Int64Array::from_iter_values(ids)),
        Arc::new(vectors),
    ];
    let rows = RecordBatch::try_new(table.arrow_schema(), columns).unwrap();
    let mut txn = engine.begin();
    txn.begin_statement();
    txn.insert(table, rows, &plain()).unwrap();
    commit(txn).unwrap();
}

fn add_index(engine: &Arc<Engine>, table: &Table) {
    let index = IndexDef {
        oid: 0,
        name: "docs_v_idx".to_owned(),
        column: 5,
        method: "hnsw".to_owned(),
        opclass: "vector_l2_ops".to_owned(),
        expression: None,
        metric: Some(Metric::L2),
        options: Vec::new(),
    };
    let mut txn = engine.begin();
    txn.ddl(CatalogChange::CreateIndex { oid: table.oid, index }).unwrap();
    commit(txn).unwrap();
}

fn nearest(engine: &Arc<Engine>, query: &[f32], search: SearchMode) -> KnnAnswer {
    let read = engine.begin().read(&current(engine)).unwrap();
    let cancel = CancelToken::default();
    let request = KnnRequest {
        column: 5,
        query,
        metric: Metric::L2,
        k: 10,
        composite: None,
        slice: TimeSlice::CURRENT,
        entities: None,
        ts_from: None,
        ts_to: None,
        filter: None,
        search,
        cancel: &cancel,
    };
    read.knn(&request).unwrap()
}

/// Searches sift so many segments, compare far fewer rows than there are, and find nearly all.
#[track_caller]
fn sifts(engine: &Arc<Engine>, segments: usize) {
    let (mut found, mut compared, mut rows) = (0, 0, 0);
    for of in 0..20 {
        let query = vector(1_000_000 + of);
        let exact = nearest(engine, &query, SearchMode::Exact);
        let index = nearest(engine, &query, SearchMode::Auto { ef: 40 });
        assert_eq!(index.stats.sifted, segments, "{:?}", index.stats);
        assert_eq!((index.stats.walked, index.rows.len()), (0, 10));
        found += index.rows.iter().filter(|row| exact.rows.contains(row)).count();
        compared += index.stats.distances;
        rows += exact.stats.distances;
    }
    assert!(found >= 190, "{found} of 200");
    assert!(compared * 4 < rows, "{compared} of {rows} compared");
}

fn tail_bytes(engine: &Engine) -> usize {
    let stats = engine.index_stats().unwrap();
    stats.iter().filter(|row| row.state == IndexState::Tail).map(|row| row.bytes).sum()
}

#[test]
fn rows_are_sifted_from_their_commit_on() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), options());
    let docs = wide_docs(&engine);
    add_index(&engine, &docs);
    engine.pause_indexing(true).unwrap();
    for commit in 0..9 {
        insert(&engine, commit * 600..(commit + 1) * 600);
    }
    // Eight runs became one, whose codes are copies; nobody else had time to make any.
    sifts(&engine, 2);
    assert!(tail_bytes(&engine) > 5_400 * DIM);
    engine.seal(&docs).unwrap();
    sifts(&engine, 1);
    assert_eq!(tail_bytes(&engine), 0);
    engine.pause_indexing(false).unwrap();
    engine.wait_for_indexes().unwrap();
    let walked = nearest(&engine, &vector(7), SearchMode::Index { ef: 40 });
    assert_eq!((walked.stats.walked + walked.stats.sifted, walked.rows[0].0), (1, Some(0.0)));
}

#[test]
fn an_index_that_comes_later_has_the_codes_of_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), options());
    let docs = wide_docs(&engine);
    insert(&engine, 0..2_000);
    add_index(&engine, &docs);
    engine.wait_for_indexes().unwrap();
    sifts(&engine, 1);
    drop(engine);
    // Rows in memory are read from the log at start, and get their codes in the background.
    let (engine, _) = open(dir.path(), options());
    engine.wait_for_indexes().unwrap();
    sifts(&engine, 1);
}
