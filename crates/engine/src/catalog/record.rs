//! The catalog as it lies on disk: a version byte and postcard.
//!
//! ```text
//! 1 | record             before there were roles
//! 2 | record | access
//! ```

use super::{Access, Catalog, Table, View};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

const VERSION: u8 = 2;
const WITHOUT_ACCESS: u8 = 1;

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
            .and_then(|bytes| postcard::to_extend(&*self.access, bytes))
            .map_err(|error| Error::Invalid(format!("the catalog: {error}")))
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let corrupt = |what: String| Error::Corrupt(format!("the catalog: {what}"));
        let (&version, body) = bytes.split_first().ok_or_else(|| corrupt("empty".to_owned()))?;
        let (record, rest): (Record, _) =
            postcard::take_from_bytes(body).map_err(|e| corrupt(e.to_string()))?;
        let access = match version {
            WITHOUT_ACCESS => Access::initial(),
            VERSION => postcard::from_bytes(rest).map_err(|e| corrupt(e.to_string()))?,
            other => return Err(corrupt(format!("version {other}"))),
        };
        let named = |schema: &str, name: &str| (schema.to_owned(), name.to_owned());
        let tables = record.tables.into_iter();
        let views = record.views.into_iter();
        Ok(Self {
            version: record.version,
            tables: tables.map(|t| (named(&t.schema, &t.name), Arc::new(t))).collect(),
            views: views.map(|v| (named(&v.schema, &v.name), Arc::new(v))).collect(),
            schemas: record.schemas,
            extensions: record.extensions,
            access: Arc::new(access),
            next_oid: record.next_oid,
            next_space: record.next_space,
            next_sequence: record.next_sequence,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;

    #[test]
    fn roles_are_kept() {
        let mut catalog = Catalog::empty();
        let access = Arc::make_mut(&mut catalog.access);
        access.roles.insert(20_000, Role::group(20_000, "ada"));
        assert_eq!(Catalog::decode(&catalog.encode().unwrap()).unwrap(), catalog);
    }

    /// A database made before there were roles opens with the superuser it always had.
    #[test]
    fn a_catalog_without_roles_is_read() {
        let catalog = Catalog::empty();
        let bytes = catalog.encode().unwrap();
        let record = bytes.len() - postcard::to_allocvec(&*catalog.access).unwrap().len();
        let mut old = bytes[..record].to_vec();
        old[0] = WITHOUT_ACCESS;
        assert_eq!(Catalog::decode(&old).unwrap(), catalog);
        old[0] = 9;
        assert!(Catalog::decode(&old).is_err());
    }
}
