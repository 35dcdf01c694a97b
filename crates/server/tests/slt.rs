//! Every file of `sql-tests/`, over the wire, in both protocols; each run on a server of its own.
//!
//! `cargo test -p cvx-server --test slt -- as_of` runs the files whose path says so. With
//! `CVX_SLT_ADDR` they run against another server, such as PostgreSQL with pgvector, which is how
//! the expectations of the files under `postgres/` and `pgvector/` were checked.
//!
//! How nearest neighbours are found must not change a row: files that ask for some run once more
//! under each road, on servers that seal rows after a few. `make test-roads` runs all files so
//! (`CVX_SLT_SEARCH=index` or `exact`).

use cvx_testkit::server::Launch;
use cvx_testkit::slt::{self, Protocol};
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sql-tests");

fn main() {
    let files = files_under(Path::new(ROOT));
    assert!(!files.is_empty(), "no tests under {ROOT}");
    let trials = match std::env::var("CVX_SLT_SEARCH") {
        Ok(search) => {
            files.iter().map(|file| trial(file, Protocol::Simple, Some(&search))).collect()
        }
        Err(_) => standard(&files),
    };
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// Every file in both protocols, and those with neighbours under both roads.
fn standard(files: &[PathBuf]) -> Vec<Trial> {
    let both = files.iter().flat_map(|file| Protocol::ALL.map(|p| trial(file, p, None)));
    let asks = |file: &&PathBuf| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        ["<->", "<=>", "<#>", "st_distance"].iter().any(|word| text.contains(word))
    };
    let roads = files.iter().filter(asks).flat_map(|file| {
        ["index", "exact"].map(|search| trial(file, Protocol::Simple, Some(search)))
    });
    both.chain(roads).collect()
}

fn trial(file: &Path, protocol: Protocol, search: Option<&str>) -> Trial {
    let name = file.strip_prefix(ROOT).unwrap_or(file).display().to_string();
    let (file, search) = (file.to_owned(), search.map(str::to_owned));
    let way = search.as_deref().unwrap_or(protocol.name());
    Trial::test(format!("{name} [{way}]"), move || run(&file, protocol, search.as_deref()))
}

fn run(file: &Path, protocol: Protocol, search: Option<&str>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let Ok(addr) = std::env::var("CVX_SLT_ADDR") {
        return Ok(runtime.block_on(slt::run_file(addr.parse()?, protocol, file))?);
    }
    let dir = tempfile::tempdir()?;
    let launch = Launch::new(env!("CARGO_BIN_EXE_cvx"), dir.path());
    // Files about indexes say themselves when rows are sealed.
    let seals = search.is_some() && !file.starts_with(Path::new(ROOT).join("index"));
    let launch = if seals { launch.set("seal_rows", 4) } else { launch };
    let server = launch.start()?;
    Ok(runtime.block_on(slt::run_file_as(server.addr(), protocol, search, file))?)
}

fn files_under(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(files_under(&path));
        } else if path.extension().is_some_and(|extension| extension == "slt") {
            files.push(path);
        }
    }
    files
}
