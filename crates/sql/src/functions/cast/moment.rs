//! Dates, times and moments to each other, as Postgres does it.
//!
//! What a moment is on the wall depends on the session's zone; everything is microseconds since
//! 1970, of the wall for `timestamp`, of the world for `timestamptz`.

use crate::functions::failure::{fail, long_name};
use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::compute::cast as arrow_cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use cvx_types::calendar::{US_PER_DAY, US_PER_SECOND};
use cvx_types::zone::{TimeZone, to_local};
use cvx_types::{PgType, SqlState};
use datafusion::common::{DataFusionError, Result};
use std::sync::Arc;

pub(super) fn is_moment(ty: &PgType) -> bool {
    matches!(
        ty,
        PgType::Date | PgType::Time | PgType::Timestamp | PgType::Timestamptz | PgType::Interval
    )
}

pub(super) fn cast(
    column: &ArrayRef,
    from: &PgType,
    to: &PgType,
    typmod: i32,
    zone: TimeZone,
) -> Result<ArrayRef> {
    use PgType::{Date, Interval, Time, Timestamp, Timestamptz};
    match (from, to) {
        (Interval, Interval) => intervals(column, typmod),
        (Interval, Time) => time_of_interval(column),
        (Time, Interval) => {
            let day = |us: i64| IntervalMonthDayNano::new(0, 0, us.saturating_mul(1000));
            Ok(map::<IntervalMonthDayNanoType>(&micros(column)?, |us| Ok(day(us)))?)
        }
        (Timestamptz, Timestamptz) => {
            let column = try_map::<TimestampMicrosecondType>(&micros(column)?, |us| {
                Ok(rounded(us, typmod))
            })?;
            Ok(Arc::new(column.with_timezone("UTC")))
        }
        (Date | Timestamp | Timestamptz | Time, Date | Timestamp | Timestamptz | Time) => {
            let wall = wall_micros(column, from, zone)?;
            from_wall(&wall, to, typmod, zone)
        }
        _ => Err(super::cannot_cast(from, to)),
    }
}

/// A moment as microseconds of its own kind; a date as its midnight.
pub(crate) fn micros(column: &ArrayRef) -> Result<PrimitiveArray<Int64Type>> {
    let column = match column.data_type() {
        DataType::Date32 => {
            let days = column.as_primitive::<Date32Type>();
            let midnight = |day: i32| i64::from(day).checked_mul(US_PER_DAY);
            return days
                .iter()
                .map(|day| day.map(|day| midnight(day).ok_or_else(overflow)).transpose())
                .collect();
        }
        DataType::Time32(_) | DataType::Time64(_) => {
            arrow_cast(column, &DataType::Time64(TimeUnit::Microsecond))?
        }
        DataType::Timestamp(_, zone) => {
            arrow_cast(column, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))?
        }
        _ => Arc::clone(column),
    };
    Ok(arrow_cast(&column, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
}

/// Microseconds as the wall clock of the session shows them.
fn wall_micros(
    column: &ArrayRef,
    from: &PgType,
    zone: TimeZone,
) -> Result<PrimitiveArray<Int64Type>> {
    let own = micros(column)?;
    if from != &PgType::Timestamptz {
        return Ok(own);
    }
    Ok(own.unary(|us| to_local(us, zone).0))
}

fn from_wall(
    wall: &PrimitiveArray<Int64Type>,
    to: &PgType,
    typmod: i32,
    zone: TimeZone,
) -> Result<ArrayRef> {
    match to {
        PgType::Date => map::<Date32Type>(wall, |us| {
            i32::try_from(us.div_euclid(US_PER_DAY)).map_err(|_| overflow())
        }),
        PgType::Time => {
            map::<Time64MicrosecondType>(wall, |us| Ok(rounded(us, typmod).rem_euclid(US_PER_DAY)))
        }
        PgType::Timestamptz => {
            let world = |us| Ok(rounded(world(us, zone), typmod));
            let column = try_map::<TimestampMicrosecondType>(wall, world)?;
            Ok(Arc::new(column.with_timezone("UTC")))
        }
        PgType::Timestamp => {
            Ok(Arc::new(try_map::<TimestampMicrosecondType>(wall, |us| Ok(rounded(us, typmod)))?))
        }
        other => {
            let message = format!("cannot cast a moment to {}", long_name(other));
            Err(fail(SqlState::DATATYPE_MISMATCH, message))
        }
    }
}

fn map<T: ArrowPrimitiveType>(
    column: &PrimitiveArray<Int64Type>,
    convert: impl Fn(i64) -> Result<T::Native>,
) -> Result<ArrayRef> {
    Ok(Arc::new(try_map::<T>(column, convert)?))
}

fn try_map<T: ArrowPrimitiveType>(
    column: &PrimitiveArray<Int64Type>,
    convert: impl Fn(i64) -> Result<T::Native>,
) -> Result<PrimitiveArray<T>> {
    column.iter().map(|us| us.map(&convert).transpose()).collect()
}

/// The moment at which the zone's clocks show this.
pub(crate) fn world(wall_us: i64, zone: TimeZone) -> i64 {
    let offset = zone.offset_of_local(wall_us);
    wall_us.saturating_sub(i64::from(offset) * US_PER_SECOND)
}

/// Rounded to so many digits of a second; -1 keeps all six.
fn rounded(us: i64, typmod: i32) -> i64 {
    let Ok(digits @ 0..=5) = u32::try_from(typmod) else { return us };
    let step = 10_i64.pow(6 - digits);
    let down = us.div_euclid(step) * step;
    if us - down >= step / 2 { down.saturating_add(step) } else { down }
}

fn intervals(column: &ArrayRef, typmod: i32) -> Result<ArrayRef> {
    let unit = DataType::Interval(arrow::datatypes::IntervalUnit::MonthDayNano);
    let column = arrow_cast(column, &unit)?;
    let intervals = column.as_primitive::<IntervalMonthDayNanoType>();
    let kept = intervals.unary::<_, IntervalMonthDayNanoType>(|value| {
        let us = rounded(value.nanoseconds / 1000, typmod);
        IntervalMonthDayNano::new(value.months, value.days, us.saturating_mul(1000))
    });
    Ok(Arc::new(kept))
}

fn time_of_interval(column: &ArrayRef) -> Result<ArrayRef> {
    let intervals = column.as_primitive::<IntervalMonthDayNanoType>();
    let time = |value: IntervalMonthDayNano| (value.nanoseconds / 1000).rem_euclid(US_PER_DAY);
    Ok(Arc::new(intervals.unary::<_, Time64MicrosecondType>(time)))
}

fn overflow() -> DataFusionError {
    fail(SqlState::DATETIME_OVERFLOW, "date out of range for timestamp")
}
