//! `cvx.backtest(table)`: how far off each method of prediction was, and whether its intervals kept
//! their word.
//!
//! With a trained model all methods are judged on the entities that it did not learn from, else on
//! all. `used` is the method that `auto` takes in PREDICT: there, without a model, the entity's own
//! past decides instead.

use super::arguments::{Kind, Signature, parameter};
use super::call::Asked;
use super::record::{Column, Holds, Value, column};
use crate::error::from_predict;
use cvx_predict::{BacktestOptions, Score, Split, backtest};
use cvx_types::Result;

pub(super) const SIGNATURE: Signature = Signature {
    name: "backtest",
    parameters: &[
        parameter("confidence", Kind::Float),
        parameter("steps_ahead", Kind::Integer),
        parameter("cases", Kind::Integer),
    ],
    required: 0,
};

pub(super) const COLUMNS: [Column; 5] = [
    column("method", Holds::Text),
    column("error", Holds::Number),
    column("coverage", Holds::Number),
    column("cases", Holds::Integer),
    column("used", Holds::Truth),
];

pub(super) fn run(asked: &Asked) -> Result<Vec<Vec<Value>>> {
    let arguments = &asked.arguments;
    let standard = BacktestOptions::STANDARD;
    let options = BacktestOptions {
        confidence: arguments.float("confidence").unwrap_or(standard.confidence),
        steps_ahead: arguments.count("steps_ahead", 1, standard.steps_ahead)?,
        cases_max: arguments.count("cases", 1, standard.cases_max)?,
        ..standard
    };
    let (population, model) = (asked.population()?, asked.trained()?);
    let subjects = population.subjects()?;
    let split = model.as_ref().map_or(Split::Everything, |model| *model.split());
    let ode = model.as_ref().and_then(|model| model.ode());
    let scores =
        backtest(&subjects, &split, ode, &options, asked.cancel()).map_err(from_predict)?;
    let best = scores.iter().map(|score| score.error).min_by(f64::total_cmp);
    let mut used = scores.iter().find(|score| Some(score.error) == best).map(|score| score.method);
    if let Some(model) = &model {
        used = Some(model.best());
    }
    let record = |score: &Score| {
        vec![
            Value::Text(score.method.name()),
            Value::Number(score.error),
            score.coverage.map_or(Value::Null, Value::Number),
            Value::Integer(i64::try_from(score.cases).unwrap_or(i64::MAX)),
            Value::Truth(Some(score.method) == used),
        ]
    };
    Ok(scores.iter().map(record).collect())
}
