//! Who may do what: asked of [`Guard`] by every road, and decided nowhere else.
//!
//! ```text
//! reads    bind::time::settle       every table of every query, view, function, COPY, sub-query
//! writes   dml::writable            the target of INSERT, UPDATE, DELETE, COPY FROM
//! TRUNCATE ddl::drop::truncate      DDL      session::dispatch, over the changes of its plan
//! CALL     admin::call              catalog  plan::Planner, over the tables of passwords
//! ```
//!
//! Rights are the present ones, not the snapshot's: what was revoked is gone for blocks that run.
//! Rejected: checks per kind of statement before it is bound. They must walk the same tree as the
//! binder and see views, functions and sub-queries as it does; what they miss is an open door.

mod databases;
mod definitions;
mod grants;
mod roles;

pub(crate) use databases::{
    IN_USE, give as give_database, may_enter, owner as database_owner, plan as plan_database,
    vacated,
};
pub(crate) use definitions::Made;
pub(crate) use roles::new_role_secret;

use crate::ddl::DdlPlan;
use crate::plan::StatementCx;
use cvx_dialect::{RoleName, Statement};
use cvx_engine::{Access, Privileges, Role, Securable, Table, View};
use cvx_types::{Result, SqlError, SqlState};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The rights of one statement's user.
#[derive(Clone, Debug)]
pub struct Guard {
    access: Arc<Access>,
    /// Who the session is now: SET ROLE changes it.
    user: u32,
    /// Who it is without SET ROLE.
    session_user: u32,
    /// The OID of the database it works in.
    database: u32,
}

/// In whose name a table is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reader {
    #[default]
    User,
    /// The owner of the view that reads it.
    Owner(u32),
    /// Checked where the statement's target was found.
    Checked,
}

/// What of a table somebody may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readable {
    Whole,
    /// Only columns with these numbers.
    Columns(BTreeSet<i16>),
}

impl Guard {
    pub fn new(access: Arc<Access>, user: u32, session_user: u32, database: u32) -> Self {
        Self { access, user, session_user, database }
    }

    /// What rights on a schema are kept under.
    pub fn schema(&self, name: &str) -> Securable {
        Securable::Schema(self.database, name.to_owned())
    }

    pub fn access(&self) -> &Access {
        &self.access
    }

    pub fn user(&self) -> u32 {
        self.user
    }

    pub fn session_user(&self) -> u32 {
        self.session_user
    }

    pub fn database(&self) -> u32 {
        self.database
    }

    pub fn is_superuser(&self) -> bool {
        self.access.is_superuser(self.user)
    }

    /// What of a table may be read in somebody's name.
    pub fn readable(&self, reader: Reader, table: &Table) -> Result<Readable> {
        let by = match reader {
            Reader::User => self.user,
            Reader::Owner(owner) => owner,
            Reader::Checked => return Ok(Readable::Whole),
        };
        self.of_schema(by, &table.schema)?;
        let held = self.access.held(by, &Securable::Relation(table.oid));
        if held.has(Privileges::SELECT) {
            return Ok(Readable::Whole);
        }
        let columns = self.columns(by, table, Privileges::SELECT);
        if columns.is_empty() {
            return Err(denied(&format!("table {}", table.name)));
        }
        Ok(Readable::Columns(columns))
    }

    /// The columns on which a role was granted all of these.
    fn columns(&self, by: u32, table: &Table, wanted: Privileges) -> BTreeSet<i16> {
        if !self.access.has_column_rights(table.oid) {
            return BTreeSet::new();
        }
        let held = |column: i16| self.access.held(by, &Securable::Column(table.oid, column));
        let numbers = table.columns.iter().map(|column| column.attnum);
        numbers.filter(|column| held(*column).has(wanted)).collect()
    }

    /// The user may do this with these columns of a table: all of them, or any where they are none.
    pub fn on_columns(
        &self,
        table: &Table,
        wanted: Privileges,
        columns: &BTreeSet<i16>,
    ) -> Result<()> {
        self.of_schema(self.user, &table.schema)?;
        let missing = wanted & !self.access.held(self.user, &Securable::Relation(table.oid));
        let able = || self.columns(self.user, table, missing);
        let may = missing.is_empty()
            || if columns.is_empty() { !able().is_empty() } else { columns.is_subset(&able()) };
        if may { Ok(()) } else { Err(denied(&format!("table {}", table.name))) }
    }

    /// The user may do this with the table.
    pub fn table(&self, table: &Table, wanted: Privileges) -> Result<()> {
        self.of_schema(self.user, &table.schema)?;
        let on = Securable::Relation(table.oid);
        self.held(self.user, &on, wanted, || format!("table {}", table.name))
    }

    /// A view is read in somebody's name; in whose its tables are.
    pub fn view(&self, reader: Reader, view: &View) -> Result<Reader> {
        let by = match reader {
            Reader::User | Reader::Checked => self.user,
            Reader::Owner(owner) => owner,
        };
        self.of_schema(by, &view.schema)?;
        let on = Securable::Relation(view.oid);
        self.held(by, &on, Privileges::SELECT, || format!("view {}", view.name))?;
        Ok(Reader::Owner(self.access.owner(&on)))
    }

