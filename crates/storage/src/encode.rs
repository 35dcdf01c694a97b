//! Arrow columns to row records.
//!
//! The user columns of a batch are named `c<column id>`; columns whose names begin with an
//! underscore are keys and marks, not cells. `FixedSizeList<Float32>` columns are vectors: the
//! record only locates them. Lists of half floats and of bytes that hold no NULL are bytes.

use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::keys::RowKey;
use crate::record::{Cell, Locator, RowKind, RowRecord};
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, FixedSizeListArray, Float32Array, RecordBatch,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float16Type, Float32Type, Float64Type, Int16Type,
    Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType, UInt8Type, UInt64Type,
};
use cvx_core::{CommitSeq, EntityId, SpaceId, ValidTime};

/// The key columns that every batch of stored rows has.
pub const ENTITY_COLUMN: &str = "_entity";
pub const TS_COLUMN: &str = "_ts";
pub const SEQ_COLUMN: &str = "_seq";

/// The name of a column in stored batches.
#[must_use]
pub fn column_name(id: u16) -> String {
    format!("c{id}")
}

/// The column a name in a stored batch stands for; none for key columns.
#[must_use]
pub fn column_id(name: &str) -> Option<u16> {
    name.strip_prefix('c')?.parse().ok()
}

/// The records of all rows of a batch.
pub fn encode_rows(batch: &RecordBatch) -> Result<Vec<RowRecord>> {
    let encoder = RowEncoder::new(batch)?;
    (0..batch.num_rows()).map(|row| encoder.record(row)).collect()
}

/// Reads the rows of one batch as records.
#[derive(Debug)]
pub struct RowEncoder<'a> {
    rows: usize,
    known: u16,
    cells: Vec<(u16, &'a ArrayRef)>,
    vectors: Vec<VectorColumn<'a>>,
}

#[derive(Debug)]
struct VectorColumn<'a> {
    id: u16,
    list: &'a FixedSizeListArray,
    values: &'a Float32Array,
    dim: usize,
}

impl<'a> RowEncoder<'a> {
    pub fn new(batch: &'a RecordBatch) -> Result<Self> {
        let mut encoder = Self { rows: batch.num_rows(), known: 0, cells: vec![], vectors: vec![] };
        let schema = batch.schema_ref();
        for (field, array) in schema.fields().iter().zip(batch.columns()) {
            let Some(id) = column_id(field.name()) else { continue };
            encoder.known = encoder.known.max(id.saturating_add(1));
            match VectorColumn::new(id, array) {
                Some(vectors) => encoder.vectors.push(vectors),
                None => encoder.cells.push((id, array)),
            }
        }
        encoder.cells.sort_by_key(|(id, _)| *id);
        encoder.vectors.sort_by_key(|column| column.id);
        Ok(encoder)
    }

    /// The record of a row; every vector that is not NULL is [`Locator::Here`].
    pub fn record(&self, row: usize) -> Result<RowRecord> {
        if row >= self.rows {
            return Err(Error::invalid(format!("row {row} of {}", self.rows)));
        }
        let mut cells = Vec::with_capacity(self.cells.len());
        for (id, array) in &self.cells {
            if let Some(cell) = cell_at(array, row)? {
                cells.push((*id, cell));
            }
        }
        let locate = |column: &VectorColumn<'_>| {
            (column.id, if column.list.is_null(row) { Locator::Null } else { Locator::Here })
        };
        let vectors = self.vectors.iter().map(locate).collect();
        Ok(RowRecord { kind: RowKind::Point, known: self.known, cells, vectors })
    }

    /// The vectors of a row that are not NULL, by column.
    pub fn vectors(&self, row: usize) -> impl Iterator<Item = (u16, &'a [f32])> + '_ {
        self.vectors.iter().filter_map(move |column| Some((column.id, column.get(row)?)))
    }
}

impl<'a> VectorColumn<'a> {
    fn new(id: u16, array: &'a ArrayRef) -> Option<Self> {
        let list = array.as_fixed_size_list_opt()?;
        let values = list.values().as_primitive_opt::<Float32Type>()?;
        Some(Self { id, list, values, dim: usize::try_from(list.value_length()).ok()? })
    }

    fn get(&self, row: usize) -> Option<&'a [f32]> {
        if row >= self.list.len() || self.list.is_null(row) {
            return None;
        }
        // `FixedSizeListArray::values` already begins at the array's own offset.
        self.values.values().get(row * self.dim..(row + 1) * self.dim)
    }
}

