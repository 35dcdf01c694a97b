//! VELOCITY, DRIFT, CHANGEPOINTS and their sisters: table functions that hand trajectories to `cvx-analytics`.
//!
//! ```text
//!   FROM changepoints(docs, 7, penalty => 'bic') AS c          what stands in the query
//!
//!   FROM (SELECT get_field(r, 'c0') AS ts, ...                 what the binder makes of it
//!         FROM (SELECT unnest("changepoints#0#2"(NULL, 7::bigint, ...)) AS r)) AS c
//! ```
//!
//! The call is a scalar function of the statement's own whose value is a list of records: it holds
//! the read of table number 0 at its slice of time and the place of its vector column, so a name
//! nobody else can say. Parameters, views, prepared statements and correlated columns so work as
//! for any function; [`lateral`] joins it to the rows of relations before it in FROM.
//!
//! A parenthesised SELECT in the table's place is a sub-query in the first argument, run once
//! before the statement ([`given`]); its points are kept in memory, and counted.
//!
//! **Invariant.** No kernel lives here: arguments in, records out. A kernel's refusal has one
//! SQLSTATE ([`crate::error::from_analytics`]); what it cannot tell is NULL, never NaN.

mod analogy;
mod anchors;
mod arguments;
mod backtest;
mod call;
mod changepoints;
mod cohort;
mod divergence;
mod drift;
mod given;
mod lateral;
mod population;
mod predict;
mod procrustes;
mod record;
mod signature;
mod similarity;
mod snapshot;
mod source;
mod told;
mod velocity;

pub(crate) use arguments::{Kind, Signature};
pub(crate) use call::AnalysisCall;
pub(crate) use given::fix_given_points;
pub(crate) use lateral::join_laterally;
pub(crate) use population::Population;
pub(crate) use record::field_name;
pub(crate) use source::{TableSource, call_name};

use call::Asked;
use cvx_types::Result;
use record::{Column, Value};
use source::call_named;

/// The functions there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Analysis {
    Velocity,
    Drift,
    Changepoints,
    Analogy,
    Divergence,
    CohortDrift,
    Predict,
    Backtest,
    Similarity,
    Procrustes,
    AnchorProjection,
    Signature,
}

const ALL: [Analysis; 12] = [
    Analysis::Velocity,
    Analysis::Drift,
    Analysis::Changepoints,
    Analysis::Analogy,
    Analysis::Divergence,
    Analysis::CohortDrift,
    Analysis::Predict,
    Analysis::Backtest,
    Analysis::Similarity,
    Analysis::Procrustes,
    Analysis::AnchorProjection,
    Analysis::Signature,
];

impl Analysis {
    pub(crate) fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|analysis| analysis.signature().name == name)
    }

    pub(crate) fn signature(self) -> &'static Signature {
        match self {
            Self::Velocity => &velocity::SIGNATURE,
            Self::Drift => &drift::SIGNATURE,
            Self::Changepoints => &changepoints::SIGNATURE,
            Self::Analogy => &analogy::SIGNATURE,
            Self::Divergence => &divergence::SIGNATURE,
            Self::CohortDrift => &cohort::SIGNATURE,
            Self::Predict => &predict::SIGNATURE,
            Self::Backtest => &backtest::SIGNATURE,
            Self::Similarity => &similarity::SIGNATURE,
            Self::Procrustes => &procrustes::SIGNATURE,
            Self::AnchorProjection => &anchors::SIGNATURE,
            Self::Signature => &signature::SIGNATURE,
        }
    }

    /// The columns of the answer.
    pub(crate) fn columns(self) -> &'static [Column] {
        match self {
            Self::Velocity => &velocity::COLUMNS,
            Self::Drift => &drift::COLUMNS,
            Self::Changepoints => &changepoints::COLUMNS,
            Self::Analogy => &analogy::COLUMNS,
            Self::Divergence => &divergence::COLUMNS,
            Self::CohortDrift => &cohort::COLUMNS,
            Self::Predict => &predict::COLUMNS,
            Self::Backtest => &backtest::COLUMNS,
            Self::Similarity => &similarity::COLUMNS,
            Self::Procrustes => &procrustes::COLUMNS,
            Self::AnchorProjection => &anchors::COLUMNS,
            Self::Signature => &signature::COLUMNS,
        }
    }

    /// The records of one call.
    fn run(self, asked: &Asked) -> Result<Vec<Vec<Value>>> {
        match self {
            Self::Velocity => velocity::run(asked),
            Self::Drift => drift::run(asked),
            Self::Changepoints => changepoints::run(asked),
            Self::Analogy => analogy::run(asked),
            Self::Divergence => divergence::run(asked),
            Self::CohortDrift => cohort::run(asked),
            Self::Predict => predict::run(asked),
            Self::Backtest => backtest::run(asked),
            Self::Similarity => similarity::run(asked),
            Self::Procrustes => procrustes::run(asked),
            Self::AnchorProjection => anchors::run(asked),
            Self::Signature => signature::run(asked),
        }
    }
}
