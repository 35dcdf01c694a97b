//! Random histories, asked on both axes in every way, against the model.
//!
//! A failing case prints its seed and the smallest history that fails. `PROPTEST_CASES` sets how
//! many are tried.

use crate::model::{Mode, Model, OPEN, Outcome, Refusal, Seen};
use crate::support::*;
use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, StringArray};
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use cvx_core::{CancelToken, CommitSeq, EntityId, ManualClock, Metric, ValidTime};
use cvx_engine::{
    Composite, Decay, Disposition, Engine, EngineOptions, Error, InsertMode, KnnRequest,
    OnConflict, OutOfOrder, RowFilter, Savepoint, ScanRequest, SystemSlice, Table, TableRead,
    TimeSlice, Txn, ValidSlice, is_own,
};
use cvx_types::PgType;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// What may happen, with indexes that are taken modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    Insert {
        rows: Vec<Row>,
        mode: u8,
    },
    Update {
        picks: Vec<usize>,
        n: i64,
        shift: Option<(i64, i64)>,
    },
    Delete {
        picks: Vec<usize>,
    },
    End {
        id: i64,
        at: i64,
    },
    Truncate,
    Commit,
    Rollback,
    Savepoint,
    RollbackTo {
        pick: usize,
    },
    /// Somebody else commits a row meanwhile.
    Rival {
        row: Row,
    },
    Tick {
        us: i64,
    },
    Seal,
    /// What the indexer's thread does by itself, but now: which rows live when.
    Upkeep,
    Compact,
    Reopen,
    /// Removes every version of some points.
    Erase {
        picks: Vec<usize>,
    },
    /// Removes versions that were closed long ago.
    Purge,
}

#[derive(Clone, Debug)]
struct Row {
    id: i64,
    ts: i64,
    n: i64,
    v: Option<u8>,
}

#[derive(Clone, Debug)]
struct Question {
    valid: u8,
    system: u8,
    t: [i64; 2],
    s: [usize; 2],
    closed: bool,
    way: u8,
    k: usize,
}

fn row() -> impl Strategy<Value = Row> {
    let v = prop_oneof![1 => Just(None), 5 => (0..6u8).prop_map(Some)];
    (0..4i64, 0..6i64, 0..3i64, v).prop_map(|(id, ts, n, v)| Row { id, ts: ts * 10 - 20, n, v })
}

fn step() -> impl Strategy<Value = Step> {
    let picks = || prop::collection::vec(0..16usize, 1..3);
    let shift = prop::option::weighted(0.3, (0..4i64, -2..4i64));
    prop_oneof![
        12 => (prop::collection::vec(row(), 1..4), 0..10u8)
            .prop_map(|(rows, mode)| Step::Insert { rows, mode }),
        5 => (picks(), 0..4i64, shift)
            .prop_map(|(picks, n, shift)| Step::Update { picks, n, shift }),
        3 => picks().prop_map(|picks| Step::Delete { picks }),
        3 => (0..4i64, -3..7i64).prop_map(|(id, at)| Step::End { id, at: at * 10 - 20 }),
        1 => Just(Step::Truncate),
        8 => Just(Step::Commit),
        1 => Just(Step::Rollback),
        4 => Just(Step::Savepoint),
        4 => (0..4usize).prop_map(|pick| Step::RollbackTo { pick }),
        3 => row().prop_map(|row| Step::Rival { row }),
        3 => (0..50i64).prop_map(|us| Step::Tick { us }),
        2 => Just(Step::Seal),
        3 => Just(Step::Upkeep),
        1 => Just(Step::Compact),
        2 => Just(Step::Reopen),
        2 => picks().prop_map(|picks| Step::Erase { picks }),
        1 => Just(Step::Purge),
    ]
}

fn question() -> impl Strategy<Value = Question> {
    let t = [(-3..8i64), (-3..8i64)];
    let parts = (0..3u8, 0..4u8, t, [0..12usize, 0..12usize], any::<bool>(), 0..7u8, 1..8usize);
    parts.prop_map(|(valid, system, t, s, closed, way, k)| Question {
        valid,
        system,
        t: t.map(|t| t * 10 - 25),
        s,
        closed,
        way,
        k,
    })
}

