//! Moments taken apart on the wall clock; `timezone`, `to_timestamp`, `make_...`.

use crate::functions::cast::{micros, world};
use crate::functions::failure::{fail, raise};
use crate::functions::formats::formats_of;
use crate::functions::function::{Function, by_columns, is_text, result};
use crate::functions::json::texts;
use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Float64Array, Int64Array, TimestampMicrosecondArray,
};
use arrow::compute::cast as arrow_cast;
use arrow::datatypes::{DataType, FieldRef, Float64Type, Int64Type, TimeUnit};
use cvx_types::calendar::{
    US_PER_DAY, US_PER_SECOND, civil_from_days, days_from_civil, days_in_month,
};
use cvx_types::zone::{TimeZone, to_local};
use cvx_types::{PgType, SqlState};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, Volatility,
};
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        Function::with_field("timezone", zone_typing, zone_field, timezone).strict().udf(),
        Function::new("to_timestamp", seconds_typing, PgType::Timestamptz, to_timestamp)
            .volatility(Volatility::Stable)
            .strict()
            .udf(),
        Function::new("to_date", two_texts, PgType::Date, |args| {
            by_columns(args, |columns, _| super::from_char::dates(columns))
        })
        .strict()
        .udf(),
        Function::new("make_date", three_integers, PgType::Date, make_date).strict().udf(),
        Function::new("make_timestamp", parts_typing, PgType::Timestamp, |args| {
            make_timestamp(args, false)
        })
        .strict()
        .udf(),
        Function::new("make_timestamptz", parts_typing, PgType::Timestamptz, |args| {
            make_timestamp(args, true)
        })
        .strict()
        .udf(),
    ]
}

/// A moment on the wall: the day, and microseconds of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wall {
    pub(super) year: i64,
    pub(super) month: u32,
    pub(super) day: u32,
    pub(super) days: i64,
    pub(super) us_of_day: i64,
}

impl Wall {
    pub(super) fn of(wall_us: i64) -> Self {
        let days = wall_us.div_euclid(US_PER_DAY);
        let (year, month, day) = civil_from_days(days);
        Self { year, month, day, days, us_of_day: wall_us.rem_euclid(US_PER_DAY) }
    }

    /// Monday is 1, Sunday 7.
    pub(super) fn iso_weekday(self) -> i64 {
        (self.days + 3).rem_euclid(7) + 1
    }

    pub(super) fn day_of_year(self) -> i64 {
        self.days - days_from_civil(self.year, 1, 1) + 1
    }

    /// ISO 8601's year and week: a week belongs to the year of its Thursday.
    pub(super) fn iso_week(self) -> (i64, i64) {
        let thursday = self.days - self.iso_weekday() + 4;
        let (year, _, _) = civil_from_days(thursday);
        (year, (thursday - days_from_civil(year, 1, 1)) / 7 + 1)
    }
}

/// Midnight of a civil date, in microseconds of the wall; `None` out of range.
pub(super) fn midnight(year: i64, month: u32, day: u32) -> Option<i64> {
    days_from_civil(year, month, day).checked_mul(US_PER_DAY)
}

/// 'infinity' and '-infinity' have no fields.
pub(super) fn is_finite(us: i64) -> bool {
    us != i64::MAX && us != i64::MIN
}

/// A column of moments as the session's wall clock shows them.
pub(super) struct Moments {
    pub(super) wall_us: Int64Array,
    pub(super) zone: TimeZone,
    pub(super) ty: PgType,
}

impl Moments {
    pub(super) fn read(column: &ArrayRef, zone: TimeZone) -> Result<Self> {
        let (ty, _) = PgType::of_arrow(column.data_type());
        let own = micros(column)?;
        let wall_us = match ty {
            PgType::Timestamptz => own.unary(|us| to_wall(us, zone)),
            _ => own,
        };
        Ok(Self { wall_us, zone, ty })
    }

    /// Seconds east of Greenwich for a row's wall time; none where there is no zone.
    pub(super) fn offset_seconds(&self, wall_us: i64) -> i32 {
        match self.ty {
            PgType::Timestamptz => self.zone.offset_of_local(wall_us),
            _ => 0,
        }
    }

    /// Wall times back as moments of the column's kind; a date becomes a timestamptz.
    pub(super) fn write(&self, wall_us: &Int64Array) -> ArrayRef {
        if self.ty == PgType::Timestamp {
            let own: TimestampMicrosecondArray = wall_us.reinterpret_cast();
            return Arc::new(own);
        }
        let world: Int64Array = wall_us.unary(|us| to_world(us, self.zone));
        let world: TimestampMicrosecondArray = world.reinterpret_cast();
        Arc::new(world.with_timezone("UTC"))
    }
}

