//! Assignment casts: a value on its way into a column.

use crate::error::from_datafusion;
use crate::functions::cast::cast_column;
use crate::functions::vector::checked_bits;
use arrow::array::{Array, ArrayRef, AsArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Float32Type};
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
    if array.data_type() == &wanted && !checked_text(ty, typmod) && !checked_length(ty, typmod) {
        return Ok(Arc::clone(array));
    }
    match (array.data_type(), ty) {
        (DataType::Null, _) => Ok(new_null_array(&wanted, array.len())),
        (DataType::Utf8, _) if needs_reading(ty, typmod) => read_text(array, ty, typmod, settings),
        (DataType::Utf8View | DataType::LargeUtf8, _) => {
            let plain = plain_cast(array, &DataType::Utf8)?;
            assign(&plain, ty, typmod, settings)
        }
        (DataType::List(_), PgType::Bit | PgType::Varbit) if array.data_type() == &wanted => {
            checked_bits(array, ty == &PgType::Varbit, typmod).map_err(from_datafusion)
        }
        (from, _) if ty.is_vector() && is_vector_like(from) => {
            let from = PgType::of_arrow(from).0;
            cast_column(array, &from, (ty, typmod), settings).map_err(from_datafusion)
        }
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

/// Types whose Arrow type does not say how long a value may be.
fn checked_length(ty: &PgType, typmod: i32) -> bool {
    typmod > 0 && (ty == &PgType::Sparsevec || ty.is_bits())
}

/// Vectors, and the arrays of numbers that an assignment makes vectors of.
fn is_vector_like(data_type: &DataType) -> bool {
    match PgType::of_arrow(data_type).0 {
        PgType::Array(element) => {
            let data_type = element.arrow_type(-1);
            data_type.is_numeric() || data_type == DataType::Null
        }
        other => other.is_vector(),
    }
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
        || matches!((from, to), (DataType::Binary | DataType::BinaryView, DataType::Binary))
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
