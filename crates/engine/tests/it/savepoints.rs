//! Going back inside a transaction: rows, catalog, files.

use crate::support::{
    batch, commit, create, current, doc, docs, insert, open, options, plain, rows,
};
use cvx_engine::{CatalogChange, ColumnDef, TimeSlice, Txn};
use cvx_types::PgType;
use std::path::Path;
use std::sync::Arc;

fn row_files(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("rows")).unwrap().count()
}

/// Waits for files that are still being written.
fn wait_for_row_files(dir: &Path, count: usize) {
    while row_files(dir) < count {
        std::thread::yield_now();
    }
    assert_eq!(row_files(dir), count);
}

fn add_column(txn: &mut Txn, oid: u32, name: &str, ty: PgType) {
    let column = ColumnDef::new(0, name, ty, -1);
    txn.ddl(CatalogChange::AddColumn { oid, column, missing: None }).unwrap();
}

#[test]
fn ddl_is_taken_back_with_the_rows_that_used_it() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), options());
    let table = create(&engine, docs(true));
    let mut txn = engine.begin();
    insert(&mut txn, &table, &[doc(1, 10, 1)]).unwrap();
    let savepoint = txn.savepoint();
    add_column(&mut txn, table.oid, "extra", PgType::Int8);
    let wide = Arc::clone(txn.catalog().table("public", "docs").unwrap());
    let mut columns = batch(&table, &[doc(1, 20, 2)]).columns().to_vec();
    columns.push(Arc::new(arrow::array::Int64Array::from(vec![7])));
    let wider = arrow::array::RecordBatch::try_new(wide.arrow_schema(), columns).unwrap();
    let mut mode = plain();
    mode.supplied.push(true);
    txn.insert(&wide, wider, &mode).unwrap();
    let mut other = docs(true);
    other.name = "other".to_owned();
    txn.ddl(CatalogChange::CreateTable(other)).unwrap();

    txn.rollback_to(&savepoint).unwrap();
    assert!(txn.catalog().table("public", "other").is_none());
    assert_eq!(txn.catalog().table("public", "docs").unwrap().columns.len(), 5);
    // The column's id is free again, for another type.
    add_column(&mut txn, table.oid, "label", PgType::Text);
    let labelled = Arc::clone(txn.catalog().table("public", "docs").unwrap());
    assert_eq!(txn.read(&labelled).unwrap().table().columns.len(), 6);
    commit(txn).unwrap();
    let table = Arc::clone(engine.catalog().table("public", "docs").unwrap());
    let read = engine.begin().read(&table).unwrap();
    assert_eq!(read.row_count_hint(), 1);
    assert_eq!(engine.check(), []);
}

#[test]
fn a_dropped_table_and_its_own_rows_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), options());
    let table = create(&engine, docs(true));
    let mut txn = engine.begin();
    insert(&mut txn, &table, &[doc(1, 10, 1)]).unwrap();
    let savepoint = txn.savepoint();
    txn.truncate(&table).unwrap();
    txn.ddl(CatalogChange::DropTable { oid: table.oid }).unwrap();
    assert!(txn.read(&table).is_ok() && txn.catalog().table("public", "docs").is_none());
    txn.rollback_to(&savepoint).unwrap();
    insert(&mut txn, &table, &[doc(1, 20, 2)]).unwrap();
    commit(txn).unwrap();
    assert_eq!(current(&engine, &table), [doc(1, 10, 1), doc(1, 20, 2)]);
}

#[test]
fn nothing_but_work_taken_back_is_no_work() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), options());
    let table = create(&engine, docs(true));
    let mut txn = engine.begin();
    let before = txn.snapshot();
    let savepoint = txn.savepoint();
    insert(&mut txn, &table, &[doc(1, 10, 1)]).unwrap();
    txn.rollback_to(&savepoint).unwrap();
    assert!(txn.is_read_only());
    // A rival in the same entity is no conflict then.
    let mut rival = engine.begin();
    insert(&mut rival, &table, &[doc(1, 10, 5)]).unwrap();
    commit(rival).unwrap();
    assert_eq!(commit(txn).unwrap(), before);
    assert_eq!(current(&engine, &table), [doc(1, 10, 5)]);
}

#[test]
fn a_read_from_before_goes_on_as_it_began() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), options());
    let table = create(&engine, docs(true));
    let mut txn = engine.begin();
    insert(&mut txn, &table, &[doc(1, 10, 1), doc(2, 10, 2)]).unwrap();
    let early = txn.read(&table).unwrap();
    let savepoint = txn.savepoint();
    insert(&mut txn, &table, &[doc(1, 20, 3), doc(3, 10, 4)]).unwrap();
    let late = txn.read(&table).unwrap();
    txn.rollback_to(&savepoint).unwrap();
    let docs_of = |read| rows(read, TimeSlice::CURRENT).into_iter().map(|row| row.doc);
    assert_eq!(docs_of(&early).collect::<Vec<_>>(), [doc(1, 10, 1), doc(2, 10, 2)]);
    // One whose rows were taken back does not see them, and does not fail.
    assert_eq!(docs_of(&late).count(), 2);
}

#[test]
fn spilled_files_go_with_the_rows_and_none_is_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let mut spilling = options();
    spilling.spill_bytes = 1;
    let (engine, _) = open(dir.path(), spilling);
    let table = create(&engine, docs(true));
    let mut txn = engine.begin();
    insert(&mut txn, &table, &[doc(1, 10, 1)]).unwrap();
    let savepoint = txn.savepoint();
    for ts in 2..6 {
        insert(&mut txn, &table, &[doc(1, ts * 10, ts)]).unwrap();
    }
    // All but the last are on their way, and the next rows would take that along.
    wait_for_row_files(dir.path(), 4);
    txn.rollback_to(&savepoint).unwrap();
    assert_eq!(row_files(dir.path()), 1);
    insert(&mut txn, &table, &[doc(1, 30, 9)]).unwrap();
    commit(txn).unwrap();
    assert_eq!(row_files(dir.path()), 2);
    assert_eq!(current(&engine, &table), [doc(1, 10, 1), doc(1, 30, 9)]);
    engine.shutdown();
    assert_eq!(engine.check(), []);
}

#[test]
fn rows_that_could_not_be_written_out_are_still_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut spilling = options();
    spilling.spill_bytes = 1;
    let (engine, _) = open(dir.path(), spilling);
    let table = create(&engine, docs(true));
    let (rows, away) = (dir.path().join("rows"), dir.path().join("away"));
    std::fs::rename(&rows, &away).unwrap();
    let mut txn = engine.begin();
    insert(&mut txn, &table, &[doc(1, 10, 1)]).unwrap();
    insert(&mut txn, &table, &[doc(1, 20, 2)]).unwrap();
    // When the first would make room for more rows is when it is known; those are not there.
    insert(&mut txn, &table, &[doc(1, 30, 3)]).unwrap_err();
    std::fs::rename(&away, &rows).unwrap();
    insert(&mut txn, &table, &[doc(1, 40, 4)]).unwrap();
    commit(txn).unwrap();
    let docs = current(&engine, &table);
    assert_eq!(docs, [doc(1, 10, 1), doc(1, 20, 2), doc(1, 40, 4)]);
    let committed = row_files(dir.path());
    // One that is dropped while its rows are under way leaves no file.
    let mut txn = engine.begin();
    for ts in 1..4 {
        insert(&mut txn, &table, &[doc(2, ts * 10, 4)]).unwrap();
    }
    drop(txn);
    assert_eq!(row_files(dir.path()), committed);
}