pub(super) fn to_wall(world_us: i64, zone: TimeZone) -> i64 {
    if is_finite(world_us) { to_local(world_us, zone).0 } else { world_us }
}

pub(super) fn to_world(wall_us: i64, zone: TimeZone) -> i64 {
    if is_finite(wall_us) { world(wall_us, zone) } else { wall_us }
}

/// A timestamp of any unit as ours; dates as they are.
pub(super) fn moment_type(ty: &DataType) -> Option<DataType> {
    match ty {
        DataType::Timestamp(_, zone) => {
            let zone = zone.as_ref().map(|_| "UTC".into());
            Some(DataType::Timestamp(TimeUnit::Microsecond, zone))
        }
        DataType::Date32 => Some(DataType::Date32),
        DataType::Date64 => Some(DataType::Date32),
        _ => None,
    }
}

pub(super) fn timestamptz() -> DataType {
    PgType::Timestamptz.arrow_type(-1)
}

fn zone_typing(types: &[DataType]) -> Option<Vec<DataType>> {
    match types {
        [zone, moment] if is_text(zone) => {
            let moment = match moment_type(moment)? {
                // A date has a midnight only beside a zone of its own: read it without one.
                DataType::Date32 => PgType::Timestamp.arrow_type(-1),
                moment => moment,
            };
            Some(vec![DataType::Utf8, moment])
        }
        _ => None,
    }
}

/// A timestamptz shown somewhere has no zone; a timestamp placed somewhere gets one.
fn zone_field(args: &ReturnFieldArgs) -> Result<FieldRef> {
    let moment = args.arg_fields.get(1).map(|field| field.data_type());
    result(match moment {
        Some(DataType::Timestamp(_, Some(_))) => &PgType::Timestamp,
        _ => &PgType::Timestamptz,
    })
}

/// `timezone(zone, moment)`, which is `moment AT TIME ZONE zone`.
fn timezone(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let [zones, moments] = columns else { return Err(misused("timezone")) };
        let zones = texts(zones)?;
        let zoned = matches!(moments.data_type(), DataType::Timestamp(_, Some(_)));
        let moments = micros(moments)?;
        let moved = zones.iter().zip(moments.iter()).map(|(zone, us)| {
            let (Some(zone), Some(us)) = (zone, us) else { return Ok(None) };
            let zone = TimeZone::parse(zone).map_err(raise)?;
            Ok(Some(if zoned { to_wall(us, zone) } else { to_world(us, zone) }))
        });
        let moved: TimestampMicrosecondArray =
            moved.collect::<Result<Int64Array>>()?.reinterpret_cast();
        Ok(Arc::new(if zoned { moved } else { moved.with_timezone("UTC") }))
    })
}

pub(super) fn misused(name: &str) -> DataFusionError {
    fail(SqlState::INTERNAL_ERROR, format!("{name} was called with other arguments than planned"))
}

fn seconds_typing(types: &[DataType]) -> Option<Vec<DataType>> {
    match types {
        [text, pattern] if is_text(text) && is_text(pattern) => Some(vec![DataType::Utf8; 2]),
        [ty] if ty.is_numeric() || ty.is_null() => Some(vec![DataType::Float64]),
        _ => None,
    }
}

fn two_texts(types: &[DataType]) -> Option<Vec<DataType>> {
    (types.len() == 2 && types.iter().all(is_text)).then(|| vec![DataType::Utf8; 2])
}

/// Seconds since 1970 as a moment, or a text read by a pattern.
fn to_timestamp(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let zone = formats_of(args)?.timezone;
    by_columns(args, |columns, _| {
        let [seconds] = columns else { return super::from_char::timestamps(columns, zone) };
        let seconds: &Float64Array = seconds.as_primitive::<Float64Type>();
        let moments = seconds.iter().map(|seconds| seconds.map(moment_of).transpose());
        let moments = moments.collect::<Result<TimestampMicrosecondArray>>()?;
        Ok(Arc::new(moments.with_timezone("UTC")))
    })
}

