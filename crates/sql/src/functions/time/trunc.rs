//! `date_trunc(unit, moment [, zone])`, on the wall clock.

use super::Unit;
use super::interval::Span;
use super::wall::{Moments, Wall, is_finite, midnight, misused, moment_type};
use crate::functions::failure::{fail, raise};
use crate::functions::formats::formats_of;
use crate::functions::function::{Function, by_columns, is_text, result};
use crate::functions::json::texts;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, FieldRef, IntervalMonthDayNanoType, IntervalUnit};
use cvx_types::calendar::{US_PER_DAY, US_PER_SECOND};
use cvx_types::zone::TimeZone;
use cvx_types::{PgType, SqlState};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, Volatility,
};
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let trunc = Function::with_field("date_trunc", typing, field, date_trunc);
    vec![trunc.alias("datetrunc").volatility(Volatility::Stable).strict().udf()]
}

fn typing(types: &[DataType]) -> Option<Vec<DataType>> {
    let (unit, value, zone) = match types {
        [unit, value] => (unit, value, None),
        [unit, value, zone] => (unit, value, Some(zone)),
        _ => return None,
    };
    let value = match value {
        DataType::Interval(_) | DataType::Duration(_) => {
            DataType::Interval(IntervalUnit::MonthDayNano)
        }
        DataType::Null => PgType::Timestamptz.arrow_type(-1),
        ty => moment_type(ty)?,
    };
    let texts = is_text(unit) && zone.is_none_or(is_text);
    let zone = zone.map(|_| DataType::Utf8);
    texts.then(|| [vec![DataType::Utf8, value], zone.into_iter().collect()].concat())
}

fn field(args: &ReturnFieldArgs) -> Result<FieldRef> {
    result(match args.arg_fields.get(1).map(|field| field.data_type()) {
        Some(DataType::Interval(_)) => &PgType::Interval,
        Some(DataType::Timestamp(_, None)) => &PgType::Timestamp,
        _ => &PgType::Timestamptz,
    })
}

fn date_trunc(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let zone = match args.args.get(2) {
        None => formats_of(args)?.timezone,
        Some(ColumnarValue::Scalar(ScalarValue::Utf8(Some(zone)))) => {
            TimeZone::parse(zone).map_err(raise)?
        }
        Some(ColumnarValue::Scalar(zone)) if zone.is_null() => TimeZone::UTC,
        Some(_) => {
            let message = "the time zone of date_trunc must be a constant";
            return Err(fail(SqlState::FEATURE_NOT_SUPPORTED, message));
        }
    };
    by_columns(args, |columns, _| {
        let [units, values, ..] = columns else { return Err(misused("date_trunc")) };
        let units = texts(units)?;
        if let DataType::Interval(_) = values.data_type() {
            return intervals(&units, values);
        }
        let moments = Moments::read(values, zone)?;
        let rows = units.iter().zip(moments.wall_us.iter());
        let cut = rows.map(|(unit, us)| match (unit, us) {
            (Some(unit), Some(us)) => moment(unit, us).map(Some),
            _ => Ok(None),
        });
        Ok(moments.write(&cut.collect::<Result<Int64Array>>()?))
    })
}

fn unit_named(name: &str) -> Result<Unit> {
    Unit::named(name).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> DataFusionError {
    fail(SqlState::INVALID_PARAMETER, format!("unit \"{name}\" not recognized"))
}

/// The start of the unit a wall time lies in.
fn moment(unit: &str, us: i64) -> Result<i64> {
    let unit = unit_named(unit)?;
    if !is_finite(us) {
        return Ok(us);
    }
    let wall = Wall::of(us);
    let start = |year, month| midnight(year, month, 1);
    let cut = match unit {
        Unit::Day => Some(us - wall.us_of_day),
        Unit::Week => Some(us - wall.us_of_day - (wall.iso_weekday() - 1) * US_PER_DAY),
        Unit::Month => start(wall.year, wall.month),
        Unit::Quarter => start(wall.year, (wall.month - 1) / 3 * 3 + 1),
        Unit::Year => start(wall.year, 1),
        Unit::Decade => start(wall.year.div_euclid(10) * 10, 1),
        Unit::Century => start((wall.year - 1).div_euclid(100) * 100 + 1, 1),
        Unit::Millennium => start((wall.year - 1).div_euclid(1000) * 1000 + 1, 1),
        clock => Some(us - us.rem_euclid(step(clock))),
    };
    cut.ok_or_else(|| fail(SqlState::DATETIME_OVERFLOW, "timestamp out of range"))
}

/// The length of a unit of the clock.
fn step(unit: Unit) -> i64 {
    match unit {
        Unit::Millisecond => 1000,
        Unit::Second => US_PER_SECOND,
        Unit::Minute => 60 * US_PER_SECOND,
        Unit::Hour => 3600 * US_PER_SECOND,
        _ => 1,
    }
}

fn intervals(units: &StringArray, values: &ArrayRef) -> Result<ArrayRef> {
    let values = values.as_primitive::<IntervalMonthDayNanoType>();
    let cut = units.iter().zip(values.iter()).map(|(unit, value)| match (unit, value) {
        (Some(unit), Some(value)) => {
            let span = interval(unit, unit_named(unit)?, Span::of(value))?;
            Ok(Some(span.interval()))
        }
        _ => Ok(None),
    });
    let cut = cut.collect::<Result<arrow::array::IntervalMonthDayNanoArray>>()?;
    Ok(Arc::new(cut))
}

fn interval(name: &str, unit: Unit, span: Span) -> Result<Span> {
    let months = |step: i32| Span { months: span.months / step * step, days: 0, us: 0 };
    Ok(match unit {
        Unit::Week => return Err(unknown(name)),
        Unit::Day => Span { us: 0, ..span },
        Unit::Month => months(1),
        Unit::Quarter => months(3),
        Unit::Year => months(12),
        Unit::Decade => months(120),
        Unit::Century => months(1200),
        Unit::Millennium => months(12_000),
        clock => Span { us: span.us / step(clock) * step(clock), ..span },
    })
}
