//! The catalog: databases with schemas, tables, views and extensions, and the roles of all; one
//! immutable value a version, seen from one database.
//!
//! A transaction sees the catalog of its snapshot plus its own staged changes. Commits that change
//! the catalog are ordered: if somebody else changed it since the snapshot, the commit is a
//! conflict. OIDs and spaces grow and are never reused.

mod access;
mod apply;
mod change;
mod comment;
mod database;
mod databases;
mod index;
mod monitor;
mod record;
mod table;

pub use access::{
    Access, AccessChange, Grant, Membership, PUBLIC_OID, Privileges, READ_SERVER_FILES_OID, Role,
    SUPERUSER_OID, Secret, Securable,
};
pub(crate) use apply::Effect;
pub use change::CatalogChange;
pub use comment::Commented;
use comment::Comments;
use cvx_types::PgType;
pub use database::{DatabaseDef, FIRST_DATABASE, FIRST_DATABASE_OID};
pub use index::IndexDef;
pub use monitor::Monitor;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
pub use table::{ColumnDef, OutOfOrder, PARTITION_US, TIME_SCALE_US, Table, TableOptions};

/// The first OID given to a user's object, as in Postgres.
pub const FIRST_OID: u32 = 16_500;

/// Everything that has a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalog {
    /// Grows with each commit that changes the catalog.
    pub version: u64,
    /// The database it is seen from: names are looked up here.
    pub here: Arc<DatabaseDef>,
    /// All that there are, by OID, `here` among them.
    pub databases: Arc<BTreeMap<u32, Arc<DatabaseDef>>>,
    /// Roles, owners, grants.
    pub access: Arc<Access>,
    /// Of all but tables, which have their own.
    pub comments: Arc<Comments>,
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
    /// A new data directory's, with a database of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let first = Arc::new(DatabaseDef::empty(FIRST_DATABASE_OID, name));
        Self {
            version: 0,
            databases: Arc::new(BTreeMap::from([(first.oid, Arc::clone(&first))])),
            here: first,
            access: Arc::new(Access::initial()),
            comments: Arc::default(),
            next_oid: FIRST_OID,
            next_space: 1,
            next_sequence: 1,
        }
    }

    /// The same with the usual name.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(FIRST_DATABASE)
    }

    #[must_use]
    pub fn table(&self, schema: &str, name: &str) -> Option<&Arc<Table>> {
        self.here.table(schema, name)
    }

    #[must_use]
    pub fn table_by_oid(&self, oid: u32) -> Option<&Arc<Table>> {
        self.here.tables.values().find(|table| table.oid == oid)
    }

    #[must_use]
    pub fn view(&self, schema: &str, name: &str) -> Option<&Arc<View>> {
        self.here.view(schema, name)
    }

    /// The table that an index belongs to, and the index.
    #[must_use]
    pub fn index(&self, schema: &str, name: &str) -> Option<(&Arc<Table>, &IndexDef)> {
        self.here.index(schema, name)
    }

    /// What rights on a schema of this database are kept under.
    #[must_use]
    pub fn schema(&self, name: &str) -> Securable {
        Securable::Schema(self.here.oid, name.to_owned())
    }
}
