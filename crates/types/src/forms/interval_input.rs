//! Intervals as Postgres reads them: `1 day 02:03:04`, `@ 2 hours ago`, `1-2`, `P1Y2M3DT4H`.
//!
//! Months, days and microseconds are kept apart; a fraction of a unit flows down (`1.5 months`
//! is 1 month 15 days), as in Postgres' `DecodeInterval`.

use super::datetime_input::fraction_us;
use super::interval::Interval;
use super::shortened;
use crate::calendar::{US_PER_DAY, US_PER_SECOND};
use crate::error::{Result, SqlError, SqlState};

const DAYS_PER_MONTH: f64 = 30.0;

pub fn parse(text: &str) -> Result<Interval> {
    let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace());
    let sum = match trimmed.strip_prefix('P') {
        Some(iso) => parse_iso(iso),
        None => parse_words(trimmed),
    };
    let sum = match sum {
        Ok(sum) => sum,
        Err(Bad::Syntax) => {
            let message =
                format!("invalid input syntax for type interval: \"{}\"", shortened(text));
            return Err(SqlError::new(SqlState::INVALID_DATETIME, message));
        }
        Err(Bad::Range) => return Err(out_of_range()),
    };
    sum.finish().ok_or_else(out_of_range)
}

#[must_use]
pub fn out_of_range() -> SqlError {
    SqlError::new(SqlState::DATETIME_OVERFLOW, "interval out of range")
}

enum Bad {
    Syntax,
    Range,
}

/// What one unit adds.
#[derive(Clone, Copy)]
enum Unit {
    Months(i64),
    Days(i64),
    Us(i64),
}

#[derive(Default)]
struct Sum {
    months: i64,
    days: i64,
    us: i64,
}

impl Sum {
    /// Adds `number` of `unit`; a fraction of months becomes days, of days becomes time.
    fn add(&mut self, number: Number<'_>, unit: Unit) -> Result<(), Bad> {
        let whole = number.whole()?;
        let fraction = number.fraction()?;
        match unit {
            Unit::Us(size) => {
                self.add_us(i128::from(whole) * i128::from(size))?;
                self.add_us(scaled(fraction, size)?)
            }
            Unit::Days(size) => {
                self.days = sum(self.days, whole, size)?;
                self.add_fraction_of_days(fraction * precise(size))
            }
            // A fraction of a year (or more) is rounded to months.
            Unit::Months(size) if size > 1 => {
                self.months = sum(self.months, whole, size)?;
                let months = scaled(fraction, size)?;
                let months = i64::try_from(months).map_err(|_| Bad::Range)?;
                self.months = sum(self.months, months, 1)?;
                Ok(())
            }
            Unit::Months(size) => {
                self.months = sum(self.months, whole, size)?;
                self.add_fraction_of_days(fraction * DAYS_PER_MONTH)
            }
        }
    }

    fn add_fraction_of_days(&mut self, days: f64) -> Result<(), Bad> {
        let whole = i64::try_from(scaled(days.trunc(), 1)?).map_err(|_| Bad::Range)?;
        self.days = sum(self.days, whole, 1)?;
        self.add_us(scaled(days.fract(), US_PER_DAY)?)
    }

    fn add_us(&mut self, us: i128) -> Result<(), Bad> {
        let total = i128::from(self.us) + us;
        self.us = i64::try_from(total).map_err(|_| Bad::Range)?;
        Ok(())
    }

    fn negated(self) -> Result<Self, Bad> {
        let us = self.us.checked_neg().ok_or(Bad::Range)?;
        Ok(Self { months: -self.months, days: -self.days, us })
    }

    fn finish(self) -> Option<Interval> {
        // Arrow keeps nanoseconds: 292 years of hours, where Postgres has 292,000.
        self.us.checked_mul(1000)?;
        let (months, days) = (i32::try_from(self.months).ok()?, i32::try_from(self.days).ok()?);
        Some(Interval { months, days, us: self.us })
    }
}

fn sum(total: i64, number: i64, size: i64) -> Result<i64, Bad> {
    let added = number.checked_mul(size).and_then(|n| total.checked_add(n));
    added.filter(|n| n.unsigned_abs() <= 1 << 40).ok_or(Bad::Range)
}

