//! Numbers to numbers, with Postgres' rounding and ranges.
//!
//! Floats round to the even neighbour on their way to an integer, numerics away from zero; what
//! does not fit is 22003, never wrapped or NULL. A float becomes the numeric its 15 (float4: 6)
//! significant digits say, as in Postgres.

use crate::functions::failure::{fail, long_name};
use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, PrimitiveArray};
use arrow::compute::cast as arrow_cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type,
    Int64Type,
};
use cvx_types::{PgType, SqlState};
use datafusion::common::{DataFusionError, Result};
use std::sync::Arc;

/// A number of any type on its way to another.
#[derive(Clone, Copy, Debug)]
enum Number {
    Int(i128),
    Float4(f32),
    Float8(f64),
    /// Unscaled value, and how many of its digits are fractional.
    Decimal(i128, i8),
}

pub(super) fn cast(column: &ArrayRef, to: &PgType, data_type: &DataType) -> Result<ArrayRef> {
    let numbers = read(column)?;
    match data_type {
        DataType::Int16 => write::<Int16Type>(&numbers, |n| narrow(n, to)),
        DataType::Int32 => write::<Int32Type>(&numbers, |n| narrow(n, to)),
        DataType::Int64 => write::<Int64Type>(&numbers, |n| narrow(n, to)),
        DataType::Float32 => write::<Float32Type>(&numbers, float4),
        DataType::Float64 => write::<Float64Type>(&numbers, |n| Ok(float8(n))),
        DataType::Decimal128(precision, scale) => {
            let values =
                write_native::<Decimal128Type>(&numbers, |n| decimal(n, *precision, *scale))?;
            Ok(Arc::new(values.with_data_type(data_type.clone())))
        }
        _ => Err(out_of_range(to)),
    }
}

fn read(column: &ArrayRef) -> Result<Vec<Option<Number>>> {
    Ok(match column.data_type() {
        DataType::Float32 => {
            column.as_primitive::<Float32Type>().iter().map(|x| x.map(Number::Float4)).collect()
        }
        DataType::Float64 => {
            column.as_primitive::<Float64Type>().iter().map(|x| x.map(Number::Float8)).collect()
        }
        DataType::Decimal128(_, scale) => {
            let scale = *scale;
            let column: &Decimal128Array = column.as_primitive();
            column.iter().map(|x| x.map(|x| Number::Decimal(x, scale))).collect()
        }
        DataType::UInt64 => {
            let wide = arrow_cast(column, &DataType::Decimal128(20, 0))?;
            let wide: &Decimal128Array = wide.as_primitive();
            wide.iter().map(|x| x.map(Number::Int)).collect()
        }
        _ => {
            let wide = arrow_cast(column, &DataType::Int64)?;
            let wide = wide.as_primitive::<Int64Type>();
            wide.iter().map(|x| x.map(|x| Number::Int(i128::from(x)))).collect()
        }
    })
}

fn write<T: ArrowPrimitiveType>(
    numbers: &[Option<Number>],
    convert: impl Fn(Number) -> Result<T::Native>,
) -> Result<ArrayRef> {
    Ok(Arc::new(write_native::<T>(numbers, convert)?))
}

fn write_native<T: ArrowPrimitiveType>(
    numbers: &[Option<Number>],
    convert: impl Fn(Number) -> Result<T::Native>,
) -> Result<PrimitiveArray<T>> {
    numbers.iter().map(|number| number.map(&convert).transpose()).collect()
}

/// "integer out of range".
fn out_of_range(ty: &PgType) -> DataFusionError {
    fail(SqlState::NUMERIC_OUT_OF_RANGE, format!("{} out of range", long_name(ty)))
}

fn narrow<T: TryFrom<i128>>(number: Number, ty: &PgType) -> Result<T> {
    let whole = match number {
        Number::Int(n) => Some(n),
        Number::Float4(x) => whole(f64::from(x)),
        Number::Float8(x) => whole(x),
        Number::Decimal(n, scale) => rescale(n, scale, 0),
    };
    whole.and_then(|n| T::try_from(n).ok()).ok_or_else(|| out_of_range(ty))
}

