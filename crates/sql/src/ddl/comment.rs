//! COMMENT ON.

use super::DdlPlan;
use crate::access::denied;
use crate::bind::object_name;
use crate::pg_catalog::{Body, Relation};
use crate::plan::{StatementCx, undefined_database, undefined_table};
use cvx_engine::{CatalogChange, Commented};
use cvx_types::{Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{CommentObject, ObjectName};

pub(super) fn plan(
    cx: &StatementCx<'_>,
    kind: CommentObject,
    name: &ObjectName,
    comment: Option<String>,
) -> Result<DdlPlan> {
    let parts = object_name(name);
    let last = parts.last().map(String::as_str).unwrap_or_default();
    let on = match kind {
        CommentObject::Table | CommentObject::View | CommentObject::Index => {
            Commented::Relation(of_kind(cx, kind, &parts)?.oid)
        }
        CommentObject::Column => column(cx, &parts)?,
        CommentObject::Schema => schema(cx, last)?,
        CommentObject::Database => {
            let database = cx.catalog.database(last).ok_or_else(|| undefined_database(last))?;
            Commented::Database(database.oid)
        }
        CommentObject::Role | CommentObject::User => {
            Commented::Role(cx.guard.role_named(last)?.oid)
        }
        other => return Err(SqlError::unsupported(format!("COMMENT ON {other}"))),
    };
    // As in Postgres, an empty text is none.
    let comment = comment.filter(|text| !text.is_empty());
    Ok(DdlPlan::change("COMMENT", CatalogChange::SetComment { on, comment }))
}

fn schema(cx: &StatementCx<'_>, name: &str) -> Result<Commented> {
    let here = &cx.catalog.here;
    if here.schemas.contains(name) {
        return Ok(Commented::Schema(here.oid, name.to_owned()));
    }
    if matches!(name, "pg_catalog" | "information_schema" | "cvx") {
        return Err(denied(&format!("schema {name}")));
    }
    let message = format!("schema \"{name}\" does not exist");
    Err(SqlError::new(SqlState::INVALID_SCHEMA_NAME, message))
}

/// The user's relation of this name.
fn relation<'a>(cx: &'a StatementCx<'_>, parts: &[String]) -> Result<&'a Relation> {
    cx.check_database(parts)?;
    let found = match parts {
        [name] => cx.system().visible_relation(name),
        [schema, name] | [_, schema, name] => cx.system().relation_in(schema, name),
        _ => None,
    };
    match found {
        Some(relation) if relation.is_system() => {
            let message = format!("permission denied: \"{}\" is a system catalog", relation.name);
            Err(SqlError::new(SqlState::INSUFFICIENT_PRIVILEGE, message))
        }
        Some(relation) => Ok(relation),
        None => Err(undefined_table(&parts.join("."))),
    }
}

fn of_kind<'a>(
    cx: &'a StatementCx<'_>,
    kind: CommentObject,
    parts: &[String],
) -> Result<&'a Relation> {
    let found = relation(cx, parts)?;
    let (fits, words) = match (kind, &found.body) {
        (CommentObject::Table, body) => (matches!(body, Body::Table(_)), "a table"),
        (CommentObject::View, body) => (matches!(body, Body::View(_)), "a view"),
        (_, body) => (matches!(body, Body::Key(_) | Body::Index(..)), "an index"),
    };
    if fits {
        return Ok(found);
    }
    let message = format!("\"{}\" is not {words}", found.name);
    Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, message))
}

/// `table.column`, with or without a schema.
fn column(cx: &StatementCx<'_>, parts: &[String]) -> Result<Commented> {
    let (name, table) = match parts.split_last() {
        Some((name, table)) if !table.is_empty() => (name, table),
        _ => return Err(SqlError::new(SqlState::SYNTAX_ERROR, "column name must be qualified")),
    };
    let relation = relation(cx, table)?;
    if !matches!(relation.body, Body::Table(_) | Body::View(_)) {
        let message = format!("cannot set comment on relation \"{}\"", relation.name);
        return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, message));
    }
    match relation.attributes.iter().find(|attribute| attribute.name == *name) {
        Some(attribute) => Ok(Commented::Column(relation.oid, attribute.attnum)),
        None => {
            let of = &relation.name;
            let message = format!("column \"{name}\" of relation \"{of}\" does not exist");
            Err(SqlError::new(SqlState::UNDEFINED_COLUMN, message))
        }
    }
}
