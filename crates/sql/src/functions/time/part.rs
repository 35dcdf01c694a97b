//! `date_part(field, value)`, which is also `extract(field from value)`: always a float8.

use super::Unit;
use super::interval::Span;
use super::wall::{Moments, Wall, is_finite, misused, moment_type};
use crate::functions::failure::fail;
use crate::functions::formats::formats_of;
use crate::functions::function::{Function, by_columns, is_text};
use crate::functions::json::texts;
use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{DataType, IntervalMonthDayNanoType, IntervalUnit, TimeUnit};
use cvx_types::calendar::{US_PER_DAY, US_PER_SECOND};
use cvx_types::{PgType, SqlState};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, Volatility};
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let part = Function::new("date_part", typing, PgType::Float8, date_part);
    let part = part.alias("datepart").alias("extract").alias("pg_catalog.date_part");
    vec![part.volatility(Volatility::Stable).strict().udf()]
}

fn typing(types: &[DataType]) -> Option<Vec<DataType>> {
    let [field, value] = types else { return None };
    let value = match value {
        DataType::Interval(_) | DataType::Duration(_) => {
            DataType::Interval(IntervalUnit::MonthDayNano)
        }
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Null => PgType::Timestamptz.arrow_type(-1),
        ty if is_text(ty) => return None,
        ty => moment_type(ty)?,
    };
    is_text(field).then(|| vec![DataType::Utf8, value])
}

fn date_part(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let zone = formats_of(args)?.timezone;
    by_columns(args, |columns, _| {
        let [fields, values] = columns else { return Err(misused("date_part")) };
        let fields = texts(fields)?;
        let part_of: PartOf = match values.data_type() {
            DataType::Interval(_) => of_intervals(values),
            DataType::Time64(_) => of_times(values)?,
            _ => of_moments(Moments::read(values, zone)?),
        };
        let parts = fields.iter().enumerate().map(|(row, field)| match field {
            Some(field) if values.is_valid(row) => part_of(field, row),
            _ => Ok(None),
        });
        Ok(Arc::new(parts.collect::<Result<Float64Array>>()?))
    })
}

type PartOf = Box<dyn Fn(&str, usize) -> Result<Option<f64>>>;

fn unknown(field: &str, ty: &str) -> DataFusionError {
    let message = format!("unit \"{field}\" not recognized for type {ty}");
    fail(SqlState::INVALID_PARAMETER, message)
}

fn of_moments(moments: Moments) -> PartOf {
    Box::new(move |field, row| {
        let us = moments.wall_us.value(row);
        if !is_finite(us) {
            let epoch = field.eq_ignore_ascii_case("epoch");
            return Ok(epoch.then_some(if us > 0 { f64::INFINITY } else { f64::NEG_INFINITY }));
        }
        let offset = moments.offset_seconds(us);
        let part = moment_part(field, Wall::of(us), offset);
        part.map(Some)
            .ok_or_else(|| unknown(field, &crate::functions::failure::long_name(&moments.ty)))
    })
}

fn moment_part(field: &str, wall: Wall, offset: i32) -> Option<f64> {
    let field = field.to_ascii_lowercase();
    let whole = match field.as_str() {
        "dow" => wall.iso_weekday() % 7,
        "isodow" => wall.iso_weekday(),
        "doy" => wall.day_of_year(),
        "isoyear" => wall.iso_week().0,
        "timezone" => i64::from(offset),
        "timezone_hour" => i64::from(offset / 3600),
        "timezone_minute" => i64::from(offset / 60 % 60),
        "julian" => {
            let part = wall.us_of_day as f64 / US_PER_DAY as f64;
            return Some((wall.days + 2_440_588) as f64 + part);
        }
        "epoch" => {
            let us = wall.days.saturating_mul(US_PER_DAY).saturating_add(wall.us_of_day);
            let us = us.saturating_sub(i64::from(offset) * US_PER_SECOND);
            return Some(us as f64 / US_PER_SECOND as f64);
        }
        name => match Unit::named(name)? {
            Unit::Day => i64::from(wall.day),
            Unit::Week => wall.iso_week().1,
            Unit::Month => i64::from(wall.month),
            Unit::Quarter => i64::from(wall.month.div_ceil(3)),
            Unit::Year => {
                if wall.year > 0 {
                    wall.year
                } else {
                    wall.year - 1
                }
            }
            Unit::Decade => wall.year.div_euclid(10),
            Unit::Century => century(wall.year, 100),
            Unit::Millennium => century(wall.year, 1000),
            unit => return clock_part(unit, wall.us_of_day),
        },
    };
    Some(whole as f64)
}

/// Centuries and millennia count from 1, and there is no year 0.
fn century(year: i64, length: i64) -> i64 {
    if year > 0 { (year + length - 1) / length } else { -((length - year) / length) }
}

fn clock_part(unit: Unit, us: i64) -> Option<f64> {
    let within_minute = us % (60 * US_PER_SECOND);
    Some(match unit {
        Unit::Microsecond => within_minute as f64,
        Unit::Millisecond => within_minute as f64 / 1e3,
        Unit::Second => within_minute as f64 / 1e6,
        Unit::Minute => (us / (60 * US_PER_SECOND) % 60) as f64,
        Unit::Hour => (us / (3600 * US_PER_SECOND)) as f64,
        _ => return None,
    })
}

fn of_times(values: &ArrayRef) -> Result<PartOf> {
    let us = super::wall::integers(values)?;
    Ok(Box::new(move |field, row| {
        let us = us.value(row);
        let part = match field.to_ascii_lowercase().as_str() {
            "epoch" => Some(us as f64 / 1e6),
            name => Unit::named(name).and_then(|unit| clock_part(unit, us)),
        };
        part.map(Some).ok_or_else(|| unknown(field, "time without time zone"))
    }))
}

fn of_intervals(values: &ArrayRef) -> PartOf {
    let values = values.as_primitive::<IntervalMonthDayNanoType>().clone();
    Box::new(move |field, row| {
        let part = interval_part(field, Span::of(values.value(row)));
        part.map(Some).ok_or_else(|| unknown(field, "interval"))
    })
}

fn interval_part(field: &str, span: Span) -> Option<f64> {
    let months = i64::from(span.months);
    if field.eq_ignore_ascii_case("epoch") {
        // A year counts 365.25 days, a month left over 30.
        let days = (months / 12) as f64 * 365.25 + (months % 12 * 30) as f64;
        let days = days + f64::from(span.days);
        return Some(days * 86_400.0 + span.us as f64 / 1e6);
    }
    let whole = match Unit::named(field)? {
        Unit::Day => i64::from(span.days),
        Unit::Month => months % 12,
        Unit::Quarter => months % 12 / 3 + 1,
        Unit::Year => months / 12,
        Unit::Decade => months / 120,
        Unit::Century => months / 1200,
        Unit::Millennium => months / 12_000,
        Unit::Week => i64::from(span.days) / 7,
        unit => return clock_part(unit, span.us),
    };
    Some(whole as f64)
}
