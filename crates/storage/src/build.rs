//! Row records to Arrow columns.
//!
//! A value that does not fit its column's type is corruption of the record or a mistake in the
//! catalog, and an error: no value is ever cast, cut or made NULL to fit.

use crate::encode::{ENTITY_COLUMN, SEQ_COLUMN, TS_COLUMN, column_name};
use crate::error::{Error, Result};
use crate::keys::RowKey;
use crate::record::{Cell, Locator, RowRecord};
use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BinaryBuilder, BooleanArray, FixedSizeBinaryBuilder,
    FixedSizeListArray, Float16Array, Float32Array, Int64Array, LargeBinaryArray, ListArray,
    NullArray, PrimitiveArray, RecordBatch, StringArray, UInt8Array, UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, FieldRef, Float32Type, Float64Type, Int16Type,
    Int32Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, Schema,
    Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use half::f16;
use std::sync::Arc;

/// A column to build.
#[derive(Clone, Debug)]
pub struct ColumnSpec {
    pub id: u16,
    pub data_type: DataType,
    /// The value of rows older than the column; none is NULL.
    pub missing: Option<Cell>,
}

/// Collects records and gives them back as one batch: the columns asked for, named `c<id>`, then
/// the key columns.
#[derive(Debug)]
pub struct RowBuilder {
    columns: Vec<(ColumnSpec, Values)>,
    entities: Vec<u64>,
    ts: Vec<i64>,
    seqs: Vec<u64>,
}

#[derive(Debug)]
enum Values {
    Cells(Vec<Option<Cell>>),
    Vectors { item: FieldRef, dim: usize, floats: Vec<f32>, valid: Vec<bool> },
}

impl RowBuilder {
    #[must_use]
    pub fn new(columns: Vec<ColumnSpec>) -> Self {
        let columns = columns.into_iter().map(|spec| {
            let values = Values::new(&spec.data_type);
            (spec, values)
        });
        Self { columns: columns.collect(), entities: vec![], ts: vec![], seqs: vec![] }
    }

    /// How many rows were pushed since the last batch.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ts.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ts.is_empty()
    }

    /// Adds a row. `vectors` are those its locators point to, by column; others are ignored.
    /// After an error the builder is of no more use.
    pub fn push(
        &mut self,
        key: &RowKey,
        mut record: RowRecord,
        vectors: &[(u16, Vec<f32>)],
    ) -> Result<()> {
        for (spec, values) in &mut self.columns {
            values.push(spec, &mut record, vectors)?;
        }
        self.entities.push(key.entity.0);
        self.ts.push(key.ts.0);
        self.seqs.push(key.seq.0);
        Ok(())
    }

    /// The rows pushed so far, in that order. The builder begins anew.
    pub fn finish(&mut self) -> Result<RecordBatch> {
        let mut fields = Vec::with_capacity(self.columns.len() + 3);
        let mut arrays = Vec::with_capacity(self.columns.len() + 3);
        for (spec, values) in &mut self.columns {
            fields.push(Field::new(column_name(spec.id), spec.data_type.clone(), true));
            let values = std::mem::replace(values, Values::new(&spec.data_type));
            arrays.push(values.finish(&spec.data_type)?);
        }
        fields.push(Field::new(ENTITY_COLUMN, DataType::UInt64, false));
        arrays.push(Arc::new(UInt64Array::from(std::mem::take(&mut self.entities))) as ArrayRef);
        fields.push(Field::new(TS_COLUMN, DataType::Int64, false));
        arrays.push(Arc::new(Int64Array::from(std::mem::take(&mut self.ts))));
        fields.push(Field::new(SEQ_COLUMN, DataType::UInt64, false));
        arrays.push(Arc::new(UInt64Array::from(std::mem::take(&mut self.seqs))));
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
            .map_err(|error| Error::invalid(error.to_string()))
    }
}

