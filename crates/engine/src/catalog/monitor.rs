//! What a table asks to be watched for as its points come.

use cvx_analytics::bocpd::Settings;
use serde::{Deserialize, Serialize};

/// A table's monitor: Bayesian online change point detection on one vector column, entity by
/// entity. What it does not name is as in [`Settings::default`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    /// The id of the vector column.
    pub column: u16,
    /// Points between breaks, on average.
    pub mean_run: f64,
    /// Probability of a new run from which it is an event.
    pub threshold: f64,
    /// Points between two events at least.
    pub min_segment: u32,
}

impl Monitor {
    /// What is watched for where nothing is said.
    #[must_use]
    pub fn standard(column: u16) -> Self {
        let Settings { mean_run, threshold, min_segment, .. } = Settings::default();
        let min_segment = u32::try_from(min_segment).unwrap_or(u32::MAX);
        Self { column, mean_run, threshold, min_segment }
    }

    /// As the detector takes it.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            mean_run: self.mean_run,
            threshold: self.threshold,
            min_segment: self.min_segment as usize,
            ..Settings::default()
        }
    }
}
