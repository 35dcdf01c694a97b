//! The catalog: schemas, tables, views, extensions, roles; one immutable value a version.
//!
//! A transaction sees the catalog of its snapshot plus its own staged changes. Commits that change
//! the catalog are ordered: if somebody else changed it since the snapshot, the commit is a
//! conflict. OIDs and spaces grow and are never reused.

mod access;
mod apply;
mod change;
mod index;
mod record;
mod table;

pub use access::{
    Access, AccessChange, Grant, Membership, PUBLIC_OID, Privileges, READ_SERVER_FILES_OID, Role,
    SUPERUSER_OID, Secret, Securable,
};
pub(crate) use apply::Effect;
pub use change::CatalogChange;
use cvx_types::PgType;
pub use index::IndexDef;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
pub use table::{ColumnDef, OutOfOrder, PARTITION_US, TIME_SCALE_US, Table, TableOptions};

/// The first OID given to a user's object, as in Postgres.
pub const FIRST_OID: u32 = 16_500;

/// Everything that has a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalog {
    /// Grows with each commit that changes the catalog.
    pub version: u64,
    /// By schema and name.
    pub tables: BTreeMap<(String, String), Arc<Table>>,
    pub views: BTreeMap<(String, String), Arc<View>>,
    pub schemas: BTreeSet<String>,
    pub extensions: BTreeSet<String>,
    /// Roles, owners, grants.
    pub access: Arc<Access>,
    pub next_oid: u32,
    pub next_space: u32,
    pub next_sequence: u32,
}

/// A view: its text as written, and what columns it has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Given by the engine.
    pub oid: u32,
    pub schema: String,
    pub name: String,
    pub sql: String,
    pub columns: Vec<ViewColumn>,
}

/// A view's column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewColumn {
    pub name: String,
    pub ty: PgType,
    pub typmod: i32,
}

impl Catalog {
    /// A new database: the schema `public`, nothing in it.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            version: 0,
            tables: BTreeMap::new(),
            views: BTreeMap::new(),
            schemas: BTreeSet::from(["public".to_owned()]),
            extensions: BTreeSet::new(),
            access: Arc::new(Access::initial()),
            next_oid: FIRST_OID,
            next_space: 1,
            next_sequence: 1,
        }
    }

    #[must_use]
    pub fn table(&self, schema: &str, name: &str) -> Option<&Arc<Table>> {
        self.tables.get(&(schema.to_owned(), name.to_owned()))
    }

    #[must_use]
    pub fn table_by_oid(&self, oid: u32) -> Option<&Arc<Table>> {
        self.tables.values().find(|table| table.oid == oid)
    }

    #[must_use]
    pub fn view(&self, schema: &str, name: &str) -> Option<&Arc<View>> {
        self.views.get(&(schema.to_owned(), name.to_owned()))
    }

    /// The table that an index belongs to, and the index.
    #[must_use]
    pub fn index(&self, schema: &str, name: &str) -> Option<(&Arc<Table>, &IndexDef)> {
        let of_schema = self.tables.values().filter(|table| table.schema == schema);
        of_schema
            .flat_map(|table| table.indexes.iter().map(move |index| (table, index)))
            .find(|(_, index)| index.name == name)
    }
}
