//! Indexes of `halfvec` columns, and by L1 and Poincaré's distance: from the first commit on,
//! sealed, merged, kept over a restart, at other moments.

use crate::support::{commit, create, docs, open, options, plain};
use arrow::array::{
    ArrayRef, FixedSizeListArray, Float16Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, Float16Type};
use cvx_core::{CancelToken, Metric, ValidTime};
use cvx_engine::{
    CatalogChange, Engine, EngineOptions, IndexDef, IndexState, KnnAnswer, KnnRequest,
    Quantization, SearchMode, SystemSlice, Table, TimeSlice, ValidSlice,
};
use cvx_types::PgType;
use std::sync::Arc;

type Half = <Float16Type as ArrowPrimitiveType>::Native;

const DIM: usize = 96;
/// Entities, each of which has a point in each commit.
const EACH: i64 = 512;

/// Numbers around one of 16 centres in the unit ball, that look drawn at random and are the same
/// each time.
fn vector(of: i64) -> Vec<f32> {
    let numbers = |seed: i64, scale: f32| {
        let mut state = seed as u64 ^ 0x9e37_79b9_7f4a_7c15;
        (0..DIM).map(move |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_889);
            ((state >> 40) as f32 / (1u32 << 24) as f32 - 0.5) * scale
        })
    };
    numbers(of % 16, 0.2).zip(numbers(of + 1_000, 0.05)).map(|(centre, x)| centre + x).collect()
}

fn half_docs(engine: &Arc<Engine>) -> Arc<Table> {
    let mut table = docs(true);
    table.columns[4].ty = PgType::Halfvec;
    table.columns[4].typmod = DIM as i32;
    create(engine, table)
}

fn current(engine: &Engine) -> Arc<Table> {
    Arc::clone(engine.catalog().table("public", "docs").unwrap())
}

/// A point of every entity, at the moment of this number.
fn insert(engine: &Arc<Engine>, moment: i64) {
    let table = &current(engine);
    let item = Arc::new(Field::new("item", DataType::Float16, false));
    let numbers = (0..EACH).flat_map(|id| vector(moment * EACH + id));
    let values = Float16Array::from_iter_values(numbers.map(Half::from_f32));
    let vectors = FixedSizeListArray::new(item, DIM as i32, Arc::new(values), None);
    let times = (0..EACH).map(|id| moment * EACH + id);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(0..EACH)),
        Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC")),
        Arc::new(StringArray::from_iter((0..EACH).map(|_| None::<&str>))),
        Arc::new(Int64Array::from_iter_values(0..EACH)),
        Arc::new(vectors),
    ];
    let rows = RecordBatch::try_new(table.arrow_schema(), columns).unwrap();
    let mut txn = engine.begin();
    txn.begin_statement();
    txn.insert(table, rows, &plain()).unwrap();
    commit(txn).unwrap();
}

fn add_index(engine: &Arc<Engine>, class: &str, metric: Metric, quantization: Quantization) {
    let index = IndexDef {
        oid: 0,
        name: format!("docs_{class}_idx"),
        column: 5,
        method: "hnsw".to_owned(),
        opclass: format!("halfvec_{class}_ops"),
        expression: None,
        metric: Some(metric),
        options: vec![("quantization".to_owned(), quantization.name().to_owned())],
    };
    let mut txn = engine.begin();
    txn.ddl(CatalogChange::CreateIndex { oid: current(engine).oid, index }).unwrap();
    commit(txn).unwrap();
}

fn nearest(
    engine: &Arc<Engine>,
    metric: Metric,
    query: &[f32],
    valid: ValidSlice,
    search: SearchMode,
) -> KnnAnswer {
    let read = engine.begin().read(&current(engine)).unwrap();
    let cancel = CancelToken::default();
    let request = KnnRequest {
        column: 5,
        query,
        metric,
        k: 10,
        composite: None,
        slice: TimeSlice { valid, system: SystemSlice::Current },
        entities: None,
        ts_from: None,
        ts_to: None,
        filter: None,
        search,
        cancel: &cancel,
    };
    read.knn(&request).unwrap()
}

