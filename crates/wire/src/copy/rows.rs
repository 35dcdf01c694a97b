//! The columns a COPY fills, and where in its input it stands.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use cvx_session::CopyIn;
use cvx_types::forms::shortened;
use cvx_types::{Column, ColumnBuilder, FormatSettings, Result, SqlError, SqlState};
use std::sync::Arc;

/// A batch is given on when it holds this many rows,
const BATCH_ROWS_MAX: usize = 8192;
/// or about this many bytes.
const BATCH_BYTES_MAX: usize = 1 << 20;

#[derive(Debug)]
pub(crate) struct Rows {
    table: String,
    columns: Vec<Column>,
    schema: SchemaRef,
    builders: Vec<ColumnBuilder>,
    rows: usize,
    /// The input's line, from 1; a row in binary COPY.
    pub(crate) line: u64,
}

impl Rows {
    pub(crate) fn new(copy: &CopyIn, settings: &Arc<FormatSettings>) -> Self {
        let builder = |c: &Column| ColumnBuilder::with_settings(&c.ty, c.typmod, settings);
        Self {
            table: copy.table.clone(),
            columns: copy.columns.clone(),
            schema: copy.schema.clone(),
            builders: copy.columns.iter().map(builder).collect(),
            rows: 0,
            line: 0,
        }
    }

    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Adds a field in text form, `None` for NULL.
    pub(crate) fn push_text(&mut self, column: usize, text: Option<&[u8]>) -> Result<()> {
        let Some(bytes) = text else { return self.push_null(column) };
        let Some(builder) = self.builders.get_mut(column) else {
            return Err(self.bad("extra data after last expected column"));
        };
        let pushed = cvx_types::forms::simple::utf8(bytes).and_then(|text| builder.push_text(text));
        pushed.map_err(|error| {
            let value = shortened(&String::from_utf8_lossy(bytes));
            error.context(format!("{}: \"{value}\"", self.place(column)))
        })
    }

    /// Adds a field in binary form, `None` for NULL.
    pub(crate) fn push_binary(&mut self, column: usize, bytes: Option<&[u8]>) -> Result<()> {
        let Some(bytes) = bytes else { return self.push_null(column) };
        let Some(builder) = self.builders.get_mut(column) else {
            return Err(self.bad("extra data after last expected column"));
        };
        let pushed = builder.push_binary(bytes);
        pushed.map_err(|error| error.context(self.place(column)))
    }

    fn push_null(&mut self, column: usize) -> Result<()> {
        let refuses = self.schema.fields().get(column).is_some_and(|field| !field.is_nullable());
        let Some(builder) = self.builders.get_mut(column) else {
            return Err(self.bad("extra data after last expected column"));
        };
        if !refuses {
            builder.push_null();
            return Ok(());
        }
        let name = self.columns.get(column).map_or("?", |column| column.name.as_str());
        let message = format!(
            "null value in column \"{name}\" of relation \"{}\" violates not-null constraint",
            self.table
        );
        let context = format!("{}: null input", self.place(column));
        Err(SqlError::new(SqlState::NOT_NULL_VIOLATION, message).context(context))
    }

    /// A row is complete, if it has as many fields as there are columns.
    pub(crate) fn end_row(&mut self, fields: usize) -> Result<()> {
        if let Some(missing) = self.columns.get(fields) {
            let message = format!("missing data for column \"{}\"", missing.name);
            return Err(self.bad(&message));
        }
        self.rows += 1;
        Ok(())
    }

    pub(crate) fn is_full(&self) -> bool {
        let bytes: usize = self.builders.iter().map(ColumnBuilder::len_bytes).sum();
        self.rows >= BATCH_ROWS_MAX || bytes >= BATCH_BYTES_MAX
    }

    /// The rows so far, if any.
    pub(crate) fn take(&mut self) -> Result<Option<RecordBatch>> {
        if self.rows == 0 {
            return Ok(None);
        }
        let columns = self.builders.iter_mut().map(ColumnBuilder::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options);
        batch.map(Some).map_err(|error| {
            let message = format!("COPY {} asked for a schema of other types: {error}", self.table);
            SqlError::new(SqlState::INTERNAL_ERROR, message)
        })
    }

    /// 22P04 at this line.
    pub(crate) fn bad(&self, message: &str) -> SqlError {
        let context = format!("COPY {}, line {}", self.table, self.line);
        SqlError::new(SqlState::BAD_COPY, message).context(context)
    }

    /// 22P04, showing the line.
    pub(crate) fn bad_line(&self, error: SqlError, line: &[u8]) -> SqlError {
        let line_text = shortened(&String::from_utf8_lossy(line));
        match error.context {
            // A field's error says its column and value already.
            Some(ref context) if context.contains(", column ") => error,
            _ => {
                let context = format!("COPY {}, line {}: \"{line_text}\"", self.table, self.line);
                error.context(context)
            }
        }
    }

    fn place(&self, column: usize) -> String {
        let name = self.columns.get(column).map_or("?", |column| column.name.as_str());
        format!("COPY {}, line {}, column {name}", self.table, self.line)
    }
}
