//! `ANCHOR_PROJECTION(table, entity, anchors [, t1, t2, names, along])`: how near an entity was to
//! each of some named vectors, point by point.

use super::arguments::{Kind, Signature, invalid, parameter};
use super::call::Asked;
use super::record::{Column, Holds, Value, column};
use crate::error::{from_analytics, from_datafusion};
use crate::functions::vector::{Anchors, WRONG_ALONG, along_named};
use cvx_analytics::{Along, Trajectory, anchor_projection};
use cvx_types::Result;

pub(super) const SIGNATURE: Signature = Signature {
    name: "anchor_projection",
    parameters: &[
        parameter("entity", Kind::Entity),
        parameter("anchors", Kind::Vectors),
        parameter("t1", Kind::Time),
        parameter("t2", Kind::Time),
        parameter("names", Kind::Texts),
        parameter("along", Kind::Text),
    ],
    required: 2,
};

pub(super) const COLUMNS: [Column; 3] =
    [column("ts", Holds::Time), column("anchor", Holds::Text), column("coordinate", Holds::Number)];

pub(super) fn run(asked: &Asked) -> Result<Vec<Vec<Value>>> {
    let arguments = &asked.arguments;
    let Some(anchors) = anchors(asked)? else { return Ok(Vec::new()) };
    let span = (arguments.time("t1"), arguments.time("t2"));
    let Some(points) = asked.points("entity", span)? else { return Ok(Vec::new()) };
    let along = match arguments.text("along") {
        None => Along::Cosine,
        Some(name) => along_named(name).ok_or_else(|| invalid(WRONG_ALONG))?,
    };
    let rows = anchors.rows().map_err(from_analytics)?;
    let names = names(asked, rows.len())?;
    let path = points.trajectory()?;
    let mut records = Vec::with_capacity(path.len() * names.len());
    for (at, ts) in path.times_us().iter().enumerate() {
        let point = Trajectory::new(&path.times_us()[at..=at], path.vector(at), path.dim());
        let point = point.map_err(from_analytics)?;
        // A zero vector has no cosine, and is none of the other points' business.
        let zero = along == Along::Cosine && path.vector(at).iter().all(|x| *x == 0.0);
        let found = match zero {
            true => vec![f64::NAN; names.len()],
            false => anchor_projection(&point, &rows, along).map_err(from_analytics)?,
        };
        let values = names.iter().zip(found);
        records.extend(values.map(|(name, coordinate)| {
            vec![Value::Time(*ts), Value::Name(name.clone()), Value::number(coordinate)]
        }));
    }
    Ok(records)
}

/// The anchors that were given; none where they are NULL.
pub(super) fn anchors(asked: &Asked) -> Result<Option<Anchors>> {
    let Some(column) = asked.arguments.single("anchors") else { return Ok(None) };
    Anchors::in_row(&column, 0).map_err(from_datafusion)
}

/// What the anchors are called: their numbers from 1, unless names were given.
fn names(asked: &Asked, count: usize) -> Result<Vec<String>> {
    let Some(names) = asked.arguments.texts("names") else {
        return Ok((1..=count).map(|at| at.to_string()).collect());
    };
    if names.len() != count {
        return Err(invalid(format!("there are {count} anchors and {} names", names.len())));
    }
    let named = |name: Option<String>| name.ok_or_else(|| invalid("a name is NULL"));
    names.into_iter().map(named).collect()
}
