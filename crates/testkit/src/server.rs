//! A server under test: the real binary, in a process of its own, that may be killed.

use anyhow::{Context as _, Result, bail, ensure};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What the ready line on standard output begins with.
const READY: &str = "cvx is ready on ";

/// A running `cvx start`. Dropped, it is killed.
#[derive(Debug)]
pub struct Server {
    process: Child,
    addr: SocketAddr,
    data_dir: PathBuf,
}

/// How to start one.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program `cvx`.
    pub binary: PathBuf,
    pub data_dir: PathBuf,
    /// Where the log goes, appended.
    pub log: PathBuf,
    /// More configuration, as `CVX_...` variables.
    pub variables: Vec<(String, String)>,
}

impl Launch {
    /// A server on `dir/data` that logs to `dir/log`.
    #[must_use]
    pub fn new(binary: impl Into<PathBuf>, dir: &Path) -> Self {
        let (data_dir, log) = (dir.join("data"), dir.join("log"));
        Self { binary: binary.into(), data_dir, log, variables: Vec::new() }
    }

    /// Sets a configuration key for this server.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl ToString) -> Self {
        self.variables.push((format!("CVX_{}", key.to_uppercase()), value.to_string()));
        self
    }

    /// The command, not yet run.
    pub fn command(&self) -> Result<Command> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.binary);
        command.args(["start", "--pg-addr", "127.0.0.1:0", "--data-dir"]).arg(&self.data_dir);
        // Only what the test configures: not what the developer's shell does.
        let foreign = std::env::vars_os().map(|(name, _)| name);
        for name in foreign.filter(|name| name.to_string_lossy().starts_with("CVX_")) {
            command.env_remove(name);
        }
        command.envs(self.variables.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        Ok(command)
    }

    /// Starts the server and returns once it says that it is ready.
    pub fn start(&self) -> Result<Server> {
        self.start_command(&mut self.command()?)
    }

    /// The same by a command to which arguments were added.
    pub fn start_command(&self, command: &mut Command) -> Result<Server> {
        let running = || format!("running {}", self.binary.display());
        let mut process = command.spawn().with_context(running)?;
        match ready_addr(&mut process) {
            Ok(addr) => Ok(Server { process, addr, data_dir: self.data_dir.clone() }),
            Err(error) => {
                let _ = process.kill();
                let status = process.wait()?;
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                bail!("the server did not start ({status}): {error:#}\n{}", last_lines(&log, 30))
            }
        }
    }
}

/// Reads standard output up to the ready line. The rest of the output goes nowhere.
fn ready_addr(process: &mut Child) -> Result<SocketAddr> {
    let output = process.stdout.take().context("standard output is not piped")?;
    let mut lines = BufReader::new(output).lines();
    let line = lines.next().context("standard output ended before the ready line")??;
    let addr = line.strip_prefix(READY).and_then(|rest| rest.split_whitespace().next());
    let addr = addr.with_context(|| format!("not a ready line: {line}"))?.parse()?;
    std::thread::spawn(move || lines.for_each(drop));
    Ok(addr)
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

impl Server {
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// SIGKILL: the process ends between two instructions of its own.
    pub fn kill(mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// SIGTERM, and how long the server took to leave. It must leave by itself within `limit`.
    pub fn stop(mut self, limit: Duration) -> Result<Duration> {
        let began = Instant::now();
        self.signal("TERM")?;
        let status = self.wait(limit)?;
        ensure!(status.success(), "the server left with {status}");
        Ok(began.elapsed())
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) -> Result<()> {
        let (signal, pid) = (format!("-{name}"), self.pid().to_string());
        let status = Command::new("kill").args([signal, pid]).status()?;
        ensure!(status.success(), "kill -{name}: {status}");
        Ok(())
    }

    fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let (deadline, pause) = (Instant::now() + limit, Duration::from_millis(5));
        loop {
            if let Some(status) = self.process.try_wait()? {
                return Ok(status);
            }
            ensure!(Instant::now() < deadline, "the server runs on after {limit:?}");
            std::thread::park_timeout(pause);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
