//! Training where no server runs: `cvx train` opens the data directory and calls this.
//!
//! It is the procedure's own work on the table as it is there, by nobody: who may open the files
//! may train on them.

use super::{Work, no_trajectories, vector_column};
use crate::error::from_engine;
use crate::plan::{undefined_database, undefined_table};
use cvx_core::CancelToken;
use cvx_engine::Engine;
use cvx_predict::{Progress, TrainOptions};
use cvx_types::Result;
use datafusion::execution::memory_pool::GreedyMemoryPool;
use std::sync::Arc;

/// What to train on, and how; what is not said is as in the procedure.
#[derive(Clone, Debug, Default)]
pub struct Training {
    /// The first database where none is named.
    pub database: Option<String>,
    /// `table` or `schema.table`.
    pub table: String,
    pub column: Option<String>,
    pub epochs: Option<usize>,
    pub steps_ahead: Option<usize>,
    pub width: Option<usize>,
    pub layers: Option<usize>,
    pub rank: Option<usize>,
    pub seed: Option<u64>,
    /// Bytes of points kept at most.
    pub memory_bytes: usize,
}

/// Trains, judges and keeps a predictor; tells `see(epoch, of, error, error of a straight line)`
/// after each epoch, and at the end what the procedure tells.
pub fn train(
    engine: &Arc<Engine>,
    training: &Training,
    see: &mut dyn FnMut(usize, usize, f64, f64),
    cancel: &CancelToken,
) -> Result<Vec<String>> {
    let mut txn = engine.begin();
    if let Some(name) = &training.database {
        let catalog = engine.catalog();
        let found = catalog.database(name).ok_or_else(|| undefined_database(name))?;
        txn = engine.begin_in(found.oid);
    }
    let (schema, name) = training.table.split_once('.').unwrap_or(("public", &training.table));
    let table = txn.catalog().table(schema, name).cloned();
    let table = table.ok_or_else(|| undefined_table(&training.table))?;
    let vector = vector_column(&table, training.column.as_deref())?;
    let read = txn.read(&table).map_err(from_engine)?;
    let source = crate::analyse::TableSource::current(read, vector);
    let work = Work {
        source: source.ok_or_else(|| no_trajectories(&table))?,
        options: training.options(),
        pool: Arc::new(GreedyMemoryPool::new(training.memory_bytes)),
        cancel: cancel.clone(),
    };
    work.run(&mut |at: Progress| see(at.epoch, at.epochs_max, at.error, at.error_linear))
}

impl Training {
    fn options(&self) -> TrainOptions {
        let standard = TrainOptions::STANDARD;
        TrainOptions {
            epochs_max: self.epochs.unwrap_or(standard.epochs_max),
            steps_ahead: self.steps_ahead.unwrap_or(standard.steps_ahead),
            width: self.width.unwrap_or(standard.width),
            layers: self.layers.unwrap_or(standard.layers),
            rank_max: self.rank.unwrap_or(standard.rank_max),
            seed: self.seed.unwrap_or(standard.seed),
            ..standard
        }
    }
}
