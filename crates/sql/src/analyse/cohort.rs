//! `COHORT_DRIFT(table, t1, t2)`: how a population moved between two moments.

use super::arguments::{Kind, Signature, parameter};
use super::call::Asked;
use super::record::{Column, Holds, Value, column};
use super::snapshot::Shared;
use crate::error::from_analytics;
use cvx_analytics::{Cohort, Error, classifier_auc, mmd, shift, top_movers, wasserstein};
use cvx_types::Result;

pub(super) const SIGNATURE: Signature = Signature {
    name: "cohort_drift",
    parameters: &[
        parameter("t1", Kind::Time),
        parameter("t2", Kind::Time),
        parameter("cohort", Kind::Predicate),
        parameter("top", Kind::Integer),
        parameter("permutations", Kind::Integer),
    ],
    required: 2,
};

pub(super) const COLUMNS: [Column; 14] = [
    column("entities_before", Holds::Integer),
    column("entities_after", Holds::Integer),
    column("entities_both", Holds::Integer),
    column("shift", Holds::Number),
    column("mean_shift", Holds::Vector),
    column("dispersion_before", Holds::Number),
    column("dispersion_after", Holds::Number),
    column("mmd_squared", Holds::Number),
    column("p_value", Holds::Number),
    column("auc", Holds::Number),
    column("top_movers", Holds::Entities),
    column("top_drifts", Holds::Numbers),
    column("bandwidth", Holds::Number),
    column("wasserstein", Holds::Number),
];

const TOP: usize = 5;
const PERMUTATIONS: usize = 199;
/// The permutations and halves are drawn from it: the same data, the same answer.
const SEED: u64 = 7;

pub(super) fn run(asked: &Asked) -> Result<Vec<Vec<Value>>> {
    let arguments = &asked.arguments;
    let (Some(t1), Some(t2)) = (arguments.time("t1"), arguments.time("t2")) else {
        return Ok(Vec::new());
    };
    let (before, after) = (asked.snapshot(t1)?, asked.snapshot(t2)?);
    let shared = Shared::with_others(&before, &after)?;
    let cohort = Cohort::new(shared.before()?, shared.after()?, shared.pairs.len());
    let cohort = cohort.map_err(from_analytics)?;
    let shift = shift(&cohort).map_err(from_analytics)?;
    let carried = wasserstein(&cohort, asked.cancel()).map_err(from_analytics)?;
    let permutations = arguments.count("permutations", 1, PERMUTATIONS)?;
    let test = known(mmd(&cohort, permutations, SEED, asked.cancel()))?;
    let auc = known(classifier_auc(&cohort, SEED))?;
    let movers = top_movers(&cohort, arguments.count("top", 0, TOP)?).map_err(from_analytics)?;
    let who = |row: usize| after.entities.slice(shared.pairs[row].1, 1);
    let count = |rows: usize| Value::Integer(i64::try_from(rows).unwrap_or(i64::MAX));
    let number = |x: Option<f64>| x.map_or(Value::Null, Value::number);
    Ok(vec![vec![
        count(before.points.ts_us.len()),
        count(after.points.ts_us.len()),
        count(shared.pairs.len()),
        Value::Number(shift.l2),
        Value::Vector(shift.mean_shift),
        Value::Number(shift.dispersion_before),
        Value::Number(shift.dispersion_after),
        number(test.map(|test| test.squared)),
        number(test.map(|test| test.p_value)),
        number(auc),
        Value::Entities(movers.iter().map(|mover| who(mover.row)).collect()),
        Value::Numbers(movers.iter().map(|mover| mover.l2).collect()),
        number(test.map(|test| test.bandwidth)),
        Value::Number(carried),
    ]])
}

/// A measure that these few or these equal points do not settle is NULL beside the others.
fn known<T>(result: std::result::Result<T, Error>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::InsufficientData { .. } | Error::Undetermined(_)) => Ok(None),
        Err(error) => Err(from_analytics(error)),
    }
}
