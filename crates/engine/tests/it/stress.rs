//! A table that lives: rows come, change and go, runs are merged, frozen and sealed, indexes built,
//! merged and built anew, while others read. Readers see what was known at their moment, each row
//! once, and never wait; indexes keep their promises.
//!
//! `CVX_STRESS=50` runs so many rounds, `CVX_SEED` others than usual.

use crate::indexes::{ddl, index_def};
use crate::support::{START_US, batch, commit, create, doc, docs, open, options, plain, rows};
use cvx_core::{CancelToken, Clock, CommitSeq, Metric, ValidTime};
use cvx_engine::{
    CatalogChange, Durability, Engine, EngineOptions, InsertMode, KnnRequest, SearchMode,
    SystemSlice, Table, TableRead, TimeSlice, ValidSlice,
};
use parking_lot::{Condvar, Mutex};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const COMMITS: usize = 30;
/// Commits that are remembered, to be read again.
const REMEMBERED: usize = 24;
/// Wide enough that all is met.
const THOROUGH: SearchMode = SearchMode::Index { ef: 20_000 };

/// What a table holds: `n` by id and ts.
type Points = BTreeMap<(i64, i64), i64>;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn points(read: &TableRead, slice: TimeSlice) -> Points {
    let rows = rows(read, slice);
    let points: Points = rows.iter().map(|r| ((r.doc.id, r.doc.ts), r.doc.n.unwrap())).collect();
    assert_eq!(points.len(), rows.len(), "a point twice");
    points
}

fn known_at(seq: CommitSeq) -> TimeSlice {
    TimeSlice { valid: ValidSlice::All, system: SystemSlice::AsOf(seq) }
}

/// A table and what was said of it.
struct Life {
    engine: Arc<Engine>,
    table: Arc<Table>,
    remembered: Mutex<Vec<(CommitSeq, Points)>>,
    /// Rows that searches had to find, and those they did not.
    asked: AtomicUsize,
    lost: AtomicUsize,
}

impl Life {
    /// One commit: rows that are new or stand for others, rows changed, or rows gone.
    fn change(&self, dice: &mut StdRng, points: &mut Points) {
        let mut txn = self.engine.begin();
        txn.begin_statement();
        let kind = dice.random_range(0..10);
        if kind < 6 || points.is_empty() {
            let count = dice.random_range(1..60);
            let new: Points = (0..count)
                .map(|_| {
                    (
                        (dice.random_range(0..40), dice.random_range(0..3_000)),
                        dice.random_range(0..1_000),
                    )
                })
                .collect();
            let docs: Vec<_> = new.iter().map(|((id, ts), n)| doc(*id, *ts, *n)).collect();
            let mode = InsertMode { force: true, ..plain() };
            txn.insert(&self.table, batch(&self.table, &docs), &mode).unwrap();
            points.extend(new);
        } else {
            let read = txn.read(&self.table).unwrap();
            let mut some = rows(&read, TimeSlice::CURRENT);
            some.retain(|_| dice.random_range(0..40) == 0);
            let addrs: Vec<_> = some.iter().map(|row| row.addr).collect();
            if kind < 8 {
                let new = |row: &crate::support::Shown| {
                    doc(row.doc.id, row.doc.ts, row.doc.n.unwrap() + 1)
                };
                let docs: Vec<_> = some.iter().map(new).collect();
                txn.update(&self.table, &addrs, batch(&self.table, &docs)).unwrap();
                points.extend(docs.iter().map(|doc| ((doc.id, doc.ts), doc.n.unwrap())));
            } else {
                txn.delete(&self.table, &addrs).unwrap();
                for row in &some {
                    points.remove(&(row.doc.id, row.doc.ts));
                }
            }
        }
        let seq = commit(txn).unwrap();
        let mut remembered = self.remembered.lock();
        remembered.push((seq, points.clone()));
        if remembered.len() > REMEMBERED {
            remembered.remove(0);
        }
    }

