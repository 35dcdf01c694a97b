//! An UPDATE that leaves a vector as it is: the log does not get the vector again.
//!
//! It did: correcting one number of a point of 768 dimensions wrote 3 KiB to the log, and once
//! more to a blob file.

use crate::support::{commit, create, docs, open, options, plain};
use arrow::array::{ArrayRef, AsArray, FixedSizeListArray, Float32Array, Int64Array};
use arrow::datatypes::{DataType, Field, Float32Type, Int64Type, UInt64Type};
use arrow::record_batch::RecordBatch;
use cvx_core::{Clock, CommitSeq, EntityId, ValidTime};
use cvx_engine::{Engine, Error, Result, RowAddr, ScanRequest, Table, TableRead, TimeSlice, Txn};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};

const WIDE: usize = 512;
const ROWS: i64 = 20;
/// What the vectors of all rows take.
const VECTORS: u64 = 4 * WIDE as u64 * ROWS as u64;

fn wide_table() -> Table {
    let mut table = docs(true);
    table.columns[4].typmod = WIDE as i32;
    table.options.history_retention_us = Some(1_000);
    table
}

/// One point of each entity; vectors tell the entity and `v`.
fn wide_batch(table: &Table, ids: &[i64], n: i64, v: i64) -> RecordBatch {
    let doc = |id: &i64| crate::support::doc(*id, 10, n);
    let mut narrow = docs(true);
    narrow.columns[4].typmod = crate::support::DIM as i32;
    let narrow = crate::support::batch(&narrow, &ids.iter().map(doc).collect::<Vec<_>>());
    let mut columns = narrow.columns().to_vec();
    let values = ids.iter().flat_map(|id| (0..WIDE).map(move |at| (at as i64 + 7 * id + v) as f32));
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let values = Arc::new(Float32Array::from_iter_values(values));
    columns[4] = Arc::new(FixedSizeListArray::new(item, WIDE as i32, values, None));
    RecordBatch::try_new(table.arrow_schema(), columns).unwrap()
}

fn ids() -> Vec<i64> {
    (0..ROWS).collect()
}

fn filled(dir: &Path) -> (Arc<Engine>, Arc<Table>) {
    let (engine, _) = open(dir, options());
    let table = create(&engine, wide_table());
    let mut txn = engine.begin();
    txn.insert(&table, wide_batch(&table, &ids(), 0, 0), &plain()).unwrap();
    commit(txn).unwrap();
    (engine, table)
}

/// The rows' ids and addresses, by id.
fn found(read: &TableRead) -> Result<Vec<(i64, RowAddr)>> {
    let mut found = Vec::new();
    for batch in read.scan(ScanRequest::of(TimeSlice::CURRENT, vec![0, 9, 11])) {
        let batch = batch?;
        let (ids, id) =
            (batch.column(0), |at: usize| batch.column(at).as_primitive::<UInt64Type>());
        found.extend((0..batch.num_rows()).map(|row| {
            let (entity, seq) = (EntityId(id(1).value(row)), CommitSeq(id(2).value(row)));
            let addr = RowAddr { entity, ts: ValidTime(10), seq };
            (ids.as_primitive::<Int64Type>().value(row), addr)
        }));
    }
    found.sort();
    Ok(found)
}

/// Gives every row this `n` and this vector.
fn change(txn: &mut Txn, table: &Arc<Table>, n: i64, v: i64) -> Result<()> {
    let (ids, old): (Vec<i64>, Vec<RowAddr>) = found(&txn.read(table)?)?.into_iter().unzip();
    let changed = txn.update(table, &old, wide_batch(table, &ids, n, v))?;
    assert!(changed.iter().all(|changed| *changed));
    Ok(())
}

fn logged(engine: &Arc<Engine>) -> u64 {
    engine.stats().unwrap().store.written.wal
}

/// As `change`, and commits; answers what the log grew by.
fn update(engine: &Arc<Engine>, table: &Arc<Table>, n: i64, v: i64) -> Result<u64> {
    let before = logged(engine);
    let mut txn = engine.begin();
    change(&mut txn, table, n, v)?;
    commit(txn)?;
    Ok(logged(engine) - before)
}

