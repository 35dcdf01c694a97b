//! Which moments each table is read at.
//!
//! Precedence, axis by axis: the table's own clause, the nearest enclosing AS OF, the session's
//! `cvx.valid_time` and `cvx.system_time`. A neutral AS OF is settled after the walk: valid time
//! if any table in its reach has it, else system time.

use super::{BoundTable, Pending, Show, names};
use crate::access::{Readable, denied};
use crate::plan::StatementCx;
use cvx_core::{CommitSeq, ValidTime};
use cvx_dialect::{AxisClause, TrailingAxis};
use cvx_engine::{SystemSlice, Table, TableRead, TimeSlice, ValidSlice};
use cvx_types::{Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{Query, TableVersion};
use std::sync::Arc;

/// A time clause with its moments known, in microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clause {
    All,
    AsOf(i64),
    FromTo(i64, i64),
    Between(i64, i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    Neutral,
    Valid,
    System,
}

/// A trailing AS OF.
#[derive(Debug)]
pub(super) struct Scope {
    axis: Axis,
    at_us: i64,
    consumed: bool,
}

/// Takes a query's trailing AS OF off the tree.
pub(super) fn open_scope(cx: &StatementCx<'_>, query: &mut Query) -> Result<Option<Scope>> {
    let Some((axis, expr)) = cvx_dialect::trailing_as_of(query) else {
        return if query.settings.take().is_some() {
            Err(SqlError::unsupported("SETTINGS"))
        } else {
            Ok(None)
        };
    };
    let at_us = cx.moment(expr)?;
    let axis = match axis {
        TrailingAxis::Neutral => Axis::Neutral,
        TrailingAxis::System => Axis::System,
    };
    query.settings = None;
    Ok(Some(Scope { axis, at_us, consumed: false }))
}

/// A table's own clauses.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Own {
    /// AS OF whose axis the table decides.
    neutral: Option<i64>,
    pub(super) valid: Option<Clause>,
    pub(super) system: Option<Clause>,
}

impl Own {
    /// The neutral clause given to the axis that this table has.
    pub(super) fn settled(self, temporal: bool) -> Self {
        match self.neutral {
            Some(at) if temporal => Self { valid: Some(Clause::AsOf(at)), ..self },
            Some(at) => Self { system: Some(Clause::AsOf(at)), ..self },
            None => self,
        }
    }
}

/// A table's own clauses, evaluated.
pub(super) fn own_clause(cx: &StatementCx<'_>, version: &TableVersion) -> Result<Own> {
    let time = cvx_dialect::table_time(version)
        .map_err(|error| SqlError::new(SqlState::SYNTAX_ERROR, error.to_string()))?;
    let known = |clause: Option<AxisClause>| clause.map(|clause| known(cx, &clause)).transpose();
    Ok(Own {
        neutral: time.neutral.as_ref().map(|at| cx.moment(at)).transpose()?,
        valid: known(time.valid)?,
        system: known(time.system)?,
    })
}

fn known(cx: &StatementCx<'_>, clause: &AxisClause) -> Result<Clause> {
    Ok(match clause {
        AxisClause::All => Clause::All,
        AxisClause::AsOf(at) => Clause::AsOf(cx.moment(at)?),
        AxisClause::FromTo(from, to) => Clause::FromTo(cx.bound(from)?, cx.bound(to)?),
        AxisClause::Between(from, to) => Clause::Between(cx.bound(from)?, cx.bound(to)?),
    })
}

/// Every version of a table that is kept: all, or those that were current when its history was
/// last purged, or later.
pub(super) fn all_versions(cx: &StatementCx<'_>, table: &Arc<Table>) -> Result<Clause> {
    let read = cx.txn.read(table).map_err(crate::error::from_engine)?;
    Ok(read.horizon().map_or(Clause::All, |at| Clause::Between(at.as_us(), i64::MAX)))
}

/// Every table's slice, and an error for each clause that nothing consumed.
pub(super) fn settle(
    cx: &StatementCx<'_>,
    mut scopes: Vec<Scope>,
    pending: Vec<Pending>,
) -> Result<Vec<BoundTable>> {
    settle_axes(&mut scopes, &pending);
    let bound = pending
        .into_iter()
        .map(|pending| bind(cx, &mut scopes, pending))
        .collect::<Result<Vec<_>>>()?;
    if scopes.iter().any(|scope| !scope.consumed) {
        return Err(SqlError::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "AS OF has no table to apply to",
        )
        .hint("Every table in its reach has a time clause of its own, or there is none."));
    }
    Ok(bound)
}

