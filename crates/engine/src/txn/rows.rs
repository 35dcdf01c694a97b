//! Rows on their way in: checked, and their keys found.

use super::OwnHandle;
use crate::dictionary::FreshKey;
use crate::entity::{self, KeyKind};
use crate::own::OwnState;
use crate::{Error, Result, Table};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float16Type, Float32Type, Int64Type, TimestampMicrosecondType,
};
use arrow::util::display::array_value_to_string;
use cvx_core::EntityId;
use std::sync::atomic::Ordering;

/// Where a row belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Point {
    pub(crate) entity: EntityId,
    pub(crate) ts: i64,
}

/// Postgres's timestamps begin in 4713 BC. They end in 294276 AD, which microseconds since 1970
/// reach but for the last weeks; the greatest number is kept for 'infinity'.
const TS_MIN: i64 = -210_866_803_200_000_000;
const TS_MAX: i64 = i64::MAX - 1;

/// Checks what does not depend on other rows: columns, types, NULLs, vectors.
pub(crate) fn check(table: &Table, rows: &RecordBatch) -> Result<()> {
    if rows.num_columns() != table.columns.len() {
        let (given, wanted) = (rows.num_columns(), table.columns.len());
        return Err(Error::Invalid(format!("rows of {given} columns, not {wanted}")));
    }
    for (column, array) in table.columns.iter().zip(rows.columns()) {
        let wanted = column.ty.arrow_type(column.typmod);
        if *array.data_type() != wanted {
            let (name, given) = (&column.name, array.data_type());
            return Err(Error::Invalid(format!("column \"{name}\" is {wanted}, not {given}")));
        }
        let is_key = table.key.contains(&column.id)
            || table.entity == Some(column.id)
            || table.valid_time == Some(column.id);
        if (column.not_null || is_key) && array.null_count() > 0 {
            let (table, column) = (table.name.clone(), column.name.clone());
            return Err(Error::NotNull { table, column });
        }
        if !is_finite(array) {
            return Err(Error::NotFinite { column: column.name.clone() });
        }
    }
    Ok(())
}

/// Whether all numbers of all vectors are finite.
fn is_finite(array: &ArrayRef) -> bool {
    let (nullable, values) = match array.data_type() {
        DataType::FixedSizeList(item, _) => {
            (item.is_nullable(), array.as_fixed_size_list().values().clone())
        }
        DataType::List(item) => {
            let list = array.as_list::<i32>();
            let ends = list.offsets();
            let (first, last) = (ends[0] as usize, ends[ends.len() - 1] as usize);
            (item.is_nullable(), list.values().slice(first, last - first))
        }
        _ => return true,
    };
    match values.data_type() {
        // A list of vectors.
        DataType::List(_) | DataType::FixedSizeList(_, _) => is_finite(&values),
        // float4[] may hold NaN; the numbers of a vector are not nullable.
        DataType::Float32 if !nullable => {
            is_finite_floats::<Float32Type>(array, &values, |float| float.is_finite())
        }
        DataType::Float16 if !nullable => {
            is_finite_floats::<Float16Type>(array, &values, |float| float.is_finite())
        }
        _ => true,
    }
}

fn is_finite_floats<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    values: &ArrayRef,
    is_finite: fn(&T::Native) -> bool,
) -> bool {
    let floats = values.as_primitive::<T>().values();
    if floats.iter().all(is_finite) {
        return true;
    }
    // What lies under a NULL vector is nobody's.
    let Some(list) = array.as_fixed_size_list_opt() else { return false };
    let width = usize::try_from(list.value_length()).unwrap_or(0);
    let sound = |row: usize| floats[row * width..(row + 1) * width].iter().all(is_finite);
    (0..list.len()).all(|row| list.is_null(row) || sound(row))
}

impl OwnHandle {
    /// The points the rows belong to; new keys get their entities.
    pub(crate) fn points(
        &self,
        state: &mut OwnState,
        table: &Table,
        rows: &RecordBatch,
    ) -> Result<Vec<Point>> {
        let entities = self.entities(state, rows)?;
        let times = times(table, rows)?;
        let point = |(entity, ts)| Point { entity, ts };
        Ok(entities.into_iter().zip(times).map(point).collect())
    }

    fn entities(&self, state: &mut OwnState, rows: &RecordBatch) -> Result<Vec<EntityId>> {
        let store = &self.own.store;
        let null = || Error::Invalid("a key that is NULL".to_owned());
        match &store.key {
            KeyKind::Counter => {
                let count = rows.num_rows() as u64;
                let last = store.last_row.fetch_add(count, Ordering::Relaxed);
                Ok((last + 1..=last + count).map(EntityId).collect())
            }
            KeyKind::Direct(place) => entity::direct(rows.column(*place))
                .into_iter()
                .map(|e| e.ok_or_else(null))
                .collect(),
            KeyKind::Encoded(places) => {
                let columns: Vec<&ArrayRef> = places.iter().map(|p| rows.column(*p)).collect();
                let mut key = Vec::new();
                let mut entities = Vec::with_capacity(rows.num_rows());
                for row in 0..rows.num_rows() {
                    key.clear();
                    if !entity::encode(&columns, row, &mut key)? {
                        return Err(null());
                    }
                    let (entity, fresh) = store.dictionary.get_or_add(&key);
                    if fresh {
                        state.fresh.push(FreshKey { key: key.as_slice().into(), entity });
                    }
                    entities.push(entity);
                }
                Ok(entities)
            }
        }
    }
}

/// Each row's ts; 0 in tables without valid time.
fn times(table: &Table, rows: &RecordBatch) -> Result<Vec<i64>> {
    let Some(id) = table.valid_time else { return Ok(vec![0; rows.num_rows()]) };
    let place = table.place(id)?;
    let (array, name) = (rows.column(place), &table.columns[place].name);
    let values = match array.data_type() {
        DataType::Int64 => array.as_primitive::<Int64Type>().values(),
        DataType::Timestamp(_, _) => array.as_primitive::<TimestampMicrosecondType>().values(),
        other => return Err(Error::Invalid(format!("a valid time of Arrow type {other}"))),
    };
    if values.iter().any(|ts| !(TS_MIN..=TS_MAX).contains(ts)) {
        return Err(Error::TimeRange { column: name.clone() });
    }
    Ok(values.to_vec())
}

/// A row's key as Postgres shows it: `(doc_id, ts)=(1, 2024-01-01 00:00:00+00)`.
pub(crate) fn describe_key(table: &Table, rows: &RecordBatch, row: usize) -> String {
    let ids: Vec<u16> = match (table.entity, table.valid_time) {
        (Some(entity), Some(ts)) => vec![entity, ts],
        _ => table.key.clone(),
    };
    let places: Vec<usize> = ids.iter().filter_map(|id| table.position(*id)).collect();
    let names: Vec<&str> = places.iter().map(|p| table.columns[*p].name.as_str()).collect();
    let value = |place: &usize| {
        array_value_to_string(rows.column(*place), row).unwrap_or_else(|_| "?".to_owned())
    };
    let values: Vec<String> = places.iter().map(value).collect();
    format!("({})=({})", names.join(", "), values.join(", "))
}
