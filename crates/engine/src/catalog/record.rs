//! The catalog as it lies on disk: a version byte and postcard.
//!
//! ```text
//! 1 | one | 4 numbers                      before there were roles
//! 2 | one | 4 numbers | access             before there were databases
//! 3 | 4 numbers | databases | access     before there were monitors and comments
//! 4 | 4 numbers | databases | access | monitors, by the table's OID | comments
//! ```
//!
//! `one` is the content of the only database there was, with the numbers around it: see [`One`].

use super::comment::Comments;
use super::database::Record;
use super::{Access, Catalog, FIRST_DATABASE_OID, Monitor, Table, View};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const VERSION: u8 = 4;
const WITHOUT_MONITORS: u8 = 3;
const ONE_DATABASE: u8 = 2;
const WITHOUT_ACCESS: u8 = 1;

/// What the catalog has beside databases and roles.
#[derive(Serialize, Deserialize)]
struct Numbers {
    version: u64,
    next_oid: u32,
    next_space: u32,
    next_sequence: u32,
}

/// The catalog of versions 1 and 2, without access.
#[derive(Serialize, Deserialize)]
struct One {
    version: u64,
    tables: Vec<Table>,
    views: Vec<View>,
    schemas: BTreeSet<String>,
    extensions: BTreeSet<String>,
    next_oid: u32,
    next_space: u32,
    next_sequence: u32,
}

/// All that a catalog is made of.
struct Parts {
    numbers: Numbers,
    databases: Vec<Record>,
    access: Access,
    comments: Comments,
}

impl Catalog {
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let numbers = Numbers {
            version: self.version,
            next_oid: self.next_oid,
            next_space: self.next_space,
            next_sequence: self.next_sequence,
        };
        let databases: Vec<Record> =
            self.databases.values().map(|database| Record::from(&**database)).collect();
        postcard::to_extend(&(numbers, databases), vec![VERSION])
            .and_then(|bytes| postcard::to_extend(&*self.access, bytes))
            .and_then(|bytes| postcard::to_extend(&self.monitors(), bytes))
            .and_then(|bytes| postcard::to_extend(&*self.comments, bytes))
            .map_err(|error| Error::Invalid(format!("the catalog: {error}")))
    }

    fn monitors(&self) -> BTreeMap<u32, Monitor> {
        let tables = self.all_tables();
        tables.filter_map(|table| Some((table.oid, table.options.monitor?))).collect()
    }

    /// `first` is what the database is called where the bytes are older than names.
    pub(crate) fn decode(bytes: &[u8], first: &str) -> Result<Self> {
        let corrupt = |what: String| Error::Corrupt(format!("the catalog: {what}"));
        let (&version, body) = bytes.split_first().ok_or_else(|| corrupt("empty".to_owned()))?;
        let parts = Parts::read(version, body, first).map_err(|e| corrupt(e.to_string()))?;
        let parts = parts.ok_or_else(|| corrupt(format!("version {version}")))?;
        let Numbers { version, next_oid, next_space, next_sequence } = parts.numbers;
        let databases = parts.databases.into_iter().map(|record| (record.oid, record.into()));
        let databases: BTreeMap<u32, _> =
            databases.map(|(oid, database)| (oid, Arc::new(database))).collect();
        let here = databases.get(&FIRST_DATABASE_OID).cloned();
        Ok(Self {
            version,
            here: here.ok_or_else(|| corrupt("the first database is not there".to_owned()))?,
            databases: Arc::new(databases),
            access: Arc::new(parts.access),
            comments: Arc::new(parts.comments),
            next_oid,
            next_space,
            next_sequence,
        })
    }
}

impl Parts {
    fn read(version: u8, body: &[u8], first: &str) -> postcard::Result<Option<Self>> {
        Ok(match version {
            VERSION | WITHOUT_MONITORS => {
                let ((numbers, mut databases), rest): ((_, Vec<Record>), _) =
                    postcard::take_from_bytes(body)?;
                let (access, rest) = postcard::take_from_bytes(rest)?;
                let mut comments = Comments::new();
                if version == VERSION {
                    let (monitors, rest): (BTreeMap<u32, Monitor>, _) =
                        postcard::take_from_bytes(rest)?;
                    databases.iter_mut().for_each(|database| database.watch(&monitors));
                    comments = postcard::from_bytes(rest)?;
                }
                Some(Self { numbers, databases, access, comments })
            }
            WITHOUT_ACCESS | ONE_DATABASE => {
                let (one, rest): (One, _) = postcard::take_from_bytes(body)?;
                let access = match version {
                    WITHOUT_ACCESS => Access::initial(),
                    _ => postcard::from_bytes(rest)?,
                };
                Some(one.parts(access, first))
            }
            _ => None,
        })
    }
}

