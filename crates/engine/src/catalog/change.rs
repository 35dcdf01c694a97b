//! What DDL may change. Changes are staged in a transaction and take effect at its commit.

use super::{AccessChange, ColumnDef, Commented, IndexDef, Table, TableOptions, View};
use arrow::array::ArrayRef;

/// One change to the catalog. OIDs, spaces and sequences are given by the engine; a table, index
/// or view that a change names by `oid` must exist.
#[derive(Clone, Debug)]
pub enum CatalogChange {
    CreateDatabase {
        name: String,
    },
    /// With all that it holds; never the first one, nor the one that the change is made in.
    DropDatabase {
        oid: u32,
    },
    RenameDatabase {
        oid: u32,
        name: String,
    },
    CreateSchema {
        name: String,
    },
    /// The schema must be empty.
    DropSchema {
        name: String,
    },
    CreateTable(Table),
    DropTable {
        oid: u32,
    },
    RenameTable {
        oid: u32,
        name: String,
    },
    /// The column's id and attnum are given by the engine. `missing` is what rows that are there
    /// hold: an array of one row of the column's type, or none for NULL.
    AddColumn {
        oid: u32,
        column: ColumnDef,
        missing: Option<ArrayRef>,
    },
    RenameColumn {
        oid: u32,
        id: u16,
        name: String,
    },
    /// A new default, or none, for rows to come.
    SetDefault {
        oid: u32,
        id: u16,
        default: Option<String>,
    },
    SetNotNull {
        oid: u32,
        id: u16,
        not_null: bool,
    },
    SetOptions {
        oid: u32,
        options: TableOptions,
    },
    /// None removes the comment.
    SetComment {
        on: Commented,
        comment: Option<String>,
    },
    CreateIndex {
        oid: u32,
        index: IndexDef,
    },
    /// `oid` is the index's.
    DropIndex {
        oid: u32,
    },
    CreateView {
        view: View,
        replace: bool,
    },
    DropView {
        oid: u32,
    },
    CreateExtension {
        name: String,
    },
    DropExtension {
        name: String,
    },
    /// Roles, owners, grants.
    Access(AccessChange),
}

impl CatalogChange {
    /// Whether something is gone afterwards.
    pub(super) fn drops(&self) -> bool {
        matches!(
            self,
            Self::DropDatabase { .. }
                | Self::DropSchema { .. }
                | Self::DropTable { .. }
                | Self::DropIndex { .. }
                | Self::DropView { .. }
                | Self::Access(AccessChange::DropRole { .. })
        )
    }
}
