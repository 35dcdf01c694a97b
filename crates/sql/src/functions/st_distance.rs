//! `st_distance(v, q, alpha, at, tau, metric, decay, ts)`: near in meaning and near in time.
//!
//! The binder spells calls out to all eight arguments (the table's metric and tau, the AS OF in
//! force, the table's time column); by hand two suffice, and a NULL is the default: cosine,
//! 30 days, linear. A weight below 1 needs the row's time, else 42P10. The number is
//! [`cvx_core::Composite`]'s, as in a search, bit for bit.

use super::codec;
use super::failure::{fail, raise};
use super::formats::formats_of;
use super::function::{Function, is_text, result};
use super::vector::{Vectors, distance_column, vector_argument};
use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, PrimitiveArray, StringArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Float64Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
    TimeUnit,
};
use cvx_core::{Composite, Decay, Metric, ValidTime};
use cvx_types::calendar::US_PER_DAY;
use cvx_types::{FormatSettings, PgType, SqlError, SqlState};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF};
use std::sync::Arc;

/// The parameters' names, for `alpha => 0.7`.
pub const PARAMETERS: [&str; 8] = ["v", "q", "alpha", "at", "tau", "metric", "decay", "ts"];
/// tau where neither the call nor the table says one: 30 days.
pub const TAU_DEFAULT_US: i64 = 30 * US_PER_DAY;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let function = Function::with_field("st_distance", typing, field, st_distance);
    vec![function.parameters(&PARAMETERS).udf()]
}

/// The type of a parameter in this place.
#[must_use]
pub fn parameter_type(at: usize) -> Option<PgType> {
    Some(match at {
        0 | 1 => PgType::Vector,
        2 => PgType::Float8,
        3 | 7 => PgType::Timestamptz,
        4 => PgType::Interval,
        5 | 6 => PgType::Text,
        _ => return None,
    })
}

/// A metric by its name in table options, calls and operator classes' metrics.
#[must_use]
pub fn metric_named(name: &str) -> Option<Metric> {
    Some(match name.to_ascii_lowercase().as_str() {
        "cosine" => Metric::Cosine,
        "l2" | "euclidean" => Metric::L2,
        "ip" | "inner_product" | "dot" => Metric::InnerProduct,
        "l1" | "manhattan" => Metric::L1,
        "poincare" | "poincaré" => Metric::Poincare,
        _ => return None,
    })
}

/// How distance in time grows, by name.
#[must_use]
pub fn decay_named(name: &str) -> Option<Decay> {
    Some(match name.to_ascii_lowercase().as_str() {
        "linear" => Decay::Linear,
        "exponential" => Decay::Exponential,
        _ => return None,
    })
}

/// An interval as one number: a month counts 30 days.
#[must_use]
pub fn interval_us(interval: IntervalMonthDayNano) -> f64 {
    let days = f64::from(interval.months) * 30.0 + f64::from(interval.days);
    days * US_PER_DAY as f64 + interval.nanoseconds as f64 / 1000.0
}

fn typing(types: &[DataType]) -> Option<Vec<DataType>> {
    if !(2..=PARAMETERS.len()).contains(&types.len()) {
        return None;
    }
    types.iter().enumerate().map(|(at, ty)| argument(at, ty)).collect()
}

fn argument(at: usize, ty: &DataType) -> Option<DataType> {
    let text = is_text(ty).then_some(DataType::Utf8);
    match at {
        0 | 1 => vector_argument(ty),
        _ if ty.is_null() => Some(DataType::Null),
        2 => (ty.is_numeric() || is_text(ty)).then_some(DataType::Float64),
        3 | 7 => moment(ty).or(text),
        4 => match ty {
            DataType::Interval(_) | DataType::Duration(_) => {
                Some(DataType::Interval(IntervalUnit::MonthDayNano))
            }
            _ => text,
        },
        _ => text,
    }
}

fn moment(ty: &DataType) -> Option<DataType> {
    match ty {
        DataType::Timestamp(_, zone) => {
            Some(DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))
        }
        DataType::Date32 | DataType::Date64 => {
            Some(DataType::Timestamp(TimeUnit::Microsecond, None))
        }
        ty if ty.is_integer() => Some(DataType::Int64),
        _ => None,
    }
}

