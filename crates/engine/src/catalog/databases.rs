//! The databases of a catalog, and the one it is seen from.

use super::{Catalog, DatabaseDef, Effect, FIRST_DATABASE_OID, Securable, Table};
use crate::core::Numbers;
use crate::{Error, Result};
use std::sync::Arc;

impl Catalog {
    /// The catalog as it is seen from a database; from one that is not there, an empty one.
    pub(crate) fn seen_from(this: &Arc<Self>, oid: u32) -> Arc<Self> {
        if this.here.oid == oid {
            return Arc::clone(this);
        }
        let there = this.databases.get(&oid).cloned();
        let here = there.unwrap_or_else(|| Arc::new(DatabaseDef::empty(oid, "")));
        Arc::new(Self { here, ..Self::clone(this) })
    }

    /// The database of this name.
    #[must_use]
    pub fn database(&self, name: &str) -> Option<&Arc<DatabaseDef>> {
        self.databases.values().find(|database| database.name == name)
    }

    /// The tables of all databases.
    pub fn all_tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.databases.values().flat_map(|database| database.tables.values())
    }

    /// The table with this OID, whichever database it is in.
    #[must_use]
    pub fn any_table(&self, oid: u32) -> Option<&Arc<Table>> {
        self.all_tables().find(|table| table.oid == oid)
    }

    pub(super) fn here_mut(&mut self) -> &mut DatabaseDef {
        Arc::make_mut(&mut self.here)
    }

    /// Nothing is defined in a database that is gone.
    pub(super) fn check_here(&self) -> Result<()> {
        self.known_database(self.here.oid).map(drop)
    }

    /// What was changed here is changed among all.
    pub(super) fn keep_here(&mut self) {
        let unchanged = |kept: &Arc<DatabaseDef>| Arc::ptr_eq(kept, &self.here);
        if !self.databases.get(&self.here.oid).is_some_and(unchanged) {
            let here = Arc::clone(&self.here);
            Arc::make_mut(&mut self.databases).insert(here.oid, here);
        }
    }

    pub(super) fn create_database(&mut self, name: &str, numbers: &Numbers) -> Result<()> {
        self.check_database_free(name)?;
        let new = DatabaseDef::empty(Numbers::take(&numbers.oid), name);
        Arc::make_mut(&mut self.databases).insert(new.oid, Arc::new(new));
        Ok(())
    }

    pub(super) fn drop_database(&mut self, oid: u32) -> Result<Effect> {
        let gone = Arc::clone(self.known_database(oid)?);
        if oid == FIRST_DATABASE_OID || oid == self.here.oid {
            return Err(Error::Invalid(format!("database \"{}\" cannot be dropped", gone.name)));
        }
        Arc::make_mut(&mut self.databases).remove(&oid);
        let tables = gone.tables.values().map(|table| table.oid);
        let relations = tables.chain(gone.views.values().map(|view| view.oid));
        let relations: Vec<u32> = relations.collect();
        relations.into_iter().for_each(|oid| self.forget(&Securable::Relation(oid)));
        for schema in &gone.schemas {
            self.forget(&Securable::Schema(oid, schema.clone()));
        }
        self.forget(&Securable::Database(oid));
        Ok(Effect::Dropped(gone.tables.values().map(|table| table.space).collect()))
    }

    pub(super) fn rename_database(&mut self, oid: u32, name: String) -> Result<()> {
        self.check_database_free(&name)?;
        let mut database = DatabaseDef::clone(self.known_database(oid)?);
        database.name = name;
        let database = Arc::new(database);
        if oid == self.here.oid {
            self.here = Arc::clone(&database);
        }
        Arc::make_mut(&mut self.databases).insert(oid, database);
        Ok(())
    }

    fn known_database(&self, oid: u32) -> Result<&Arc<DatabaseDef>> {
        let lost = || Error::Missing { kind: "database", name: format!("with OID {oid}") };
        self.databases.get(&oid).ok_or_else(lost)
    }

    fn check_database_free(&self, name: &str) -> Result<()> {
        match self.database(name) {
            Some(_) => Err(Error::Exists { kind: "database", name: name.to_owned() }),
            None => Ok(()),
        }
    }
}
