//! Dates, times and timestamps as Postgres reads them, which is nearly as people write them.
//!
//! The text is cut into fields (`2024-01-02`, `03:04:05.6`, `+02`, words), each field says what
//! it is by its shape, and the fields are put together at the end. This follows Postgres'
//! `ParseDateTime` and `DecodeDateTime` (src/backend/utils/adt/datetime.c); left out are Julian
//! dates, day-of-year dates and `timetz`.

use super::datetime::{check_date, check_timestamp, refuse_infinity};
use super::shortened;
use crate::calendar::{US_PER_DAY, US_PER_SECOND, days_from_civil, days_in_month};
use crate::error::{Result, SqlError, SqlState};
use crate::settings::{DateOrder, FormatSettings};
use crate::zone::{TimeZone, clock_seconds, to_local};

/// Days since 1970-01-01.
pub fn parse_date(text: &str, settings: &FormatSettings) -> Result<i32> {
    let fields = Fields::read("date", text, settings)?;
    let local = fields.local_us(settings)?;
    let days = local.map_or_else(|| fields.day(), |us| Ok(us.div_euclid(US_PER_DAY)))?;
    check_date(days)
}

/// Microseconds since midnight.
pub fn parse_time(text: &str, settings: &FormatSettings) -> Result<i64> {
    let fields = Fields::read("time", text, settings)?;
    if let Some(us) = fields.local_us(settings)? {
        return Ok(us.rem_euclid(US_PER_DAY));
    }
    fields.clock()?.ok_or_else(|| fields.invalid())
}

/// Microseconds since the Unix epoch, of clocks without a zone: a zone in the text is ignored.
pub fn parse_timestamp(text: &str, settings: &FormatSettings) -> Result<i64> {
    let fields = Fields::read("timestamp", text, settings)?;
    if let Some(us) = fields.local_us(settings)? {
        return Ok(us);
    }
    check_timestamp(fields.local()?)
}

/// Microseconds since the Unix epoch; without a zone in the text the session's clocks are meant.
pub fn parse_timestamptz(text: &str, settings: &FormatSettings) -> Result<i64> {
    let fields = Fields::read("timestamp with time zone", text, settings)?;
    if let Some(us) = fields.instant(settings)? {
        return Ok(us);
    }
    let local = fields.local()?;
    let offset = fields.zone.unwrap_or(settings.timezone).offset_of_local(local);
    let us = local.checked_sub(i64::from(offset) * US_PER_SECOND);
    check_timestamp(us.ok_or_else(|| fields.range())?)
}

/// A word that is a moment by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Special {
    Now,
    Epoch,
    Infinity,
    /// Midnight of the session's today plus days.
    Day(i64),
}

/// A date's numbers before the year's era and the order of day and month are settled.
#[derive(Clone, Copy, Debug)]
struct Date {
    year: i64,
    /// The year was written with at most two digits.
    short_year: bool,
    month: i64,
    day: i64,
}

struct Fields<'a> {
    type_name: &'static str,
    text: &'a str,
    date: Option<Date>,
    time_us: Option<i64>,
    zone: Option<TimeZone>,
    special: Option<Special>,
    /// A month's name seen outside a date with separators: `Jan 2, 2024`.
    month: Option<i64>,
    /// Bare numbers around such a name.
    numbers: Vec<(i64, usize)>,
    before_christ: bool,
    afternoon: Option<bool>,
    /// An ISO `T` was seen: digits that follow are a time.
    time_next: bool,
}

impl<'a> Fields<'a> {
    fn read(type_name: &'static str, text: &'a str, settings: &FormatSettings) -> Result<Self> {
        let mut fields = Self {
            type_name,
            text,
            date: None,
            time_us: None,
            zone: None,
            special: None,
            month: None,
            numbers: Vec::new(),
            before_christ: false,
            afternoon: None,
            time_next: false,
        };
        if text.len() > 128 {
            return Err(fields.invalid());
        }
        let mut rest = text;
        while let Some((token, after)) = Token::next(rest).ok_or_else(|| fields.invalid())? {
            fields.take(token, settings)?;
            rest = after;
        }
        fields.settle_named_month(settings)?;
        let nothing = fields.date.is_none() && fields.time_us.is_none() && fields.special.is_none();
        if nothing { Err(fields.invalid()) } else { Ok(fields) }
    }

