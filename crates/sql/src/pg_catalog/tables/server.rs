//! What belongs to the server: schemas, databases, roles, settings, extensions.

use crate::pg_catalog::model::{Setting, SystemCatalog};
use crate::pg_catalog::oid;
use crate::pg_catalog::roles::{self, roles};
use crate::pg_catalog::rows::{Cell, NULL, Row, row};
use cvx_engine::{Access, DatabaseDef, Membership, Role, Securable};

/// Of the `vector` extension whose surface is spoken here.
const VECTOR_VERSION: &str = "0.8.0";

/// The rows of the tables kept here.
pub fn rows(model: &SystemCatalog, name: &str) -> Option<Vec<Row>> {
    Some(match name {
        "pg_namespace" => model.schemas().map(|name| namespace(model, name)).collect(),
        "pg_database" => model.catalog.databases.values().map(|d| database(model, d)).collect(),
        "pg_tablespace" => tablespaces(),
        "pg_authid" => roles(model).map(authid).collect(),
        "pg_auth_members" => model.catalog.access.members.iter().map(membership).collect(),
        "pg_group" => groups(&model.catalog.access),
        "pg_roles" => roles(model).map(role).collect(),
        "pg_user" => roles(model).filter(|r| r.login).map(|r| user(r, "********".into())).collect(),
        "pg_shadow" => roles(model).filter(|r| r.login).map(|r| user(r, verifier(r))).collect(),
        "pg_settings" => model.session.settings.all().iter().map(setting).collect(),
        "pg_extension" => extensions(model),
        "pg_available_extensions" => available_extensions(model),
        _ => return None,
    })
}

fn namespace(model: &SystemCatalog, name: &str) -> Row {
    let on = model.catalog.schema(name);
    let owner = model.catalog.access.owner(&on);
    row![oid::of_schema(name), name, owner, roles::acl(model, &on)]
}

fn database(model: &SystemCatalog, database: &DatabaseDef) -> Row {
    let on = Securable::Database(database.oid);
    let utf8 = 6;
    row![
        database.oid,
        &database.name,
        model.catalog.access.owner(&on),
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
        roles::acl(model, &on),
    ]
}

fn tablespaces() -> Vec<Row> {
    vec![
        row![oid::TABLESPACE_DEFAULT, "pg_default", oid::SUPERUSER, NULL, NULL],
        row![oid::TABLESPACE_GLOBAL, "pg_global", oid::SUPERUSER, NULL, NULL],
    ]
}

/// What is kept of the password; only superusers read the tables that show it.
fn verifier(r: &Role) -> Cell {
    r.verifier.as_ref().map(|secret| secret.0.as_str()).into()
}

fn authid(r: &Role) -> Row {
    row![
        r.oid,
        &r.name,
        r.superuser,
        r.inherit,
        r.create_role,
        r.create_db,
        r.login,
        r.replication,
        r.bypass_rls,
        -1,
        verifier(r),
        r.valid_until_us,
    ]
}

fn role(r: &Role) -> Row {
    row![
        &r.name,
        r.superuser,
        r.inherit,
        r.create_role,
        r.create_db,
        r.login,
        r.replication,
        -1,
        "********",
        r.valid_until_us,
        r.bypass_rls,
        NULL,
        r.oid,
    ]
}

fn user(r: &Role, secret: Cell) -> Row {
    let (super_, until) = (r.superuser, r.valid_until_us);
    row![&r.name, r.oid, r.create_db, super_, r.replication, r.bypass_rls, secret, until, NULL]
}

fn membership(m: &Membership) -> Row {
    let oid = oid::of_membership(m.role, m.member);
    row![oid, m.role, m.member, m.grantor, m.admin, true, true]
}

fn groups(access: &Access) -> Vec<Row> {
    let members = |role: u32| -> Vec<i64> {
        let of_role = access.members.iter().filter(|m| m.role == role);
        of_role.map(|m| i64::from(m.member)).collect()
    };
    let groups = access.roles.values().filter(|role| !role.login);
    groups.map(|role| row![&role.name, role.oid, members(role.oid)]).collect()
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
    model.catalog.here.extensions.iter().map(one).collect()
}

fn available_extensions(model: &SystemCatalog) -> Vec<Row> {
    let installed = model.catalog.here.extensions.contains("vector").then_some(VECTOR_VERSION);
    let comment = "vector data type and hnsw access method";
    vec![row!["vector", VECTOR_VERSION, installed, comment]]
}
