//! Comments: what people say of things. Tables keep theirs in their definition, everything else
//! in one map of the catalog, by what it is on.

use super::{Catalog, DatabaseDef, Table};
use crate::Result;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Comments by what they are on.
pub(super) type Comments = BTreeMap<Commented, String>;

/// What a comment is on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Commented {
    /// A table, view or index, by OID.
    Relation(u32),
    /// The OID of a table or view, and the number of a column of it.
    Column(u32, i16),
    /// The OID of a database, and the name of a schema in it.
    Schema(u32, String),
    Database(u32),
    Role(u32),
}

impl Catalog {
    /// What is said of it.
    #[must_use]
    pub fn comment(&self, on: &Commented) -> Option<&str> {
        let table = match on {
            Commented::Relation(oid) => self.table_by_oid(*oid),
            _ => None,
        };
        match table {
            Some(table) => table.comment.as_deref(),
            None => self.comments.get(on).map(String::as_str),
        }
    }

    /// None removes it. `on` was found in this catalog.
    pub(super) fn set_comment(&mut self, on: Commented, comment: Option<String>) -> Result<()> {
        if let Commented::Relation(oid) = on
            && self.table_by_oid(oid).is_some()
        {
            return self.alter(oid, |table| {
                table.comment = comment;
                Ok(())
            });
        }
        let comments = Arc::make_mut(&mut self.comments);
        match comment {
            Some(comment) => comments.insert(on, comment),
            None => comments.remove(&on),
        };
        Ok(())
    }

    /// Forgets comments on what is gone.
    pub(super) fn sweep_comments(&mut self) {
        if self.comments.is_empty() {
            return;
        }
        let relations: BTreeSet<u32> =
            self.databases.values().flat_map(|d| d.relations()).collect();
        let (databases, access) = (Arc::clone(&self.databases), Arc::clone(&self.access));
        Arc::make_mut(&mut self.comments).retain(|on, _| match on {
            Commented::Relation(oid) | Commented::Column(oid, _) => relations.contains(oid),
            Commented::Schema(oid, name) => {
                databases.get(oid).is_some_and(|database| database.schemas.contains(name))
            }
            Commented::Database(oid) => databases.contains_key(oid),
            Commented::Role(oid) => access.role(*oid).is_some(),
        });
    }
}

impl DatabaseDef {
    /// The OIDs of tables, views and indexes.
    fn relations(&self) -> impl Iterator<Item = u32> {
        let of_table = |table: &Arc<Table>| {
            let indexes = table.indexes.iter().map(|index| index.oid);
            indexes.chain([table.oid, table.key_index_oid]).collect::<Vec<_>>()
        };
        let tables = self.tables.values().flat_map(of_table);
        tables.chain(self.views.values().map(|view| view.oid))
    }
}