    fn take(&mut self, token: Token<'_>, settings: &FormatSettings) -> Result<()> {
        match token {
            Token::Date(text) => {
                let date = dated(text, settings.date_order).ok_or_else(|| self.invalid())?;
                self.set_date(date)
            }
            Token::Clock(text) => {
                let us = clock_us(text).ok_or_else(|| self.invalid())?;
                let us = us.ok_or_else(|| self.range())?;
                self.set_time(us)
            }
            Token::Offset(text) => {
                let zone = offset_of(text).ok_or_else(|| self.displaced())?;
                self.set_zone(zone)
            }
            Token::Digits(text) => self.digits(text),
            Token::Word(word) => self.word(word),
        }
    }

    fn set_date(&mut self, date: Date) -> Result<()> {
        let first = self.date.replace(date).is_none();
        if first { Ok(()) } else { Err(self.invalid()) }
    }

    fn set_time(&mut self, us: i64) -> Result<()> {
        let first = self.time_us.replace(us).is_none();
        if first { Ok(()) } else { Err(self.invalid()) }
    }

    fn set_zone(&mut self, zone: TimeZone) -> Result<()> {
        let first = self.zone.replace(zone).is_none();
        if first { Ok(()) } else { Err(self.invalid()) }
    }

    /// Digits without separators: `20240102`, `240102`, `030405`, `0304`, or a part of
    /// `2 Jan 2024`.
    fn digits(&mut self, text: &str) -> Result<()> {
        let invalid = self.invalid();
        let whole = text.split('.').next().unwrap_or_default();
        let number = |range: std::ops::Range<usize>| {
            whole.get(range).and_then(|d| d.parse::<i64>().ok()).unwrap_or_default()
        };
        let ymd = |year: usize| Date {
            year: number(0..year),
            short_year: year <= 2,
            month: number(year..year + 2),
            day: number(year + 2..year + 4),
        };
        let plain = whole.len() == text.len();
        let have_day = self.time_next || self.date.is_some() || self.type_name == "time";
        match whole.len() {
            14 if self.date.is_none() => {
                self.set_date(ymd(4))?;
                self.packed_time(text.get(8..).unwrap_or_default())
            }
            6 | 4 if have_day && self.time_us.is_none() => self.packed_time(text),
            8 if plain && self.date.is_none() => self.set_date(ymd(4)),
            6 if plain && self.date.is_none() && self.month.is_none() => self.set_date(ymd(2)),
            1..=6 if plain && self.numbers.len() < 3 => {
                self.numbers.push((number(0..whole.len()), whole.len()));
                Ok(())
            }
            _ => Err(invalid),
        }
    }

