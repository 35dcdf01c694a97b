//! Tables, views, schemata, sequences, routines, roles and what surrounds them.

use crate::pg_catalog::model::SystemCatalog;
use crate::pg_catalog::procs::{Proc, procs};
use crate::pg_catalog::relation::{Body, Relation};
use crate::pg_catalog::rows::{NULL, Row, row};
use crate::pg_catalog::spec::system_table;
use crate::pg_catalog::types::{data_type, type_of};
use crate::pg_catalog::{definition, roles};
use cvx_types::PgType;

/// The rows of the views kept here.
pub fn rows(model: &SystemCatalog, name: &str) -> Option<Vec<Row>> {
    let db = &model.session.database;
    let relations = model.relations().iter();
    Some(match name {
        "information_schema_catalog_name" => vec![row![db]],
        "tables" => relations.filter(|r| is_table(r)).map(|r| table(db, r)).collect(),
        "views" => relations.filter_map(|r| view(db, r)).collect(),
        "schemata" => model.schemas().map(|s| schema(model, s)).collect(),
        "sequences" => relations.filter_map(|r| sequence(db, r)).collect(),
        "routines" => procs().map(|p| routine(db, p)).collect(),
        "character_sets" => {
            vec![row![NULL, NULL, "UTF8", "UCS", "UTF8", db, "pg_catalog", "default"]]
        }
        "collations" => {
            let collation = |name: &str| row![db, "pg_catalog", name, "NO PAD"];
            ["default", "C", "POSIX"].map(collation).to_vec()
        }
        "enabled_roles" => enabled(model).iter().map(|name| row![name]).collect(),
        "applicable_roles" => applicable_roles(model),
        "user_defined_types" => Vec::new(),
        _ => return None,
    })
}

fn is_table(r: &Relation) -> bool {
    matches!(r.kind(), "r" | "v")
}

fn table(db: &str, r: &Relation) -> Row {
    let (kind, writable) = match r.kind() {
        "v" => ("VIEW", "NO"),
        _ => ("BASE TABLE", "YES"),
    };
    row![db, &r.schema, &r.name, kind, NULL, NULL, NULL, NULL, NULL, writable, "NO", NULL]
}

fn view(db: &str, r: &Relation) -> Option<Row> {
    if r.kind() != "v" {
        return None;
    }
    let sql = r.view().map(|view| definition::view(&view.sql));
    Some(row![db, &r.schema, &r.name, sql, "NONE", "NO", "NO", "NO", "NO", "NO"])
}

fn schema(model: &SystemCatalog, name: &str) -> Row {
    let owner = model.catalog.access.owner(&model.catalog.schema(name));
    let owner = roles::name_of(model, owner);
    row![&model.session.database, name, owner, NULL, NULL, NULL, NULL]
}

fn sequence(db: &str, r: &Relation) -> Option<Row> {
    let Body::Sequence(..) = r.body else { return None };
    let max = i64::MAX.to_string();
    Some(row![db, &r.schema, &r.name, "bigint", 64, 2, 0, "1", "1", max, "1", "NO"])
}

/// A routine; most of the view's 82 columns never hold anything in Postgres either.
fn routine(db: &str, p: &Proc) -> Row {
    let Some(view) = system_table("information_schema", "routines") else { return Vec::new() };
    let returned = type_of(p.returns);
    let named = PgType::from_oid(p.returns).map(|ty| data_type(&ty));
    let cell = |column: &str| match column {
        "specific_catalog" | "routine_catalog" | "type_udt_catalog" => db.into(),
        "specific_schema" | "routine_schema" => p.schema.into(),
        "specific_name" => format!("{}_{}", p.name, p.oid).into(),
        "routine_name" => p.name.into(),
        "routine_type" => {
            if p.kind == "f" {
                "FUNCTION".into()
            } else {
                NULL
            }
        }
        "data_type" => named.clone().or_else(|| returned.map(|ty| ty.name.clone())).into(),
        "type_udt_schema" => returned.map(|ty| &ty.schema).into(),
        "type_udt_name" => returned.map(|ty| &ty.name).into(),
        "routine_body" => "EXTERNAL".into(),
        "external_language" => {
            if p.schema == "public" {
                "C".into()
            } else {
                "INTERNAL".into()
            }
        }
        "parameter_style" => "GENERAL".into(),
        "is_deterministic" => yes(p.volatility == "i").into(),
        "sql_data_access" => "MODIFIES".into(),
        "is_null_call" => yes(p.strict).into(),
        "schema_level_routine" => "YES".into(),
        "max_dynamic_result_sets" => 0.into(),
        "security_type" => "INVOKER".into(),
        "as_locator" | "is_udt_dependent" | "is_user_defined_cast" => "NO".into(),
        _ => NULL,
    };
    view.columns.iter().map(|column| cell(column.name)).collect()
}

/// The roles whose rights the session's user has.
fn enabled(model: &SystemCatalog) -> Vec<String> {
    let roles = model.catalog.access.inherited(model.user_oid());
    roles.into_iter().filter_map(|oid| roles::name_of(model, oid)).collect()
}

/// Memberships that the session's user has, directly or through others.
fn applicable_roles(model: &SystemCatalog) -> Vec<Row> {
    let access = &model.catalog.access;
    let reached = access.inherited(model.user_oid());
    let of_user = access.members.iter().filter(|entry| reached.contains(&entry.member));
    let name = |oid| roles::name_of(model, oid);
    of_user.map(|entry| row![name(entry.member), name(entry.role), yes(entry.admin)]).collect()
}

/// The standard's booleans.
pub fn yes(is: bool) -> &'static str {
    if is { "YES" } else { "NO" }
}
