//! Durable truth: RocksDB, row files, delta blocks.
//!
//! A data directory:
//!
//! ```text
//! FORMAT          what this is, and the version of its layout
//! LOCK            held by the one process that has the directory open
//! acked           the last commit told to a client, at most a second old
//! db/             RocksDB: one log, one column family for each kind of data
//! rows/<id>.row   sealed rows: immutable Arrow files, mapped into memory
//! indexes/        indexes of row files, derived from them
//! models/         trained models, made from the data and not part of its truth
//! ```
//!
//! What is true is what the log and the manifest (family `system`) say. A row lives either in
//! RocksDB (`metadata`, with its vectors in `vectors`) or in one row file that the manifest
//! names; it moves from the one to the other in one batch. Files the manifest does not name are
//! left-overs of an unfinished statement and swept. Everything else - timelines, indexes,
//! closures in memory - is derived from here and can be rebuilt.
//!
//! Durability. A commit is one synced write to RocksDB's log. RocksDB recovers to a point in
//! time: it opens with less data at the first bad record of its log. Where that lies before the
//! last acknowledged commit, [`Store::open`] refuses, since a smaller database is not what was
//! promised. After any failed write nothing more is written (an fsync that failed once may
//! succeed the next time without the data being there); reads go on.
//!
//! `unsafe` is in `mmap.rs` only.

mod acked;
mod batch;
mod build;
mod database;
pub mod delta;
mod directory;
mod encode;
mod error;
mod family;
#[cfg(test)]
mod fixtures;
mod index_file;
mod keys;
mod manifest;
mod mmap;
mod models;
mod options;
mod record;
mod row_file;
mod scan;
mod stats;
mod store;
#[cfg(test)]
mod testing;
mod verify;

pub use batch::Batch;
pub use build::{ColumnSpec, RowBuilder};
pub use encode::{
    ENTITY_COLUMN, RowEncoder, RowKeys, SEQ_COLUMN, TS_COLUMN, column_id, column_name, encode_rows,
};
pub use error::{Error, Result};
pub use family::Family;
pub use index_file::IndexFileId;
pub use keys::{DeltaKey, FileId, RowKey};
pub use manifest::RowFileMeta;
pub use options::StoreOptions;
pub use record::{Cell, Locator, RowKind, RowRecord};
pub use scan::StoredRow;
pub use stats::{DeltaStats, FamilyStats, StoreStats, WrittenBytes};
pub use store::Store;
pub use verify::Finding;