    /// `hhmm`, `hhmmss`, `hhmmss.ffffff`.
    fn packed_time(&mut self, text: &str) -> Result<()> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let part = |range| whole.get(range).unwrap_or("00");
        let (hours, minutes, seconds) = (part(0..2), part(2..4), part(4..6));
        let clock = format!("{hours}:{minutes}:{seconds}.{fraction}");
        let us = clock_us(&clock).ok_or_else(|| self.invalid())?;
        let us = us.ok_or_else(|| self.range())?;
        self.set_time(us)
    }

    fn word(&mut self, word: &str) -> Result<()> {
        let lower = word.to_ascii_lowercase();
        if let Some(special) = special(&lower) {
            let first = self.special.replace(special).is_none();
            return if first { Ok(()) } else { Err(self.invalid()) };
        }
        match lower.as_str() {
            "t" => self.time_next = true,
            "bc" => self.before_christ = true,
            "am" => self.afternoon = Some(false),
            "pm" => self.afternoon = Some(true),
            "allballs" => return self.set_time(0),
            "ad" | "at" | "on" => {}
            _ if is_weekday(&lower) => {}
            _ => match month_number(&lower) {
                Some(month) if self.month.is_none() => self.month = Some(month),
                Some(_) => return Err(self.invalid()),
                None => return self.named_zone(word),
            },
        }
        Ok(())
    }

    fn named_zone(&mut self, word: &str) -> Result<()> {
        if let Some(zone) = TimeZone::by_name(word) {
            return self.set_zone(zone);
        }
        if word.contains('/') {
            let message = format!("time zone \"{}\" not recognized", word.to_ascii_lowercase());
            return Err(SqlError::new(SqlState::INVALID_PARAMETER, message));
        }
        Err(self.invalid())
    }

    /// Puts `Jan 2, 2024` or `2 January 2024` together.
    fn settle_named_month(&mut self, settings: &FormatSettings) -> Result<()> {
        let Some(month) = self.month else {
            return if self.numbers.is_empty() { Ok(()) } else { Err(self.invalid()) };
        };
        let [first, second] = *self.numbers.as_slice() else { return Err(self.invalid()) };
        let year_first = first.1 > 2 || settings.date_order == DateOrder::Ymd;
        let (year, day) = if year_first { (first, second) } else { (second, first) };
        self.set_date(Date { year: year.0, short_year: year.1 <= 2, month, day: day.0 })
    }

    /// The civil day, days since 1970-01-01.
    fn day(&self) -> Result<i64> {
        let date = self.date.ok_or_else(|| self.invalid())?;
        let year = match (self.before_christ, date.short_year) {
            (true, _) if date.year > 0 => 1 - date.year,
            (false, true) if date.year < 70 => date.year + 2000,
            (false, true) => date.year + 1900,
            (false, false) if date.year > 0 => date.year,
            _ => return Err(self.range()),
        };
        let month = u32::try_from(date.month).ok().filter(|m| (1..=12).contains(m));
        let month = month.ok_or_else(|| self.range())?;
        let day =
            u32::try_from(date.day).ok().filter(|d| (1..=days_in_month(year, month)).contains(d));
        Ok(days_from_civil(year, month, day.ok_or_else(|| self.range())?))
    }

    /// Microseconds since midnight, if a time was given.
    fn clock(&self) -> Result<Option<i64>> {
        let (Some(us), Some(afternoon)) = (self.time_us, self.afternoon) else {
            return Ok(self.time_us);
        };
        let hour = us / (3600 * US_PER_SECOND);
        let shift = match (hour, afternoon) {
            (1..=11, true) => 12,
            (12, false) => -12,
            (0..=12, _) => 0,
            _ => return Err(self.range()),
        };
        Ok(Some(us + shift * 3600 * US_PER_SECOND))
    }

    /// What clocks show, microseconds from 1970-01-01 00:00.
    fn local(&self) -> Result<i64> {
        let time = self.clock()?.unwrap_or(0);
        let us = self.day()?.checked_mul(US_PER_DAY).and_then(|us| us.checked_add(time));
        us.ok_or_else(|| self.range())
    }

    /// The moment a special word means.
    fn instant(&self, settings: &FormatSettings) -> Result<Option<i64>> {
        let Some(special) = self.special else { return Ok(None) };
        match special {
            Special::Now => Ok(Some(settings.now_us)),
            Special::Epoch => Ok(Some(0)),
            Special::Infinity => refuse_infinity(true, "timestamp").map(|()| None),
            Special::Day(_) => {
                let local = self.special_day(settings)?;
                let zone = self.zone.unwrap_or(settings.timezone);
                Ok(Some(local - i64::from(zone.offset_of_local(local)) * US_PER_SECOND))
            }
        }
    }

    /// What the session's clocks show at the moment a special word means.
    fn local_us(&self, settings: &FormatSettings) -> Result<Option<i64>> {
        match self.special {
            None => Ok(None),
            Some(Special::Day(_)) => self.special_day(settings).map(Some),
            Some(Special::Now) => Ok(Some(to_local(settings.now_us, settings.timezone).0)),
            Some(Special::Epoch) => Ok(Some(0)),
            Some(Special::Infinity) => refuse_infinity(true, self.type_name).map(|()| None),
        }
    }

    /// Midnight (or the time given) of today, tomorrow, yesterday, on the session's clocks.
    fn special_day(&self, settings: &FormatSettings) -> Result<i64> {
        let Some(Special::Day(days)) = self.special else { return Err(self.invalid()) };
        let (now, _) = to_local(settings.now_us, settings.timezone);
        let midnight = now.div_euclid(US_PER_DAY) + days;
        Ok(midnight * US_PER_DAY + self.clock()?.unwrap_or(0))
    }

    fn invalid(&self) -> SqlError {
        let (name, text) = (self.type_name, shortened(self.text));
        let message = format!("invalid input syntax for type {name}: \"{text}\"");
        SqlError::new(SqlState::INVALID_DATETIME, message)
    }

    fn range(&self) -> SqlError {
        let message = format!("date/time field value out of range: \"{}\"", shortened(self.text));
        SqlError::new(SqlState::DATETIME_OVERFLOW, message)
    }

    fn displaced(&self) -> SqlError {
        let message = format!("time zone displacement out of range: \"{}\"", shortened(self.text));
        SqlError::new(SqlState::INVALID_TIME_ZONE_DISPLACEMENT, message)
    }
}