    /// One thing that goes on behind a table's back.
    fn upkeep(&self, dice: &mut StdRng) {
        match dice.random_range(0..5) {
            0 | 1 => self.engine.seal(&self.table).unwrap(),
            2 => self.engine.wait_for_indexes().unwrap(),
            3 => {
                let table = Arc::clone(self.engine.catalog().table("public", "docs").unwrap());
                self.engine.reindex(&[table.indexes[0].oid]).unwrap();
            }
            _ => {
                self.engine.pause_indexing(true).unwrap();
                self.engine.seal(&self.table).unwrap();
                self.engine.pause_indexing(false).unwrap();
            }
        }
    }

    /// A reader's statements: a moment remembered is as it was, and the index finds what is there.
    fn read(&self, dice: &mut StdRng) {
        let (seq, then) = {
            let remembered = self.remembered.lock();
            let Some((seq, then)) = remembered.get(dice.random_range(0..REMEMBERED)) else {
                return;
            };
            (*seq, then.clone())
        };
        let read = self.engine.begin().read(&self.table).unwrap();
        assert_eq!(points(&read, known_at(seq)), then, "at {seq:?}");
        let t = ValidTime(dice.random_range(0..3_000));
        for slice in [TimeSlice::CURRENT, known_at(seq), TimeSlice::as_of(t)] {
            let query = [dice.random_range(0.0..1_000.0), dice.random_range(0.0..3_000.0)];
            let k = dice.random_range(1..40);
            let exact = nearest(&read, &query, k, slice, SearchMode::Exact);
            let found = nearest(&read, &query, k, slice, THOROUGH);
            assert_eq!(found.len(), exact.len());
            let lost = exact.iter().filter(|distance| !found.contains(distance)).count();
            self.asked.fetch_add(exact.len(), Ordering::Relaxed);
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
        assert_eq!(points(&read, known_at(seq)), then, "again at {seq:?}");
    }
}

/// Distances of the nearest rows, of which none may come twice.
fn nearest(
    read: &TableRead,
    query: &[f32; 2],
    k: usize,
    slice: TimeSlice,
    search: SearchMode,
) -> Vec<Option<f64>> {
    let cancel = CancelToken::default();
    let request = KnnRequest {
        column: 5,
        query,
        metric: Metric::L2,
        k,
        composite: None,
        slice,
        entities: None,
        ts_from: None,
        ts_to: None,
        filter: None,
        search,
        cancel: &cancel,
    };
    let rows = read.knn(&request).unwrap().rows;
    let mut addrs: Vec<_> = rows.iter().map(|(_, addr)| *addr).collect();
    addrs.sort_unstable();
    assert!(addrs.windows(2).all(|pair| pair[0] != pair[1]), "a row twice");
    rows.into_iter().map(|(distance, _)| distance).collect()
}

#[test]
fn a_table_lives_and_its_readers_see_their_moments() {
    let (rounds, seed) = (setting("CVX_STRESS", 3), setting("CVX_SEED", 7));
    println!("CVX_SEED={seed}");
    let dir = tempfile::tempdir().unwrap();
    let options = EngineOptions { seal_rows: 96, ..options() };
    let (engine, _) = open(dir.path(), options.clone());
    let table = create(&engine, docs(true));
    let index = index_def("docs_v_idx", Metric::L2);
    ddl(&engine, CatalogChange::CreateIndex { oid: table.oid, index });
    let table = Arc::clone(engine.catalog().table("public", "docs").unwrap());
    let (remembered, asked, lost) = Default::default();
    let life = Life { engine, table, remembered, asked, lost };
    let mut points = Points::new();
    for round in 0..rounds {
        let dice = |role: u64| StdRng::seed_from_u64(seed * 1_000_003 + round * 101 + role);
        let done = AtomicBool::new(false);
        let until_done = |role: u64, work: fn(&Life, &mut StdRng)| {
            let mut dice = dice(role);
            while !done.load(Ordering::Acquire) {
                work(&life, &mut dice);
            }
        };
        std::thread::scope(|scope| {
            let until_done = &until_done;
            scope.spawn(move || until_done(1, Life::upkeep));
            (2..4).for_each(|role| drop(scope.spawn(move || until_done(role, Life::read))));
            let mut dice = dice(0);
            (0..COMMITS).for_each(|_| life.change(&mut dice, &mut points));
            done.store(true, Ordering::Release);
        });
        life.engine.seal(&life.table).unwrap();
        life.engine.wait_for_indexes().unwrap();
        assert_eq!(life.engine.check(), [], "round {round}");
        assert!(life.engine.index_stats().unwrap().iter().all(|row| row.unindexed == 0));
        life.read(&mut dice(9));
    }
    let (asked, lost) = (life.asked.into_inner(), life.lost.into_inner());
    assert!(asked > 500, "{asked} rows asked for");
    // Bytes are granted four standard errors; rarely a row is further off.
    assert!(lost * 1_000 <= asked, "{lost} of {asked} rows were not found");
    life.engine.shutdown();
    drop(life.engine);
    let (engine, _) = open(dir.path(), options);
    engine.wait_for_indexes().unwrap();
    assert_eq!(engine.check(), []);
}

/// A clock at which the writer's thread stands still while it is told to.
#[derive(Debug, Default)]
struct Gate {
    /// Whether it is closed, and whether the writer stands before it.
    state: Mutex<(bool, bool)>,
    changed: Condvar,
}

impl Gate {
    fn close(&self, closed: bool) {
        self.state.lock().0 = closed;
        self.changed.notify_all();
    }

