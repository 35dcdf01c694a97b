//! `VELOCITY(table, entity, t)`: how an entity moves at the point in force at t.

use super::arguments::{Kind, Signature, parameter};
use super::call::Asked;
use super::record::{Column, Holds, Value, column};
use crate::error::from_analytics;
use cvx_analytics::{Error, Unit, acceleration, magnitude, velocity};
use cvx_types::Result;

pub(super) const SIGNATURE: Signature = Signature {
    name: "velocity",
    parameters: &[
        parameter("entity", Kind::Entity),
        parameter("t", Kind::Time),
        parameter("unit", Kind::Text),
    ],
    required: 2,
};

pub(super) const COLUMNS: [Column; 4] = [
    column("ts", Holds::Time),
    column("velocity", Holds::Vector),
    column("magnitude", Holds::Number),
    column("acceleration", Holds::Vector),
];

pub(super) fn run(asked: &Asked) -> Result<Vec<Vec<Value>>> {
    let arguments = &asked.arguments;
    let Some(t) = arguments.time("t") else { return Ok(Vec::new()) };
    let Some(points) = asked.points("entity", (None, None))? else { return Ok(Vec::new()) };
    let trajectory = &points.trajectory()?;
    let days = arguments.parsed::<Unit>("unit")?.days();
    let at = trajectory.in_force(t).ok_or(Error::NothingInForce).map_err(from_analytics)?;
    let scaled = |rate: Vec<f64>, by: f64| rate.into_iter().map(|x| x * by).collect::<Vec<_>>();
    let velocity = scaled(velocity(trajectory, at).map_err(from_analytics)?, days);
    let acceleration = match acceleration(trajectory, at) {
        Ok(acceleration) => Value::Vector(scaled(acceleration, days * days)),
        Err(Error::InsufficientData { .. }) => Value::Null,
        Err(error) => return Err(from_analytics(error)),
    };
    let magnitude = Value::Number(magnitude(&velocity));
    let ts = Value::Time(trajectory.times_us()[at]);
    Ok(vec![vec![ts, Value::Vector(velocity), magnitude, acceleration]])
}