impl Batch {
    /// Adds every row of a batch with its vectors, under the keys in its key columns. `seq`
    /// stands for the key column of commits where that is not known or not there.
    pub fn put_rows(
        &mut self,
        space: SpaceId,
        batch: &RecordBatch,
        seq: Option<CommitSeq>,
    ) -> Result<()> {
        self.put_rows_sharing(space, batch, seq, |_, _| Ok(None))
    }

    /// As [`Batch::put_rows`], where `shared` may say of a row and a vector column which commit of
    /// the same point has the vector already: then the record points there.
    pub fn put_rows_sharing(
        &mut self,
        space: SpaceId,
        batch: &RecordBatch,
        seq: Option<CommitSeq>,
        shared: impl Fn(&RowKey, u16) -> Result<Option<CommitSeq>>,
    ) -> Result<()> {
        let encoder = RowEncoder::new(batch)?;
        let keys = RowKeys::new(space, batch, seq)?;
        for row in 0..batch.num_rows() {
            let key = keys.get(row)?;
            let mut record = encoder.record(row)?;
            for (column, vector) in encoder.vectors(row) {
                match shared(&key, column)? {
                    Some(at) => record.locate(column, Locator::At(at)),
                    None => self.put_vector(&key, column, vector),
                }
            }
            self.put_row(&key, &record)?;
        }
        Ok(())
    }
}

/// The keys of a batch's rows, from its key columns.
#[derive(Debug)]
pub struct RowKeys<'a> {
    space: SpaceId,
    entities: &'a [u64],
    ts: &'a [i64],
    seqs: Option<&'a [u64]>,
    seq: Option<CommitSeq>,
}

impl<'a> RowKeys<'a> {
    pub fn new(space: SpaceId, batch: &'a RecordBatch, seq: Option<CommitSeq>) -> Result<Self> {
        Ok(Self {
            space,
            entities: key_column::<UInt64Type>(batch, ENTITY_COLUMN)?,
            ts: key_column::<Int64Type>(batch, TS_COLUMN)?,
            seqs: match seq {
                Some(_) => None,
                None => Some(key_column::<UInt64Type>(batch, SEQ_COLUMN)?),
            },
            seq,
        })
    }

    pub fn get(&self, row: usize) -> Result<RowKey> {
        let missing = || Error::invalid(format!("row {row} of {}", self.entities.len()));
        let seq = match self.seq {
            Some(seq) => seq,
            None => CommitSeq(*self.seqs.unwrap_or_default().get(row).ok_or_else(missing)?),
        };
        Ok(RowKey {
            space: self.space,
            entity: EntityId(*self.entities.get(row).ok_or_else(missing)?),
            ts: ValidTime(*self.ts.get(row).ok_or_else(missing)?),
            seq,
        })
    }
}

/// A key column's values; key columns hold no NULL.
pub(crate) fn key_column<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a [T::Native]> {
    let array = batch
        .column_by_name(name)
        .and_then(|column| column.as_primitive_opt::<T>())
        .filter(|column| column.null_count() == 0)
        .ok_or_else(|| Error::invalid(format!("no key column {name} of type {}", T::DATA_TYPE)))?;
    Ok(array.values())
}

/// The value in a row, or none for NULL.
fn cell_at(array: &ArrayRef, row: usize) -> Result<Option<Cell>> {
    if array.is_null(row) || array.data_type() == &DataType::Null {
        return Ok(None);
    }
    Ok(Some(value_at(array, row)?))
}

fn value_at(array: &ArrayRef, row: usize) -> Result<Cell> {
    let cell = match array.data_type() {
        DataType::Boolean => Cell::Bool(array.as_boolean().value(row)),
        DataType::Int16 => int::<Int16Type>(array, row),
        DataType::Int32 => int::<Int32Type>(array, row),
        DataType::Int64 => int::<Int64Type>(array, row),
        DataType::Date32 => int::<Date32Type>(array, row),
        DataType::Time64(TimeUnit::Microsecond) => int::<Time64MicrosecondType>(array, row),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            int::<TimestampMicrosecondType>(array, row)
        }
        DataType::Float32 => Cell::Float4(array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => Cell::Float8(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, _) => {
            Cell::Decimal(array.as_primitive::<Decimal128Type>().value(row))
        }
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::Binary => Cell::Bytes(array.as_binary::<i32>().value(row).to_vec()),
        DataType::LargeBinary => Cell::Bytes(array.as_binary::<i64>().value(row).to_vec()),
        DataType::FixedSizeBinary(_) => {
            Cell::Bytes(array.as_fixed_size_binary().value(row).to_vec())
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let value = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
            Cell::Interval { months: value.months, days: value.days, nanos: value.nanoseconds }
        }
        DataType::FixedSizeList(item, _) => {
            list_cell(&array.as_fixed_size_list().value(row), item.is_nullable())?
        }
        DataType::List(item) => list_cell(&array.as_list::<i32>().value(row), item.is_nullable())?,
        other => return Err(Error::unsupported(format!("a value of Arrow type {other}"))),
    };
    Ok(cell)
}

