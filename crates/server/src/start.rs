//! `cvx start`: from a configuration to a served database, and back down in order.
//!
//! Up: listen, recover, serve, say so. The port is taken first, so that a second server on it
//! fails before it touches the data; the line that says "ready" comes last, once a client that
//! reads it can connect and see every acknowledged row.
//!
//! Down (SIGTERM, Ctrl-C): no new clients, idle ones are told 57P01, running statements get
//! `drain_ms`, then the writer drains and the store closes. A second signal stops waiting. That is
//! safe at any moment, for what was acknowledged is already on disk.

use crate::config::Config;
use crate::say;
use crate::{guard, tls};
use anyhow::{Context as _, Result};
use cvx_core::SystemClock;
use cvx_engine::{Engine, EngineOptions};
use cvx_sql::{Db, DbOptions};
use cvx_wire::{Admission, WireLimits};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Plans nest, and planning recurses: deep statements need more than the usual 2 MiB.
const STACK_BYTES: usize = 32 << 20;
/// What the writer and the store get to close, after the clients are gone.
const CLOSE_MS: u64 = 900;

/// Serves until a signal says stop.
pub(crate) fn run(config: &Config, port_file: Option<&Path>) -> Result<()> {
    let runtime = runtime(config)?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        stop_on_signal(stop.clone())?;
        let server = Server::start(config).await?;
        announce(config, server.addr, port_file)?;
        server.run_until(stop).await
    })?;
    runtime.shutdown_timeout(Duration::from_millis(CLOSE_MS));
    tracing::info!("stopped");
    Ok(())
}

/// The threads that serve clients.
pub(crate) fn runtime(config: &Config) -> Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if config.worker_threads > 0 {
        builder.worker_threads(config.worker_threads);
    }
    builder.thread_name("cvx-serve").thread_stack_size(STACK_BYTES).enable_all();
    builder.build().context("the threads that serve clients")
}

/// Opens the data directory: recovery happens here.
pub(crate) fn open(config: &Config) -> Result<Arc<Engine>> {
    let options = engine_options(config);
    Engine::open(&config.data_dir, options, Arc::new(SystemClock))
        .with_context(|| format!("the data directory {}", config.data_dir.display()))
}

fn engine_options(config: &Config) -> EngineOptions {
    EngineOptions {
        database: config.database.clone(),
        spill_bytes: config.spill_bytes,
        seal_rows: config.seal_rows,
        seal_bytes: config.seal_bytes,
        index_merge_bytes: config.index_merge_bytes,
        queue_commits: config.queue_commits,
        write_buffer_bytes: config.write_buffer_bytes,
        block_cache_bytes: config.block_cache_bytes,
        wal_bytes_max: config.wal_bytes_max,
        monitor_bytes: config.monitor_bytes,
        ..EngineOptions::standard()
    }
}

fn db_options(config: &Config) -> DbOptions {
    let set = |dir: &PathBuf| (!dir.as_os_str().is_empty()).then(|| dir.clone());
    DbOptions {
        query_memory_bytes: config.query_memory_bytes,
        temp_dir: set(&config.temp_dir),
        statement_timeout_ms: config.statement_timeout_ms,
        import_dir: set(&config.import_dir),
        compute_threads: config.worker_threads,
    }
}

fn wire_limits(config: &Config) -> WireLimits {
    WireLimits {
        connections_max: config.connections_max,
        startup_timeout: Duration::from_millis(config.startup_timeout_ms),
        message_bytes_max: config.message_bytes_max,
        inflight_bytes_max: config.inflight_bytes_max,
        copy_row_bytes_max: config.copy_row_bytes_max,
        output_bytes: config.output_bytes,
        statements_max: config.prepared_statements_max,
        portals_max: config.portals_max,
        drain_timeout: Duration::from_millis(config.drain_ms),
    }
}

/// A server that listens and has recovered, but has not yet let anybody in.
pub(crate) struct Server {
    pub addr: SocketAddr,
    listener: TcpListener,
    engine: Arc<Engine>,
    database: Arc<Db>,
    admission: Admission,
    limits: WireLimits,
}

impl Server {
    pub(crate) async fn start(config: &Config) -> Result<Self> {
        let wanted = config.listen_addr()?;
        let admission = tls::admission(config)?;
        let listener =
            TcpListener::bind(wanted).await.with_context(|| format!("listening on {wanted}"))?;
        let addr = listener.local_addr()?;
        let owned = config.clone();
        let engine = tokio::task::spawn_blocking(move || open(&owned)).await??;
        let database = Db::new(Arc::clone(&engine), db_options(config))?;
        somebody_can_log_in(config, &database)?;
        database.load_models()?;
        guard::watch(Arc::clone(&database), config.memory_bytes_max);
        Ok(Self { addr, listener, engine, database, admission, limits: wire_limits(config) })
    }

    /// Serves until `stop`, lets running statements end, and closes.
    pub(crate) async fn run_until(self, stop: CancellationToken) -> Result<()> {
        let Self { listener, engine, database, admission, limits, .. } = self;
        let stopped = stop.cancelled_owned();
        let served = cvx_wire::serve(listener, database, admission, limits, stopped).await;
        tokio::task::spawn_blocking(move || engine.shutdown()).await?;
        served.context("serving clients")
    }
}

/// A server that asks for passwords which nobody has serves nobody.
fn somebody_can_log_in(config: &Config, database: &Db) -> Result<()> {
    let certificates = !config.tls_client_ca.as_os_str().is_empty();
    if config.trust_loopback || certificates || database.has_password() {
        return Ok(());
    }
    anyhow::bail!(
        "trust_loopback is false and no role that may log in has a password, so nobody could \
         connect: set the first superuser's password with `cvx passwd`"
    )
}

/// The one line on standard output, and the port file: for programs that wait for the server.
fn announce(config: &Config, addr: SocketAddr, port_file: Option<&Path>) -> Result<()> {
    let data_dir = config.data_dir.display();
    let (trust_loopback, tls) = (config.trust_loopback, config.has_tls());
    tracing::info!(%addr, %data_dir, trust_loopback, tls, "ready");
    if let Some(path) = port_file {
        let unfinished = path.with_extension("unfinished");
        std::fs::write(&unfinished, format!("{}\n", addr.port()))
            .and_then(|()| std::fs::rename(&unfinished, path))
            .with_context(|| format!("the port file {}", path.display()))?;
    }
    say(&mut std::io::stdout(), &format!("cvx is ready on {addr} data_dir={data_dir}"))?;
    Ok(())
}

/// SIGTERM or Ctrl-C asks for the stop; a second one ends the process at once.
fn stop_on_signal(stop: CancellationToken) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        for asked in 1.. {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if asked > 1 {
                tracing::warn!("asked twice: leaving at once");
                std::process::exit(1);
            }
            tracing::info!("stopping");
            stop.cancel();
        }
    });
    Ok(())
}
