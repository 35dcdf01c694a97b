//! What each change does to the catalog, and when it may not.

use super::{Catalog, CatalogChange, ColumnDef, IndexDef, Securable, Table, View};
use crate::core::Numbers;
use crate::layout::encode_missing;
use crate::{Error, Result};
use arrow::array::ArrayRef;
use cvx_core::SpaceId;
use std::sync::Arc;

/// What a change means beyond the catalog.
#[derive(Debug)]
pub(crate) enum Effect {
    Created(Arc<Table>),
    /// The spaces of tables that are no more.
    Dropped(Vec<SpaceId>),
    Definition,
}

impl Catalog {
    /// Makes a change, whole or not at all.
    pub(crate) fn apply(&mut self, change: CatalogChange, numbers: &Numbers) -> Result<Effect> {
        self.check_here()?;
        let drops = change.drops();
        let effect = self.change(change, numbers)?;
        self.keep_here();
        if drops {
            self.sweep_comments();
        }
        Ok(effect)
    }

    fn change(&mut self, change: CatalogChange, numbers: &Numbers) -> Result<Effect> {
        match change {
            CatalogChange::CreateDatabase { name } => self.create_database(&name, numbers)?,
            CatalogChange::DropDatabase { oid } => return self.drop_database(oid),
            CatalogChange::RenameDatabase { oid, name } => self.rename_database(oid, name)?,
            CatalogChange::CreateTable(table) => return self.create_table(table, numbers),
            CatalogChange::DropTable { oid } => {
                let table = self.take_table(oid)?;
                self.forget(&Securable::Relation(oid));
                return Ok(Effect::Dropped(vec![table.space]));
            }
            CatalogChange::CreateSchema { name } => {
                if !self.here_mut().schemas.insert(name.clone()) {
                    return Err(Error::Exists { kind: "schema", name });
                }
            }
            CatalogChange::DropSchema { name } => self.drop_schema(name)?,
            CatalogChange::RenameTable { oid, name } => {
                let mut table = Table::clone(&*self.known_table(oid)?);
                self.check_free(&table.schema, &name, "table")?;
                self.take_table(oid)?;
                table.name = name;
                self.put_table(table);
            }
            CatalogChange::AddColumn { oid, column, missing } => {
                self.alter(oid, |table| add_column(table, column, missing.as_ref(), numbers))?;
            }
            CatalogChange::RenameColumn { oid, id, name } => self.rename_column(oid, id, name)?,
            CatalogChange::SetDefault { oid, id, default } => {
                self.alter_column(oid, id, |column| column.default = default)?;
            }
            CatalogChange::SetNotNull { oid, id, not_null } => {
                self.alter_column(oid, id, |column| column.not_null = not_null)?;
            }
            CatalogChange::SetOptions { oid, options } => self.alter(oid, |table| {
                table.options = options;
                Ok(())
            })?,
            CatalogChange::SetComment { on, comment } => self.set_comment(on, comment)?,
            CatalogChange::CreateIndex { oid, index } => self.create_index(oid, index, numbers)?,
            CatalogChange::DropIndex { oid } => self.drop_index(oid)?,
            CatalogChange::CreateView { view, replace } => {
                self.create_view(view, replace, numbers)?;
            }
            CatalogChange::DropView { oid } => self.drop_view(oid)?,
            CatalogChange::CreateExtension { name } => {
                if !self.here_mut().extensions.insert(name.clone()) {
                    return Err(Error::Exists { kind: "extension", name });
                }
            }
            CatalogChange::DropExtension { name } => {
                if !self.here_mut().extensions.remove(&name) {
                    return Err(Error::Missing { kind: "extension", name });
                }
            }
            CatalogChange::Access(change) => {
                Arc::make_mut(&mut self.access).apply(change, numbers)?;
            }
        }
        Ok(Effect::Definition)
    }

    fn create_table(&mut self, mut table: Table, numbers: &Numbers) -> Result<Effect> {
        self.check_schema(&table.schema)?;
        self.check_free(&table.schema, &table.name, "table")?;
        check_table(&table)?;
        table.oid = Numbers::take(&numbers.oid);
        table.space = SpaceId(Numbers::take(&numbers.space));
        table.key_index_oid = if table.key.is_empty() { 0 } else { Numbers::take(&numbers.oid) };
        for column in &mut table.columns {
            column.sequence = column.sequence.map(|_| Numbers::take(&numbers.sequence));
        }
        for index in &mut table.indexes {
            index.oid = Numbers::take(&numbers.oid);
        }
        let table = self.put_table(table);
        Ok(Effect::Created(table))
    }

    fn drop_schema(&mut self, name: String) -> Result<()> {
        let relations = self.here.tables.keys().chain(self.here.views.keys());
        let used = relations.into_iter().any(|(schema, _)| *schema == name);
        if used {
            return Err(Error::Invalid(format!("schema \"{name}\" is not empty")));
        }
        if !self.here_mut().schemas.remove(&name) {
            return Err(Error::Missing { kind: "schema", name });
        }
        let on = self.schema(&name);
        self.forget(&on);
        Ok(())
    }

    /// Who owned what is gone, and who had rights on it.
    pub(super) fn forget(&mut self, on: &Securable) {
        Arc::make_mut(&mut self.access).forget(on);
    }

    fn rename_column(&mut self, oid: u32, id: u16, name: String) -> Result<()> {
        if self.known_table(oid)?.column(&name).is_some() {
            return Err(Error::Exists { kind: "column", name });
        }
        self.alter_column(oid, id, |column| column.name = name)
    }