fn int<T: ArrowPrimitiveType>(array: &ArrayRef, row: usize) -> Cell
where
    T::Native: Into<i64>,
{
    Cell::Int(array.as_primitive::<T>().value(row).into())
}

/// A list without NULLs of float4 is a vector of no fixed dimension; one of float2 is bytes, two
/// for each and the lower one first; one of bytes is itself.
fn list_cell(elements: &ArrayRef, nullable: bool) -> Result<Cell> {
    if !nullable {
        if let Some(floats) = elements.as_primitive_opt::<Float32Type>() {
            return Ok(Cell::Vector(floats.values().to_vec()));
        }
        if let Some(halves) = elements.as_primitive_opt::<Float16Type>() {
            let bytes = halves.values().iter().flat_map(|half| half.to_le_bytes());
            return Ok(Cell::Bytes(bytes.collect()));
        }
        if let Some(bytes) = elements.as_primitive_opt::<UInt8Type>() {
            return Ok(Cell::Bytes(bytes.values().to_vec()));
        }
    }
    let cells = (0..elements.len()).map(|row| cell_at(elements, row));
    Ok(Cell::List(cells.collect::<Result<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{ColumnSpec, RowBuilder};
    use crate::testing::random_batch;
    use arrow::array::{Int32Array, ListArray};
    use arrow::datatypes::{Field, Schema};
    use cvx_types::pg_type::{PgType, SCALARS};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn specs(batch: &RecordBatch) -> Vec<ColumnSpec> {
        let fields = batch.schema_ref().fields().iter();
        let columns = fields.filter_map(|field| Some((column_id(field.name())?, field)));
        let spec = |(id, field): (u16, &Arc<Field>)| ColumnSpec {
            id,
            data_type: field.data_type().clone(),
            missing: None,
        };
        columns.map(spec).collect()
    }

    fn rebuild(batch: &RecordBatch, specs: Vec<ColumnSpec>) -> Result<RecordBatch> {
        let encoder = RowEncoder::new(batch)?;
        let keys = RowKeys::new(SpaceId(1), batch, None)?;
        let mut builder = RowBuilder::new(specs);
        for row in 0..batch.num_rows() {
            let bytes = encoder.record(row)?.encode()?;
            let record = RowRecord::decode(&bytes).map_err(Error::invalid)?;
            let vectors: Vec<_> =
                encoder.vectors(row).map(|(id, vector)| (id, vector.to_vec())).collect();
            builder.push(&keys.get(row)?, record, &vectors)?;
        }
        builder.finish()
    }

    proptest! {
        #[test]
        fn rows_survive_records(seed: u64, rows in 0usize..50, cut in 0usize..5) {
            let batch = random_batch(seed, rows + cut).slice(cut, rows);
            prop_assert_eq!(rebuild(&batch, specs(&batch)).unwrap(), batch);
        }
    }

    /// Every type of a table, by the crate that rules them, as NULLs and as an empty batch.
    #[test]
    fn no_type_of_ours_is_refused() {
        let arrays = SCALARS.iter().map(|scalar| PgType::Array(Box::new(scalar.clone())));
        for ty in SCALARS.iter().cloned().chain(arrays) {
            for typmod in [-1, 5] {
                let data_type = ty.arrow_type(typmod);
                let column = arrow::array::new_null_array(&data_type, 3);
                let keys = random_batch(1, 3);
                let mut fields = vec![Arc::new(Field::new("c1", data_type, true))];
                let mut columns = vec![column];
                for (field, column) in keys.schema().fields().iter().zip(keys.columns()) {
                    if column_id(field.name()).is_none() {
                        fields.push(Arc::clone(field));
                        columns.push(Arc::clone(column));
                    }
                }
                let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
                assert_eq!(rebuild(&batch, specs(&batch)).unwrap(), batch, "{ty:?}");
            }
        }
    }

    /// pgvector's types, by the forms that clients send.
    #[test]
    fn halves_sparse_vectors_and_bits_come_back() {
        let column = |ty: &PgType, typmod: i32, texts: [Option<&str>; 3]| {
            let mut builder = cvx_types::ColumnBuilder::new(ty, typmod);
            for text in texts {
                match text {
                    Some(text) => builder.push_text(text).unwrap(),
                    None => builder.push_null(),
                }
            }
            builder.finish()
        };
        let list_of = |ty: PgType| PgType::Array(Box::new(ty));
        let halves = [Some("[1.5,-2]"), None, Some("[0.25,65504]")];
        let sparse = [Some("{1:1.5,3:-2}/5"), None, Some("{}/3")];
        let bits = [Some("101"), None, Some("0101010101")];
        let keys = random_batch(2, 3);
        let columns: Vec<(&str, ArrayRef, bool)> = vec![
            ("c1", column(&PgType::Halfvec, 2, halves), true),
            ("c2", column(&PgType::Halfvec, -1, halves), true),
            ("c3", column(&PgType::Sparsevec, -1, sparse), true),
            ("c4", column(&PgType::Bit, -1, bits), true),
            (
                "c5",
                column(&list_of(PgType::Halfvec), -1, [Some("{[1],NULL}"), None, Some("{}")]),
                true,
            ),
            ("c6", column(&list_of(PgType::Sparsevec), -1, [Some("{NULL}"), None, None]), true),
            ("c7", column(&list_of(PgType::Bit), -1, [Some("{1,0101,NULL}"), None, None]), true),
            (ENTITY_COLUMN, keys[ENTITY_COLUMN].clone(), false),
            (TS_COLUMN, keys[TS_COLUMN].clone(), false),
            (SEQ_COLUMN, keys[SEQ_COLUMN].clone(), false),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        assert_eq!(rebuild(&batch, specs(&batch)).unwrap(), batch);
        let mut wrong = specs(&batch);
        wrong[0].data_type = PgType::Halfvec.arrow_type(3);
        assert!(matches!(rebuild(&batch, wrong), Err(Error::Invalid { .. })));
    }

    #[test]
    fn vectors_inside_arrays_and_without_dimension_come_back() {
        let floats = Field::new("item", DataType::Float32, false);
        let vector = DataType::List(Arc::new(floats.clone()));
        let vectors = {
            let values = Arc::new(Float32Array::from(vec![1.0, -0.0, 2.5]));
            let offsets = arrow::buffer::OffsetBuffer::from_lengths([2, 0, 1]);
            Arc::new(ListArray::new(Arc::new(floats), offsets, values, None))
        };
        let lists = {
            let item = Arc::new(Field::new("item", vector, true));
            let offsets = arrow::buffer::OffsetBuffer::from_lengths([1, 0, 2]);
            Arc::new(ListArray::new(item, offsets, vectors.clone(), None))
        };
        let keys = random_batch(2, 3);
        let columns: Vec<(&str, ArrayRef, bool)> = vec![
            ("c1", vectors, true),
            ("c2", lists, true),
            (ENTITY_COLUMN, keys[ENTITY_COLUMN].clone(), false),
            (TS_COLUMN, keys[TS_COLUMN].clone(), false),
            (SEQ_COLUMN, keys[SEQ_COLUMN].clone(), false),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        assert_eq!(rebuild(&batch, specs(&batch)).unwrap(), batch);
    }

    /// ALTER TABLE ADD COLUMN c DEFAULT 5: rows from before show 5, a NULL written since stays.
    #[test]
    fn a_column_added_later_is_not_a_null() {
        let batch = random_batch(3, 4);
        let old = batch.project(&[0, 18, 19, 20]).unwrap();
        let mut spec = specs(&old);
        let missing = Some(Cell::Int(5));
        spec.push(ColumnSpec { id: 2, data_type: DataType::Int32, missing: missing.clone() });
        let shown = rebuild(&old, spec).unwrap();
        assert_eq!(shown["c2"].as_primitive::<Int32Type>(), &Int32Array::from(vec![5; 4]));
        // The third column on, the batch knows ids up to 7: an absent 4 is a NULL.
        let new = batch.project(&[2, 18, 19, 20]).unwrap();
        let spec = vec![ColumnSpec { id: 4, data_type: DataType::Int32, missing }];
        assert_eq!(rebuild(&new, spec).unwrap()["c4"].null_count(), 4);
    }

    #[test]
    fn a_value_of_another_type_is_refused_and_not_cast() {
        let batch = random_batch(4, 20);
        let mut wrong = specs(&batch);
        wrong.truncate(3);
        wrong[2].data_type = DataType::Int16;
        assert!(matches!(rebuild(&batch, wrong), Err(Error::Invalid { .. })));
    }

    #[test]
    fn a_vector_of_another_dimension_is_refused() {
        let batch = random_batch(5, 20);
        let mut wrong = specs(&batch);
        for spec in &mut wrong {
            if let DataType::FixedSizeList(item, _) = &spec.data_type {
                spec.data_type = DataType::FixedSizeList(Arc::clone(item), 4);
            }
        }
        assert!(matches!(rebuild(&batch, wrong), Err(Error::Invalid { .. })));
    }
}
