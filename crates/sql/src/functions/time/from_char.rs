//! `to_timestamp(text, pattern)` and `to_date(text, pattern)`: `to_char`'s patterns, read.

use super::to_char::{MONTHS, keyword};
use super::wall::{midnight, misused, to_world};
use crate::functions::failure::fail;
use crate::functions::json::texts;
use arrow::array::{ArrayRef, Date32Array, TimestampMicrosecondArray};
use cvx_types::SqlState;
use cvx_types::calendar::{US_PER_DAY, US_PER_SECOND, days_from_civil, days_in_month};
use cvx_types::zone::TimeZone;
use datafusion::common::{DataFusionError, Result};
use std::sync::Arc;

/// What a text said so far.
#[derive(Debug)]
struct Read {
    year: i64,
    month: i64,
    day: i64,
    day_of_year: Option<i64>,
    hour: i64,
    afternoon: Option<bool>,
    minute: i64,
    second: i64,
    us: i64,
    offset_s: Option<i64>,
    offset_sign: i64,
}

fn mismatch(text: &str, pattern: &str) -> DataFusionError {
    let message = format!("invalid value \"{text}\" for pattern \"{pattern}\"");
    fail(SqlState::INVALID_DATETIME, message)
}

/// Moments of the world; texts without an offset are on the session's wall.
pub(super) fn timestamps(columns: &[ArrayRef], zone: TimeZone) -> Result<ArrayRef> {
    let moments = by_rows(columns, |read| {
        let wall = read.wall()?;
        Some(match read.offset_s {
            Some(offset) => wall.checked_sub(offset * US_PER_SECOND)?,
            None => to_world(wall, zone),
        })
    })?;
    Ok(Arc::new(TimestampMicrosecondArray::from(moments).with_timezone("UTC")))
}

pub(super) fn dates(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let moments = by_rows(columns, |read| read.wall())?;
    let days = moments.into_iter().map(|us| i32::try_from(us?.div_euclid(US_PER_DAY)).ok());
    Ok(Arc::new(days.collect::<Date32Array>()))
}

fn by_rows(
    columns: &[ArrayRef],
    moment: impl Fn(&Read) -> Option<i64>,
) -> Result<Vec<Option<i64>>> {
    let [values, patterns] = columns else { return Err(misused("to_timestamp")) };
    let (values, patterns) = (texts(values)?, texts(patterns)?);
    let rows = values.iter().zip(patterns.iter()).map(|(text, pattern)| {
        let (Some(text), Some(pattern)) = (text, pattern) else { return Ok(None) };
        let read = Read::of(text, pattern).ok_or_else(|| mismatch(text, pattern))?;
        let out = || {
            fail(
                SqlState::DATETIME_OVERFLOW,
                format!("date/time field value out of range: \"{text}\""),
            )
        };
        moment(&read).map(Some).ok_or_else(out)
    });
    rows.collect()
}

impl Read {
    fn of(text: &str, pattern: &str) -> Option<Self> {
        let mut read = Self {
            year: 1,
            month: 1,
            day: 1,
            day_of_year: None,
            hour: 0,
            afternoon: None,
            minute: 0,
            second: 0,
            us: 0,
            offset_s: None,
            offset_sign: 1,
        };
        let (mut text, mut pattern) = (text.trim_start(), pattern);
        while let Some(first) = pattern.chars().next() {
            if let Some(rest) = pattern.strip_prefix("FM") {
                pattern = rest;
            } else if let Some((keyword, rest)) = keyword(pattern) {
                text = read.take(&keyword, text.trim_start())?;
                pattern = rest;
            } else {
                // A separator in the pattern matches any one in the text.
                pattern = pattern.get(first.len_utf8()..)?;
                let skips = |c: char| !c.is_alphanumeric() && c != '+' && c != '-';
                text = match text.chars().next() {
                    Some(c) if skips(c) || c == first => text.get(c.len_utf8()..)?,
                    _ => text,
                };
            }
        }
        Some(read)
    }