    /// The user may call a procedure of the schema `cvx` on a table: its owner always may.
    pub fn call(&self, name: &str, table: &Table) -> Result<()> {
        if self.access.owns(self.user, &Securable::Relation(table.oid)) {
            return Ok(());
        }
        self.of_schema(self.user, &table.schema)?;
        let on = Securable::Call(name.to_owned());
        self.held(self.user, &on, Privileges::EXECUTE, || format!("procedure {name}"))
    }

    /// The user may read a table of the system: all but those that hold verifiers.
    pub fn system_table(&self, schema: &str, name: &str) -> Result<()> {
        let secret = schema == "pg_catalog" && matches!(name, "pg_authid" | "pg_shadow");
        if secret && !self.is_superuser() {
            let kind = if name == "pg_shadow" { "view" } else { "table" };
            return Err(denied(&format!("{kind} {name}")));
        }
        Ok(())
    }

    /// The user may read files of the server.
    pub fn server_files(&self) -> Result<()> {
        let readers = self.access.inherited(self.user);
        if self.is_superuser() || readers.contains(&cvx_engine::READ_SERVER_FILES_OID) {
            return Ok(());
        }
        Err(SqlError::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            "permission denied to COPY from a file",
        )
        .detail(
            "Only roles with privileges of the \"pg_read_server_files\" role may COPY from a file.",
        ))
    }

    /// The user may create things in a schema.
    pub fn create_in(&self, schema: &str) -> Result<()> {
        let on = self.schema(schema);
        self.held(self.user, &on, Privileges::CREATE, || format!("schema {schema}"))
    }

    /// The user owns it; the words name it.
    pub fn owner(&self, on: &Securable, words: &str) -> Result<()> {
        if self.access.owns(self.user, on) {
            return Ok(());
        }
        Err(SqlError::new(SqlState::INSUFFICIENT_PRIVILEGE, format!("must be owner of {words}")))
    }

    fn of_schema(&self, by: u32, schema: &str) -> Result<()> {
        let on = self.schema(schema);
        self.held(by, &on, Privileges::USAGE, || format!("schema {schema}"))
    }

    fn held(
        &self,
        by: u32,
        on: &Securable,
        wanted: Privileges,
        words: impl Fn() -> String,
    ) -> Result<()> {
        if self.access.held(by, on).has(wanted) { Ok(()) } else { Err(denied(&words())) }
    }

    /// The role that a statement names.
    fn role(&self, name: &RoleName) -> Result<&Role> {
        let found = match name {
            RoleName::Named(ident) => return self.role_named(&crate::bind::ident_name(ident)),
            RoleName::CurrentUser => self.access.role(self.user),
            RoleName::SessionUser => self.access.role(self.session_user),
            RoleName::Public => None,
        };
        found.ok_or_else(|| undefined("public"))
    }

    /// The role of this name, or 42704.
    pub fn role_named(&self, name: &str) -> Result<&Role> {
        self.access.role_named(name).ok_or_else(|| undefined(name))
    }

    /// Whom `SET ROLE name` makes of the session.
    pub fn may_become(&self, name: &str) -> Result<&Role> {
        let role = self.role_named(name).map_err(|_| no_such_value(name))?;
        let superuser = self.access.is_superuser(self.session_user);
        if superuser || self.access.memberships(self.session_user).contains(&role.oid) {
            return Ok(role);
        }
        Err(SqlError::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!("permission denied to set role \"{name}\""),
        ))
    }

    /// Whom `SET SESSION AUTHORIZATION name` makes of a session that `login` opened.
    pub fn may_be(&self, name: &str, login: u32) -> Result<&Role> {
        let role = self.role_named(name).map_err(|_| no_such_value(name))?;
        if self.access.is_superuser(login) || role.oid == login {
            return Ok(role);
        }
        Err(SqlError::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!("permission denied to set session authorization \"{name}\""),
        ))
    }
}

/// The plan of a statement about roles, grants or owners.
pub(crate) fn plan(cx: &StatementCx<'_>, statement: &Statement) -> Result<DdlPlan> {
    match statement {
        Statement::Role(role) => roles::plan(cx, role),
        Statement::GrantRole(grant) => roles::membership(cx, grant),
        Statement::Grant(grant) => grants::plan(cx, grant),
        Statement::SetOwner(set) => definitions::set_owner(cx, set),
        _ => Err(SqlError::unsupported("this statement")),
    }
}

/// 42501 as Postgres words it.
pub(crate) fn denied(what: &str) -> SqlError {
    SqlError::new(SqlState::INSUFFICIENT_PRIVILEGE, format!("permission denied for {what}"))
}

fn undefined(name: &str) -> SqlError {
    SqlError::new(SqlState::UNDEFINED_OBJECT, format!("role \"{name}\" does not exist"))
}

/// As a value of a setting it is a bad one.
fn no_such_value(name: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER, format!("role \"{name}\" does not exist"))
}
