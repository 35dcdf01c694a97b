//! What changes of the catalog ask of the user, and who owns what they made.
//!
//! The match over changes has no arm for "others": a change that is added must say whose it is.

use super::{Guard, denied, roles};
use crate::bind::object_name;
use crate::ddl::DdlPlan;
use crate::plan::{StatementCx, undefined_database, undefined_table};
use cvx_dialect::SetOwner;
use cvx_engine::{
    AccessChange, Catalog, CatalogChange, Commented, Privileges, Role, SUPERUSER_OID, Securable,
    Table,
};
use cvx_types::{Result, SqlError, SqlState};
use std::sync::Arc;

impl Guard {
    /// The user may make all these changes to this catalog.
    pub fn changes(&self, catalog: &Catalog, changes: &[CatalogChange]) -> Result<()> {
        changes.iter().try_for_each(|change| self.change(catalog, change))
    }

    fn change(&self, catalog: &Catalog, change: &CatalogChange) -> Result<()> {
        use CatalogChange as C;
        match change {
            C::CreateTable(table) => self.create_in(&table.schema),
            C::CreateView { view, .. } => {
                self.create_in(&view.schema)?;
                match catalog.view(&view.schema, &view.name) {
                    Some(old) => self.relation(old.oid, "view", &old.name),
                    None => Ok(()),
                }
            }
            C::DropTable { oid } => self.droppable_table(catalog, *oid),
            C::DropView { oid } => {
                match catalog.here.views.values().find(|view| view.oid == *oid) {
                    Some(view) => {
                        self.in_schema_or(&view.schema, || self.relation(*oid, "view", &view.name))
                    }
                    None => Ok(()),
                }
            }
            C::RenameTable { oid, .. }
            | C::AddColumn { oid, .. }
            | C::RenameColumn { oid, .. }
            | C::SetDefault { oid, .. }
            | C::SetNotNull { oid, .. }
            | C::SetOptions { oid, .. }
            | C::CreateIndex { oid, .. } => self.table_owner(catalog, *oid),
            C::SetComment { on, .. } => self.comments_on(catalog, on),
            C::DropIndex { oid } => self.index_owner(catalog, *oid),
            C::CreateSchema { .. } | C::CreateExtension { .. } => {
                self.create_in_database(&catalog.here.name)
            }
            C::DropSchema { name } => self.owner(&self.schema(name), &format!("schema {name}")),
            C::DropExtension { .. } if self.is_superuser() => Ok(()),
            C::DropExtension { name } => Err(must_own(&format!("extension {name}"))),
            C::CreateDatabase { .. } => self.create_databases(),
            C::DropDatabase { oid } => self.database_owner(catalog, *oid),
            C::RenameDatabase { oid, .. } => {
                self.database_owner(catalog, *oid)?;
                self.create_databases()
            }
            // Planned by this module, which asked then.
            C::Access(_) => Ok(()),
        }
    }

    fn relation(&self, oid: u32, kind: &str, name: &str) -> Result<()> {
        self.owner(&Securable::Relation(oid), &format!("{kind} {name}"))
    }

    fn table_owner(&self, catalog: &Catalog, oid: u32) -> Result<()> {
        match catalog.table_by_oid(oid) {
            Some(table) => self.relation(oid, "table", &table.name),
            None => Ok(()),
        }
    }

    fn droppable_table(&self, catalog: &Catalog, oid: u32) -> Result<()> {
        match catalog.table_by_oid(oid) {
            Some(table) => {
                self.in_schema_or(&table.schema, || self.relation(oid, "table", &table.name))
            }
            None => Ok(()),
        }
    }

    fn index_owner(&self, catalog: &Catalog, oid: u32) -> Result<()> {
        let all = catalog.here.tables.values().flat_map(|t| t.indexes.iter().map(move |i| (t, i)));
        match all.into_iter().find(|(_, index)| index.oid == oid) {
            Some((table, index)) => self.relation(table.oid, "index", &index.name),
            None => Ok(()),
        }
    }

    /// Who owns a thing may comment on it; on roles who may change them.
    fn comments_on(&self, catalog: &Catalog, on: &Commented) -> Result<()> {
        match on {
            Commented::Relation(oid) | Commented::Column(oid, _) => {
                if let Some(view) = catalog.here.views.values().find(|view| view.oid == *oid) {
                    return self.relation(*oid, "view", &view.name);
                }
                let keyed = |table: &&Arc<Table>| table.key_index_oid == *oid;
                match catalog.here.tables.values().find(keyed) {
                    Some(table) => self.relation(table.oid, "index", &table.name),
                    None => self.table_owner(catalog, *oid).and(self.index_owner(catalog, *oid)),
                }
            }
            Commented::Schema(_, name) => self.owner(&self.schema(name), &format!("schema {name}")),
            Commented::Database(oid) => self.database_owner(catalog, *oid),
            Commented::Role(oid) => roles::may_comment(self, *oid),
        }
    }

    /// Who owns a schema may drop what is in it.
    fn in_schema_or(&self, schema: &str, otherwise: impl Fn() -> Result<()>) -> Result<()> {
        let on = self.schema(schema);
        if self.access().owns(self.user(), &on) { Ok(()) } else { otherwise() }
    }

    fn create_in_database(&self, name: &str) -> Result<()> {
        let held = self.access().held(self.user(), &Securable::Database(self.database()));
        if held.has(Privileges::CREATE) { Ok(()) } else { Err(denied(&format!("database {name}"))) }
    }

