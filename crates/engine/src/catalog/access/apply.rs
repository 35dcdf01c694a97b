//! What may change of it. Whether the asker may is the SQL layer's question; here only what is
//! whole stays whole: names are unique, memberships and grants speak of roles that are there.

use super::{Access, Grant, Membership, Privileges, Role, Securable};
use crate::core::Numbers;
use crate::{Error, Result};
use std::collections::BTreeMap;

/// One change.
#[derive(Clone, Debug)]
pub enum AccessChange {
    /// The OID is given by the engine; those named here get it into their groups, or join it.
    CreateRole {
        role: Role,
        member_of: Vec<u32>,
        members: Vec<(u32, bool)>,
        grantor: u32,
    },
    /// Replaces the role of the same OID.
    AlterRole(Role),
    DropRole {
        oid: u32,
    },
    AddMember(Membership),
    /// Ends the membership, or only the right to give it on.
    RemoveMember {
        role: u32,
        member: u32,
        admin_only: bool,
    },
    SetOwner {
        on: Securable,
        owner: u32,
    },
    Grant {
        on: Securable,
        grant: Grant,
    },
    /// Takes privileges back from whoever was given them by `grantor`, or by anybody.
    Revoke {
        on: Securable,
        grantee: u32,
        grantor: Option<u32>,
        privileges: Privileges,
        /// Only the right to grant them on.
        option_only: bool,
        /// Also what was granted on.
        cascade: bool,
    },
    /// What logins of unknown roles are derived from.
    SetMockSecret([u8; 32]),
}

impl Access {
    pub(crate) fn apply(&mut self, change: AccessChange, numbers: &Numbers) -> Result<()> {
        match change {
            AccessChange::CreateRole { role, member_of, members, grantor } => {
                self.create_role(role, &member_of, &members, grantor, numbers)?;
            }
            AccessChange::AlterRole(role) => {
                let named = self.role_named(&role.name).is_some_and(|other| other.oid != role.oid);
                if named {
                    return Err(Error::Exists { kind: "role", name: role.name });
                }
                self.known(role.oid)?;
                self.roles.insert(role.oid, role);
            }
            AccessChange::DropRole { oid } => {
                self.known(oid)?;
                self.members.retain(|entry| entry.role != oid && entry.member != oid);
                self.roles.remove(&oid);
            }
            AccessChange::AddMember(entry) => self.add_member(entry)?,
            AccessChange::RemoveMember { role, member, admin_only } => {
                let is_it = |entry: &Membership| entry.role == role && entry.member == member;
                if admin_only {
                    self.members.iter_mut().filter(|e| is_it(e)).for_each(|e| e.admin = false);
                } else {
                    self.members.retain(|entry| !is_it(entry));
                }
            }
            AccessChange::SetOwner { on, owner } => self.set_owner(on, owner)?,
            AccessChange::Grant { on, grant } => self.grant(on, &grant)?,
            AccessChange::Revoke { on, grantee, grantor, privileges, option_only, cascade } => {
                let from = |grant: &Grant| {
                    grant.grantee == grantee && grantor.is_none_or(|by| by == grant.grantor)
                };
                // As in Postgres, what is taken back on a table is on its columns, too.
                let columns = match on {
                    Securable::Relation(oid) => self.columns_of(oid),
                    _ => Vec::new(),
                };
                for on in columns.into_iter().chain([on]) {
                    self.revoke(on, from, privileges, option_only, cascade)?;
                }
            }
            AccessChange::SetMockSecret(secret) => self.mock_secret = Some(secret),
        }
        Ok(())
    }

    fn create_role(
        &mut self,
        mut role: Role,
        member_of: &[u32],
        members: &[(u32, bool)],
        grantor: u32,
        numbers: &Numbers,
    ) -> Result<()> {
        if self.role_named(&role.name).is_some() {
            return Err(Error::Exists { kind: "role", name: role.name });
        }
        role.oid = Numbers::take(&numbers.oid);
        let new = role.oid;
        self.roles.insert(new, role);
        for group in member_of {
            self.add_member(Membership { role: *group, member: new, grantor, admin: false })?;
        }
        for (member, admin) in members {
            self.add_member(Membership { role: new, member: *member, grantor, admin: *admin })?;
        }
        Ok(())
    }