    fn create_index(&mut self, oid: u32, mut index: IndexDef, numbers: &Numbers) -> Result<()> {
        let schema = self.known_table(oid)?.schema.clone();
        self.check_free(&schema, &index.name, "index")?;
        index.oid = Numbers::take(&numbers.oid);
        self.alter(oid, |table| {
            table.place(index.column)?;
            table.indexes.push(index);
            Ok(())
        })
    }

    fn drop_index(&mut self, oid: u32) -> Result<()> {
        let has = |table: &&Arc<Table>| table.indexes.iter().any(|index| index.oid == oid);
        let table = self.here.tables.values().find(has).map(|table| table.oid);
        let lost = || Error::Missing { kind: "index", name: format!("with OID {oid}") };
        self.alter(table.ok_or_else(lost)?, |table| {
            table.indexes.retain(|index| index.oid != oid);
            Ok(())
        })
    }

    fn create_view(&mut self, mut view: View, replace: bool, numbers: &Numbers) -> Result<()> {
        self.check_schema(&view.schema)?;
        let there = self.view(&view.schema, &view.name).map(|view| view.oid);
        match there {
            Some(oid) if replace => view.oid = oid,
            _ => {
                self.check_free(&view.schema, &view.name, "view")?;
                view.oid = Numbers::take(&numbers.oid);
            }
        }
        self.here_mut().views.insert((view.schema.clone(), view.name.clone()), Arc::new(view));
        Ok(())
    }

    fn drop_view(&mut self, oid: u32) -> Result<()> {
        let views = &mut self.here_mut().views;
        let before = views.len();
        views.retain(|_, view| view.oid != oid);
        if views.len() == before {
            return Err(Error::Missing { kind: "view", name: format!("with OID {oid}") });
        }
        self.forget(&Securable::Relation(oid));
        Ok(())
    }

    pub(super) fn alter(
        &mut self,
        oid: u32,
        change: impl FnOnce(&mut Table) -> Result<()>,
    ) -> Result<()> {
        let mut table = Table::clone(&*self.known_table(oid)?);
        change(&mut table)?;
        self.put_table(table);
        Ok(())
    }

    fn alter_column(
        &mut self,
        oid: u32,
        id: u16,
        change: impl FnOnce(&mut ColumnDef),
    ) -> Result<()> {
        self.alter(oid, |table| {
            let place = table.place(id)?;
            change(&mut table.columns[place]);
            Ok(())
        })
    }

    fn known_table(&self, oid: u32) -> Result<Arc<Table>> {
        let lost = || Error::Missing { kind: "table", name: format!("with OID {oid}") };
        self.table_by_oid(oid).cloned().ok_or_else(lost)
    }

    fn take_table(&mut self, oid: u32) -> Result<Arc<Table>> {
        let table = self.known_table(oid)?;
        self.here_mut().tables.remove(&(table.schema.clone(), table.name.clone()));
        Ok(table)
    }

    fn put_table(&mut self, table: Table) -> Arc<Table> {
        let table = Arc::new(table);
        self.here_mut()
            .tables
            .insert((table.schema.clone(), table.name.clone()), Arc::clone(&table));
        table
    }

    fn check_schema(&self, schema: &str) -> Result<()> {
        if self.here.schemas.contains(schema) {
            return Ok(());
        }
        Err(Error::Missing { kind: "schema", name: schema.to_owned() })
    }

    /// Tables, views and indexes of a schema share their names.
    fn check_free(&self, schema: &str, name: &str, kind: &'static str) -> Result<()> {
        let taken = self.table(schema, name).is_some()
            || self.view(schema, name).is_some()
            || self.index(schema, name).is_some();
        if taken {
            return Err(Error::Exists { kind, name: name.to_owned() });
        }
        Ok(())
    }
}

fn check_table(table: &Table) -> Result<()> {
    for (place, column) in table.columns.iter().enumerate() {
        let twin = |other: &ColumnDef| other.name == column.name || other.id == column.id;
        if table.columns.iter().skip(place + 1).any(twin) {
            return Err(Error::Exists { kind: "column", name: column.name.clone() });
        }
    }
    for id in table.key.iter().chain(&table.entity).chain(&table.valid_time) {
        table.place(*id)?;
    }
    if table.entity.is_some() != table.valid_time.is_some() {
        return Err(Error::Invalid("an entity needs a valid time, and the reverse".to_owned()));
    }
    Ok(())
}

fn add_column(
    table: &mut Table,
    mut column: ColumnDef,
    missing: Option<&ArrayRef>,
    numbers: &Numbers,
) -> Result<()> {
    if table.column(&column.name).is_some() {
        return Err(Error::Exists { kind: "column", name: column.name });
    }
    let last = |ids: &mut dyn Iterator<Item = i64>| ids.max().unwrap_or(0);
    let id = last(&mut table.columns.iter().map(|c| i64::from(c.id))) + 1;
    let attnum = last(&mut table.columns.iter().map(|c| i64::from(c.attnum))) + 1;
    let full = |_| Error::Invalid("a table of too many columns".to_owned());
    column.id = u16::try_from(id).map_err(full)?;
    column.attnum = i16::try_from(attnum).map_err(full)?;
    column.sequence = column.sequence.map(|_| Numbers::take(&numbers.sequence));
    column.missing = match missing {
        Some(value) if *value.data_type() != column.ty.arrow_type(column.typmod) => {
            return Err(Error::Invalid(format!("a default of type {}", value.data_type())));
        }
        Some(value) => encode_missing(value)?,
        None => None,
    };
    table.columns.push(column);
    Ok(())
}
