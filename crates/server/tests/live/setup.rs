//! A server of one's own, for a test.

use cvx_testkit::client::{self, Connection};
use cvx_testkit::server::{Launch, Server};
use std::process::{Command, Output};
use tempfile::TempDir;

pub(crate) const CVX: &str = env!("CARGO_BIN_EXE_cvx");

/// A running server and the directory it lives in.
pub(crate) struct Running {
    pub server: Server,
    pub launch: Launch,
    pub dir: TempDir,
}

/// Starts a server on an empty directory.
pub(crate) fn start() -> Running {
    start_with(|launch| launch)
}

/// Starts a server on an empty directory, configured.
pub(crate) fn start_with(configure: impl FnOnce(Launch) -> Launch) -> Running {
    let dir = tempfile::tempdir().unwrap();
    let launch = configure(Launch::new(CVX, dir.path()));
    let server = launch.start().unwrap();
    Running { server, launch, dir }
}

impl Running {
    pub(crate) async fn connect(&self) -> Connection {
        client::connect(self.server.addr()).await.unwrap()
    }
}

/// Runs `cvx` to its end.
pub(crate) fn cvx(arguments: &[&str]) -> Output {
    Command::new(CVX).args(arguments).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether a missing tool is a failure: CI must have them all, a laptop need not.
pub(crate) fn required(tool: &str, found: bool) -> bool {
    assert!(found || std::env::var_os("CI").is_none(), "{tool} is not here, and CI must have it");
    if !found {
        eprintln!("skipped: {tool} is not here; `make setup` installs it");
    }
    found
}
