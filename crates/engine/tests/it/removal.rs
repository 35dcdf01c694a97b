//! Erasing and purging: what goes, what stays, and that nothing of it is left on disk.

use crate::support::{
    START_US, commit, create, current, doc, docs, insert, open, options, rows, scan,
};
use arrow::array::RecordBatch;
use cvx_core::{CommitSeq, EntityId, ValidTime};
use cvx_engine::{
    CatalogChange, Engine, EngineOptions, Error, RemovalReport, ScanRequest, SystemSlice, Table,
    TableOptions, TimeSlice, ValidSlice,
};
use cvx_types::PgType;
use std::path::Path;
use std::sync::Arc;

/// Whether these bytes are in any file of a directory.
pub(crate) fn on_disk(dir: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(on_disk(&path, needle));
        } else if std::fs::read(&path).is_ok_and(|bytes| has(&bytes, needle)) {
            found.push(path.display().to_string());
        }
    }
    found
}

fn has(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// `docs` whose entity is text.
fn words() -> Table {
    let mut table = docs(true);
    table.columns[0].ty = PgType::Text;
    table.name = "words".to_owned();
    table
}

fn word_rows(table: &Arc<Table>, word: &str, ts: i64, title: &str, v: [f32; 2]) -> RecordBatch {
    let row = crate::support::Doc { id: 0, ts, title: Some(title.to_owned()), n: None, v: Some(v) };
    let mut columns = crate::support::batch(&docs(true), &[row]).columns().to_vec();
    columns[0] = Arc::new(arrow::array::StringArray::from(vec![word]));
    RecordBatch::try_new(table.arrow_schema(), columns).unwrap()
}

fn put(engine: &Arc<Engine>, table: &Arc<Table>, batch: RecordBatch) {
    let mut txn = engine.begin();
    let mut mode = crate::support::plain();
    mode.force = true;
    txn.insert(table, batch, &mode).unwrap();
    commit(txn).unwrap();
}

fn erase_word(engine: &Arc<Engine>, table: &Arc<Table>, word: &str, ts: &[i64]) -> RemovalReport {
    let key: arrow::array::ArrayRef = Arc::new(arrow::array::StringArray::from(vec![word]));
    let read = engine.begin().read(table).unwrap();
    let entity = read.entities_of(&[key]).unwrap()[0].unwrap();
    engine.erase(table, ts.iter().map(|ts| (entity, ValidTime(*ts)))).unwrap()
}

const SECRET: &str = "the secret nobody may find";
const KEY: &str = "a key that is a secret too";
const VECTOR: [f32; 2] = [1_234.567, -8_765.432];

fn vector_bytes() -> Vec<u8> {
    VECTOR.iter().flat_map(|float| float.to_le_bytes()).collect()
}

/// Everywhere a row can lie: sealed and compacted, corrected, in the tail, spilled.
fn filled(dir: &Path, options: EngineOptions) -> (Arc<Engine>, Arc<Table>) {
    let (engine, _) = open(dir, options);
    let table = create(&engine, words());
    for ts in 0..40 {
        put(&engine, &table, word_rows(&table, "other", ts * 10, "plain", [ts as f32, 1.0]));
    }
    put(&engine, &table, word_rows(&table, KEY, 10, SECRET, VECTOR));
    put(&engine, &table, word_rows(&table, "keeps", 10, "before", [0.0, 1.0]));
    put(&engine, &table, word_rows(&table, "keeps", 20, SECRET, VECTOR));
    put(&engine, &table, word_rows(&table, "keeps", 30, "after", [0.0, 2.0]));
    engine.seal(&table).unwrap();
    engine.compact(&table).unwrap();
    put(&engine, &table, word_rows(&table, "keeps", 20, "corrected", [0.0, 3.0]));
    engine.seal(&table).unwrap();
    put(&engine, &table, word_rows(&table, KEY, 20, SECRET, VECTOR));
    (engine, table)
}

fn nothing_left(dir: &Path) {
    for needle in [SECRET.as_bytes(), KEY.as_bytes(), &vector_bytes()] {
        assert_eq!(on_disk(dir, needle), Vec::<String>::new(), "{:?}", needle.escape_ascii());
    }
}

#[test]
fn nothing_of_what_is_erased_stays_on_disk() {
    for spill_bytes in [1, options().spill_bytes] {
        let dir = tempfile::tempdir().unwrap();
        let mut options = options();
        options.seal_rows = 16;
        options.spill_bytes = spill_bytes;
        let (engine, table) = filled(dir.path(), options.clone());
        engine.seal(&table).unwrap();
        put(&engine, &table, word_rows(&table, KEY, 30, SECRET, VECTOR));
        let key_on_disk = !on_disk(dir.path(), KEY.as_bytes()).is_empty();
        assert!(key_on_disk && !on_disk(dir.path(), SECRET.as_bytes()).is_empty());
        let report = erase_word(&engine, &table, KEY, &[10, 20, 30]);
        assert_eq!((report.versions, report.entities), (3, 1));
        assert!(report.files >= 1);
        erase_word(&engine, &table, "keeps", &[20]);
        nothing_left(dir.path());
        assert_eq!(engine.check(), []);
        let read = engine.begin().read(&table).unwrap();
        let all = TimeSlice { valid: ValidSlice::All, system: SystemSlice::All };
        let mut request = ScanRequest::of(all, vec![0, 1, 2]);
        request.batch_rows = 1000;
        let left: usize = read.scan(request).map(|batch| batch.unwrap().num_rows()).sum();
        assert_eq!(left, 42);
        drop((read, engine));
        let (engine, _) = open(dir.path(), options);
        assert_eq!(engine.check(), []);
        nothing_left(dir.path());
    }
}

#[test]
fn other_points_take_over_where_one_was_erased() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), options());
    let table = create(&engine, docs(true));
    let mut txn = engine.begin();
    insert(&mut txn, &table, &[doc(1, 10, 1), doc(1, 20, 2), doc(1, 30, 3), doc(2, 10, 4)])
        .unwrap();
    commit(txn).unwrap();
    let early = engine.begin().read(&table).unwrap();
    let point = (EntityId::from_i64(1), ValidTime(20));
    engine.erase(&table, [point]).unwrap();
    let read = engine.begin().read(&table).unwrap();
    let in_force = rows(&read, TimeSlice::as_of(ValidTime(25)));
    assert_eq!(in_force.iter().map(|row| row.doc.n).collect::<Vec<_>>(), [Some(1), Some(4)]);
    assert_eq!(in_force[0].valid_to, Some(30));
    // A read that began before does not fail, and finds the others.
    let found = scan(
        &early,
        ScanRequest::of(TimeSlice::as_of(ValidTime(35)), crate::support::everything()),
    );
    assert_eq!(found.len(), 2);
    assert_eq!(current(&engine, &table).len(), 3);
}