/// `fraction * size`, rounded; fractions are below 31 and sizes below 2^53.
fn scaled(fraction: f64, size: i64) -> Result<i128, Bad> {
    let value = (fraction * precise(size)).round();
    #[expect(clippy::cast_possible_truncation, reason = "bounded by the line's condition")]
    if value.abs() < 1e18 { Ok(value as i128) } else { Err(Bad::Range) }
}

fn precise(size: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "unit sizes are small and exact")]
    {
        size as f64
    }
}

/// A number as written: sign, digits, fraction.
#[derive(Clone, Copy)]
struct Number<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
}

impl Number<'_> {
    fn whole(self) -> Result<i64, Bad> {
        if self.whole.is_empty() && self.fraction.is_empty() {
            return Err(Bad::Syntax);
        }
        let digits = if self.whole.is_empty() { "0" } else { self.whole };
        let value: i64 = digits.parse().map_err(|_| Bad::Range)?;
        Ok(if self.negative { -value } else { value })
    }

    fn fraction(self) -> Result<f64, Bad> {
        let value: f64 = format!("0.{}0", self.fraction).parse().map_err(|_| Bad::Syntax)?;
        Ok(if self.negative { -value } else { value })
    }
}

/// Takes a sign and a number off the front.
fn number(text: &str) -> Option<(Number<'_>, &str)> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let rest = rest.trim_start();
    let (whole, rest) = digits(rest);
    let (fraction, rest) = rest.strip_prefix('.').map_or(("", rest), digits);
    let found = !whole.is_empty() || !fraction.is_empty();
    found.then_some((Number { negative, whole, fraction }, rest))
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at(end)
}

/// The traditional forms.
fn parse_words(text: &str) -> Result<Sum, Bad> {
    let mut total = Sum::default();
    let mut rest = text.strip_prefix('@').unwrap_or(text).trim_start();
    let mut any = false;
    while !rest.is_empty() {
        if rest.eq_ignore_ascii_case("ago") && any {
            return total.negated();
        }
        let (first, after) = number(rest).ok_or(Bad::Syntax)?;
        any = true;
        rest = match after.bytes().next() {
            Some(b':') => {
                let (us, after) = clock(first, after)?;
                total.add_us(i128::from(us))?;
                after
            }
            Some(b'-') if !first.whole.is_empty() && first.fraction.is_empty() => {
                year_month(&mut total, first, after)?
            }
            _ => unit_of(&mut total, first, after.trim_start())?,
        };
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
    }
    if any { Ok(total) } else { Err(Bad::Syntax) }
}

/// `hh:mm[:ss[.f]]` after its hours; gives microseconds.
fn clock<'a>(hours: Number<'_>, after: &'a str) -> Result<(i64, &'a str), Bad> {
    if !hours.fraction.is_empty() {
        return Err(Bad::Syntax);
    }
    let (minutes, after) = digits(after.strip_prefix(':').ok_or(Bad::Syntax)?);
    let (seconds, after) = after.strip_prefix(':').map_or(("0", after), digits);
    let (fraction, after) = after.strip_prefix('.').map_or(("", after), digits);
    let small = |text: &str| text.parse::<i64>().ok().filter(|n| (0..60).contains(n));
    if minutes.is_empty() || seconds.is_empty() {
        return Err(Bad::Syntax);
    }
    let (Some(minutes), Some(seconds)) = (small(minutes), small(seconds)) else {
        return Err(Bad::Range);
    };
    let fraction = fraction_us(fraction).ok_or(Bad::Syntax)?;
    let magnitude = hours.whole()?.checked_abs().and_then(|h| h.checked_mul(3600 * US_PER_SECOND));
    let below = (minutes * 60 + seconds) * US_PER_SECOND + fraction;
    let us = magnitude.and_then(|us| us.checked_add(below)).ok_or(Bad::Range)?;
    Ok((if hours.negative { -us } else { us }, after))
}

/// `1-2` is one year and two months.
fn year_month<'a>(total: &mut Sum, years: Number<'_>, after: &'a str) -> Result<&'a str, Bad> {
    let (months, after) = digits(after.strip_prefix('-').ok_or(Bad::Syntax)?);
    let months: i64 = months.parse().ok().filter(|m| (0..12).contains(m)).ok_or(Bad::Range)?;
    total.months = sum(total.months, years.whole()?, 12)?;
    total.months = sum(total.months, if years.negative { -months } else { months }, 1)?;
    Ok(after)
}

