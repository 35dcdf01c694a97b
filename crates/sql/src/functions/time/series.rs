//! `generate_series(start, stop [, step])` as a list, which [`crate::types::lower`] unnests.
//!
//! In FROM with plain numbers DataFusion's own table function streams; this one is for moments,
//! parameters and calls in a SELECT list, and refuses to hold more than [`VALUES_MAX`].

use super::interval::Span;
use super::shift::moved;
use super::wall::{integers, misused, moment_type};
use crate::functions::cast::micros;
use crate::functions::failure::{fail, raise};
use crate::functions::formats::formats_of;
use crate::functions::function::{Function, by_columns, field_of_type, is_text};
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray, TimestampMicrosecondArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    DataType, Field, FieldRef, IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
};
use cvx_types::zone::TimeZone;
use cvx_types::{PgType, SqlError, SqlState};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, Volatility,
};
use std::sync::Arc;

/// The longest series kept in memory.
const VALUES_MAX: usize = 10_000_000;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let series = Function::with_field("generate_series", typing, field, series);
    vec![series.volatility(Volatility::Stable).strict().udf()]
}

fn typing(types: &[DataType]) -> Option<Vec<DataType>> {
    let whole = |ty: &DataType| ty.is_integer() || ty.is_null();
    if (2..=3).contains(&types.len()) && types.iter().all(whole) {
        return Some(vec![DataType::Int64; types.len()]);
    }
    let [start, stop, step] = types else { return None };
    // A constant text, or a parameter, is a moment of the other's kind, or a step.
    let open = |ty: &DataType| is_text(ty) || ty.is_null();
    let (start, stop) = match (moment_type(start), moment_type(stop)) {
        (Some(start), Some(stop)) => (start, stop),
        (Some(start), None) if open(stop) => (start.clone(), start),
        (None, Some(stop)) if open(start) => (stop.clone(), stop),
        _ => return None,
    };
    let zoned = |ty: &DataType| !matches!(ty, DataType::Timestamp(_, None));
    let zone = (zoned(&start) || zoned(&stop)).then(|| "UTC".into());
    let moment = DataType::Timestamp(TimeUnit::Microsecond, zone);
    let steps = open(step) || matches!(step, DataType::Interval(_) | DataType::Duration(_));
    let interval = DataType::Interval(IntervalUnit::MonthDayNano);
    steps.then(|| vec![moment.clone(), moment, interval])
}

fn field(args: &ReturnFieldArgs) -> Result<FieldRef> {
    let element = match args.arg_fields.first().map(|field| field.data_type()) {
        Some(DataType::Timestamp(_, None)) => PgType::Timestamp,
        Some(DataType::Timestamp(_, Some(_))) => PgType::Timestamptz,
        _ => PgType::Int8,
    };
    Ok(Arc::new(field_of_type("", &PgType::Array(Box::new(element)), -1, true)))
}

fn series(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let zone = formats_of(args)?.timezone;
    let item = match args.return_field.data_type() {
        DataType::List(item) => Arc::clone(item),
        _ => return Err(misused("generate_series")),
    };
    by_columns(args, |columns, rows| match item.data_type() {
        DataType::Timestamp(_, zoned) => {
            let zone = zoned.is_some().then_some(zone);
            let series = of_moments(columns, rows, zone)?;
            list(&item, series, |values| {
                let values: TimestampMicrosecondArray = Int64Array::from(values).reinterpret_cast();
                Arc::new(values.with_timezone_opt(zoned.clone()))
            })
        }
        _ => list(&item, of_integers(columns, rows)?, |values| Arc::new(Int64Array::from(values))),
    })
}

type Series = Vec<Option<Vec<i64>>>;

fn list(
    item: &Arc<Field>,
    series: Series,
    values: impl Fn(Vec<i64>) -> ArrayRef,
) -> Result<ArrayRef> {
    let lengths = series.iter().map(|one| one.as_ref().map_or(0, Vec::len));
    let offsets = OffsetBuffer::from_lengths(lengths);
    let nulls = NullBuffer::from_iter(series.iter().map(Option::is_some));
    let values = values(series.into_iter().flatten().flatten().collect());
    Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, values, Some(nulls))?))
}

fn too_long() -> datafusion::common::DataFusionError {
    let message = format!("a series of more than {VALUES_MAX} values");
    raise(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message))
}

fn zero_step() -> datafusion::common::DataFusionError {
    fail(SqlState::INVALID_PARAMETER, "step size cannot equal zero")
}

/// From a start in steps until past the stop, which `done` tells.
fn walk(
    start: i64,
    done: impl Fn(i64) -> bool,
    next: impl Fn(i64) -> Option<i64>,
) -> Result<Vec<i64>> {
    let mut values = Vec::new();
    let mut value = Some(start);
    while let Some(own) = value.filter(|own| !done(*own)) {
        if values.len() == VALUES_MAX {
            return Err(too_long());
        }
        values.push(own);
        value = next(own);
    }
    Ok(values)
}

fn of_integers(columns: &[ArrayRef], rows: usize) -> Result<Series> {
    let columns = columns.iter().map(integers).collect::<Result<Vec<_>>>()?;
    let row = |row: usize| {
        if columns.iter().any(|column| column.is_null(row)) {
            return Ok(None);
        }
        let values: Vec<i64> = columns.iter().map(|column| column.value(row)).collect();
        let (start, stop, step) = match values.as_slice() {
            [start, stop] => (*start, *stop, 1),
            [start, stop, step] => (*start, *stop, *step),
            _ => return Err(misused("generate_series")),
        };
        if step == 0 {
            return Err(zero_step());
        }
        let done = |value| if step > 0 { value > stop } else { value < stop };
        walk(start, done, |value| value.checked_add(step)).map(Some)
    };
    (0..rows).map(row).collect()
}

fn of_moments(columns: &[ArrayRef], rows: usize, zone: Option<TimeZone>) -> Result<Series> {
    let [starts, stops, steps] = columns else { return Err(misused("generate_series")) };
    let (starts, stops) = (micros(starts)?, micros(stops)?);
    let steps = steps.as_primitive::<IntervalMonthDayNanoType>();
    let row = |row: usize| {
        if starts.is_null(row) || stops.is_null(row) || steps.is_null(row) {
            return Ok(None);
        }
        let (start, stop) = (starts.value(row), stops.value(row));
        let step = Span::of(steps.value(row));
        let up = moved(start, step, 1, zone).is_none_or(|next| next > start);
        if moved(start, step, 1, zone) == Some(start) {
            return Err(zero_step());
        }
        let done = |value| if up { value > stop } else { value < stop };
        walk(start, done, |value| moved(value, step, 1, zone)).map(Some)
    };
    (0..rows).map(row).collect()
}
