//! How a table's columns lie in segments, and how rows of segments with different columns meet.

use crate::segment::Segment;
use crate::{Error, Result, Table};
use arrow::array::{Array, ArrayRef, RecordBatch, new_null_array};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use cvx_core::{CommitSeq, EntityId, SpaceId, ValidTime};
use cvx_storage::{
    Cell, ColumnSpec, ENTITY_COLUMN, RowBuilder, RowEncoder, RowKey, RowKind, RowRecord,
    SEQ_COLUMN, TS_COLUMN,
};
use cvx_types::PgType;
use std::sync::Arc;

/// A table's columns, as stored and as read.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) table: Arc<Table>,
    /// What readers see: the table's columns, then [`HIDDEN`] and the address.
    pub(crate) schema: SchemaRef,
    columns: Vec<StoredColumn>,
}

/// The hidden columns, in their order behind the table's.
pub(crate) const HIDDEN: [&str; 4] = ["_valid_from", "_valid_to", "_system_from", "_system_to"];

/// A column: its Arrow type, and one row of what older rows hold.
#[derive(Clone, Debug)]
pub(crate) struct StoredColumn {
    pub(crate) id: u16,
    pub(crate) ty: DataType,
    missing: ArrayRef,
}

impl Layout {
    pub(crate) fn of(table: &Arc<Table>) -> Result<Self> {
        let columns = specs(table)?.into_iter().map(|spec| {
            Ok(StoredColumn {
                id: spec.id,
                ty: spec.data_type.clone(),
                missing: one_missing(spec)?,
            })
        });
        let columns = columns.collect::<Result<_>>()?;
        Ok(Self { table: Arc::clone(table), schema: read_schema(table), columns })
    }

    /// In table order.
    pub(crate) fn columns(&self) -> &[StoredColumn] {
        &self.columns
    }

    /// A column of rows out of several segments, in the order given as (segment, row).
    pub(crate) fn interleave(
        &self,
        place: usize,
        segments: &[Arc<Segment>],
        order: &[(usize, usize)],
    ) -> Result<ArrayRef> {
        let column = &self.columns[place];
        if order.is_empty() {
            return Ok(arrow::array::new_empty_array(&column.ty));
        }
        let arrays = segments.iter().map(|segment| segment.column(column.id));
        let arrays: Vec<Option<&ArrayRef>> = arrays.collect();
        let whole: Vec<&dyn Array> =
            arrays.iter().map(|array| array.unwrap_or(&column.missing).as_ref()).collect();
        if arrays.iter().all(Option::is_some) {
            return Ok(interleave(&whole, order)?);
        }
        let row_of = |(segment, row): &(usize, usize)| {
            (*segment, if arrays[*segment].is_some() { *row } else { 0 })
        };
        Ok(interleave(&whole, &order.iter().map(row_of).collect::<Vec<_>>())?)
    }

    /// The value of rows that do not have a column, so many times.
    pub(crate) fn missing(&self, place: usize, rows: usize) -> Result<ArrayRef> {
        let column = &self.columns[place];
        let is_vector = matches!(column.ty, DataType::FixedSizeList(_, _));
        if column.missing.is_null(0) && !is_vector {
            return Ok(new_null_array(&column.ty, rows));
        }
        // Null vectors too: their floats, which are never NULL, have to be there.
        if rows == 0 {
            return Ok(arrow::array::new_empty_array(&column.ty));
        }
        Ok(interleave(&[column.missing.as_ref()], &vec![(0, 0); rows])?)
    }
}

/// The columns a read of the table has.
fn read_schema(table: &Table) -> SchemaRef {
    let mut fields: Vec<Field> = table.columns.iter().map(crate::ColumnDef::field).collect();
    fields.extend(HIDDEN.map(|name| PgType::Timestamptz.field(name, -1, true)));
    fields.push(Field::new(ENTITY_COLUMN, DataType::UInt64, false));
    fields.push(Field::new(TS_COLUMN, DataType::Int64, false));
    fields.push(Field::new(SEQ_COLUMN, DataType::UInt64, false));
    Arc::new(Schema::new(fields))
}

/// The columns as storage builds them.
pub(crate) fn specs(table: &Table) -> Result<Vec<ColumnSpec>> {
    let spec = |column: &crate::ColumnDef| {
        let missing = column.missing.as_deref().map(decode_cell).transpose()?;
        Ok(ColumnSpec { id: column.id, data_type: column.ty.arrow_type(column.typmod), missing })
    };
    table.columns.iter().map(spec).collect()
}

fn one_missing(spec: ColumnSpec) -> Result<ArrayRef> {
    let key =
        RowKey { space: SpaceId(0), entity: EntityId(0), ts: ValidTime(0), seq: CommitSeq::ZERO };
    // A record that knows no column holds each column's missing value.
    let record = RowRecord { kind: RowKind::Point, known: 0, cells: vec![], vectors: vec![] };
    let mut builder = RowBuilder::new(vec![spec]);
    builder.push(&key, record, &[])?;
    Ok(Arc::clone(builder.finish()?.column(0)))
}

/// One value, as the catalog keeps what ADD COLUMN said.
pub(crate) fn encode_missing(value: &ArrayRef) -> Result<Option<Vec<u8>>> {
    if value.len() != 1 || value.is_null(0) {
        return Ok(None);
    }
    let field = Field::new(cvx_storage::column_name(1), value.data_type().clone(), true);
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![value.clone()])?;
    let encoder = RowEncoder::new(&batch)?;
    let cell = match encoder.vectors(0).next() {
        Some((_, vector)) => Some(Cell::Vector(vector.to_vec())),
        None => encoder.record(0)?.cells.into_iter().next().map(|(_, cell)| cell),
    };
    let encode =
        |cell: Cell| postcard::to_stdvec(&cell).map_err(|error| Error::Invalid(error.to_string()));
    cell.map(encode).transpose()
}

fn decode_cell(bytes: &[u8]) -> Result<Cell> {
    postcard::from_bytes(bytes).map_err(|error| Error::Corrupt(format!("a default: {error}")))
}
