//! Spans of time: differences of moments, `age`, `make_interval`, `justify_...`, scaling.
//!
//! Postgres keeps months, days and microseconds apart, because none is a number of the others;
//! so do we (Arrow's nanoseconds are always whole microseconds here).

use super::wall::{Moments, Wall, integers, is_finite, misused, moment_type, timestamptz, to_wall};
use crate::functions::failure::fail;
use crate::functions::formats::formats_of;
use crate::functions::function::{Function, by_columns};
use arrow::array::{Array, ArrayRef, AsArray, Int32Array, Int64Array, IntervalMonthDayNanoArray};
use arrow::datatypes::{
    DataType, Date32Type, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
};
use cvx_types::calendar::{US_PER_DAY, US_PER_SECOND, days_in_month};
use cvx_types::{PgType, SqlState};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, Volatility};
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let spans =
        |name, kernel| Function::new(name, one_interval, PgType::Interval, kernel).strict().udf();
    let scaled =
        |name, kernel| Function::new(name, scaling, PgType::Interval, kernel).strict().udf();
    vec![
        Function::new("timestamp_mi", moments, PgType::Interval, |args| between(args, difference))
            .strict()
            .udf(),
        Function::new("age", ages, PgType::Interval, |args| between(args, age))
            .volatility(Volatility::Stable)
            .strict()
            .udf(),
        Function::new("date_mi", dates, PgType::Int4, date_difference).strict().udf(),
        scaled("interval_mul", |args| scale(args, |factor| factor)),
        scaled("interval_div", |args| scale(args, |factor| 1.0 / factor)),
        spans("justify_days", |args| each(args, justify_days)),
        spans("justify_hours", |args| each(args, justify_hours)),
        spans("justify_interval", |args| each(args, justify_interval)),
        Function::new("make_interval", make_typing, PgType::Interval, make_interval)
            .parameters(&["years", "months", "weeks", "days", "hours", "mins", "secs"])
            .udf(),
    ]
}

/// An interval as Postgres holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) months: i32,
    pub(super) days: i32,
    pub(super) us: i64,
}

impl Span {
    pub(super) fn of(interval: IntervalMonthDayNano) -> Self {
        let (months, days) = (interval.months, interval.days);
        Self { months, days, us: interval.nanoseconds / 1000 }
    }

    pub(super) fn interval(self) -> IntervalMonthDayNano {
        IntervalMonthDayNano::new(self.months, self.days, self.us.saturating_mul(1000))
    }
}

fn out_of_range() -> DataFusionError {
    fail(SqlState::DATETIME_OVERFLOW, "interval out of range")
}

/// One argument is an age as of today.
fn ages(types: &[DataType]) -> Option<Vec<DataType>> {
    match types {
        [ty] => Some(moments(&[ty.clone(), ty.clone()])?.into_iter().take(1).collect()),
        types => moments(types),
    }
}

fn moments(types: &[DataType]) -> Option<Vec<DataType>> {
    let [left, right] = types else { return None };
    let common = |a: &DataType, b: &DataType| {
        Some(match (moment_type(a), moment_type(b)) {
            (Some(a), Some(b)) if a == b && a != DataType::Date32 => a,
            (Some(DataType::Timestamp(unit, None)), Some(DataType::Date32))
            | (Some(DataType::Date32), Some(DataType::Timestamp(unit, None))) => {
                DataType::Timestamp(unit, None)
            }
            (Some(DataType::Date32), Some(DataType::Date32)) => PgType::Timestamp.arrow_type(-1),
            (Some(_), Some(_)) => timestamptz(),
            (Some(ty), None) if b.is_null() => ty,
            (None, Some(ty)) if a.is_null() => ty,
            _ => return None,
        })
    };
    let ty = common(left, right)?;
    Some(vec![ty.clone(), ty])
}

fn dates(types: &[DataType]) -> Option<Vec<DataType>> {
    let is_date =
        |ty: &DataType| matches!(ty, DataType::Date32 | DataType::Date64 | DataType::Null);
    (types.len() == 2 && types.iter().all(is_date)).then(|| vec![DataType::Date32; 2])
}

fn is_interval(ty: &DataType) -> bool {
    matches!(ty, DataType::Interval(_) | DataType::Duration(_) | DataType::Null)
}

fn interval_type() -> DataType {
    DataType::Interval(IntervalUnit::MonthDayNano)
}

fn one_interval(types: &[DataType]) -> Option<Vec<DataType>> {
    matches!(types, [ty] if is_interval(ty)).then(|| vec![interval_type()])
}

