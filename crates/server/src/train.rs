//! `cvx train`: `CALL cvx.train_predictor` where no server runs, with a bar to watch.
//!
//! It stops at Ctrl-C, and the older model then stays.

use crate::config::Config;
use crate::{say, start};
use anyhow::{Result, ensure};
use cvx_core::CancelToken;
use cvx_sql::Training;
use indicatif::{ProgressBar, ProgressStyle};

/// What the procedure takes, as flags.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The table: its name, after its schema's and a point if that is not public
    table: String,
    /// The database it is in, if not the first
    #[arg(long)]
    database: Option<String>,
    /// The vector column, where there are several
    #[arg(long)]
    column: Option<String>,
    /// Rounds over the data at most; it ends sooner where nothing is gained
    #[arg(long)]
    epochs: Option<usize>,
    /// How many points ahead it learns to see
    #[arg(long)]
    steps_ahead: Option<usize>,
    /// Neurons of a layer
    #[arg(long)]
    width: Option<usize>,
    /// Hidden layers
    #[arg(long)]
    layers: Option<usize>,
    /// Coordinates of the equation
    #[arg(long)]
    rank: Option<usize>,
    #[arg(long)]
    seed: Option<u64>,
}

impl Options {
    fn training(self, config: &Config) -> Training {
        Training {
            database: self.database,
            table: self.table,
            column: self.column,
            epochs: self.epochs,
            steps_ahead: self.steps_ahead,
            width: self.width,
            layers: self.layers,
            rank: self.rank,
            seed: self.seed,
            memory_bytes: config.query_memory_bytes,
        }
    }
}

pub(crate) fn run(config: &Config, options: Options) -> Result<()> {
    let dir = &config.data_dir;
    // Opening makes what is not there.
    ensure!(dir.is_dir(), "{} is not a data directory", dir.display());
    let engine = start::open(config)?;
    let cancel = CancelToken::default();
    let runtime = start::runtime(config)?;
    let stop = cancel.clone();
    runtime.spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.cancel();
        }
    });
    let bar = progress_bar();
    let mut see = |epoch: usize, of: usize, error: f64, error_linear: f64| {
        bar.set_length(of as u64);
        bar.set_position(epoch as u64);
        bar.set_message(format!("error {error:.4}, of a straight line {error_linear:.4}"));
    };
    let told = cvx_sql::train(&engine, &options.training(config), &mut see, &cancel);
    bar.finish_and_clear();
    engine.shutdown();
    let mut out = std::io::stdout().lock();
    told?.iter().try_for_each(|line| Ok(say(&mut out, line)?))
}

/// Nothing is drawn where nobody watches.
fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("  {bar:40} {pos}/{len} epochs, {eta} left; {msg}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
