//! Bit strings: `<~>` (Hamming), `<%>` (Jaccard), comparisons, and `binary_quantize`.

use super::column::{Vectors, finish_rows, rows_of, vector_typing};
use super::distance::one_vector;
use crate::functions::failure::{fail, raise};
use crate::functions::function::{Function, is_text};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, ListArray, UInt8Array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, UInt8Type};
use cvx_types::forms::bit::{self, Bits};
use cvx_types::{FormatSettings, PgType, SqlState};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use std::cmp::Ordering;
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let comparison = |name, kernel| Function::new(name, two_bits, PgType::Bool, kernel).strict();
    vec![
        Function::new("hamming_distance", two_bits, PgType::Float8, hamming).strict().udf(),
        Function::new("jaccard_distance", two_bits, PgType::Float8, jaccard).strict().udf(),
        Function::new("binary_quantize", vector_typing::<1>, PgType::Bit, quantize).strict().udf(),
        comparison("biteq", |args| compare(args, Ordering::is_eq)).udf(),
        comparison("bitne", |args| compare(args, Ordering::is_ne)).udf(),
        comparison("bitlt", |args| compare(args, Ordering::is_lt)).udf(),
        comparison("bitle", |args| compare(args, Ordering::is_le)).udf(),
        comparison("bitgt", |args| compare(args, Ordering::is_gt)).udf(),
        comparison("bitge", |args| compare(args, Ordering::is_ge)).udf(),
    ]
}

/// Whether a type is that of bit strings.
pub(super) fn is_bits(ty: &DataType) -> bool {
    *ty == PgType::Bit.arrow_type(-1)
}

fn two_bits(types: &[DataType]) -> Option<Vec<DataType>> {
    let fits = |ty: &DataType| is_bits(ty) || is_text(ty) || ty == &DataType::Null;
    let bits = types.iter().any(is_bits) || types.iter().all(is_text);
    let plain = |ty: &DataType| if is_text(ty) { DataType::Utf8 } else { ty.clone() };
    let called = types.len() == 2 && types.iter().all(fits);
    (called && (bits || types.contains(&DataType::Null))).then(|| types.iter().map(plain).collect())
}

/// A column of bit strings, or one that stands for every row.
struct BitColumn {
    list: ListArray,
    bytes: UInt8Array,
    constant: bool,
}

impl BitColumn {
    fn read(value: &ColumnarValue) -> Result<Self> {
        match value {
            ColumnarValue::Array(array) => Self::from_array(array, false),
            ColumnarValue::Scalar(scalar) => Self::from_array(&scalar.to_array_of_size(1)?, true),
        }
    }

    fn from_array(array: &ArrayRef, constant: bool) -> Result<Self> {
        let column = match array.data_type() {
            ty if is_text(ty) => {
                let settings = FormatSettings::default();
                crate::functions::codec::parse_column(array, &PgType::Bit, -1, &settings)?
            }
            DataType::Null => {
                arrow::array::new_null_array(&PgType::Bit.arrow_type(-1), array.len())
            }
            _ => Arc::clone(array),
        };
        let lost = || fail(SqlState::DATATYPE_MISMATCH, "not a bit string");
        let list = column.as_list_opt::<i32>().ok_or_else(lost)?.clone();
        let bytes = list.values().as_primitive_opt::<UInt8Type>().ok_or_else(lost)?.clone();
        Ok(Self { list, bytes, constant })
    }

    fn bytes(&self, row: usize) -> Option<&[u8]> {
        let row = if self.constant { 0 } else { row };
        let ends = self.list.value_offsets();
        let at = |row: usize| ends.get(row).and_then(|end| usize::try_from(*end).ok());
        let range = at(row)?..at(row + 1)?;
        self.list.is_valid(row).then(|| self.bytes.values().get(range))?
    }

    fn get(&self, row: usize) -> Result<Option<Bits<'_>>> {
        let Some(bytes) = self.bytes(row) else { return Ok(None) };
        let lost = || fail(SqlState::DATA_CORRUPTED, "bytes that are no bit string");
        Bits::of(bytes).map(Some).ok_or_else(lost)
    }
}

