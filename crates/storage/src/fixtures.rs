//! Data directories of every version that was ever written open and say what they held.
//!
//! `tests/fixtures/v1` was written by `write` below, with `CVX_FIXTURE=<new folder>` set, at
//! version 1 of the format. A fixture is never written again: a change that makes this test fail
//! needs a new version and a fixture beside the old one.

use crate::delta::{DeltaBlock, encode_block};
use crate::testing::copy_dir;
use crate::{
    Batch, Cell, DeltaKey, Locator, RowKey, RowKind, RowRecord, Store, StoreOptions, StoredRow,
};
use arrow::array::{
    ArrayRef, FixedSizeListArray, Float32Array, Int64Array, RecordBatch, StringArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field};
use cvx_core::{CommitSeq, EntityId, SpaceId, ValidTime};
use std::path::Path;
use std::sync::Arc;

const SPACE: SpaceId = SpaceId(3);

fn key(ts: i64, seq: u64) -> RowKey {
    let entity = EntityId::from_i64(-7);
    RowKey { space: SPACE, entity, ts: ValidTime(ts), seq: CommitSeq(seq) }
}

fn record(locator: Locator) -> RowRecord {
    let cells = vec![
        (0, Cell::Bool(true)),
        (1, Cell::Int(-5)),
        (2, Cell::Float4(1.5)),
        (3, Cell::Float8(-2.25)),
        (4, Cell::Text("Größe".to_owned())),
        (5, Cell::Bytes(vec![0, 255])),
        (6, Cell::Decimal(i128::MIN)),
        (7, Cell::Interval { months: 1, days: -2, nanos: 3 }),
        (8, Cell::Vector(vec![0.5, -0.0])),
        (9, Cell::List(vec![None, Some(Cell::Int(4))])),
    ];
    RowRecord { kind: RowKind::Point, known: 12, cells, vectors: vec![(11, locator)] }
}

fn vector() -> Vec<f32> {
    (0..150u16).map(|at| f32::from(at) / 7.0).collect()
}

fn rows() -> Vec<StoredRow> {
    let end = RowRecord { kind: RowKind::End, known: 0, cells: vec![], vectors: vec![] };
    vec![
        StoredRow { key: key(-1, 2), record: record(Locator::Null), vectors: vec![] },
        StoredRow {
            key: key(10, 3),
            record: record(Locator::At(CommitSeq(2))),
            vectors: vec![(11, vector())],
        },
        StoredRow { key: key(10, 2), record: record(Locator::Here), vectors: vec![(11, vector())] },
        StoredRow { key: key(20, 3), record: end, vectors: vec![] },
    ]
}

fn sealed() -> RecordBatch {
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let floats = Arc::new(Float32Array::from(vec![1.0, 2.0, -0.0, 4.0, 5.0, 6.5]));
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("c1", Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])), true),
        ("c4", Arc::new(StringArray::from(vec![Some("a"), Some(""), None])), true),
        ("c11", Arc::new(FixedSizeListArray::new(item, 2, floats, None)), true),
        ("_entity", Arc::new(UInt64Array::from(vec![1, 2, 1])), false),
        ("_ts", Arc::new(Int64Array::from(vec![-5, 0, 5])), false),
        ("_seq", Arc::new(UInt64Array::from(vec![1, 1, 1])), false),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn delta() -> (DeltaKey, DeltaBlock) {
    let addresses = vec![(ValidTime(-5), CommitSeq(1)), (ValidTime(5), CommitSeq(1))];
    let key = DeltaKey {
        space: SPACE,
        entity: EntityId(1),
        column: 11,
        ts: ValidTime(-5),
        seq: CommitSeq(1),
    };
    (key, DeltaBlock { addresses, dim: 2, values: vec![1.0, 2.0, 5.0, 6.5] })
}

/// Something of every kind: row file, table, blob file and log.
fn write(dir: &Path) {
    let store = Store::open(dir, &StoreOptions::default()).unwrap();
    let mut meta = store.write_row_file(SPACE, store.new_file_id(), &sealed()).unwrap();
    meta.seq = Some(CommitSeq(1));
    let mut batch = Batch::new();
    batch.add_file(&meta).unwrap();
    batch.put_delta(&delta().0, &encode_block(&delta().1, 0.0).unwrap());
    batch.set_last_seq(CommitSeq(1));
    store.commit(&batch, true).unwrap();
    for seq in [2, 3] {
        let mut batch = Batch::new();
        for row in rows().iter().filter(|row| row.key.seq.0 == seq) {
            batch.put_row(&row.key, &row.record).unwrap();
            if row.record.locator(11) == Some(Locator::Here) {
                batch.put_vector(&row.key, 11, &row.vectors[0].1);
            }
        }
        batch.put_system(b"catalog", &seq.to_be_bytes());
        if seq == 3 {
            batch.close(&key(10, 2), CommitSeq(3));
        }
        batch.set_last_seq(CommitSeq(seq));
        store.commit(&batch, true).unwrap();
        if seq == 2 {
            store.flush().unwrap();
        }
    }
}

fn check(dir: &Path) {
    let store = Store::open(dir, &StoreOptions::default()).unwrap();
    assert_eq!(store.verify(), []);
    assert_eq!(store.last_seq(), CommitSeq(3));
    let found: Vec<StoredRow> =
        store.scan_full_rows(SPACE, |_, _| None).map(Result::unwrap).collect();
    assert_eq!(found, rows());
    let closures: Vec<_> = store.scan_closures(SPACE).map(Result::unwrap).collect();
    assert_eq!(closures, [(key(10, 2), CommitSeq(3))]);
    assert_eq!(store.get_system(b"catalog").unwrap(), Some(3u64.to_be_bytes().to_vec()));
    let files = store.row_files(None).unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(store.open_row_file(&files[0]).unwrap(), sealed());
    let blocks: Vec<_> = store.scan_deltas(SPACE).map(Result::unwrap).collect();
    assert_eq!(blocks, [delta()]);
}

#[test]
fn what_is_written_today_opens() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    if let Ok(fixture) = std::env::var("CVX_FIXTURE") {
        copy_dir(dir.path(), Path::new(&fixture));
    }
    check(dir.path());
}

fn fixture(version: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    copy_dir(&fixtures.join(version), dir.path());
    dir
}

#[test]
fn what_version_2_wrote_opens() {
    check(fixture("v2").path());
}

/// Version 1, which no release wrote, kept keys in another order (adr/0005).
#[test]
fn what_version_1_wrote_is_refused_by_name() {
    let refused = Store::open(fixture("v1").path(), &StoreOptions::default()).unwrap_err();
    assert!(refused.to_string().contains("unknown format: format 1"), "{refused}");
}