impl Values {
    fn new(data_type: &DataType) -> Self {
        match data_type {
            DataType::FixedSizeList(item, dim) if item.data_type() == &DataType::Float32 => {
                Self::Vectors {
                    item: Arc::clone(item),
                    dim: usize::try_from(*dim).unwrap_or(0),
                    floats: Vec::new(),
                    valid: Vec::new(),
                }
            }
            _ => Self::Cells(Vec::new()),
        }
    }

    fn push(
        &mut self,
        spec: &ColumnSpec,
        record: &mut RowRecord,
        vectors: &[(u16, Vec<f32>)],
    ) -> Result<()> {
        match self {
            Self::Cells(cells) => cells.push(take_cell(spec, record)),
            Self::Vectors { dim, floats, valid, .. } => {
                let vector = find_vector(spec, record, vectors)?;
                valid.push(vector.is_some());
                match vector {
                    Some(vector) if vector.len() == *dim => floats.extend_from_slice(vector),
                    Some(vector) => {
                        return Err(misfit(spec.id, &format!("{} floats", vector.len()), *dim));
                    }
                    None => floats.resize(floats.len() + *dim, 0.0),
                }
            }
        }
        Ok(())
    }

    fn finish(self, data_type: &DataType) -> Result<ArrayRef> {
        match self {
            Self::Cells(cells) => array_of(data_type, cells),
            Self::Vectors { item, dim, floats, valid } => {
                let size = i32::try_from(dim).unwrap_or(0);
                let nulls = Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0);
                let floats = Arc::new(Float32Array::from(floats));
                let list = FixedSizeListArray::try_new(item, size, floats, nulls);
                Ok(Arc::new(list.map_err(|error| Error::invalid(error.to_string()))?))
            }
        }
    }
}

/// The column's value, moved out of the record.
fn take_cell(spec: &ColumnSpec, record: &mut RowRecord) -> Option<Cell> {
    if spec.id >= record.known {
        return spec.missing.clone();
    }
    let cell = record.cells.iter_mut().find(|(id, _)| *id == spec.id)?;
    Some(std::mem::replace(&mut cell.1, Cell::Bool(false)))
}

fn find_vector<'a>(
    spec: &'a ColumnSpec,
    record: &RowRecord,
    vectors: &'a [(u16, Vec<f32>)],
) -> Result<Option<&'a [f32]>> {
    match record.locator(spec.id) {
        Some(Locator::Null) => Ok(None),
        Some(Locator::Here | Locator::At(_)) => {
            let found = vectors.iter().find(|(id, _)| *id == spec.id);
            let (_, vector) = found.ok_or_else(|| {
                Error::invalid(format!("the vector of column {} was not given", spec.id))
            })?;
            Ok(Some(vector))
        }
        None if spec.id < record.known => Ok(None),
        None => match &spec.missing {
            Some(Cell::Vector(vector)) => Ok(Some(vector)),
            Some(other) => Err(misfit(spec.id, other, "a vector")),
            None => Ok(None),
        },
    }
}

fn misfit(id: u16, found: &dyn std::fmt::Debug, wanted: impl std::fmt::Display) -> Error {
    Error::invalid(format!("column {id} holds {found:?}, not {wanted}"))
}

