//! Where an entity goes next, and how sure that is.
//!
//! ```text
//!   case.rs       a past moment to predict from, and a later point to be judged by
//!   split.rs      which cases a model learns from, which stop it, which judge it
//!   linear.rs     the last point; the line of the last points
//!   ode.rs        a neural ODE on a few coordinates: rk45.rs solves it, mlp.rs is its right side,
//!                 train.rs fits it
//!   conformal.rs  intervals from the errors made on judged cases
//!   backtest.rs   every method on the same cases: error, coverage, and who wins
//!   predictor.rs  all of that together: what answers PREDICT
//!   model.rs      the predictor as bytes
//! ```
//!
//! **Invariants.** The same numbers in, the same numbers out: every random draw comes from a seed.
//! No I/O and no threads. A method is trusted as far as its errors on cases it did not learn from
//! say, and no further: intervals come from those alone, and `auto` takes whoever erred least.
//!
//! Vectors are f32 as stored, arithmetic f64; times are microseconds, spans days.

mod adam;
mod backtest;
mod case;
mod conformal;
mod error;
mod linear;
mod mlp;
mod model;
mod ode;
mod predictor;
mod rk45;
mod split;
#[cfg(test)]
mod synthetic;
mod train;

pub use backtest::{BacktestOptions, Score, backtest};
pub use case::Subject;
pub use conformal::Calibration;
pub use error::Error;
pub use ode::Ode;
pub use predictor::{Choice, Method, Prediction, Predictor};
pub use rk45::{Solution, Tolerance, solve};
pub use split::{Role, Split, scattered};
pub use train::{Progress, TrainOptions, train};
