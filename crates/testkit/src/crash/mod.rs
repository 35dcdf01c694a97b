//! The crash harness: kill the server at random moments, and hold it to what it acknowledged.
//!
//! ```text
//! generation  a new data directory
//!   cycle     start ─ verify everything ─ workers write ─ SIGKILL ─ settle fates
//! ```
//!
//! Workers send statements of every shape and keep the oracle: a model of the rows each of them
//! owns, advanced only by what was acknowledged. A statement ends in one of three ways. *Acked*:
//! it must be there, every value bit for bit. *Refused* (or never committed): nothing of it may
//! be there. *Unknown*, for the connection died first: all of it or nothing. The fates stand in a
//! file outside the data directory, synced before the worker goes on; at the end of a generation
//! the file is replayed and must tell the same as memory.
//!
//! Each table has an index of short vectors, so that kills hit its building and merging too. After
//! each start what it answers is what comparing every row does, whatever of it is built by then;
//! now and then all of it is waited for, and at the end `cvx check` looks at it.
//!
//! SIGKILL leaves the kernel's page cache alone: this shows that nothing acknowledged was still
//! in the process, and nothing of what the disk does. After FoundationDB's `commit_unknown_result`
//! and RocksDB's `db_crashtest.py`; a run that killed nothing or wrote nothing fails.

mod model;
mod plan;
mod record;
mod searches;
mod verify;
mod worker;

use crate::client;
use crate::server::{Launch, Server};
use anyhow::{Context as _, Result, ensure};
use model::Model;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use verify::Memory;
use worker::{Stop, Worker};

/// A run of the harness.
#[derive(Clone, Debug)]
pub struct Run {
    /// The program `cvx`.
    pub binary: PathBuf,
    pub kills: usize,
    pub seed: u64,
}

/// What happened, for the figures.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub kills: usize,
    /// Starts that were killed before the server was ready.
    pub kills_at_start: usize,
    pub acked_statements: usize,
    pub acked_rows: usize,
    pub refused: usize,
    /// Statements whose answer the kill cut off, by kind.
    pub unknown: BTreeMap<&'static str, usize>,
    /// Of those, how many turned out to have been kept.
    pub unknown_kept: usize,
    pub as_of_repeats: usize,
    /// Row files that had no index when the kill came.
    pub without_index: usize,
    /// Graphs that searches walked.
    pub walked: usize,
}

const WORKERS: u64 = 6;
const KILLS_A_GENERATION: usize = 25;
/// Bounds of the time between the first write and the kill, milliseconds.
const LIFE_MS: (f64, f64) = (50.0, 2000.0);

/// Small enough that sealing and staging happen all the time.
fn launch(run: &Run, dir: &Path) -> Launch {
    Launch::new(&run.binary, dir).set("seal_rows", 400).set("staging_spill_bytes", 64 << 10)
}

impl Run {
    /// Kills the server `kills` times. The error says what was lost, and under which seed.
    pub async fn execute(&self) -> Result<Report> {
        let mut report = Report::default();
        for generation in 0.. {
            let left = self.kills - report.kills;
            if left == 0 {
                break;
            }
            let seed = self.seed.wrapping_add(generation);
            let kills = left.min(KILLS_A_GENERATION);
            self.generation(seed, kills, &mut report)
                .await
                .with_context(|| format!("seed {seed}, kill {} of {}", report.kills, self.kills))?;
        }
        ensure!(report.kills == self.kills, "only {} kills", report.kills);
        ensure!(report.acked_rows > 0, "nothing was acknowledged");
        Ok(report)
    }

    async fn generation(&self, seed: u64, kills: usize, report: &mut Report) -> Result<()> {
        let mut rng = StdRng::seed_from_u64(seed);
        let (data, outside) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let launch = launch(self, data.path());
        let mut workers = Vec::new();
        for number in 0..WORKERS {
            workers.push(Worker::new(number, rng.random(), outside.path())?);
        }
        let mut memory = Memory::default();
        let mut server = launch.start()?;
        worker::create_tables(server.addr()).await?;
        for cycle in 0..kills {
            if cycle % 4 == 3 {
                die_at_start(&launch, server, &mut rng)?;
                report.kills_at_start += 1;
                server = launch.start()?;
            }
            workers = self.cycle(server, workers, &mut rng, report).await?;
            server = launch.start()?;
            if cycle % 5 == 4 {
                searches::built(&client::connect(server.addr()).await?.client).await?;
            }
            self.check_all(&server, &mut workers, &mut memory, &mut rng, report).await?;
        }
        server.stop(Duration::from_secs(10))?;
        workers.iter().try_for_each(Worker::replays_to_the_same)?;
        offline_check(&launch)
    }

    /// Writes until the kill; the fates are settled as far as the answers tell.
    async fn cycle(
        &self,
        server: Server,
        workers: Vec<Worker>,
        rng: &mut StdRng,
        report: &mut Report,
    ) -> Result<Vec<Worker>> {
        let (addr, stop) = (server.addr(), Stop::default());
        let tasks: Vec<_> = workers
            .into_iter()
            .map(|mut worker| {
                let stop = stop.clone();
                tokio::spawn(async move { worker.work(addr, stop).await.map(|()| worker) })
            })
            .collect();
        let (low, high) = (LIFE_MS.0.ln(), LIFE_MS.1.ln());
        let life = Duration::from_secs_f64(rng.random_range(low..high).exp() / 1000.0);
        tokio::time::sleep(life).await;
        stop.set();
        let data_dir = server.data_dir().to_owned();
        server.kill()?;
        report.kills += 1;
        report.without_index += searches::without_index(&data_dir)?;
        let mut settled = Vec::new();
        for task in tasks {
            let worker = task.await??;
            worker.add_to(report);
            settled.push(worker);
        }
        Ok(settled)
    }

    async fn check_all(
        &self,
        server: &Server,
        workers: &mut [Worker],
        memory: &mut Memory,
        rng: &mut StdRng,
        report: &mut Report,
    ) -> Result<()> {
        let connection = client::connect(server.addr()).await?;
        let mut models: Vec<&Model> = Vec::new();
        for worker in workers {
            let found = verify::read(&connection.client, worker.range()).await?;
            report.unknown_kept += usize::from(worker.settle(&found)?);
            models.push(worker.model());
        }
        verify::counts(&connection.client, &models).await?;
        verify::nearest(&connection.client, &models, rng).await?;
        report.walked += searches::agree(&connection.client, &models, rng).await?;
        report.as_of_repeats += memory.repeat(&connection.client, rng).await?;
        memory.remember(&connection.client).await
    }
}

/// Kills a server, and the next one while it recovers.
fn die_at_start(launch: &Launch, server: Server, rng: &mut StdRng) -> Result<()> {
    server.kill()?;
    let mut process = launch.command()?.spawn()?;
    std::thread::park_timeout(Duration::from_millis(rng.random_range(5..120)));
    process.kill()?;
    process.wait()?;
    Ok(())
}

/// `cvx check` finds nothing wrong with what all the kills left behind.
fn offline_check(launch: &Launch) -> Result<()> {
    let output = std::process::Command::new(&launch.binary)
        .args(["check", "--data-dir"])
        .arg(&launch.data_dir)
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "cvx check: {}\n{said}", output.status);
    Ok(())
}