fn whole(x: f64) -> Option<i128> {
    // Beyond 2^100 no target fits, and the conversion below would saturate.
    (x.is_finite() && x.abs() < 1.2e30).then(|| x.round_ties_even() as i128)
}

fn float4(number: Number) -> Result<f32> {
    let narrow = match number {
        Number::Float4(x) => return Ok(x),
        Number::Int(n) => n as f32,
        Number::Float8(x) => x as f32,
        Number::Decimal(n, scale) => decimal_text(n, scale).parse().unwrap_or(f32::NAN),
    };
    let wide = float8(number);
    if narrow.is_infinite() && wide.is_finite() {
        return Err(fail(SqlState::NUMERIC_OUT_OF_RANGE, "value out of range: overflow"));
    }
    if narrow == 0.0 && wide != 0.0 {
        return Err(fail(SqlState::NUMERIC_OUT_OF_RANGE, "value out of range: underflow"));
    }
    Ok(narrow)
}

fn float8(number: Number) -> f64 {
    match number {
        Number::Int(n) => n as f64,
        Number::Float4(x) => f64::from(x),
        Number::Float8(x) => x,
        Number::Decimal(n, scale) => decimal_text(n, scale).parse().unwrap_or(f64::NAN),
    }
}

/// `12345e-2`: parsing rounds once, where dividing would round twice.
fn decimal_text(n: i128, scale: i8) -> String {
    format!("{n}e{}", -i32::from(scale))
}

fn decimal(number: Number, precision: u8, scale: i8) -> Result<i128> {
    let scaled = match number {
        Number::Int(n) => rescale(n, 0, scale),
        Number::Float4(x) => from_float(f64::from(x), 5, scale)?,
        Number::Float8(x) => from_float(x, 14, scale)?,
        Number::Decimal(n, from) => rescale(n, from, scale),
    };
    let limit = 10_i128.checked_pow(u32::from(precision)).unwrap_or(i128::MAX);
    match scaled.filter(|n| n.abs() < limit) {
        Some(n) => Ok(n),
        None => Err(fail(SqlState::NUMERIC_OUT_OF_RANGE, "numeric field overflow")),
    }
}

/// The decimal a float's leading digits say; `None` where it does not fit.
fn from_float(x: f64, digits_after_first: usize, scale: i8) -> Result<Option<i128>> {
    if !x.is_finite() {
        let message = "cannot convert NaN or infinity to numeric";
        return Err(fail(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    let text = format!("{x:.digits_after_first$e}");
    let parts = text.split_once('e').and_then(|(mantissa, exponent)| {
        let unscaled: i128 = mantissa.replace('.', "").parse().ok()?;
        let exponent: i32 = exponent.parse().ok()?;
        let scale = i32::try_from(digits_after_first).ok()? - exponent;
        Some((unscaled, scale))
    });
    Ok(parts.and_then(|(unscaled, from)| shift(unscaled, i32::from(scale) - from)))
}

/// The same value with another scale, rounded away from zero; `None` on overflow.
fn rescale(n: i128, from: i8, to: i8) -> Option<i128> {
    shift(n, i32::from(to) - i32::from(from))
}

/// `n * 10^by`, rounded half away from zero.
fn shift(n: i128, by: i32) -> Option<i128> {
    if by >= 0 {
        if n == 0 {
            return Some(0);
        }
        return n.checked_mul(10_i128.checked_pow(by.unsigned_abs())?);
    }
    let Some(divisor) = 10_i128.checked_pow(by.unsigned_abs()) else { return Some(0) };
    let (quotient, rest) = (n / divisor, n % divisor);
    let up = rest.unsigned_abs() >= divisor.unsigned_abs().div_ceil(2);
    Some(if up { quotient + n.signum() } else { quotient })
}