    /// Reads one keyword's value and gives back what follows it.
    fn take<'a>(&mut self, keyword: &str, text: &'a str) -> Option<&'a str> {
        if let Some(rest) = self.take_word(keyword, text) {
            return Some(rest);
        }
        let width = match keyword {
            "YYYY" => 4,
            "YYY" | "MS" | "DDD" => 3,
            "US" => 6,
            "Y" => 1,
            _ => 2,
        };
        let length = text.bytes().take(width).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = text.split_at(length);
        let number: i64 = digits.parse().ok()?;
        match keyword {
            "YYYY" => self.year = number,
            "YYY" => self.year = 2000 + number,
            "YY" | "Y" => self.year = if number < 70 { 2000 + number } else { 1900 + number },
            "MM" => self.month = number,
            "DD" => self.day = number,
            "DDD" => self.day_of_year = Some(number),
            "HH24" => self.hour = number,
            "HH" | "HH12" => {
                self.hour = number % 12;
                self.afternoon.get_or_insert(false);
            }
            "MI" => self.minute = number,
            "SS" => self.second = number,
            "MS" => self.us = fraction(digits) / 1000 * 1000,
            "US" => self.us = fraction(digits),
            "TZM" => *self.offset_s.get_or_insert(0) += self.offset_sign * number * 60,
            _ => return None,
        }
        Some(rest)
    }

    fn take_word<'a>(&mut self, keyword: &str, text: &'a str) -> Option<&'a str> {
        let prefixed = |word: &str| {
            let own = text.get(..word.len())?;
            own.eq_ignore_ascii_case(word).then(|| &text[word.len()..])
        };
        match keyword.to_ascii_uppercase().as_str() {
            "MON" | "MONTH" => {
                let (month, rest) = (1..).zip(MONTHS).find_map(|(at, name)| {
                    let short = name.get(..3)?;
                    Some((at, prefixed(name).or_else(|| prefixed(short))?))
                })?;
                self.month = month;
                Some(rest)
            }
            "AM" | "PM" => {
                let rest = prefixed("AM").or_else(|| prefixed("PM"))?;
                self.afternoon = Some(prefixed("PM").is_some());
                Some(rest)
            }
            "TZH" => {
                let (sign, rest) = match text.strip_prefix('-') {
                    Some(rest) => (-1, rest),
                    None => (1, text.strip_prefix('+').unwrap_or(text)),
                };
                let (digits, rest) = rest.split_at_checked(2)?;
                self.offset_sign = sign;
                self.offset_s = Some(sign * digits.parse::<i64>().ok()? * 3600);
                Some(rest)
            }
            _ => None,
        }
    }

    /// Microseconds of the wall; `None` where a field is out of its range.
    fn wall(&self) -> Option<i64> {
        let month = u32::try_from(self.month).ok().filter(|month| (1..=12).contains(month))?;
        let day = u32::try_from(self.day).ok()?;
        let date = match self.day_of_year {
            Some(day @ 1..=366) => days_from_civil(self.year, 1, 1) + day - 1,
            Some(_) => return None,
            None if (1..=days_in_month(self.year, month)).contains(&day) => {
                midnight(self.year, month, day)? / US_PER_DAY
            }
            None => return None,
        };
        let hour = if self.afternoon == Some(true) { self.hour % 12 + 12 } else { self.hour };
        let fits = hour < 24 && self.minute < 60 && self.second < 60;
        let seconds = hour * 3600 + self.minute * 60 + self.second;
        let time = seconds * US_PER_SECOND + self.us;
        fits.then(|| date.checked_mul(US_PER_DAY)?.checked_add(time)).flatten()
    }
}

/// `5` is half a second, `05` a twentieth.
fn fraction(digits: &str) -> i64 {
    let number: i64 = digits.parse().unwrap_or(0);
    let missing = u32::try_from(6_usize.saturating_sub(digits.len())).unwrap_or(0);
    number * 10_i64.pow(missing)
}
