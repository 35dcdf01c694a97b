//! `DRIFT(table, entity, t1, t2)`: how far an entity came from t1 to t2, and in what direction.
//!
//! With `window => interval` both ends are means over the window up to them, so that neither sees
//! what came after.

use super::arguments::{Arguments, Kind, Signature, invalid, parameter};
use super::call::Asked;
use super::record::{Column, Holds, Value, column};
use crate::error::from_analytics;
use cvx_analytics::{
    Affected, Error, Interpolate, Trajectory, Unit, course, drift_between, mean_position, position,
};
use cvx_types::Result;

pub(super) const SIGNATURE: Signature = Signature {
    name: "drift",
    parameters: &[
        parameter("entity", Kind::Entity),
        parameter("t1", Kind::Time),
        parameter("t2", Kind::Time),
        parameter("interpolate", Kind::Text),
        parameter("window", Kind::Interval),
        parameter("top", Kind::Integer),
        parameter("unit", Kind::Text),
    ],
    required: 3,
};

pub(super) const COLUMNS: [Column; 10] = [
    column("from_ts", Holds::Time),
    column("to_ts", Holds::Time),
    column("l2", Holds::Number),
    column("cosine", Holds::Number),
    column("angular", Holds::Number),
    column("rate", Holds::Number),
    column("direction", Holds::Vector),
    column("dimensions", Holds::Integers),
    column("changes", Holds::Numbers),
    column("shares", Holds::Numbers),
];

const TOP: usize = 5;
const DAY_US: f64 = 86_400e6;

pub(super) fn run(asked: &Asked) -> Result<Vec<Vec<Value>>> {
    let arguments = &asked.arguments;
    let (Some(t1), Some(t2)) = (arguments.time("t1"), arguments.time("t2")) else {
        return Ok(Vec::new());
    };
    let Some(points) = asked.points("entity", (None, None))? else { return Ok(Vec::new()) };
    let trajectory = &points.trajectory()?;
    let from = place(trajectory, arguments, t1)?;
    let to = place(trajectory, arguments, t2)?;
    let drift = drift_between(&from, &to).map_err(from_analytics)?;
    let top = arguments.count("top", 0, TOP)?;
    let course = course(&from, &to, top).map_err(from_analytics)?;
    let unit = arguments.parsed::<Unit>("unit")?.days();
    let units = t2.abs_diff(t1) as f64 / DAY_US / unit;
    let moved = !course.most_affected.is_empty() || drift.l2 > 0.0;
    let most = &course.most_affected;
    let numbers = |of: fn(&Affected) -> f64| Value::Numbers(most.iter().map(of).collect());
    Ok(vec![vec![
        in_force(trajectory, t1)?,
        in_force(trajectory, t2)?,
        Value::Number(drift.l2),
        Value::number(drift.cosine),
        Value::number(drift.angular),
        if t1 == t2 { Value::Null } else { Value::Number(drift.l2 / units) },
        if moved { Value::Vector(course.direction) } else { Value::Null },
        // From 1, as `subvector` counts.
        Value::Integers(most.iter().map(|of| number(of.dimension)).collect()),
        numbers(|of| of.change),
        numbers(|of| of.share),
    ]])
}

fn number(dimension: usize) -> i32 {
    i32::try_from(dimension + 1).unwrap_or(i32::MAX)
}

fn place(trajectory: &Trajectory<'_>, arguments: &Arguments, at: i64) -> Result<Vec<f64>> {
    let how = arguments.parsed::<Interpolate>("interpolate")?;
    let place = match arguments.interval_us("window")? {
        Some(_) if how != Interpolate::Step => {
            return Err(invalid("a window is a mean of points: interpolate does not apply"));
        }
        Some(window) => mean_position(trajectory, at.saturating_sub(window), at),
        None => position(trajectory, at, how),
    };
    place.map_err(from_analytics)
}

fn in_force(trajectory: &Trajectory<'_>, at: i64) -> Result<Value> {
    let point = trajectory.in_force(at).ok_or(Error::NothingInForce).map_err(from_analytics)?;
    Ok(Value::Time(trajectory.times_us()[point]))
}
