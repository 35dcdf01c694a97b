//! House style that a machine can check, after TigerBeetle's `src/tidy.zig`.
#![expect(clippy::unwrap_used, reason = "a test may fail so")]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Columns of a line, lines of a file.
const COLUMNS_MAX: usize = 100;
const LINES_MAX: usize = 800;

/// Which of our crates each may use. Upwards only: a crate names those it stands on.
const ARROWS: [(&str, &[&str]); 17] = [
    ("auth", &[]),
    ("core", &[]),
    ("types", &["core"]),
    ("analytics", &["core"]),
    ("predict", &["core", "analytics"]),
    ("index", &["core"]),
    ("storage", &["core"]),
    ("publish", &["core"]),
    ("dialect", &[]),
    ("session", &["auth", "core", "types"]),
    ("engine", &["analytics", "core", "types", "index", "storage", "publish"]),
    ("sql", &["auth", "core", "types", "dialect", "session", "engine", "analytics", "predict"]),
    ("wire", &["auth", "core", "types", "session"]),
    ("server", &["auth", "core", "engine", "session", "sql", "wire"]),
    ("testkit", &[]),
    ("cli", &[]),
    ("benches", &["analytics", "core", "index", "predict"]),
];

/// Crates of others that only these of ours may name.
const HOMES: [(&str, &[&str]); 7] = [
    ("datafusion", &["sql"]),
    ("pgwire", &["wire"]),
    ("rocksdb", &["storage"]),
    ("object_store", &["storage"]),
    ("axum", &["server"]),
    ("tonic", &["server"]),
    ("burn", &["predict"]),
];

/// Words that only these files may use.
const WORDS: [(&str, &[&str]); 4] = [
    ("ArrowWriter", &["crates/storage/"]),
    ("SystemTime::now", &["crates/core/src/clock.rs"]),
    (
        "unsafe {",
        &[
            "crates/core/src/code/fetch.rs",
            "crates/core/src/code/wide.rs",
            "crates/server/src/allocator.rs",
            "crates/storage/src/mmap.rs",
        ],
    ),
    ("unsafe fn", &["crates/storage/src/mmap.rs"]),
];

/// The files of the project, relative to its root.
fn files() -> Vec<PathBuf> {
    let listed = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(listed).current_dir(ROOT).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let files: Vec<PathBuf> = listed.lines().map(PathBuf::from).collect();
    let there: Vec<_> =
        files.into_iter().filter(|file| Path::new(ROOT).join(file).is_file()).collect();
    assert!(there.len() > 50, "git lists only {} files under {ROOT}", there.len());
    there
}

fn with_extension(wanted: &[&str]) -> Vec<(PathBuf, String)> {
    let has = |file: &PathBuf| file.extension().is_some_and(|ext| wanted.iter().any(|w| ext == *w));
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(Path::new(ROOT).join(&file)).unwrap();
        (file, text)
    };
    files().into_iter().filter(has).map(read).collect()
}

/// Tests may do what the code may not.
fn is_test(file: &Path) -> bool {
    let named = |part: &str| matches!(part, "tests" | "tests.rs" | "benches" | "examples");
    file.starts_with("crates/testkit")
        || file.components().any(|part| part.as_os_str().to_str().is_some_and(named))
}

#[track_caller]
fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

#[test]
fn lines_fit() {
    let mut long = Vec::new();
    for (file, text) in with_extension(&["rs", "py"]) {
        for (at, line) in text.lines().enumerate() {
            // What holds a text cannot always be broken.
            if line.chars().count() > COLUMNS_MAX && !line.contains(['"', '`']) {
                long.push(format!("{}:{}", file.display(), at + 1));
            }
        }
    }
    none("longer than 100 columns", &long);
}

#[test]
fn files_are_one_noun() {
    let long = |(file, text): &(PathBuf, String)| {
        let lines = text.lines().count();
        (lines > LINES_MAX && !is_test(file)).then(|| format!("{}: {lines}", file.display()))
    };
    none(
        "longer than 800 lines",
        &with_extension(&["rs"]).iter().filter_map(long).collect::<Vec<_>>(),
    );
}

#[test]
fn every_module_says_what_it_is() {
    let silent = |(file, text): &(PathBuf, String)| {
        let inside = file.components().any(|part| part.as_os_str() == "src");
        let says = text.starts_with("//!") || file.ends_with("tests.rs") || text.trim().is_empty();
        (inside && !says).then(|| file.display().to_string())
    };
    none("no module doc", &with_extension(&["rs"]).iter().filter_map(silent).collect::<Vec<_>>());
}

#[test]
fn no_file_is_an_orphan() {
    let sources: BTreeMap<PathBuf, String> = with_extension(&["rs"]).into_iter().collect();
    let mut orphans = Vec::new();
    for file in sources.keys().filter(|file| file.components().any(|c| c.as_os_str() == "src")) {
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap();
        let dir = file.parent().unwrap();
        let (name, above) = match stem {
            "lib" | "main" => continue,
            "mod" => {
                (dir.file_name().and_then(|name| name.to_str()).unwrap(), dir.parent().unwrap())
            }
            _ => (stem, dir),
        };
        let parents = ["mod.rs", "lib.rs", "main.rs"].map(|parent| above.join(parent));
        let declared = |parent: &PathBuf| {
            sources.get(parent).is_some_and(|text| text.contains(&format!("mod {name};")))
        };
        if !parents.iter().chain([&above.with_extension("rs")]).any(declared) {
            orphans.push(file.display().to_string());
        }
    }
    none("declared by no module", &orphans);
}

#[test]
fn words_stay_at_home() {
    let mut strays = Vec::new();
    for (file, text) in with_extension(&["rs"]).iter().filter(|(file, _)| !is_test(file)) {
        for (word, homes) in WORDS {
            let home = homes.iter().any(|home| file.starts_with(home));
            let used = |line: &&str| line.contains(word) && !line.trim_start().starts_with("//");
            if !home && text.lines().any(|line| used(&line)) {
                strays.push(format!("{word} in {}", file.display()));
            }
        }
    }
    none("words away from home", &strays);
}

/// Our crates and what each depends on, but for its tests.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let arguments = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let output = Command::new(cargo).args(arguments).current_dir(ROOT).output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap().iter();
        let used = all.filter(|dependency| dependency["kind"] != "dev");
        (text(&package["name"]), used.map(|dependency| text(&dependency["name"])).collect())
    };
    metadata["packages"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn crates_depend_upwards_only() {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    let mut wrong = Vec::new();
    for (package, used) in dependencies() {
        let package = package.strip_prefix("cvx-").unwrap();
        let Some(allowed) = arrows.get(package) else {
            wrong.push(format!("{package} has no place in the order"));
            continue;
        };
        for ours in used.iter().filter_map(|name| name.strip_prefix("cvx-")) {
            if !allowed.contains(&ours) {
                wrong.push(format!("{package} -> {ours}"));
            }
        }
    }
    none("against the order of crates", &wrong);
}

#[test]
fn crates_of_others_stay_at_home() {
    let mut strays = Vec::new();
    for (package, used) in dependencies() {
        for (theirs, homes) in HOMES {
            let home = homes.iter().any(|home| package == format!("cvx-{home}"));
            if !home && used.contains(theirs) {
                strays.push(format!("{package} -> {theirs}"));
            }
        }
    }
    none("away from home", &strays);
}
