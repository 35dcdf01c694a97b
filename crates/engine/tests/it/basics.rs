//! The thinnest path, step by step.

use crate::support::{START_US, commit, create, current, doc, docs, insert, open, options, rows};
use cvx_core::{CommitSeq, ValidTime};
use cvx_engine::{Error, SystemSlice, TimeSlice, ValidSlice};

#[test]
fn what_was_committed_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let docs_rows = [doc(1, 10, 1), doc(2, 10, 2), doc(1, 20, 3)];
    {
        let (engine, _) = open(dir.path(), options());
        let table = create(&engine, docs(true));
        let mut txn = engine.begin();
        insert(&mut txn, &table, &docs_rows).unwrap();
        assert_eq!(current(&engine, &table), []);
        commit(txn).unwrap();
        assert_eq!(current(&engine, &table).len(), 3);
        engine.shutdown();
    }
    let (engine, _) = open(dir.path(), options());
    let table = engine.catalog().table("public", "docs").unwrap().clone();
    let mut expected = docs_rows.to_vec();
    expected.sort_by_key(|doc| (doc.id, doc.ts));
    assert_eq!(current(&engine, &table), expected);
}

#[test]
fn both_axes_of_a_small_history() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, clock) = open(dir.path(), options());
    let table = create(&engine, docs(true));
    let mut txn = engine.begin();
    insert(&mut txn, &table, &[doc(1, 10, 1)]).unwrap();
    let first = commit(txn).unwrap();
    clock.set(START_US + 1_000);
    let mut txn = engine.begin();
    insert(&mut txn, &table, &[doc(1, 20, 2)]).unwrap();
    let second = commit(txn).unwrap();
    assert_eq!(second, CommitSeq(START_US as u64 + 1_000));

    let read = engine.begin().read(&table).unwrap();
    let at = |valid, system| rows(&read, TimeSlice { valid, system });
    let now = at(ValidSlice::AsOf(ValidTime(25)), SystemSlice::Current);
    assert_eq!(now.iter().map(|row| row.doc.n).collect::<Vec<_>>(), [Some(2)]);
    let then = at(ValidSlice::AsOf(ValidTime(25)), SystemSlice::AsOf(first));
    assert_eq!(then.iter().map(|row| row.doc.n).collect::<Vec<_>>(), [Some(1)]);
    assert_eq!(then[0].valid_to, None);
    let all = at(ValidSlice::All, SystemSlice::Current);
    assert_eq!(all.iter().map(|row| row.valid_to).collect::<Vec<_>>(), [Some(20), None]);
}

#[test]
fn late_points_are_refused_and_nothing_of_the_statement_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), options());
    let table = create(&engine, docs(true));
    let mut txn = engine.begin();
    insert(&mut txn, &table, &[doc(1, 20, 1)]).unwrap();
    let late = insert(&mut txn, &table, &[doc(2, 5, 1), doc(1, 10, 1)]);
    assert!(matches!(late, Err(Error::OutOfOrder { .. })), "{late:?}");
    commit(txn).unwrap();
    assert_eq!(current(&engine, &table), [doc(1, 20, 1)]);
}

#[test]
fn the_second_of_two_writers_of_an_entity_conflicts() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), options());
    let table = create(&engine, docs(true));
    let (mut a, mut b) = (engine.begin(), engine.begin());
    insert(&mut a, &table, &[doc(1, 10, 1)]).unwrap();
    insert(&mut b, &table, &[doc(1, 20, 2)]).unwrap();
    commit(a).unwrap();
    assert!(matches!(commit(b), Err(Error::Conflict)));
    assert_eq!(current(&engine, &table), [doc(1, 10, 1)]);
}

/// The incident: own versions are drawn to the moment after the snapshot, and a commit of somebody
/// else may have that very sequence. Its row was then taken for the own version of the same key,
/// and the transaction saw both.
#[test]
fn a_commit_right_after_the_snapshot_is_not_taken_for_an_own_version() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _clock) = open(dir.path(), options());
    let table = create(&engine, docs(true));
    let mut first = engine.begin();
    insert(&mut first, &table, &[doc(1, 10, 0)]).unwrap();
    commit(first).unwrap();

    let mut txn = engine.begin();
    let snapshot = txn.snapshot();
    insert(&mut txn, &table, &[doc(1, 20, 1)]).unwrap();
    let mut rival = engine.begin();
    insert(&mut rival, &table, &[doc(1, 20, 2)]).unwrap();
    assert_eq!(commit(rival).unwrap().0, snapshot.0 + 1, "or the test tries nothing");

    let read = txn.read(&table).unwrap();
    let seen: Vec<_> = rows(&read, TimeSlice::CURRENT).into_iter().map(|row| row.doc).collect();
    assert_eq!(seen, [doc(1, 10, 0), doc(1, 20, 1)]);
}
