//! `PROCRUSTES(table, t1, t2)`: the turn that takes the vectors at t1 to those at t2, fitted to the
//! entities seen at both and applied to all seen at t1.
//!
//! Two columns, or tables of two models, are two moments of a SELECT in the table's place.

use super::arguments::{Kind, Signature, invalid, parameter};
use super::call::Asked;
use super::record::{Column, Holds, Value, column};
use super::snapshot::Shared;
use super::source::Snapshot;
use crate::error::from_analytics;
use cvx_analytics::{Origin, Procrustes, procrustes};
use cvx_types::Result;
use std::collections::HashMap;

pub(super) const SIGNATURE: Signature = Signature {
    name: "procrustes",
    parameters: &[
        parameter("t1", Kind::Time),
        parameter("t2", Kind::Time),
        parameter("origin", Kind::Text),
    ],
    required: 2,
};

pub(super) const COLUMNS: [Column; 7] = [
    column("entity", Holds::Entity),
    column("mapped", Holds::Vector),
    column("distance", Holds::Number),
    column("unmapped_distance", Holds::Number),
    column("residual", Holds::Number),
    column("unmapped", Holds::Number),
    column("unexplained", Holds::Number),
];

pub(super) fn run(asked: &Asked) -> Result<Vec<Vec<Value>>> {
    let arguments = &asked.arguments;
    let (Some(t1), Some(t2)) = (arguments.time("t1"), arguments.time("t2")) else {
        return Ok(Vec::new());
    };
    let origin = origin(arguments.text("origin").unwrap_or("moved"))?;
    let (before, after) = (asked.snapshot(t1)?, asked.snapshot(t2)?);
    let shared = Shared::of(&before, &after)?;
    let map = procrustes(&shared.before()?, &shared.after()?, origin, asked.cancel())
        .map_err(from_analytics)?;
    let partners: HashMap<usize, usize> = shared.pairs.iter().copied().collect();
    let rows = 0..before.points.ts_us.len();
    rows.map(|row| {
        let partner = partners.get(&row).map(|partner| after.row(*partner));
        record(&before, row, partner, &map)
    })
    .collect()
}

fn record(
    before: &Snapshot,
    row: usize,
    partner: Option<&[f32]>,
    map: &Procrustes,
) -> Result<Vec<Value>> {
    let vector = before.row(row);
    let mapped = map.apply(vector).map_err(from_analytics)?;
    let wide = |vector: &[f32]| vector.iter().copied().map(f64::from).collect::<Vec<f64>>();
    let distance = |from: &[f64]| match partner {
        Some(to) => {
            let squares = from.iter().zip(to).map(|(a, b)| (a - f64::from(*b)).powi(2));
            Value::Number(squares.sum::<f64>().sqrt())
        }
        None => Value::Null,
    };
    Ok(vec![
        Value::Entity(before.entities.slice(row, 1)),
        Value::Vector(mapped.clone()),
        distance(&mapped),
        distance(&wide(vector)),
        Value::Number(map.residual),
        Value::Number(map.unmapped),
        Value::number(map.unexplained),
    ])
}

fn origin(name: &str) -> Result<Origin> {
    match name.trim().to_ascii_lowercase().as_str() {
        "moved" => Ok(Origin::Moved),
        "fixed" => Ok(Origin::Fixed),
        _ => Err(invalid("the origin must be moved or fixed")),
    }
}