/// A field by its shape.
#[derive(Clone, Copy, Debug)]
enum Token<'a> {
    /// Three parts with `-`, `/` or `.` between: `2024-01-02`, `08-Jan-1999`, `1/8/1999`.
    Date(&'a str),
    /// `03:04`, `03:04:05.6`.
    Clock(&'a str),
    /// `+02`, `-03:30`.
    Offset(&'a str),
    /// Digits, perhaps with a fraction.
    Digits(&'a str),
    Word(&'a str),
}

/// Which field a piece of text becomes.
type Make<'a> = fn(&'a str) -> Token<'a>;

impl<'a> Token<'a> {
    /// The next field and what follows it; `Some(None)` at the end, `None` for a stray character.
    #[expect(clippy::option_option, reason = "end and error are different")]
    fn next(text: &'a str) -> Option<Option<(Self, &'a str)>> {
        let text = text.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
        let Some(first) = text.bytes().next() else { return Some(None) };
        let (make, len): (Make<'a>, usize) = match first {
            b'0'..=b'9' => number_shape(text),
            b'+' | b'-' => {
                let digits = span(&text[1..], |b| b.is_ascii_digit() || b == b':');
                if digits == 0 { signed_word(text)? } else { (Self::Offset, 1 + digits) }
            }
            b'a'..=b'z' | b'A'..=b'Z' => (Self::Word, word_span(text)),
            _ => return None,
        };
        let (token, rest) = text.split_at_checked(len)?;
        Some(Some((make(token), rest)))
    }
}

/// `-infinity` is the only word with a sign.
fn signed_word<'a>(text: &'a str) -> Option<(Make<'a>, usize)> {
    let len = 1 + span(&text[1..], |b| b.is_ascii_alphabetic());
    let word = text.get(1..len)?.to_ascii_lowercase();
    (special(&word) == Some(Special::Infinity)).then_some((Token::Word, len))
}

fn span(text: &str, keep: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|b| keep(*b)).count()
}

fn number_shape<'a>(text: &'a str) -> (Make<'a>, usize) {
    let digits = span(text, |b| b.is_ascii_digit());
    let after = text.as_bytes().get(digits).copied().unwrap_or(b' ');
    if after == b':' {
        let clock = span(text, |b| b.is_ascii_digit() || b == b':' || b == b'.');
        return (Token::Clock, clock);
    }
    if let Some(len) = date_span(text, digits, after) {
        return (Token::Date, len);
    }
    if after == b'.' {
        let fraction = span(&text[digits + 1..], |b| b.is_ascii_digit());
        return (Token::Digits, digits + 1 + fraction);
    }
    (Token::Digits, digits)
}

/// How long a date with separators is, where `text` begins with one.
fn date_span(text: &str, first: usize, separator: u8) -> Option<usize> {
    if !matches!(separator, b'-' | b'/' | b'.') {
        return None;
    }
    let rest = text.get(first + 1..)?;
    let second = span(rest, |b| b.is_ascii_alphanumeric());
    if second == 0 || rest.as_bytes().get(second) != Some(&separator) {
        return None;
    }
    let third = span(rest.get(second + 1..)?, |b| b.is_ascii_digit());
    (third > 0).then_some(first + 1 + second + 1 + third)
}

