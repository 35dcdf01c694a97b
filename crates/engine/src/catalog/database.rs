//! A database: the outermost namespace. One server has many, in one data directory and one log.
//!
//! ```text
//!   Catalog -- databases --> DatabaseDef 16386 "cvx"    schemas, tables, views, extensions
//!      |             '-----> DatabaseDef 16507 "notes"  schemas, tables, views, extensions
//!      '--- access: roles, owners and grants of all
//! ```
//!
//! Invariant: names are looked up in one database; OIDs, spaces and sequences are handed out by
//! one counter for all, so nothing below the catalog knows of databases. A transaction works in
//! one database and commits through the one writer, which is why two databases never disagree
//! about the order of commits, and a kill leaves all of them at the same moment.
//!
//! Rejected: an engine (log, writer, caches) for each database. It would isolate their loads, but
//! roles would need a store of their own, and memory and threads would grow with databases.

use super::{IndexDef, Monitor, Table, View};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The database that every data directory has. It can be renamed, and is never dropped.
pub const FIRST_DATABASE_OID: u32 = 16_386;
/// What the first database is called where nobody said otherwise.
pub const FIRST_DATABASE: &str = "cvx";

/// A database and what it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct DatabaseDef {
    pub oid: u32,
    pub name: String,
    /// By schema and name.
    pub tables: BTreeMap<(String, String), Arc<Table>>,
    pub views: BTreeMap<(String, String), Arc<View>>,
    pub schemas: BTreeSet<String>,
    pub extensions: BTreeSet<String>,
}

impl DatabaseDef {
    /// A new one: the schema `public`, nothing in it.
    #[must_use]
    pub fn empty(oid: u32, name: &str) -> Self {
        Self {
            oid,
            name: name.to_owned(),
            tables: BTreeMap::new(),
            views: BTreeMap::new(),
            schemas: BTreeSet::from(["public".to_owned()]),
            extensions: BTreeSet::new(),
        }
    }
}

/// A database as it lies on disk.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) oid: u32,
    name: String,
    tables: Vec<Table>,
    views: Vec<View>,
    schemas: BTreeSet<String>,
    extensions: BTreeSet<String>,
}

impl Record {
    /// One that was written before databases had names.
    pub(super) fn first(
        name: &str,
        tables: Vec<Table>,
        views: Vec<View>,
        schemas: BTreeSet<String>,
        extensions: BTreeSet<String>,
    ) -> Self {
        Self { oid: FIRST_DATABASE_OID, name: name.to_owned(), tables, views, schemas, extensions }
    }
}

impl Record {
    /// Gives tables the monitors that are kept behind them.
    pub(super) fn watch(&mut self, monitors: &BTreeMap<u32, Monitor>) {
        for table in &mut self.tables {
            table.options.monitor = monitors.get(&table.oid).copied();
        }
    }
}

impl From<&DatabaseDef> for Record {
    fn from(database: &DatabaseDef) -> Self {
        Self {
            oid: database.oid,
            name: database.name.clone(),
            tables: database.tables.values().map(|table| Table::clone(table)).collect(),
            views: database.views.values().map(|view| View::clone(view)).collect(),
            schemas: database.schemas.clone(),
            extensions: database.extensions.clone(),
        }
    }
}

impl From<Record> for DatabaseDef {
    fn from(record: Record) -> Self {
        let named = |schema: &str, name: &str| (schema.to_owned(), name.to_owned());
        let tables = record.tables.into_iter();
        let views = record.views.into_iter();
        Self {
            oid: record.oid,
            name: record.name,
            tables: tables.map(|t| (named(&t.schema, &t.name), Arc::new(t))).collect(),
            views: views.map(|v| (named(&v.schema, &v.name), Arc::new(v))).collect(),
            schemas: record.schemas,
            extensions: record.extensions,
        }
    }
}

impl DatabaseDef {
    #[must_use]
    pub fn table(&self, schema: &str, name: &str) -> Option<&Arc<Table>> {
        self.tables.get(&(schema.to_owned(), name.to_owned()))
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
