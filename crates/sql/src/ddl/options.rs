//! What WITH may say of a table.

use super::monitor::{self, MonitorSaid};
use crate::error::from_datafusion;
use crate::optimize::metric_named;
use cvx_engine::{OutOfOrder, TableOptions};
use cvx_types::{PgType, Result, SqlError, SqlState};
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{Expr, Ident, SqlOption, Value};

/// The options, and the columns that WITH named.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) options: TableOptions,
    pub(super) entity: Option<String>,
    pub(super) valid_time: Option<String>,
    pub(super) monitor: MonitorSaid,
}

const KNOWN: &str = "entity, valid_time, metric, time_scale, out_of_order, partition, \
                     keyframe_interval, delta_epsilon, history_retention";

impl Said {
    /// Reads WITH's list over what holds already.
    pub(super) fn read(list: &[SqlOption], options: TableOptions) -> Result<Self> {
        let (entity, valid_time, monitor) = (None, None, MonitorSaid::default());
        let mut said = Self { options, entity, valid_time, monitor };
        for option in list {
            let SqlOption::KeyValue { key, value } = option else {
                return Err(unknown(&option.to_string()));
            };
            said.one(&crate::bind::ident_name(key), value)?;
        }
        Ok(said)
    }

    fn one(&mut self, name: &str, value: &Expr) -> Result<()> {
        let text = word(value);
        let bad = || {
            SqlError::new(
                SqlState::INVALID_PARAMETER,
                format!("invalid value for option \"{name}\": {value}"),
            )
        };
        let said = || text.clone().ok_or_else(bad);
        match name {
            "entity" => self.entity = Some(said()?),
            "valid_time" => self.valid_time = Some(said()?),
            "metric" => self.options.metric = metric_named(&said()?).ok_or_else(bad)?,
            "time_scale" => self.options.time_scale_us = positive(&said()?).ok_or_else(bad)?,
            "partition" => self.options.partition_us = Some(positive(&said()?).ok_or_else(bad)?),
            "history_retention" => {
                self.options.history_retention_us = Some(positive(&said()?).ok_or_else(bad)?);
            }
            "out_of_order" => {
                self.options.out_of_order = match said()?.as_str() {
                    "reject" => OutOfOrder::Reject,
                    "accept" => OutOfOrder::Accept,
                    _ => return Err(bad().hint("It is reject or accept.")),
                }
            }
            "keyframe_interval" => {
                let interval: u32 = said()?.parse().map_err(|_| bad())?;
                if !(1..=4096).contains(&interval) {
                    return Err(bad().hint("It is a number of points from 1 to 4096."));
                }
                self.options.keyframe_interval = interval;
            }
            "delta_epsilon" => {
                let epsilon: f64 = said()?.parse().map_err(|_| bad())?;
                if !epsilon.is_finite() || epsilon < 0.0 {
                    return Err(bad().hint("It is 0 (lossless) or the largest error a dimension."));
                }
                self.options.delta_epsilon = epsilon;
            }
            _ => match self.monitor.take(name, text.as_deref()) {
                Some(true) => {}
                Some(false) => return Err(unknown(name)),
                None => return Err(bad()),
            },
        }
        Ok(())
    }
}

/// The options with some of them as they are where nobody says anything.
pub(super) fn reset(names: &[Ident], mut options: TableOptions) -> Result<TableOptions> {
    let standard = TableOptions::standard();
    for name in names.iter().map(crate::bind::ident_name) {
        match name.as_str() {
            "entity" | "valid_time" => {
                return Err(SqlError::unsupported("changing a table's time axes"));
            }
            "metric" => options.metric = standard.metric,
            "time_scale" => options.time_scale_us = standard.time_scale_us,
            "partition" => options.partition_us = standard.partition_us,
            "history_retention" => options.history_retention_us = standard.history_retention_us,
            "out_of_order" => options.out_of_order = standard.out_of_order,
            "keyframe_interval" => options.keyframe_interval = standard.keyframe_interval,
            "delta_epsilon" => options.delta_epsilon = standard.delta_epsilon,
            name => {
                let reset = monitor::reset(options.monitor, name);
                options.monitor = reset.ok_or_else(|| unknown(name))?;
            }
        }
    }
    Ok(options)
}

fn unknown(name: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER, format!("unrecognized parameter \"{name}\""))
        .hint(format!("A table's options are {KNOWN}, {}.", monitor::KNOWN))
}

/// An option's value as text: a string, a number or a bare word.
pub(super) fn word(value: &Expr) -> Option<String> {
    match value {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::Number(text, _) => Some(text.clone()),
            Value::Boolean(value) => Some(value.to_string()),
            _ => None,
        },
        Expr::Identifier(ident) => Some(crate::bind::ident_name(ident)),
        _ => None,
    }
}

fn positive(text: &str) -> Option<i64> {
    interval_us(text).ok().filter(|us| *us > 0)
}

const DAY_US: i64 = 86_400_000_000;

/// An interval in microseconds, a month as 30 days.
pub fn interval_us(text: &str) -> Result<i64> {
    let array =
        cvx_types::parse_text(&PgType::Interval, -1, text, &cvx_types::FormatSettings::default())?;
    let value = ScalarValue::try_from_array(&array, 0).map_err(from_datafusion)?;
    match value {
        ScalarValue::IntervalMonthDayNano(Some(interval)) => {
            let days = i64::from(interval.months) * 30 + i64::from(interval.days);
            Ok(days.saturating_mul(DAY_US).saturating_add(interval.nanoseconds / 1_000))
        }
        _ => Err(SqlError::new(SqlState::INVALID_DATETIME, format!("not an interval: {text}"))),
    }
}