/// A word, or a zone's name (`America/Port-au-Prince`, `Etc/GMT+5`).
fn word_span(text: &str) -> usize {
    let plain = span(text, |b| b.is_ascii_alphabetic());
    if !matches!(text.as_bytes().get(plain), Some(b'/' | b'_')) {
        return plain;
    }
    span(text, |b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+'))
}

/// Orders a date's three parts.
fn dated(text: &str, order: DateOrder) -> Option<Date> {
    let mut parts = text.split(['-', '/', '.']);
    let (a, b, c) = (parts.next()?, parts.next()?, parts.next()?);
    let number = |part: &str| part.parse::<i64>().ok().filter(|_| part.len() <= 7);
    let named = month_number(&b.to_ascii_lowercase());
    let (year, month, day) = match named {
        Some(month) if a.len() > 2 => (a, month, c),
        Some(month) => (c, month, a),
        None if a.len() > 2 => (a, number(b)?, c),
        None => match order {
            DateOrder::Ymd => (a, number(b)?, c),
            DateOrder::Mdy => (c, number(a)?, b),
            DateOrder::Dmy => (c, number(b)?, a),
        },
    };
    Some(Date { year: number(year)?, short_year: year.len() <= 2, month, day: number(day)? })
}

/// `hh:mm[:ss[.f]]` in microseconds: `None` is no time, `Some(None)` out of range.
#[expect(clippy::option_option, reason = "bad syntax and out of range are different")]
fn clock_us(text: &str) -> Option<Option<i64>> {
    let mut parts = text.split(':');
    let number = |part: &str| part.parse::<i64>().ok().filter(|_| part.len() <= 2);
    let hours = number(parts.next()?)?;
    let minutes = number(parts.next()?)?;
    let (seconds, fraction) = match parts.next() {
        None => (0, 0),
        Some(part) => {
            let (whole, fraction) = part.split_once('.').unwrap_or((part, ""));
            (number(whole)?, fraction_us(fraction)?)
        }
    };
    if parts.next().is_some() {
        return None;
    }
    let us = (hours * 3600 + minutes * 60 + seconds) * US_PER_SECOND + fraction;
    let inside = minutes < 60 && seconds <= 60 && us <= US_PER_DAY;
    Some(inside.then_some(us))
}

/// `.5` is 500,000; more than six digits are rounded.
pub(crate) fn fraction_us(digits: &str) -> Option<i64> {
    let mut us = 0;
    for at in 0..6 {
        let digit = match digits.as_bytes().get(at) {
            None => 0,
            Some(byte) => i64::from(byte.is_ascii_digit().then(|| byte - b'0')?),
        };
        us = us * 10 + digit;
    }
    let beyond = digits.get(6..).unwrap_or_default();
    if !beyond.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(us + i64::from(beyond.as_bytes().first().is_some_and(|b| *b >= b'5')))
}

fn offset_of(text: &str) -> Option<TimeZone> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    TimeZone::fixed(sign * clock_seconds(text.get(1..)?)?)
}

fn special(lower: &str) -> Option<Special> {
    Some(match lower {
        "now" => Special::Now,
        "epoch" => Special::Epoch,
        "today" => Special::Day(0),
        "tomorrow" => Special::Day(1),
        "yesterday" => Special::Day(-1),
        "infinity" | "inf" | "+infinity" | "-infinity" | "+inf" | "-inf" => Special::Infinity,
        _ => return None,
    })
}

fn month_number(lower: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let at = MONTHS.iter().position(|name| {
        *name == lower || name.get(..3) == Some(lower) || (lower == "sept" && *name == "september")
    })?;
    i64::try_from(at + 1).ok()
}

fn is_weekday(lower: &str) -> bool {
    const DAYS: [&str; 7] =
        ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
    const SHORT: [&str; 4] = ["tues", "wednes", "thur", "thurs"];
    DAYS.iter().any(|day| *day == lower || day.get(..3) == Some(lower)) || SHORT.contains(&lower)
}