#[test]
fn a_transaction_that_changes_what_is_erased_conflicts() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), options());
    let table = create(&engine, docs(true));
    let mut txn = engine.begin();
    insert(&mut txn, &table, &[doc(1, 10, 1), doc(2, 10, 2)]).unwrap();
    commit(txn).unwrap();
    let (mut closes, mut appends, mut other) = (engine.begin(), engine.begin(), engine.begin());
    let addresses: Vec<_> = rows(&closes.read(&table).unwrap(), TimeSlice::CURRENT)
        .iter()
        .map(|row| row.addr)
        .collect();
    closes.delete(&table, &addresses[..1]).unwrap();
    insert(&mut appends, &table, &[doc(1, 20, 3)]).unwrap();
    insert(&mut other, &table, &[doc(2, 20, 4)]).unwrap();
    engine.erase(&table, [(EntityId::from_i64(1), ValidTime(10))]).unwrap();
    assert!(matches!(commit(closes), Err(Error::Conflict)));
    assert!(matches!(commit(appends), Err(Error::Conflict)));
    commit(other).unwrap();
    assert_eq!(current(&engine, &table), [doc(2, 10, 2), doc(2, 20, 4)]);
    engine.shutdown();
    assert_eq!(engine.check(), []);
}

fn retain(engine: &Arc<Engine>, table: &Table, us: i64) -> Arc<Table> {
    let options = TableOptions { history_retention_us: Some(us), ..table.options.clone() };
    let mut txn = engine.begin();
    txn.ddl(CatalogChange::SetOptions { oid: table.oid, options }).unwrap();
    commit(txn).unwrap();
    Arc::clone(engine.catalog().table("public", &table.name).unwrap())
}