fn scaling(types: &[DataType]) -> Option<Vec<DataType>> {
    match types {
        [span, factor] if is_interval(span) && (factor.is_numeric() || factor.is_null()) => {
            Some(vec![interval_type(), DataType::Float64])
        }
        _ => None,
    }
}

/// Runs `span` on the wall times of two moments, the later first.
fn between(args: &ScalarFunctionArgs, span: fn(i64, i64) -> Option<Span>) -> Result<ColumnarValue> {
    let settings = formats_of(args)?;
    let zone = settings.timezone;
    let today = to_wall(settings.now_us, zone).div_euclid(US_PER_DAY) * US_PER_DAY;
    by_columns(args, |columns, _| {
        let (left, right) = match columns {
            [right] => {
                let right = Moments::read(right, zone)?.wall_us;
                (Int64Array::from(vec![today; right.len()]), right)
            }
            [left, right] => {
                (Moments::read(left, zone)?.wall_us, Moments::read(right, zone)?.wall_us)
            }
            _ => return Err(misused("a difference of moments")),
        };
        let spans = left.iter().zip(right.iter()).map(|(a, b)| match (a, b) {
            (Some(a), Some(b)) if is_finite(a) && is_finite(b) => {
                span(a, b).map(|span| Some(span.interval())).ok_or_else(out_of_range)
            }
            (Some(_), Some(_)) => Err(out_of_range()),
            _ => Ok(None),
        });
        Ok(Arc::new(spans.collect::<Result<IntervalMonthDayNanoArray>>()?))
    })
}

/// Days of 24 hours, and the rest.
fn difference(left: i64, right: i64) -> Option<Span> {
    let us = left.checked_sub(right)?;
    let days = i32::try_from(us / US_PER_DAY).ok()?;
    Some(Span { months: 0, days, us: us % US_PER_DAY })
}

/// Years, months and days as a calendar counts them, from the earlier moment on.
fn age(left: i64, right: i64) -> Option<Span> {
    if left < right {
        let span = age(right, left)?;
        return Some(Span { months: -span.months, days: -span.days, us: -span.us });
    }
    let (later, earlier) = (Wall::of(left), Wall::of(right));
    let mut months =
        (later.year - earlier.year) * 12 + i64::from(later.month) - i64::from(earlier.month);
    let mut days = i64::from(later.day) - i64::from(earlier.day);
    let mut us = later.us_of_day - earlier.us_of_day;
    if us < 0 {
        us += US_PER_DAY;
        days -= 1;
    }
    if days < 0 {
        // The month borrowed from is the earlier moment's, as in Postgres.
        days += i64::from(days_in_month(earlier.year, earlier.month));
        months -= 1;
    }
    Some(Span { months: i32::try_from(months).ok()?, days: i32::try_from(days).ok()?, us })
}

fn date_difference(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let [left, right] = columns else { return Err(misused("a difference of dates")) };
        let days = |column: &ArrayRef| column.as_primitive::<Date32Type>().clone();
        let (left, right) = (days(left), days(right));
        let days = left.iter().zip(right.iter()).map(|(a, b)| match (a, b) {
            (Some(a), Some(b)) => a
                .checked_sub(b)
                .map(Some)
                .ok_or_else(|| fail(SqlState::DATETIME_OVERFLOW, "date out of range")),
            _ => Ok(None),
        });
        Ok(Arc::new(days.collect::<Result<Int32Array>>()?))
    })
}

fn each(args: &ScalarFunctionArgs, make: fn(Span) -> Option<Span>) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let [spans] = columns else { return Err(misused("a function of an interval")) };
        let spans = spans.as_primitive::<IntervalMonthDayNanoType>().iter();
        let made = spans.map(|span| {
            let made = |span| make(Span::of(span)).map(Span::interval).ok_or_else(out_of_range);
            span.map(made).transpose()
        });
        Ok(Arc::new(made.collect::<Result<IntervalMonthDayNanoArray>>()?))
    })
}

/// Moves whole runs of `size` from the smaller unit up, signs kept alike.
fn carry(high: i64, low: i64, size: i64) -> (i64, i64) {
    let (mut high, mut low) = (high + low / size, low % size);
    if high > 0 && low < 0 {
        (high, low) = (high - 1, low + size);
    } else if high < 0 && low > 0 {
        (high, low) = (high + 1, low - size);
    }
    (high, low)
}

fn justify_hours(span: Span) -> Option<Span> {
    let (days, us) = carry(i64::from(span.days), span.us, US_PER_DAY);
    Some(Span { days: i32::try_from(days).ok()?, us, ..span })
}

fn justify_days(span: Span) -> Option<Span> {
    let (months, days) = carry(i64::from(span.months), i64::from(span.days), 30);
    let (months, days) = (i32::try_from(months).ok()?, i32::try_from(days).ok()?);
    Some(Span { months, days, us: span.us })
}

