//! DROP and TRUNCATE.

use super::DdlPlan;
use crate::bind::{ident_name, object_name};
use crate::plan::{StatementCx, undefined_table};
use cvx_engine::CatalogChange;
use cvx_types::{Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{DropExtension, ObjectName, ObjectType, Truncate};

pub(super) fn plan(
    cx: &StatementCx<'_>,
    kind: ObjectType,
    if_exists: bool,
    names: &[ObjectName],
) -> Result<DdlPlan> {
    let mut plan = DdlPlan::new(tag(kind)?);
    for name in names {
        match (find(cx, kind, name)?, if_exists) {
            (Some(change), _) => plan.changes.push(change),
            (None, true) => {
                let what = kind.to_string().to_lowercase();
                let name = object_name(name).join(".");
                plan = plan.notice(format!("{what} \"{name}\" does not exist, skipping"));
            }
            (None, false) => return Err(missing(kind, name)),
        }
    }
    Ok(plan)
}

fn tag(kind: ObjectType) -> Result<&'static str> {
    Ok(match kind {
        ObjectType::Table => "DROP TABLE",
        ObjectType::View => "DROP VIEW",
        ObjectType::Index => "DROP INDEX",
        ObjectType::Schema => "DROP SCHEMA",
        other => return Err(SqlError::unsupported(format!("DROP {other}"))),
    })
}

fn find(
    cx: &StatementCx<'_>,
    kind: ObjectType,
    name: &ObjectName,
) -> Result<Option<CatalogChange>> {
    let parts = object_name(name);
    cx.check_database(&parts)?;
    Ok(match kind {
        ObjectType::Table => {
            if cx.find_table(&parts).is_none() && cx.find_view(&parts).is_some() {
                return Err(SqlError::new(
                    SqlState::WRONG_OBJECT_TYPE,
                    format!("\"{}\" is not a table", parts.join(".")),
                )
                .hint("Use DROP VIEW to remove a view."));
            }
            cx.find_table(&parts).map(|table| CatalogChange::DropTable { oid: table.oid })
        }
        ObjectType::View => {
            cx.find_view(&parts).map(|view| CatalogChange::DropView { oid: view.oid })
        }
        ObjectType::Index => {
            let schemas = match parts.as_slice() {
                [.., schema, _] => vec![schema.clone()],
                _ => cx.search_path(),
            };
            let index = parts.last().map(String::as_str).unwrap_or_default();
            schemas
                .iter()
                .find_map(|schema| cx.catalog.index(schema, index))
                .map(|(_, index)| CatalogChange::DropIndex { oid: index.oid })
        }
        ObjectType::Schema => {
            let name = parts.last().cloned().unwrap_or_default();
            cx.catalog.here.schemas.contains(&name).then_some(CatalogChange::DropSchema { name })
        }
        _ => None,
    })
}

fn missing(kind: ObjectType, name: &ObjectName) -> SqlError {
    let name = object_name(name).join(".");
    match kind {
        ObjectType::Index => {
            SqlError::new(SqlState::UNDEFINED_OBJECT, format!("index \"{name}\" does not exist"))
        }
        ObjectType::Schema => SqlError::new(
            SqlState::INVALID_SCHEMA_NAME,
            format!("schema \"{name}\" does not exist"),
        ),
        ObjectType::Table | ObjectType::View => {
            let what = kind.to_string().to_lowercase();
            SqlError::new(SqlState::UNDEFINED_TABLE, format!("{what} \"{name}\" does not exist"))
        }
        _ => undefined_table(&name),
    }
}

pub(super) fn truncate(cx: &StatementCx<'_>, truncate: &Truncate) -> Result<DdlPlan> {
    let mut plan = DdlPlan::new("TRUNCATE TABLE");
    for target in &truncate.table_names {
        let table = cx.table(&target.name)?;
        cx.guard.table(&table, cvx_engine::Privileges::TRUNCATE)?;
        plan.truncate.push(table);
    }
    Ok(plan)
}

pub(super) fn extensions(cx: &StatementCx<'_>, dropped: &DropExtension) -> Result<DdlPlan> {
    let mut plan = DdlPlan::new("DROP EXTENSION");
    for name in &dropped.names {
        let name = ident_name(name);
        if cx.catalog.here.extensions.contains(&name) {
            plan.changes.push(CatalogChange::DropExtension { name });
        } else if dropped.if_exists {
            plan = plan.notice(format!("extension \"{name}\" does not exist, skipping"));
        } else {
            return Err(SqlError::new(
                SqlState::UNDEFINED_OBJECT,
                format!("extension \"{name}\" does not exist"),
            ));
        }
    }
    Ok(plan)
}
