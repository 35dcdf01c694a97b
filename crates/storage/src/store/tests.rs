use super::*;
use crate::delta::{DeltaBlock, encode_block};
use crate::keys::DeltaKey;
use crate::record::{Cell, RowKind};
use crate::scan::StoredRow;
use crate::testing::{Random, copy_dir, crash_image, random_batch, small_options};
use cvx_core::{EntityId, ValidTime};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use tempfile::TempDir;

const VECTOR_COLUMN: u16 = 9;
/// Long enough for a blob file.
const DIM: usize = 200;

#[derive(Clone, Debug)]
enum Step {
    Put {
        space: u32,
        entity: u64,
        ts: i64,
        seed: u64,
    },
    /// A new version of a point whose newest vector did not change.
    Share {
        space: u32,
        entity: u64,
        ts: i64,
    },
    End {
        space: u32,
        entity: u64,
        ts: i64,
    },
    Close {
        pick: prop::sample::Index,
    },
    DeletePoint {
        pick: prop::sample::Index,
    },
    PutSystem {
        key: u8,
        value: u8,
    },
    DeleteSystem {
        key: u8,
    },
    DropSpace {
        space: u32,
    },
}

#[derive(Clone, Copy, Debug)]
enum After {
    Nothing,
    Reopen,
    /// The process is killed: what was not closed is opened again.
    Crash,
    Flush,
    Reclaim,
}

fn step() -> impl Strategy<Value = Step> {
    let point = || (1..3u32, 0..3u64, prop_oneof![Just(i64::MIN), -1..2i64]);
    prop_oneof![
        6 => (point(), any::<u64>())
            .prop_map(|((space, entity, ts), seed)| Step::Put { space, entity, ts, seed }),
        2 => point().prop_map(|(space, entity, ts)| Step::Share { space, entity, ts }),
        1 => point().prop_map(|(space, entity, ts)| Step::End { space, entity, ts }),
        2 => any::<prop::sample::Index>().prop_map(|pick| Step::Close { pick }),
        2 => any::<prop::sample::Index>().prop_map(|pick| Step::DeletePoint { pick }),
        1 => (0..4u8, any::<u8>()).prop_map(|(key, value)| Step::PutSystem { key, value }),
        1 => (0..4u8).prop_map(|key| Step::DeleteSystem { key }),
        1 => (1..3u32).prop_map(|space| Step::DropSpace { space }),
    ]
}

fn after() -> impl Strategy<Value = After> {
    prop_oneof![
        8 => Just(After::Nothing),
        1 => Just(After::Reopen),
        1 => Just(After::Crash),
        1 => Just(After::Flush),
        1 => Just(After::Reclaim),
    ]
}

