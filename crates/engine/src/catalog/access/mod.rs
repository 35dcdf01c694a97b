//! Who there is and who may do what: roles, memberships, owners, grants.
//!
//! Grants and owners stand beside the catalog's objects, not in them, keyed by what they are on:
//! a table's definition says what it is, this says to whom. What has no entry belongs to the
//! first superuser and grants what [`Access::acl`] says by default, so a database from before
//! there were roles opens as it was.
//!
//! Invariant: a right is held because a superuser asks, or because a role that the asker inherits
//! from, or PUBLIC, was granted it; nothing else in the project decides that.

mod apply;
mod grant;
mod role;

pub use apply::AccessChange;
pub use grant::{Grant, Privileges, Securable};
pub use role::{Membership, Role, Secret};

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The first superuser: `cvx`, there from the start.
pub const SUPERUSER_OID: u32 = 10;
/// The grantee that is everybody.
pub const PUBLIC_OID: u32 = 0;
/// May read every table; PostgreSQL's predefined role, as are the others here.
pub const READ_ALL_DATA_OID: u32 = 6181;
/// May change rows of every table.
pub const WRITE_ALL_DATA_OID: u32 = 6182;
/// May read files of the server, where the configuration opens any.
pub const READ_SERVER_FILES_OID: u32 = 4569;

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Access {
    /// By OID.
    pub roles: BTreeMap<u32, Role>,
    pub members: Vec<Membership>,
    /// Owners other than the first superuser.
    pub owners: BTreeMap<Securable, u32>,
    /// Grants, where somebody granted or revoked; the default elsewhere.
    pub grants: BTreeMap<Securable, Vec<Grant>>,
    /// What logins of unknown roles are derived from, so that a restart does not tell them apart.
    pub mock_secret: Option<[u8; 32]>,
}

impl Access {
    /// A new database's: the superuser without a password, and the predefined roles.
    #[must_use]
    pub fn initial() -> Self {
        let predefined = [
            (READ_ALL_DATA_OID, "pg_read_all_data"),
            (WRITE_ALL_DATA_OID, "pg_write_all_data"),
            (READ_SERVER_FILES_OID, "pg_read_server_files"),
        ];
        let superuser = Role::superuser(SUPERUSER_OID, "cvx");
        let predefined = predefined.map(|(oid, name)| Role::group(oid, name));
        Self {
            roles: predefined.into_iter().chain([superuser]).map(|r| (r.oid, r)).collect(),
            members: Vec::new(),
            owners: BTreeMap::new(),
            grants: BTreeMap::new(),
            mock_secret: None,
        }
    }

    #[must_use]
    pub fn role(&self, oid: u32) -> Option<&Role> {
        self.roles.get(&oid)
    }

    #[must_use]
    pub fn role_named(&self, name: &str) -> Option<&Role> {
        self.roles.values().find(|role| role.name == name)
    }

    #[must_use]
    pub fn is_superuser(&self, role: u32) -> bool {
        self.role(role).is_some_and(|role| role.superuser)
    }

    /// The role and those whose rights it has without asking.
    #[must_use]
    pub fn inherited(&self, role: u32) -> BTreeSet<u32> {
        self.reached(role, |member| self.role(member).is_some_and(|role| role.inherit))
    }

    /// The role and those it may become by SET ROLE.
    #[must_use]
    pub fn memberships(&self, role: u32) -> BTreeSet<u32> {
        self.reached(role, |_| true)
    }

    fn reached(&self, from: u32, goes_on: impl Fn(u32) -> bool) -> BTreeSet<u32> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<u32> = self.role(from).map(|role| role.oid).into_iter().collect();
        while let Some(role) = open.pop() {
            if reached.insert(role) && goes_on(role) {
                let above = self.members.iter().filter(|entry| entry.member == role);
                open.extend(above.map(|entry| entry.role));
            }
        }
        reached
    }

    /// The schema `public` is its database's owner's until it is given to somebody, as in Postgres.
    #[must_use]
    pub fn owner(&self, on: &Securable) -> u32 {
        match (self.owners.get(on), on) {
            (Some(owner), _) => *owner,
            (None, Securable::Column(table, _)) => self.owner(&Securable::Relation(*table)),
            (None, Securable::Schema(database, name)) if name == "public" => {
                self.owner(&Securable::Database(*database))
            }
            (None, _) => SUPERUSER_OID,
        }
    }

    /// Whether the role has an owner's rights.
    #[must_use]
    pub fn owns(&self, role: u32, on: &Securable) -> bool {
        self.is_superuser(role) || self.inherited(role).contains(&self.owner(on))
    }

    /// What is granted on it, the owner's own rights included.
    #[must_use]
    pub fn acl(&self, on: &Securable) -> Vec<Grant> {
        self.grants.get(on).cloned().unwrap_or_else(|| Grant::defaults(on, self.owner(on)))
    }

    /// The columns of a table on which anybody granted or revoked anything.
    pub(super) fn columns_of(&self, table: u32) -> Vec<Securable> {
        let all = Securable::Column(table, i16::MIN)..=Securable::Column(table, i16::MAX);
        self.grants.range(all).map(|(on, _)| on.clone()).collect()
    }

    /// Whether any column of a table has rights of its own.
    #[must_use]
    pub fn has_column_rights(&self, table: u32) -> bool {
        let all = Securable::Column(table, i16::MIN)..=Securable::Column(table, i16::MAX);
        self.grants.range(all).next().is_some()
    }

    /// All that the role may do with it.
    #[must_use]
    pub fn held(&self, role: u32, on: &Securable) -> Privileges {
        if self.is_superuser(role) {
            return Privileges::all_of(on);
        }
        let roles = self.inherited(role);
        let mut held = Privileges::NONE;
        for grant in self.acl(on) {
            if grant.grantee == PUBLIC_OID || roles.contains(&grant.grantee) {
                held |= grant.privileges;
            }
        }
        for (predefined, tables) in [
            (READ_ALL_DATA_OID, Privileges::SELECT),
            (WRITE_ALL_DATA_OID, Privileges::INSERT | Privileges::UPDATE | Privileges::DELETE),
        ] {
            if roles.contains(&predefined) {
                held |= (tables | Privileges::USAGE) & Privileges::all_of(on);
            }
        }
        held
    }

    /// What the role may grant on.
    #[must_use]
    pub fn grantable(&self, role: u32, on: &Securable) -> Privileges {
        if self.owns(role, on) {
            return Privileges::all_of(on);
        }
        let roles = self.inherited(role);
        let acl = self.acl(on).into_iter().filter(|grant| roles.contains(&grant.grantee));
        acl.fold(Privileges::NONE, |all, grant| all | grant.grantable)
    }

    /// Whether the role may give out membership in another.
    #[must_use]
    pub fn administers(&self, role: u32, of: u32) -> bool {
        let roles = self.inherited(role);
        self.is_superuser(role)
            || self.members.iter().any(|m| m.role == of && m.admin && roles.contains(&m.member))
    }

    /// What speaks of the role, and so stands against its end.
    #[must_use]
    pub fn dependents(&self, role: u32) -> Vec<Securable> {
        let owned = self.owners.iter().filter(|(_, owner)| **owner == role);
        let granted = self.grants.iter().filter(|(_, acl)| {
            acl.iter().any(|grant| grant.grantee == role || grant.grantor == role)
        });
        let all: BTreeSet<Securable> =
            owned.map(|(on, _)| on.clone()).chain(granted.map(|(on, _)| on.clone())).collect();
        all.into_iter().collect()
    }
}

#[cfg(test)]
mod tests;
