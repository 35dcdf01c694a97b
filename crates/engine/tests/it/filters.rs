//! Searches under a condition: of which rows it is asked, and which come back.

use crate::support::{batch, commit, create, doc, docs, open, options, plain};
use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::Int64Type;
use cvx_core::distance::distance;
use cvx_core::{CancelToken, Metric, ValidTime};
use cvx_engine::{
    Engine, EngineOptions, Error, InsertMode, Keep, KnnAnswer, KnnRequest, RowFilter, SearchMode,
    Table, TimeSlice,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const ENTITIES: i64 = 700;
const VERSIONS: i64 = 30;
const QUERY: [f32; 2] = [20.0, 9_000.0];

fn n_of(id: i64, version: i64) -> i64 {
    (id * 31 + version * 7) % 97
}

/// Entities that move on one after the other, once a round, in segments that end anywhere; the last
/// rounds in memory.
fn filled(engine: &Arc<Engine>) -> Arc<Table> {
    let table = create(engine, docs(true));
    for version in 0..VERSIONS {
        let at = |id: i64| doc(id, version * ENTITIES + id, n_of(id, version));
        let rows: Vec<_> = (0..ENTITIES).map(at).collect();
        let mut txn = engine.begin();
        txn.begin_statement();
        txn.insert(&table, batch(&table, &rows), &InsertMode { force: true, ..plain() }).unwrap();
        commit(txn).unwrap();
        if version % 7 == 6 {
            engine.seal(&table).unwrap();
        }
    }
    (0..2).for_each(|_| engine.wait_for_indexes().unwrap());
    table
}

fn nearest(
    engine: &Arc<Engine>,
    table: &Arc<Table>,
    slice: TimeSlice,
    bounds: (i64, i64),
    keep: &Keep<'_>,
) -> cvx_engine::Result<KnnAnswer> {
    let read = engine.begin().read(table).unwrap();
    let cancel = CancelToken::default();
    read.knn(&KnnRequest {
        column: 5,
        query: &QUERY,
        metric: Metric::L2,
        k: 12,
        composite: None,
        slice,
        entities: None,
        ts_from: Some(ValidTime(bounds.0)),
        ts_to: Some(ValidTime(bounds.1)),
        filter: Some(RowFilter { columns: vec![1, 3], keep, brief: false }),
        search: SearchMode::Exact,
        cancel: &cancel,
    })
}

/// The rows that a slice sees within bounds: (ts, n).
fn seen(as_of: Option<i64>, bounds: (i64, i64)) -> Vec<(i64, i64)> {
    let points = (0..ENTITIES * VERSIONS).map(|ts| (ts, n_of(ts % ENTITIES, ts / ENTITIES)));
    let last = |ts: i64| as_of.is_none_or(|t| ts <= t && t < ts + ENTITIES);
    points.filter(|(ts, _)| last(*ts) && (bounds.0..=bounds.1).contains(ts)).collect()
}

fn check(engine: &Arc<Engine>, table: &Arc<Table>, as_of: Option<i64>, bounds: (i64, i64)) {
    let asked = AtomicUsize::new(0);
    let slice = as_of.map_or(TimeSlice::CURRENT, |t| TimeSlice::as_of(ValidTime(t)));
    let seen = seen(as_of, bounds);
    for modulus in [1, 2, 10, 90] {
        // NULL for some: those rows go.
        let keep = |batch: &RecordBatch| {
            asked.fetch_add(batch.num_rows(), Ordering::Relaxed);
            let n = batch.column(1).as_primitive::<Int64Type>();
            let verdict = |n: Option<i64>| n.filter(|n| *n != 40).map(|n| n % modulus == 0);
            Ok(BooleanArray::from_iter(n.iter().map(verdict)))
        };
        let found = nearest(engine, table, slice, bounds, &keep).unwrap();
        let kept = seen.iter().filter(|(_, n)| *n != 40 && n % modulus == 0);
        let mut expected: Vec<f64> = kept
            .map(|(ts, n)| distance(Metric::L2, &QUERY, &[*n as f32, *ts as f32]).unwrap())
            .collect();
        assert_eq!(found.stats.candidates, expected.len(), "{as_of:?} {bounds:?} {modulus}");
        expected.sort_by(f64::total_cmp);
        expected.truncate(12);
        let found: Vec<f64> = found.rows.iter().filter_map(|(distance, _)| *distance).collect();
        assert_eq!(found, expected, "{as_of:?} {bounds:?} {modulus}");
    }
    assert_eq!(asked.into_inner(), 4 * seen.len(), "each row seen is asked about once");
}

/// Whether the rows seen are a stretch of a segment that begins and ends anywhere, or some of it.
#[test]
fn a_condition_is_asked_of_the_rows_seen_and_of_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), EngineOptions { seal_rows: 1_000, ..options() });
    let table = filled(&engine);
    let all = ENTITIES * VERSIONS;
    for bounds in [(i64::MIN, i64::MAX), (63, 64), (1, 6_299), (64, 5_000), (9_001, all), (5, 5)] {
        check(&engine, &table, None, bounds);
        for as_of in [0, 700, 8_999, 12_345, all - 1] {
            check(&engine, &table, Some(as_of), bounds);
        }
    }
}

/// `1 / (n - 5)` fails of rows whose n is 5. Where nobody sees one it fails nobody.
#[test]
fn a_condition_fails_for_rows_seen_only() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), EngineOptions { seal_rows: 1_000, ..options() });
    let table = filled(&engine);
    let keep = |batch: &RecordBatch| {
        let n = batch.column(1).as_primitive::<Int64Type>();
        let fails = n.iter().flatten().any(|n| n == 5);
        let verdict = || Ok(BooleanArray::from(vec![true; batch.num_rows()]));
        if fails { Err(Error::Invalid("division by zero".to_owned())) } else { verdict() }
    };
    let bounds = (6_000, 6_090);
    let others = seen(None, bounds).iter().all(|(_, n)| *n != 5);
    let found = nearest(&engine, &table, TimeSlice::CURRENT, bounds, &keep);
    assert_eq!(found.is_ok(), others);
    let found = nearest(&engine, &table, TimeSlice::CURRENT, (i64::MIN, i64::MAX), &keep);
    assert!(found.is_err());
    let (mut failed, mut passed) = (0, 0);
    for as_of in (0..ENTITIES * VERSIONS).step_by(997) {
        let bounds = (as_of - 20, as_of);
        let meets = seen(Some(as_of), bounds).iter().any(|(_, n)| *n == 5);
        let found = nearest(&engine, &table, TimeSlice::as_of(ValidTime(as_of)), bounds, &keep);
        assert_eq!(found.is_err(), meets, "at {as_of}");
        if meets { failed += 1 } else { passed += 1 }
    }
    assert!(failed > 0 && passed > 0, "{failed} failed, {passed} passed");
}
