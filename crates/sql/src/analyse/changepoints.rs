//! `CHANGEPOINTS(table, entity [, t1, t2])`: where an entity's regime changed.

use super::arguments::{Arguments, Kind, Signature, invalid, parameter};
use super::call::Asked;
use super::record::{Column, Holds, Value, column};
use crate::error::from_analytics;
use cvx_analytics::changepoints::{Method, Penalty, Search};
use cvx_analytics::{ChangePoint, Trajectory, bocpd, changepoints};
use cvx_core::CancelToken;
use cvx_types::Result;

pub(super) const SIGNATURE: Signature = Signature {
    name: "changepoints",
    parameters: &[
        parameter("entity", Kind::Entity),
        parameter("t1", Kind::Time),
        parameter("t2", Kind::Time),
        parameter("method", Kind::Text),
        parameter("penalty", Kind::Text),
        parameter("min_segment", Kind::Integer),
        parameter("mean_run", Kind::Float),
        parameter("threshold", Kind::Float),
    ],
    required: 1,
};

pub(super) const COLUMNS: [Column; 5] = [
    column("ts", Holds::Time),
    column("severity", Holds::Number),
    column("drift_vector", Holds::Vector),
    column("method", Holds::Text),
    column("score", Holds::Number),
];

pub(super) fn run(asked: &Asked) -> Result<Vec<Vec<Value>>> {
    let (arguments, cancel) = (&asked.arguments, asked.cancel());
    let span = (arguments.time("t1"), arguments.time("t2"));
    let Some(points) = asked.points("entity", span)? else { return Ok(Vec::new()) };
    let trajectory = &points.trajectory()?;
    let name = arguments.text("method").unwrap_or("pelt").trim().to_ascii_lowercase();
    let (method, found) = match name.as_str() {
        "bocpd" => ("bocpd", online(trajectory, arguments, cancel)?),
        name => {
            let method = [Method::Pelt, Method::Exact, Method::Jump]
                .into_iter()
                .find(|method| method.name() == name)
                .ok_or_else(|| invalid("the method must be pelt, exact, jump or bocpd"))?;
            (method.name(), offline(trajectory, arguments, method, cancel)?)
        }
    };
    Ok(found.into_iter().map(|point| record(point, method)).collect())
}

fn offline(
    trajectory: &Trajectory<'_>,
    arguments: &Arguments,
    method: Method,
    cancel: &CancelToken,
) -> Result<Vec<ChangePoint>> {
    refuse(arguments, &["mean_run", "threshold"], "bocpd only")?;
    let search = search(arguments, method)?;
    changepoints(trajectory, &search, cancel).map_err(from_analytics)
}

/// What to look for, as the arguments say.
pub(super) fn search(arguments: &Arguments, method: Method) -> Result<Search> {
    let least = Search::default().min_segment;
    Ok(Search {
        method,
        penalty: arguments.parsed::<Penalty>("penalty")?,
        min_segment: arguments.count("min_segment", 1, least)?,
    })
}

fn online(
    trajectory: &Trajectory<'_>,
    arguments: &Arguments,
    cancel: &CancelToken,
) -> Result<Vec<ChangePoint>> {
    refuse(arguments, &["penalty"], "pelt, exact and jump only")?;
    let default = bocpd::Settings::default();
    let settings = bocpd::Settings {
        mean_run: arguments.float("mean_run").unwrap_or(default.mean_run),
        threshold: arguments.float("threshold").unwrap_or(default.threshold),
        min_segment: arguments.count("min_segment", 1, default.min_segment)?,
        ..default
    };
    bocpd::watch(trajectory, settings, cancel).map_err(from_analytics)
}

/// An option that would do nothing is refused rather than ignored.
fn refuse(arguments: &Arguments, names: &[&str], of: &str) -> Result<()> {
    match names.iter().find(|name| arguments.is_given(name)) {
        Some(name) => Err(invalid(format!("{name} is for {of}"))),
        None => Ok(()),
    }
}

fn record(point: ChangePoint, method: &'static str) -> Vec<Value> {
    vec![
        Value::Time(point.ts_us),
        Value::Number(point.severity),
        Value::Vector(point.drift),
        Value::Text(method),
        Value::number(point.score),
    ]
}
