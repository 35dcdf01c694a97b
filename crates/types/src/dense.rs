//! Columns of dense vectors, `vector` and `halfvec`, in and out: one long slice of numbers.
//!
//! With a dimension a column is a `FixedSizeList`, and a NULL keeps as many zeros, as Arrow wants;
//! without one it is a `List`. The numbers themselves are never NULL.

use crate::error::{Result, SqlError, SqlState};
use crate::forms::element::Element;
use crate::forms::vector;
use arrow::array::builder::NullBufferBuilder;
use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, ListArray, PrimitiveArray};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, FieldRef};
use std::sync::Arc;

/// Collects a column.
#[derive(Debug)]
pub(crate) struct DenseBuilder<E: Element> {
    elements: Vec<E>,
    /// Of every row, or -1.
    dimension: i32,
    /// Where each row ends, behind a 0; of columns without dimension.
    ends: Vec<i32>,
    valid: NullBufferBuilder,
}

impl<E: Element> DenseBuilder<E> {
    pub(crate) fn new(typmod: i32) -> Self {
        let dimension = if typmod > 0 { typmod } else { -1 };
        Self { elements: Vec::new(), dimension, ends: vec![0], valid: NullBufferBuilder::new(0) }
    }

    /// Adds a NULL; says how many bytes it takes.
    pub(crate) fn push_null(&mut self) -> usize {
        let width = usize::try_from(self.dimension).unwrap_or(0);
        self.elements.resize(self.elements.len() + width, E::default());
        self.ends.push(self.ends.last().copied().unwrap_or_default());
        self.valid.append_null();
        width * E::WIDTH
    }

    pub(crate) fn push_text(&mut self, text: &str) -> Result<usize> {
        self.push(|into| vector::parse_into(text, into))
    }

    pub(crate) fn push_binary(&mut self, bytes: &[u8]) -> Result<usize> {
        self.push(|into| vector::parse_binary_into(bytes, into))
    }

    /// Adds the vector that `read` appends, if it is well formed and of the right dimension; says
    /// how many bytes it takes.
    fn push(&mut self, read: impl FnOnce(&mut Vec<E>) -> Result<usize>) -> Result<usize> {
        let start = self.elements.len();
        let read = read(&mut self.elements);
        let read = read.and_then(|count| {
            vector::check_dimension(self.dimension, count)?;
            Ok((count, end_of(self.elements.len())?))
        });
        match read {
            Ok((count, end)) => {
                self.valid.append_non_null();
                self.ends.push(end);
                Ok(count * E::WIDTH)
            }
            Err(error) => {
                self.elements.truncate(start);
                Err(error)
            }
        }
    }

    /// The column so far; the builder begins anew.
    pub(crate) fn finish(&mut self) -> ArrayRef {
        let elements = ScalarBuffer::from(std::mem::take(&mut self.elements));
        let values = Arc::new(PrimitiveArray::<E::Arrow>::new(elements, None));
        let ends = std::mem::replace(&mut self.ends, vec![0]);
        let nulls = self.valid.finish();
        let item = item::<E>();
        if self.dimension > 0 {
            return Arc::new(FixedSizeListArray::new(item, self.dimension, values, nulls));
        }
        let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
        Arc::new(ListArray::new(item, ends, values, nulls))
    }
}

/// Where an Arrow list of so many elements ends.
pub(crate) fn end_of(length: usize) -> Result<i32> {
    i32::try_from(length).map_err(|_| {
        SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "too many elements in one batch")
    })
}

fn item<E: Element>() -> FieldRef {
    Arc::new(Field::new("item", <E::Arrow as ArrowPrimitiveType>::DATA_TYPE, false))
}

/// A column read row by row.
#[derive(Debug)]
pub(crate) struct Dense<E: Element> {
    elements: ScalarBuffer<E>,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    Fixed(usize),
    Ragged(OffsetBuffer<i32>),
}

impl<E: Element> Dense<E> {
    /// The column; its type must be one of [`Dense::fits`].
    pub(crate) fn of(array: &ArrayRef) -> Result<Self> {
        let (values, shape) = match array.as_fixed_size_list_opt() {
            Some(list) => {
                let dimension = usize::try_from(list.value_length()).unwrap_or(0);
                (list.values(), Shape::Fixed(dimension))
            }
            None => {
                let list = array.as_list::<i32>();
                (list.values(), Shape::Ragged(list.offsets().clone()))
            }
        };
        let elements = values.as_primitive::<E::Arrow>();
        // NULL rows of a fixed size list may have NULL elements below; those of others may not.
        if elements.null_count() > 0 && array.null_count() == 0 {
            let message = format!("a {} must not contain nulls", E::NAME);
            return Err(SqlError::new(SqlState::DATA_EXCEPTION, message));
        }
        Ok(Self { elements: elements.values().clone(), shape })
    }

    /// Whether an Arrow type is a list of these numbers.
    pub(crate) fn fits(data_type: &DataType) -> bool {
        match data_type {
            DataType::List(item) | DataType::FixedSizeList(item, _) => {
                *item.data_type() == <E::Arrow as ArrowPrimitiveType>::DATA_TYPE
            }
            _ => false,
        }
    }

    pub(crate) fn row(&self, row: usize) -> &[E] {
        let (start, end) = match &self.shape {
            Shape::Fixed(dimension) => (row * dimension, (row + 1) * dimension),
            Shape::Ragged(ends) => {
                let at = |row: usize| ends.get(row).copied().unwrap_or_default();
                let at = |row: usize| usize::try_from(at(row)).unwrap_or_default();
                (at(row), at(row + 1))
            }
        };
        self.elements.get(start..end).unwrap_or_default()
    }
}
