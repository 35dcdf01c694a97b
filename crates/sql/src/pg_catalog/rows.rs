//! Rows of system tables on their way to Arrow.

use crate::pg_catalog::spec::SystemTable;
use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Int16Array, Int32Array, Int64Array, ListArray,
    StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, TimeUnit};
use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, internal_err};
use std::sync::Arc;

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    Bool(bool),
    /// Integers, OIDs, and times in microseconds.
    Int(i64),
    Float(f32),
    Text(String),
    List(Vec<Cell>),
}

macro_rules! cell_from {
    ($($ty:ty => |$value:ident| $cell:expr),* $(,)?) => {
        $(impl From<$ty> for Cell { fn from($value: $ty) -> Self { $cell } })*
    };
}

cell_from! {
    bool => |value| Cell::Bool(value),
    i16 => |value| Cell::Int(value.into()),
    i32 => |value| Cell::Int(value.into()),
    i64 => |value| Cell::Int(value),
    u32 => |value| Cell::Int(value.into()),
    f32 => |value| Cell::Float(value),
    &str => |value| Cell::Text(value.to_owned()),
    &String => |value| Cell::Text(value.clone()),
    String => |value| Cell::Text(value),
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Cell>> From<Vec<T>> for Cell {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

/// NULL of any type.
pub const NULL: Cell = Cell::Null;

/// A row of cells: `row![oid, name, NULL]`.
macro_rules! row {
    ($($value:expr),* $(,)?) => { vec![$($crate::pg_catalog::rows::Cell::from($value)),*] };
}
pub(crate) use row;

/// A row, in the order of the table's columns.
pub type Row = Vec<Cell>;

/// The rows of a system table as one batch.
pub fn batch(table: &SystemTable, rows: &[Row]) -> Result<RecordBatch> {
    let width = table.columns.len();
    if let Some(row) = rows.iter().find(|row| row.len() != width) {
        return internal_err!("{} has {width} columns, a row {}", table.name, row.len());
    }
    let columns = table.arrow.fields().iter().enumerate().map(|(at, field)| {
        let cells: Vec<&Cell> = rows.iter().filter_map(|row| row.get(at)).collect();
        array(&cells, field.data_type())
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let options = arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(rows.len()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(&table.arrow), columns, &options)?)
}

/// Cells of one column as an Arrow array of this type.
pub fn array(cells: &[&Cell], ty: &DataType) -> Result<ArrayRef> {
    if cells.iter().all(|cell| **cell == Cell::Null) {
        return Ok(new_null_array(ty, cells.len()));
    }
    Ok(match ty {
        DataType::Boolean => Arc::new(BooleanArray::from(all(cells, boolean)?)),
        DataType::Int16 => Arc::new(Int16Array::from(all(cells, narrow::<i16>)?)),
        DataType::Int32 => Arc::new(Int32Array::from(all(cells, narrow::<i32>)?)),
        DataType::Int64 => Arc::new(Int64Array::from(all(cells, narrow::<i64>)?)),
        DataType::Float32 => Arc::new(Float32Array::from(all(cells, float)?)),
        DataType::Utf8 => Arc::new(StringArray::from(all(cells, text)?)),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let times = TimestampMicrosecondArray::from(all(cells, narrow::<i64>)?);
            Arc::new(times.with_timezone_opt(zone.clone()))
        }
        DataType::List(item) => Arc::new(list(cells, item)?),
        other => return internal_err!("no system table has a column of type {other}"),
    })
}

fn list(cells: &[&Cell], item: &Arc<Field>) -> Result<ListArray> {
    let empty = Vec::new();
    let lists = all(cells, |cell| if let Cell::List(l) = cell { Some(l) } else { None })?;
    let nulls: NullBuffer = lists.iter().map(Option::is_some).collect();
    let offsets = OffsetBuffer::from_lengths(lists.iter().map(|list| list.map_or(0, Vec::len)));
    let items: Vec<&Cell> = lists.iter().flat_map(|list| list.unwrap_or(&empty)).collect();
    let values = array(&items, item.data_type())?;
    Ok(ListArray::try_new(Arc::clone(item), offsets, values, Some(nulls))?)
}

/// Each cell through `read`; one that is neither NULL nor readable is a defect.
fn all<'a, T>(cells: &[&'a Cell], read: impl Fn(&'a Cell) -> Option<T>) -> Result<Vec<Option<T>>> {
    let read_one = |cell: &&'a Cell| match cell {
        Cell::Null => Ok(None),
        cell => match read(cell) {
            Some(value) => Ok(Some(value)),
            None => internal_err!("a system table's cell {cell:?} is not of its column's type"),
        },
    };
    cells.iter().map(read_one).collect()
}

fn boolean(cell: &Cell) -> Option<bool> {
    if let Cell::Bool(value) = cell { Some(*value) } else { None }
}

fn narrow<T: TryFrom<i64>>(cell: &Cell) -> Option<T> {
    if let Cell::Int(value) = cell { T::try_from(*value).ok() } else { None }
}

fn float(cell: &Cell) -> Option<f32> {
    if let Cell::Float(value) = cell { Some(*value) } else { None }
}

fn text(cell: &Cell) -> Option<&str> {
    if let Cell::Text(value) = cell { Some(value) } else { None }
}