/// Nobody has to call for it; what is out of date by less than an eighth waits.
#[test]
fn history_goes_by_itself_when_its_time_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options();
    options.retention_look = std::time::Duration::from_millis(2);
    let (engine, clock) = open(dir.path(), options);
    let table = create(&engine, docs(true));
    let put = |n: i64| {
        let mut txn = engine.begin();
        let mode = cvx_engine::InsertMode { force: true, ..crate::support::plain() };
        txn.insert(&table, crate::support::batch(&table, &[doc(1, 10, n)]), &mode).unwrap();
        commit(txn).unwrap()
    };
    put(0);
    clock.set(START_US + 10_000);
    let closed = put(1);
    clock.set(START_US + 11_000);
    let later = put(2);
    retain(&engine, &table, 80_000);
    let versions = || engine.stats().unwrap().tables[0].versions;
    let horizon = || engine.begin().read(&table).unwrap().horizon();
    // Out of date, but not by an eighth: some looks later all is still there.
    clock.set(closed.as_us() + 89_000);
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!((versions(), horizon()), (3, None));
    clock.set(closed.as_us() + 90_001);
    let began = std::time::Instant::now();
    while versions() > 1 && began.elapsed().as_secs() < 20 {
        std::thread::yield_now();
    }
    // The later one is not out of date by an eighth, but goes along.
    assert_eq!((versions(), horizon()), (1, Some(later)));
    assert_eq!(current(&engine, &table), [doc(1, 10, 2)]);
    engine.shutdown();
    assert_eq!(engine.check(), []);
}

#[test]
fn history_is_purged_up_to_a_horizon_that_outlives_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, clock) = open(dir.path(), options());
    let table = create(&engine, docs(true));
    assert!(matches!(engine.purge(&table), Err(Error::Invalid(_))));
    let table = retain(&engine, &table, 1_000);
    let oldest = engine.begin();
    let mut closings = Vec::new();
    for n in 0..4 {
        clock.set(START_US + 10_000 * (n + 1));
        let mut txn = engine.begin();
        let mode = cvx_engine::InsertMode { force: true, ..crate::support::plain() };
        txn.insert(&table, crate::support::batch(&table, &[doc(1, 10, n)]), &mode).unwrap();
        closings.push(commit(txn).unwrap());
        if n == 1 {
            engine.seal(&table).unwrap();
        }
    }
    let before = engine.begin();
    let old_snapshot_read = before.read(&table).unwrap();
    // What closed last is not old enough, the two before are.
    let report = engine.purge(&table).unwrap();
    assert_eq!((report.versions, report.entities), (2, 1));
    let read = engine.begin().read(&table).unwrap();
    assert_eq!(read.horizon(), Some(closings[2]));
    let at = |s| {
        let slice = TimeSlice { valid: ValidSlice::All, system: SystemSlice::AsOf(s) };
        read.scan(ScanRequest::of(slice, vec![3])).next().unwrap()
    };
    assert!(matches!(at(CommitSeq(closings[2].0 - 1)), Err(Error::SnapshotTooOld { .. })));
    assert_eq!(at(closings[2]).unwrap().num_rows(), 1);
    // A transaction from before the horizon is told, one from after it goes on.
    assert!(matches!(
        oldest.read(&table).unwrap().scan(ScanRequest::of(TimeSlice::CURRENT, vec![3])).next(),
        Some(Err(Error::SnapshotTooOld { .. }))
    ));
    assert_eq!(rows(&old_snapshot_read, TimeSlice::CURRENT).len(), 1);
    drop((before, oldest, old_snapshot_read, read));
    drop(engine);
    let (engine, _) = open(dir.path(), options());
    let read = engine.begin().read(&table).unwrap();
    assert_eq!(read.horizon(), Some(closings[2]));
    assert_eq!(engine.check(), []);
    assert_eq!(current(&engine, &table), [doc(1, 10, 3)]);
}
