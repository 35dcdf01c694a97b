//! Everything that `pg_class` lists, seen one way: tables, views, indexes, sequences, ours.

use crate::pg_catalog::oid;
use crate::pg_catalog::spec::{SystemTable, system_tables};
use cvx_engine::{Catalog, ColumnDef, IndexDef, Table, View};
use cvx_types::PgType;
use std::sync::Arc;

/// A relation: what has a row in `pg_class` and columns in `pg_attribute`.
#[derive(Debug)]
pub struct Relation {
    pub oid: u32,
    pub schema: String,
    pub name: String,
    pub attributes: Vec<Attribute>,
    pub body: Body,
}

/// What a relation is made of.
#[derive(Debug)]
pub enum Body {
    Table(Arc<Table>),
    View(Arc<View>),
    /// The index of a table's primary key.
    Key(Arc<Table>),
    Index(Arc<Table>, IndexDef),
    /// The sequence behind a column, and that column.
    Sequence(Arc<Table>, ColumnDef),
    System(&'static SystemTable),
}

/// A column of a relation.
#[derive(Clone, Debug)]
pub struct Attribute {
    pub attnum: i16,
    pub name: String,
    pub ty: PgType,
    pub typmod: i32,
    pub not_null: bool,
    /// SQL text.
    pub default: Option<String>,
    /// Rows older than the column have a value for it.
    pub missing: bool,
}

impl Relation {
    /// As `pg_class.relkind`.
    pub fn kind(&self) -> &'static str {
        match &self.body {
            Body::Table(_) => "r",
            Body::View(_) => "v",
            Body::Key(_) | Body::Index(..) => "i",
            Body::Sequence(..) => "S",
            Body::System(table) => table.kind,
        }
    }

    /// The OID of the type of its rows, 0 where it has none.
    pub fn row_type(&self) -> u32 {
        match self.body {
            Body::Table(_) | Body::View(_) => oid::of_row_type(self.oid),
            Body::Key(_) | Body::Index(..) | Body::Sequence(..) | Body::System(_) => 0,
        }
    }

    /// The table, where it is one of the user's.
    pub fn table(&self) -> Option<&Arc<Table>> {
        if let Body::Table(table) = &self.body { Some(table) } else { None }
    }

    /// The view, where it is one of the user's.
    pub fn view(&self) -> Option<&Arc<View>> {
        if let Body::View(view) = &self.body { Some(view) } else { None }
    }

    /// The table whose index this is.
    pub fn indexed(&self) -> Option<&Arc<Table>> {
        match &self.body {
            Body::Key(table) | Body::Index(table, _) => Some(table),
            Body::Table(_) | Body::View(_) | Body::Sequence(..) | Body::System(_) => None,
        }
    }

    /// Attribute numbers, in the table, of the columns this index is on.
    pub fn key_attnums(&self) -> Vec<i16> {
        let Some(table) = self.indexed() else { return Vec::new() };
        let ids = match &self.body {
            Body::Index(_, index) if index.expression.is_some() => return vec![0],
            Body::Index(_, index) => std::slice::from_ref(&index.column),
            _ => table.key.as_slice(),
        };
        let columns = ids.iter().filter_map(|id| table.column_by_id(*id));
        columns.map(|column| column.attnum).collect()
    }

    /// The expression of an index that is on one.
    pub fn expression(&self) -> Option<String> {
        match &self.body {
            Body::Index(_, index) => index.expression.clone(),
            _ => None,
        }
    }

    /// Whether it is one of Postgres' own.
    pub fn is_system(&self) -> bool {
        matches!(self.body, Body::System(_))
    }
}

/// All relations of this catalog, the system's included, in no particular order.
pub fn relations(catalog: &Catalog) -> Vec<Relation> {
    let of_tables = catalog.here.tables.values().flat_map(of_table);
    let of_views = catalog.here.views.values().map(of_view);
    of_tables.chain(of_views).chain(system_tables().map(of_system)).collect()
}

/// The name of the sequence behind a column.
pub fn sequence_name(table: &Table, column: &ColumnDef) -> String {
    format!("{}_{}_seq", table.name, column.name)
}

