use super::*;
use crate::batch::Batch;
use crate::options::StoreOptions;
use crate::testing::{random_batch, small_options};
use proptest::prelude::*;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tempfile::TempDir;

const SPACE: SpaceId = SpaceId(7);

fn open() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &small_options()).unwrap();
    (dir, store)
}

fn written(store: &Store, batch: &RecordBatch) -> RowFileMeta {
    store.write_row_file(SPACE, store.new_file_id(), batch).unwrap()
}

fn key_columns(batch: &RecordBatch) -> Vec<&dyn std::any::Any> {
    KEY_COLUMNS.map(|name| batch.column_by_name(name).unwrap().as_any()).to_vec()
}

fn same_keys(a: &RecordBatch, b: &RecordBatch) -> bool {
    assert_eq!(key_columns(a).len(), key_columns(b).len());
    KEY_COLUMNS.iter().all(|name| a.column_by_name(name) == b.column_by_name(name))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn rows_come_back_as_written(seed: u64, rows in 1usize..200, cut in 0usize..5) {
        let (_dir, store) = open();
        let batch = random_batch(seed, rows + cut).slice(cut, rows);
        let meta = written(&store, &batch);
        prop_assert_eq!(store.open_row_file(&meta).unwrap(), batch);
        store.verify_row_file(&meta).unwrap();
    }

    #[test]
    fn one_commit_for_all_rows_is_the_manifests_word(seed: u64, seq: u64) {
        let (_dir, store) = open();
        let batch = random_batch(seed, 20);
        let mut meta = written(&store, &batch);
        meta.seq = Some(CommitSeq(seq));
        let read = store.open_row_file(&meta).unwrap();
        prop_assert_eq!(key_column::<UInt64Type>(&read, SEQ_COLUMN).unwrap(), [seq; 20]);
        prop_assert_eq!(read.column_by_name(TS_COLUMN), batch.column_by_name(TS_COLUMN));
    }
}

#[test]
fn columns_lie_where_the_file_is_mapped() {
    let (_dir, store) = open();
    let batch = store.open_row_file(&written(&store, &random_batch(1, 1000))).unwrap();
    let mut starts = Vec::new();
    for column in batch.columns() {
        for buffer in column.to_data().buffers() {
            assert_eq!(buffer.as_ptr() as usize % 16, 0);
            starts.push(buffer.as_ptr() as usize);
        }
    }
    let spread = starts.iter().max().unwrap() - starts.iter().min().unwrap();
    assert!(spread < 1 << 20, "buffers {spread} bytes apart are not of one map");
}

/// Every bit of meaning: wherever a byte is flipped, the file is refused or its keys are right,
/// and `verify` finds it.
#[test]
fn no_flipped_byte_gives_wrong_keys_and_verify_sees_all() {
    let (_dir, store) = open();
    let batch = random_batch(2, 40);
    let meta = written(&store, &batch);
    let path = store.row_file_path(meta.id);
    let good = fs::read(&path).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let (mut refused, mut served) = (0, 0);
    for (at, byte) in good.iter().enumerate() {
        file.write_all_at(&[byte ^ (1 << (at % 8))], at as u64).unwrap();
        let opened = catch_unwind(AssertUnwindSafe(|| store.open_row_file(&meta)));
        match opened.unwrap_or_else(|_| panic!("byte {at} of {} panics", good.len())) {
            Ok(read) => {
                assert!(same_keys(&read, &batch), "byte {at} gives wrong keys");
                served += 1;
            }
            Err(error) => {
                assert!(error.is_corrupt(), "byte {at}: {error}");
                refused += 1;
            }
        }
        let verified = catch_unwind(AssertUnwindSafe(|| store.verify_row_file(&meta)));
        let error = verified.unwrap().expect_err("verify overlooks a byte");
        assert!(error.is_corrupt(), "byte {at}: {error}");
        file.write_all_at(&[*byte], at as u64).unwrap();
    }
    assert!(refused > 0 && served > 0, "{refused} refused, {served} served");
    store.verify_row_file(&meta).unwrap();
}