    fn known(&self, oid: u32) -> Result<&Role> {
        let lost = || Error::Missing { kind: "role", name: format!("with OID {oid}") };
        self.role(oid).ok_or_else(lost)
    }

    fn add_member(&mut self, entry: Membership) -> Result<()> {
        let (role, member) = (self.known(entry.role)?, self.known(entry.member)?);
        if self.memberships(entry.role).contains(&entry.member) {
            let (role, member) = (&role.name, &member.name);
            let message = format!("role \"{role}\" is a member of role \"{member}\"");
            return Err(Error::Invalid(message));
        }
        let is_it =
            |other: &&mut Membership| other.role == entry.role && other.member == entry.member;
        match self.members.iter_mut().find(is_it) {
            Some(there) => there.admin |= entry.admin,
            None => self.members.push(entry),
        }
        Ok(())
    }

    /// The old owner's rights become the new one's.
    fn set_owner(&mut self, on: Securable, owner: u32) -> Result<()> {
        self.known(owner)?;
        if let Securable::Database(oid) = on {
            let public = Securable::Schema(oid, "public".to_owned());
            if !self.owners.contains_key(&public) {
                self.hand_over(&public, owner);
            }
        }
        if let Securable::Relation(oid) = on {
            self.columns_of(oid).iter().for_each(|column| self.hand_over(column, owner));
        }
        self.hand_over(&on, owner);
        self.owners.insert(on, owner);
        Ok(())
    }

    fn hand_over(&mut self, on: &Securable, owner: u32) {
        let before = self.owner(on);
        for grant in self.grants.get_mut(on).into_iter().flatten() {
            for role in [&mut grant.grantee, &mut grant.grantor] {
                if *role == before {
                    *role = owner;
                }
            }
        }
    }

    fn grant(&mut self, on: Securable, grant: &Grant) -> Result<()> {
        if grant.grantee != super::PUBLIC_OID {
            self.known(grant.grantee)?;
        }
        let mut acl = self.acl(&on);
        let same =
            |other: &&mut Grant| other.grantee == grant.grantee && other.grantor == grant.grantor;
        match acl.iter_mut().find(same) {
            Some(there) => {
                there.privileges |= grant.privileges;
                there.grantable |= grant.grantable;
            }
            None => acl.push(grant.clone()),
        }
        self.grants.insert(on, acl);
        Ok(())
    }

    fn revoke(
        &mut self,
        on: Securable,
        from: impl Fn(&Grant) -> bool,
        privileges: Privileges,
        option_only: bool,
        cascade: bool,
    ) -> Result<()> {
        let mut acl = self.acl(&on);
        for grant in acl.iter_mut().filter(|grant| from(grant)) {
            grant.grantable &= !privileges;
            if !option_only {
                grant.privileges &= !privileges;
            }
        }
        if drop_unfounded(&mut acl, self.owner(&on)) && !cascade {
            return Err(Error::Dependents("dependent privileges exist".to_owned()));
        }
        acl.retain(|grant| !grant.privileges.is_empty());
        self.grants.insert(on, acl);
        Ok(())
    }

    /// The thing is gone.
    pub(crate) fn forget(&mut self, on: &Securable) {
        if let Securable::Relation(oid) = on {
            self.columns_of(*oid).iter().for_each(|column| self.forget(column));
        }
        self.owners.remove(on);
        self.grants.remove(on);
    }
}

/// Takes away what was granted by those who may no longer grant; whether anything was. Who may is
/// followed from the owner on, so that two who granted each other do not hold each other up.
fn drop_unfounded(acl: &mut [Grant], owner: u32) -> bool {
    let mut able = BTreeMap::from([(owner, Privileges::ALL)]);
    loop {
        let before = able.clone();
        for grant in acl.iter() {
            let given = able.get(&grant.grantor).copied().unwrap_or(Privileges::NONE);
            *able.entry(grant.grantee).or_insert(Privileges::NONE) |= grant.grantable & given;
        }
        if able == before {
            break;
        }
    }
    let mut dropped = false;
    for grant in acl {
        let founded = able.get(&grant.grantor).copied().unwrap_or(Privileges::NONE);
        dropped |= !founded.has(grant.privileges);
        grant.privileges &= founded;
        grant.grantable &= founded;
    }
    dropped
}
