//! Rows in table order: what the statement supplies, defaults for the rest.

use super::assign;
use super::target::is_default;
use crate::error::{from_arrow, from_datafusion, from_engine};
use crate::plan::{Planner, StatementCx};
use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::concat;
use arrow::datatypes::Schema;
use cvx_engine::{ColumnDef, Engine, Table};
use cvx_types::{ColumnBuilder, FormatSettings, PgType, Result, SqlError, SqlState};
use datafusion::common::DFSchema;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::sql::sqlparser::ast::{Expr, Value};
use std::sync::Arc;

/// Makes whole rows of a table out of the columns a statement gives.
#[derive(Clone)]
pub(crate) struct RowShape {
    pub(crate) table: Arc<Table>,
    /// For each supplied column in the statement's order, its place in the table.
    pub(crate) places: Vec<usize>,
    fill: Vec<Fill>,
    engine: Arc<Engine>,
    settings: Arc<FormatSettings>,
}

/// Where a column's values come from when the statement does not say.
#[derive(Clone)]
enum Fill {
    Null,
    Sequence(u32),
    Expr(Arc<dyn PhysicalExpr>),
}

impl RowShape {
    /// For a statement that supplies these columns.
    pub(crate) fn new(
        cx: &StatementCx<'_>,
        table: &Arc<Table>,
        places: Vec<usize>,
    ) -> Result<Self> {
        let fill = table.columns.iter().map(|column| fill(cx, column)).collect::<Result<_>>()?;
        Ok(Self {
            table: Arc::clone(table),
            places,
            fill,
            engine: Arc::clone(cx.engine),
            settings: Arc::clone(&cx.settings),
        })
    }

    pub(crate) fn settings(&self) -> &Arc<FormatSettings> {
        &self.settings
    }

    /// For each column of the table, whether the statement supplies it.
    pub(crate) fn supplied(&self) -> Vec<bool> {
        (0..self.table.columns.len()).map(|place| self.places.contains(&place)).collect()
    }

    /// Whole rows from supplied columns, each cast to its column's type.
    pub(crate) fn complete(&self, given: &[ArrayRef], rows: usize) -> Result<RecordBatch> {
        let mut columns = Vec::with_capacity(self.table.columns.len());
        for (place, column) in self.table.columns.iter().enumerate() {
            let given = self.places.iter().position(|p| *p == place).and_then(|i| given.get(i));
            columns.push(match given {
                Some(array) => assign(array, &column.ty, column.typmod, &self.settings)
                    .map_err(|error| of_column(error, column))?,
                None => self.filled(place, column, rows)?,
            });
        }
        batch(&self.table, columns, rows)
    }

    fn filled(&self, place: usize, column: &ColumnDef, rows: usize) -> Result<ArrayRef> {
        match &self.fill[place] {
            Fill::Null => Ok(new_null_array(&column.ty.arrow_type(column.typmod), rows)),
            Fill::Sequence(id) => {
                let numbers = (0..rows)
                    .map(|_| self.engine.next_sequence(*id).map_err(from_engine))
                    .collect::<Result<Vec<_>>>()?;
                let numbers: ArrayRef = Arc::new(Int64Array::from(numbers));
                assign(&numbers, &column.ty, column.typmod, &self.settings)
            }
            Fill::Expr(expr) => {
                let value = expr.evaluate(&no_columns(rows)?).map_err(from_datafusion)?;
                let array = value.into_array(rows).map_err(from_datafusion)?;
                assign(&array, &column.ty, column.typmod, &self.settings)
            }
        }
    }

    /// The rows of VALUES, in the statement's columns.
    pub(crate) fn values(&self, cx: &StatementCx<'_>, rows: &[&[Expr]]) -> Result<Vec<ArrayRef>> {
        for row in rows {
            if row.len() != self.places.len() {
                let more = row.len() > self.places.len();
                let (less, than) = if more {
                    ("expressions", "target columns")
                } else {
                    ("target columns", "expressions")
                };
                return Err(SqlError::new(
                    SqlState::SYNTAX_ERROR,
                    format!("INSERT has more {less} than {than}"),
                ));
            }
        }
        self.places
            .iter()
            .enumerate()
            .map(|(index, place)| self.value_column(cx, rows, index, *place))
            .collect()
    }

    fn value_column(
        &self,
        cx: &StatementCx<'_>,
        rows: &[&[Expr]],
        index: usize,
        place: usize,
    ) -> Result<ArrayRef> {
        let column = &self.table.columns[place];
        let cells = || rows.iter().map(|row| &row[index]);
        if cells().all(|cell| literal(cell, &column.ty).is_some()) {
            return literals(cells(), column, &self.settings)
                .map_err(|error| of_column(error, column));
        }
        let values = cells()
            .map(|cell| {
                if is_default(cell) {
                    self.filled(place, column, 1)
                } else {
                    cx.constant(cell, &column.ty, column.typmod)
                }
            })
            .collect::<Result<Vec<_>>>()
            .map_err(|error| of_column(error, column))?;
        let values: Vec<&dyn Array> = values.iter().map(AsRef::as_ref).collect();
        concat(&values).map_err(|error| from_arrow(&error))
    }
}

/// A cell that the type's text form can read: the outer `None` is anything else, the inner NULL.
fn literal<'e>(cell: &'e Expr, ty: &PgType) -> Option<Option<&'e str>> {
    let Expr::Value(value) = cell else { return None };
    match &value.value {
        Value::Null => Some(None),
        Value::SingleQuotedString(text) => Some(Some(text)),
        Value::Number(text, _)
            if matches!(ty, PgType::Numeric | PgType::Float4 | PgType::Float8)
                || (matches!(ty, PgType::Int2 | PgType::Int4 | PgType::Int8)
                    && text.bytes().all(|byte| byte.is_ascii_digit())) =>
        {
            Some(Some(text))
        }
        _ => None,
    }
}

fn literals<'e>(
    cells: impl Iterator<Item = &'e Expr>,
    column: &ColumnDef,
    settings: &Arc<FormatSettings>,
) -> Result<ArrayRef> {
    let mut builder = ColumnBuilder::with_settings(&column.ty, column.typmod, settings);
    for cell in cells {
        match literal(cell, &column.ty).flatten() {
            Some(text) => builder.push_text(text)?,
            None => builder.push_null(),
        }
    }
    Ok(builder.finish())
}

fn fill(cx: &StatementCx<'_>, column: &ColumnDef) -> Result<Fill> {
    if let Some(id) = column.sequence {
        return Ok(Fill::Sequence(id));
    }
    let Some(text) = &column.default else { return Ok(Fill::Null) };
    let mut expr = cvx_dialect::parse_expr(text).map_err(crate::limits::from_parse)?;
    let bound = crate::bind::Binder::new(cx).expression(&mut expr)?;
    let empty = DFSchema::empty();
    let logical = Planner::new(cx, bound).expr(expr, &empty)?;
    cx.state.create_physical_expr(logical, &empty).map(Fill::Expr).map_err(from_datafusion)
}

fn no_columns(rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options)
        .map_err(|error| from_arrow(&error))
}

/// A batch of whole rows; NULLs in NOT NULL columns are the engine's to refuse.
pub(super) fn batch(table: &Table, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let fields = table.columns.iter().map(|column| column.field().with_nullable(true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, columns, &options).map_err(|error| from_arrow(&error))
}

fn of_column(error: SqlError, column: &ColumnDef) -> SqlError {
    if error.context.is_some() {
        return error;
    }
    error.context(format!("column \"{}\"", column.name))
}
