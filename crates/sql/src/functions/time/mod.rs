//! Moments and intervals as Postgres counts them.
//!
//! DataFusion's date functions work in UTC and cut seconds to whole ones; Postgres' work on the
//! wall clock of the session's zone and keep fractions. So `date_part`, `date_trunc`, `age`,
//! `to_char` and differences of moments are ours.

mod from_char;
mod interval;
mod part;
mod series;
mod shift;
mod to_char;
mod trunc;
mod wall;

#[cfg(test)]
mod tests;

use datafusion::logical_expr::ScalarUDF;
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let mut all = part::functions();
    all.extend(trunc::functions());
    all.extend(interval::functions());
    all.extend(shift::functions());
    all.extend(series::functions());
    all.extend(to_char::functions());
    all.extend(wall::functions());
    all
}

/// A field of a moment or of an interval by its name in SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
}

impl Unit {
    fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "microsecond" | "microseconds" | "us" => Self::Microsecond,
            "millisecond" | "milliseconds" | "ms" => Self::Millisecond,
            "second" | "seconds" | "sec" | "s" => Self::Second,
            "minute" | "minutes" | "min" | "m" => Self::Minute,
            "hour" | "hours" | "h" => Self::Hour,
            "day" | "days" | "d" => Self::Day,
            "week" | "weeks" | "w" => Self::Week,
            "month" | "months" | "mon" => Self::Month,
            "quarter" => Self::Quarter,
            "year" | "years" | "y" => Self::Year,
            "decade" | "decades" => Self::Decade,
            "century" | "centuries" | "c" => Self::Century,
            "millennium" | "millennia" => Self::Millennium,
            _ => return None,
        })
    }
}
