//! Records of an answer, and the Arrow list they become.

use crate::functions::field_of_type;
use arrow::array::{
    ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Float64Builder, Int32Builder,
    ListArray, ListBuilder, PrimitiveArray, StringArray, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Float64Type, Int64Type};
use cvx_types::{PgType, Result, SqlError, SqlState};
use std::sync::Arc;

/// A column of an answer.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) holds: Holds,
}

/// What a column's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// The type of the table's valid time.
    Time,
    /// The type of its entity column.
    Entity,
    Number,
    Integer,
    Truth,
    /// A vector of the trajectory's dimension.
    Vector,
    Text,
    Integers,
    Numbers,
    Entities,
}

pub(crate) const fn column(name: &'static str, holds: Holds) -> Column {
    Column { name, holds }
}

/// A value of a record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Time(i64),
    /// A column of one row.
    Entity(ArrayRef),
    Number(f64),
    Integer(i64),
    Truth(bool),
    Vector(Vec<f64>),
    Text(&'static str),
    /// A text that is not known beforehand.
    Name(String),
    Integers(Vec<i32>),
    Numbers(Vec<f64>),
    /// Columns of one row.
    Entities(Vec<ArrayRef>),
}

impl Value {
    /// What is no number is NULL.
    pub(crate) fn number(value: f64) -> Self {
        if value.is_nan() { Self::Null } else { Self::Number(value) }
    }
}

/// The types that depend on the table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Shape {
    pub(crate) entity: PgType,
    /// Of the valid time.
    pub(crate) time: PgType,
    /// The vectors' dimension, where the column has one.
    pub(crate) dim: Option<i32>,
}

impl Shape {
    fn field(&self, at: usize, holds: Holds) -> Field {
        let (ty, typmod) = match holds {
            Holds::Time => (self.time.clone(), -1),
            Holds::Entity => (self.entity.clone(), -1),
            Holds::Number => (PgType::Float8, -1),
            Holds::Integer => (PgType::Int8, -1),
            Holds::Truth => (PgType::Bool, -1),
            Holds::Entities => (PgType::Array(Box::new(self.entity.clone())), -1),
            Holds::Vector => (PgType::Vector, self.dim.unwrap_or(-1)),
            Holds::Text => (PgType::Text, -1),
            Holds::Integers => (PgType::Array(Box::new(PgType::Int4)), -1),
            Holds::Numbers => (PgType::Array(Box::new(PgType::Float8)), -1),
        };
        field_of_type(&field_name(at), &ty, typmod, true)
    }

    /// The type of a list of records.
    pub(crate) fn list(&self, columns: &[Column]) -> DataType {
        let record = DataType::Struct(self.fields(columns));
        DataType::List(Arc::new(Field::new("item", record, true)))
    }

    fn fields(&self, columns: &[Column]) -> Fields {
        columns.iter().enumerate().map(|(at, column)| self.field(at, column.holds)).collect()
    }
}

/// A record's field: numbered, as sub-queries' records are.
pub(crate) fn field_name(at: usize) -> String {
    format!("c{at}")
}

/// One list of records a call. A call without records is NULL: unnesting drops it, and an outer
/// join keeps its row.
pub(crate) fn lists(
    answers: Vec<Vec<Vec<Value>>>,
    columns: &[Column],
    shape: &Shape,
) -> Result<ArrayRef> {
    let lengths: Vec<usize> = answers.iter().map(Vec::len).collect();
    let nulls: NullBuffer = lengths.iter().map(|length| *length > 0).collect();
    let records: Vec<Vec<Value>> = answers.into_iter().flatten().collect();
    let fields = shape.fields(columns);
    let arrays = fields
        .iter()
        .zip(columns)
        .enumerate()
        .map(|(at, (field, column))| {
            let values = records.iter().map(|record| record.get(at));
            match column.holds {
                Holds::Entity => entities(values, field),
                Holds::Entities => entity_lists(values, field),
                Holds::Integer => Ok(integers(values)),
                Holds::Truth => Ok(truths(values)),
                _ => array(values, field),
            }
        })
        .collect::<Result<Vec<ArrayRef>>>()?;
    let records = StructArray::try_new_with_length(fields.clone(), arrays, None, records.len());
    let records = records.map_err(|error| crate::error::from_arrow(&error))?;
    let item = Arc::new(Field::new("item", DataType::Struct(fields), true));
    let offsets = OffsetBuffer::from_lengths(lengths);
    let list = ListArray::try_new(item, offsets, Arc::new(records), Some(nulls));
    Ok(Arc::new(list.map_err(|error| crate::error::from_arrow(&error))?))
}

fn array<'a>(
    values: impl ExactSizeIterator<Item = Option<&'a Value>>,
    field: &Field,
) -> Result<ArrayRef> {
    Ok(match field.data_type() {
        DataType::Float64 => Arc::new(
            values
                .map(|value| match value {
                    Some(Value::Number(number)) => Some(*number),
                    _ => None,
                })
                .collect::<PrimitiveArray<Float64Type>>(),
        ),
        DataType::Utf8 => Arc::new(
            values
                .map(|value| match value {
                    Some(Value::Text(text)) => Some(*text),
                    Some(Value::Name(text)) => Some(text.as_str()),
                    _ => None,
                })
                .collect::<StringArray>(),
        ),
        DataType::FixedSizeList(item, dim) => fixed_vectors(values, item, *dim)?,
        DataType::List(item) => lists_of_numbers(values, item)?,
        time => {
            let micros = values.map(|value| match value {
                Some(Value::Time(us)) => Some(*us),
                _ => None,
            });
            let micros: PrimitiveArray<Int64Type> = micros.collect();
            cast(&micros, time).map_err(|error| crate::error::from_arrow(&error))?
        }
    })
}