fn two(args: &ScalarFunctionArgs) -> Result<(BitColumn, BitColumn, usize, bool)> {
    let [left, right] = args.args.as_slice() else {
        return Err(fail(SqlState::INTERNAL_ERROR, "two bit strings are needed"));
    };
    let (left, right) = (BitColumn::read(left)?, BitColumn::read(right)?);
    let constant = left.constant && right.constant;
    Ok((left, right, if constant { 1 } else { args.number_rows }, constant))
}

fn by_pairs(
    args: &ScalarFunctionArgs,
    of: impl Fn(Bits<'_>, Bits<'_>) -> f64,
) -> Result<ColumnarValue> {
    let (left, right, rows, constant) = two(args)?;
    let pair = |row| match (left.get(row)?, right.get(row)?) {
        (Some(a), Some(b)) if a.len() != b.len() => {
            let message = format!("different bit lengths {} and {}", a.len(), b.len());
            Err(fail(SqlState::DATA_EXCEPTION, message))
        }
        (Some(a), Some(b)) => Ok(Some(of(a, b))),
        _ => Ok(None),
    };
    let column = (0..rows).map(pair).collect::<Result<Float64Array>>()?;
    finish_rows(constant, Arc::new(column))
}

fn hamming(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_pairs(args, |a, b| a.hamming(&b) as f64)
}

/// 1 where no bit is set in both.
fn jaccard(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_pairs(args, |a, b| {
        let (both, left, right) = a.overlap(&b);
        if both == 0 { 1.0 } else { 1.0 - both as f64 / (left + right - both) as f64 }
    })
}

/// The bytes of bit strings compare as the strings do.
fn compare(args: &ScalarFunctionArgs, holds: fn(Ordering) -> bool) -> Result<ColumnarValue> {
    let (left, right, rows, constant) = two(args)?;
    let pair = |row| Some(holds(left.bytes(row)?.cmp(right.bytes(row)?)));
    finish_rows(constant, Arc::new((0..rows).map(pair).collect::<BooleanArray>()))
}

/// A bit for each element: whether it is above 0.
fn quantize(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let vectors: Vectors = one_vector(args)?;
    let rows = rows_of(&[&vectors], args.number_rows);
    let pack = |row| vectors.get(row).map(|vector| bit::pack(vector.iter().map(|x| *x > 0.0)));
    finish_rows(vectors.is_constant(), column_of((0..rows).map(pack).collect())?)
}

fn column_of(values: Vec<Option<Vec<u8>>>) -> Result<ArrayRef> {
    let DataType::List(item) = PgType::Bit.arrow_type(-1) else {
        return Err(fail(SqlState::INTERNAL_ERROR, "bit strings are kept as lists"));
    };
    let nulls = NullBuffer::from_iter(values.iter().map(Option::is_some));
    let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
    let lengths = values.iter().map(|value| value.as_ref().map_or(0, Vec::len));
    let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
    let bytes: Vec<u8> = values.into_iter().flatten().flatten().collect();
    Ok(Arc::new(ListArray::try_new(item, offsets, Arc::new(UInt8Array::from(bytes)), nulls)?))
}

/// Bit strings as an explicit cast to `bit(n)` or `bit varying(n)` makes them.
pub(crate) fn fitted_column(array: &ArrayRef, varying: bool, typmod: i32) -> Result<ArrayRef> {
    let column = BitColumn::from_array(array, false)?;
    let fit = |row| Ok(column.get(row)?.map(|bits| bit::fit(bits, varying, typmod)));
    column_of((0..array.len()).map(fit).collect::<Result<_>>()?)
}

/// Bit strings as a column of `bit(n)` or `bit varying(n)` takes them: of a length it allows.
pub(crate) fn checked_column(array: &ArrayRef, varying: bool, typmod: i32) -> Result<ArrayRef> {
    let column = BitColumn::from_array(array, false)?;
    for bytes in (0..array.len()).filter_map(|row| column.bytes(row)) {
        bit::check_length(bytes, varying, typmod).map_err(raise)?;
    }
    Ok(Arc::new(column.list))
}
