//! Statements that change the catalog. Each becomes staged [`CatalogChange`]s of a transaction.

mod alter;
mod comment;
mod create_index;
mod create_table;
mod drop;
mod index_options;
mod monitor;
mod options;
mod view;

pub(crate) use alter::reset_options;
pub(crate) use create_table::GENERATED_ALWAYS;

use crate::plan::StatementCx;
use cvx_engine::{CatalogChange, Table};
use cvx_session::Notice;
use cvx_types::{Result, SqlError};
use datafusion::sql::sqlparser::ast::{self, Statement};
use std::sync::Arc;

/// What a DDL statement will do, and what it says.
#[derive(Debug, Default)]
pub struct DdlPlan {
    pub tag: &'static str,
    pub changes: Vec<CatalogChange>,
    pub truncate: Vec<Arc<Table>>,
    pub notices: Vec<Notice>,
}

impl DdlPlan {
    pub(crate) fn new(tag: &'static str) -> Self {
        Self { tag, ..Self::default() }
    }

    pub(crate) fn change(tag: &'static str, change: CatalogChange) -> Self {
        Self { tag, changes: vec![change], ..Self::default() }
    }

    pub(crate) fn notice(mut self, message: String) -> Self {
        self.notices.push(Notice { severity: "NOTICE", state: "00000", message });
        self
    }
}

/// The plan of a DDL statement; `None` where the statement is of another kind.
pub async fn plan(cx: &StatementCx<'_>, statement: &Statement) -> Result<Option<DdlPlan>> {
    let plan = match statement {
        Statement::CreateTable(create) => create_table::plan(cx, create)?,
        Statement::CreateIndex(create) => create_index::plan(cx, create)?,
        Statement::CreateView(create) => view::plan(cx, create).await?,
        Statement::AlterTable(alter) => alter::plan(cx, alter)?,
        Statement::Drop { object_type, if_exists, names, .. } => {
            drop::plan(cx, *object_type, *if_exists, names)?
        }
        Statement::Truncate(truncate) => drop::truncate(cx, truncate)?,
        Statement::CreateExtension(create) => extension(cx, create)?,
        Statement::DropExtension(dropped) => drop::extensions(cx, dropped)?,
        Statement::CreateSchema { schema_name, if_not_exists, .. } => {
            create_schema(cx, schema_name, *if_not_exists)?
        }
        Statement::Comment { object_type, object_name, comment, .. } => {
            comment::plan(cx, *object_type, object_name, comment.clone())?
        }
        _ => return Ok(None),
    };
    Ok(Some(plan))
}

fn extension(cx: &StatementCx<'_>, create: &ast::CreateExtension) -> Result<DdlPlan> {
    const TAG: &str = "CREATE EXTENSION";
    let name = crate::bind::ident_name(&create.name);
    if cx.catalog.here.extensions.contains(&name) && create.if_not_exists {
        return Ok(
            DdlPlan::new(TAG).notice(format!("extension \"{name}\" already exists, skipping"))
        );
    }
    match name.as_str() {
        "vector" | "plpgsql" => Ok(DdlPlan::change(TAG, CatalogChange::CreateExtension { name })),
        _ => {
            Err(SqlError::unsupported(format!("extension \"{name}\""))
                .hint("`vector` is built in."))
        }
    }
}

fn create_schema(
    cx: &StatementCx<'_>,
    schema: &ast::SchemaName,
    if_not_exists: bool,
) -> Result<DdlPlan> {
    const TAG: &str = "CREATE SCHEMA";
    let ast::SchemaName::Simple(name) = schema else {
        return Err(SqlError::unsupported("CREATE SCHEMA ... AUTHORIZATION")
            .hint("ALTER SCHEMA ... OWNER TO gives it to another role."));
    };
    let name = crate::bind::object_name(name).pop().unwrap_or_default();
    if name.starts_with("pg_") || name == "cvx" {
        return Err(SqlError::new(
            cvx_types::SqlState("42939"),
            format!("unacceptable schema name \"{name}\""),
        ));
    }
    if if_not_exists && cx.catalog.here.schemas.contains(&name) {
        return Ok(DdlPlan::new(TAG).notice(format!("schema \"{name}\" already exists, skipping")));
    }
    Ok(DdlPlan::change(TAG, CatalogChange::CreateSchema { name }))
}

/// Where a new relation goes: its schema and name.
fn place(cx: &StatementCx<'_>, name: &ast::ObjectName) -> Result<(String, String)> {
    let mut parts = crate::bind::object_name(name);
    cx.check_database(&parts)?;
    let relation = parts.pop().unwrap_or_default();
    let schema = match parts.pop() {
        Some(schema) => schema,
        None => cx.search_path().into_iter().next().unwrap_or_else(|| "public".to_owned()),
    };
    if matches!(schema.as_str(), "pg_catalog" | "information_schema" | "cvx") {
        return Err(SqlError::new(
            cvx_types::SqlState::INSUFFICIENT_PRIVILEGE,
            format!("permission denied to create \"{schema}.{relation}\""),
        ));
    }
    Ok((schema, relation))
}