#[derive(Clone, Copy, Debug)]
struct Kind {
    temporal: bool,
    accepts_late: bool,
    /// Whether the entity is text, and goes through the dictionary.
    text: bool,
    /// Whether transactions spill everything at once.
    spills: bool,
}

fn kind() -> impl Strategy<Value = Kind> {
    (prop::bool::weighted(0.8), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(temporal, accepts_late, text, spills)| Kind { temporal, accepts_late, text, spills },
    )
}

/// Of the clock's ticks, which are up to 50.
const RETENTION_US: i64 = 60;

fn table_of(kind: Kind) -> Table {
    let mut table = docs(kind.temporal);
    if kind.text {
        table.columns[0].ty = PgType::Text;
    }
    table.options.history_retention_us = Some(RETENTION_US);
    if kind.accepts_late {
        table.options.out_of_order = OutOfOrder::Accept;
    }
    table
}

/// The engine and the model side by side.
struct Run<'a> {
    dir: &'a Path,
    options: EngineOptions,
    kind: Kind,
    engine: Option<Arc<Engine>>,
    clock: Arc<ManualClock>,
    table: Arc<Table>,
    committed: Model,
    txn: Option<Open>,
    commits: Vec<u64>,
    /// The moment before which history was purged.
    horizon: u64,
}

/// A transaction under way.
struct Open {
    txn: Txn,
    model: Model,
    truncated: bool,
    savepoints: Vec<(Savepoint, Model, bool)>,
}

impl<'a> Run<'a> {
    fn new(dir: &'a Path, kind: Kind) -> Self {
        let mut options = options();
        options.seal_rows = 7;
        if kind.spills {
            options.spill_bytes = 1;
        }
        let (engine, clock) = open(dir, options.clone());
        let table = create(&engine, table_of(kind));
        let mut committed = Model::new(kind.temporal, kind.accepts_late);
        committed.snapshot = engine.begin().snapshot().0;
        let commits = vec![committed.snapshot];
        let engine = Some(engine);
        let (txn, horizon) = (None, 0);
        Self { dir, options, kind, engine, clock, table, committed, txn, commits, horizon }
    }

    fn engine(&self) -> &Arc<Engine> {
        self.engine.as_ref().unwrap()
    }

    fn open_txn(&mut self) -> &mut Open {
        if self.txn.is_none() {
            let txn = self.engine().begin();
            assert_eq!(txn.snapshot().0, self.committed.snapshot);
            let (model, savepoints) = (self.committed.clone(), Vec::new());
            self.txn = Some(Open { txn, model, truncated: false, savepoints });
        }
        self.txn.as_mut().unwrap()
    }

