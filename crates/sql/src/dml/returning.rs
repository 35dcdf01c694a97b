//! RETURNING: expressions over the rows a statement changed.

use super::ReturnShape;
use crate::error::from_datafusion;
use crate::plan::{Planner, StatementCx};
use arrow::array::RecordBatchOptions;
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;
use cvx_engine::Table;
use cvx_types::{Column, PgType, Result, SqlError};
use datafusion::common::DFSchema;
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::sql::sqlparser::ast::{self, SelectItem};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(crate) struct Returning {
    /// Empty while parameters have no values: then only the shape is asked for.
    exprs: Vec<Arc<dyn PhysicalExpr>>,
    pub(crate) shape: ReturnShape,
}

impl Returning {
    /// What the clause shows of `table`, known to its expressions as `alias`.
    pub(super) fn of(
        cx: &StatementCx<'_>,
        items: Option<&Vec<SelectItem>>,
        table: &Table,
        alias: &str,
    ) -> Result<Option<Self>> {
        let Some(items) = items else { return Ok(None) };
        let schema = DFSchema::try_from_qualified_schema(alias, &table.arrow_schema())
            .map_err(from_datafusion)?;
        let mut named: Vec<(ast::Expr, Option<String>)> = Vec::new();
        for item in items {
            match item {
                SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(_, _) => {
                    named.extend(table.columns.iter().map(|column| {
                        (ast::Expr::Identifier(crate::bind::quote(&column.name)), None)
                    }));
                }
                SelectItem::UnnamedExpr(expr) => named.push((expr.clone(), None)),
                SelectItem::ExprWithAlias { expr, alias } => {
                    named.push((expr.clone(), Some(crate::bind::ident_name(alias))));
                }
                SelectItem::ExprWithAliases { .. } => {
                    return Err(SqlError::unsupported("several aliases of one expression"));
                }
            }
        }
        Self::compile(cx, named, &schema, table).map(Some)
    }

    fn compile(
        cx: &StatementCx<'_>,
        named: Vec<(ast::Expr, Option<String>)>,
        schema: &DFSchema,
        table: &Table,
    ) -> Result<Self> {
        let mut exprs = Vec::with_capacity(named.len());
        let mut fields = Vec::with_capacity(named.len());
        let mut columns = Vec::with_capacity(named.len());
        for (mut expr, name) in named {
            let bound = crate::bind::Binder::new(cx).expression(&mut expr)?;
            let logical = Planner::new(cx, bound).expr(expr, schema)?;
            let (_, field) = logical.to_field(schema).map_err(from_datafusion)?;
            let name = name.unwrap_or_else(|| plain_name(&logical));
            let field = Field::clone(&field).with_name(&name).with_nullable(true);
            columns.push(result_column(&logical, &field, table));
            if cx.params.values.is_some() {
                let physical = cx.state.create_physical_expr(logical, schema);
                exprs.push(physical.map_err(from_datafusion)?);
            }
            fields.push(field);
        }
        let schema = Arc::new(Schema::new(fields));
        Ok(Self { exprs, shape: ReturnShape { columns, schema } })
    }

    /// The clause's rows for these rows of the table.
    pub(super) fn apply(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let columns = self
            .exprs
            .iter()
            .map(|expr| expr.evaluate(rows).and_then(|value| value.into_array(rows.num_rows())))
            .collect::<datafusion::error::Result<Vec<_>>>()
            .map_err(from_datafusion)?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.shape.schema), columns, &options)
            .map_err(|error| crate::error::from_arrow(&error))
    }
}

fn plain_name(expr: &Expr) -> String {
    match expr {
        Expr::Column(column) => column.name.clone(),
        Expr::Cast(cast) => plain_name(&cast.expr),
        Expr::ScalarFunction(call) => call.func.name().to_owned(),
        _ => "?column?".to_owned(),
    }
}

fn result_column(expr: &Expr, field: &Field, table: &Table) -> Column {
    let (ty, typmod) = PgType::of_field(field);
    let origin = match expr {
        Expr::Column(column) => table.column(&column.name),
        _ => None,
    };
    Column {
        name: field.name().clone(),
        ty,
        typmod,
        table_oid: origin.map_or(0, |_| table.oid),
        attnum: origin.map_or(0, |column| column.attnum),
    }
}
