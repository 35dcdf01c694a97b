//! Indexes of sealed segments: made, used, kept over a restart, dropped.

use crate::support::{batch, commit, create, doc, docs, insert, open, options};
use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use cvx_core::{CancelToken, Metric, ValidTime};
use cvx_engine::{
    CatalogChange, Engine, EngineOptions, IndexDef, IndexState, KnnAnswer, KnnRequest,
    Quantization, RowFilter, SearchMode, Table, TimeSlice,
};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

const ROWS: i64 = 1_500;

pub(crate) fn index_def(name: &str, metric: Metric) -> IndexDef {
    let opclass = match metric {
        Metric::Cosine => "vector_cosine_ops",
        Metric::L2 => "vector_l2_ops",
        Metric::InnerProduct => "vector_ip_ops",
        Metric::L1 => "vector_l1_ops",
        Metric::Poincare => "vector_poincare_ops",
    };
    IndexDef {
        oid: 0,
        name: name.to_owned(),
        column: 5,
        method: "hnsw".to_owned(),
        opclass: opclass.to_owned(),
        expression: None,
        metric: Some(metric),
        options: vec![("m".to_owned(), "8".to_owned())],
    }
}

pub(crate) fn ddl(engine: &Arc<Engine>, change: CatalogChange) {
    let mut txn = engine.begin();
    txn.ddl(change).unwrap();
    commit(txn).unwrap();
}

pub(crate) fn table(engine: &Engine) -> Arc<Table> {
    Arc::clone(engine.catalog().table("public", "docs").unwrap())
}

/// Two sealed segments, some rows in memory, an index on L2.
fn filled(engine: &Arc<Engine>) -> Arc<Table> {
    let docs = create(engine, docs(true));
    for part in 0..3 {
        let rows: Vec<_> =
            (0..ROWS).map(|n| doc(n, part * 10_000 + n * 7 % 1_000, n * 31 % 977)).collect();
        let mut txn = engine.begin();
        insert(&mut txn, &docs, &rows).unwrap();
        commit(txn).unwrap();
        if part < 2 {
            engine.seal(&docs).unwrap();
        }
    }
    let index = index_def("docs_v_idx", Metric::L2);
    ddl(engine, CatalogChange::CreateIndex { oid: docs.oid, index });
    engine.wait_for_indexes().unwrap();
    table(engine)
}

pub(crate) fn nearest(engine: &Arc<Engine>, query: [f32; 2], search: SearchMode) -> KnnAnswer {
    nearest_of(engine, query, search, None)
}

fn nearest_of(
    engine: &Arc<Engine>,
    query: [f32; 2],
    search: SearchMode,
    filter: Option<RowFilter<'_>>,
) -> KnnAnswer {
    let read = engine.begin().read(&table(engine)).unwrap();
    let cancel = CancelToken::default();
    let request = KnnRequest {
        column: 5,
        query: &query,
        metric: Metric::L2,
        k: 10,
        composite: None,
        slice: TimeSlice::CURRENT,
        entities: None,
        ts_from: None,
        ts_to: None,
        filter,
        search,
        cancel: &cancel,
    };
    read.knn(&request).unwrap()
}

/// Answers by the index are those of the scan, and came from so many walked segments.
#[track_caller]
pub(crate) fn agree(engine: &Arc<Engine>, walked: usize) {
    for query in [[0.0, 0.0], [400.0, 300.0], [120.0, 10_500.0], [900.0, 20_100.0]] {
        let exact = nearest(engine, query, SearchMode::Exact);
        let index = nearest(engine, query, SearchMode::Index { ef: 400 });
        assert_eq!(index.rows, exact.rows, "{query:?}");
        assert_eq!((exact.stats.walked, exact.stats.sifted), (0, 0));
        assert_eq!(index.stats.walked + index.stats.sifted, walked, "{:?}", index.stats);
    }
}

pub(crate) fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(dir.join("indexes")).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    files
}