#[test]
fn no_cut_or_longer_file_is_opened() {
    let (_dir, store) = open();
    let meta = written(&store, &random_batch(3, 10));
    let path = store.row_file_path(meta.id);
    let good = fs::read(&path).unwrap();
    let lengths = (0..good.len()).step_by(13).chain([good.len() - 1, good.len() + 1]);
    for length in lengths {
        let mut bad = good.clone();
        bad.resize(length, 0);
        fs::write(&path, &bad).unwrap();
        assert!(store.open_row_file(&meta).unwrap_err().is_corrupt(), "length {length}");
        // A manifest that believes the wrong length must not help.
        let believing = RowFileMeta { bytes: length as u64, ..meta.clone() };
        assert!(store.open_row_file(&believing).unwrap_err().is_corrupt(), "length {length}");
    }
}

#[test]
fn a_file_under_anothers_name_is_refused() {
    let (_dir, store) = open();
    let one = written(&store, &random_batch(4, 10));
    let other = written(&store, &random_batch(5, 10));
    fs::copy(store.row_file_path(other.id), store.row_file_path(one.id)).unwrap();
    assert!(store.open_row_file(&one).unwrap_err().is_corrupt());
    store.open_row_file(&other).unwrap();
}

#[test]
fn a_missing_file_is_corruption_and_not_an_empty_table() {
    let (_dir, store) = open();
    let meta = written(&store, &random_batch(6, 10));
    store.remove_row_file(meta.id).unwrap();
    store.remove_row_file(meta.id).unwrap();
    assert!(store.open_row_file(&meta).unwrap_err().is_corrupt());
}

#[test]
fn rows_without_keys_or_no_rows_are_not_written() {
    let (_dir, store) = open();
    let batch = random_batch(7, 10);
    let keyless = batch.project(&[0, 1]).unwrap();
    for bad in [keyless, batch.slice(0, 0)] {
        let error = store.write_row_file(SPACE, store.new_file_id(), &bad).unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
    }
    assert_eq!(store.files_on_disk().unwrap(), []);
}

#[test]
fn the_sweep_takes_what_nothing_names_and_nothing_else() {
    let (dir, store) = open();
    let kept = written(&store, &random_batch(8, 10));
    let orphan = written(&store, &random_batch(9, 10));
    let rows = dir.path().join("rows");
    fs::write(rows.join("0000000000000001.row.tmp"), "half").unwrap();
    fs::write(rows.join("notes.txt"), "mine").unwrap();
    assert_eq!(store.sweep_row_files(&HashSet::from([kept.id])).unwrap(), 2);
    store.open_row_file(&kept).unwrap();
    assert!(store.open_row_file(&orphan).unwrap_err().is_corrupt());
    assert!(rows.join("notes.txt").exists());
}

#[test]
fn a_removed_file_stays_readable_where_it_is_mapped() {
    let (_dir, store) = open();
    let batch = random_batch(10, 500);
    let meta = written(&store, &batch);
    let mapped = store.open_row_file(&meta).unwrap();
    store.remove_row_file(meta.id).unwrap();
    assert_eq!(mapped, batch);
}

#[test]
fn file_numbers_are_never_used_twice() {
    let dir = tempfile::tempdir().unwrap();
    let clock = std::sync::Arc::new(cvx_core::ManualClock::at(1000));
    let options = StoreOptions { clock: clock.clone(), ..small_options() };
    let store = Store::open(dir.path(), &options).unwrap();
    let named = store.write_row_file(SPACE, store.new_file_id(), &random_batch(11, 3)).unwrap();
    let mut batch = Batch::new();
    batch.add_file(&named).unwrap();
    store.commit(&batch, true).unwrap();
    let mut batch = Batch::new();
    batch.remove_file(SPACE, named.id);
    store.commit(&batch, true).unwrap();
    store.remove_row_file(named.id).unwrap();
    drop(store);
    // The clock went back, and nothing on disk has the number any more.
    clock.set(0);
    let store = Store::open(dir.path(), &options).unwrap();
    let mut last = named.id;
    for _ in 0..10 {
        let next = store.new_file_id();
        assert!(next > last, "{next:?} after {last:?}");
        last = next;
    }
}
