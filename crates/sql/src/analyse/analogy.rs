//! `ANALOGY(table, entity, t_ref, t_target, k)`: who, at t_target, stood where the entity stood at
//! t_ref.

use super::arguments::{Kind, Signature, invalid, parameter};
use super::call::Asked;
use super::divergence::metric;
use super::record::{Column, Holds, Value, column};
use super::snapshot::Shared;
use crate::error::from_analytics;
use cvx_analytics::{Align, Error, Rows, carried, holders};
use cvx_types::Result;

pub(super) const SIGNATURE: Signature = Signature {
    name: "analogy",
    parameters: &[
        parameter("entity", Kind::Entity),
        parameter("t_ref", Kind::Time),
        parameter("t_target", Kind::Time),
        parameter("k", Kind::Integer),
        parameter("align", Kind::Text),
        parameter("metric", Kind::Text),
    ],
    required: 4,
};

pub(super) const COLUMNS: [Column; 4] = [
    column("entity", Holds::Entity),
    column("distance", Holds::Number),
    column("ts", Holds::Time),
    column("vector", Holds::Vector),
];

pub(super) fn run(asked: &Asked) -> Result<Vec<Vec<Value>>> {
    let arguments = &asked.arguments;
    let (Some(t_ref), Some(t_target)) = (arguments.time("t_ref"), arguments.time("t_target"))
    else {
        return Ok(Vec::new());
    };
    let k = arguments.count("k", 1, 10)?;
    let align = align(asked)?;
    let Some(points) = asked.points("entity", (None, None))? else { return Ok(Vec::new()) };
    let trajectory = points.trajectory()?;
    let at = trajectory.in_force(t_ref).ok_or(Error::NothingInForce).map_err(from_analytics)?;
    let before = asked.snapshot(t_ref)?;
    let after = asked.snapshot(t_target)?;
    let shared = Shared::of(&before, &after)?;
    let place =
        carried(trajectory.vector(at), &shared.before()?, &shared.after()?, align, asked.cancel());
    let place = place.map_err(from_analytics)?;
    let candidates = Rows::new(&after.points.vectors, trajectory.dim()).map_err(from_analytics)?;
    let found = holders(&place, &candidates, k, metric(asked)?).map_err(from_analytics)?;
    let record = |row: usize, distance: f64| {
        vec![
            Value::Entity(after.entities.slice(row, 1)),
            Value::Number(distance),
            Value::Time(after.points.ts_us[row]),
            Value::Vector(candidates.row(row).iter().map(|x| f64::from(*x)).collect()),
        ]
    };
    Ok(found.into_iter().map(|holder| record(holder.row, holder.distance)).collect())
}

fn align(asked: &Asked) -> Result<Align> {
    let name = asked.arguments.text("align").unwrap_or("mean");
    match name.trim().to_ascii_lowercase().as_str() {
        "none" => Ok(Align::None),
        "mean" => Ok(Align::Mean),
        "procrustes" => Ok(Align::Procrustes),
        _ => Err(invalid("align must be mean, none or procrustes")),
    }
}