/// Every row has this `n` and this vector, and nothing is wrong with any of them.
fn holds(engine: &Arc<Engine>, table: &Arc<Table>, n: i64, v: i64) {
    let read = engine.begin().read(table).unwrap();
    let mut seen = 0;
    for batch in read.scan(ScanRequest::of(TimeSlice::CURRENT, vec![0, 3, 4])) {
        let batch = batch.unwrap();
        let int = |at: usize| -> &Int64Array { batch.column(at).as_primitive() };
        for row in 0..batch.num_rows() {
            let id = int(0).value(row);
            let vector: ArrayRef = batch.column(2).as_fixed_size_list().value(row);
            let expected = (0..WIDE).map(|at| (at as i64 + 7 * id + v) as f32);
            assert_eq!(int(1).value(row), n);
            assert!(vector.as_primitive::<Float32Type>().values().iter().copied().eq(expected));
            seen += 1;
        }
    }
    assert_eq!(seen, ROWS);
    assert_eq!(engine.check(), []);
}

fn reopened(dir: &Path, engine: Arc<Engine>) -> Arc<Engine> {
    drop(engine);
    open(dir, options()).0
}

#[test]
fn the_log_has_a_vector_once() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, table) = filled(dir.path());
    // The counter counts: another vector is written.
    assert!(update(&engine, &table, 1, 1).unwrap() > VECTORS);
    // Of a row in memory, of a row that has its own from another, of one that is sealed, and of
    // one that has its own from that.
    for n in 2..=6 {
        assert!(
            update(&engine, &table, n, 1).unwrap() < VECTORS / 4,
            "the vectors were written again"
        );
        holds(&engine, &table, n, 1);
        if n == 3 {
            engine.seal(&table).unwrap();
        }
    }
    let engine = reopened(dir.path(), engine);
    holds(&engine, &table, 6, 1);
    // Sealed, they stand by themselves.
    engine.seal(&table).unwrap();
    let engine = reopened(dir.path(), engine);
    holds(&engine, &table, 6, 1);
    assert!(update(&engine, &table, 7, 2).unwrap() > VECTORS);
    holds(&engine, &table, 7, 2);
}

/// Within a transaction: corrected twice, taken back to a savepoint, given another vector.
#[test]
fn what_was_taken_back_shares_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, table) = filled(dir.path());
    let mut txn = engine.begin();
    change(&mut txn, &table, 1, 0).unwrap();
    let savepoint = txn.savepoint();
    change(&mut txn, &table, 2, 0).unwrap();
    change(&mut txn, &table, 3, 9).unwrap();
    txn.rollback_to(&savepoint).unwrap();
    change(&mut txn, &table, 4, 0).unwrap();
    commit(txn).unwrap();
    let engine = reopened(dir.path(), engine);
    holds(&engine, &table, 4, 0);
    // Without a way back, the second correction knows of the first.
    let before = logged(&engine);
    let mut txn = engine.begin();
    change(&mut txn, &table, 5, 0).unwrap();
    change(&mut txn, &table, 6, 0).unwrap();
    commit(txn).unwrap();
    assert!(logged(&engine) - before < VECTORS / 4);
    holds(&engine, &table, 6, 0);
}

/// Closed versions go while those that have their vectors come.
#[test]
fn a_purge_leaves_vectors_to_those_that_stay() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, clock) = open(dir.path(), options());
    let table = create(&engine, wide_table());
    let mut txn = engine.begin();
    txn.insert(&table, wide_batch(&table, &ids(), 0, 0), &plain()).unwrap();
    commit(txn).unwrap();
    let (mut last, purged, done) = (0, AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Relaxed) {
                clock.set(clock.now_us() + 5_000);
                purged.fetch_add(engine.purge(&table).unwrap().versions, Relaxed);
            }
        });
        while last < 100 || purged.load(Relaxed) < 20 * ROWS as u64 {
            match update(&engine, &table, last + 1, 0) {
                Ok(_) => last += 1,
                // Its snapshot is from before the horizon.
                Err(Error::SnapshotTooOld { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        done.store(true, Relaxed);
    });
    holds(&engine, &table, last, 0);
    let engine = reopened(dir.path(), engine);
    holds(&engine, &table, last, 0);
}

#[test]
fn an_erased_point_takes_all_that_share_its_vector() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, table) = filled(dir.path());
    update(&engine, &table, 1, 0).unwrap();
    engine.seal(&table).unwrap();
    update(&engine, &table, 2, 0).unwrap();
    engine.erase(&table, [(EntityId::from_i64(3), ValidTime(10))]).unwrap();
    let vector: Vec<u8> = (0..WIDE).flat_map(|at| ((at + 21) as f32).to_le_bytes()).collect();
    assert_eq!(crate::removal::on_disk(dir.path(), &vector), Vec::<String>::new());
    let engine = reopened(dir.path(), engine);
    assert_eq!(engine.check(), []);
    assert_eq!(found(&engine.begin().read(&table).unwrap()).unwrap().len(), ROWS as usize - 1);
}
