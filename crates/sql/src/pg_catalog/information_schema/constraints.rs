//! Primary keys, and NOT NULL as the standard's check constraints would name it.

use crate::pg_catalog::model::SystemCatalog;
use crate::pg_catalog::relation::{Attribute, Body, Relation};
use crate::pg_catalog::rows::{NULL, Row, row};
use crate::pg_catalog::{oid, quote};
use cvx_engine::{ColumnDef, Table};

/// The rows of the views kept here.
pub fn rows(model: &SystemCatalog, name: &str) -> Option<Vec<Row>> {
    let db = &model.session.database;
    let keys = model.relations().iter().filter_map(|r| match &r.body {
        Body::Key(table) => Some((r, &**table)),
        _ => None,
    });
    Some(match name {
        "table_constraints" => {
            let required = not_nulls(model).map(|(r, a)| {
                let name = not_null_name(r, a);
                let schema = &r.schema;
                row![db, schema, name, db, schema, &r.name, "CHECK", "NO", "NO", "YES", NULL]
            });
            keys.map(|(r, table)| constraint(db, r, table)).chain(required).collect()
        }
        "check_constraints" => not_nulls(model)
            .map(|(r, a)| {
                let clause = format!("{} IS NOT NULL", quote::ident(&a.name));
                row![db, &r.schema, not_null_name(r, a), clause]
            })
            .collect(),
        "key_column_usage" => keys.flat_map(|(r, table)| usage(db, r, table)).collect(),
        "constraint_column_usage" => {
            let of = |(r, table)| {
                let used = |column: &ColumnDef| column_usage(db, r, table, column);
                key_columns(table).map(used).collect::<Vec<_>>()
            };
            keys.flat_map(of).collect()
        }
        // The standard lists here what foreign keys refer to; unique constraints count in Postgres.
        "constraint_table_usage" => keys.map(|(r, table)| table_usage(db, r, table)).collect(),
        _ => return None,
    })
}

/// Columns that may not be NULL, which the standard sees as checks.
fn not_nulls(model: &SystemCatalog) -> impl Iterator<Item = (&Relation, &Attribute)> {
    let tables = model.relations().iter().filter(|r| r.table().is_some());
    tables.flat_map(|r| r.attributes.iter().filter(|a| a.not_null).map(move |a| (r, a)))
}

fn not_null_name(r: &Relation, a: &Attribute) -> String {
    format!("{}_{}_{}_not_null", oid::of_schema(&r.schema), r.oid, a.attnum)
}

fn key_columns(table: &Table) -> impl Iterator<Item = &ColumnDef> {
    table.key.iter().filter_map(|id| table.column_by_id(*id))
}

fn constraint(db: &str, r: &Relation, table: &Table) -> Row {
    let (schema, kind) = (&r.schema, "PRIMARY KEY");
    row![db, schema, &r.name, db, schema, &table.name, kind, "NO", "NO", "YES", NULL]
}

fn usage(db: &str, r: &Relation, table: &Table) -> Vec<Row> {
    let place = |(at, column): (i32, &ColumnDef)| {
        let schema = &r.schema;
        row![db, schema, &r.name, db, schema, &table.name, &column.name, at, NULL]
    };
    (1..).zip(key_columns(table)).map(place).collect()
}

fn column_usage(db: &str, r: &Relation, table: &Table, column: &ColumnDef) -> Row {
    row![db, &r.schema, &table.name, &column.name, db, &r.schema, &r.name]
}

fn table_usage(db: &str, r: &Relation, table: &Table) -> Row {
    row![db, &r.schema, &table.name, db, &r.schema, &r.name]
}
