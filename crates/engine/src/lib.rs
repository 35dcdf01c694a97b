//! The database below SQL: catalog, transactions, the one writer, snapshots, recovery.

mod catalog;
mod check;
mod compact;
mod core;
mod dictionary;
mod engine;
mod entity;
mod error;
mod indexes;
mod insert_mode;
mod layout;
mod living;
mod models;
mod monitor;
mod options;
mod own;
mod own_lines;
mod published;
mod read;
mod recover;
mod removal;
mod request;
mod retention;
mod seal;
mod segment;
mod sequence;
mod shared;
mod stats;
mod table_store;
mod tail;
mod times;
mod txn;
mod writer;

use cvx_publish::{address, birth, closure, sight, timeline, timelines};

pub use catalog::{
    Access, AccessChange, Catalog, CatalogChange, ColumnDef, Commented, DatabaseDef,
    FIRST_DATABASE, FIRST_DATABASE_OID, FIRST_OID, Grant, IndexDef, Membership, Monitor,
    OutOfOrder, PARTITION_US, PUBLIC_OID, Privileges, READ_SERVER_FILES_OID, Role, SUPERUSER_OID,
    Secret, Securable, TIME_SCALE_US, Table, TableOptions, View, ViewColumn,
};
pub use check::Finding;
pub use compact::CompactReport;
pub use cvx_core::{Composite, Decay};
/// What storage and search refuse, for those who map errors to SQLSTATEs.
pub use cvx_index::Error as SearchError;
pub use cvx_index::Quantization;
pub use cvx_publish::{OWN_BASE, RowAddr, SystemSlice, TimeSlice, ValidSlice, is_own};
pub use cvx_storage::Error as StorageError;
pub use engine::Engine;
pub use error::{Error, Result};
pub use indexes::{IndexState, IndexStats};
pub use insert_mode::{Disposition, Durability, InsertMode, OnConflict};
pub use monitor::{ChangeEvent, EntityKey, MonitorStats};
pub use options::EngineOptions;
pub use read::{Path, PathPoints, Scan, TableRead};
pub use removal::RemovalReport;
pub use request::{Keep, KnnAnswer, KnnRequest, KnnStats, RowFilter, ScanRequest, SearchMode};
pub use stats::{EngineStats, TableStats};
pub use txn::{Savepoint, Txn};
