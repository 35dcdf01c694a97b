//! `interval` as months, days and microseconds, shown in the four styles of `IntervalStyle`.
//!
//! The layouts follow Postgres' `EncodeInterval` line for line (datetime.c): when a field is
//! negative the *next* one shows its plus sign, and the verbose style says `ago` once.

use super::datetime::write_fraction;
use crate::calendar::US_PER_SECOND;
use crate::settings::IntervalStyle;
use bytes::{BufMut, BytesMut};
use std::fmt::Write;

/// A length of time in the three units that do not convert into each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interval {
    pub months: i32,
    pub days: i32,
    pub us: i64,
}

/// An interval cut into the fields that are shown.
#[derive(Clone, Copy)]
struct Parts {
    years: i64,
    months: i64,
    days: i64,
    hours: i64,
    minutes: i64,
    seconds: i64,
    fraction_us: i64,
}

impl Parts {
    fn of(interval: Interval) -> Self {
        let seconds = interval.us / US_PER_SECOND;
        Self {
            years: i64::from(interval.months / 12),
            months: i64::from(interval.months % 12),
            days: i64::from(interval.days),
            hours: seconds / 3600,
            minutes: seconds / 60 % 60,
            seconds: seconds % 60,
            fraction_us: interval.us % US_PER_SECOND,
        }
    }

    fn all(self) -> [i64; 7] {
        let Self { years, months, days, hours, minutes, seconds, fraction_us } = self;
        [years, months, days, hours, minutes, seconds, fraction_us]
    }

    fn negated(self) -> Self {
        Self {
            years: -self.years,
            months: -self.months,
            days: -self.days,
            hours: -self.hours,
            minutes: -self.minutes,
            seconds: -self.seconds,
            fraction_us: -self.fraction_us,
        }
    }

    fn has_time(self) -> bool {
        self.hours != 0 || self.minutes != 0 || self.has_seconds()
    }

    fn has_seconds(self) -> bool {
        self.seconds != 0 || self.fraction_us != 0
    }

    fn time_is_negative(self) -> bool {
        self.hours < 0 || self.minutes < 0 || self.seconds < 0 || self.fraction_us < 0
    }

    /// `04:05:06.7`, unsigned.
    fn write_clock(self, hour_digits: usize, out: &mut BytesMut) {
        let (h, m, s) = (self.hours.abs(), self.minutes.abs(), self.seconds.abs());
        let _ = write!(out, "{h:0hour_digits$}:{m:02}:{s:02}");
        write_fraction(self.fraction_us, out);
    }

    /// `6.7`, unsigned.
    fn write_seconds(self, out: &mut BytesMut) {
        let _ = write!(out, "{}", self.seconds.abs());
        write_fraction(self.fraction_us, out);
    }
}

pub fn write(interval: Interval, style: IntervalStyle, out: &mut BytesMut) {
    let parts = Parts::of(interval);
    match style {
        IntervalStyle::Postgres => write_postgres(parts, out),
        IntervalStyle::PostgresVerbose => write_verbose(parts, out),
        IntervalStyle::SqlStandard => write_sql_standard(parts, out),
        IntervalStyle::Iso8601 => write_iso(parts, out),
    }
}

fn write_postgres(parts: Parts, out: &mut BytesMut) {
    let (mut empty, mut after_negative) = (true, false);
    for (value, unit) in [(parts.years, "year"), (parts.months, "mon"), (parts.days, "day")] {
        if value != 0 {
            let space = if empty { "" } else { " " };
            let plus = if after_negative && value > 0 { "+" } else { "" };
            let plural = if value == 1 { "" } else { "s" };
            let _ = write!(out, "{space}{plus}{value} {unit}{plural}");
            after_negative = value < 0;
            empty = false;
        }
    }
    if empty || parts.has_time() {
        out.put_slice(if empty { b"" } else { b" " });
        if parts.time_is_negative() {
            out.put_u8(b'-');
        } else if after_negative {
            out.put_u8(b'+');
        }
        parts.write_clock(2, out);
    }
}