/// What the store must hold.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    rows: BTreeMap<RowKey, StoredRow>,
    closures: BTreeMap<RowKey, CommitSeq>,
    system: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Model {
    fn of(store: &Store) -> Self {
        let mut found = Self::default();
        for space in [SpaceId(1), SpaceId(2)] {
            let mut records = store.scan_rows(space);
            for row in store.scan_full_rows(space, |_, _| None) {
                let row = row.unwrap();
                assert_eq!(records.next().unwrap().unwrap(), (row.key, row.record.clone()));
                assert_eq!(store.get_row(&row.key).unwrap(), Some(row.record.clone()));
                assert_eq!(store.get_vectors(&row.key, &row.record).unwrap(), row.vectors);
                found.rows.insert(row.key, row);
            }
            for closure in store.scan_closures(space) {
                let (key, to) = closure.unwrap();
                assert_eq!(store.get_closure(&key).unwrap(), Some(to));
                found.closures.insert(key, to);
            }
        }
        found.system = store.scan_system(b"").collect::<Result<_>>().unwrap();
        found
    }

    fn point(&self, at: &RowKey) -> impl Iterator<Item = &StoredRow> {
        let same = (at.space, at.entity, at.ts);
        self.rows.values().filter(move |row| (row.key.space, row.key.entity, row.key.ts) == same)
    }

    fn pick(&self, pick: &prop::sample::Index) -> Option<RowKey> {
        let keys: Vec<RowKey> = self.rows.keys().copied().collect();
        (!keys.is_empty()).then(|| *pick.get(&keys))
    }

    fn put(&mut self, batch: &mut Batch, row: StoredRow) {
        batch.put_row(&row.key, &row.record).unwrap();
        if row.record.locator(VECTOR_COLUMN) == Some(Locator::Here) {
            for (column, vector) in &row.vectors {
                batch.put_vector(&row.key, *column, vector);
            }
        }
        self.rows.insert(row.key, row);
    }

    fn apply(&mut self, step: &Step, seq: CommitSeq, batch: &mut Batch) {
        let at = |space: u32, entity: u64, ts: i64| RowKey {
            space: SpaceId(space),
            entity: EntityId(entity),
            ts: ValidTime(ts),
            seq,
        };
        match step {
            Step::Put { space, entity, ts, seed } => {
                self.put(batch, random_row(at(*space, *entity, *ts), *seed));
            }
            Step::Share { space, entity, ts } => {
                let key = at(*space, *entity, *ts);
                let newest = self.point(&key).find(|row| row.key.seq < seq).cloned();
                let Some(newest) = newest else { return };
                self.put(batch, sharing_row(key, newest));
            }
            Step::End { space, entity, ts } => {
                let key = at(*space, *entity, *ts);
                self.put(batch, StoredRow { key, record: RowRecord::end(), vectors: vec![] });
            }
            Step::Close { pick } => {
                let Some(key) = self.pick(pick) else { return };
                batch.close(&key, seq);
                self.closures.insert(key, seq);
            }
            Step::DeletePoint { pick } => {
                let Some(key) = self.pick(pick) else { return };
                let gone: Vec<RowKey> = self.point(&key).map(|row| row.key).collect();
                for key in gone {
                    batch.delete_row(&key, &[VECTOR_COLUMN]);
                    batch.delete_closure(&key);
                    self.rows.remove(&key);
                    self.closures.remove(&key);
                }
            }
            Step::PutSystem { key, value } => {
                batch.put_system(&[*key], &[*value]);
                self.system.insert(vec![*key], vec![*value]);
            }
            Step::DeleteSystem { key } => {
                batch.delete_system(&[*key]);
                self.system.remove(&vec![*key]);
            }
            Step::DropSpace { space } => {
                batch.drop_space(SpaceId(*space));
                self.rows.retain(|key, _| key.space.0 != *space);
                self.closures.retain(|key, _| key.space.0 != *space);
            }
        }
    }
}

fn random_row(key: RowKey, seed: u64) -> StoredRow {
    let mut random = Random(seed);
    let vectors = match random.below(4) {
        0 => vec![],
        _ => vec![(VECTOR_COLUMN, (0..DIM).map(|_| random.float()).collect())],
    };
    let locator = if vectors.is_empty() { Locator::Null } else { Locator::Here };
    let record = RowRecord {
        kind: RowKind::Point,
        known: 10,
        cells: vec![(1, Cell::Int(seed.cast_signed())), (2, Cell::Text(seed.to_string()))],
        vectors: vec![(VECTOR_COLUMN, locator)],
    };
    StoredRow { key, record, vectors }
}

fn sharing_row(key: RowKey, newest: StoredRow) -> StoredRow {
    let mut record = newest.record;
    for (_, locator) in &mut record.vectors {
        if *locator == Locator::Here {
            *locator = Locator::At(newest.key.seq);
        }
    }
    StoredRow { key, record, vectors: newest.vectors }
}

