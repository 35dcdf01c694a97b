//! What belongs to the server: schemas, databases, roles, settings, extensions.

use crate::pg_catalog::model::{Setting, SystemCatalog};
use crate::pg_catalog::oid;
use crate::pg_catalog::roles::{Role, roles};
use crate::pg_catalog::rows::{NULL, Row, row};

/// Of the `vector` extension whose surface is spoken here.
const VECTOR_VERSION: &str = "0.8.0";

/// The rows of the tables kept here.
pub fn rows(model: &SystemCatalog, name: &str) -> Option<Vec<Row>> {
    Some(match name {
        "pg_namespace" => model.schemas().map(namespace).collect(),
        "pg_database" => vec![database(model)],
        "pg_tablespace" => tablespaces(),
        "pg_authid" => roles(model).iter().map(authid).collect(),
        "pg_roles" => roles(model).iter().map(role).collect(),
        "pg_user" | "pg_shadow" => roles(model).iter().map(user).collect(),
        "pg_settings" => model.session.settings.iter().map(setting).collect(),
        "pg_extension" => extensions(model),
        "pg_available_extensions" => available_extensions(model),
        _ => return None,
    })
}

fn namespace(name: &str) -> Row {
    row![oid::of_schema(name), name, oid::SUPERUSER, NULL]
}

fn database(model: &SystemCatalog) -> Row {
    let utf8 = 6;
    row![
        oid::DATABASE,
        &model.session.database,
        oid::SUPERUSER,
        utf8,
        "c",
        false,
        true,
        -1,
        0,
        0,
        oid::TABLESPACE_DEFAULT,
        "C",
        "C",
        NULL,
        NULL,
        NULL,
        NULL,
    ]
}

fn tablespaces() -> Vec<Row> {
    vec![
        row![oid::TABLESPACE_DEFAULT, "pg_default", oid::SUPERUSER, NULL, NULL],
        row![oid::TABLESPACE_GLOBAL, "pg_global", oid::SUPERUSER, NULL, NULL],
    ]
}

fn authid(r: &Role) -> Row {
    let may = r.superuser;
    row![r.oid, &r.name, may, true, may, may, true, false, may, -1, NULL, NULL]
}

fn role(r: &Role) -> Row {
    let may = r.superuser;
    let secret = "********";
    row![&r.name, may, true, may, may, true, false, -1, secret, NULL, may, NULL, r.oid]
}

fn user(r: &Role) -> Row {
    let may = r.superuser;
    row![&r.name, r.oid, may, may, false, may, "********", NULL, NULL]
}

fn setting(s: &Setting) -> Row {
    let is = |words: &[&str]| words.contains(&s.value.as_str());
    let ty = if is(&["on", "off"]) {
        "bool"
    } else if s.value.parse::<i64>().is_ok() {
        "integer"
    } else if s.value.parse::<f64>().is_ok() {
        "real"
    } else {
        "string"
    };
    row![
        &s.name,
        &s.value,
        NULL,
        "",
        &s.description,
        NULL,
        "user",
        ty,
        "default",
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        false,
    ]
}

fn extensions(model: &SystemCatalog) -> Vec<Row> {
    let one = |name: &String| {
        let (oid, version) = match name.as_str() {
            "vector" => (oid::EXTENSION_VECTOR, VECTOR_VERSION),
            other => (oid::of_schema(other), "1.0"),
        };
        row![oid, name, oid::SUPERUSER, oid::PUBLIC, true, version, NULL, NULL]
    };
    model.catalog.extensions.iter().map(one).collect()
}

fn available_extensions(model: &SystemCatalog) -> Vec<Row> {
    let installed = model.catalog.extensions.contains("vector").then_some(VECTOR_VERSION);
    let comment = "vector data type and hnsw access method";
    vec![row!["vector", VECTOR_VERSION, installed, comment]]
}
