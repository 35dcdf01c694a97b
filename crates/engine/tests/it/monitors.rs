//! Monitors: what they tell, whatever becomes of the points, is what the function says of them.

use crate::support::{
    Doc, START_US, batch, commit, create, docs, open, options, plain, rows, scan,
};
use cvx_analytics::{Bocpd, Trajectory, bocpd};
use cvx_core::{CancelToken, EntityId, ValidTime};
use cvx_engine::{
    CatalogChange, ChangeEvent, Engine, EngineOptions, EntityKey, Monitor, OutOfOrder, ScanRequest,
    Table, TableOptions, TimeSlice,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const COLUMN: u16 = 5;

fn watched() -> Table {
    let mut table = docs(true);
    table.options.out_of_order = OutOfOrder::Accept;
    table.options.monitor = Some(Monitor::standard(COLUMN));
    table
}

/// A point of noise around a level, a NULL now and then.
fn point(id: i64, ts: i64, level: f32) -> Doc {
    // SplitMix64: what only looks like noise has breaks of its own.
    let noise = |salt: i64| {
        let mut z = (ts * 1_000 + id * 10 + salt) as u64;
        z = z.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 24) as f32
    };
    let v = (ts % 13 != 5).then(|| [level + noise(1), noise(2) - level]);
    Doc { id, ts, title: None, n: None, v }
}

fn put(engine: &Arc<Engine>, table: &Arc<Table>, points: &[Doc], keep: bool) {
    let mut txn = engine.begin();
    let mut mode = plain();
    mode.force = true;
    txn.insert(table, batch(table, points), &mode).unwrap();
    if keep {
        commit(txn).unwrap();
    }
}

/// What the function says of every entity: time and probability. Where it says that there are too
/// few points, what a detector says of them.
fn function(engine: &Arc<Engine>, table: &Arc<Table>) -> BTreeMap<u64, Vec<(i64, f64)>> {
    let mut points: BTreeMap<u64, (Vec<i64>, Vec<f32>)> = BTreeMap::new();
    let read = engine.begin().read(table).unwrap();
    for row in rows(&read, TimeSlice::CURRENT) {
        let Some(v) = row.doc.v else { continue };
        let (ts, vectors) = points.entry(row.addr.entity.0).or_default();
        ts.push(row.doc.ts);
        vectors.extend(v);
    }
    let settings = table.options.monitor.unwrap().settings();
    let breaks = |ts: &[i64], vectors: &[f32]| -> Vec<(i64, f64)> {
        let trajectory = Trajectory::new(ts, vectors, 2).unwrap();
        match bocpd::watch(&trajectory, settings, &CancelToken::default()) {
            Ok(breaks) => breaks.iter().map(|b| (ts[b.at], b.score)).collect(),
            Err(cvx_analytics::Error::InsufficientData { .. }) => {
                let mut detector = Bocpd::new(2, settings).unwrap();
                let events = vectors.chunks(2).filter_map(|v| detector.see(v).unwrap());
                events.map(|event| (ts[event.at as usize], event.probability)).collect()
            }
            Err(error) => panic!("{error}"),
        }
    };
    let found = points.into_iter().map(|(entity, (ts, v))| (entity, breaks(&ts, &v)));
    found.filter(|(_, breaks)| !breaks.is_empty()).collect()
}

fn standing(events: &[ChangeEvent]) -> BTreeMap<u64, Vec<(i64, f64)>> {
    let mut found: BTreeMap<u64, Vec<(i64, f64)>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.withdrawn_at_us.is_none()) {
        found.entry(event.entity.0).or_default().push((event.ts.0, event.probability));
    }
    found
}

fn events(engine: &Arc<Engine>, table: &Arc<Table>) -> Vec<ChangeEvent> {
    engine.wait_for_monitors().unwrap();
    engine.change_events(table).unwrap()
}

fn check(engine: &Arc<Engine>, table: &Arc<Table>) {
    assert_eq!(standing(&events(engine, table)), function(engine, table));
}

fn reopen(engine: Arc<Engine>, dir: &Path, options: &EngineOptions) -> (Arc<Engine>, Arc<Table>) {
    engine.shutdown();
    drop(engine);
    let (engine, _) = open(dir, options.clone());
    let table = Arc::clone(engine.catalog().table("public", "docs").unwrap());
    (engine, table)
}

fn set(engine: &Arc<Engine>, table: &Arc<Table>, monitor: Option<Monitor>) -> Arc<Table> {
    let options = TableOptions { monitor, ..table.options.clone() };
    let mut txn = engine.begin();
    txn.ddl(CatalogChange::SetOptions { oid: table.oid, options }).unwrap();
    commit(txn).unwrap();
    Arc::clone(engine.catalog().table("public", "docs").unwrap())
}

