//! From key columns to entities.
//!
//! One integer column is the entity itself. Every other key - text, UUID, several columns - is
//! encoded as bytes and goes through the table's dictionary. A table without a key numbers its
//! rows.

use crate::{Error, Result, Table};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};
use cvx_core::EntityId;

/// How a table's rows get their entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// The value of this column (by place).
    Direct(usize),
    /// The dictionary number of these columns' values.
    Encoded(Vec<usize>),
    /// A number of its own for each row.
    Counter,
}

impl KeyKind {
    pub(crate) fn of(table: &Table) -> Result<Self> {
        let ids = match table.entity {
            Some(entity) => vec![entity],
            None => table.key.clone(),
        };
        let places = ids.iter().map(|id| table.place(*id)).collect::<Result<Vec<_>>>()?;
        let is_integer = |place: usize| {
            let column = &table.columns[place];
            let ty = column.ty.arrow_type(column.typmod);
            matches!(ty, DataType::Int16 | DataType::Int32 | DataType::Int64)
        };
        Ok(match places.as_slice() {
            [] => Self::Counter,
            [place] if is_integer(*place) => Self::Direct(*place),
            _ => Self::Encoded(places),
        })
    }

    /// The columns, by place.
    pub(crate) fn places(&self) -> &[usize] {
        match self {
            Self::Direct(place) => std::slice::from_ref(place),
            Self::Encoded(places) => places,
            Self::Counter => &[],
        }
    }
}

/// The integer in a row of a key column of any width.
pub(crate) fn integer(array: &ArrayRef, row: usize) -> Option<i64> {
    if array.is_null(row) {
        return None;
    }
    match array.data_type() {
        DataType::Int16 => Some(array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => Some(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Some(array.as_primitive::<Int64Type>().value(row)),
        _ => None,
    }
}

/// The entities of integer keys.
pub(crate) fn direct(array: &ArrayRef) -> Vec<Option<EntityId>> {
    let entity = |row| integer(array, row).map(EntityId::from_i64);
    (0..array.len()).map(entity).collect()
}

/// Appends a row's key as bytes: equal keys are equal bytes, others are not. False for NULL.
pub(crate) fn encode(columns: &[&ArrayRef], row: usize, bytes: &mut Vec<u8>) -> Result<bool> {
    for column in columns {
        if column.is_null(row) {
            return Ok(false);
        }
        encode_value(column, row, columns.len() > 1, bytes)?;
    }
    Ok(true)
}

fn encode_value(array: &ArrayRef, row: usize, framed: bool, bytes: &mut Vec<u8>) -> Result<()> {
    let mut put = |value: &[u8]| {
        if framed {
            bytes.extend((value.len() as u64).to_be_bytes());
        }
        bytes.extend(value);
    };
    match array.data_type() {
        DataType::Utf8 => put(array.as_string::<i32>().value(row).as_bytes()),
        DataType::Binary => put(array.as_binary::<i32>().value(row)),
        DataType::FixedSizeBinary(_) => put(array.as_fixed_size_binary().value(row)),
        DataType::Boolean => put(&[u8::from(array.as_boolean().value(row))]),
        // Postgres calls 0.0 and -0.0 equal, and all NaNs.
        DataType::Float32 => {
            let value = array.as_primitive::<Float32Type>().value(row) + 0.0;
            put(&if value.is_nan() { f32::NAN } else { value }.to_be_bytes());
        }
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row) + 0.0;
            put(&if value.is_nan() { f64::NAN } else { value }.to_be_bytes());
        }
        other => match fixed_width(array, row) {
            Some(value) => put(&value),
            None => return Err(Error::Invalid(format!("a key of Arrow type {other}"))),
        },
    }
    Ok(())
}

/// The bytes of a fixed-width value.
fn fixed_width(array: &ArrayRef, row: usize) -> Option<Vec<u8>> {
    let data = array.to_data();
    let width = array.data_type().primitive_width()?;
    let start = (data.offset() + row) * width;
    data.buffers().first()?.as_slice().get(start..start + width).map(<[u8]>::to_vec)
}