/// Writes under a point's own key what its versions may point to.
fn one_of_a_point_a_batch(steps: Vec<Step>) -> Vec<Step> {
    let mut seen = BTreeSet::new();
    let keep = |step: &Step| match step {
        Step::Put { space, entity, ts, .. }
        | Step::Share { space, entity, ts }
        | Step::End { space, entity, ts } => seen.insert((*space, *entity, *ts)),
        _ => true,
    };
    steps.into_iter().filter(keep).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_store_holds_what_was_committed(
        commits in prop::collection::vec(
            (prop::collection::vec(step(), 1..6), any::<bool>(), after()), 1..30,
        ),
    ) {
        let mut dirs = vec![tempfile::tempdir().unwrap()];
        let options = small_options();
        let mut store = Store::open(dirs[0].path(), &options).unwrap();
        let mut model = Model::default();
        for (at, (steps, sync, after)) in commits.into_iter().enumerate() {
            let seq = CommitSeq(10 * at as u64 + 10);
            let mut group = Batch::new();
            for step in one_of_a_point_a_batch(steps) {
                let mut batch = Batch::new();
                model.apply(&step, seq, &mut batch);
                group.append(&batch);
            }
            group.set_last_seq(seq);
            store.commit(&group, sync).unwrap();
            if sync {
                store.acked(seq);
            }
            match after {
                After::Nothing => {}
                After::Reopen => {
                    drop(store);
                    store = Store::open(dirs.last().unwrap().path(), &options).unwrap();
                }
                After::Crash => {
                    dirs.push(crash_image(dirs.last().unwrap().path()));
                    store = Store::open(dirs.last().unwrap().path(), &options).unwrap();
                }
                After::Flush => store.flush().unwrap(),
                After::Reclaim => store.reclaim(SpaceId(1)).unwrap(),
            }
            prop_assert_eq!(store.last_seq(), seq);
        }
        prop_assert_eq!(Model::of(&store), model);
        prop_assert_eq!(store.verify(), []);
    }
}

fn commit_number(store: &Store, n: u64, sync: bool) {
    let mut batch = Batch::new();
    batch.put_system(b"number", &n.to_be_bytes());
    batch.put_system(&n.to_be_bytes(), &[7; 100]);
    batch.set_last_seq(CommitSeq(n));
    store.commit(&batch, sync).unwrap();
}

fn newest_log(dir: &Path) -> PathBuf {
    let entries = fs::read_dir(dir.join("db")).unwrap().map(|entry| entry.unwrap().path());
    let logs = entries.filter(|path| path.extension().is_some_and(|ext| ext == "log"));
    logs.max().unwrap()
}

/// A log cut anywhere recovers to a whole number of commits, and never to fewer than were
/// acknowledged: then it does not open.
#[test]
fn a_torn_log_gives_whole_commits_or_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &small_options()).unwrap();
    for n in 1..=20 {
        commit_number(&store, n, true);
    }
    let unnoticed = crash_image(dir.path());
    drop(store);
    let log = fs::read(newest_log(unnoticed.path())).unwrap();
    let mut recovered = BTreeSet::new();
    for length in (0..log.len()).step_by(211) {
        let copy = tempfile::tempdir().unwrap();
        copy_dir(unnoticed.path(), copy.path());
        fs::write(newest_log(copy.path()), &log[..length]).unwrap();
        let torn = tempfile::tempdir().unwrap();
        copy_dir(copy.path(), torn.path());
        let store = Store::open(copy.path(), &small_options()).unwrap();
        let last = store.last_seq().0;
        recovered.insert(last);
        let number = store.get_system(b"number").unwrap();
        let expected = (last > 0).then(|| last.to_be_bytes().to_vec());
        assert_eq!(number, expected, "cut at {length}");
        assert_eq!(store.scan_system(&[0]).count() as u64, last, "cut at {length}");
        drop(store);
        note_acked(torn.path(), 12);
        match Store::open(torn.path(), &small_options()) {
            Ok(store) => assert!(store.last_seq().0 >= 12, "cut at {length}"),
            Err(error) => {
                assert!(error.is_corrupt() && last < 12, "cut at {length}: {error}");
            }
        }
    }
    assert!(recovered.len() > 8, "only {recovered:?}");
}

