//! Numbers: checked integer arithmetic, and functions DataFusion lacks.
//!
//! DataFusion adds integers modulo 2^64; an answer that wrapped is a wrong answer. So `+ - *` on
//! integers become these functions while planning ([`crate::types::PgRewrite`]), and overflow is
//! 22003 as in Postgres.

use super::failure::{fail, long_name};
use super::function::{Function, Kernel, by_columns, is_text, result};
use super::json::texts;
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int32Array};
use arrow::compute::kernels::numeric::{add, mul, rem, sub};
use arrow::datatypes::{DataType, FieldRef, Float64Type};
use arrow::error::ArrowError;
use cvx_types::{PgType, SqlState};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
};
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        integer("int_add", |args| checked(args, |a, b| add(a, b))),
        integer("int_sub", |args| checked(args, |a, b| sub(a, b))),
        integer("int_mul", |args| checked(args, |a, b| mul(a, b))),
        Function::with_field("mod", two_numbers, first_field, |args| {
            checked(args, |a, b| rem(a, b))
        })
        .strict()
        .udf(),
        Function::with_field("div", two_numbers, first_field, divide).strict().udf(),
        Function::new("to_number", two_texts, PgType::Numeric, to_number).strict().udf(),
        Function::new("width_bucket", bucket_typing, PgType::Int4, width_bucket).strict().udf(),
    ]
}

/// The function that checks what this operator would let wrap.
pub(crate) fn checked_function(op: Operator) -> Option<&'static str> {
    match op {
        Operator::Plus => Some("int_add"),
        Operator::Minus => Some("int_sub"),
        Operator::Multiply => Some("int_mul"),
        _ => None,
    }
}

/// The wider of two signed integer types.
pub(crate) fn wider_integer(a: &DataType, b: &DataType) -> Option<DataType> {
    let place = |ty: &DataType| INTEGERS.iter().position(|own| own == ty);
    INTEGERS.get(place(a)?.max(place(b)?)).cloned()
}

const INTEGERS: [DataType; 3] = [DataType::Int16, DataType::Int32, DataType::Int64];

fn integer(name: &'static str, kernel: Kernel) -> Arc<ScalarUDF> {
    Function::with_field(name, two_integers, first_field, kernel).strict().udf()
}

fn two_integers(types: &[DataType]) -> Option<Vec<DataType>> {
    let [a, b] = types else { return None };
    Some(vec![wider_integer(a, b)?; 2])
}

/// Integers, numerics, or floats, both the same.
fn two_numbers(types: &[DataType]) -> Option<Vec<DataType>> {
    let [a, b] = types else { return None };
    let (a, b) = match (a.is_null(), b.is_null()) {
        (true, _) => (b, b),
        (_, true) => (a, a),
        _ => (a, b),
    };
    if let Some(integers) = two_integers(&[a.clone(), b.clone()]) {
        return Some(integers);
    }
    let exact = |ty: &DataType| matches!(ty, DataType::Decimal128(..)) || ty.is_integer();
    let common = match (a, b) {
        (a, b) if exact(a) && exact(b) => PgType::Numeric.arrow_type(-1),
        (a, b) if a.is_numeric() && b.is_numeric() => DataType::Float64,
        _ => return None,
    };
    Some(vec![common; 2])
}

fn first_field(args: &ReturnFieldArgs) -> Result<FieldRef> {
    let ty = args.arg_fields.first().map(|field| PgType::of_field(field).0);
    result(&ty.unwrap_or(PgType::Int8))
}

fn misused() -> DataFusionError {
    fail(SqlState::INTERNAL_ERROR, "a function of numbers was called with others than planned")
}

type Combine =
    fn(&dyn arrow::array::Datum, &dyn arrow::array::Datum) -> Result<ArrayRef, ArrowError>;

/// Arrow's checked arithmetic, its errors in Postgres' words. A constant side stays one value.
fn checked(args: &ScalarFunctionArgs, combine: Combine) -> Result<ColumnarValue> {
    let [left, right] = args.args.as_slice() else { return Err(misused()) };
    let ty = args.return_field.data_type().clone();
    let combined = match (left, right) {
        (ColumnarValue::Array(a), ColumnarValue::Array(b)) => combine(a, b),
        (ColumnarValue::Array(a), ColumnarValue::Scalar(b)) => combine(a, &b.to_scalar()?),
        (ColumnarValue::Scalar(a), ColumnarValue::Array(b)) => combine(&a.to_scalar()?, b),
        (ColumnarValue::Scalar(a), ColumnarValue::Scalar(b)) => {
            let sum = combine(&a.to_scalar()?, &b.to_scalar()?).map_err(|e| worded(&e, &ty))?;
            let value = datafusion::common::ScalarValue::try_from_array(&sum, 0)?;
            return Ok(ColumnarValue::Scalar(value.cast_to(&ty)?));
        }
    };
    let column = combined.map_err(|error| worded(&error, &ty))?;
    ColumnarValue::Array(column).cast_to(&ty, None)
}

