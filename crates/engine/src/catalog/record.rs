//! The catalog as it lies on disk: a version byte and postcard.

use super::{Catalog, Table, View};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

const VERSION: u8 = 1;

/// The catalog without what follows from it.
#[derive(Serialize, Deserialize)]
struct Record {
    version: u64,
    tables: Vec<Table>,
    views: Vec<View>,
    schemas: BTreeSet<String>,
    extensions: BTreeSet<String>,
    next_oid: u32,
    next_space: u32,
    next_sequence: u32,
}

impl Catalog {
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let record = Record {
            version: self.version,
            tables: self.tables.values().map(|table| Table::clone(table)).collect(),
            views: self.views.values().map(|view| View::clone(view)).collect(),
            schemas: self.schemas.clone(),
            extensions: self.extensions.clone(),
            next_oid: self.next_oid,
            next_space: self.next_space,
            next_sequence: self.next_sequence,
        };
        postcard::to_extend(&record, vec![VERSION])
            .map_err(|error| Error::Invalid(format!("the catalog: {error}")))
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let corrupt = |what: String| Error::Corrupt(format!("the catalog: {what}"));
        let Some((&VERSION, body)) = bytes.split_first() else {
            return Err(corrupt("unknown version".to_owned()));
        };
        let record: Record = postcard::from_bytes(body).map_err(|e| corrupt(e.to_string()))?;
        let named = |schema: &str, name: &str| (schema.to_owned(), name.to_owned());
        let tables = record.tables.into_iter();
        let views = record.views.into_iter();
        Ok(Self {
            version: record.version,
            tables: tables.map(|t| (named(&t.schema, &t.name), Arc::new(t))).collect(),
            views: views.map(|v| (named(&v.schema, &v.name), Arc::new(v))).collect(),
            schemas: record.schemas,
            extensions: record.extensions,
            next_oid: record.next_oid,
            next_space: record.next_space,
            next_sequence: record.next_sequence,
        })
    }
}