fn moment_of(seconds: f64) -> Result<i64> {
    let us = (seconds * US_PER_SECOND as f64).round();
    if seconds.is_infinite() {
        return Ok(if seconds > 0.0 { i64::MAX } else { i64::MIN });
    }
    if us.abs() < 9.2e18 {
        return Ok(us as i64);
    }
    Err(fail(SqlState::DATETIME_OVERFLOW, format!("timestamp out of range: \"{seconds}\"")))
}

fn three_integers(types: &[DataType]) -> Option<Vec<DataType>> {
    let whole = types.len() == 3 && types.iter().all(|ty| ty.is_integer() || ty.is_null());
    whole.then(|| vec![DataType::Int64; 3])
}

fn parts_typing(types: &[DataType]) -> Option<Vec<DataType>> {
    let (dates, seconds) = types.split_at_checked(5)?;
    let whole = dates.iter().all(|ty| ty.is_integer() || ty.is_null());
    match seconds {
        [second] if whole && (second.is_numeric() || second.is_null()) => {
            Some([vec![DataType::Int64; 5], vec![DataType::Float64]].concat())
        }
        _ => None,
    }
}

pub(super) fn integers(column: &ArrayRef) -> Result<Int64Array> {
    Ok(arrow_cast(column, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
}

fn days_of(year: i64, month: i64, day: i64) -> Result<i64> {
    // Years before 1 are BC in these functions, and there is no year 0.
    let civil = if year < 0 { year + 1 } else { year };
    let month_in_year = u32::try_from(month).ok().filter(|month| (1..=12).contains(month));
    let valid = month_in_year.and_then(|month| {
        let day = u32::try_from(day).ok()?;
        let fits = (1..=days_in_month(civil, month)).contains(&day);
        (fits && year != 0 && year.abs() < 5_874_898).then(|| days_from_civil(civil, month, day))
    });
    valid.ok_or_else(|| {
        let message = format!("date field value out of range: {year}-{month:02}-{day:02}");
        fail(SqlState::DATETIME_OVERFLOW, message)
    })
}

fn make_date(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_columns(args, |columns, rows| {
        let columns = columns.iter().map(integers).collect::<Result<Vec<_>>>()?;
        let [years, months, days] = columns.as_slice() else { return Err(misused("make_date")) };
        let dates = (0..rows).map(|row| {
            let Some([year, month, day]) = values([years, months, days], row) else {
                return Ok(None);
            };
            Ok(i32::try_from(days_of(year, month, day)?).ok())
        });
        Ok(Arc::new(dates.collect::<Result<Date32Array>>()?))
    })
}

/// The row's values, where none is NULL.
fn values<const N: usize>(columns: [&Int64Array; N], row: usize) -> Option<[i64; N]> {
    let valid = columns.iter().all(|column| column.is_valid(row));
    valid.then(|| columns.map(|column| column.value(row)))
}

fn make_timestamp(args: &ScalarFunctionArgs, zoned: bool) -> Result<ColumnarValue> {
    let zone = formats_of(args)?.timezone;
    by_columns(args, |columns, rows| {
        let Some((seconds, whole)) = columns.split_last() else {
            return Err(misused("make_timestamp"));
        };
        let whole = whole.iter().map(integers).collect::<Result<Vec<_>>>()?;
        let [years, months, days, hours, minutes] = whole.as_slice() else {
            return Err(misused("make_timestamp"));
        };
        let seconds = seconds.as_primitive::<Float64Type>();
        let moments = (0..rows).map(|row| {
            let date = values([years, months, days, hours, minutes], row);
            let Some([year, month, day, hour, minute]) = date.filter(|_| seconds.is_valid(row))
            else {
                return Ok(None);
            };
            let time = time_of(hour, minute, seconds.value(row))?;
            let wall = days_of(year, month, day)?.saturating_mul(US_PER_DAY).saturating_add(time);
            Ok(Some(if zoned { to_world(wall, zone) } else { wall }))
        });
        let moments = moments.collect::<Result<TimestampMicrosecondArray>>()?;
        Ok(Arc::new(if zoned { moments.with_timezone("UTC") } else { moments }))
    })
}

fn time_of(hour: i64, minute: i64, second: f64) -> Result<i64> {
    let fits = (0..=24).contains(&hour) && (0..60).contains(&minute);
    if !fits || !(0.0..=60.0).contains(&second) {
        let message = format!("time field value out of range: {hour}:{minute:02}:{second:02}");
        return Err(fail(SqlState::DATETIME_OVERFLOW, message));
    }
    let seconds = (second * US_PER_SECOND as f64).round() as i64;
    Ok((hour * 3600 + minute * 60) * US_PER_SECOND + seconds)
}