    fn docs_batch(&self, rows: &[Doc]) -> RecordBatch {
        docs_batch(&self.table, self.kind, rows)
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Insert { rows, mode } => self.insert(rows, *mode),
            Step::Update { picks, n, shift } => self.update(picks, *n, *shift),
            Step::Delete { picks } => self.delete(picks),
            Step::End { id, at } => self.end(*id, *at),
            Step::Truncate => {
                let table = Arc::clone(&self.table);
                let open = self.open_txn();
                open.txn.truncate(&table).unwrap();
                open.model.truncate();
                open.truncated = true;
            }
            Step::Commit => self.commit(),
            Step::Rollback => self.txn = None,
            Step::Savepoint => {
                let open = self.open_txn();
                let saved = (open.txn.savepoint(), open.model.clone(), open.truncated);
                open.savepoints.push(saved);
            }
            Step::RollbackTo { pick } => self.rollback_to(*pick),
            Step::Rival { row } => self.rival(row),
            Step::Tick { us } => {
                use cvx_core::Clock;
                self.clock.set(self.clock.now_us() + us);
            }
            Step::Seal => self.engine().seal(&self.table).unwrap(),
            // Twice: what changed lately waits for a second look.
            Step::Upkeep => (0..2).for_each(|_| self.engine().wait_for_indexes().unwrap()),
            Step::Compact => {
                self.engine().compact(&self.table).unwrap();
            }
            Step::Reopen => self.reopen(),
            Step::Erase { picks } => self.erase(picks),
            Step::Purge => self.purge(),
        }
    }

    fn rollback_to(&mut self, pick: usize) {
        let open = self.open_txn();
        let Some(place) = pick.checked_rem(open.savepoints.len()) else { return };
        open.savepoints.truncate(place + 1);
        let (savepoint, model, truncated) = &open.savepoints[place];
        open.txn.rollback_to(savepoint).unwrap();
        (open.model, open.truncated) = (model.clone(), *truncated);
    }

    fn erase(&mut self, picks: &[usize]) {
        self.txn = None;
        let versions = &self.committed.versions;
        let picked = picks.iter().filter_map(|pick| versions.get(pick % versions.len().max(1)));
        let keys: BTreeSet<(i64, i64)> = picked.map(|v| (v.id, v.ts)).collect();
        let read = self.engine().begin().read(&self.table).unwrap();
        let entity = |id| read.entities_of(&[key_column(self.kind, &[id])]).unwrap()[0];
        let points = keys.iter().filter_map(|(id, ts)| Some((entity(*id)?, ValidTime(*ts))));
        let points: Vec<_> = points.collect();
        drop(read);
        let report = self.engine().erase(&self.table, points).unwrap();
        let removed = self.committed.erase(&keys);
        assert_eq!(report.versions, removed as u64, "{keys:?}");
        self.committed.snapshot = self.engine().begin().snapshot().0;
    }

    fn purge(&mut self) {
        self.txn = None;
        let moment = (self.engine().now_us() - RETENTION_US) as u64;
        let moment = moment.min(self.committed.snapshot);
        let report = self.engine().purge(&self.table).unwrap();
        let closed = |v: &crate::model::Version| v.to <= moment;
        let gone = self.committed.versions.iter().filter(|v| closed(v));
        self.horizon = gone.map(|v| v.to).max().unwrap_or(0).max(self.horizon);
        let before = self.committed.versions.len();
        self.committed.versions.retain(|v| !closed(v));
        assert_eq!(report.versions, (before - self.committed.versions.len()) as u64);
        self.committed.snapshot = self.engine().begin().snapshot().0;
    }

    fn insert(&mut self, rows: &[Row], mode: u8) {
        let rows: Vec<Doc> = rows.iter().map(doc_of).collect();
        let mode = Mode {
            conflict: match mode {
                0..=5 => OnConflict::Error,
                6 | 7 => OnConflict::Nothing,
                _ => OnConflict::Report,
            },
            force: mode == 4,
            with_title: mode != 5,
        };
        let (table, batch) = (Arc::clone(&self.table), self.docs_batch(&rows));
        let mut supplied = vec![true; 5];
        supplied[2] = mode.with_title;
        let given = InsertMode { supplied, on_conflict: mode.conflict, force: mode.force };
        let open = self.open_txn();
        let expected = open.model.insert(&rows, &mode);
        open.txn.begin_statement();
        let found = open.txn.insert(&table, batch, &given);
        match (found, expected) {
            (Ok(found), Ok(expected)) => {
                let found: Vec<Outcome> = found.iter().map(outcome).collect();
                assert_eq!(found, expected);
            }
            (Err(found), Err(expected)) => assert_eq!(refusal(&found), Some(expected), "{found}"),
            (found, expected) => panic!("insert: {found:?}, but the model says {expected:?}"),
        }
    }

    /// Some of the rows that are there, with their addresses.
    fn picked(&mut self, picks: &[usize]) -> Vec<Shown> {
        let table = Arc::clone(&self.table);
        let text = self.kind.text;
        let open = self.open_txn();
        let read = open.txn.read(&table).unwrap();
        let all = read_rows(&read, ScanRequest::of(TimeSlice::CURRENT, everything()), text);
        let places: BTreeSet<usize> =
            picks.iter().filter_map(|pick| pick.checked_rem(all.len())).collect();
        places.into_iter().map(|place| all[place].clone()).collect()
    }

    fn update(&mut self, picks: &[usize], n: i64, shift: Option<(i64, i64)>) {
        let old = self.picked(picks);
        let ts_of = |doc: &Doc| if self.kind.temporal { doc.ts } else { 0 };
        let keys: Vec<(i64, i64)> = old.iter().map(|row| (row.doc.id, ts_of(&row.doc))).collect();
        let new = |row: &Shown| {
            let mut doc = row.doc.clone();
            doc.n = Some(n);
            if let Some((id, ts)) = shift {
                (doc.id, doc.ts) = ((doc.id + id) % 4, doc.ts + ts * 10);
            }
            doc
        };
        let new: Vec<Doc> = old.iter().map(new).collect();
        let addresses: Vec<_> = old.iter().map(|row| row.addr).collect();
        let (table, batch) = (Arc::clone(&self.table), self.docs_batch(&new));
        let open = self.open_txn();
        open.txn.begin_statement();
        let found = open.txn.update(&table, &addresses, batch);
        let expected = open.model.update(&keys, &new);
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(expected)) => assert_eq!(refusal(&found), Some(expected), "{found}"),
            (found, expected) => panic!("update: {found:?}, but the model says {expected:?}"),
        }
    }

    fn delete(&mut self, picks: &[usize]) {
        let old = self.picked(picks);
        let temporal = self.kind.temporal;
        let ts_of = |doc: &Doc| if temporal { doc.ts } else { 0 };
        let keys: Vec<(i64, i64)> = old.iter().map(|row| (row.doc.id, ts_of(&row.doc))).collect();
        let addresses: Vec<_> = old.iter().map(|row| row.addr).collect();
        let table = Arc::clone(&self.table);
        let open = self.open_txn();
        open.txn.begin_statement();
        let deleted = open.txn.delete(&table, &addresses).unwrap();
        assert_eq!(deleted, keys.len() as u64);
        open.model.delete(&keys);
    }

    fn end(&mut self, id: i64, at: i64) {
        if !self.kind.temporal {
            return;
        }
        let (table, kind) = (Arc::clone(&self.table), self.kind);
        let open = self.open_txn();
        let read = open.txn.read(&table).unwrap();
        let Some(entity) = read.entities_of(&[key_column(kind, &[id])]).unwrap()[0] else { return };
        open.txn.begin_statement();
        let ended = open.txn.end(&table, &[entity], ValidTime(at)).unwrap();
        assert_eq!(ended, open.model.end(id, at), "end of {id} at {at}");
    }

    fn commit(&mut self) {
        let Some(Open { txn, model, truncated, .. }) = self.txn.take() else { return };
        let changed = changed_entities(&model);
        let conflicts = if truncated {
            self.committed.snapshot > model.snapshot && {
                let after = |v: &crate::model::Version| {
                    v.from > model.snapshot || (v.to != OPEN && v.to > model.snapshot)
                };
                self.committed.versions.iter().any(after)
            }
        } else {
            changed.iter().any(|id| self.committed.changed_after(*id, model.snapshot))
        };
        match commit(txn) {
            Err(Error::Conflict) => assert!(conflicts, "a conflict that the model does not see"),
            Err(error) => panic!("commit: {error}"),
            Ok(seq) => {
                assert!(!conflicts, "the model sees a conflict");
                self.publish(&model, seq.0);
            }
        }
    }

    /// The model's transaction commits with this sequence.
    fn publish(&mut self, model: &Model, seq: u64) {
        let present = model.present();
        for version in &model.versions {
            if version.from == present {
                let to = if version.to == present { seq } else { version.to };
                self.committed.versions.push(crate::model::Version {
                    from: seq,
                    to,
                    ..version.clone()
                });
            } else if version.to == present {
                let same = |v: &&mut crate::model::Version| {
                    (v.id, v.ts, v.from) == (version.id, version.ts, version.from)
                };
                self.committed.versions.iter_mut().find(same).unwrap().to = seq;
            }
        }
        self.committed.snapshot = self.engine().begin().snapshot().0;
        self.commits.push(self.committed.snapshot);
    }

    fn rival(&mut self, row: &Row) {
        let rows = [doc_of(row)];
        let mode = Mode { conflict: OnConflict::Error, force: true, with_title: true };
        let mut model = self.committed.clone();
        let mut txn = self.engine().begin();
        let given =
            InsertMode { supplied: vec![true; 5], on_conflict: OnConflict::Error, force: true };
        txn.insert(&self.table, self.docs_batch(&rows), &given).unwrap();
        model.insert(&rows, &mode).unwrap();
        let seq = commit(txn).unwrap();
        self.publish(&model, seq.0);
    }

    fn reopen(&mut self) {
        self.txn = None;
        let engine = self.engine.take().unwrap();
        assert_eq!(Arc::strong_count(&engine), 1);
        drop(engine);
        let clock = Arc::clone(&self.clock);
        let engine = Engine::open(self.dir, self.options.clone(), clock).unwrap();
        self.table = Arc::clone(engine.catalog().table("public", "docs").unwrap());
        assert_eq!(engine.begin().snapshot().0, self.committed.snapshot);
        assert_eq!(engine.check(), []);
        self.engine = Some(engine);
    }

    fn ask(&self, question: &Question) {
        let (txn, model);
        let (txn, model) = match &self.txn {
            Some(open) => (&open.txn, &open.model),
            None => {
                (txn, model) = (self.engine().begin(), self.committed.clone());
                (&txn, &model)
            }
        };
        let read = txn.read(&self.table).unwrap();
        let slice = self.slice(question);
        let oldest = match slice.system {
            SystemSlice::Current => model.snapshot,
            SystemSlice::AsOf(s) => s.0.min(model.snapshot),
            SystemSlice::All => 0,
            SystemSlice::Overlap { from, .. } => from.0.min(model.snapshot),
        };
        if oldest < self.horizon {
            let asked = read.scan(ScanRequest::of(slice, everything())).next();
            assert!(matches!(asked, Some(Err(Error::SnapshotTooOld { .. }))), "{slice:?}");
            return;
        }
        let expected = model.read(&slice);
        let asked = Asked { read: &read, kind: self.kind, slice, question };
        asked.answer_agrees(expected);
    }

    fn slice(&self, question: &Question) -> TimeSlice {
        let [t0, t1] = question.t.map(ValidTime);
        let moment = |pick: usize| {
            let seq = self.commits[pick % self.commits.len()];
            CommitSeq(match pick % 3 {
                0 => seq,
                1 => seq + 1,
                _ => seq.saturating_sub(1),
            })
        };
        let [s0, s1] = question.s.map(moment);
        TimeSlice {
            valid: match question.valid {
                _ if !self.kind.temporal => ValidSlice::All,
                0 => ValidSlice::All,
                1 => ValidSlice::AsOf(t0),
                _ => ValidSlice::Overlap { from: t0, to: t1, closed: question.closed },
            },
            system: match question.system {
                0 => SystemSlice::Current,
                1 => SystemSlice::AsOf(s0),
                2 => SystemSlice::All,
                _ => SystemSlice::Overlap { from: s0, to: s1, closed: question.closed },
            },
        }
    }
}

