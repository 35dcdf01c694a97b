//! The dialect planned and run: the only crate that knows DataFusion.
//!
//! The way of a statement:
//!
//! ```text
//! text ─ cvx_dialect ─▶ syntax tree        AS OF and FOR VALID_TIME still axis-neutral
//!      ─ bind ────────▶ bound tree         names resolved against one catalog, views expanded,
//!                                          every table given its slice of both time axes
//!      ─ plan ────────▶ logical plan       DataFusion's planner over VersionedTable sources
//!      ─ optimize ────▶ the same           ORDER BY distance LIMIT k becomes a KnnTable
//!      ─ exec ────────▶ batches            ScanExec, KnnExec over the engine's TableRead
//! ```
//!
//! Statements that change rows are planned here too ([`dml`]): what to change is read by the same
//! road, the change itself is the engine's. Who may is asked of [`access`] on every road.

mod access;
mod admin;
mod analyse;
mod bind;
mod compute;
mod copy;
mod db;
mod ddl;
mod dml;
mod error;
mod exec;
mod explain;
pub mod functions;
mod import;
mod lateral;
mod limits;
mod memory;
mod occupancy;
mod optimize;
pub mod pg_catalog;
mod plan;
mod session;
mod train;
pub mod types;

pub use db::{Db, DbOptions, set_password};
pub use train::{Training, train};