/// Searches by the index answer by so many segments, and find nearly all, in each slice; what they
/// find has the distance that the rows have.
#[track_caller]
fn finds(engine: &Arc<Engine>, metric: Metric, segments: usize) {
    let middle = ValidSlice::AsOf(ValidTime(2 * EACH + EACH / 2));
    for valid in [ValidSlice::All, ValidSlice::AsOf(ValidTime(i64::MAX - 1)), middle] {
        let (mut found, mut compared) = (0, 0);
        for of in 0..20 {
            let query = vector(900_000 + of);
            let exact = nearest(engine, metric, &query, valid, SearchMode::Exact);
            let index = nearest(engine, metric, &query, valid, SearchMode::Index { ef: 60 });
            assert_eq!((exact.rows.len(), index.rows.len()), (10, 10));
            assert_eq!((exact.stats.walked, exact.stats.sifted), (0, 0));
            found += index.rows.iter().filter(|row| exact.rows.contains(row)).count();
            compared += index.stats.distances;
            if valid == ValidSlice::All {
                let roads = index.stats.walked + index.stats.sifted;
                assert_eq!(roads, segments, "{:?}", index.stats);
            }
        }
        assert!(found >= 190, "{found} of 200 at {valid:?}");
        assert!(compared < 20 * 200, "{compared} compared at {valid:?}");
    }
}

/// Of each metric and kind: sifted from the commit on, walked when sealed and merged, and found
/// again at the next start; with what comes after.
#[test]
fn halves_are_indexed_like_floats() {
    let kinds = [
        ("l2", Metric::L2, Quantization::Int8),
        ("cosine", Metric::Cosine, Quantization::Rabitq4),
        ("ip", Metric::InnerProduct, Quantization::Fp16),
        ("l1", Metric::L1, Quantization::Int8),
        ("poincare", Metric::Poincare, Quantization::Int8),
    ];
    for (class, metric, quantization) in kinds {
        let dir = tempfile::tempdir().unwrap();
        let options = EngineOptions { seal_rows: EACH as usize, ..options() };
        let (engine, _) = open(dir.path(), options.clone());
        half_docs(&engine);
        add_index(&engine, class, metric, quantization);
        engine.pause_indexing(true).unwrap();
        insert(&engine, 0);
        finds_fresh(&engine, metric);
        for moment in 1..4 {
            insert(&engine, moment);
        }
        engine.seal(&current(&engine)).unwrap();
        engine.pause_indexing(false).unwrap();
        engine.wait_for_indexes().unwrap();
        let merged = |engine: &Engine| {
            let stats = engine.index_stats().unwrap();
            stats.iter().filter(|row| row.state == IndexState::Merged).count()
        };
        assert_eq!(merged(&engine), 4);
        finds(&engine, metric, 1);
        engine.shutdown();
        drop(engine);
        let (engine, _) = open(dir.path(), options);
        engine.wait_for_indexes().unwrap();
        assert_eq!(merged(&engine), 4);
        insert(&engine, 4);
        finds(&engine, metric, 2);
        let table = current(&engine);
        engine.reindex(&[table.indexes[0].oid]).unwrap();
        finds(&engine, metric, 1);
        let recall = engine.measure_recall(&table, 5, 60, &CancelToken::default()).unwrap();
        assert!(recall >= 0.95, "{metric:?}: {recall}");
    }
}

/// One run in memory, whose codes came with its commit.
#[track_caller]
fn finds_fresh(engine: &Arc<Engine>, metric: Metric) {
    let index = nearest(engine, metric, &vector(7), ValidSlice::All, SearchMode::Auto { ef: 40 });
    assert_eq!((index.stats.sifted, index.stats.walked), (1, 0), "{:?}", index.stats);
    assert!(index.stats.distances < EACH as usize / 2, "{:?}", index.stats);
    let stats = engine.index_stats().unwrap();
    let tail = stats.iter().find(|row| row.state == IndexState::Tail).unwrap();
    assert!(tail.bytes > EACH as usize * DIM);
}