/// Leaves the watermark that a store with this last acknowledgement had left.
fn note_acked(dir: &Path, seq: u64) {
    let mut acked = Acked::start(dir, CommitSeq::ZERO, Poison::default()).unwrap();
    acked.note(CommitSeq(seq));
    acked.close();
}

#[test]
fn a_lost_database_is_not_an_empty_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &small_options()).unwrap();
    commit_number(&store, 5, true);
    drop(store);
    fs::remove_dir_all(dir.path().join("db")).unwrap();
    let error = Store::open(dir.path(), &small_options()).unwrap_err();
    assert!(error.is_corrupt() && error.to_string().contains("acknowledged"), "{error}");
}

#[test]
fn only_what_is_synced_counts_as_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &small_options()).unwrap();
    commit_number(&store, 1, true);
    commit_number(&store, 2, false);
    store.acked(CommitSeq(2));
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while Acked::read(dir.path()).unwrap() == CommitSeq::ZERO {
        assert!(std::time::Instant::now() < until, "no watermark in a minute");
        std::thread::yield_now();
    }
    assert_eq!(Acked::read(dir.path()).unwrap(), CommitSeq(1));
    drop(store);
    assert_eq!(Acked::read(dir.path()).unwrap(), CommitSeq(2), "closing syncs and notes the rest");
}

#[test]
fn commits_go_forward_only() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &small_options()).unwrap();
    commit_number(&store, 5, true);
    let mut batch = Batch::new();
    batch.put_system(b"number", b"wrong");
    batch.set_last_seq(CommitSeq(5));
    assert!(matches!(store.commit(&batch, true), Err(Error::Invalid { .. })));
    assert_eq!(store.get_system(b"number").unwrap(), Some(5u64.to_be_bytes().to_vec()));
    commit_number(&store, 6, true);
}

#[test]
fn after_a_failure_nothing_is_written_and_all_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &small_options()).unwrap();
    commit_number(&store, 1, true);
    // A folder where the watermark's new file should be makes writing it fail.
    fs::create_dir(dir.path().join("acked.tmp")).unwrap();
    store.acked(CommitSeq(1));
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while store.check_writable().is_ok() {
        assert!(std::time::Instant::now() < until, "not poisoned in a minute");
        std::thread::yield_now();
    }
    let mut batch = Batch::new();
    batch.put_system(b"number", b"never");
    assert!(matches!(store.commit(&batch, true), Err(Error::Poisoned { .. })));
    assert!(matches!(store.flush(), Err(Error::Poisoned { .. })));
    let file = store.write_row_file(SpaceId(1), store.new_file_id(), &random_batch(1, 2));
    assert!(matches!(file, Err(Error::Poisoned { .. })));
    assert_eq!(store.get_system(b"number").unwrap(), Some(1u64.to_be_bytes().to_vec()));
    drop(store);
    fs::remove_dir(dir.path().join("acked.tmp")).unwrap();
    commit_number(&Store::open(dir.path(), &small_options()).unwrap(), 2, true);
}

/// Rows in tables, blobs and the log; gives what is there.
fn in_all_kinds_of_files(dir: &Path) -> Model {
    let store = Store::open(dir, &small_options()).unwrap();
    let mut model = Model::default();
    for n in 1..=40u64 {
        let seq = CommitSeq(n);
        let mut batch = Batch::new();
        let put = Step::Put { space: 1, entity: n % 3, ts: (n / 3) as i64, seed: n };
        model.apply(&put, seq, &mut batch);
        let put = Step::PutSystem { key: n as u8, value: n as u8 };
        model.apply(&put, seq, &mut batch);
        batch.set_last_seq(seq);
        store.commit(&batch, true).unwrap();
        if n % 12 == 0 {
            store.flush().unwrap();
        }
    }
    assert_eq!(Model::of(&store), model);
    model
}