/// A constant weight is checked when the statement is planned.
fn field(args: &ReturnFieldArgs) -> Result<arrow::datatypes::FieldRef> {
    let alpha = args.scalar_arguments.get(2).copied().flatten();
    if let Some(ScalarValue::Float64(Some(alpha))) =
        alpha.map(|alpha| alpha.cast_to(&DataType::Float64)).transpose()?
    {
        composite(alpha, 0, 1.0, Decay::Linear)?;
    }
    result(&PgType::Float8)
}

fn composite(alpha: f64, at: i64, tau_us: f64, decay: Decay) -> Result<Composite> {
    let composite = Composite::new(alpha, ValidTime(at), tau_us, decay);
    composite.map_err(|error| fail(SqlState::INVALID_PARAMETER, error.to_string()))
}

fn st_distance(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
    let rows = if constant { 1 } else { args.number_rows };
    let arguments = Arguments { args, rows, settings: formats_of(args)? };
    let column: ArrayRef = Arc::new(arguments.distances()?);
    if constant {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&column, 0)?));
    }
    Ok(ColumnarValue::Array(column))
}

struct Arguments<'a> {
    args: &'a ScalarFunctionArgs,
    rows: usize,
    settings: FormatSettings,
}

impl Arguments<'_> {
    fn distances(&self) -> Result<Float64Array> {
        let semantic = self.semantic()?;
        let Some(alpha) = self.column(2)? else { return Ok(semantic) };
        let alpha = self.numbers(&alpha)?;
        let needs_time = alpha.iter().flatten().any(|alpha| alpha != 1.0);
        let Some(terms) = Terms::read(self, needs_time)? else {
            for alpha in alpha.iter().flatten() {
                composite(alpha, 0, 1.0, Decay::Linear)?;
            }
            let both = |(semantic, alpha): (_, Option<f64>)| alpha.and(semantic);
            return Ok(semantic.iter().zip(alpha.iter()).map(both).collect());
        };
        let rows = semantic.iter().zip(alpha.iter()).enumerate();
        rows.map(|(row, (semantic, alpha))| match (semantic, alpha) {
            (Some(semantic), Some(alpha)) => terms.distance(row, semantic, alpha),
            _ => Ok(None),
        })
        .collect()
    }

    fn semantic(&self) -> Result<Float64Array> {
        let vectors = |at| match self.args.args.get(at) {
            Some(value) => Vectors::read(value),
            None => Err(fail(SqlState::INTERNAL_ERROR, "st_distance needs two vectors")),
        };
        let (v, q) = (vectors(0)?, vectors(1)?);
        let Some(names) = self.column(5)? else {
            return distance_column(Metric::Cosine, &v, &q, self.rows);
        };
        let names: &StringArray = names.as_string();
        let metrics = names.iter().map(|name| name.map_or(Ok(Metric::Cosine), metric));
        let metrics = metrics.collect::<Result<Vec<Metric>>>()?;
        match metrics.split_first() {
            Some((first, rest)) if rest.iter().all(|other| other == first) => {
                distance_column(*first, &v, &q, self.rows)
            }
            _ => metrics
                .iter()
                .enumerate()
                .map(|(row, metric)| super::vector::distance_of(*metric, v.get(row), q.get(row)))
                .collect(),
        }
    }

    /// An argument as a column; `None` where it is missing, or NULL for every row.
    fn column(&self, at: usize) -> Result<Option<ArrayRef>> {
        let Some(value) = self.args.args.get(at) else { return Ok(None) };
        let absent = match value {
            ColumnarValue::Scalar(scalar) => scalar.is_null(),
            ColumnarValue::Array(array) => array.data_type() == &DataType::Null,
        };
        // A NULL weight makes every answer NULL; the others have defaults.
        if absent && at != 2 {
            return Ok(None);
        }
        Ok(Some(value.to_array(self.rows)?))
    }

    fn numbers(&self, column: &ArrayRef) -> Result<Float64Array> {
        Ok(cast(column, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
    }

    /// A moment in microseconds.
    fn micros(&self, column: &ArrayRef) -> Result<Int64Array> {
        let column = match is_text(column.data_type()) {
            true => codec::parse_column(column, &PgType::Timestamptz, -1, &self.settings)?,
            false => Arc::clone(column),
        };
        Ok(cast(&column, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
    }

    fn intervals(&self, column: &ArrayRef) -> Result<PrimitiveArray<IntervalMonthDayNanoType>> {
        let column = match is_text(column.data_type()) {
            true => codec::parse_column(column, &PgType::Interval, -1, &self.settings)?,
            false => Arc::clone(column),
        };
        Ok(column.as_primitive::<IntervalMonthDayNanoType>().clone())
    }
}

fn metric(name: &str) -> Result<Metric> {
    metric_named(name).ok_or_else(|| {
        let message = format!("unknown metric \"{name}\"");
        let hint = "Metrics are cosine, l2, inner_product, l1 and poincare.";
        raise(SqlError::new(SqlState::INVALID_PARAMETER, message).hint(hint))
    })
}

fn decay(name: &str) -> Result<Decay> {
    decay_named(name).ok_or_else(|| {
        let message = format!("unknown decay \"{name}\"");
        let hint = "Decays are linear and exponential.";
        raise(SqlError::new(SqlState::INVALID_PARAMETER, message).hint(hint))
    })
}

/// The arguments of the time term, row by row.
struct Terms {
    at: Int64Array,
    ts: Int64Array,
    tau: Option<PrimitiveArray<IntervalMonthDayNanoType>>,
    decays: Option<Vec<Decay>>,
}

impl Terms {
    /// `None` where no row needs its time.
    fn read(arguments: &Arguments, needed: bool) -> Result<Option<Self>> {
        if !needed {
            return Ok(None);
        }
        let ts = arguments.args.args.get(7).filter(|ts| ts.data_type() != DataType::Null);
        let (Some(ts), Some(at)) = (ts, arguments.column(3)?) else {
            return Err(no_time());
        };
        let decays = arguments.column(6)?.map(|names| {
            let names: &StringArray = names.as_string();
            names.iter().map(|name| name.map_or(Ok(Decay::Linear), decay)).collect()
        });
        Ok(Some(Self {
            at: arguments.micros(&at)?,
            ts: arguments.micros(&ts.to_array(arguments.rows)?)?,
            tau: arguments.column(4)?.map(|tau| arguments.intervals(&tau)).transpose()?,
            decays: decays.transpose()?,
        }))
    }

    fn distance(&self, row: usize, semantic: f64, alpha: f64) -> Result<Option<f64>> {
        let tau = self.tau.as_ref().filter(|tau| tau.is_valid(row));
        let tau_us = tau.map_or(TAU_DEFAULT_US as f64, |tau| interval_us(tau.value(row)));
        let decay = self.decays.as_ref().and_then(|decays| decays.get(row).copied());
        let at = self.at.is_valid(row).then(|| self.at.value(row));
        let composite = composite(alpha, at.unwrap_or(0), tau_us, decay.unwrap_or_default())?;
        if alpha == 1.0 {
            return Ok(Some(semantic));
        }
        let (Some(_), true) = (at, self.ts.is_valid(row)) else { return Ok(None) };
        Ok(Some(composite.distance(semantic, ValidTime(self.ts.value(row)))))
    }
}

/// 42P10, as the binder says it where a vector's table has no valid time.
fn no_time() -> DataFusionError {
    let message = "st_distance with alpha below 1 needs the time of each row";
    let hint = "Add TS => expression, or set alpha to 1.";
    raise(SqlError::new(SqlState::INVALID_COLUMN_REFERENCE, message).hint(hint))
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Database;
    use proptest::prelude::*;

    #[test]
    fn the_defaults_are_cosine_thirty_days_linear() {
        let db = Database::new();
        let call =
            |rest: &str| db.value(&format!("st_distance('[1,0]'::vector(2), '[0,2]', {rest})"));
        assert_eq!(db.value("st_distance('[1,0]'::vector(2), '[0,2]')"), "1");
        assert_eq!(call("1"), "1");
        let (at, ts) = ("'2024-01-01'::timestamptz", "'2024-01-31'::timestamptz");
        assert_eq!(call(&format!("0.5, {at}, NULL, NULL, NULL, {ts}")), "1");
        assert_eq!(call(&format!("0.0, {at}, NULL, NULL, NULL, {ts}")), "1");
        assert_eq!(call(&format!("0.0, {at}, '60 days'::interval, NULL, NULL, {ts}")), "0.5");
        assert_eq!(call(&format!("0.0, {at}, '2 mons'::interval, NULL, NULL, {ts}")), "0.5");
        assert_eq!(call(&format!("0.5, {at}, '60 days', 'l2', NULL, {ts}")), "1.368033988749895");
        assert_eq!(
            call(&format!("0.0, {at}, '30 days', 'l2', 'exponential', {ts}")),
            "0.6321205588285577"
        );
        assert_eq!(
            call(&format!("0.0, 0, NULL, NULL, NULL, {}::int8", 15 * 86_400_000_000_i64)),
            "0.5"
        );
        assert_eq!(call(&format!("0.5, {at}, NULL, NULL, NULL, NULL::timestamptz")), "NULL");
        assert_eq!(call(&format!("1.0, {at}, NULL, NULL, NULL, NULL::timestamptz")), "1");
        assert_eq!(call("NULL"), "NULL");
        assert_eq!(db.value("st_distance(NULL, '[1]'::vector)"), "NULL");
        assert_eq!(db.value("st_distance('[0,0]'::vector, '[1,1]')"), "NaN");
        assert_eq!(db.value("st_distance(v => '[1,0]'::vector, q => '[0,1]', alpha => 1)"), "1");
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        let db = Database::new();
        let v = "'[1,0]'::vector(2), '[0,2]'";
        let at = "'2024-01-01'::timestamptz";
        db.check_errors(&[
            (&format!("st_distance({v}, 1.5)"), "22023", "alpha must lie between 0 and 1, not 1.5"),
            (
                &format!("st_distance({v}, 0.5)"),
                "42P10",
                "st_distance with alpha below 1 needs the time of each row",
            ),
            (
                &format!("st_distance({v}, 0.5, {at}, NULL, 'manhatten', NULL, {at})"),
                "22023",
                "unknown metric \"manhatten\"",
            ),
            (
                &format!("st_distance({v}, 0.5, {at}, NULL, NULL, 'quick', {at})"),
                "22023",
                "unknown decay \"quick\"",
            ),
            (
                &format!("st_distance({v}, 0.5, {at}, '0 days'::interval, NULL, NULL, {at})"),
                "22023",
                "tau must be at least one microsecond, not 0",
            ),
            (
                "st_distance('[1,2]'::vector, 7)",
                "42883",
                "function st_distance(vector, bigint) does not exist",
            ),
            (
                "st_distance('[2,0]'::vector, '[0,0]', 1, NULL, NULL, 'poincare')",
                "22000",
                "Poincaré distance needs vectors of norm below 1",
            ),
        ]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Columns of every argument give what the formula gives, in several batches.
        #[test]
        fn rows_follow_the_formula(
            rows in proptest::collection::vec(
                (-9_i8..9, 0.0..=1.0_f64, 0_i64..1000, 0_i64..1000, 1_i64..99, any::<bool>()),
                1..9),
        ) {
            let db = Database::new();
            let values: Vec<String> = rows.iter().enumerate()
                .map(|(n, (x, alpha, at, ts, tau, fast))| {
                    let decay = if *fast { "exponential" } else { "linear" };
                    format!("({n}, '[{x}]'::vector(1), {alpha:?}::float8, {at}, {ts}, \
                        make_interval(0,0,0,0,0,0,{tau}.0/1000000), '{decay}')")
                })
                .collect();
            let sql = format!(
                "SELECT st_distance(v, '[1]', alpha, at, tau, 'l1', decay, ts) FROM \
                 (VALUES {}) t(n, v, alpha, at, ts, tau, decay) ORDER BY n", values.join(", "));
            for (found, (x, alpha, at, ts, tau, fast)) in db.rows(&sql).iter().zip(&rows) {
                let gap = (ts - at).abs() as f64 / *tau as f64;
                let time = if *fast { 1.0 - (-gap).exp() } else { gap };
                let wanted = alpha * (f64::from(*x) - 1.0).abs() + (1.0 - alpha) * time;
                let found: f64 = found.parse().unwrap();
                prop_assert!((found - wanted).abs() <= 1e-9 * (1.0 + wanted), "{found} {wanted}");
            }
        }
    }
}