fn worded(error: &ArrowError, ty: &DataType) -> DataFusionError {
    match error {
        ArrowError::DivideByZero => fail(SqlState::DIVISION_BY_ZERO, "division by zero"),
        _ => {
            let name = long_name(&PgType::of_arrow(ty).0);
            fail(SqlState::NUMERIC_OUT_OF_RANGE, format!("{name} out of range"))
        }
    }
}

/// The quotient without its fraction.
fn divide(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let ty = args.return_field.data_type().clone();
    by_columns(args, |columns, _| {
        let [left, right] = columns else { return Err(misused()) };
        // (a - a % b) / b loses no digit, whatever the type.
        let rest = rem(left, right).map_err(|error| worded(&error, &ty))?;
        let whole = sub(left, &rest).map_err(|error| worded(&error, &ty))?;
        let quotient = arrow::compute::kernels::numeric::div(&whole, right);
        Ok(arrow::compute::cast(&quotient.map_err(|error| worded(&error, &ty))?, &ty)?)
    })
}

fn two_texts(types: &[DataType]) -> Option<Vec<DataType>> {
    let textual = |ty: &DataType| is_text(ty) || ty.is_null();
    (types.len() == 2 && types.iter().all(textual)).then(|| vec![DataType::Utf8; 2])
}

/// `to_number('-1,234.5', '9,999.9')`: digits, sign and point count, the rest is decoration.
fn to_number(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let [values, _] = columns else { return Err(misused()) };
        let plain = texts(values)?;
        let plain = plain.iter().map(|text| text.map(plain_number));
        let plain: ArrayRef = Arc::new(plain.collect::<arrow::array::StringArray>());
        super::codec::parse_column(&plain, &PgType::Numeric, -1, &Default::default())
    })
}

fn plain_number(text: &str) -> String {
    let negative = text.contains('-') || text.contains('<');
    let digits = text.chars().filter(|c| c.is_ascii_digit() || *c == '.');
    let mut plain = String::from(if negative { "-" } else { "" });
    plain.extend(digits);
    plain
}

fn bucket_typing(types: &[DataType]) -> Option<Vec<DataType>> {
    let numeric = |ty: &DataType| ty.is_numeric() || ty.is_null();
    let [floats @ .., count] = types else { return None };
    let fits = floats.len() == 3 && floats.iter().all(numeric) && count.is_integer();
    fits.then(|| [vec![DataType::Float64; 3], vec![DataType::Int32]].concat())
}

fn width_bucket(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_columns(args, |columns, rows| {
        let [values, lows, highs, counts] = columns else { return Err(misused()) };
        let float = |column: &ArrayRef| column.as_primitive::<Float64Type>().clone();
        let (values, lows, highs): (Float64Array, _, _) =
            (float(values), float(lows), float(highs));
        let counts: &Int32Array = counts.as_primitive();
        let bucket = |row: usize| {
            let valid = values.is_valid(row) && lows.is_valid(row) && highs.is_valid(row);
            if !valid || counts.is_null(row) {
                return Ok(None);
            }
            bucket_of(values.value(row), lows.value(row), highs.value(row), counts.value(row))
                .map(Some)
        };
        Ok(Arc::new((0..rows).map(bucket).collect::<Result<Int32Array>>()?))
    })
}

fn bucket_of(value: f64, low: f64, high: f64, count: i32) -> Result<i32> {
    let state = SqlState("2201G");
    if count <= 0 {
        return Err(fail(state, "count must be greater than zero"));
    }
    if !(low.is_finite() && high.is_finite() && !value.is_nan()) || low == high {
        return Err(fail(state, "lower bound cannot equal upper bound"));
    }
    let (value, low, high) = if low < high { (value, low, high) } else { (-value, -low, -high) };
    if value < low {
        return Ok(0);
    }
    if value >= high {
        return Ok(count.saturating_add(1));
    }
    Ok(((value - low) / (high - low) * f64::from(count)) as i32 + 1)
}