impl Model {
    fn changed_after(&self, id: i64, snapshot: u64) -> bool {
        let of_id = self.versions.iter().filter(|v| v.id == id);
        of_id.into_iter().any(|v| v.from > snapshot || (v.to != OPEN && v.to > snapshot))
    }
}

/// The entities a transaction changed, as far as anybody will see.
fn changed_entities(model: &Model) -> BTreeSet<i64> {
    let present = model.present();
    let changed = model.versions.iter().filter(|v| v.from == present || v.to == present);
    changed.map(|v| v.id).collect()
}

/// One question, and the read it is put to.
struct Asked<'a> {
    read: &'a TableRead,
    kind: Kind,
    slice: TimeSlice,
    question: &'a Question,
}

impl Asked<'_> {
    fn answer_agrees(&self, mut expected: Vec<Seen>) {
        let Question { way, t, k, .. } = *self.question;
        let mut request = ScanRequest::of(self.slice, everything());
        request.batch_rows = 1 + k;
        let ids = [0, 2, 3];
        match way {
            0 | 1 => {}
            2 => {
                let (from, to) = (t[0].min(t[1]), t[0].max(t[1]));
                (request.ts_from, request.ts_to) = (Some(ValidTime(from)), Some(ValidTime(to)));
                let inside = |doc: &Doc| {
                    let ts = if self.kind.temporal { doc.ts } else { 0 };
                    (from..=to).contains(&ts)
                };
                expected.retain(|seen| inside(&seen.doc));
            }
            3 => {
                request.entities = Some(self.entities(&ids));
                expected.retain(|seen| ids.contains(&seen.doc.id));
            }
            _ => return self.knn_agrees(expected),
        }
        let by_entity = request.entities.clone();
        let found = read_rows(self.read, request, self.kind.text);
        if let Some(entities) = by_entity {
            let place = |row: &Shown| entities.iter().position(|e| *e == row.addr.entity);
            assert!(found.is_sorted_by_key(|row| (place(row), row.addr.ts)), "{found:?}");
            entities.iter().for_each(|entity| self.path_agrees(*entity, &found));
        }
        self.fetch_agrees(&found);
        self.rows_agree(found, expected);
    }

    fn entities(&self, ids: &[i64]) -> Vec<EntityId> {
        let known = self.read.entities_of(&[key_column(self.kind, ids)]).unwrap();
        known.into_iter().flatten().collect()
    }

    fn rows_agree(&self, found: Vec<Shown>, expected: Vec<Seen>) {
        let mut found: Vec<(Order, Seen)> = found
            .into_iter()
            .map(|row| {
                let own = is_own(row.addr.seq);
                assert_eq!(own, row.system_from.is_none());
                let ts = if self.kind.temporal { row.doc.ts } else { 0 };
                assert_eq!(row.addr.ts.0, ts);
                let seen = Seen {
                    doc: row.doc,
                    valid_from: row.valid_from,
                    valid_to: row.valid_to,
                    system_from: row.system_from,
                    system_to: row.system_to,
                    own,
                };
                (order(&seen), seen)
            })
            .collect();
        let mut expected: Vec<(Order, Seen)> =
            expected.into_iter().map(|seen| (order(&seen), seen)).collect();
        found.sort_by_key(|row| row.0);
        expected.sort_by_key(|row| row.0);
        assert_eq!(found, expected, "{:?}", self.slice);
    }

    /// An entity's path is its rows scanned that have a vector.
    fn path_agrees(&self, entity: EntityId, found: &[Shown]) {
        let path = self.read.path(entity, self.slice, (i64::MIN, i64::MAX), 4).unwrap().unwrap();
        let points = path.read(&CancelToken::default()).unwrap();
        let own = found.iter().filter(|row| row.addr.entity == entity);
        let (ts_us, vectors): (Vec<_>, Vec<_>) =
            own.filter_map(|row| Some((row.addr.ts.0, row.doc.v?))).unzip();
        assert_eq!((points.ts_us, points.vectors), (ts_us, vectors.concat()), "{:?}", self.slice);
    }

    /// Rows read by address are the rows scanned.
    fn fetch_agrees(&self, found: &[Shown]) {
        let sliceable = !found.is_empty();
        if sliceable {
            let addresses: Vec<_> = found.iter().rev().map(|row| row.addr).collect();
            let batch = self.read.fetch(&addresses, &everything(), &self.slice).unwrap();
            let mut fetched = shown_as(&batch, self.kind.text);
            fetched.reverse();
            assert_eq!(fetched, found);
        }
    }

    fn knn_agrees(&self, mut expected: Vec<Seen>) {
        let Question { way, t, k, .. } = *self.question;
        let query = [t[0] as f32 / 10.0, t[1] as f32 / 20.0];
        let metric = [Metric::L2, Metric::Cosine, Metric::InnerProduct, Metric::L1][k % 4];
        let composite =
            (way == 6).then(|| Composite::new(0.5, ValidTime(t[1]), 10.0, Decay::Linear).unwrap());
        let keep = |batch: &RecordBatch| {
            let n = batch.column(0).as_primitive::<Int64Type>();
            Ok(BooleanArray::from_iter(n.iter().map(|n| n.map(|n| n != 1))))
        };
        let filter = RowFilter { columns: vec![3], keep: &keep, brief: false };
        let cancel = CancelToken::default();
        let ids = [1, 2];
        let entities = self.entities(&ids);
        let request = KnnRequest {
            column: 5,
            query: &query,
            metric,
            k,
            composite,
            slice: self.slice,
            entities: (way == 5).then_some(&entities[..]),
            ts_from: None,
            ts_to: None,
            filter: (way >= 5).then_some(filter),
            search: cvx_engine::SearchMode::Auto { ef: 40 },
            cancel: &cancel,
        };
        let found = self.read.knn(&request).unwrap().rows;
        if way >= 5 {
            expected.retain(|seen| seen.doc.n != Some(1));
        }
        if way == 5 {
            expected.retain(|seen| ids.contains(&seen.doc.id));
        }
        let found: Vec<_> = found
            .into_iter()
            .map(|(distance, a)| (distance.map(f64::to_bits), a.entity, a.ts.0, is_own(a.seq)))
            .collect();
        assert_eq!(found, self.nearest(expected, &query, metric, composite, k));
    }

    fn nearest(
        &self,
        expected: Vec<Seen>,
        query: &[f32],
        metric: Metric,
        composite: Option<Composite>,
        k: usize,
    ) -> Vec<(Option<u64>, EntityId, i64, bool)> {
        let mut ranked: Vec<_> = expected
            .into_iter()
            .map(|seen| {
                let entity = self.entities(&[seen.doc.id])[0];
                let ts = if self.kind.temporal { seen.doc.ts } else { 0 };
                let distance = seen.doc.v.map(|v| {
                    let semantic = cvx_core::distance::distance(metric, query, &v).unwrap();
                    composite.map_or(semantic, |c| c.distance(semantic, ValidTime(ts)))
                });
                let from = seen.system_from.unwrap_or(i64::MAX);
                (cvx_core::Rank(distance), entity, ts, from, seen.own)
            })
            .collect();
        ranked.sort_by_key(|(rank, entity, ts, from, _)| (*rank, *entity, *ts, *from));
        ranked.truncate(k);
        ranked.into_iter().map(|(r, e, ts, _, own)| (r.0.map(f64::to_bits), e, ts, own)).collect()
    }
}

