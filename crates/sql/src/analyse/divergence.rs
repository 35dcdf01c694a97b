//! `DIVERGENCE(table, a, b [, t1, t2])`: how far apart two entities were, as time went.

use super::arguments::{Kind, Signature, parameter};
use super::call::Asked;
use super::changepoints::search;
use super::record::{Column, Holds, Value, column};
use crate::error::from_analytics;
use crate::functions::metric_named;
use cvx_analytics::changepoints::Method;
use cvx_analytics::{Apart, ChangePoint, Trajectory, changepoints, divergence};
use cvx_core::Metric;
use cvx_types::{Result, SqlError, SqlState};

pub(super) const SIGNATURE: Signature = Signature {
    name: "divergence",
    parameters: &[
        parameter("a", Kind::Entity),
        parameter("b", Kind::Entity),
        parameter("t1", Kind::Time),
        parameter("t2", Kind::Time),
        parameter("metric", Kind::Text),
        parameter("penalty", Kind::Text),
        parameter("min_segment", Kind::Integer),
    ],
    required: 2,
};

pub(super) const COLUMNS: [Column; 4] = [
    column("ts", Holds::Time),
    column("distance", Holds::Number),
    column("is_break", Holds::Truth),
    column("severity", Holds::Number),
];

pub(super) fn run(asked: &Asked) -> Result<Vec<Vec<Value>>> {
    let arguments = &asked.arguments;
    // A point before t1 may be in force at t1.
    let span = (None, arguments.time("t2"));
    let (Some(a), Some(b)) = (asked.points("a", span)?, asked.points("b", span)?) else {
        return Ok(Vec::new());
    };
    let metric = metric(asked)?;
    let whole = divergence(&a.trajectory()?, &b.trajectory()?, metric).map_err(from_analytics)?;
    let apart = since(whole, arguments.time("t1"));
    let breaks = breaks(asked, &apart)?;
    Ok(apart
        .ts_us
        .iter()
        .zip(&apart.distances)
        .enumerate()
        .map(|(at, (ts, distance))| {
            let found = breaks.iter().find(|found| found.at == at);
            let severity = found.map_or(Value::Null, |found| Value::Number(found.severity));
            vec![
                Value::Time(*ts),
                Value::Number(*distance),
                Value::Truth(found.is_some()),
                severity,
            ]
        })
        .collect())
}

pub(super) fn metric(asked: &Asked) -> Result<Metric> {
    match asked.arguments.text("metric") {
        None => Ok(asked.default_metric()),
        Some(name) => metric_named(name).ok_or_else(|| {
            SqlError::new(
                SqlState::INVALID_PARAMETER,
                "the metric must be cosine, l2, ip, l1 or poincare",
            )
        }),
    }
}

/// The series from t1 on; what was in force there stands at t1.
fn since(apart: Apart, t1: Option<i64>) -> Apart {
    let Some(t1) = t1 else { return apart };
    let first = apart.ts_us.partition_point(|ts| *ts <= t1);
    let (mut ts_us, mut distances) = (Vec::new(), Vec::new());
    if let Some(before) = first.checked_sub(1) {
        ts_us.push(t1);
        distances.push(apart.distances[before]);
    }
    ts_us.extend_from_slice(&apart.ts_us[first..]);
    distances.extend_from_slice(&apart.distances[first..]);
    Apart { ts_us, distances }
}

/// Breaks of the series of distances; a series too short for any has none.
fn breaks(asked: &Asked, apart: &Apart) -> Result<Vec<ChangePoint>> {
    let values = apart.values();
    let series = Trajectory::new(&apart.ts_us, &values, 1).map_err(from_analytics)?;
    let search = search(&asked.arguments, Method::Pelt)?;
    if series.len() < search.points_needed() {
        return Ok(Vec::new());
    }
    changepoints(&series, &search, asked.cancel()).map_err(from_analytics)
}
