//! The system tables as DataFusion tables; rows are made when a scan asks for them.

mod access;
mod comments;
mod empty;
mod functions;
mod relations;
mod server;
mod session;
mod statistics;
mod types;

pub use comments::{Comment, comments};

use crate::pg_catalog::information_schema;
use crate::pg_catalog::model::SystemCatalog;
use crate::pg_catalog::rows::{self, Row};
use crate::pg_catalog::spec::{SystemTable, system_table, system_tables};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

/// A system table as seen through one model.
#[derive(Debug)]
pub struct SystemTableProvider {
    model: Arc<SystemCatalog>,
    table: &'static SystemTable,
}

impl SystemCatalog {
    /// The system table of this name. Nothing of it is built before it is scanned.
    #[must_use]
    pub fn table(self: &Arc<Self>, schema: &str, name: &str) -> Option<Arc<dyn TableProvider>> {
        let table = system_table(schema, name)?;
        Some(Arc::new(SystemTableProvider { model: Arc::clone(self), table }))
    }

    /// The names of the system tables of a schema (`pg_catalog`, `information_schema`).
    #[must_use]
    pub fn table_names(&self, schema: &str) -> Vec<String> {
        let of_schema = system_tables().filter(|table| table.schema == schema);
        of_schema.map(|table| table.name.to_owned()).collect()
    }
}

impl SystemTableProvider {
    /// All rows.
    pub(crate) fn batch(&self) -> Result<RecordBatch> {
        let (schema, name) = (self.table.schema, self.table.name);
        let found = match schema {
            "information_schema" => information_schema::rows(&self.model, name),
            _ => rows_of(&self.model, name),
        };
        let rows = found.ok_or_else(|| internal_datafusion_err!("no rows for {schema}.{name}"))?;
        rows::batch(self.table, &rows)
    }
}

/// The rows of a table of `pg_catalog`; `None` for a name that has no table.
fn rows_of(model: &SystemCatalog, name: &str) -> Option<Vec<Row>> {
    relations::rows(model, name)
        .or_else(|| comments::rows(model, name))
        .or_else(|| access::rows(model, name))
        .or_else(|| types::rows(model, name))
        .or_else(|| functions::rows(model, name))
        .or_else(|| server::rows(model, name))
        .or_else(|| session::rows(model, name))
        .or_else(|| statistics::rows(model, name))
        .or_else(|| empty::rows(name))
}

#[async_trait]
impl TableProvider for SystemTableProvider {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.table.arrow)
    }

    fn table_type(&self) -> TableType {
        if self.table.kind == "v" { TableType::View } else { TableType::Base }
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let batch = self.batch()?;
        let schema = batch.schema();
        Ok(MemorySourceConfig::try_new_exec(&[vec![batch]], schema, projection.cloned())?)
    }
}
