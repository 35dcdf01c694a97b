//! Index files that are not what they should be, of one segment and of several: searches are
//! right from the start, and the file is built anew as it was.

use crate::indexes::{agree, ddl, files, index_def, is_merged, modified, nearest, table};
use crate::support::{commit, create, doc, docs, insert, open, options};
use cvx_core::Metric;
use cvx_engine::{Engine, EngineOptions, SearchMode, Table};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SEGMENT_ROWS: i64 = 256;
/// Where the header ends, and the place of its checksum (index::segment::image).
const HEAD: usize = 128;
const HEAD_CRC: usize = 84;

fn small() -> EngineOptions {
    EngineOptions { seal_rows: SEGMENT_ROWS as usize, ..options() }
}

/// A table of so many segments, with an index on them.
fn filled(engine: &Arc<Engine>, name: &str, segments: i64) {
    let docs = create(engine, Table { name: name.to_owned(), ..docs(true) });
    let row = |n| doc(n, n * 7 % 1_000, n * 31 % 977);
    let mut txn = engine.begin();
    insert(&mut txn, &docs, &(0..segments * SEGMENT_ROWS).map(row).collect::<Vec<_>>()).unwrap();
    commit(txn).unwrap();
    engine.seal(&docs).unwrap();
    let index = index_def(&format!("{name}_v_idx"), Metric::L2);
    ddl(engine, cvx_engine::CatalogChange::CreateIndex { oid: docs.oid, index });
}

/// The bytes of all index files.
type Bytes = BTreeMap<PathBuf, Vec<u8>>;

fn bytes(dir: &Path) -> Bytes {
    files(dir).into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// `docs` of eight segments, so two merged indexes, and `others` of four; and the number of
/// `docs`' index.
fn written(dir: &Path) -> (Bytes, u32) {
    let (engine, _) = open(dir, small());
    filled(&engine, "docs", 8);
    filled(&engine, "others", 4);
    engine.wait_for_indexes().unwrap();
    agree(&engine, 2);
    let oid = table(&engine).indexes[0].oid;
    engine.shutdown();
    let bytes = bytes(dir);
    assert_eq!((bytes.len(), bytes.keys().filter(|path| is_merged(path)).count()), (15, 3));
    (bytes, oid)
}

/// Files of an index, or of all others.
fn of_index(bytes: &Bytes, oid: u32, its: bool, merged: bool) -> Vec<&PathBuf> {
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let wanted = |path: &&PathBuf| {
        name(path).starts_with(&format!("{oid}-")) == its && is_merged(path) == merged
    };
    bytes.keys().filter(wanted).collect()
}

/// A file of an older version, whole in itself.
fn older(file: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    file[8] -= 1;
    let sections = u32::from_le_bytes(file[80..84].try_into().unwrap()) as usize;
    let body = (HEAD + 16 * sections).next_multiple_of(64);
    let crc = crc32c::crc32c(&file[..HEAD_CRC]);
    let crc = crc32c::crc32c_append(crc, &file[HEAD_CRC + 4..body]);
    file[HEAD_CRC..HEAD_CRC + 4].copy_from_slice(&crc.to_le_bytes());
    file
}

/// What may befall a file, by name.
fn damages(file: &[u8]) -> Vec<(String, Vec<u8>)> {
    let last = file.len() - 1;
    let mut all = Vec::new();
    for place in [0, 9, 40, HEAD_CRC, HEAD + 8, last / 2, last] {
        let mut flipped = file.to_vec();
        flipped[place] ^= 1;
        all.push((format!("flipped at {place}"), flipped));
    }
    for length in [0, 1, HEAD - 1, HEAD, last / 2, last] {
        all.push((format!("cut to {length}"), file[..length].to_vec()));
    }
    all.push(("of zeros".to_owned(), vec![0; file.len()]));
    all.push(("too long".to_owned(), [file, &[0; 64]].concat()));
    all.push(("of an older version".to_owned(), older(file)));
    all
}

/// In place of the file, as a disk would not: maps of the old one must not change.
fn replace(path: &Path, bytes: &[u8]) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// Opens the directory with some files as they should not be. Searches are right at once, and
/// these files, but no others, are made anew as they were.
#[track_caller]
fn mended(dir: &Path, right: &Bytes, wrong: &[(&Path, &[u8])], what: &str) {
    wrong.iter().for_each(|(path, bytes)| replace(path, bytes));
    let is_wrong = |path: &Path| wrong.iter().any(|(other, _)| *other == path);
    let times = || -> BTreeMap<PathBuf, _> {
        let kept = files(dir).into_iter().filter(|path| !is_wrong(path));
        kept.map(|path| (path.clone(), modified(&path))).collect()
    };
    let before = times();
    let (engine, _) = open(dir, small());
    for query in [[400.0, 300.0], [120.0, 500.0]] {
        let exact = nearest(&engine, query, SearchMode::Exact);
        let index = nearest(&engine, query, SearchMode::Index { ef: 400 });
        assert_eq!(index.rows, exact.rows, "{what}, at the start");
    }
    engine.wait_for_indexes().unwrap();
    agree(&engine, 2);
    engine.shutdown();
    assert!(bytes(dir) == *right, "{what}: files are not as they were");
    assert_eq!(times(), before, "{what}: what was right was made again");
}

#[test]
fn damaged_files_are_built_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (right, oid) = written(dir.path());
    for merged in [false, true] {
        let path = of_index(&right, oid, true, merged)[0];
        for (what, damaged) in damages(&right[path]) {
            mended(dir.path(), &right, &[(path, &damaged)], &format!("merged {merged}, {what}"));
        }
    }
}

/// Each is a whole file, of other rows than its name says. Under the name of a merged one lay
/// another merged one of the same index, and was taken for what it said of itself: it answered
/// well, but erasing rows looks for what to remove by name.
#[test]
fn files_under_the_names_of_others_are_built_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (right, oid) = written(dir.path());
    let (own, merged) = (of_index(&right, oid, true, false), of_index(&right, oid, true, true));
    let (others, of_others) =
        (of_index(&right, oid, false, false), of_index(&right, oid, false, true));
    for (path, other, what) in [
        (own[0], own[1], "own, of the next segment"),
        (own[0], others[0], "own, of another table"),
        (own[0], merged[0], "own, the merged one"),
        (merged[0], own[0], "merged, a segment's own"),
        (merged[0], of_others[0], "merged, of another table"),
        (merged[0], merged[1], "merged, of the next four segments"),
    ] {
        mended(dir.path(), &right, &[(path, &right[other])], what);
    }
    let (a, b) = (merged[0], merged[1]);
    mended(dir.path(), &right, &[(a, &right[b]), (b, &right[a])], "two that changed places");
}
