//! CREATE, ALTER and DROP DATABASE: what they change, and when they may not.
//!
//! Templates hold nothing here but the empty schema `public`, so `template0` and `template1` are
//! names that are accepted and not databases that are there. Encodings and locales are accepted
//! where they say what is the case: UTF8, and strings compared by their bytes.

use crate::bind::ident_name;
use crate::ddl::DdlPlan;
use crate::plan::{StatementCx, undefined_database};
use cvx_dialect::{DatabaseOption, DatabaseStatement, RoleName};
use cvx_engine::{
    AccessChange, CatalogChange, DatabaseDef, FIRST_DATABASE_OID, Privileges, Securable,
};
use cvx_types::{Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::Ident;

/// 55006: the session, or others, are using it.
pub(crate) const IN_USE: SqlState = SqlState("55006");

/// Locales in which strings are compared as they are here.
const PLAIN_LOCALES: [&str; 4] = ["C", "POSIX", "C.UTF-8", "C.UTF8"];

pub(crate) fn plan(cx: &StatementCx<'_>, statement: &DatabaseStatement) -> Result<DdlPlan> {
    match statement {
        DatabaseStatement::Create { name, options } => create(cx, name, options),
        DatabaseStatement::Drop { name, if_exists, .. } => drop_one(cx, name, *if_exists),
        DatabaseStatement::Rename { name, to } => rename(cx, name, to),
    }
}

fn create(cx: &StatementCx<'_>, name: &Ident, options: &[DatabaseOption]) -> Result<DdlPlan> {
    let name = ident_name(name);
    let new = CatalogChange::CreateDatabase { name: name.clone() };
    let mut plan = DdlPlan::change("CREATE DATABASE", new);
    for option in options {
        match option {
            DatabaseOption::Owner(None) | DatabaseOption::Template(None) => {}
            DatabaseOption::Owner(Some(owner)) => check_owner(cx, owner)?,
            DatabaseOption::Template(Some(template)) => check_template(cx, &ident_name(template))?,
            DatabaseOption::Other(word, Some(value)) => plan = other(plan, word, value)?,
            DatabaseOption::Other(_, None) => {}
        }
    }
    if is_template(&name) || cx.catalog.database(&name).is_some() {
        let message = format!("database \"{name}\" already exists");
        return Err(SqlError::new(SqlState("42P04"), message));
    }
    Ok(plan)
}

fn is_template(name: &str) -> bool {
    matches!(name, "template0" | "template1")
}

/// Who makes a database may give it to a role that it could become.
fn check_owner(cx: &StatementCx<'_>, owner: &RoleName) -> Result<()> {
    let (guard, role) = (&cx.guard, cx.guard.role(owner)?);
    if guard.is_superuser() || guard.access().memberships(guard.user()).contains(&role.oid) {
        return Ok(());
    }
    let message = format!("must be able to SET ROLE \"{}\"", role.name);
    Err(SqlError::new(SqlState::INSUFFICIENT_PRIVILEGE, message))
}

fn check_template(cx: &StatementCx<'_>, name: &str) -> Result<()> {
    if is_template(name) {
        return Ok(());
    }
    if cx.catalog.database(name).is_some() {
        return Err(SqlError::unsupported("a copy of a database as the template of another")
            .hint("template0 and template1 are empty."));
    }
    let message = format!("template database \"{name}\" does not exist");
    Err(SqlError::new(SqlState::INVALID_CATALOG_NAME, message))
}

/// Options that say what every database here is; others are refused by name.
fn other(plan: DdlPlan, word: &str, value: &str) -> Result<DdlPlan> {
    let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(value));
    match word {
        "ENCODING" if is(&["UTF8", "UTF-8", "UNICODE", "6"]) => Ok(plan),
        "ENCODING" => Err(SqlError::unsupported(format!("encoding \"{value}\""))),
        "LOCALE" | "LC_COLLATE" | "LC_CTYPE" | "ICU_LOCALE" if !is(&PLAIN_LOCALES) => {
            let message = format!("locale \"{value}\" is not used: strings are compared by bytes");
            Ok(plan.notice(message))
        }
        "TABLESPACE" if !is(&["pg_default"]) => {
            let message = format!("tablespace \"{value}\" does not exist");
            Err(SqlError::new(SqlState::UNDEFINED_OBJECT, message))
        }
        "CONNECTION" if value != "-1" => {
            Err(SqlError::unsupported("a connection limit of a database"))
        }
        "ALLOW_CONNECTIONS" if !is(&["true", "on", "1", "yes"]) => {
            Err(SqlError::unsupported("a database that takes no connections"))
        }
        "IS_TEMPLATE" if !is(&["false", "off", "0", "no"]) => {
            Err(SqlError::unsupported("a database that is a template"))
        }
        "OID" => Err(SqlError::unsupported("an OID for a database")),
        _ => Ok(plan),
    }
}