/// Whatever share of the rows a condition keeps, and whether it goes with the vectors (n is their
/// first number) or not.
#[test]
fn indexes_give_the_rows_that_a_condition_keeps() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), options());
    filled(&engine);
    for (column, most) in [(0, 750), (0, 150), (0, 15), (0, 2), (3, 480), (3, 90), (3, 8), (3, 0)] {
        let keep = |batch: &RecordBatch| {
            let values = batch.column(0).as_primitive::<Int64Type>();
            Ok(BooleanArray::from_iter(values.iter().map(|value| value.map(|n| n <= most))))
        };
        let filter = RowFilter { columns: vec![column], keep: &keep, brief: false };
        for query in [[0.0, 0.0], [400.0, 300.0], [120.0, 10_500.0], [900.0, 20_100.0]] {
            let of = |search| nearest_of(&engine, query, search, Some(filter.clone()));
            let exact = of(SearchMode::Exact);
            assert_eq!(exact.rows.len(), 10.min(exact.stats.candidates));
            for search in [SearchMode::Index { ef: 400 }, SearchMode::Auto { ef: 400 }] {
                assert_eq!(of(search).rows, exact.rows, "{column} <= {most} of {query:?}");
            }
        }
    }
}

#[test]
fn an_index_answers_for_sealed_rows_and_scans_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), options());
    filled(&engine);
    agree(&engine, 2);
    let stats = engine.index_stats().unwrap();
    let states: Vec<_> = stats.iter().map(|row| (row.state, row.rows, row.unindexed)).collect();
    let rows = ROWS as usize;
    let ready = (IndexState::Ready, rows, 0);
    assert_eq!(states, [ready, ready, (IndexState::Tail, rows, rows)]);
    assert!(stats[0].nodes > 0 && stats[0].edges > stats[0].nodes && stats[0].bytes > 0);
    assert_eq!(stats[0].unreachable, 0);
    // A row is found as soon as its commit is answered.
    let docs = table(&engine);
    let mut txn = engine.begin();
    insert(&mut txn, &docs, &[doc(9_999, 50_000, 5)]).unwrap();
    commit(txn).unwrap();
    let found = nearest(&engine, [5.0, 50_000.0], SearchMode::Auto { ef: 40 });
    assert_eq!(found.rows[0].0, Some(0.0));
}

#[test]
fn closed_rows_are_not_found_through_an_index() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), options());
    let docs = filled(&engine);
    let mut txn = engine.begin();
    let rows: Vec<_> = (0..ROWS / 2).map(|n| doc(n, n * 7 % 1_000, -5_000)).collect();
    let mode = cvx_engine::InsertMode { force: true, ..crate::support::plain() };
    txn.begin_statement();
    txn.insert(&docs, batch(&docs, &rows), &mode).unwrap();
    commit(txn).unwrap();
    agree(&engine, 2);
}

#[test]
fn files_serve_after_a_restart_and_damaged_ones_are_built_again() {
    let dir = tempfile::tempdir().unwrap();
    {
        let (engine, _) = open(dir.path(), options());
        filled(&engine);
        engine.shutdown();
    }
    let written = files(dir.path());
    assert_eq!(written.len(), 2);
    let before = std::fs::read(&written[0]).unwrap();
    let modified = std::fs::metadata(&written[1]).unwrap().modified().unwrap();
    let mut damaged = before.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    // In place of the file, as a disk would not: maps of the old one must not change.
    std::fs::remove_file(&written[0]).unwrap();
    std::fs::write(&written[0], damaged).unwrap();
    let (engine, _) = open(dir.path(), options());
    engine.wait_for_indexes().unwrap();
    agree(&engine, 2);
    assert_eq!(std::fs::read(&written[0]).unwrap(), before);
    assert_eq!(std::fs::metadata(&written[1]).unwrap().modified().unwrap(), modified);
    engine.shutdown();
    drop(engine);
    // A missing file is built again too.
    std::fs::remove_file(&written[1]).unwrap();
    let (engine, _) = open(dir.path(), options());
    engine.wait_for_indexes().unwrap();
    agree(&engine, 2);
    assert_eq!(files(dir.path()), written);
}

#[test]
fn dropped_indexes_and_tables_leave_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), options());
    let docs = filled(&engine);
    ddl(&engine, CatalogChange::DropIndex { oid: docs.indexes[0].oid });
    engine.wait_for_indexes().unwrap();
    agree(&engine, 0);
    assert_eq!(files(dir.path()).len(), 0);
    let index = index_def("again", Metric::L2);
    ddl(&engine, CatalogChange::CreateIndex { oid: docs.oid, index });
    engine.wait_for_indexes().unwrap();
    assert_eq!(files(dir.path()).len(), 2);
    ddl(&engine, CatalogChange::DropTable { oid: docs.oid });
    engine.wait_for_indexes().unwrap();
    assert_eq!(files(dir.path()).len(), 0);
}

