//! `pg_catalog` and `information_schema`: what clients ask a Postgres about itself.
//!
//! One model ([`SystemCatalog`]: the engine's catalog and the session) is seen as some ninety
//! tables and as the functions that go with them; OIDs are stable because they are the engine's
//! or computed from the engine's ([`oid`]). Clients' own queries use more of Postgres than
//! DataFusion plans, so four passes stand around planning, each exact or an error:
//!
//! ```text
//! statement -> rewrite (AST) -> SqlToRel -> reg::resolve (plan) -> CorrelatedSubqueries -> ...
//! ```
//!
//! * [`rewrite`](rewrite::rewrite) spells Postgres' constructs in ones that DataFusion knows;
//! * [`reg::resolve`] gives OID aliases (`regclass`, ...) and `int2vector` their meaning by type;
//! * [`CorrelatedSubqueries`] runs sub-queries that DataFusion cannot decorrelate, row by row.
//!
//! Rejected: serving recorded answers to recorded queries, and editing queries by pattern; both
//! give wrong rows to the next version of a client.

mod correlated;
mod definition;
pub mod functions;
mod information_schema;
mod keywords;
mod model;
mod oid;
mod procs;
mod quote;
pub mod reg;
mod relation;
pub mod rewrite;
mod roles;
mod rows;
mod spec;
mod tables;
mod types;

pub use correlated::CorrelatedSubqueries;
pub(crate) use correlated::{bind, lateral, outer_columns};
pub use functions::{function, functions};
pub use model::{SessionFacts, Setting, Settings, Sizes, SystemCatalog, Unmeasured};
pub use quote::ident as quote_ident;
pub(crate) use relation::{Body, Relation};
pub use rewrite::{REPEATED, name_columns, output_names, rewrite, touches_catalog};
pub use tables::SystemTableProvider;
