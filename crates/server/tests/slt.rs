//! Every file of `sql-tests/`, over the wire, in both protocols; each run on a server of its own.
//! Files that order rows by distance do so once more with every search answered by indexes. Those
//! under `index/` make indexes of their own, and look at them.
//!
//! `cargo test -p cvx-server --test slt -- as_of` runs the files whose path says so. With
//! `CVX_SLT_ADDR` they run against another server, such as PostgreSQL with pgvector, which is how
//! the expectations of the files under `postgres/` and `pgvector/` were checked.

use cvx_testkit::server::Launch;
use cvx_testkit::slt::{self, Protocol};
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sql-tests");

fn main() {
    let files = files_under(Path::new(ROOT));
    assert!(!files.is_empty(), "no tests under {ROOT}");
    let trials = files.iter().flat_map(|file| {
        let protocols = Protocol::ALL.into_iter().filter(|protocol| runs(file, *protocol));
        protocols.map(|protocol| trial(file, protocol))
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit();
}

fn runs(file: &Path, protocol: Protocol) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let own = file.strip_prefix(ROOT).is_ok_and(|path| path.starts_with("index"));
    protocol != Protocol::Indexed || slt::file_searches(&text) && !own
}

fn trial(file: &Path, protocol: Protocol) -> Trial {
    let name = file.strip_prefix(ROOT).unwrap_or(file).display().to_string();
    let file = file.to_owned();
    Trial::test(format!("{name} [{}]", protocol.name()), move || run(&file, protocol))
}

fn run(file: &Path, protocol: Protocol) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let Ok(addr) = std::env::var("CVX_SLT_ADDR") {
        return Ok(runtime.block_on(slt::run_file(addr.parse()?, protocol, file))?);
    }
    let dir = tempfile::tempdir()?;
    let server = Launch::new(env!("CARGO_BIN_EXE_cvx"), dir.path()).start()?;
    Ok(runtime.block_on(slt::run_file(server.addr(), protocol, file))?)
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