#[test]
fn an_index_of_another_metric_does_not_answer() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), options());
    let docs = filled(&engine);
    ddl(&engine, CatalogChange::DropIndex { oid: docs.indexes[0].oid });
    for (name, metric) in [("cosine", Metric::Cosine), ("l1", Metric::L1)] {
        let index = index_def(name, metric);
        ddl(&engine, CatalogChange::CreateIndex { oid: docs.oid, index });
    }
    let expression = Some("(v)::vector(1)".to_owned());
    let index = IndexDef { expression, ..index_def("expression", Metric::L2) };
    ddl(&engine, CatalogChange::CreateIndex { oid: docs.oid, index });
    engine.wait_for_indexes().unwrap();
    agree(&engine, 0);
    let states: Vec<_> = engine.index_stats().unwrap().iter().map(|row| row.state).collect();
    let (ready, tail, recorded) = (IndexState::Ready, IndexState::Tail, IndexState::Recorded);
    let of_metrics = [ready, ready, tail, ready, ready, tail];
    assert_eq!(states, [&of_metrics[..], &[recorded, recorded, tail]].concat());
}

#[test]
fn indexes_are_built_anew_when_asked_and_recall_is_measured() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), EngineOptions { index_merge_bytes: 0, ..options() });
    let docs = filled(&engine);
    let before = std::fs::read(&files(dir.path())[0]).unwrap();
    engine.reindex(&[docs.indexes[0].oid]).unwrap();
    agree(&engine, 2);
    assert_eq!(std::fs::read(&files(dir.path())[0]).unwrap(), before);
    let cancel = CancelToken::default();
    let recall = engine.measure_recall(&docs, 5, 100, &cancel).unwrap();
    assert!(recall > 0.95, "{recall}");
    assert!(engine.index_stats().unwrap().iter().all(|row| row.recall == Some(recall)));
    assert!(engine.measure_recall(&docs, 4, 100, &cancel).is_err());
}

/// Stopping does not wait for a build, and what was not finished is made at the next start.
#[test]
fn a_paused_build_stops_with_the_engine() {
    let dir = tempfile::tempdir().unwrap();
    let options = EngineOptions { seal_rows: 512, ..options() };
    {
        let (engine, _) = open(dir.path(), options.clone());
        engine.pause_indexing(true).unwrap();
        let docs = create(&engine, docs(true));
        let rows: Vec<_> = (0..2_000).map(|n| doc(n, n, n)).collect();
        let mut txn = engine.begin();
        insert(&mut txn, &docs, &rows).unwrap();
        commit(txn).unwrap();
        engine.seal(&docs).unwrap();
        let index = index_def("docs_v_idx", Metric::L2);
        ddl(&engine, CatalogChange::CreateIndex { oid: docs.oid, index });
        agree(&engine, 0);
        engine.shutdown();
    }
    assert_eq!(files(dir.path()).len(), 0);
    let (engine, _) = open(dir.path(), options);
    engine.wait_for_indexes().unwrap();
    // Of four segments, merged into one.
    agree(&engine, 1);
}

/// Whether a file is of an index over several segments.
pub(crate) fn is_merged(path: &Path) -> bool {
    path.file_name().unwrap().to_str().unwrap().matches('-').count() > 1
}

fn merged_files(dir: &Path) -> usize {
    files(dir).iter().filter(|path| is_merged(path)).count()
}

/// A table with an index, and no rows.
fn indexed(engine: &Arc<Engine>) -> Arc<Table> {
    let docs = create(engine, docs(true));
    let index = index_def("docs_v_idx", Metric::L2);
    ddl(engine, CatalogChange::CreateIndex { oid: docs.oid, index });
    docs
}

/// 64 rows, later than those before, and a segment of them.
fn seal_part(engine: &Arc<Engine>, docs: &Arc<Table>, part: i64) {
    let rows: Vec<_> = (0..64).map(|n| doc(n, part * 500 + n * 7, n * 31 % 977)).collect();
    let mut txn = engine.begin();
    insert(&mut txn, docs, &rows).unwrap();
    commit(txn).unwrap();
    engine.seal(docs).unwrap();
}

