//! What each aggregate computes from a trajectory.

use super::points::Keeps;
use cvx_analytics::{
    Deterministic, Error, Lags, Trajectory, Way, garch, hurst, max_drawdown, net_displacement,
    path_length, realised_volatility, reversion, signature, step_lengths, unit_root,
    variance_ratio, velocity,
};
use cvx_core::distance::l2_squared;

type OfWay = fn(&Way) -> Result<f64, Error>;

/// An aggregate: its name, whether a number (a horizon, a depth) may follow `(vector, ts)`, and what
/// it gives.
#[derive(Debug)]
pub(super) struct Measure {
    pub(super) name: &'static str,
    pub(super) takes_horizon: bool,
    pub(super) looks_at: Keeps,
    /// The same of points that came in order, which need not be gone through again.
    pub(super) of_way: Option<OfWay>,
    pub(super) returns: Returns,
}

/// Points and the horizon to a result.
#[derive(Clone, Copy, Debug)]
pub(super) enum Returns {
    Number(fn(&Trajectory, Option<i64>) -> Result<f64, Error>),
    Numbers(fn(&Trajectory, Option<i64>) -> Result<Vec<f64>, Error>),
    Vector(fn(&Trajectory) -> Result<Vec<f64>, Error>),
}

const fn number(
    name: &'static str,
    of: fn(&Trajectory, Option<i64>) -> Result<f64, Error>,
) -> Measure {
    let returns = Returns::Number(of);
    Measure { name, takes_horizon: false, looks_at: Keeps::All, of_way: None, returns }
}

const fn numbers(
    name: &'static str,
    of: fn(&Trajectory, Option<i64>) -> Result<Vec<f64>, Error>,
) -> Measure {
    let returns = Returns::Numbers(of);
    Measure { name, takes_horizon: false, looks_at: Keeps::All, of_way: None, returns }
}

pub(super) static MEASURES: [Measure; 12] = [
    Measure {
        name: "velocity",
        takes_horizon: false,
        looks_at: Keeps::Ends,
        of_way: None,
        returns: Returns::Vector(last_velocity),
    },
    Measure {
        looks_at: Keeps::Ends,
        ..number("displacement", |points, _| net_displacement(points))
    },
    Measure {
        of_way: Some(Way::path_length),
        ..number("path_length", |points, _| at_least_two(points).map(|()| path_length(points)))
    },
    Measure {
        of_way: Some(Way::realised_volatility),
        ..number("realised_volatility", |points, _| realised_volatility(points))
    },
    Measure {
        of_way: Some(Way::max_drawdown),
        ..number("max_drawdown", |points, _| max_drawdown(points))
    },
    number("hurst", |points, _| hurst(points)),
    number("half_life", |points, _| reversion(points).map(|fit| fit.half_life)),
    number("adf_statistic", |points, _| adf(points).map(|(statistic, _)| statistic)),
    number("adf_pvalue", |points, _| adf(points).map(|(_, p_value)| p_value)),
    Measure { takes_horizon: true, ..number("variance_ratio", ratio) },
    numbers("garch", garch_of_steps),
    Measure { takes_horizon: true, ..numbers("signature", signed) },
];

fn at_least_two(points: &Trajectory) -> Result<(), Error> {
    match points.len() {
        have @ 0..2 => Err(Error::InsufficientData { needed: 2, have }),
        _ => Ok(()),
    }
}

/// At the last point: in a frame that ends at the present row, the velocity there and then.
fn last_velocity(points: &Trajectory) -> Result<Vec<f64>, Error> {
    at_least_two(points)?;
    velocity(points, points.len() - 1)
}

/// Numbers as they are, vectors by their distance from the first.
fn series(points: &Trajectory) -> Result<Vec<f64>, Error> {
    if points.dim() == 1 {
        return Ok(points.vectors().map(|vector| f64::from(vector[0])).collect());
    }
    let Some(first) = points.vectors().next() else { return Ok(Vec::new()) };
    points.vectors().map(|vector| Ok(l2_squared(first, vector)?.sqrt())).collect()
}

fn adf(points: &Trajectory) -> Result<(f64, f64), Error> {
    let test = unit_root(&series(points)?, Deterministic::Constant, Lags::Aic)?;
    Ok((test.statistic, test.p_value))
}

fn ratio(points: &Trajectory, horizon: Option<i64>) -> Result<f64, Error> {
    let q = usize::try_from(horizon.unwrap_or(2))
        .map_err(|_| Error::Invalid("the horizon must be 2 steps or more"))?;
    variance_ratio(&series(points)?, q).map(|test| test.ratio)
}

/// omega, alpha, beta, and the variance expected of the next step's length.
fn garch_of_steps(points: &Trajectory, _: Option<i64>) -> Result<Vec<f64>, Error> {
    let fit = garch(&step_lengths(points))?;
    Ok(vec![fit.omega, fit.alpha, fit.beta, fit.next_variance])
}

/// In the coordinates as they are, to the depth asked for or 3.
fn signed(points: &Trajectory, depth: Option<i64>) -> Result<Vec<f64>, Error> {
    let depth = usize::try_from(depth.unwrap_or(3))
        .map_err(|_| Error::Invalid("a signature has 1 to 3 levels"))?;
    let path: Vec<f64> = points.vectors().flatten().copied().map(f64::from).collect();
    Ok(signature(&path, points.dim(), depth)?.values().collect())
}