fn justify_interval(span: Span) -> Option<Span> {
    let span = justify_days(justify_hours(span)?)?;
    // Signs may still differ between months and the clock; carry a day, then a month.
    let mixed_clock = span.days > 0 && span.us < 0 || span.days < 0 && span.us > 0;
    let span = if mixed_clock { justify_hours(span)? } else { span };
    let total = i64::from(span.months);
    let rest = i64::from(span.days) * US_PER_DAY + span.us;
    let (months, rest) = carry(total, rest, 30 * US_PER_DAY);
    let (days, us) = (rest / US_PER_DAY, rest % US_PER_DAY);
    Some(Span { months: i32::try_from(months).ok()?, days: i32::try_from(days).ok()?, us })
}

fn scale(args: &ScalarFunctionArgs, factor_of: fn(f64) -> f64) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let [spans, factors] = columns else { return Err(misused("interval scaling")) };
        let spans = spans.as_primitive::<IntervalMonthDayNanoType>().iter();
        let factors = factors.as_primitive::<Float64Type>().iter();
        let scaled = spans.zip(factors).map(|(span, factor)| match (span, factor) {
            (Some(span), Some(factor)) => {
                let factor = factor_of(factor);
                if factor.is_infinite() {
                    return Err(fail(SqlState::DIVISION_BY_ZERO, "division by zero"));
                }
                let scaled = scaled(Span::of(span), factor).ok_or_else(out_of_range)?;
                Ok(Some(scaled.interval()))
            }
            _ => Ok(None),
        });
        Ok(Arc::new(scaled.collect::<Result<IntervalMonthDayNanoArray>>()?))
    })
}

/// What is left of a month counts 30 days, what is left of a day 24 hours.
fn scaled(span: Span, factor: f64) -> Option<Span> {
    let months = f64::from(span.months) * factor;
    let days = f64::from(span.days) * factor + tidy(months.fract() * 30.0);
    let us = (span.us as f64 * factor) + tidy(days.fract()) * US_PER_DAY as f64;
    let whole = |x: f64| (x.abs() < 2_147_483_648.0).then_some(x.trunc() as i32);
    let us = (us.is_finite() && us.abs() < 9.2e18).then_some(us.round() as i64)?;
    Some(Span { months: whole(months)?, days: whole(days)?, us })
}

/// Drops the noise of binary fractions, as Postgres rounds here to 6 digits.
fn tidy(x: f64) -> f64 {
    (x * 1e6).round() / 1e6
}

fn make_typing(types: &[DataType]) -> Option<Vec<DataType>> {
    let whole = |ty: &DataType| ty.is_integer() || ty.is_null();
    let (units, seconds) = types.split_at_checked(6).unwrap_or((types, &[]));
    let fits = units.iter().all(whole)
        && match seconds {
            [] => true,
            [seconds] => seconds.is_numeric() || seconds.is_null(),
            _ => false,
        };
    fits.then(|| {
        [vec![DataType::Int64; units.len()], vec![DataType::Float64; seconds.len()]].concat()
    })
}

fn make_interval(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_columns(args, |columns, rows| {
        let (units, seconds) = columns.split_at_checked(6).unwrap_or((columns, &[]));
        let units = units.iter().map(integers).collect::<Result<Vec<_>>>()?;
        let seconds = seconds.first().map(|seconds| seconds.as_primitive::<Float64Type>());
        let made = (0..rows).map(|row| {
            let mut fields = [0_i64; 6];
            for (field, column) in fields.iter_mut().zip(&units) {
                if column.is_null(row) {
                    return Ok(None);
                }
                *field = column.value(row);
            }
            if seconds.is_some_and(|seconds| seconds.is_null(row)) {
                return Ok(None);
            }
            let seconds = seconds.map_or(0.0, |seconds| seconds.value(row));
            made(fields, seconds).map(|span| Some(span.interval())).ok_or_else(out_of_range)
        });
        Ok(Arc::new(made.collect::<Result<IntervalMonthDayNanoArray>>()?))
    })
}

fn made([years, months, weeks, days, hours, minutes]: [i64; 6], seconds: f64) -> Option<Span> {
    let months = years.checked_mul(12)?.checked_add(months)?;
    let days = weeks.checked_mul(7)?.checked_add(days)?;
    let clock = hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?;
    let seconds = (seconds.abs() < 9e12).then_some((seconds * 1e6).round() as i64)?;
    let us = clock.checked_mul(US_PER_SECOND)?.checked_add(seconds)?;
    Some(Span { months: i32::try_from(months).ok()?, days: i32::try_from(days).ok()?, us })
}