/// What a store says when it is not sure: nothing is unwrapped.
fn try_model(dir: &Path) -> Result<Model> {
    let store = Store::open(dir, &small_options())?;
    let _ = store.verify();
    let mut found = Model::default();
    for row in store.scan_full_rows(SpaceId(1), |_, _| None) {
        let row = row?;
        found.rows.insert(row.key, row);
    }
    found.system = store.scan_system(b"").collect::<Result<_>>()?;
    Ok(found)
}

/// Flips a bit in copies of every file of the database, cuts the file or takes it away: an error
/// or the right answer, each time.
#[test]
fn no_damage_to_the_database_changes_an_answer() {
    const SEED: u64 = 11;
    let dir = tempfile::tempdir().unwrap();
    let model = in_all_kinds_of_files(dir.path());
    let names = fs::read_dir(dir.path().join("db")).unwrap().map(|entry| entry.unwrap());
    let mut names: Vec<_> = names.map(|entry| entry.file_name()).collect();
    names.retain(|name| !name.to_string_lossy().starts_with("LO"));
    names.sort();
    let (mut refused, mut right) = (0, 0);
    let whole = tempfile::tempdir().unwrap();
    copy_dir(dir.path(), whole.path());
    assert_eq!(try_model(whole.path()).unwrap(), model);
    let mut random = Random(SEED);
    for name in names.iter().cycle().take(5 * names.len()) {
        let copy = tempfile::tempdir().unwrap();
        copy_dir(dir.path(), copy.path());
        let path = copy.path().join("db").join(name);
        let damage = damage(&path, &mut random);
        match try_model(copy.path()) {
            Ok(found) => {
                assert!(found == model, "seed {SEED}, {}: {damage}", name.display());
                right += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 0 && right > 0, "{refused} refused, {right} right");
}

fn damage(path: &Path, random: &mut Random) -> String {
    let mut bytes = fs::read(path).unwrap();
    let at = random.below(bytes.len().max(1) as u64) as usize;
    match random.below(6) {
        0 => {
            fs::remove_file(path).unwrap();
            return "gone".to_owned();
        }
        1 => bytes.truncate(at),
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
    }
    fs::write(path, &bytes).unwrap();
    format!("cut or flipped at {at}")
}

#[test]
fn a_store_is_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Store>();
    shared::<Batch>();
}

fn with_file(seq: u64) -> (TempDir, Store, crate::RowFileMeta) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &small_options()).unwrap();
    let mut meta =
        store.write_row_file(SpaceId(1), store.new_file_id(), &random_batch(seq, 50)).unwrap();
    meta.seq = Some(CommitSeq(seq));
    let mut batch = Batch::new();
    batch.add_file(&meta).unwrap();
    batch.set_last_seq(CommitSeq(seq));
    store.commit(&batch, true).unwrap();
    (dir, store, meta)
}

#[test]
fn the_manifest_lists_files_by_space_and_survives() {
    let (dir, store, first) = with_file(1);
    let id = store.new_file_id();
    let other = store.write_row_file(SpaceId(2), id, &random_batch(2, 5)).unwrap();
    let mut batch = Batch::new();
    batch.add_file(&other).unwrap();
    store.commit(&batch, true).unwrap();
    drop(store);
    let store = Store::open(dir.path(), &small_options()).unwrap();
    assert_eq!(store.row_files(Some(SpaceId(1))).unwrap(), std::slice::from_ref(&first));
    assert_eq!(store.row_files(None).unwrap(), [first.clone(), other.clone()]);
    let mut batch = Batch::new();
    batch.remove_file(SpaceId(1), first.id);
    store.commit(&batch, true).unwrap();
    assert_eq!(store.row_files(None).unwrap(), [other]);
}

