//! A server, and shells that talk to it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

pub(crate) const CLI: &str = env!("CARGO_BIN_EXE_cvx-cli");

/// What the server's ready line begins with.
const READY: &str = "cvx is ready on 127.0.0.1:";

/// A table with a trajectory that jumps once, at its tenth point.
pub(crate) const TABLES: &str = "CREATE TABLE docs (doc_id BIGINT, ts TIMESTAMPTZ, title TEXT, \
     embedding VECTOR(8), PRIMARY KEY (doc_id, ts)) WITH (entity = 'doc_id', valid_time = 'ts'); \
     INSERT INTO docs SELECT 1, timestamptz '2024-01-01' + x * interval '1 day', 'day ' || x, \
     ('[' || x || ',' || CASE WHEN x < 10 THEN 0 ELSE 50 END || ',0,0,0,0,0,0]')::vector \
     FROM generate_series(0, 19) AS g(x);";

/// A running server. Dropped, it is killed.
pub(crate) struct Server {
    process: Child,
    pub port: String,
    pub dir: TempDir,
}

fn binary() -> Option<PathBuf> {
    let beside = Path::new(CLI).with_file_name("cvx");
    let binary = std::env::var_os("CVX_BIN").map_or(beside, PathBuf::from);
    let found = binary.exists();
    assert!(
        found || std::env::var_os("CI").is_none(),
        "{} is not here: cargo build --workspace --bin cvx",
        binary.display()
    );
    if !found {
        eprintln!("skipped: {} is not here", binary.display());
    }
    found.then_some(binary)
}

impl Server {
    pub(crate) fn start() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(binary()?);
        command.args(["start", "--pg-addr", "127.0.0.1:0", "--data-dir"]);
        command.arg(dir.path().join("data")).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let rest = line.strip_prefix(READY).unwrap_or_else(|| panic!("not ready: {line}"));
        let port = rest.split_whitespace().next().unwrap().to_owned();
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { process, port, dir })
    }

    /// With [`TABLES`].
    pub(crate) fn with_tables() -> Option<Self> {
        let server = Self::start()?;
        server.ok(&["-q", "-c", TABLES]);
        Some(server)
    }

    /// The shell, not yet run, away from the developer's own settings and history.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(CLI);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        command.env("PGPORT", &self.port).env("XDG_STATE_HOME", self.dir.path());
        command.args(arguments).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What was printed; nothing may have gone wrong.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}:\n{}{}", stdout(&output), stderr(&output));
        stdout(&output)
    }

    /// The same with a script on standard input.
    pub(crate) fn piped(&self, arguments: &[&str], script: &str) -> Output {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        process.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        process.wait_with_output().unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
pub(crate) fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}
