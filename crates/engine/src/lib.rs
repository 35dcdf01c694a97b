//! The database below SQL: catalog, transactions, the one writer, snapshots, recovery.

mod address;
mod catalog;
mod error;
mod insert_mode;
mod request;
mod slice;

pub use address::{OWN_BASE, RowAddr, is_own};
pub use catalog::{
    Catalog, CatalogChange, ColumnDef, FIRST_OID, IndexDef, OutOfOrder, PARTITION_US,
    TIME_SCALE_US, Table, TableOptions, View, ViewColumn,
};
pub use error::{Error, Result};
pub use insert_mode::{Disposition, Durability, InsertMode, OnConflict};
pub use request::{Keep, KnnAnswer, KnnRequest, KnnStats, RowFilter, ScanRequest};
pub use slice::{SystemSlice, TimeSlice, ValidSlice};
mod skeleton;
pub use cvx_core::{Composite, Decay};
pub use skeleton::{
    CompactReport, Engine, EngineOptions, EngineStats, Finding, Scan, TableRead, Txn,
};