#[test]
fn dropping_a_space_leaves_the_others() {
    let (_dir, store, meta) = with_file(1);
    let mut batch = Batch::new();
    batch.put_rows(SpaceId(1), &random_batch(3, 50), None).unwrap();
    batch.put_rows(SpaceId(2), &random_batch(4, 50), Some(CommitSeq(2))).unwrap();
    store.commit(&batch, true).unwrap();
    store.flush().unwrap();
    let kept: Vec<_> = store.scan_full_rows(SpaceId(2), |_, _| None).map(Result::unwrap).collect();
    assert!(!kept.is_empty() && store.scan_rows(SpaceId(1)).count() > 0);
    store.drop_space(SpaceId(1)).unwrap();
    assert_eq!(store.scan_rows(SpaceId(1)).count(), 0);
    assert_eq!(store.scan(Family::Vectors, &[0, 0, 0, 1]).count(), 0);
    assert_eq!(store.row_files(None).unwrap(), []);
    assert!(!store.row_file_path(meta.id).exists());
    let left: Vec<_> = store.scan_full_rows(SpaceId(2), |_, _| None).map(Result::unwrap).collect();
    assert_eq!(left, kept);
}

#[test]
fn blobs_of_deleted_rows_leave_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &small_options()).unwrap();
    let key = |n: u64| RowKey {
        space: SpaceId(1),
        entity: EntityId(n),
        ts: ValidTime(0),
        seq: CommitSeq(1),
    };
    let mut batch = Batch::new();
    for n in 0..500 {
        let row = random_row(key(n), 4 * n + 1);
        batch.put_row(&row.key, &row.record).unwrap();
        batch.put_vector(&row.key, VECTOR_COLUMN, &[n as f32; 1000]);
    }
    store.commit(&batch, true).unwrap();
    store.flush().unwrap();
    let blobs = |store: &Store| {
        let families = store.stats().unwrap().families;
        families.iter().map(|family| family.blob_bytes).sum::<u64>()
    };
    let before = blobs(&store);
    assert!(before > 500 * 4000, "{before} bytes: vectors are not in blob files");
    let mut batch = Batch::new();
    for n in 0..500 {
        batch.delete_row(&key(n), &[VECTOR_COLUMN]);
    }
    store.commit(&batch, true).unwrap();
    store.reclaim(SpaceId(1)).unwrap();
    let left = blobs(&store);
    assert!(left < before / 10, "{left} of {before} bytes are left");
}

#[test]
fn stats_count_what_is_there() {
    let (_dir, store, meta) = with_file(1);
    let mut batch = Batch::new();
    batch.put_rows(SpaceId(1), &random_batch(3, 500), Some(CommitSeq(1))).unwrap();
    store.commit(&batch, true).unwrap();
    let stats = store.stats().unwrap();
    assert_eq!((stats.row_files, stats.row_file_bytes), (1, meta.bytes));
    assert_eq!(stats.written.row_files, meta.bytes);
    assert!(stats.wal_bytes as usize > batch.bytes(), "{stats:?}");
    assert!(stats.written.wal as usize > batch.bytes(), "{stats:?}");
    assert_eq!(stats.written.flush, 0);
    store.flush().unwrap();
    let flushed = store.stats().unwrap();
    assert!(flushed.written.flush > 0 && flushed.written.total() > stats.written.total());
    let metadata = flushed.families.iter().find(|f| f.family == Family::Metadata).unwrap();
    assert!(metadata.table_bytes > 0 && metadata.keys > 0, "{metadata:?}");
}