    fn wait_for_writer(&self) {
        let mut state = self.state.lock();
        while !state.1 {
            self.changed.wait(&mut state);
        }
    }
}

impl Clock for Gate {
    fn now_us(&self) -> i64 {
        if std::thread::current().name() == Some("cvx-writer") {
            let mut state = self.state.lock();
            while state.0 {
                state.1 = true;
                self.changed.notify_all();
                self.changed.wait(&mut state);
            }
            state.1 = false;
        }
        START_US
    }
}

/// The writer's thread stops in the middle of a commit. Whoever reads goes on, with what was there
/// before, on both axes and by every road; and what waited is there when the writer goes on.
#[test]
fn readers_go_on_while_the_writer_stands() {
    let dir = tempfile::tempdir().unwrap();
    let gate = Arc::new(Gate::default());
    let engine = Engine::open(dir.path(), options(), Arc::clone(&gate) as Arc<dyn Clock>).unwrap();
    let table = create(&engine, docs(true));
    let index = index_def("docs_v_idx", Metric::L2);
    ddl(&engine, CatalogChange::CreateIndex { oid: table.oid, index });
    let table = Arc::clone(engine.catalog().table("public", "docs").unwrap());
    let write = |n: i64| {
        let docs: Vec<_> = (0..200).map(|id| doc(id, id, n)).collect();
        let mut txn = engine.begin();
        let mode = InsertMode { force: true, ..plain() };
        txn.insert(&table, batch(&table, &docs), &mode).unwrap();
        txn
    };
    let first = commit(write(1)).unwrap();
    engine.seal(&table).unwrap();
    engine.wait_for_indexes().unwrap();
    commit(write(2)).unwrap();
    gate.close(true);
    std::thread::scope(|scope| {
        let waiting = write(3);
        let committed = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(waiting.commit(Durability::Synced)).unwrap()
        });
        gate.wait_for_writer();
        let read = engine.begin().read(&table).unwrap();
        assert!(points(&read, TimeSlice::CURRENT).values().all(|n| *n == 2));
        assert!(points(&read, known_at(first)).values().all(|n| *n == 1));
        for search in [SearchMode::Exact, SearchMode::Auto { ef: 40 }, THOROUGH] {
            let slice = TimeSlice::as_of(ValidTime(150));
            assert_eq!(nearest(&read, &[2.0, 150.0], 5, slice, search)[0], Some(0.0));
        }
        assert!(!committed.is_finished());
        gate.close(false);
        committed.join().unwrap();
        assert!(points(&read, TimeSlice::CURRENT).values().all(|n| *n == 2));
        let read = engine.begin().read(&table).unwrap();
        assert!(points(&read, TimeSlice::CURRENT).values().all(|n| *n == 3));
    });
}