type Order = (i64, i64, Option<i64>);

fn order(seen: &Seen) -> Order {
    (seen.doc.id, seen.doc.ts, seen.system_from)
}

fn doc_of(row: &Row) -> Doc {
    let v = row.v.map(|v| [f32::from(v) - 2.0, f32::from(v / 2)]);
    let title = (row.n != 2).then(|| format!("t{}", row.n));
    Doc { id: row.id, ts: row.ts, title, n: Some(row.n), v }
}

fn outcome(disposition: &Disposition) -> Outcome {
    match disposition {
        Disposition::Inserted(_) => Outcome::Inserted,
        Disposition::Same(_) => Outcome::Same,
        Disposition::Skipped => Outcome::Skipped,
        Disposition::Conflict(_) => Outcome::Conflict,
        Disposition::Replaced(_) => Outcome::Replaced,
    }
}

fn refusal(error: &Error) -> Option<Refusal> {
    match error {
        Error::DuplicateKey { .. } => Some(Refusal::Duplicate),
        Error::WrittenTwice { .. } => Some(Refusal::WrittenTwice),
        Error::OutOfOrder { .. } => Some(Refusal::OutOfOrder),
        _ => None,
    }
}

fn key_column(kind: Kind, ids: &[i64]) -> ArrayRef {
    if kind.text {
        Arc::new(StringArray::from_iter_values(ids.iter().map(|id| format!("k{id}"))))
    } else {
        Arc::new(Int64Array::from(ids.to_vec()))
    }
}

