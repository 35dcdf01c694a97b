//! Type names in SQL text become Arrow fields that say their Postgres type.

use super::literal::target_field;
use super::name::resolve_type;
use crate::functions::failure::raise;
use arrow::datatypes::FieldRef;
use datafusion::common::Result;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast::DataType;
use std::sync::Arc;

/// Resolves every type name; DataFusion's own table of types is never asked.
#[derive(Debug, Default)]
pub struct PgTypePlanner;

impl TypePlanner for PgTypePlanner {
    fn plan_type_field(&self, name: &DataType) -> Result<Option<FieldRef>> {
        let (ty, typmod) = resolve_type(name).map_err(raise)?;
        Ok(Some(Arc::new(target_field(&ty, typmod))))
    }
}
