//! Reads of old moments cost what lived then: counted rows, not time.

use crate::support::{batch, commit, create, doc, docs, open, options, plain};
use cvx_core::{CancelToken, CommitSeq, Metric, ValidTime};
use cvx_engine::{
    Engine, EngineOptions, InsertMode, KnnAnswer, KnnRequest, SearchMode, SystemSlice, Table,
    TimeSlice, ValidSlice,
};
use std::sync::Arc;

fn write(engine: &Arc<Engine>, table: &Arc<Table>, rows: &[crate::support::Doc]) -> CommitSeq {
    let mut txn = engine.begin();
    let mode = InsertMode { force: true, ..plain() };
    txn.begin_statement();
    txn.insert(table, batch(table, rows), &mode).unwrap();
    commit(txn).unwrap()
}

/// What changed lately waits for a second look.
fn settle(engine: &Arc<Engine>, table: &Arc<Table>) {
    engine.seal(table).unwrap();
    (0..2).for_each(|_| engine.wait_for_indexes().unwrap());
}

fn nearest(engine: &Arc<Engine>, table: &Arc<Table>, slice: TimeSlice) -> KnnAnswer {
    let read = engine.begin().read(table).unwrap();
    let cancel = CancelToken::default();
    let request = KnnRequest {
        column: 5,
        query: &[3.0, 3.0],
        metric: Metric::L2,
        k: 10,
        composite: None,
        slice,
        entities: None,
        ts_from: None,
        ts_to: None,
        filter: None,
        search: SearchMode::Exact,
        cancel: &cancel,
    };
    read.knn(&request).unwrap()
}

/// Entities that move on one after the other, once a round.
fn history(engine: &Arc<Engine>, table: &Arc<Table>, entities: i64, versions: i64) {
    for version in 0..versions {
        let at = |id: i64| version * entities + id;
        let rows: Vec<_> = (0..entities).map(|id| doc(id, at(id), id % 7)).collect();
        write(engine, table, &rows);
    }
}

/// Of 1,000 entities x 100 versions, and of 20,000 x 1: whatever the day, the rows looked at are
/// about twice those alive, and all alive are found.
fn as_of(entities: i64, versions: i64) {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), EngineOptions { seal_rows: 8_192, ..options() });
    let table = create(&engine, docs(true));
    history(&engine, &table, entities, versions);
    settle(&engine, &table);
    let all = entities * versions;
    for step in 1..=20 {
        let t = all * step / 20 - 1;
        let answer = nearest(&engine, &table, TimeSlice::as_of(ValidTime(t)));
        let living = (t + 1).min(entities) as usize;
        assert_eq!(answer.stats.candidates, living, "at {t}");
        let tested = answer.stats.tested;
        // A boundary in each segment may lie a few rows off.
        assert!(tested <= 2 * living + 16 * 64, "at {t}: {tested} tested of {living}");
    }
}

#[test]
fn old_days_cost_the_living() {
    as_of(1_000, 100);
    as_of(20_000, 1);
}

/// The sizes that issue 4 names; minutes.
#[test]
#[ignore = "a million rows, twice"]
fn old_days_cost_the_living_at_full_size() {
    as_of(10_000, 100);
    as_of(1_000_000, 1);
}

/// Rows that were replaced are not looked at one by one any more, neither now nor then.
#[test]
fn old_knowledge_costs_what_was_known() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), EngineOptions { seal_rows: 4_096, ..options() });
    let table = create(&engine, docs(false));
    let write = |n: i64| {
        let rows: Vec<_> = (0..500).map(|id| doc(id, 0, n)).collect();
        write(&engine, &table, &rows)
    };
    let commits: Vec<_> = (0..60).map(write).collect();
    settle(&engine, &table);
    let system = |system| TimeSlice { valid: ValidSlice::All, system };
    let now = nearest(&engine, &table, system(SystemSlice::Current)).stats;
    assert_eq!(now.candidates, 500);
    assert!(now.tested <= 1_600, "{} tested", now.tested);
    for commit in commits.iter().step_by(7) {
        let then = nearest(&engine, &table, system(SystemSlice::AsOf(*commit))).stats;
        assert_eq!(then.candidates, 500);
        assert!(then.tested <= 2_500, "{} tested", then.tested);
    }
}

/// A late point, a deletion and an end make old rows live again, or no more: what was counted
/// among the dead before must be asked.
#[test]
fn the_dead_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), EngineOptions { seal_rows: 1_024, ..options() });
    let table = create(&engine, docs(true));
    history(&engine, &table, 100, 50);
    settle(&engine, &table);
    let slice = TimeSlice::as_of(ValidTime(4_000));
    assert_eq!(nearest(&engine, &table, slice).stats.candidates, 100);
    // The points of the last forty rounds of one entity go: its point of the tenth lives again.
    let mut txn = engine.begin();
    let read = txn.read(&table).unwrap();
    let all = cvx_engine::ScanRequest::of(TimeSlice::CURRENT, crate::support::everything());
    let gone: Vec<_> = crate::support::scan(&read, all)
        .into_iter()
        .filter(|row| row.doc.id == 7 && row.doc.ts >= 1_000)
        .map(|row| row.addr)
        .collect();
    assert_eq!(gone.len(), 40);
    txn.begin_statement();
    txn.delete(&table, &gone).unwrap();
    commit(txn).unwrap();
    for settled in [false, true] {
        if settled {
            settle(&engine, &table);
        }
        let now = nearest(&engine, &table, slice);
        assert_eq!(now.stats.candidates, 100, "settled: {settled}");
    }
}
