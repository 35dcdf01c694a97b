//! Queries run once for each row of another: LATERAL, and sub-queries for one value that cannot
//! become joins.
//!
//! ```text
//! FROM a CROSS JOIN LATERAL (SELECT .. ORDER BY x.v <-> a.v LIMIT 1)
//!
//!   Join(a, Subquery)  ─ rule ─▶  LateralJoin(a) { inner }  ─ planner ─▶  LateralExec
//!                                                                          for each row of a:
//!                                                                            inner, its columns of
//!                                                                            a become constants
//! ```
//!
//! DataFusion makes ordinary joins of what can be one (equalities, aggregates); what it leaves is
//! taken here: a limit or an order by outer columns, as every nearest neighbour of a row has. With
//! the row's values as constants the inner query is one like any other, so its search is one
//! `KnnExec` for each outer row, its key conditions are look-ups, and its bounds on time prune.
//!
//! Rejected: a plan made once with slots for the outer values. Planning costs a fraction of a
//! millisecond a row; slots would hide the values from the rules that bound keys and times.

mod exec;
mod node;
mod planner;
mod rule;

pub use planner::Planner;
pub use rule::Laterals;
