//! Who there is: the superuser, and the session's user where that is somebody else.

use crate::pg_catalog::model::SystemCatalog;
use crate::pg_catalog::oid;

/// The superuser's name.
pub const SUPERUSER: &str = "cvx";

/// A role.
#[derive(Clone, Debug)]
pub struct Role {
    pub oid: u32,
    pub name: String,
    pub superuser: bool,
}

/// All roles. On loopback everybody is trusted, so a guest may do what the superuser may.
pub fn roles(model: &SystemCatalog) -> Vec<Role> {
    let superuser = Role { oid: oid::SUPERUSER, name: SUPERUSER.to_owned(), superuser: true };
    let user = &model.session.user;
    let guest =
        (user != SUPERUSER).then(|| Role { oid: oid::GUEST, name: user.clone(), superuser: true });
    std::iter::once(superuser).chain(guest).collect()
}

/// The OID of the role of this name.
pub fn oid_of(model: &SystemCatalog, name: &str) -> Option<u32> {
    roles(model).into_iter().find(|role| role.name == name).map(|role| role.oid)
}

/// The name of the role with this OID.
pub fn name_of(model: &SystemCatalog, oid: u32) -> Option<String> {
    roles(model).into_iter().find(|role| role.oid == oid).map(|role| role.name)
}
