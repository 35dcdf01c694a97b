//! A role and its memberships.

use serde::{Deserialize, Serialize};

/// A user, or a group of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// Given by the engine at CREATE.
    pub oid: u32,
    pub name: String,
    pub superuser: bool,
    /// Has the rights of the roles it is a member of without SET ROLE.
    pub inherit: bool,
    pub create_role: bool,
    pub create_db: bool,
    pub login: bool,
    pub replication: bool,
    pub bypass_rls: bool,
    /// The SCRAM verifier of its password, as text.
    pub verifier: Option<Secret>,
    /// When the password ends, microseconds; none for never.
    pub valid_until_us: Option<i64>,
}

/// What no log may show.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret(pub String);

/// `member` belongs to `role`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Membership {
    pub role: u32,
    pub member: u32,
    pub grantor: u32,
    /// May give the membership on.
    pub admin: bool,
}

impl Role {
    /// A role that owns nothing and may do nothing.
    #[must_use]
    pub fn group(oid: u32, name: &str) -> Self {
        Self {
            oid,
            name: name.to_owned(),
            superuser: false,
            inherit: true,
            create_role: false,
            create_db: false,
            login: false,
            replication: false,
            bypass_rls: false,
            verifier: None,
            valid_until_us: None,
        }
    }

    /// A role that may do everything, and has no password yet.
    #[must_use]
    pub fn superuser(oid: u32, name: &str) -> Self {
        Self {
            superuser: true,
            create_role: true,
            create_db: true,
            login: true,
            replication: true,
            bypass_rls: true,
            ..Self::group(oid, name)
        }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}