#[test]
fn a_break_is_told_with_its_drift_and_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, clock) = open(dir.path(), options());
    let table = create(&engine, watched());
    clock.set(START_US + 5);
    for ts in 0..100 {
        put(&engine, &table, &[point(7, ts, if ts < 60 { 0.0 } else { 9.0 })], true);
    }
    let told = events(&engine, &table);
    assert_eq!(standing(&told), function(&engine, &table));
    let [event] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((event.entity, event.ts), (EntityId::from_i64(7), ValidTime(60)));
    assert_eq!(engine.entity_key(&table, event.entity).unwrap(), Some(EntityKey::Integer(7)));
    assert!((60..66).contains(&event.noticed_ts.0) && event.detected_at_us == START_US + 5);
    let length = event.drift.iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt();
    assert!((event.severity - length).abs() < 1e-3);
    assert!((event.drift[0] - 9.0).abs() < 0.6 && (event.drift[1] + 9.0).abs() < 0.6);
    let (engine, table) = reopen(engine, dir.path(), &options());
    assert_eq!(events(&engine, &table), told);
    let stats = engine.monitor_stats();
    assert_eq!((stats[0].due, stats[0].seen.is_some()), (0, true));
}

#[test]
fn what_is_rolled_back_was_never_seen() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), options());
    let table = create(&engine, watched());
    let low: Vec<Doc> = (0..60).map(|ts| point(1, ts, 0.0)).collect();
    let high: Vec<Doc> = (60..90).map(|ts| point(1, ts, 9.0)).collect();
    put(&engine, &table, &low, true);
    put(&engine, &table, &high, false);
    assert_eq!(events(&engine, &table), []);
    put(&engine, &table, &high, true);
    assert_eq!(events(&engine, &table).len(), 1);
}

/// What was told is not forgotten when a correction takes it back, but for what is erased.
#[test]
fn a_break_that_is_corrected_away_is_withdrawn_and_an_erased_one_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), options());
    let table = create(&engine, watched());
    for id in [1, 2] {
        let level = |ts| if ts < 60 { 0.0 } else { 9.0 };
        let points: Vec<Doc> = (0..90).map(|ts| point(id, ts, level(ts))).collect();
        put(&engine, &table, &points, true);
    }
    assert_eq!(standing(&events(&engine, &table)).len(), 2);
    let level: Vec<Doc> = (60..90).map(|ts| point(1, ts, 0.0)).collect();
    put(&engine, &table, &level, true);
    let told = events(&engine, &table);
    assert_eq!((told.len(), standing(&told).len()), (2, 1));
    check(&engine, &table);
    let erase = |id: i64, ts: std::ops::Range<i64>| {
        let entity = EntityId::from_i64(id);
        engine.erase(&table, ts.map(|ts| (entity, ValidTime(ts)))).unwrap();
    };
    erase(1, 0..90);
    erase(2, 40..50);
    let told = events(&engine, &table);
    assert!(told.iter().all(|event| event.entity == EntityId::from_i64(2)), "{told:?}");
    check(&engine, &table);
    erase(2, 0..90);
    assert_eq!(events(&engine, &table), []);
}

#[test]
fn a_table_is_watched_from_its_first_point_whenever_it_asks() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), options());
    let table = create(&engine, docs(true));
    let level = |ts| if ts < 60 { 0.0 } else { 9.0 };
    let points: Vec<Doc> = (0..90).map(|ts| point(1, ts, level(ts))).collect();
    put(&engine, &table, &points, true);
    assert_eq!(events(&engine, &table), []);
    let table = set(&engine, &table, Some(Monitor::standard(COLUMN)));
    check(&engine, &table);
    assert_eq!(events(&engine, &table).len(), 1);
    // Left alone it tells nothing new; asked again it knows what it missed.
    let table = set(&engine, &table, None);
    let back: Vec<Doc> = (90..130).map(|ts| point(1, ts, 0.0)).collect();
    put(&engine, &table, &back, true);
    assert_eq!(events(&engine, &table).len(), 1);
    let (engine, table) = reopen(engine, dir.path(), &options());
    let table = set(&engine, &table, Some(Monitor::standard(COLUMN)));
    check(&engine, &table);
    assert_eq!(events(&engine, &table).len(), 2);
    // With other settings other breaks.
    let keen = Monitor { threshold: 0.2, min_segment: 2, ..Monitor::standard(COLUMN) };
    let table = set(&engine, &table, Some(keen));
    check(&engine, &table);
    let mut txn = engine.begin();
    txn.ddl(CatalogChange::DropTable { oid: table.oid }).unwrap();
    commit(txn).unwrap();
    engine.wait_for_monitors().unwrap();
    assert_eq!(engine.change_events(&table).unwrap(), []);
}

