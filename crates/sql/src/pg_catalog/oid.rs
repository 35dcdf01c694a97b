//! The OIDs that nobody hands out: fixed ones, and those computed from a table's own.
//!
//! The engine gives OIDs to tables, views and indexes and keeps them for ever. What hangs on a
//! table one to one (its row type, its constraint, its columns' defaults) needs an OID as well
//! but is not kept: it is the table's moved into a range of its own, so it is as stable as the
//! table's. An OID names a thing only together with its catalog (`pg_class`, `pg_type`, ...).

pub const PG_CATALOG: u32 = 11;
pub const PUBLIC: u32 = 2200;
/// As initdb of PostgreSQL 16 tends to give it.
pub const INFORMATION_SCHEMA: u32 = 13_212;

pub const SUPERUSER: u32 = 10;
pub const TABLESPACE_DEFAULT: u32 = 1663;
pub const TABLESPACE_GLOBAL: u32 = 1664;

pub const LANGUAGE_INTERNAL: u32 = 12;
pub const LANGUAGE_C: u32 = 13;
pub const LANGUAGE_SQL: u32 = 14;

pub const AM_HEAP: u32 = 2;
pub const AM_BTREE: u32 = 403;
pub const AM_HNSW: u32 = 9400;
pub const AM_IVFFLAT: u32 = 9401;

pub const EXTENSION_VECTOR: u32 = 16_400;

pub const COLLATION_DEFAULT: u32 = 100;
pub const COLLATION_C: u32 = 950;

/// `pg_class` OIDs of the catalogs that others point into.
pub const PG_TYPE: u32 = 1247;
pub const PG_PROC: u32 = 1255;
pub const PG_CLASS: u32 = 1259;
pub const PG_CONSTRAINT: u32 = 2606;
pub const PG_OPERATOR: u32 = 2617;
pub const PG_NAMESPACE: u32 = 2615;
pub const PG_AM: u32 = 2601;
pub const PG_EXTENSION: u32 = 3079;
pub const PG_AUTHID: u32 = 1260;
pub const PG_DATABASE: u32 = 1262;

const STEP: u32 = 0x1000_0000;
const WITHIN: u32 = STEP - 1;

/// The sequence with this number, as a relation.
pub fn of_sequence(number: u32) -> u32 {
    STEP + (number & WITHIN)
}

/// The row type of a table or view.
pub fn of_row_type(relation: u32) -> u32 {
    2 * STEP + (relation & WITHIN)
}

/// The array over the row type of a table or view.
pub fn of_row_array(relation: u32) -> u32 {
    3 * STEP + (relation & WITHIN)
}

/// The default of a column.
pub fn of_default(relation: u32, attnum: i16) -> u32 {
    let place = relation.wrapping_mul(1600).wrapping_add(u32::from(attnum.unsigned_abs()));
    4 * STEP + (place & WITHIN)
}

/// The primary key constraint whose index this is.
pub fn of_constraint(index: u32) -> u32 {
    5 * STEP + (index & WITHIN)
}

/// The rule behind a view.
pub fn of_rule(view: u32) -> u32 {
    6 * STEP + (view & WITHIN)
}

/// Who belongs to what: a membership.
pub fn of_membership(role: u32, member: u32) -> u32 {
    8 * STEP + (role.wrapping_mul(65_599).wrapping_add(member) & WITHIN)
}

/// A schema: Postgres' own where it has one, else computed from the name (FNV-1a).
pub fn of_schema(name: &str) -> u32 {
    match name {
        "pg_catalog" => PG_CATALOG,
        "public" => PUBLIC,
        "information_schema" => INFORMATION_SCHEMA,
        other => {
            let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
            7 * STEP + (other.bytes().fold(0x811c_9dc5, step) & WITHIN)
        }
    }
}
