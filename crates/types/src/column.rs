//! What a result column is to a client, and a single value on its way in.

use crate::PgType;
use arrow::array::ArrayRef;

/// A result column as RowDescription shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub ty: PgType,
    /// As `pg_attribute.atttypmod`.
    pub typmod: i32,
    /// The table's OID where the column comes straight from one, else 0.
    pub table_oid: u32,
    /// The column's number in that table, else 0.
    pub attnum: i16,
}

/// One value: an Arrow array of one row, and how Postgres calls its type.
#[derive(Clone, Debug)]
pub struct Datum {
    pub ty: PgType,
    pub value: ArrayRef,
}