/// Makes an array of cells that all fit its type.
fn array_of(data_type: &DataType, cells: Vec<Option<Cell>>) -> Result<ArrayRef> {
    Ok(match data_type {
        DataType::Boolean => {
            let values = each(cells, data_type, |cell| match cell {
                Cell::Bool(value) => Some(value),
                _ => None,
            })?;
            Arc::new(BooleanArray::from(values))
        }
        DataType::Int16 => ints::<Int16Type>(data_type, cells)?,
        DataType::Int32 => ints::<Int32Type>(data_type, cells)?,
        DataType::Int64 => ints::<Int64Type>(data_type, cells)?,
        DataType::Date32 => ints::<Date32Type>(data_type, cells)?,
        DataType::Time64(TimeUnit::Microsecond) => ints::<Time64MicrosecondType>(data_type, cells)?,
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            ints::<TimestampMicrosecondType>(data_type, cells)?
        }
        DataType::Float32 => primitive::<Float32Type>(data_type, cells, |cell| match cell {
            Cell::Float4(value) => Some(value),
            _ => None,
        })?,
        DataType::Float64 => primitive::<Float64Type>(data_type, cells, |cell| match cell {
            Cell::Float8(value) => Some(value),
            _ => None,
        })?,
        DataType::Decimal128(_, _) => {
            primitive::<Decimal128Type>(data_type, cells, |cell| match cell {
                Cell::Decimal(value) => Some(value),
                _ => None,
            })?
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => intervals(data_type, cells)?,
        DataType::Utf8 => Arc::new(StringArray::from(each(cells, data_type, |cell| match cell {
            Cell::Text(value) => Some(value),
            _ => None,
        })?)),
        DataType::Binary | DataType::FixedSizeBinary(_) => bytes_array(data_type, cells)?,
        DataType::LargeBinary => {
            let values = each(cells, data_type, bytes_of)?;
            let values: Vec<Option<&[u8]>> = values.iter().map(Option::as_deref).collect();
            Arc::new(LargeBinaryArray::from(values))
        }
        DataType::List(item) if is_packed(item) => packed_lists(item, data_type, cells)?,
        DataType::List(item) => list_array(item, data_type, cells)?,
        DataType::FixedSizeList(item, dim) if is_packed(item) => {
            packed_rows(item, *dim, data_type, cells)?
        }
        DataType::Null => Arc::new(NullArray::new(cells.len())),
        other => return Err(Error::unsupported(format!("a value of Arrow type {other}"))),
    })
}

/// What `of` makes of each cell; an error if it makes nothing of one.
fn each<T>(
    cells: Vec<Option<Cell>>,
    data_type: &DataType,
    of: impl Fn(Cell) -> Option<T>,
) -> Result<Vec<Option<T>>> {
    let fit = |cell: Option<Cell>| {
        let Some(cell) = cell else { return Ok(None) };
        let misfit = || Error::invalid(format!("a stored value does not fit {data_type}"));
        of(cell).map(Some).ok_or_else(misfit)
    };
    cells.into_iter().map(fit).collect()
}

fn primitive<T: ArrowPrimitiveType>(
    data_type: &DataType,
    cells: Vec<Option<Cell>>,
    of: impl Fn(Cell) -> Option<T::Native>,
) -> Result<ArrayRef> {
    let array: PrimitiveArray<T> = each(cells, data_type, of)?.into_iter().collect();
    Ok(Arc::new(array.with_data_type(data_type.clone())))
}

fn ints<T: ArrowPrimitiveType>(data_type: &DataType, cells: Vec<Option<Cell>>) -> Result<ArrayRef>
where
    T::Native: TryFrom<i64>,
{
    primitive::<T>(data_type, cells, |cell| match cell {
        Cell::Int(value) => T::Native::try_from(value).ok(),
        _ => None,
    })
}

fn intervals(data_type: &DataType, cells: Vec<Option<Cell>>) -> Result<ArrayRef> {
    primitive::<IntervalMonthDayNanoType>(data_type, cells, |cell| match cell {
        Cell::Interval { months, days, nanos } => {
            Some(IntervalMonthDayNano::new(months, days, nanos))
        }
        _ => None,
    })
}