/// The unit after a number. Days where a time follows, seconds where nothing does.
fn unit_of<'a>(total: &mut Sum, first: Number<'_>, after: &'a str) -> Result<&'a str, Bad> {
    let end = after.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, rest) = after.split_at(end);
    let unit = if !word.is_empty() {
        unit(&word.to_ascii_lowercase()).ok_or(Bad::Syntax)?
    } else if rest.is_empty() {
        Unit::Us(US_PER_SECOND)
    } else {
        // `1 2:03:04`, `1 -2:03:04`: days before a time.
        let is_clock = number(rest).is_some_and(|(_, after)| after.starts_with(':'));
        if !is_clock {
            return Err(Bad::Syntax);
        }
        Unit::Days(1)
    };
    total.add(first, unit)?;
    Ok(rest)
}

fn unit(word: &str) -> Option<Unit> {
    Some(match word {
        "us" | "usec" | "usecs" | "usecond" | "useconds" | "microsecond" | "microseconds" => {
            Unit::Us(1)
        }
        "ms" | "msec" | "msecs" | "msecond" | "mseconds" | "millisecond" | "milliseconds" => {
            Unit::Us(1000)
        }
        "s" | "sec" | "secs" | "second" | "seconds" => Unit::Us(US_PER_SECOND),
        "m" | "min" | "mins" | "minute" | "minutes" => Unit::Us(60 * US_PER_SECOND),
        "h" | "hr" | "hrs" | "hour" | "hours" => Unit::Us(3600 * US_PER_SECOND),
        "d" | "day" | "days" => Unit::Days(1),
        "w" | "week" | "weeks" => Unit::Days(7),
        "mon" | "mons" | "month" | "months" => Unit::Months(1),
        "qtr" | "quarter" | "quarters" => Unit::Months(3),
        "y" | "yr" | "yrs" | "year" | "years" => Unit::Months(12),
        "dec" | "decs" | "decade" | "decades" => Unit::Months(120),
        "c" | "cent" | "century" | "centuries" => Unit::Months(1200),
        "mil" | "mils" | "millennium" | "millennia" => Unit::Months(12_000),
        _ => return None,
    })
}

/// ISO 8601 after its `P`: `1Y2M3DT4H5M6S`, `2W`, or `0001-02-03T04:05:06`.
fn parse_iso(text: &str) -> Result<Sum, Bad> {
    let mut total = Sum::default();
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    if text.is_empty() || time == Some("") {
        return Err(Bad::Syntax);
    }
    if date.get(1..).is_some_and(|d| d.contains('-') && !d.ends_with(|c: char| c.is_alphabetic())) {
        iso_date(&mut total, date)?;
    } else {
        iso_fields(&mut total, date, |unit| match unit {
            b'Y' => Some(Unit::Months(12)),
            b'M' => Some(Unit::Months(1)),
            b'W' => Some(Unit::Days(7)),
            b'D' => Some(Unit::Days(1)),
            _ => None,
        })?;
    }
    match time {
        None => {}
        Some(time) if time.contains(':') => {
            let (hours, after) = number(time).ok_or(Bad::Syntax)?;
            let (us, after) = clock(hours, after)?;
            total.add_us(i128::from(us))?;
            if !after.is_empty() {
                return Err(Bad::Syntax);
            }
        }
        Some(time) => iso_fields(&mut total, time, |unit| match unit {
            b'H' => Some(Unit::Us(3600 * US_PER_SECOND)),
            b'M' => Some(Unit::Us(60 * US_PER_SECOND)),
            b'S' => Some(Unit::Us(US_PER_SECOND)),
            _ => None,
        })?,
    }
    Ok(total)
}

fn iso_fields(
    total: &mut Sum,
    mut text: &str,
    unit: impl Fn(u8) -> Option<Unit>,
) -> Result<(), Bad> {
    while !text.is_empty() {
        let (count, after) = number(text).ok_or(Bad::Syntax)?;
        let letter = after.bytes().next().ok_or(Bad::Syntax)?;
        total.add(count, unit(letter).ok_or(Bad::Syntax)?)?;
        text = after.get(1..).ok_or(Bad::Syntax)?;
    }
    Ok(())
}