fn entities<'a>(
    values: impl ExactSizeIterator<Item = Option<&'a Value>>,
    field: &Field,
) -> Result<ArrayRef> {
    let nobody = arrow::array::new_null_array(field.data_type(), 1);
    let rows: Vec<ArrayRef> = values
        .map(|value| match value {
            Some(Value::Entity(entity)) => Arc::clone(entity),
            _ => Arc::clone(&nobody),
        })
        .collect();
    let all = super::source::all_of(&rows, field.data_type())?;
    cast(&all, field.data_type()).map_err(|error| crate::error::from_arrow(&error))
}

fn entity_lists<'a>(
    values: impl ExactSizeIterator<Item = Option<&'a Value>>,
    field: &Field,
) -> Result<ArrayRef> {
    let DataType::List(item) = field.data_type() else {
        return Err(SqlError::new(SqlState::INTERNAL_ERROR, "entities are a list"));
    };
    let (mut all, mut lengths) = (Vec::new(), Vec::new());
    for value in values {
        let before = all.len();
        if let Some(Value::Entities(entities)) = value {
            all.extend(entities.iter().map(Arc::clone));
        }
        lengths.push(all.len() - before);
    }
    let failed = |error| crate::error::from_arrow(&error);
    let all = super::source::all_of(&all, item.data_type())?;
    let all = cast(&all, item.data_type()).map_err(failed)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, all, None).map_err(failed)?))
}

fn integers<'a>(values: impl ExactSizeIterator<Item = Option<&'a Value>>) -> ArrayRef {
    let integers = values.map(|value| match value {
        Some(Value::Integer(integer)) => Some(*integer),
        _ => None,
    });
    Arc::new(integers.collect::<PrimitiveArray<Int64Type>>())
}

fn truths<'a>(values: impl ExactSizeIterator<Item = Option<&'a Value>>) -> ArrayRef {
    let truths = values.map(|value| match value {
        Some(Value::Truth(truth)) => Some(*truth),
        _ => None,
    });
    Arc::new(truths.collect::<BooleanArray>())
}

fn fixed_vectors<'a>(
    values: impl ExactSizeIterator<Item = Option<&'a Value>>,
    item: &Arc<Field>,
    dim: i32,
) -> Result<ArrayRef> {
    let (rows, width) = (values.len(), usize::try_from(dim).unwrap_or(0));
    let mut numbers: Vec<f32> = Vec::with_capacity(rows * width);
    let mut valid = Vec::with_capacity(rows);
    for value in values {
        valid.push(matches!(value, Some(Value::Vector(_))));
        match value {
            Some(Value::Vector(vector)) => narrow(vector, &mut numbers)?,
            _ => numbers.resize(numbers.len() + width, 0.0),
        }
    }
    let array = FixedSizeListArray::try_new_with_length(
        Arc::clone(item),
        dim,
        Arc::new(Float32Array::from(numbers)),
        Some(NullBuffer::from(valid)),
        rows,
    );
    Ok(Arc::new(array.map_err(|error| crate::error::from_arrow(&error))?))
}

/// f64 results as the f32 a vector holds.
fn narrow(vector: &[f64], to: &mut Vec<f32>) -> Result<()> {
    for x in vector {
        #[expect(clippy::cast_possible_truncation, reason = "a vector's numbers are f32")]
        let x = *x as f32;
        if !x.is_finite() {
            let message = "a number of the result is out of range for a vector";
            return Err(SqlError::new(SqlState::NUMERIC_OUT_OF_RANGE, message));
        }
        to.push(x);
    }
    Ok(())
}

/// Arrays, and vectors whose column has no dimension.
fn lists_of_numbers<'a>(
    values: impl ExactSizeIterator<Item = Option<&'a Value>>,
    item: &Arc<Field>,
) -> Result<ArrayRef> {
    match item.data_type() {
        DataType::Int32 => {
            let mut list = ListBuilder::new(Int32Builder::new()).with_field(Arc::clone(item));
            for value in values {
                match value {
                    Some(Value::Integers(numbers)) => {
                        list.append_value(numbers.iter().copied().map(Some));
                    }
                    _ => list.append_null(),
                }
            }
            Ok(Arc::new(list.finish()))
        }
        DataType::Float64 => {
            let mut list = ListBuilder::new(Float64Builder::new()).with_field(Arc::clone(item));
            for value in values {
                match value {
                    Some(Value::Numbers(numbers)) => {
                        list.append_value(numbers.iter().copied().map(Some));
                    }
                    _ => list.append_null(),
                }
            }
            Ok(Arc::new(list.finish()))
        }
        _ => ragged_vectors(values, item),
    }
}

fn ragged_vectors<'a>(
    values: impl ExactSizeIterator<Item = Option<&'a Value>>,
    item: &Arc<Field>,
) -> Result<ArrayRef> {
    let (mut numbers, mut lengths, mut valid) = (Vec::new(), Vec::new(), Vec::new());
    for value in values {
        let before = numbers.len();
        if let Some(Value::Vector(vector)) = value {
            narrow(vector, &mut numbers)?;
        }
        lengths.push(numbers.len() - before);
        valid.push(matches!(value, Some(Value::Vector(_))));
    }
    let array = ListArray::try_new(
        Arc::clone(item),
        OffsetBuffer::from_lengths(lengths),
        Arc::new(Float32Array::from(numbers)),
        Some(NullBuffer::from(valid)),
    );
    Ok(Arc::new(array.map_err(|error| crate::error::from_arrow(&error))?))
}
