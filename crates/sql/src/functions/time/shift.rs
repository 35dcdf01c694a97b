//! Moments moved by intervals, on the session's wall clock; and intervals compared.
//!
//! A day later is the same time tomorrow, which is 23 hours on one day of the year: so months and
//! days are added on the wall, the rest in the world.

use super::interval::Span;
use super::wall::{Wall, is_finite, midnight, misused, moment_type, to_wall, to_world};
use crate::functions::cast::micros;
use crate::functions::failure::fail;
use crate::functions::formats::formats_of;
use crate::functions::function::{Function, Kernel, by_columns, result};
use arrow::array::{ArrayRef, AsArray, Decimal128Array, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, FieldRef, IntervalMonthDayNanoType, IntervalUnit};
use cvx_types::calendar::{US_PER_DAY, days_in_month};
use cvx_types::zone::TimeZone;
use cvx_types::{PgType, SqlState};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, Volatility,
};
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        moving("timestamp_pl_interval", |args| shift(args, 1)),
        moving("timestamp_mi_interval", |args| shift(args, -1)),
        Function::new("interval_value", one_interval, PgType::Numeric, interval_value)
            .strict()
            .udf(),
    ]
}

fn moving(name: &'static str, kernel: Kernel) -> Arc<ScalarUDF> {
    let function = Function::with_field(name, typing, field, kernel);
    function.volatility(Volatility::Stable).strict().udf()
}

fn interval() -> DataType {
    DataType::Interval(IntervalUnit::MonthDayNano)
}

fn is_interval(ty: &DataType) -> bool {
    matches!(ty, DataType::Interval(_) | DataType::Duration(_) | DataType::Null)
}

fn typing(types: &[DataType]) -> Option<Vec<DataType>> {
    match types {
        [moment, span] if is_interval(span) => {
            let moment = match moment_type(moment)? {
                DataType::Date32 => PgType::Timestamp.arrow_type(-1),
                moment => moment,
            };
            Some(vec![moment, interval()])
        }
        _ => None,
    }
}

fn field(args: &ReturnFieldArgs) -> Result<FieldRef> {
    result(match args.arg_fields.first().map(|field| field.data_type()) {
        Some(DataType::Timestamp(_, Some(_))) => &PgType::Timestamptz,
        _ => &PgType::Timestamp,
    })
}

fn shift(args: &ScalarFunctionArgs, sign: i32) -> Result<ColumnarValue> {
    let zone = match args.return_field.data_type() {
        DataType::Timestamp(_, Some(_)) => Some(formats_of(args)?.timezone),
        _ => None,
    };
    by_columns(args, |columns, _| {
        let [moments, spans] = columns else { return Err(misused("a moved moment")) };
        let moments = micros(moments)?;
        let spans = spans.as_primitive::<IntervalMonthDayNanoType>().iter();
        let moved = moments.iter().zip(spans).map(|(us, span)| match (us, span) {
            (Some(us), Some(span)) => {
                moved(us, Span::of(span), sign, zone).map(Some).ok_or_else(out_of_range)
            }
            _ => Ok(None),
        });
        let moved = moved.collect::<Result<TimestampMicrosecondArray>>()?;
        Ok(Arc::new(if zone.is_some() { moved.with_timezone("UTC") } else { moved }))
    })
}

fn out_of_range() -> DataFusionError {
    fail(SqlState::DATETIME_OVERFLOW, "timestamp out of range")
}

/// Months first, then days, on the wall; the rest in the world.
pub(super) fn moved(us: i64, span: Span, sign: i32, zone: Option<TimeZone>) -> Option<i64> {
    if !is_finite(us) {
        return Some(us);
    }
    let (months, days) = (span.months.checked_mul(sign)?, span.days.checked_mul(sign)?);
    let mut world = us;
    if months != 0 || days != 0 {
        let wall = zone.map_or(us, |zone| to_wall(us, zone));
        let wall = add_months(wall, months)?;
        let wall = wall.checked_add(i64::from(days).checked_mul(US_PER_DAY)?)?;
        world = zone.map_or(wall, |zone| to_world(wall, zone));
    }
    world.checked_add(span.us.checked_mul(i64::from(sign))?).filter(|us| is_finite(*us))
}

/// The same day of another month, or that month's last.
fn add_months(wall_us: i64, months: i32) -> Option<i64> {
    let wall = Wall::of(wall_us);
    let month =
        wall.year.checked_mul(12)?.checked_add(i64::from(wall.month) - 1 + i64::from(months))?;
    let (year, month) = (month.div_euclid(12), u32::try_from(month.rem_euclid(12)).ok()? + 1);
    let day = wall.day.min(days_in_month(year, month));
    midnight(year, month, day)?.checked_add(wall.us_of_day)
}

fn one_interval(types: &[DataType]) -> Option<Vec<DataType>> {
    matches!(types, [ty] if is_interval(ty)).then(|| vec![interval()])
}

/// An interval as one number to compare by: a month is 30 days, a day 24 hours.
fn interval_value(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let ty = args.return_field.data_type().clone();
    by_columns(args, |columns, _| {
        let [spans]: &[ArrayRef] = columns else { return Err(misused("interval_value")) };
        let spans = spans.as_primitive::<IntervalMonthDayNanoType>().iter();
        let value = |span: Span| {
            let days = i128::from(span.months) * 30 + i128::from(span.days);
            days * i128::from(US_PER_DAY) + i128::from(span.us)
        };
        let values: Decimal128Array = spans.map(|span| span.map(|s| value(Span::of(s)))).collect();
        Ok(Arc::new(values.with_data_type(ty)))
    })
}
