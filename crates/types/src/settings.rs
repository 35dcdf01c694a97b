//! How a session wants values read and shown.

use crate::zone::TimeZone;

/// The two forms every value has on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Binary,
}

/// `bytea_output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteaOutput {
    Hex,
    Escape,
}

/// `IntervalStyle`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntervalStyle {
    Postgres,
    PostgresVerbose,
    SqlStandard,
    Iso8601,
}

/// The second half of `DateStyle`: how `1/2/2024` is read. Dates are always shown as ISO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    Mdy,
    Dmy,
    Ymd,
}

/// A session's settings as far as values depend on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatSettings {
    pub timezone: TimeZone,
    /// What `'now'` and `'today'` mean: microseconds since the Unix epoch.
    pub now_us: i64,
    pub bytea_output: ByteaOutput,
    pub interval_style: IntervalStyle,
    pub date_order: DateOrder,
}

impl FormatSettings {
    /// UTC, ISO, hex: what a session has before it says otherwise.
    #[must_use]
    pub fn at(now_us: i64) -> Self {
        Self {
            timezone: TimeZone::UTC,
            now_us,
            bytea_output: ByteaOutput::Hex,
            interval_style: IntervalStyle::Postgres,
            date_order: DateOrder::Mdy,
        }
    }
}

impl Default for FormatSettings {
    fn default() -> Self {
        Self::at(0)
    }
}