fn bytes_array(data_type: &DataType, cells: Vec<Option<Cell>>) -> Result<ArrayRef> {
    let values = each(cells, data_type, bytes_of)?;
    let DataType::FixedSizeBinary(width) = data_type else {
        let mut builder = BinaryBuilder::new();
        values.iter().for_each(|value| builder.append_option(value.as_deref()));
        return Ok(Arc::new(builder.finish()));
    };
    let mut builder = FixedSizeBinaryBuilder::with_capacity(values.len(), *width);
    for value in &values {
        match value {
            Some(value) => builder
                .append_value(value)
                .map_err(|_| Error::invalid(format!("{} bytes for {data_type}", value.len())))?,
            None => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn bytes_of(cell: Cell) -> Option<Vec<u8>> {
    match cell {
        Cell::Bytes(value) => Some(value),
        _ => None,
    }
}

/// Lists whose elements are kept as bytes: half floats and bytes themselves, without NULLs.
fn is_packed(item: &FieldRef) -> bool {
    !item.is_nullable() && matches!(item.data_type(), DataType::Float16 | DataType::UInt8)
}

/// The elements that bytes stand for.
fn unpacked(item: &FieldRef, bytes: Vec<u8>) -> ArrayRef {
    if item.data_type() == &DataType::UInt8 {
        return Arc::new(UInt8Array::from(bytes));
    }
    let (pairs, _) = bytes.as_chunks::<2>();
    Arc::new(Float16Array::from_iter_values(pairs.iter().map(|pair| f16::from_le_bytes(*pair))))
}

fn packed_lists(
    item: &FieldRef,
    data_type: &DataType,
    cells: Vec<Option<Cell>>,
) -> Result<ArrayRef> {
    let values = each(cells, data_type, bytes_of)?;
    let width = item.data_type().primitive_width().unwrap_or(1);
    let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
    if let Some(odd) = values.iter().map(length).find(|length| length % width != 0) {
        return Err(Error::invalid(format!("{odd} bytes for {data_type}")));
    }
    let offsets = OffsetBuffer::<i32>::from_lengths(values.iter().map(|v| length(v) / width));
    let valid = NullBuffer::from_iter(values.iter().map(Option::is_some));
    let nulls = Some(valid).filter(|nulls| nulls.null_count() > 0);
    let elements = unpacked(item, values.into_iter().flatten().flatten().collect());
    let list = ListArray::try_new(Arc::clone(item), offsets, elements, nulls);
    Ok(Arc::new(list.map_err(|error| Error::invalid(error.to_string()))?))
}

fn packed_rows(
    item: &FieldRef,
    dim: i32,
    data_type: &DataType,
    cells: Vec<Option<Cell>>,
) -> Result<ArrayRef> {
    let values = each(cells, data_type, bytes_of)?;
    let width = item.data_type().primitive_width().unwrap_or(1);
    let width = usize::try_from(dim).unwrap_or(0) * width;
    let mut bytes = Vec::with_capacity(values.len() * width);
    for value in &values {
        match value {
            Some(value) if value.len() == width => bytes.extend_from_slice(value),
            Some(value) => {
                return Err(Error::invalid(format!("{} bytes for {data_type}", value.len())));
            }
            // As Arrow wants it, there is something below a NULL too.
            None => bytes.resize(bytes.len() + width, 0),
        }
    }
    let valid = NullBuffer::from_iter(values.iter().map(Option::is_some));
    let nulls = Some(valid).filter(|nulls| nulls.null_count() > 0);
    let list = FixedSizeListArray::try_new(Arc::clone(item), dim, unpacked(item, bytes), nulls);
    Ok(Arc::new(list.map_err(|error| Error::invalid(error.to_string()))?))
}

fn list_array(item: &FieldRef, data_type: &DataType, cells: Vec<Option<Cell>>) -> Result<ArrayRef> {
    let lists = each(cells, data_type, |cell| match cell {
        Cell::List(elements) => Some(elements),
        Cell::Vector(floats) => Some(floats.into_iter().map(|x| Some(Cell::Float4(x))).collect()),
        _ => None,
    })?;
    let nulls: Vec<bool> = lists.iter().map(Option::is_some).collect();
    let lengths = lists.iter().map(|list| list.as_ref().map_or(0, Vec::len));
    let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
    let elements = lists.into_iter().flatten().flatten().collect();
    let values = array_of(item.data_type(), elements)?;
    let nulls = Some(NullBuffer::from(nulls)).filter(|nulls| nulls.null_count() > 0);
    let list = ListArray::try_new(Arc::clone(item), offsets, values, nulls);
    Ok(Arc::new(list.map_err(|error| Error::invalid(error.to_string()))?))
}