fn iso_date(total: &mut Sum, text: &str) -> Result<(), Bad> {
    let (years, after) = number(text).ok_or(Bad::Syntax)?;
    let (months, after) = number(after.strip_prefix('-').ok_or(Bad::Syntax)?).ok_or(Bad::Syntax)?;
    let (days, after) = number(after.strip_prefix('-').ok_or(Bad::Syntax)?).ok_or(Bad::Syntax)?;
    total.add(years, Unit::Months(12))?;
    total.add(months, Unit::Months(1))?;
    total.add(days, Unit::Days(1))?;
    if after.is_empty() { Ok(()) } else { Err(Bad::Syntax) }
}

#[cfg(test)]
mod tests {
    use super::super::interval::write;
    use super::*;
    use crate::settings::IntervalStyle;
    use bytes::BytesMut;
    use proptest::prelude::*;

    fn shown(interval: Interval, style: IntervalStyle) -> String {
        let mut out = BytesMut::new();
        write(interval, style, &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    /// Expectations taken from PostgreSQL 16.
    #[test]
    fn as_postgres_reads_them() {
        for (text, expected) in [
            ("1 day 02:03:04", "1 day 02:03:04"),
            ("30 days", "30 days"),
            ("@ 1 minute", "00:01:00"),
            ("1 year 2 months 3 days 4 hours 5 minutes 6 seconds", "1 year 2 mons 3 days 04:05:06"),
            ("1y2mon3d4h", "1 year 2 mons 3 days 04:00:00"),
            ("2 hours ago", "-02:00:00"),
            ("1-2", "1 year 2 mons"),
            ("-1-2", "-1 years -2 mons"),
            ("3 4:05:06", "3 days 04:05:06"),
            ("1 -2:03:04", "1 day -02:03:04"),
            ("1.5 days", "1 day 12:00:00"),
            ("1.5 months", "1 mon 15 days"),
            ("1.5 years", "1 year 6 mons"),
            ("1.5 weeks", "10 days 12:00:00"),
            ("-1.5 days", "-1 days -12:00:00"),
            ("100", "00:01:40"),
            ("1.5", "00:00:01.5"),
            ("1 ms", "00:00:00.001"),
            ("250 us", "00:00:00.00025"),
            ("1 century", "100 years"),
            ("P1Y2M3DT4H5M6S", "1 year 2 mons 3 days 04:05:06"),
            ("P-1Y-2M3DT-4H-5M-6S", "-1 years -2 mons +3 days -04:05:06"),
            ("P2W", "14 days"),
            ("PT0.5S", "00:00:00.5"),
            ("P0001-02-03T04:05:06", "1 year 2 mons 3 days 04:05:06"),
            ("+1-2 -3 +4:05:06", "1 year 2 mons -3 days +04:05:06"),
        ] {
            let read = parse(text).map(|i| shown(i, IntervalStyle::Postgres));
            assert_eq!(read.unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn refusals() {
        for bad in
            ["", "ago", "day", "1 dog", "1 2 3", "P", "PT", "P1", "P1X", "1:2:3:4", "1:", "x"]
        {
            assert_eq!(parse(bad).unwrap_err().state, SqlState::INVALID_DATETIME, "{bad:?}");
        }
        for large in ["99999999999 years", "1:99", "9999999999999999999 s", "3000000000 days"] {
            assert_eq!(parse(large).unwrap_err().state, SqlState::DATETIME_OVERFLOW, "{large}");
        }
    }

    proptest! {
        #[test]
        fn any_interval_reads_back(
            months: i32, days: i32, us in -9_000_000_000_000_000i64..9_000_000_000_000_000,
        ) {
            let interval = Interval { months, days, us };
            let plain = shown(interval, IntervalStyle::Postgres);
            prop_assert_eq!(parse(&plain).unwrap(), interval, "{}", plain);
            let iso = shown(interval, IntervalStyle::Iso8601);
            prop_assert_eq!(parse(&iso).unwrap(), interval, "{}", iso);
        }

        #[test]
        fn no_text_panics(text in "[-+@P0-9:. TYMDHSa-z]{0,30}", other in ".{0,20}") {
            let _ = parse(&text);
            let _ = parse(&other);
        }
    }
}
