//! `CALL cvx.train_predictor('docs', ...)`: fits the neural equation to a table's trajectories,
//! judges every method beside it, and keeps both for PREDICT.
//!
//! It trains on what is committed and known now, whatever the session's times, off the async
//! threads, and stops when the statement is cancelled; the older model stays until the new one is
//! on disk. `cvx train` does the same where no server runs ([`offline`]).

mod load;
mod offline;

use crate::analyse::{Population, TableSource};
use crate::error::from_predict;
use crate::plan::{Params, StatementCx, undefined_table};
use crate::session::SqlSession;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Int64Type;
use cvx_core::CancelToken;
use cvx_engine::Table;
use cvx_predict::{BacktestOptions, Predictor, Progress, Score, TrainOptions};
use cvx_session::{Notice, Outcome};
use cvx_types::{PgType, Result, SqlError, SqlState};
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
};
use std::sync::Arc;

pub(crate) use load::in_background as load_models;
pub use offline::{Training, train};

/// The procedure's name.
pub const NAME: &str = "cvx.train_predictor";

const OPTIONS: [&str; 7] = ["column", "epochs", "steps_ahead", "width", "layers", "rank", "seed"];

/// Runs the call.
pub async fn call(
    session: &mut SqlSession,
    function: &Function,
    params: &Params,
    text: &str,
) -> Result<Outcome> {
    let work = session.reading(params, text, async |cx| Work::of(cx, function)).await?;
    let quiet = |at: Progress| {
        tracing::debug!(at.epoch, at.epochs_max, at.error, at.error_linear, "training");
    };
    let run = move || work.run(&mut { quiet });
    let done = tokio::task::spawn_blocking(run).await.map_err(|panic| {
        SqlError::new(SqlState::INTERNAL_ERROR, format!("training failed: {panic}"))
    })?;
    for message in done? {
        session.notify(Notice { severity: "INFO", state: "00000", message });
    }
    Ok(Outcome::Done { tag: "CALL".to_owned() })
}

/// What was asked for, away from the session.
struct Work {
    source: TableSource,
    options: TrainOptions,
    pool: Arc<dyn MemoryPool>,
    cancel: CancelToken,
}

impl Work {
    fn of(cx: &StatementCx<'_>, function: &Function) -> Result<Self> {
        let (table, named) = arguments(cx, function)?;
        cx.guard.call(NAME, &table)?;
        let text = |name: &str| {
            let value = named.iter().find(|(known, _)| *known == name).map(|(_, expr)| expr);
            value.map(|expr| cx.constant(expr, &PgType::Text, -1)).transpose()
        };
        let column = text("column")?;
        let column = column.as_ref().filter(|text| text.is_valid(0));
        let column = column.map(|text| text.as_string::<i32>().value(0));
        let vector = vector_column(&table, column)?;
        let read = cx.txn.read(&table).map_err(crate::error::from_engine)?;
        let source = TableSource::current(read, vector).ok_or_else(|| no_trajectories(&table))?;
        let pool = Arc::clone(&cx.state.runtime_env().memory_pool);
        Ok(Self { source, options: options(cx, &named)?, pool, cancel: cx.cancel.clone() })
    }

    /// Trains, judges, keeps; says how it went.
    fn run(self, see: &mut dyn FnMut(Progress)) -> Result<Vec<String>> {
        let population = self.source.whole_population(&self.pool, &self.cancel)?;
        let mut last = None;
        let mut progress = |at: Progress| {
            see(at);
            last = Some(at);
        };
        let subjects = population.subjects()?;
        let backtest =
            BacktestOptions { steps_ahead: self.options.steps_ahead, ..BacktestOptions::STANDARD };
        let predictor =
            Predictor::trained(&subjects, &self.options, &backtest, &mut progress, &self.cancel)
                .map_err(from_predict)?;
        let messages = report(&population, subjects.len(), last, &predictor);
        self.source.keep(predictor)?;
        Ok(messages)
    }
}

fn report(
    population: &Population,
    kept: usize,
    last: Option<Progress>,
    predictor: &Predictor,
) -> Vec<String> {
    let epochs = last.map_or(0, |last| last.epoch);
    let mut messages = vec![format!(
        "trained on {kept} of {} entities in {epochs} epochs; auto uses {}",
        population.all,
        predictor.best().name()
    )];
    messages.extend(predictor.scores().map(score));
    messages
}