fn drop_one(cx: &StatementCx<'_>, name: &Ident, if_exists: bool) -> Result<DdlPlan> {
    const TAG: &str = "DROP DATABASE";
    let name = ident_name(name);
    let Some(database) = cx.catalog.database(&name) else {
        if if_exists {
            let message = format!("database \"{name}\" does not exist, skipping");
            return Ok(DdlPlan::new(TAG).notice(message));
        }
        return Err(undefined_database(&name));
    };
    cx.guard.owner(&Securable::Database(database.oid), &format!("database {name}"))?;
    if database.oid == cx.catalog.here.oid {
        return Err(SqlError::new(IN_USE, "cannot drop the currently open database"));
    }
    if database.oid == FIRST_DATABASE_OID {
        let message = format!("cannot drop the first database \"{name}\"");
        return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, message)
            .hint("Every server has it. It can be renamed, and what is in it dropped."));
    }
    Ok(DdlPlan::change(TAG, CatalogChange::DropDatabase { oid: database.oid }))
}

fn rename(cx: &StatementCx<'_>, name: &Ident, to: &Ident) -> Result<DdlPlan> {
    let (name, to) = (ident_name(name), ident_name(to));
    let database = cx.catalog.database(&name).ok_or_else(|| undefined_database(&name))?;
    if database.oid == cx.catalog.here.oid {
        return Err(SqlError::unsupported("renaming the current database"));
    }
    if is_template(&to) || cx.catalog.database(&to).is_some() {
        let message = format!("database \"{to}\" already exists");
        return Err(SqlError::new(SqlState("42P04"), message));
    }
    let change = CatalogChange::RenameDatabase { oid: database.oid, name: to };
    Ok(DdlPlan::change("ALTER DATABASE", change))
}

/// The databases that nobody may be in while these changes are made.
pub(crate) fn vacated(changes: &[CatalogChange]) -> impl Iterator<Item = u32> + '_ {
    changes.iter().filter_map(|change| match change {
        CatalogChange::DropDatabase { oid } | CatalogChange::RenameDatabase { oid, .. } => {
            Some(*oid)
        }
        _ => None,
    })
}

/// The role that OWNER gives a new database to.
pub(crate) fn owner(
    cx: &StatementCx<'_>,
    statement: &DatabaseStatement,
) -> Result<Option<(String, u32)>> {
    let DatabaseStatement::Create { name, options } = statement else { return Ok(None) };
    let mut owners = options.iter().filter_map(|option| match option {
        DatabaseOption::Owner(owner) => owner.as_ref(),
        DatabaseOption::Template(_) | DatabaseOption::Other(..) => None,
    });
    let owner = owners.next().map(|owner| cx.guard.role(owner)).transpose()?;
    Ok(owner.map(|role| (ident_name(name), role.oid)))
}

/// Gives a database that was just made to its owner.
pub(crate) fn give(database: &DatabaseDef, owner: u32) -> CatalogChange {
    let on = Securable::Database(database.oid);
    CatalogChange::Access(AccessChange::SetOwner { on, owner })
}

/// Whether a role may connect to a database.
pub(crate) fn may_enter(
    access: &cvx_engine::Access,
    role: u32,
    database: &DatabaseDef,
) -> Result<()> {
    if access.held(role, &Securable::Database(database.oid)).has(Privileges::CONNECT) {
        return Ok(());
    }
    let denied = super::denied(&format!("database \"{}\"", database.name));
    Err(denied.detail("User does not have CONNECT privilege."))
}