#[derive(Clone, Debug)]
enum Step {
    Append {
        id: i64,
        points: i64,
        level: u8,
    },
    /// In one commit for both entities.
    Both {
        points: i64,
        level: u8,
    },
    /// A late point, or one in the place of another.
    Late {
        id: i64,
        at: u16,
        level: u8,
    },
    Delete {
        id: i64,
        at: u16,
    },
    RolledBack {
        id: i64,
    },
    Erase {
        id: i64,
        at: u16,
    },
    Truncate,
    Seal,
    Reopen,
    Wait,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (id, at, level) = (|| 1..3i64, || any::<u16>(), || 0..3u8);
    let step = prop_oneof![
        8 => (id(), 1..40i64, level())
            .prop_map(|(id, points, level)| Step::Append { id, points, level }),
        4 => (1..30i64, level()).prop_map(|(points, level)| Step::Both { points, level }),
        2 => (id(), at(), level()).prop_map(|(id, at, level)| Step::Late { id, at, level }),
        1 => (id(), at()).prop_map(|(id, at)| Step::Delete { id, at }),
        1 => id().prop_map(|id| Step::RolledBack { id }),
        1 => (id(), at()).prop_map(|(id, at)| Step::Erase { id, at }),
        1 => Just(Step::Truncate),
        1 => Just(Step::Seal),
        2 => Just(Step::Reopen),
        4 => Just(Step::Wait),
    ];
    prop::collection::vec(step, 4..24)
}

/// A table that lives through steps.
struct Life<'a> {
    dir: &'a Path,
    options: EngineOptions,
    engine: Arc<Engine>,
    table: Arc<Table>,
    next: i64,
}

impl Life<'_> {
    fn new_points(&mut self, ids: &[i64], count: i64, level: u8) -> Vec<Doc> {
        let span = self.next..self.next + count;
        self.next += count;
        let point = |ts| ids.iter().map(move |id| point(*id, ts * 10, f32::from(level) * 8.0));
        span.flat_map(point).collect()
    }

    fn some_row(&self, id: i64, at: u16) -> Option<cvx_engine::RowAddr> {
        let entities = Some(vec![EntityId::from_i64(id)]);
        let columns = crate::support::everything();
        let request = ScanRequest { entities, ..ScanRequest::of(TimeSlice::CURRENT, columns) };
        let rows = scan(&self.engine.begin().read(&self.table).unwrap(), request);
        let place = usize::from(at).checked_rem(rows.len())?;
        Some(rows[place].addr)
    }

    fn step(self, step: &Step) -> Self {
        let mut life = self;
        match *step {
            Step::Append { id, points, level } => {
                for point in life.new_points(&[id], points, level) {
                    put(&life.engine, &life.table, &[point], true);
                }
            }
            Step::Both { points, level } => {
                let points = life.new_points(&[1, 2], points, level);
                put(&life.engine, &life.table, &points, true);
            }
            Step::Late { id, at, level } => {
                let ts = i64::from(at) % (life.next * 10).max(1);
                let late = point(id, ts, f32::from(level) * 8.0);
                put(&life.engine, &life.table, &[late], true);
            }
            Step::Delete { id, at } => {
                if let Some(addr) = life.some_row(id, at) {
                    let mut txn = life.engine.begin();
                    txn.delete(&life.table, &[addr]).unwrap();
                    commit(txn).unwrap();
                }
            }
            Step::RolledBack { id } => {
                let points = life.new_points(&[id], 20, 9);
                put(&life.engine, &life.table, &points, false);
            }
            Step::Erase { id, at } => {
                if let Some(addr) = life.some_row(id, at) {
                    life.engine.erase(&life.table, [(addr.entity, addr.ts)]).unwrap();
                }
            }
            Step::Truncate => {
                let mut txn = life.engine.begin();
                txn.truncate(&life.table).unwrap();
                commit(txn).unwrap();
            }
            Step::Seal => life.engine.seal(&life.table).unwrap(),
            Step::Reopen => {
                let (engine, table) = reopen(life.engine, life.dir, &life.options);
                (life.engine, life.table) = (engine, table);
            }
            Step::Wait => check(&life.engine, &life.table),
        }
        life
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// With room for all states, and with room for none, so that each is written and read again.
    #[test]
    fn a_monitor_says_what_the_function_says(steps in steps(), room in any::<bool>()) {
        let dir = tempfile::tempdir().unwrap();
        let mut options = options();
        options.seal_rows = 64;
        if !room {
            options.monitor_bytes = 0;
        }
        let (engine, _) = open(dir.path(), options.clone());
        let table = create(&engine, watched());
        let mut life = Life { dir: dir.path(), options, engine, table, next: 0 };
        for step in &steps {
            life = life.step(step);
        }
        check(&life.engine, &life.table);
        let (engine, table) = reopen(life.engine, dir.path(), &life.options);
        check(&engine, &table);
    }
}