fn of_table(table: &Arc<Table>) -> Vec<Relation> {
    let attributes = table.columns.iter().map(|column| of_column(table, column)).collect();
    let mut found = vec![relation(table, table.oid, &table.name, attributes, Body::Table)];
    if !table.key.is_empty() {
        let name = format!("{}_pkey", table.name);
        let attributes = index_attributes(table, &table.key);
        found.push(relation(table, table.key_index_oid, &name, attributes, Body::Key));
    }
    for index in &table.indexes {
        let attributes = match &index.expression {
            None => index_attributes(table, std::slice::from_ref(&index.column)),
            Some(text) => expression_attribute(table, index, text).into_iter().collect(),
        };
        let body = |table| Body::Index(table, index.clone());
        found.push(relation(table, index.oid, &index.name, attributes, body));
    }
    for column in &table.columns {
        let Some(number) = column.sequence else { continue };
        let name = sequence_name(table, column);
        let body = |table| Body::Sequence(table, column.clone());
        found.push(relation(table, oid::of_sequence(number), &name, sequence_columns(), body));
    }
    found
}

fn relation(
    table: &Arc<Table>,
    oid: u32,
    name: &str,
    attributes: Vec<Attribute>,
    body: impl FnOnce(Arc<Table>) -> Body,
) -> Relation {
    let (schema, name) = (table.schema.clone(), name.to_owned());
    Relation { oid, schema, name, attributes, body: body(Arc::clone(table)) }
}

fn of_column(table: &Table, column: &ColumnDef) -> Attribute {
    let next = || {
        let sequence = crate::pg_catalog::quote::ident(&sequence_name(table, column));
        column.sequence.map(|_| format!("nextval('{sequence}'::regclass)"))
    };
    Attribute {
        not_null: column.not_null || table.key.contains(&column.id),
        default: next().or_else(|| column.default.clone()),
        missing: column.missing.is_some(),
        ..attribute(column.attnum, &column.name, column.ty.clone(), column.typmod)
    }
}

fn attribute(attnum: i16, name: &str, ty: PgType, typmod: i32) -> Attribute {
    let (not_null, default, missing) = (false, None, false);
    Attribute { attnum, name: name.to_owned(), ty, typmod, not_null, default, missing }
}

fn index_attributes(table: &Table, ids: &[u16]) -> Vec<Attribute> {
    let columns = ids.iter().filter_map(|id| table.column_by_id(*id));
    let numbered = (1..).zip(columns);
    numbered.map(|(at, c)| attribute(at, &c.name, c.ty.clone(), c.typmod)).collect()
}

/// The column of an index on an expression: named after the function called, or the column cast.
fn expression_attribute(table: &Table, index: &IndexDef, text: &str) -> Option<Attribute> {
    let column = table.column_by_id(index.column)?;
    let start = text.trim_start_matches('(');
    let word = start.split(['(', ')']).next().unwrap_or_default();
    let name = if start.get(word.len()..)?.starts_with('(') { word } else { &column.name };
    let (ty, typmod) = match text.rsplit_once("::") {
        Some((_, cast)) => spelled_type(cast)?,
        None if name == "binary_quantize" => (PgType::Bit, -1),
        None => (column.ty.clone(), -1),
    };
    Some(attribute(1, name, ty, typmod))
}

/// `halfvec(3)`.
fn spelled_type(text: &str) -> Option<(PgType, i32)> {
    let (name, modifier) = text.split_once('(').unwrap_or((text, ""));
    let typmod = modifier.trim_end_matches(')').parse().unwrap_or(-1);
    Some((PgType::from_sql_name(name)?, typmod))
}

fn sequence_columns() -> Vec<Attribute> {
    let columns =
        [("last_value", PgType::Int8), ("log_cnt", PgType::Int8), ("is_called", PgType::Bool)];
    let required = |(at, (name, ty))| Attribute { not_null: true, ..attribute(at, name, ty, -1) };
    (1..).zip(columns).map(required).collect()
}

fn of_view(view: &Arc<View>) -> Relation {
    let columns = (1..).zip(&view.columns);
    let attributes = columns.map(|(at, c)| attribute(at, &c.name, c.ty.clone(), c.typmod));
    Relation {
        oid: view.oid,
        schema: view.schema.clone(),
        name: view.name.clone(),
        attributes: attributes.collect(),
        body: Body::View(Arc::clone(view)),
    }
}

fn of_system(table: &'static SystemTable) -> Relation {
    let columns = (1..).zip(&table.columns).map(|(at, column)| Attribute {
        not_null: column.not_null,
        ..attribute(at, column.name, column.ty.clone(), -1)
    });
    Relation {
        oid: table.oid,
        schema: table.schema.to_owned(),
        name: table.name.to_owned(),
        attributes: columns.collect(),
        body: Body::System(table),
    }
}