fn write_verbose(parts: Parts, out: &mut BytesMut) {
    out.put_u8(b'@');
    let (mut empty, mut ago) = (true, false);
    let whole = [
        (parts.years, "year"),
        (parts.months, "mon"),
        (parts.days, "day"),
        (parts.hours, "hour"),
        (parts.minutes, "min"),
    ];
    for (value, unit) in whole.into_iter().filter(|(value, _)| *value != 0) {
        if empty {
            ago = value < 0;
        }
        let shown = if ago { -value } else { value };
        let _ = write!(out, " {shown} {unit}{}", if shown == 1 { "" } else { "s" });
        empty = false;
    }
    if parts.has_seconds() {
        let negative = parts.seconds < 0 || parts.fraction_us < 0;
        if empty {
            ago = negative;
        }
        out.put_slice(if negative == ago { b" " } else { b" -" });
        parts.write_seconds(out);
        let singular = parts.seconds.abs() == 1 && parts.fraction_us == 0;
        out.put_slice(if singular { b" sec" } else { b" secs" });
        empty = false;
    }
    out.put_slice(if empty { b" 0" } else { b"" });
    out.put_slice(if ago { b" ago" } else { b"" });
}

fn write_sql_standard(parts: Parts, out: &mut BytesMut) {
    let negative = parts.all().iter().any(|v| *v < 0);
    let positive = parts.all().iter().any(|v| *v > 0);
    let has_year_month = parts.years != 0 || parts.months != 0;
    let has_day_time = parts.days != 0 || parts.has_time();
    if !negative && !positive {
        out.put_u8(b'0');
    } else if (negative && positive) || (has_year_month && has_day_time) {
        let sign = |negative: bool| if negative { '-' } else { '+' };
        let (years, months) = (parts.years.abs(), parts.months.abs());
        let _ = write!(out, "{}{years}-{months} ", sign(parts.years < 0 || parts.months < 0));
        let _ = write!(out, "{}{} ", sign(parts.days < 0), parts.days.abs());
        let _ = write!(out, "{}", sign(parts.time_is_negative()));
        parts.write_clock(1, out);
    } else {
        let parts = if negative { parts.negated() } else { parts };
        out.put_slice(if negative { b"-" } else { b"" });
        if has_year_month {
            let _ = write!(out, "{}-{}", parts.years, parts.months);
            return;
        }
        if parts.days != 0 {
            let _ = write!(out, "{} ", parts.days);
        }
        parts.write_clock(1, out);
    }
}

fn write_iso(parts: Parts, out: &mut BytesMut) {
    if parts.all().iter().all(|v| *v == 0) {
        out.put_slice(b"PT0S");
        return;
    }
    let field = |value: i64, unit: char, out: &mut BytesMut| {
        if value != 0 {
            let _ = write!(out, "{value}{unit}");
        }
    };
    out.put_u8(b'P');
    field(parts.years, 'Y', out);
    field(parts.months, 'M', out);
    field(parts.days, 'D', out);
    if parts.has_time() {
        out.put_u8(b'T');
    }
    field(parts.hours, 'H', out);
    field(parts.minutes, 'M', out);
    if parts.has_seconds() {
        let negative = parts.seconds < 0 || parts.fraction_us < 0;
        out.put_slice(if negative { b"-" } else { b"" });
        parts.write_seconds(out);
        out.put_u8(b'S');
    }
}

pub fn write_binary(interval: Interval, out: &mut BytesMut) {
    out.put_i64(interval.us);
    out.put_i32(interval.days);
    out.put_i32(interval.months);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(months: i32, days: i32, us: i64) -> [String; 4] {
        use IntervalStyle::{Iso8601, Postgres, PostgresVerbose, SqlStandard};
        [Postgres, PostgresVerbose, SqlStandard, Iso8601].map(|style| {
            let mut out = BytesMut::new();
            write(Interval { months, days, us }, style, &mut out);
            String::from_utf8(out.to_vec()).unwrap()
        })
    }

    /// Table 8.18 of the PostgreSQL manual, and its neighbours.
    #[test]
    fn four_styles() {
        assert_eq!(shown(14, 0, 0), ["1 year 2 mons", "@ 1 year 2 mons", "1-2", "P1Y2M"]);
        assert_eq!(
            shown(0, 3, 14_706_000_000),
            ["3 days 04:05:06", "@ 3 days 4 hours 5 mins 6 secs", "3 4:05:06", "P3DT4H5M6S"]
        );
        assert_eq!(
            shown(-14, 3, -14_706_000_000),
            [
                "-1 years -2 mons +3 days -04:05:06",
                "@ 1 year 2 mons -3 days 4 hours 5 mins 6 secs ago",
                "-1-2 +3 -4:05:06",
                "P-1Y-2M3DT-4H-5M-6S"
            ]
        );
        assert_eq!(shown(0, 0, 0), ["00:00:00", "@ 0", "0", "PT0S"]);
        assert_eq!(
            shown(0, 0, -500_000),
            ["-00:00:00.5", "@ 0.5 secs ago", "-0:00:00.5", "PT-0.5S"]
        );
        assert_eq!(shown(0, -1, 7_200_000_000)[0], "-1 days +02:00:00");
    }
}