#[cfg(test)]
mod tests {
    use super::super::datetime::{write_date, write_time, write_timestamp, write_timestamptz};
    use super::*;
    use bytes::BytesMut;
    use proptest::prelude::*;

    fn shown(write: impl FnOnce(&mut BytesMut)) -> String {
        let mut out = BytesMut::new();
        write(&mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    /// 2024-05-06 07:08:09 UTC, in Berlin.
    fn berlin() -> FormatSettings {
        FormatSettings {
            timezone: TimeZone::parse("Europe/Berlin").unwrap(),
            ..FormatSettings::at(1_714_979_289_000_000)
        }
    }

    fn tz(text: &str) -> Result<String> {
        let us = parse_timestamptz(text, &berlin())?;
        Ok(shown(|out| write_timestamptz(us, TimeZone::UTC, out)))
    }

    /// Expectations taken from PostgreSQL 16 with TimeZone = Europe/Berlin.
    #[test]
    fn timestamptz_as_postgres_reads_them() {
        for (text, expected) in [
            ("2024-01-02", "2024-01-01 23:00:00+00"),
            ("2030-01-01Z", "2030-01-01 00:00:00+00"),
            ("2024-01-02T03:04:05Z", "2024-01-02 03:04:05+00"),
            ("2024-01-02 03:04:05.1234567+02", "2024-01-02 01:04:05.123457+00"),
            ("2024-01-02 03:04:05-03:30", "2024-01-02 06:34:05+00"),
            ("2024-01-02 03:04:05+0530", "2024-01-01 21:34:05+00"),
            ("2024-07-02 03:04:05", "2024-07-02 01:04:05+00"),
            ("2024-01-02 03:04 America/New_York", "2024-01-02 08:04:00+00"),
            ("2024-01-02 03:04:05 PST", "2024-01-02 11:04:05+00"),
            ("20240102T030405Z", "2024-01-02 03:04:05+00"),
            ("20240102030405 UTC", "2024-01-02 03:04:05+00"),
            ("Jan 2, 2024 3:04 PM UTC", "2024-01-02 15:04:00+00"),
            ("2 January 2024 12:00 am UTC", "2024-01-02 00:00:00+00"),
            ("Tue Jan 2 15:04:05 2024 UTC", "2024-01-02 15:04:05+00"),
            ("1/2/2024 UTC", "2024-01-02 00:00:00+00"),
            ("08-Jan-1999 UTC", "1999-01-08 00:00:00+00"),
            ("1969-12-31 23:59:59.999999Z", "1969-12-31 23:59:59.999999+00"),
            ("0044-03-15 BC Z", "0044-03-15 00:00:00+00 BC"),
            ("2024-01-01 24:00:00Z", "2024-01-02 00:00:00+00"),
            ("2024-01-01 23:59:60Z", "2024-01-02 00:00:00+00"),
            ("epoch", "1970-01-01 00:00:00+00"),
            ("now", "2024-05-06 07:08:09+00"),
            ("today", "2024-05-05 22:00:00+00"),
            ("tomorrow 12:30", "2024-05-07 10:30:00+00"),
            ("yesterday", "2024-05-04 22:00:00+00"),
            ("294246-12-31 23:59:59Z", "294246-12-31 23:59:59+00"),
            ("4714-11-24 BC Z", "4714-11-24 00:00:00+00 BC"),
        ] {
            assert_eq!(tz(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn the_order_of_days_and_months_is_a_setting() {
        for (order, text, expected) in [
            (DateOrder::Mdy, "1/2/2024", "2024-01-02"),
            (DateOrder::Dmy, "1/2/2024", "2024-02-01"),
            (DateOrder::Ymd, "99-01-08", "1999-01-08"),
        ] {
            let settings = FormatSettings { date_order: order, ..berlin() };
            let days = parse_date(text, &settings).unwrap();
            assert_eq!(shown(|out| write_date(days, out)), expected);
        }
    }

    #[test]
    fn refusals() {
        for bad in [
            "",
            "   ",
            "hello",
            "2024-01",
            "2024",
            "2024-01-02 03",
            "2024-01-02 2024-01-03",
            "03:04:05",
            "2024-01-02 1:2:3:4",
            "2024--01-02",
            "today tomorrow",
            "{}",
        ] {
            let error = tz(bad).map(|_| "read").unwrap_err();
            assert_eq!(error.state, SqlState::INVALID_DATETIME, "{bad:?}: {error}");
        }
        for bad in [
            "2024-13-01",
            "2024-02-30",
            "2023-02-29",
            "2024-01-02 25:00",
            "2024-01-02 10:61",
            "0000-01-01",
            "294277-01-01",
            "4715-01-01 BC",
            "infinity",
            "-infinity",
        ] {
            let error = tz(bad).unwrap_err();
            assert_eq!(error.state, SqlState::DATETIME_OVERFLOW, "{bad:?}: {error}");
        }
        assert_eq!(tz("2024-01-01 10:00+25").unwrap_err().state.0, "22009");
        assert_eq!(tz("2024-01-01 10:00 Mars/Base").unwrap_err().state.0, "22023");
    }

    #[test]
    fn dates_times_and_plain_timestamps() {
        let date = |text| parse_date(text, &berlin()).map(|d| shown(|out| write_date(d, out)));
        assert_eq!(date("2024-02-29").unwrap(), "2024-02-29");
        assert_eq!(date("January 8, 1999").unwrap(), "1999-01-08");
        assert_eq!(date("2024-01-02 23:59:59").unwrap(), "2024-01-02");
        assert_eq!(date("5874897-12-31").unwrap(), "5874897-12-31");
        assert_eq!(date("0001-01-01 BC").unwrap(), "0001-01-01 BC");
        assert_eq!(date("today").unwrap(), "2024-05-06");
        assert!(date("5874898-01-01").is_err());
        let time = |text| parse_time(text, &berlin()).map(|t| shown(|out| write_time(t, out)));
        assert_eq!(time("04:05").unwrap(), "04:05:00");
        assert_eq!(time("040506.7").unwrap(), "04:05:06.7");
        assert_eq!(time("04:05 PM").unwrap(), "16:05:00");
        assert_eq!(time("24:00:00").unwrap(), "24:00:00");
        assert_eq!(time("allballs").unwrap(), "00:00:00");
        assert!(time("24:00:01").is_err());
        assert!(time("13:00 pm").is_err());
        let plain =
            |text| parse_timestamp(text, &berlin()).map(|us| shown(|out| write_timestamp(us, out)));
        assert_eq!(plain("2024-01-02 03:04:05+09").unwrap(), "2024-01-02 03:04:05");
        assert_eq!(plain("now").unwrap(), "2024-05-06 09:08:09");
    }

    proptest! {
        #[test]
        fn any_moment_reads_back(
            us in super::super::datetime::TIMESTAMP_MIN_US..i64::MAX - 100_000_000_000,
            zone in prop::sample::select(
                vec!["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "-03:30"]),
        ) {
            let zone = TimeZone::parse(zone).unwrap();
            let settings = FormatSettings { timezone: zone, ..FormatSettings::default() };
            let text = shown(|out| write_timestamptz(us, zone, out));
            prop_assert_eq!(parse_timestamptz(&text, &settings).unwrap(), us, "{}", text);
            let text = shown(|out| write_timestamp(us, out));
            prop_assert_eq!(parse_timestamp(&text, &settings).unwrap(), us, "{}", text);
        }

        #[test]
        fn any_date_and_time_read_back(
            days in -2_440_588i32..2_145_042_906, us in 0i64..=US_PER_DAY,
        ) {
            let settings = FormatSettings::default();
            let text = shown(|out| write_date(days, out));
            prop_assert_eq!(parse_date(&text, &settings).unwrap(), days);
            let text = shown(|out| write_time(us, out));
            prop_assert_eq!(parse_time(&text, &settings).unwrap(), us);
        }

        #[test]
        fn no_text_panics(text in "[-+0-9:./TZ a-z]{0,30}", other in ".{0,30}") {
            for text in [text, other] {
                let _ = parse_timestamptz(&text, &berlin());
                let _ = parse_date(&text, &berlin());
                let _ = parse_time(&text, &berlin());
            }
        }
    }
}