#[test]
fn delta_blocks_run_in_time_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &small_options()).unwrap();
    let mut batch = Batch::new();
    let mut expected = Vec::new();
    for (entity, column, ts) in [(1, 2, 30), (1, 2, -5), (1, 3, 0), (2, 2, 0), (1, 2, 10)] {
        let block = DeltaBlock {
            addresses: vec![(ValidTime(ts), CommitSeq(1)), (ValidTime(ts + 1), CommitSeq(1))],
            dim: 300,
            values: vec![ts as f32; 600],
        };
        let key = DeltaKey {
            space: SpaceId(1),
            entity: EntityId(entity),
            column,
            ts: ValidTime(ts),
            seq: CommitSeq(1),
        };
        batch.put_delta(&key, &encode_block(&block, 0.0).unwrap());
        if (entity, column) == (1, 2) {
            expected.push((key, block));
        }
    }
    store.commit(&batch, true).unwrap();
    expected.sort_by_key(|(key, _)| key.ts);
    let found: Vec<_> =
        store.scan_delta_blocks(SpaceId(1), EntityId(1), 2).map(Result::unwrap).collect();
    assert_eq!(found, expected);
    assert_eq!(store.scan_deltas(SpaceId(1)).count(), 5);
    let stats = store.delta_stats(SpaceId(1)).unwrap();
    assert_eq!((stats.blocks, stats.vectors, stats.raw_bytes), (5, 10, 5 * 600 * 4));
    assert!(stats.encoded_bytes < stats.raw_bytes / 10);
    batch = Batch::new();
    batch.delete_delta(&expected[0].0);
    store.commit(&batch, true).unwrap();
    assert_eq!(store.scan_delta_blocks(SpaceId(1), EntityId(1), 2).count(), 2);
}

/// `cvx check` on a store with one thing wrong in each place.
#[test]
fn verify_finds_each_wrong_thing() {
    let (_dir, store, meta) = with_file(5);
    assert_eq!(store.verify(), []);
    let key =
        RowKey { space: SpaceId(1), entity: EntityId(1), ts: ValidTime(0), seq: CommitSeq(9) };
    let findings = |change: &dyn Fn(&mut Batch)| {
        let mut batch = Batch::new();
        change(&mut batch);
        let undo: Vec<_> = batch.changes().map(|(f, _, key, _)| (f, key.to_vec())).collect();
        store.commit(&batch, true).unwrap();
        let found = store.verify();
        let mut batch = Batch::new();
        undo.iter().for_each(|(family, key)| batch.delete(*family, key));
        store.commit(&batch, true).unwrap();
        assert_eq!(store.verify(), []);
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let dangling = RowRecord { vectors: vec![(3, Locator::Here)], ..RowRecord::end() };
    let now = RowKey { seq: CommitSeq(5), ..key };
    let found = findings(&|batch| batch.put_row(&now, &dangling).unwrap());
    assert!(found.contains("metadata") && found.contains("column 3 is missing"), "{found}");
    let found = findings(&|batch| batch.put_row(&key, &RowRecord::end()).unwrap());
    assert!(found.contains("commit 9 after the last, 5"), "{found}");
    let found = findings(&|batch| batch.put(Family::Metadata, &now.encode(), &[1, 2, 3]));
    assert!(found.contains("family metadata"), "{found}");
    let found = findings(&|batch| batch.put(Family::Metadata, b"short", &[]));
    assert!(found.contains("not of 28 bytes"), "{found}");
    let found = findings(&|batch| batch.put(Family::Vectors, &now.with_column(1), &[0; 7]));
    assert!(found.contains("no whole floats"), "{found}");
    let found = findings(&|batch| batch.put(Family::Timelines, &now.encode(), &[0; 7]));
    assert!(found.contains("family timelines"), "{found}");
    let found = findings(&|batch| batch.put(Family::Deltas, &[0; 30], b"CVXD"));
    assert!(found.contains("family deltas"), "{found}");
    let lost = crate::RowFileMeta { id: store.new_file_id(), ..meta.clone() };
    let found = findings(&|batch| batch.add_file(&lost).unwrap());
    assert!(found.contains("the file is missing"), "{found}");
    let stray = store.write_row_file(SpaceId(1), store.new_file_id(), &random_batch(1, 2)).unwrap();
    assert!(store.verify()[0].what.contains("left over"));
    store.remove_row_file(stray.id).unwrap();
    assert_eq!(store.verify(), []);
}
