//! Trained models: kept over a restart, and no longer than their table.

use crate::support::*;
use cvx_core::ValidTime;
use cvx_engine::{CatalogChange, Error, Table, TableRead, TimeSlice};
use std::fs;

const COLUMN: u16 = 5;

fn text(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|error| error.to_string())
}

#[test]
fn a_model_is_there_after_reopening_and_goes_with_its_table() {
    let dir = tempfile::tempdir().unwrap();
    let models = || fs::read_dir(dir.path().join("models")).unwrap().count();
    {
        let (engine, _) = open(dir.path(), options());
        let table = create(&engine, docs(true));
        let read = engine.begin().read(&table).unwrap();
        assert_eq!(read.model(COLUMN, text).unwrap(), None);
        for model in ["old", "new"] {
            read.store_model(COLUMN, model.as_bytes(), model.to_owned()).unwrap();
        }
        assert_eq!(*read.model(COLUMN, text).unwrap().unwrap(), "new");
        engine.shutdown();
    }
    {
        let (engine, _) = open(dir.path(), options());
        let table = engine.catalog().table("public", "docs").unwrap().clone();
        let read = engine.begin().read(&table).unwrap();
        assert_eq!(*read.model(COLUMN, text).unwrap().unwrap(), "new");
        assert_eq!(read.model(COLUMN + 1, text).unwrap(), None);
        let mut txn = engine.begin();
        txn.ddl(CatalogChange::DropTable { oid: table.oid }).unwrap();
        commit(txn).unwrap();
        assert_eq!(models(), 1);
        engine.shutdown();
    }
    let (_engine, _) = open(dir.path(), options());
    assert_eq!(models(), 0);
}

/// A model is made of what it has learnt: one that outlived an erasure would be a copy of what
/// was to be gone.
#[test]
fn an_erasure_takes_models_with_it_and_those_in_the_making() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), options());
    let table = create(&engine, docs(true));
    let other = create(&engine, Table { name: "other".to_owned(), ..docs(true) });
    let mut txn = engine.begin();
    insert(&mut txn, &table, &[doc(1, 10, 1), doc(2, 10, 2)]).unwrap();
    commit(txn).unwrap();
    let read = |table| engine.begin().read(table).unwrap();
    let store = |read: &TableRead| read.store_model(COLUMN, b"model", "model".to_owned());
    let before = read(&table);
    store(&before).unwrap();
    store(&read(&other)).unwrap();
    let entity = rows(&before, TimeSlice::CURRENT)[0].addr.entity;
    assert_eq!(engine.erase(&table, [(entity, ValidTime(10))]).unwrap().versions, 1);
    assert_eq!(read(&table).model(COLUMN, text).unwrap(), None);
    assert_eq!(fs::read_dir(dir.path().join("models")).unwrap().count(), 1);
    assert_eq!(*read(&other).model(COLUMN, text).unwrap().unwrap(), "model");
    // Training that began before it was erased ends after.
    assert!(matches!(store(&before), Err(Error::Conflict)));
    assert_eq!(read(&table).model(COLUMN, text).unwrap(), None);
    store(&read(&table)).unwrap();
    assert_eq!(*read(&table).model(COLUMN, text).unwrap().unwrap(), "model");
}

/// A file that somebody broke is an error of that file's reader, every time, and no panic.
#[test]
fn a_broken_model_is_corruption() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), options());
    let table = create(&engine, docs(true));
    let read = engine.begin().read(&table).unwrap();
    read.store_model(COLUMN, &[0xff, 0xfe], 1u8).unwrap();
    for _ in 0..2 {
        assert!(matches!(read.model(COLUMN, text), Err(Error::Corrupt(_))));
    }
}

/// One broken file is told by its name, and the rest are in memory before anybody asks.
#[test]
fn models_are_read_at_once_and_a_broken_one_keeps_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), options());
    let table = create(&engine, docs(true));
    let read = engine.begin().read(&table).unwrap();
    let load = |engine: &cvx_engine::Engine| {
        let mut told = Vec::new();
        let tell = |path: &std::path::Path, reason| told.push((path.to_owned(), reason));
        (engine.load_models(text, tell).unwrap(), told)
    };
    assert_eq!(load(&engine), (0, Vec::new()));
    for column in [COLUMN, COLUMN + 1, COLUMN + 2] {
        read.store_model(column, b"model", "model".to_owned()).unwrap();
    }
    engine.shutdown();
    drop((read, engine));
    let files = fs::read_dir(dir.path().join("models")).unwrap();
    let broken = files.map(|file| file.unwrap().path()).max().unwrap();
    fs::write(&broken, [0xff, 0xfe]).unwrap();
    let (engine, _) = open(dir.path(), options());
    let (there, told) = load(&engine);
    assert_eq!((there, told.len()), (2, 1));
    assert_eq!(told[0].0, broken);
    assert!(told[0].1.contains("model of column 7"), "{}", told[0].1);
    let read = engine.begin().read(&table).unwrap();
    let never = |_: &[u8]| -> Result<String, String> { panic!("it is in memory") };
    assert_eq!(*read.model(COLUMN, never).unwrap().unwrap(), "model");
}
