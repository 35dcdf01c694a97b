//! What `cvx.erase` removes: each row of which some version matches, in all its versions.
//!
//! The condition is that of a DELETE, asked of every version that is kept: what was corrected
//! since is found by what it said before.

use super::delete::DeleteRead;
use super::update::addresses;
use crate::bind::quote;
use crate::error::from_datafusion;
use crate::plan::StatementCx;
use cvx_core::{EntityId, ValidTime};
use cvx_engine::Table;
use cvx_types::{Result, SqlError};
use datafusion::sql::sqlparser::ast;
use futures::StreamExt;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The points to remove.
pub async fn erased_points(
    cx: &StatementCx<'_>,
    table: &Arc<Table>,
    condition: &str,
) -> Result<BTreeSet<(EntityId, ValidTime)>> {
    let condition = cvx_dialect::parse_expr(condition).map_err(crate::limits::from_parse)?;
    let read = DeleteRead::new(cx, &delete(table, condition)?)?;
    let mut found = crate::session::stream_versions_query(cx, table, read.query).await?;
    let mut points = BTreeSet::new();
    while let Some(batch) = found.next().await {
        let batch = batch.map_err(from_datafusion)?;
        points.extend(addresses(&batch).iter().map(|addr| (addr.entity, addr.ts)));
    }
    Ok(points)
}

fn delete(table: &Table, condition: ast::Expr) -> Result<ast::Delete> {
    let name = format!("{}.{}", quote(&table.schema), quote(&table.name));
    let parsed = cvx_dialect::parse(&format!("DELETE FROM {name}"));
    match parsed.map_err(crate::limits::from_parse)?.pop() {
        Some(cvx_dialect::Statement::Sql(statement)) => match *statement {
            ast::Statement::Delete(delete) => {
                Ok(ast::Delete { selection: Some(condition), ..delete })
            }
            _ => Err(SqlError::unsupported("this condition")),
        },
        _ => Err(SqlError::unsupported("this condition")),
    }
}
