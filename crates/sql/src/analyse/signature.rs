//! `SIGNATURE(table, entity [, t1, t2, rank, depth, anchors])`: the iterated integrals of an
//! entity's way.
//!
//! Along its own principal axes, or along anchors: two entities' signatures compare in one frame
//! only, and anchors are one (SIMILARITY makes another for every pair).

use super::anchors::anchors;
use super::arguments::{Kind, Signature, invalid, parameter};
use super::call::Asked;
use super::record::{Column, Holds, Value, column};
use crate::error::from_analytics;
use cvx_analytics::{Along, Error, Projection, Rows, Trajectory};
use cvx_types::Result;

pub(super) const SIGNATURE: Signature = Signature {
    name: "signature",
    parameters: &[
        parameter("entity", Kind::Entity),
        parameter("t1", Kind::Time),
        parameter("t2", Kind::Time),
        parameter("rank", Kind::Integer),
        parameter("depth", Kind::Integer),
        parameter("anchors", Kind::Vectors),
    ],
    required: 1,
};

pub(super) const COLUMNS: [Column; 4] = [
    column("signature", Holds::Numbers),
    column("dimensions", Holds::Integer),
    column("depth", Holds::Integer),
    column("points", Holds::Integer),
];

/// Axes and levels of signatures, here and in SIMILARITY.
pub(super) const RANK: usize = 4;
pub(super) const DEPTH: usize = 3;

pub(super) fn run(asked: &Asked) -> Result<Vec<Vec<Value>>> {
    let arguments = &asked.arguments;
    let span = (arguments.time("t1"), arguments.time("t2"));
    let depth = arguments.count("depth", 1, DEPTH)?;
    let rank = arguments.count("rank", 1, RANK)?;
    let anchors = anchors(asked)?;
    if anchors.is_some() && arguments.is_given("rank") {
        return Err(invalid("rank is for principal axes: anchors are axes of their own"));
    }
    let Some(points) = asked.points("entity", span)? else { return Ok(Vec::new()) };
    let path = points.trajectory()?;
    let coordinates = match &anchors {
        Some(anchors) => {
            let rows = anchors.rows().map_err(from_analytics)?;
            let along = cvx_analytics::anchor_projection(&path, &rows, Along::Component);
            along.map(|coordinates| (coordinates, rows.len()))
        }
        None => principal(&path, rank),
    };
    let signed = coordinates.and_then(|(coordinates, dim)| {
        Ok((cvx_analytics::signature(&coordinates, dim, depth)?, dim))
    });
    let (values, dim) = match signed {
        Ok((signature, dim)) => (Value::Numbers(signature.values().collect()), dim),
        // Who stood still has no axes, and went nowhere.
        Err(Error::Undetermined(_)) => (Value::Null, 0),
        Err(error) => return Err(from_analytics(error)),
    };
    Ok(vec![vec![values, count(dim)?, count(depth)?, count(path.len())?]])
}

/// Coordinates along the axes in which an entity's points differ most, and how many those are.
fn principal(path: &Trajectory<'_>, rank: usize) -> std::result::Result<(Vec<f64>, usize), Error> {
    let rows = Rows::of(path)?;
    let frame = Projection::fit(&rows, rank)?;
    Ok((frame.project_rows(&rows)?, frame.rank()))
}

fn count(number: usize) -> Result<Value> {
    i64::try_from(number).map(Value::Integer).map_err(|_| invalid("too many points"))
}