    fn create_databases(&self) -> Result<()> {
        let role = self.access().role(self.user());
        if role.is_some_and(|role| role.superuser || role.create_db) {
            return Ok(());
        }
        let message = "permission denied to create database";
        Err(SqlError::new(SqlState::INSUFFICIENT_PRIVILEGE, message))
    }

    fn database_owner(&self, catalog: &Catalog, oid: u32) -> Result<()> {
        let name = catalog.databases.get(&oid).map_or("", |database| database.name.as_str());
        self.owner(&Securable::Database(oid), &format!("database {name}"))
    }

    /// Makes the user the owner of what these changes made in this catalog.
    pub fn own(&self, catalog: &Catalog, made: &[Made]) -> Vec<CatalogChange> {
        let owner = self.user();
        if owner == SUPERUSER_OID {
            return Vec::new();
        }
        let of = |made: &Made| match made {
            Made::Relation(schema, name) => {
                let table = catalog.table(schema, name).map(|table| table.oid);
                let oid = table.or_else(|| catalog.view(schema, name).map(|view| view.oid))?;
                Some(Securable::Relation(oid))
            }
            Made::Schema(name) => Some(self.schema(name)),
            Made::Database(name) => {
                catalog.database(name).map(|database| Securable::Database(database.oid))
            }
        };
        let set = |on| CatalogChange::Access(AccessChange::SetOwner { on, owner });
        made.iter().filter_map(of).map(set).collect()
    }
}

/// Something new, by name: its OID is given when it is made.
#[derive(Clone, Debug)]
pub enum Made {
    Relation(String, String),
    Schema(String),
    Database(String),
}

impl Made {
    /// What the changes will make of new things in this catalog.
    pub fn by(catalog: &Catalog, changes: &[CatalogChange]) -> Vec<Self> {
        let made = |change: &CatalogChange| match change {
            CatalogChange::CreateTable(table) => {
                Some(Self::Relation(table.schema.clone(), table.name.clone()))
            }
            CatalogChange::CreateView { view, .. } => {
                let new = catalog.view(&view.schema, &view.name).is_none();
                new.then(|| Self::Relation(view.schema.clone(), view.name.clone()))
            }
            CatalogChange::CreateSchema { name } => Some(Self::Schema(name.clone())),
            CatalogChange::CreateDatabase { name } => Some(Self::Database(name.clone())),
            _ => None,
        };
        changes.iter().filter_map(made).collect()
    }
}

/// ALTER ... OWNER TO.
pub(super) fn set_owner(cx: &StatementCx<'_>, set: &SetOwner) -> Result<DdlPlan> {
    let tag = match set.kind {
        "TABLE" => "ALTER TABLE",
        "VIEW" => "ALTER VIEW",
        "DATABASE" => "ALTER DATABASE",
        _ => "ALTER SCHEMA",
    };
    let parts = object_name(&set.name);
    let shown = parts.join(".");
    let Some((on, schema)) = securable(cx, set.kind, &parts) else {
        return match (set.if_exists, set.kind) {
            (true, _) => {
                Ok(DdlPlan::new(tag)
                    .notice(format!("relation \"{shown}\" does not exist, skipping")))
            }
            (false, "SCHEMA") => Err(SqlError::new(
                SqlState::INVALID_SCHEMA_NAME,
                format!("schema \"{shown}\" does not exist"),
            )),
            (false, "DATABASE") => Err(undefined_database(&shown)),
            (false, _) => Err(undefined_table(&shown)),
        };
    };
    let guard = &cx.guard;
    let words = format!("{} {shown}", set.kind.to_lowercase());
    guard.owner(&on, &words)?;
    let new = guard.role(&set.owner)?;
    if !guard.is_superuser() {
        if !guard.access().memberships(guard.user()).contains(&new.oid) {
            let message = format!("must be able to SET ROLE \"{}\"", new.name);
            return Err(SqlError::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
        }
        may_receive(cx, new, &on, schema)?;
    }
    let change = AccessChange::SetOwner { on, owner: new.oid };
    Ok(DdlPlan::change(tag, CatalogChange::Access(change)))
}

/// The new owner must be able to make such a thing where it is.
fn may_receive(
    cx: &StatementCx<'_>,
    new: &Role,
    on: &Securable,
    schema: Option<String>,
) -> Result<()> {
    let guard = &cx.guard;
    let (place, words) = match (on, schema) {
        (Securable::Database(_), _) => return guard.create_databases(),
        (_, Some(schema)) => (guard.schema(&schema), format!("schema {schema}")),
        (_, None) => {
            let here = &cx.catalog.here;
            (Securable::Database(here.oid), format!("database {}", here.name))
        }
    };
    let held = guard.access().held(new.oid, &place);
    if held.has(Privileges::CREATE) { Ok(()) } else { Err(denied(&words)) }
}

/// What a name means, and the schema it is in.
fn securable(
    cx: &StatementCx<'_>,
    kind: &str,
    parts: &[String],
) -> Option<(Securable, Option<String>)> {
    if kind == "SCHEMA" {
        let name = parts.last().filter(|name| cx.catalog.here.schemas.contains(*name))?;
        return Some((cx.guard.schema(name), None));
    }
    if kind == "DATABASE" {
        let database = cx.catalog.database(parts.last()?)?;
        return Some((Securable::Database(database.oid), None));
    }
    let table = cx.find_table(parts).map(|table| (table.oid, table.schema.clone()));
    let found = table.or_else(|| cx.find_view(parts).map(|view| (view.oid, view.schema.clone())));
    found.map(|(oid, schema)| (Securable::Relation(oid), Some(schema)))
}

fn must_own(words: &str) -> SqlError {
    SqlError::new(SqlState::INSUFFICIENT_PRIVILEGE, format!("must be owner of {words}"))
}
