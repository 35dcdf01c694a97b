//! `SIMILARITY(table, a, b [, t1, t2])`: how alike the ways of two entities are, whatever their speeds.
//!
//! Signatures are taken along the axes in which the points of both differ most.

use super::arguments::{Kind, Signature, invalid, parameter};
use super::call::Asked;
use super::divergence::metric;
use super::record::{Column, Holds, Value, column};
use super::signature::{DEPTH, RANK};
use crate::error::from_analytics;
use cvx_analytics::{
    Band, Error, Projection, Rows, Trajectory, dtw, frechet, signature_distance, signature_in,
};
use cvx_core::Metric;
use cvx_types::Result;

pub(super) const SIGNATURE: Signature = Signature {
    name: "similarity",
    parameters: &[
        parameter("a", Kind::Entity),
        parameter("b", Kind::Entity),
        parameter("t1", Kind::Time),
        parameter("t2", Kind::Time),
        parameter("metric", Kind::Text),
        parameter("band", Kind::Float),
        parameter("rank", Kind::Integer),
        parameter("depth", Kind::Integer),
    ],
    required: 2,
};

pub(super) const COLUMNS: [Column; 5] = [
    column("frechet", Holds::Number),
    column("dtw", Holds::Number),
    column("signature_distance", Holds::Number),
    column("points_a", Holds::Integer),
    column("points_b", Holds::Integer),
];

pub(super) fn run(asked: &Asked) -> Result<Vec<Vec<Value>>> {
    let arguments = &asked.arguments;
    let span = (arguments.time("t1"), arguments.time("t2"));
    let (Some(a), Some(b)) = (asked.points("a", span)?, asked.points("b", span)?) else {
        return Ok(Vec::new());
    };
    let (a, b) = (a.trajectory()?, b.trajectory()?);
    let (metric, stop) = (metric(asked)?, asked.cancel());
    let band = arguments.float("band").map_or(Band::All, Band::Share);
    let frechet = frechet(&a, &b, metric, stop).map_err(from_analytics)?;
    // A sum of inner products has no least way; that is an error only where it was asked for.
    let dtw = match metric {
        Metric::InnerProduct if !arguments.is_given("metric") => Value::Null,
        metric => Value::Number(dtw(&a, &b, metric, band, stop).map_err(from_analytics)?),
    };
    let depth = arguments.count("depth", 1, DEPTH)?;
    let apart = signatures_apart(&a, &b, arguments.count("rank", 1, RANK)?, depth);
    let apart = match apart {
        Ok(apart) => Value::Number(apart),
        Err(Error::InsufficientData { .. } | Error::Undetermined(_)) => Value::Null,
        Err(error) => return Err(from_analytics(error)),
    };
    let count = |path: &Trajectory<'_>| {
        i64::try_from(path.len()).map(Value::Integer).map_err(|_| invalid("too many points"))
    };
    Ok(vec![vec![Value::Number(frechet), dtw, apart, count(&a)?, count(&b)?]])
}

fn signatures_apart(
    a: &Trajectory<'_>,
    b: &Trajectory<'_>,
    rank: usize,
    depth: usize,
) -> std::result::Result<f64, Error> {
    let both: Vec<f32> = a.vectors().chain(b.vectors()).flatten().copied().collect();
    let frame = Projection::fit(&Rows::new(&both, a.dim())?, rank)?;
    signature_distance(&signature_in(&frame, a, depth)?, &signature_in(&frame, b, depth)?)
}
