//! `PREDICT(table, entity, t)`: where an entity will be, and how sure that is.
//!
//! With a trained model (`CALL cvx.train_predictor`) methods were judged on entities that it did not
//! learn from: `auto` takes the one that erred least there, and intervals come from those errors.
//! Without one, or where it knows more than the statement may see (an AS OF before its last point,
//! a system time), the entity's own past takes its place, and there is no `ode`.

use super::arguments::{Kind, Signature, invalid, parameter};
use super::call::Asked;
use super::record::{Column, Holds, Value, column};
use crate::error::from_predict;
use cvx_analytics::Trajectory;
use cvx_core::CancelToken;
use cvx_predict::{BacktestOptions, Choice, Method, Predictor, Subject};
use cvx_types::Result;
use std::sync::Arc;

pub(super) const SIGNATURE: Signature = Signature {
    name: "predict",
    parameters: &[
        parameter("entity", Kind::Entity),
        parameter("t", Kind::Time),
        parameter("confidence", Kind::Float),
        parameter("method", Kind::Text),
    ],
    required: 2,
};

pub(super) const COLUMNS: [Column; 5] = [
    column("vector", Holds::Vector),
    column("lower", Holds::Vector),
    column("upper", Holds::Vector),
    column("uncertainty", Holds::Vector),
    column("method", Holds::Text),
];

const CONFIDENCE: f64 = 0.95;

pub(super) fn run(asked: &Asked) -> Result<Vec<Vec<Value>>> {
    let arguments = &asked.arguments;
    let Some(t) = arguments.time("t") else { return Ok(Vec::new()) };
    let Some(points) = asked.points("entity", (None, None))? else { return Ok(Vec::new()) };
    let path = points.trajectory()?;
    let confidence = arguments.float("confidence").unwrap_or(CONFIDENCE);
    let choice = choice(arguments.text("method").unwrap_or("auto"))?;
    let predictor = match asked.trained()? {
        Some(predictor) => predictor,
        None => Arc::new(of_its_own(path, confidence, asked.cancel())?),
    };
    let found = predictor.predict(&path, t, choice, confidence).map_err(from_predict)?;
    let vector = |vector: Option<Vec<f64>>| vector.map_or(Value::Null, Value::Vector);
    Ok(vec![vec![
        Value::Vector(found.vector),
        vector(found.lower),
        vector(found.upper),
        vector(found.uncertainty),
        Value::Text(found.method.name()),
    ]])
}

fn of_its_own(path: Trajectory<'_>, confidence: f64, cancel: &CancelToken) -> Result<Predictor> {
    let options = BacktestOptions { confidence, ..BacktestOptions::STANDARD };
    Predictor::untrained(&[Subject { key: 0, path }], &options, cancel).map_err(from_predict)
}

fn choice(name: &str) -> Result<Choice> {
    let name = name.trim().to_ascii_lowercase();
    if name == "auto" {
        return Ok(Choice::Auto);
    }
    let method = Method::ALL.into_iter().find(|method| method.name() == name);
    method.map(Choice::Only).ok_or_else(|| invalid("the method must be auto, last, linear or ode"))
}
