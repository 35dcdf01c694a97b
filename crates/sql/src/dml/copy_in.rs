//! COPY ... FROM: rows of the wire, a batch at a time, into one statement.

use super::needs::Need;
use super::rows::RowShape;
use super::target::{self, column};
use crate::bind::ident_name;
use crate::error::from_engine;
use crate::plan::StatementCx;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use cvx_engine::{Disposition, InsertMode, OnConflict, Table, Txn};
use cvx_types::{Column, FormatSettings, Result};
use datafusion::sql::sqlparser::ast::{Ident, ObjectName};
use std::sync::Arc;

/// A COPY that is under way.
#[derive(Clone)]
pub struct CopyTarget {
    shape: RowShape,
    mode: InsertMode,
    pub schema: SchemaRef,
    pub columns: Vec<Column>,
    pub count: u64,
}

impl CopyTarget {
    pub fn new(cx: &StatementCx<'_>, name: &ObjectName, columns: &[Ident]) -> Result<Self> {
        let need = Need::listed(target::to_insert(cx), columns.iter().map(ident_name));
        let table = target::writable(cx, name, &[need])?;
        let places = places(&table, columns)?;
        let given: Vec<_> = places.iter().map(|place| &table.columns[*place]).collect();
        let fields: Vec<_> =
            given.iter().map(|column| column.field().with_nullable(true)).collect();
        let columns = given
            .iter()
            .map(|column| Column {
                name: column.name.clone(),
                ty: column.ty.clone(),
                typmod: column.typmod,
                table_oid: table.oid,
                attnum: column.attnum,
            })
            .collect();
        let shape = RowShape::new(cx, &table, places)?;
        let mode = InsertMode {
            supplied: shape.supplied(),
            on_conflict: OnConflict::Error,
            force: cx.vars.is_on("cvx.force"),
        };
        Ok(Self { shape, mode, schema: Arc::new(Schema::new(fields)), columns, count: 0 })
    }

    pub fn settings(&self) -> &Arc<FormatSettings> {
        self.shape.settings()
    }

    pub fn table(&self) -> &Arc<Table> {
        &self.shape.table
    }

    /// Takes one batch of the announced schema.
    pub fn rows(&mut self, txn: &mut Txn, rows: &RecordBatch) -> Result<()> {
        let whole = self.shape.complete(rows.columns(), rows.num_rows())?;
        let became = txn.insert(&self.shape.table, whole, &self.mode).map_err(from_engine)?;
        let kept = became.iter().filter(|row| !matches!(row, Disposition::Skipped));
        self.count += kept.count() as u64;
        Ok(())
    }
}

fn places(table: &Table, columns: &[Ident]) -> Result<Vec<usize>> {
    if columns.is_empty() {
        return Ok((0..table.columns.len()).collect());
    }
    columns
        .iter()
        .map(|ident| {
            let column = column(table, &ident_name(ident))?;
            Ok(table.position(column.id).unwrap_or_default())
        })
        .collect()
}
