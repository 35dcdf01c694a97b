//! The temporal SQL dialect: text to syntax tree.
//!
//! The dialect is Postgres' SQL with two time axes. `grammar/cvx.ebnf` says what is added, and
//! `grammar/accept` and `grammar/reject` show it; this crate's tests run every example.
//!
//! ```text
//! text -> scan: tokens with places, one list a statement
//!      -> limits: refused, if its tree would be deep       (54000, 54001)
//!      -> head: refused, if it is no statement of ours     (42601, 0A000)
//!      -> rewrite: Postgres' words that sqlparser lacks
//!      -> lift: temporal clauses to where sqlparser carries them
//!      -> sqlparser, or a small parser of ours -> Statement
//! ```
//!
//! What comes out is sqlparser's syntax tree, so that DataFusion plans it. Three things in it are
//! ours, and have readers here: [`trailing_as_of`] for the AS OF of a query, [`table_time`] for
//! the clauses of a table, [`table_function`] for a call in FROM. **A planner that does not ask
//! them plans the present.** The axis of a bare AS OF is left open for the binder.
//!
//! This crate knows no catalog, no types and no values: a time may be any expression, a table
//! function any name.

mod dialect;
mod error;
mod fuse;
mod head;
mod lift;
mod limits;
mod parse;
mod read;
mod rewrite;
mod scan;
mod source;
mod statement;
mod tree;
mod utility;

pub use error::{ParseError, ParseErrorKind};
pub use limits::Limits;
pub use parse::{parse, parse_expr, parse_with, split};
pub use read::{
    Arg, AxisClause, TableFunction, TableTime, TimeClauseError, TrailingAxis, table_function,
    table_time, trailing_as_of,
};
pub use statement::{DeletePortion, Statement};
pub use utility::{
    ColumnSetting, Copy, CopyColumns, CopyDirection, CopyHeader, CopyOptions, DatabaseOption,
    DatabaseStatement, Grant, GrantOn, GrantRole, Maintenance, MaintenanceKind, Password,
    PrivilegeWord, RoleName, RoleOption, RoleStatement, SetOwner,
};
