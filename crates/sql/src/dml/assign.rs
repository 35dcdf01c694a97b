//! Assignment casts: a value on its way into a column.

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Float32Type};
use cvx_types::{ColumnBuilder, FormatSettings, PgType, Result, SqlError, SqlState};
use std::sync::Arc;

/// The array as this column type keeps it, as Postgres casts in an assignment: text is read in the
/// type's own form, numbers widen and narrow with a check, a vector's dimension must fit.
pub fn assign(
    array: &ArrayRef,
    ty: &PgType,
    typmod: i32,
    settings: &Arc<FormatSettings>,
) -> Result<ArrayRef> {
    let wanted = ty.arrow_type(typmod);
    if array.data_type() == &wanted && !checked_text(ty, typmod) {
        return Ok(Arc::clone(array));
    }
    match (array.data_type(), ty) {
        (DataType::Null, _) => Ok(new_null_array(&wanted, array.len())),
        (DataType::Utf8, _) if needs_reading(ty, typmod) => read_text(array, ty, typmod, settings),
        (DataType::Utf8View | DataType::LargeUtf8, _) => {
            let plain = plain_cast(array, &DataType::Utf8)?;
            assign(&plain, ty, typmod, settings)
        }
        (_, PgType::Vector) => vector(array, typmod),
        (from, _) if castable(from, &wanted) => plain_cast(array, &wanted),
        (from, _) => Err(SqlError::new(
            SqlState::DATATYPE_MISMATCH,
            format!(
                "expression is of type {} but the column is of type {}",
                PgType::of_arrow(from).0.name(),
                ty.name()
            ),
        )
        .hint("Cast the expression.")),
    }
}

fn checked_text(ty: &PgType, typmod: i32) -> bool {
    matches!(ty, PgType::Varchar if typmod > 0) || matches!(ty, PgType::Jsonb | PgType::Json)
}

fn needs_reading(ty: &PgType, typmod: i32) -> bool {
    !matches!(ty, PgType::Text | PgType::Name) || checked_text(ty, typmod)
}

fn read_text(
    array: &ArrayRef,
    ty: &PgType,
    typmod: i32,
    settings: &Arc<FormatSettings>,
) -> Result<ArrayRef> {
    let mut builder = ColumnBuilder::with_settings(ty, typmod, settings);
    for text in array.as_string::<i32>() {
        match text {
            Some(text) => builder.push_text(text)?,
            None => builder.push_null(),
        }
    }
    Ok(builder.finish())
}

/// Casts that an assignment does by itself. Text takes anything; the rest stay in their family.
fn castable(from: &DataType, to: &DataType) -> bool {
    let time = |data_type: &DataType| {
        matches!(data_type, DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64)
    };
    (from.is_numeric() && to.is_numeric())
        || (time(from) && time(to))
        || matches!((from, to), (DataType::List(_), DataType::List(_)))
        || matches!((from, to), (DataType::Binary | DataType::LargeBinary, DataType::Binary))
        || matches!(
            (from, to),
            (DataType::Interval(_) | DataType::Duration(_), DataType::Interval(_))
        )
        || matches!((from, to), (DataType::Time32(_) | DataType::Time64(_), DataType::Time64(_)))
        || (*to == DataType::Utf8 && !from.is_nested())
}

fn plain_cast(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let rounded = rounded(array, wanted);
    cast_with_options(&rounded, wanted, &options).map_err(|error| {
        let state = if wanted.is_numeric() {
            SqlState::NUMERIC_OUT_OF_RANGE
        } else {
            SqlState::DATA_EXCEPTION
        };
        SqlError::new(state, error.to_string())
    })
}

/// Postgres rounds a float to the nearest even integer where Arrow would cut it off.
fn rounded(array: &ArrayRef, wanted: &DataType) -> ArrayRef {
    match array.data_type() {
        DataType::Float64 if wanted.is_integer() => Arc::new(
            array
                .as_primitive::<arrow::datatypes::Float64Type>()
                .unary::<_, arrow::datatypes::Float64Type>(f64::round_ties_even),
        ),
        DataType::Float32 if wanted.is_integer() => Arc::new(
            array.as_primitive::<Float32Type>().unary::<_, Float32Type>(f32::round_ties_even),
        ),
        _ => Arc::clone(array),
    }
}

/// Lists of numbers as vectors of the column's dimension.
fn vector(array: &ArrayRef, typmod: i32) -> Result<ArrayRef> {
    if let DataType::FixedSizeList(_, found) = array.data_type() {
        return Err(wrong_dimension(typmod, usize::try_from(*found).unwrap_or_default()));
    }
    let floats = DataType::List(Arc::new(Field::new("item", DataType::Float32, true)));
    let lists = plain_cast(array, &floats)?;
    let lists = lists.as_list::<i32>();
    let dim = usize::try_from(typmod).unwrap_or_default();
    let mut values: Vec<f32> = Vec::with_capacity(lists.len() * dim);
    for row in 0..lists.len() {
        if lists.is_null(row) {
            values.resize(values.len() + dim, 0.0);
            continue;
        }
        let row = lists.value(row);
        if row.len() != dim {
            return Err(wrong_dimension(typmod, row.len()));
        }
        if row.null_count() > 0 {
            return Err(SqlError::new(SqlState("22004"), "array must not contain nulls"));
        }
        values.extend_from_slice(row.as_primitive::<Float32Type>().values());
    }
    let DataType::FixedSizeList(item, size) = PgType::Vector.arrow_type(typmod) else {
        return Ok(Arc::new(lists.clone()));
    };
    let values = Arc::new(arrow::array::Float32Array::from(values));
    let array = FixedSizeListArray::try_new(item, size, values, lists.nulls().cloned())
        .map_err(|error| crate::error::from_arrow(&error))?;
    Ok(Arc::new(array))
}

fn wrong_dimension(expected: i32, found: usize) -> SqlError {
    SqlError::new(SqlState::DATA_EXCEPTION, format!("expected {expected} dimensions, not {found}"))
}