impl One {
    fn parts(self, access: Access, name: &str) -> Parts {
        let Self { version, next_oid, next_space, next_sequence, .. } = self;
        let first = Record::first(name, self.tables, self.views, self.schemas, self.extensions);
        let numbers = Numbers { version, next_oid, next_space, next_sequence };
        Parts { numbers, databases: vec![first], access, comments: Comments::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Commented, DatabaseDef, Grant, Privileges, Role, Securable};

    #[test]
    fn roles_databases_and_comments_are_kept() {
        let mut catalog = Catalog::empty();
        let access = Arc::make_mut(&mut catalog.access);
        access.roles.insert(20_000, Role::group(20_000, "ada"));
        access.owners.insert(Securable::Database(20_001), 20_000);
        access.owners.insert(Securable::Schema(20_001, "own".to_owned()), 20_000);
        let mut other = DatabaseDef::empty(20_001, "notes");
        other.schemas.insert("own".to_owned());
        Arc::make_mut(&mut catalog.databases).insert(other.oid, Arc::new(other));
        let bytes = catalog.encode().unwrap();
        assert_eq!(Catalog::decode(&bytes, "unread").unwrap(), catalog);
        let on = Commented::Schema(20_001, "own".to_owned());
        Arc::make_mut(&mut catalog.comments).insert(on, "hers".to_owned());
        let bytes = catalog.encode().unwrap();
        assert_eq!(Catalog::decode(&bytes, "unread").unwrap(), catalog);
        // Before there were monitors and comments: two empty maps, a byte each.
        catalog.comments = Arc::default();
        let mut bytes = catalog.encode().unwrap();
        bytes.truncate(bytes.len() - 2);
        bytes[0] = WITHOUT_MONITORS;
        assert_eq!(Catalog::decode(&bytes, "unread").unwrap(), catalog);
    }

    /// A data directory of the versions before: one database, and what it had is in it.
    #[test]
    fn catalogs_of_one_database_are_read() {
        let expected = Catalog::new("docs");
        let one = One {
            version: 0,
            tables: vec![],
            views: vec![],
            schemas: BTreeSet::from(["public".to_owned()]),
            extensions: BTreeSet::new(),
            next_oid: expected.next_oid,
            next_space: 1,
            next_sequence: 1,
        };
        let mut old = postcard::to_extend(&one, vec![WITHOUT_ACCESS]).unwrap();
        assert_eq!(Catalog::decode(&old, "docs").unwrap(), expected);
        old[0] = ONE_DATABASE;
        let with_access = postcard::to_extend(&*expected.access, old.clone()).unwrap();
        assert_eq!(Catalog::decode(&with_access, "docs").unwrap(), expected);
        old[0] = 9;
        assert!(Catalog::decode(&old, "docs").is_err());
    }

    /// Rights of then were on "the database" and on schemas of it by name.
    #[test]
    fn rights_of_one_database_are_its_own() {
        #[derive(Serialize)]
        enum Old {
            _Relation(u32),
            Schema(String),
            _Call(String),
            Database,
        }
        let read = |old: &Old| -> Securable {
            postcard::from_bytes(&postcard::to_allocvec(old).unwrap()).unwrap()
        };
        let schema = Securable::Schema(FIRST_DATABASE_OID, "own".to_owned());
        assert_eq!(read(&Old::Schema("own".to_owned())), schema);
        assert_eq!(read(&Old::Database), Securable::Database(FIRST_DATABASE_OID));
        let grant = Grant {
            grantee: 1,
            grantor: 2,
            privileges: Privileges::USAGE,
            grantable: Privileges::NONE,
        };
        let grants = BTreeMap::from([(schema, vec![grant])]);
        let bytes = postcard::to_allocvec(&grants).unwrap();
        assert_eq!(postcard::from_bytes::<BTreeMap<_, _>>(&bytes).unwrap(), grants);
    }
}
