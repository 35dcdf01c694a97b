//! The system tables' own shape: names, OIDs, columns in order, as PostgreSQL 16 has them.
//!
//! The shapes are data (`data/tables.txt`), taken from Postgres' catalog headers; what differs is
//! said in its first line. The same shapes describe the tables to themselves: they are rows of
//! `pg_class` and `pg_attribute` too.

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use cvx_types::PgType;
use cvx_types::pg_type::{PG_TYPE_KEY, PG_TYPMOD_KEY};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// A table or view of `pg_catalog` or `information_schema`.
#[derive(Debug)]
pub struct SystemTable {
    pub schema: &'static str,
    pub name: &'static str,
    pub oid: u32,
    /// As `pg_class.relkind`: `r` or `v`.
    pub kind: &'static str,
    pub columns: Vec<SystemColumn>,
    pub arrow: SchemaRef,
}

/// A column of a system table.
#[derive(Debug)]
pub struct SystemColumn {
    pub name: &'static str,
    pub ty: PgType,
    pub not_null: bool,
}

/// By schema, then name.
type Schemas = BTreeMap<&'static str, BTreeMap<&'static str, SystemTable>>;

static TABLES: LazyLock<Schemas> = LazyLock::new(|| {
    let lines = include_str!("data/tables.txt").lines();
    let mut schemas = Schemas::new();
    for table in lines.filter(|line| !line.starts_with('#')).filter_map(parse) {
        schemas.entry(table.schema).or_default().insert(table.name, table);
    }
    schemas
});

/// The system table of this name.
pub fn system_table(schema: &str, name: &str) -> Option<&'static SystemTable> {
    TABLES.get(schema)?.get(name)
}

/// All system tables, by schema and name.
pub fn system_tables() -> impl Iterator<Item = &'static SystemTable> {
    TABLES.values().flat_map(BTreeMap::values)
}

fn parse(line: &'static str) -> Option<SystemTable> {
    let mut words = line.split(' ');
    let (schema, name) = (words.next()?, words.next()?);
    let oid = words.next()?.parse().ok()?;
    let kind = words.next()?;
    let columns: Vec<SystemColumn> = words.map(parse_column).collect::<Option<_>>()?;
    let fields: Vec<Field> = columns.iter().map(|c| field(c.name, &c.ty)).collect();
    let arrow = Arc::new(Schema::new(fields));
    Some(SystemTable { schema, name, oid, kind, columns, arrow })
}

fn parse_column(word: &'static str) -> Option<SystemColumn> {
    let (name, ty) = word.split_once(':')?;
    let (ty, not_null) = ty.strip_suffix('!').map_or((ty, false), |ty| (ty, true));
    Some(SystemColumn { name, ty: PgType::from_name(ty)?, not_null })
}

/// The Arrow field of a value of this type *inside* a plan over the catalog.
///
/// OID aliases (`regclass`, `regtype`, `regproc`) are numbers here and `int2vector`/`oidvector`
/// are lists, because that is what they are compared, joined and subscripted as. The metadata
/// carries the Postgres type; `reg::show` turns them into text where a client sees them.
pub fn field(name: &str, ty: &PgType) -> Field {
    let metadata =
        [(PG_TYPE_KEY.to_owned(), ty.name()), (PG_TYPMOD_KEY.to_owned(), "-1".to_owned())];
    Field::new(name, inner_type(ty), true).with_metadata(metadata.into())
}

/// The Arrow type that goes with [`field`].
pub fn inner_type(ty: &PgType) -> DataType {
    match ty {
        PgType::Regclass | PgType::Regtype | PgType::Regproc => DataType::Int64,
        PgType::Int2Vector => list_of(DataType::Int16),
        PgType::OidVector => list_of(DataType::Int64),
        PgType::Array(element) => list_of(inner_type(element)),
        other => other.arrow_type(-1),
    }
}

fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, true)))
}