/// Segments come one by one, and the graphs that a search has to walk stay few: at most three of a
/// size. They are there after a restart, and what is erased leaves no file that knew of it.
#[test]
fn many_segments_are_few_walks() {
    let dir = tempfile::tempdir().unwrap();
    let options = EngineOptions { seal_rows: 64, ..options() };
    let (engine, _) = open(dir.path(), options.clone());
    let docs = indexed(&engine);
    let mut most = 0;
    for part in 0..40 {
        seal_part(&engine, &docs, part);
        engine.wait_for_indexes().unwrap();
        let exact = nearest(&engine, [400.0, 900.0], SearchMode::Exact);
        let index = nearest(&engine, [400.0, 900.0], SearchMode::Index { ef: 400 });
        assert_eq!(index.rows, exact.rows, "after {part}");
        most = most.max(index.stats.walked);
    }
    assert!(most <= 3 * 3, "{most} walks");
    // 40 = 2 * 16 + 2 * 4.
    agree(&engine, 4);
    assert_eq!((files(dir.path()).len(), merged_files(dir.path())), (44, 4));
    let stats = engine.index_stats().unwrap();
    assert_eq!(stats.iter().filter(|row| row.state == IndexState::Merged).count(), 40);
    assert!(stats.iter().all(|row| row.unindexed == 0));
    engine.shutdown();
    drop(engine);
    let (engine, _) = open(dir.path(), options);
    engine.wait_for_indexes().unwrap();
    agree(&engine, 4);
    assert_eq!(files(dir.path()).len(), 44);
    // Rows of one segment go: its merged index with them, and the others' own take over.
    let docs = table(&engine);
    engine.pause_indexing(true).unwrap();
    let entity = engine.begin().read(&docs).unwrap();
    let entity = entity.entities_of(&[Arc::new(Int64Array::from(vec![5])) as ArrayRef]).unwrap();
    let point = (entity[0].unwrap(), ValidTime(35));
    engine.erase(&docs, [point]).unwrap();
    assert_eq!(merged_files(dir.path()), 3);
    engine.pause_indexing(false).unwrap();
    engine.wait_for_indexes().unwrap();
    let index = nearest(&engine, [155.0, 35.0], SearchMode::Index { ef: 400 });
    assert_eq!(index.rows, nearest(&engine, [155.0, 35.0], SearchMode::Exact).rows);
    assert!(index.stats.walked <= 9, "{:?}", index.stats);
    let last = table(&engine).indexes[0].oid;
    ddl(&engine, CatalogChange::DropIndex { oid: last });
    engine.wait_for_indexes().unwrap();
    assert_eq!(files(dir.path()).len(), 0);
}

/// A table to which nothing comes any more is merged as far as may be, not by fours; but what comes
/// in small lots does not have a large index built anew each time.
#[test]
fn a_table_at_rest_is_one_walk() {
    let dir = tempfile::tempdir().unwrap();
    let (seal_rows, index_rest) = (64, Duration::ZERO);
    let (engine, _) = open(dir.path(), EngineOptions { seal_rows, index_rest, ..options() });
    let docs = indexed(&engine);
    for (part, walks) in [1, 1, 1, 1, 1, 2, 1, 2, 1, 2, 3, 1].into_iter().enumerate() {
        seal_part(&engine, &docs, part as i64);
        engine.wait_for_indexes().unwrap();
        agree(&engine, walks);
    }
}

/// A bound of three segments for an index: REINDEX makes of eight as few as there may be, and there
/// is nothing to do after it.
#[test]
fn reindex_merges_as_far_as_the_bound() {
    let dir = tempfile::tempdir().unwrap();
    let (seal_rows, index_merge_bytes) = (64, 70_000);
    let options = EngineOptions { seal_rows, index_merge_bytes, ..options() };
    let (engine, _) = open(dir.path(), options);
    let docs = indexed(&engine);
    (0..8).for_each(|part| seal_part(&engine, &docs, part));
    engine.wait_for_indexes().unwrap();
    let oid = table(&engine).indexes[0].oid;
    engine.reindex(&[oid]).unwrap();
    agree(&engine, 3);
    let times = || -> Vec<_> { files(dir.path()).iter().map(|path| modified(path)).collect() };
    let (before, made) = (times(), files(dir.path()));
    assert_eq!((made.len(), merged_files(dir.path())), (11, 3));
    (0..2).for_each(|_| engine.wait_for_indexes().unwrap());
    assert_eq!((times(), files(dir.path())), (before, made));
    agree(&engine, 3);
}

