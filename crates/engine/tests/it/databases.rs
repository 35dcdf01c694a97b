//! Databases: random histories of them and of their tables against a map, across restarts.

use crate::support::{commit, doc, docs, insert, open, options};
use cvx_engine::{
    CatalogChange, Engine, Error, FIRST_DATABASE_OID, Result, ScanRequest, TimeSlice,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a client may do; databases and tables are meant by number.
#[derive(Clone, Debug)]
enum Step {
    Create(u8),
    Drop(u8),
    Rename(u8, u8),
    CreateTable(u8, u8),
    DropTable(u8, u8),
    Insert(u8, u8, i64),
    Reopen,
}

/// By database, by table, the ids in it.
type Model = BTreeMap<String, BTreeMap<String, Vec<i64>>>;

fn step() -> impl Strategy<Value = Step> {
    let (db, table) = (0..3_u8, 0..3_u8);
    prop_oneof![
        2 => db.clone().prop_map(Step::Create),
        1 => db.clone().prop_map(Step::Drop),
        1 => (db.clone(), db.clone()).prop_map(|(db, to)| Step::Rename(db, to)),
        3 => (db.clone(), table.clone()).prop_map(|(db, table)| Step::CreateTable(db, table)),
        1 => (db.clone(), table.clone()).prop_map(|(db, table)| Step::DropTable(db, table)),
        4 => (db, table, 0..50_i64).prop_map(|(db, table, id)| Step::Insert(db, table, id)),
        1 => Just(Step::Reopen),
    ]
}

fn database(number: u8) -> String {
    if number == 0 { "cvx".to_owned() } else { format!("db{number}") }
}

fn oid(engine: &Engine, name: &str) -> Option<u32> {
    engine.catalog().database(name).map(|database| database.oid)
}

fn change(engine: &Arc<Engine>, within: u32, change: CatalogChange) -> Result<()> {
    let mut txn = engine.begin_in(within);
    txn.ddl(change)?;
    commit(txn).map(drop)
}

fn take(engine: &Arc<Engine>, model: &mut Model, step: &Step) {
    match step {
        Step::Create(db) => {
            let name = database(*db);
            let there = model.contains_key(&name);
            let new = CatalogChange::CreateDatabase { name: name.clone() };
            assert_eq!(change(engine, FIRST_DATABASE_OID, new).is_ok(), !there);
            model.entry(name).or_default();
        }
        Step::Drop(db) => {
            let name = database(*db);
            let Some(oid) = oid(engine, &name) else { return };
            let gone = change(engine, FIRST_DATABASE_OID, CatalogChange::DropDatabase { oid });
            assert_eq!(gone.is_ok(), oid != FIRST_DATABASE_OID);
            if gone.is_ok() {
                model.remove(&name);
            }
        }
        Step::Rename(db, to) => {
            let (name, to) = (database(*db), database(*to));
            let Some(oid) = oid(engine, &name) else { return };
            let renamed = CatalogChange::RenameDatabase { oid, name: to.clone() };
            let renamed = change(engine, FIRST_DATABASE_OID, renamed);
            assert_eq!(renamed.is_ok(), !model.contains_key(&to));
            if renamed.is_ok() {
                let content = model.remove(&name).unwrap();
                model.insert(to, content);
            }
        }
        Step::CreateTable(..) | Step::DropTable(..) | Step::Insert(..) => {
            with_table(engine, model, step);
        }
        Step::Reopen => {}
    }
}

fn with_table(engine: &Arc<Engine>, model: &mut Model, step: &Step) {
    let (Step::CreateTable(db, table) | Step::DropTable(db, table) | Step::Insert(db, table, _)) =
        step
    else {
        return;
    };
    let (db, table) = (database(*db), format!("t{table}"));
    let (Some(oid), Some(content)) = (oid(engine, &db), model.get_mut(&db)) else { return };
    let mut txn = engine.begin_in(oid);
    let found = txn.catalog().table("public", &table).cloned();
    assert_eq!(found.is_some(), content.contains_key(&table), "{db}.{table}");
    match (step, found) {
        (Step::CreateTable(..), None) => {
            let mut new = docs(false);
            new.name = table.clone();
            txn.ddl(CatalogChange::CreateTable(new)).unwrap();
            content.insert(table, vec![]);
        }
        (Step::DropTable(..), Some(found)) => {
            txn.ddl(CatalogChange::DropTable { oid: found.oid }).unwrap();
            content.remove(&table);
        }
        (Step::Insert(_, _, id), Some(found)) if !content[&table].contains(id) => {
            insert(&mut txn, &found, &[doc(*id, 7, 1)]).unwrap();
            content.get_mut(&table).unwrap().push(*id);
        }
        _ => return,
    }
    commit(txn).unwrap();
}

/// Everything that a client of each database would find.
fn seen(engine: &Arc<Engine>) -> Model {
    let catalog = engine.catalog();
    let databases = catalog.databases.values();
    databases.map(|database| (database.name.clone(), tables(engine, database.oid))).collect()
}

fn tables(engine: &Arc<Engine>, oid: u32) -> BTreeMap<String, Vec<i64>> {
    let txn = engine.begin_in(oid);
    let catalog = txn.catalog();
    assert_eq!(catalog.here.oid, oid);
    let mut found = BTreeMap::new();
    for table in catalog.here.tables.values() {
        let request = ScanRequest::of(TimeSlice::CURRENT, vec![0]);
        let read = txn.read(table).unwrap();
        let batches = read.scan(request).collect::<Result<Vec<_>>>().unwrap();
        let ids = batches.iter().flat_map(|batch| {
            use arrow::array::AsArray;
            batch.column(0).as_primitive::<arrow::datatypes::Int64Type>().values().to_vec()
        });
        found.insert(table.name.clone(), ids.collect());
    }
    found
}

fn sorted(mut model: Model) -> Model {
    model.values_mut().flat_map(BTreeMap::values_mut).for_each(|ids| ids.sort_unstable());
    model
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Databases never see each other's tables, whatever is made, dropped and renamed, and a
    /// restart changes nothing.
    #[test]
    fn databases_keep_to_themselves(steps in prop::collection::vec(step(), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let mut engine = open(dir.path(), options()).0;
        let mut model = Model::from([("cvx".to_owned(), BTreeMap::new())]);
        for step in &steps {
            if matches!(step, Step::Reopen) {
                engine.shutdown();
                drop(engine);
                engine = open(dir.path(), options()).0;
            }
            take(&engine, &mut model, step);
        }
        model = sorted(model);
        prop_assert_eq!(&sorted(seen(&engine)), &model);
        engine.shutdown();
        drop(engine);
        engine = open(dir.path(), options()).0;
        prop_assert_eq!(sorted(seen(&engine)), model);
        prop_assert_eq!(engine.check(), vec![]);
    }
}

/// A transaction that began before its database was dropped cannot bring it back.
#[test]
fn a_dropped_database_stays_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), options()).0;
    let name = "notes".to_owned();
    change(&engine, FIRST_DATABASE_OID, CatalogChange::CreateDatabase { name }).unwrap();
    let oid = oid(&engine, "notes").unwrap();
    change(&engine, oid, CatalogChange::CreateTable(docs(false))).unwrap();
    let (mut defines, mut writes) = (engine.begin_in(oid), engine.begin_in(oid));
    let table = writes.catalog().table("public", "docs").cloned().unwrap();
    insert(&mut writes, &table, &[doc(1, 7, 1)]).unwrap();
    defines.ddl(CatalogChange::CreateSchema { name: "late".to_owned() }).unwrap();
    change(&engine, FIRST_DATABASE_OID, CatalogChange::DropDatabase { oid }).unwrap();
    assert!(matches!(commit(defines), Err(Error::Conflict)));
    assert!(matches!(commit(writes), Err(Error::Conflict)));
    let mut after = engine.begin_in(oid);
    let schema = CatalogChange::CreateSchema { name: "later".to_owned() };
    assert!(matches!(after.ddl(schema), Err(Error::Missing { kind: "database", .. })));
    assert_eq!(seen(&engine).len(), 1);
}
