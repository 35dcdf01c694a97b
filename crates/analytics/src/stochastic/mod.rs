//! What kind of process a motion is: persistent, reverting, bursty, or a random walk.
//!
//! ```text
//!   positions  x_0 x_1 ... x_n      hurst, unit_root (ADF), reversion (OU), variance_ratio
//!   changes    x_i - x_{i-1}        garch
//! ```
//!
//! The measures here that take a plain series count in its steps and hold if the steps are even;
//! those that take a [`Trajectory`](crate::Trajectory) use its times. Each module names its paper
//! and the outside library it is compared with in `tests/reference`.
//!
//! **Invariant.** A number that is not finite is refused on the way in, and a measure that the
//! numbers do not settle is an error on the way out: NaN neither comes nor goes.

mod garch;
mod hurst;
mod normal;
mod regression;
mod reversion;
mod unit_root;
mod variance_ratio;

pub use garch::{Garch, garch};
pub use hurst::{hurst, hurst_series};
pub use reversion::{Reversion, reversion, reversion_series};
pub use unit_root::{Deterministic, Lags, UnitRoot, unit_root};
pub use variance_ratio::{VarianceRatio, variance_ratio};

use crate::Error;

/// Enough numbers, all of them finite.
fn check(series: &[f64], needed: usize) -> Result<(), Error> {
    if series.iter().any(|value| !value.is_finite()) {
        return Err(Error::Invalid("a series holds finite numbers only"));
    }
    enough(series.len(), needed)
}

fn enough(have: usize, needed: usize) -> Result<(), Error> {
    if have < needed { Err(Error::InsufficientData { needed, have }) } else { Ok(()) }
}

/// A result that left the range of f64 is no result.
fn finite(value: f64) -> Result<f64, Error> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(Error::Undetermined("the numbers leave the range of arithmetic"))
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn count(n: usize) -> f64 {
    n as f64
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / count(values.len())
}