fn score(score: &Score) -> String {
    let Score { method, error, coverage, cases } = score;
    let coverage = match coverage {
        Some(coverage) => format!("95 % intervals covered {:.1} %", coverage * 100.0),
        None => "too few cases for 95 % intervals".to_owned(),
    };
    format!("{}: error {error:.6}, {coverage}, {cases} cases", method.name())
}

type Named = Vec<(&'static str, Expr)>;

/// The table, and the options by name.
fn arguments(cx: &StatementCx<'_>, function: &Function) -> Result<(Arc<Table>, Named)> {
    let FunctionArguments::List(list) = &function.args else { return Err(wrong()) };
    let Some((FunctionArg::Unnamed(FunctionArgExpr::Expr(table)), rest)) = list.args.split_first()
    else {
        return Err(wrong());
    };
    let text = cx.constant(table, &PgType::Text, -1)?;
    let text = text.as_string::<i32>();
    if text.is_null(0) {
        return Err(SqlError::new(SqlState::INVALID_PARAMETER, "the table's name is NULL"));
    }
    let parts: Vec<String> = text.value(0).split('.').map(str::to_owned).collect();
    let table = cx.find_table(&parts).ok_or_else(|| undefined_table(text.value(0)))?;
    Ok((table, rest.iter().map(option).collect::<Result<_>>()?))
}

fn option(argument: &FunctionArg) -> Result<(&'static str, Expr)> {
    let (name, value) = match argument {
        FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. }
        | FunctionArg::ExprNamed {
            name: Expr::Identifier(name),
            arg: FunctionArgExpr::Expr(value),
            ..
        } => (name, value),
        _ => return Err(wrong()),
    };
    let known = OPTIONS.into_iter().find(|known| name.value.eq_ignore_ascii_case(known));
    Ok((known.ok_or_else(wrong)?, value.clone()))
}

fn wrong() -> SqlError {
    let message = format!("{NAME} takes the name of a table, then options by name");
    SqlError::new(SqlState::UNDEFINED_FUNCTION, message)
        .hint(format!("The options are {}.", OPTIONS.join(", ")))
}

fn options(cx: &StatementCx<'_>, named: &Named) -> Result<TrainOptions> {
    let mut options = TrainOptions::STANDARD;
    for (name, value) in named.iter().filter(|(name, _)| *name != "column") {
        let number = whole(name, &cx.constant(value, &PgType::Int8, -1)?)?;
        let size = usize::try_from(number).map_err(|_| out_of_range(name));
        match *name {
            "epochs" => options.epochs_max = size?,
            "steps_ahead" => options.steps_ahead = size?,
            "width" => options.width = size?,
            "layers" => options.layers = size?,
            "rank" => options.rank_max = size?,
            _ => options.seed = u64::try_from(number).map_err(|_| out_of_range(name))?,
        }
    }
    Ok(options)
}

fn whole(name: &str, value: &ArrayRef) -> Result<i64> {
    let value = value.as_primitive_opt::<Int64Type>().filter(|value| value.is_valid(0));
    value.map(|value| value.value(0)).ok_or_else(|| out_of_range(name))
}

fn out_of_range(name: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER, format!("{name} is out of range"))
}

fn no_trajectories(table: &Table) -> SqlError {
    let message = format!("table \"{}\" has no valid time", table.name);
    SqlError::new(SqlState::WRONG_OBJECT_TYPE, message)
}

/// The place of the vector column meant: the one there is, or the one named.
fn vector_column(table: &Table, named: Option<&str>) -> Result<usize> {
    let is_vector = |at: &usize| table.columns[*at].dimension().is_some();
    let vectors: Vec<usize> = (0..table.columns.len()).filter(is_vector).collect();
    let named = named.map(|name| vectors.iter().find(|at| table.columns[**at].name == name));
    match (named, vectors.as_slice()) {
        (Some(Some(at)), _) | (None, [at]) => Ok(*at),
        (Some(None), _) | (None, []) => Err(SqlError::new(
            SqlState::UNDEFINED_COLUMN,
            format!("table \"{}\" has no such vector column", table.name),
        )),
        (None, _) => Err(SqlError::new(
            SqlState::AMBIGUOUS_COLUMN,
            format!("table \"{}\" has several vector columns", table.name),
        )
        .hint("Say which by column => 'name'.")),
    }
}