fn docs_batch(table: &Table, kind: Kind, rows: &[Doc]) -> RecordBatch {
    let whole = batch(&docs(kind.temporal), rows);
    let mut columns = whole.columns().to_vec();
    columns[0] = key_column(kind, &rows.iter().map(|row| row.id).collect::<Vec<_>>());
    RecordBatch::try_new(table.arrow_schema(), columns).unwrap()
}

/// Rows whose id may be text.
fn shown_as(batch: &RecordBatch, text: bool) -> Vec<Shown> {
    if !text {
        return shown(batch);
    }
    let ids = batch.column(0).as_string::<i32>();
    let ids = ids.iter().map(|id| id.unwrap()[1..].parse::<i64>().unwrap());
    let mut columns = batch.columns().to_vec();
    columns[0] = Arc::new(Int64Array::from_iter_values(ids));
    let names = batch.schema_ref().fields().iter().map(|f| f.name().clone()).zip(columns);
    shown(&RecordBatch::try_from_iter_with_nullable(names.map(|(n, c)| (n, c, true))).unwrap())
}

fn read_rows(read: &TableRead, request: ScanRequest, text: bool) -> Vec<Shown> {
    read.scan(request).flat_map(|batch| shown_as(&batch.unwrap(), text)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 2000, ..Default::default() })]

    #[test]
    fn every_read_of_every_history_is_what_the_model_says(
        kind in kind(),
        steps in prop::collection::vec((step(), prop::collection::vec(question(), 0..6)), 1..40),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut run = Run::new(dir.path(), kind);
        for (step, questions) in &steps {
            run.step(step);
            for question in questions {
                run.ask(question);
            }
        }
        run.commit();
        run.reopen();
        for (_, questions) in &steps {
            questions.iter().for_each(|question| run.ask(question));
        }
    }
}
