//! Privileges, what they are on, and who gave them to whom.

use super::PUBLIC_OID;
use crate::catalog::FIRST_DATABASE_OID;
use serde::{Deserialize, Serialize};
use std::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, Not};

/// What privileges are on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub enum Securable {
    /// A table or view, by OID.
    Relation(u32),
    /// The OID of a database, and the name of a schema in it.
    Schema(u32, String),
    /// A procedure of the schema `cvx`, such as `cvx.seal`; one for all databases.
    Call(String),
    /// A database, by OID.
    Database(u32),
    /// The OID of a table, and the number of a column of it.
    Column(u32, i16),
}

/// The same on disk. `Schema` and `Database` are of the time when there was one database, and are
/// only read.
#[derive(Serialize, Deserialize)]
enum Kept {
    Relation(u32),
    Schema(String),
    Call(String),
    Database,
    SchemaOf(u32, String),
    DatabaseOf(u32),
    Column(u32, i16),
}

impl From<Kept> for Securable {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Relation(oid) => Self::Relation(oid),
            Kept::Schema(name) => Self::Schema(FIRST_DATABASE_OID, name),
            Kept::Call(name) => Self::Call(name),
            Kept::Database => Self::Database(FIRST_DATABASE_OID),
            Kept::SchemaOf(database, name) => Self::Schema(database, name),
            Kept::DatabaseOf(oid) => Self::Database(oid),
            Kept::Column(table, column) => Self::Column(table, column),
        }
    }
}

impl From<Securable> for Kept {
    fn from(on: Securable) -> Self {
        match on {
            Securable::Relation(oid) => Self::Relation(oid),
            Securable::Schema(database, name) => Self::SchemaOf(database, name),
            Securable::Call(name) => Self::Call(name),
            Securable::Database(oid) => Self::DatabaseOf(oid),
            Securable::Column(table, column) => Self::Column(table, column),
        }
    }
}

/// A set of privileges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Privileges(u16);

/// What one role gave another, or everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// [`PUBLIC_OID`] for everybody.
    pub grantee: u32,
    pub grantor: u32,
    pub privileges: Privileges,
    /// Those of them that the grantee may grant on.
    pub grantable: Privileges,
}

impl Privileges {
    pub const NONE: Self = Self(0);
    pub const ALL: Self = Self(u16::MAX);
    pub const INSERT: Self = Self(1);
    pub const SELECT: Self = Self(1 << 1);
    pub const UPDATE: Self = Self(1 << 2);
    pub const DELETE: Self = Self(1 << 3);
    pub const TRUNCATE: Self = Self(1 << 4);
    pub const REFERENCES: Self = Self(1 << 5);
    pub const TRIGGER: Self = Self(1 << 6);
    pub const EXECUTE: Self = Self(1 << 7);
    pub const USAGE: Self = Self(1 << 8);
    pub const CREATE: Self = Self(1 << 9);
    pub const TEMPORARY: Self = Self(1 << 10);
    pub const CONNECT: Self = Self(1 << 11);

    /// Letters and names, in the order in which PostgreSQL prints the letters.
    const NAMED: [(Self, char, &'static str); 12] = [
        (Self::INSERT, 'a', "INSERT"),
        (Self::SELECT, 'r', "SELECT"),
        (Self::UPDATE, 'w', "UPDATE"),
        (Self::DELETE, 'd', "DELETE"),
        (Self::TRUNCATE, 'D', "TRUNCATE"),
        (Self::REFERENCES, 'x', "REFERENCES"),
        (Self::TRIGGER, 't', "TRIGGER"),
        (Self::EXECUTE, 'X', "EXECUTE"),
        (Self::USAGE, 'U', "USAGE"),
        (Self::CREATE, 'C', "CREATE"),
        (Self::TEMPORARY, 'T', "TEMPORARY"),
        (Self::CONNECT, 'c', "CONNECT"),
    ];

    /// The privilege of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = if name.eq_ignore_ascii_case("TEMP") { "TEMPORARY" } else { name };
        let same = |(_, _, known): &&(Self, char, &str)| known.eq_ignore_ascii_case(name);
        Self::NAMED.iter().find(same).map(|(privilege, _, _)| *privilege)
    }

    /// All that there are on such a thing.
    #[must_use]
    pub fn all_of(on: &Securable) -> Self {
        match on {
            Securable::Relation(_) => Self(0b111_1111),
            Securable::Column(..) => Self::SELECT | Self::INSERT | Self::UPDATE | Self::REFERENCES,
            Securable::Schema(..) => Self::USAGE | Self::CREATE,
            Securable::Call(_) => Self::EXECUTE,
            Securable::Database(_) => Self::CREATE | Self::TEMPORARY | Self::CONNECT,
        }
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }

    /// Whether all of these are among them.
    #[must_use]
    pub fn has(self, wanted: Self) -> bool {
        self & wanted == wanted
    }

    /// Each by itself, with its letter and name.
    pub fn each(self) -> impl Iterator<Item = (Self, char, &'static str)> {
        Self::NAMED.into_iter().filter(move |(privilege, _, _)| self.has(*privilege))
    }
}

impl Grant {
    /// What holds where nobody granted or revoked anything: all for the owner, and for everybody
    /// what PostgreSQL gives them.
    pub(super) fn defaults(on: &Securable, owner: u32) -> Vec<Self> {
        let grant = |grantee, privileges| Self {
            grantee,
            grantor: owner,
            privileges,
            grantable: Privileges::NONE,
        };
        let public = match on {
            Securable::Schema(_, name) if name == "public" => Privileges::USAGE,
            Securable::Database(_) => Privileges::CONNECT | Privileges::TEMPORARY,
            Securable::Relation(_) | Securable::Schema(..) | Securable::Call(_) => Privileges::NONE,
            // Who owns the table needs no rights on its columns.
            Securable::Column(..) => return Vec::new(),
        };
        let own = grant(owner, Privileges::all_of(on));
        let public = (!public.is_empty()).then(|| grant(PUBLIC_OID, public));
        public.into_iter().chain([own]).collect()
    }
}

impl BitOr for Privileges {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Privileges {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for Privileges {
    type Output = Self;
    fn not(self) -> Self {
        Self(!self.0)
    }
}

impl BitOrAssign for Privileges {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

impl BitAndAssign for Privileges {
    fn bitand_assign(&mut self, other: Self) {
        *self = *self & other;
    }
}
