//! `PREDICT(table, entity, t)`: where an entity will be, and how sure that is.
//!
//! Methods are judged on the entity's own past: `auto` takes the one that erred least there, and
//! intervals come from those errors.

use super::arguments::{Kind, Signature, invalid, parameter};
use super::call::Asked;
use super::record::{Column, Holds, Value, column};
use crate::error::from_predict;
use cvx_predict::{BacktestOptions, Choice, Method, Predictor, Subject};
use cvx_types::Result;

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
    let options = BacktestOptions { confidence, ..BacktestOptions::STANDARD };
    let subject = Subject { key: 0, path };
    let predictor =
        Predictor::untrained(&[subject], &options, asked.cancel()).map_err(from_predict)?;
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

fn choice(name: &str) -> Result<Choice> {
    let name = name.trim().to_ascii_lowercase();
    if name == "auto" {
        return Ok(Choice::Auto);
    }
    let method = Method::ALL.into_iter().find(|method| method.name() == name);
    method.map(Choice::Only).ok_or_else(|| invalid("the method must be auto, last, linear or ode"))
}
