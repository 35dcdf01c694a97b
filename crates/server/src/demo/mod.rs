//! `cvx demo`: a server on an empty directory, loaded and asked over the wire like any other.
//!
//! Nothing here has a short cut into the database: rows go in by binary COPY, questions are SQL
//! sent by tokio-postgres, answers are printed as they came. The questions are chosen from the
//! data: the loader watches for the largest step any document makes between two of its points,
//! and the tour is about that document at that moment, whatever the data set.

mod corpus;
mod load;
mod parquet;
mod point;
mod table;
mod tour;

use crate::config::{Config, Flags};
use crate::start::{self, Server};
use crate::{log, say};
use anyhow::{Context as _, Result, ensure};
use point::Points;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// A Parquet file with doc_id, ts and embedding to load instead of the generated documents
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Keep serving afterwards, until Ctrl-C (the default where a terminal is attached)
    #[arg(long, conflicts_with = "no_wait")]
    keep: bool,
    /// Leave when the tour is over
    #[arg(long)]
    no_wait: bool,
    /// Seed of the generated documents
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

impl Options {
    fn waits(&self) -> bool {
        self.keep || (!self.no_wait && std::io::stdin().is_terminal())
    }

    fn points(&self) -> Result<Points> {
        match &self.data {
            Some(file) => parquet::read(file),
            None => Ok(corpus::generate(self.seed)),
        }
    }
}

pub(crate) fn run(flags: Flags, options: &Options) -> Result<()> {
    let points = options.points()?;
    let scratch = tempfile::tempdir().context("a temporary directory")?;
    let config = configure(flags, scratch.path())?;
    log::start(&config)?;
    let runtime = start::runtime(&config)?;
    let shown = runtime.block_on(show(&config, points, options));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    shown
}

/// The operator's configuration, but quiet, and on an empty directory and a free port.
fn configure(mut flags: Flags, scratch: &Path) -> Result<Config> {
    let said = |key: &str| std::env::var_os(key).is_some();
    if flags.log_level.is_none() && !said("CVX_LOG_LEVEL") {
        flags.log_level = Some("warn".to_owned());
    }
    match &flags.data_dir {
        Some(dir) => ensure!(is_empty(dir), "{} is not empty: the demo starts anew", dir.display()),
        None => flags.data_dir = Some(scratch.join("data")),
    }
    let mut config = Config::load(&flags)?;
    // It is its own only client.
    (config.trust_loopback, config.require_tls) = (true, false);
    if std::net::TcpListener::bind(config.listen_addr()?).is_err() {
        config.pg_addr = "127.0.0.1:0".to_owned();
    }
    Ok(config)
}

fn is_empty(dir: &Path) -> bool {
    std::fs::read_dir(dir).map_or(true, |mut entries| entries.next().is_none())
}

async fn show(config: &Config, points: Points, options: &Options) -> Result<()> {
    let stop = CancellationToken::new();
    let server = Server::start(config).await?;
    let addr = server.addr;
    let serving = tokio::spawn(server.run_until(stop.clone()));
    let toured = guide(config, addr, points).await;
    if toured.is_ok() && options.waits() {
        out("\nThe server goes on serving. Ctrl-C ends it.")?;
        tokio::signal::ctrl_c().await?;
    }
    stop.cancel();
    serving.await.context("the server's task")??;
    toured
}

async fn guide(config: &Config, addr: SocketAddr, points: Points) -> Result<()> {
    out(&format!("Serving {} on {addr}.", config.data_dir.display()))?;
    let client = load::connect(addr).await?;
    let subject = load::load(&client, points).await?;
    tour::walk(&client, &subject).await?;
    let (host, port) = (addr.ip(), addr.port());
    out(&format!("\nTo ask it yourself:\n\n    psql -h {host} -p {port} -U cvx cvx"))
}

/// Prints a line for the reader.
fn out(line: &str) -> Result<()> {
    Ok(say(&mut std::io::stdout(), line)?)
}