/// Whatever rows are scored by, four segments are indexed, merged, kept over a restart, and answer
/// as the rows do; and the files are of the size that the kind has.
#[test]
fn every_quantization_is_built_merged_and_kept() {
    let mut bytes = Vec::new();
    for kind in Quantization::ALL {
        let dir = tempfile::tempdir().unwrap();
        let options = EngineOptions { seal_rows: 256, ..options() };
        let (engine, _) = open(dir.path(), options.clone());
        let docs = create(&engine, docs(true));
        let rows: Vec<_> = (0..1_024).map(|n| doc(n, n * 7 % 1_000, n * 31 % 977)).collect();
        let mut txn = engine.begin();
        insert(&mut txn, &docs, &rows).unwrap();
        commit(txn).unwrap();
        engine.seal(&docs).unwrap();
        let mut index = index_def("docs_v_idx", Metric::L2);
        index.options.push(("quantization".to_owned(), kind.name().to_owned()));
        assert_eq!(index.quantization(), kind);
        ddl(&engine, CatalogChange::CreateIndex { oid: docs.oid, index });
        engine.wait_for_indexes().unwrap();
        agree(&engine, 1);
        assert_eq!((files(dir.path()).len(), merged_files(dir.path())), (5, 1), "{kind:?}");
        let written: Vec<_> = files(dir.path()).iter().map(|f| modified(f)).collect();
        engine.shutdown();
        drop(engine);
        let (engine, _) = open(dir.path(), options);
        engine.wait_for_indexes().unwrap();
        agree(&engine, 1);
        let kept: Vec<_> = files(dir.path()).iter().map(|f| modified(f)).collect();
        assert_eq!(kept, written, "{kind:?} is not built again");
        let stats = engine.index_stats().unwrap();
        assert!(stats.iter().all(|row| row.index.quantization() == kind));
        bytes.push(stats[0].bytes);
    }
    let [int8, fp16, rabitq4, pq] = bytes[..] else { panic!("{bytes:?}") };
    assert!(rabitq4 < int8 && int8 < fp16, "{bytes:?}");
    // So few rows do not pay for their centroids.
    assert!(pq > fp16, "{bytes:?}");
}

pub(crate) fn modified(path: &Path) -> std::time::SystemTime {
    std::fs::metadata(path).unwrap().modified().unwrap()
}

/// Rows come in, are sealed, indexed and merged while others search: whoever asks for a row that
/// was answered finds it, first, whether it lies in the tail, in a segment or in a merged index.
#[test]
fn every_row_is_found_while_indexes_change() {
    const EACH: i64 = 48;
    let dir = tempfile::tempdir().unwrap();
    let (engine, _) = open(dir.path(), EngineOptions { seal_rows: 48, ..options() });
    let docs = create(&engine, docs(true));
    let index = index_def("docs_v_idx", Metric::L2);
    ddl(&engine, CatalogChange::CreateIndex { oid: docs.oid, index });
    let written = AtomicI64::new(0);
    let vector = |n: i64| [n as f32, (n * 37 % 1_009) as f32];
    let search = || {
        let mut asked = 0;
        while written.load(Ordering::Acquire) < 30 * EACH {
            let last = written.load(Ordering::Acquire);
            for n in (0..last).step_by(41) {
                let found = nearest(&engine, vector(n), SearchMode::Index { ef: 200 });
                assert_eq!(found.rows[0].0, Some(0.0), "row {n} of {last}");
                asked += 1;
            }
        }
        asked
    };
    let asked: usize = std::thread::scope(|scope| {
        let searching = [(); 2].map(|()| scope.spawn(search));
        for part in 0..30 {
            let rows: Vec<_> = (part * EACH..(part + 1) * EACH)
                .map(|n| crate::support::Doc { v: Some(vector(n)), ..doc(n, n, n) })
                .collect();
            let mut txn = engine.begin();
            insert(&mut txn, &docs, &rows).unwrap();
            commit(txn).unwrap();
            written.store((part + 1) * EACH, Ordering::Release);
            engine.seal(&docs).unwrap();
            if part % 3 == 0 {
                engine.wait_for_indexes().unwrap();
            }
        }
        searching.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert!(asked > 100, "{asked} searches");
    engine.wait_for_indexes().unwrap();
    let stats = engine.index_stats().unwrap();
    assert!(stats.iter().all(|row| row.unreachable == 0 && row.unindexed == 0));
    agree(&engine, 6);
}
