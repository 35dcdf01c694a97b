//! How things move: pure functions on slices.
//!
//! **Invariant.** No I/O, no threads, no state: the same numbers in, the same numbers out. What is
//! read from tables (one point a timestamp, no NULL vectors, only points the moment asked about
//! can see) is the caller's business; here a [`Trajectory`] is points in time order.
//!
//! Inputs are f32 as stored, arithmetic and results are f64: differences of near vectors are what
//! this crate is about, and f32 would round them twice. Rates are per day of 86,400 seconds.
//!
//! ```
//! use cvx_analytics::{Trajectory, path_length, velocity};
//!
//! const DAY_US: i64 = 86_400_000_000;
//! let walk = Trajectory::new(&[0, DAY_US, 3 * DAY_US], &[0.0, 0.0, 3.0, 4.0, 9.0, 12.0], 2)?;
//! assert_eq!(path_length(&walk), 15.0);
//! assert_eq!(velocity(&walk, 1)?, [3.0, 4.0]);
//! # Ok::<(), cvx_analytics::Error>(())
//! ```

mod alignment;
mod analogy;
mod anchors;
pub mod bocpd;
pub mod changepoints;
mod cohort;
mod divergence;
mod drift;
mod error;
mod motion;
mod path;
mod position;
mod procrustes;
mod projection;
mod rows;
mod seeded;
mod signature;
#[cfg(test)]
mod simulated;
mod stochastic;
mod trajectory;
mod unit;

pub use alignment::{Band, dtw, frechet};
pub use analogy::{Align, Holder, carried, holders};
pub use anchors::{Along, anchor_projection};
pub use bocpd::Bocpd;
pub use changepoints::{ChangePoint, changepoints};
pub use cohort::{Cohort, Mmd, Mover, Shift, classifier_auc, mmd, shift, top_movers, wasserstein};
pub use divergence::{Apart, divergence};
pub use drift::{Affected, Course, Drift, course, displacement, drift, drift_between};
pub use error::Error;
pub use motion::{acceleration, magnitude, velocity};
pub use path::{
    Way, max_drawdown, net_displacement, path_length, realised_volatility, step_lengths,
};
pub use position::{Interpolate, mean_position, position};
pub use procrustes::{Origin, Procrustes, procrustes};
pub use projection::Projection;
pub use rows::Rows;
pub use signature::{Signature, signature, signature_distance, signature_in};
pub use stochastic::{
    Deterministic, Garch, Lags, Reversion, UnitRoot, VarianceRatio, garch, hurst, hurst_series,
    reversion, reversion_series, unit_root, variance_ratio,
};
pub use trajectory::Trajectory;
pub use unit::Unit;
