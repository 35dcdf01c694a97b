//! `columns` and `element_types`: types in the standard's words.

use crate::pg_catalog::information_schema::objects::yes;
use crate::pg_catalog::model::SystemCatalog;
use crate::pg_catalog::relation::{Attribute, Relation};
use crate::pg_catalog::rows::{Cell, NULL, Row, row};
use crate::pg_catalog::spec::system_table;
use crate::pg_catalog::types::{data_type, type_of};
use cvx_types::PgType;

/// The rows of the views kept here.
pub fn rows(model: &SystemCatalog, name: &str) -> Option<Vec<Row>> {
    let of_rows = model.relations().iter().filter(|r| matches!(r.kind(), "r" | "v"));
    let attributes = of_rows.flat_map(|r| r.attributes.iter().map(move |a| (r, a)));
    let db = &model.session.database;
    Some(match name {
        "columns" => attributes.map(|(r, a)| column(db, r, a)).collect(),
        "element_types" => attributes.filter_map(|(r, a)| element(db, r, a)).collect(),
        _ => return None,
    })
}

fn column(db: &str, r: &Relation, a: &Attribute) -> Row {
    let ty = type_of(a.ty.oid());
    let (precision, radix, scale) = numeric(a);
    row![
        db,
        &r.schema,
        &r.name,
        &a.name,
        a.attnum,
        a.default.as_ref(),
        yes(!a.not_null),
        data_type(&a.ty),
        characters(a),
        octets(a),
        precision,
        radix,
        scale,
        datetime(a),
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        db,
        ty.map(|ty| &ty.schema),
        ty.map(|ty| &ty.name),
        NULL,
        NULL,
        NULL,
        NULL,
        a.attnum.to_string(),
        "NO",
        "NO",
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        "NO",
        "NEVER",
        NULL,
        yes(r.kind() == "r"),
    ]
}

/// The longest text a `varchar(n)` holds.
fn characters(a: &Attribute) -> Cell {
    match a.ty {
        PgType::Varchar if a.typmod >= 4 => (a.typmod - 4).into(),
        _ => NULL,
    }
}

fn octets(a: &Attribute) -> Cell {
    match a.ty {
        PgType::Text => (1_i64 << 30).into(),
        PgType::Varchar if a.typmod >= 4 => (i64::from(a.typmod - 4) * 4).into(),
        PgType::Varchar => (1_i64 << 30).into(),
        _ => NULL,
    }
}

/// Precision, its radix, and scale.
fn numeric(a: &Attribute) -> (Cell, Cell, Cell) {
    let binary = |bits: i32, scale: Cell| (Cell::from(bits), Cell::from(2), scale);
    match a.ty {
        PgType::Int2 => binary(16, 0.into()),
        PgType::Int4 => binary(32, 0.into()),
        PgType::Int8 => binary(64, 0.into()),
        PgType::Float4 => binary(24, NULL),
        PgType::Float8 => binary(53, NULL),
        PgType::Numeric if a.typmod >= 4 => {
            let packed = a.typmod - 4;
            (((packed >> 16) & 0xffff).into(), 10.into(), (packed & 0x7ff).into())
        }
        PgType::Numeric => (NULL, 10.into(), NULL),
        _ => (NULL, NULL, NULL),
    }
}

fn datetime(a: &Attribute) -> Cell {
    match a.ty {
        PgType::Date => 0.into(),
        PgType::Time | PgType::Timestamp | PgType::Timestamptz | PgType::Interval => {
            let digits = if a.typmod < 0 { 6 } else { a.typmod };
            digits.into()
        }
        _ => NULL,
    }
}

/// What an array column's elements are.
fn element(db: &str, r: &Relation, a: &Attribute) -> Option<Row> {
    let PgType::Array(of) = &a.ty else { return None };
    let view = system_table("information_schema", "element_types")?;
    let ty = type_of(of.oid());
    let object = if r.kind() == "v" { "VIEW" } else { "TABLE" };
    let cell = |column: &str| match column {
        "object_catalog" | "udt_catalog" => db.into(),
        "object_schema" => (&r.schema).into(),
        "object_name" => (&r.name).into(),
        "object_type" => object.into(),
        "collection_type_identifier" => a.attnum.to_string().into(),
        "dtd_identifier" => format!("a{}", a.attnum).into(),
        "data_type" => data_type(of).into(),
        "udt_schema" => ty.map(|ty| &ty.schema).into(),
        "udt_name" => ty.map(|ty| &ty.name).into(),
        _ => NULL,
    };
    Some(view.columns.iter().map(|column| cell(column.name)).collect())
}