fn settle_axes(scopes: &mut [Scope], pending: &[Pending]) {
    for (index, scope) in scopes.iter_mut().enumerate() {
        if scope.axis == Axis::Neutral {
            let valid = pending
                .iter()
                .any(|table| table.scopes.contains(&index) && table.table.valid_time.is_some());
            scope.axis = if valid { Axis::Valid } else { Axis::System };
        }
    }
}

/// The one place at which a table becomes readable, and so where it is asked who reads.
fn bind(cx: &StatementCx<'_>, scopes: &mut [Scope], pending: Pending) -> Result<BoundTable> {
    let readable = cx.guard.readable(pending.reader, &pending.table)?;
    let temporal = pending.table.valid_time.is_some();
    let mut inherit = |axis: Axis| {
        let nearest = pending.scopes.iter().rev().find(|index| scopes[**index].axis == axis)?;
        scopes[*nearest].consumed = true;
        Some(Clause::AsOf(scopes[*nearest].at_us))
    };
    let valid = match (temporal, pending.own_valid) {
        (false, _) => None,
        (true, Some(own)) => Some(own),
        (true, None) => {
            inherit(Axis::Valid).or(cx.session_moment("cvx.valid_time")?.map(Clause::AsOf))
        }
    };
    let system = match pending.own_system {
        Some(own) => Some(own),
        None => inherit(Axis::System).or(cx.session_moment("cvx.system_time")?.map(Clause::AsOf)),
    };
    let read = cx.txn.read(&pending.table).map_err(crate::error::from_engine)?;
    let slice = TimeSlice {
        valid: valid_slice(valid, pending.all_points),
        system: system_slice(cx, system)?,
    };
    let until = moment_of(valid).filter(|_| pending.all_points).map(ValidTime);
    let mut columns = shown(&read, &pending.show)?;
    if let Readable::Columns(granted) = readable {
        // TRAJECTORY and its sisters are of whole points.
        if pending.all_points || !matches!(pending.show, Show::User { .. }) {
            return Err(denied(&format!("table {}", pending.table.name)));
        }
        let columns_of = &pending.table.columns;
        columns.retain(|at| columns_of.get(*at).is_none_or(|c| granted.contains(&c.attnum)));
    }
    let at_us = moment_of(valid).or(moment_of(system)).unwrap_or(cx.now_us);
    Ok(BoundTable { read, slice, until, columns, reader: pending.reader, at_us })
}

fn moment_of(clause: Option<Clause>) -> Option<i64> {
    match clause {
        Some(Clause::AsOf(at)) => Some(at),
        _ => None,
    }
}

fn valid_slice(clause: Option<Clause>, all_points: bool) -> ValidSlice {
    match clause {
        None | Some(Clause::All) => ValidSlice::All,
        Some(Clause::AsOf(_)) if all_points => ValidSlice::All,
        Some(Clause::AsOf(at)) => ValidSlice::AsOf(ValidTime(at)),
        Some(Clause::FromTo(from, to)) => {
            ValidSlice::Overlap { from: ValidTime(from), to: ValidTime(to), closed: false }
        }
        Some(Clause::Between(from, to)) => {
            ValidSlice::Overlap { from: ValidTime(from), to: ValidTime(to), closed: true }
        }
    }
}

fn system_slice(cx: &StatementCx<'_>, clause: Option<Clause>) -> Result<SystemSlice> {
    Ok(match clause {
        None => SystemSlice::Current,
        Some(Clause::All) => SystemSlice::All,
        Some(Clause::AsOf(at)) => SystemSlice::AsOf(cx.fenced(at)?),
        Some(Clause::FromTo(from, to)) => SystemSlice::Overlap {
            from: CommitSeq::at_us(from),
            to: CommitSeq::at_us(to),
            closed: false,
        },
        Some(Clause::Between(from, to)) => SystemSlice::Overlap {
            from: CommitSeq::at_us(from),
            to: CommitSeq::at_us(to),
            closed: true,
        },
    })
}

fn shown(read: &TableRead, show: &Show) -> Result<Vec<usize>> {
    let schema = read.schema();
    let index =
        |name: &str| schema.index_of(name).map_err(|error| crate::error::from_arrow(&error));
    let mut columns: Vec<usize> = (0..read.table().columns.len()).collect();
    match show {
        Show::User { hidden } => {
            for name in hidden.iter() {
                columns.push(index(name)?);
            }
        }
        Show::Address => {
            for name in names::HIDDEN.iter().chain(&["_entity", "_ts", "_seq"]) {
                columns.push(index(name)?);
            }
        }
    }
    Ok(columns)
}
