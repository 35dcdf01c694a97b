//! Who there is, who owns what, and grants as `aclitem`s.

use crate::pg_catalog::model::SystemCatalog;
use crate::pg_catalog::quote;
use crate::pg_catalog::relation::{Body, Relation};
use crate::pg_catalog::rows::{Cell, NULL};
use cvx_engine::{Grant, PUBLIC_OID, Role, SUPERUSER_OID, Securable};

/// All roles, in the order of their OIDs.
pub fn roles(model: &SystemCatalog) -> impl Iterator<Item = &Role> {
    model.catalog.access.roles.values()
}

/// The OID of the role of this name.
pub fn oid_of(model: &SystemCatalog, name: &str) -> Option<u32> {
    model.catalog.access.role_named(name).map(|role| role.oid)
}

/// The name of the role with this OID.
pub fn name_of(model: &SystemCatalog, oid: u32) -> Option<String> {
    model.catalog.access.role(oid).map(|role| role.name.clone())
}

/// What a relation's rights are kept under; `None` for the system's own.
pub fn securable(r: &Relation) -> Option<Securable> {
    match &r.body {
        Body::Table(_) | Body::View(_) => Some(Securable::Relation(r.oid)),
        Body::Key(table) | Body::Index(table, _) | Body::Sequence(table, _) => {
            Some(Securable::Relation(table.oid))
        }
        Body::System(_) => None,
    }
}

/// The owner's OID.
pub fn owner(model: &SystemCatalog, r: &Relation) -> u32 {
    securable(r).map_or(SUPERUSER_OID, |on| model.catalog.access.owner(&on))
}

/// The owner's name.
pub fn owner_name(model: &SystemCatalog, r: &Relation) -> String {
    name_of(model, owner(model, r)).unwrap_or_default()
}

/// As `relacl` and its kin: NULL where nobody ever granted or revoked.
pub fn acl(model: &SystemCatalog, on: &Securable) -> Cell {
    match model.catalog.access.grants.get(on) {
        Some(acl) if acl.is_empty() && matches!(on, Securable::Column(..)) => NULL,
        Some(acl) => acl.iter().map(|grant| item(model, grant)).collect::<Vec<_>>().into(),
        None => NULL,
    }
}

/// `grantee=privileges/grantor`, a star behind what may be granted on.
fn item(model: &SystemCatalog, grant: &Grant) -> String {
    let name = |oid: u32| match oid {
        PUBLIC_OID => String::new(),
        oid => quote::ident(&name_of(model, oid).unwrap_or_else(|| oid.to_string())),
    };
    let mut letters = String::new();
    for (privilege, letter, _) in grant.privileges.each() {
        letters.push(letter);
        if grant.grantable.has(privilege) {
            letters.push('*');
        }
    }
    format!("{}={letters}/{}", name(grant.grantee), name(grant.grantor))
}
