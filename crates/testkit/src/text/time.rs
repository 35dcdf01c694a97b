//! Dates, times and intervals as Postgres prints them under DateStyle ISO in UTC.

use super::{Printed, take};
use chrono::{Datelike as _, Days, NaiveDate, TimeDelta};

const DAY_US: i64 = 86_400_000_000;
/// Postgres counts from here.
const EPOCH: Option<NaiveDate> = NaiveDate::from_ymd_opt(2000, 1, 1);

/// Days since 2000-01-01.
pub(super) fn date(days: i32) -> String {
    match days {
        i32::MAX => "infinity".to_owned(),
        i32::MIN => "-infinity".to_owned(),
        _ => {
            let (day, era) = day(i64::from(days));
            format!("{day}{era}")
        }
    }
}

/// Microseconds since midnight.
pub(super) fn clock(us: i64) -> String {
    let (seconds, fraction) = (us / 1_000_000, us % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let text = format!("{hour:02}:{minute:02}:{second:02}.{fraction:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Microseconds since 2000-01-01, then the zone, then the era.
pub(super) fn timestamp(us: i64, zone: &str) -> String {
    match us {
        i64::MAX => "infinity".to_owned(),
        i64::MIN => "-infinity".to_owned(),
        _ => {
            let (day, era) = day(us.div_euclid(DAY_US));
            format!("{day} {}{zone}{era}", clock(us.rem_euclid(DAY_US)))
        }
    }
}

/// The day's text and, before the year 1, ` BC`.
fn day(since_2000: i64) -> (String, &'static str) {
    let days = Days::new(since_2000.unsigned_abs());
    let day = EPOCH.and_then(|epoch| {
        if since_2000 < 0 { epoch.checked_sub_days(days) } else { epoch.checked_add_days(days) }
    });
    let Some(day) = day else { return (format!("day {since_2000}"), "") };
    let (year, era) = if day.year() < 1 { (1 - day.year(), " BC") } else { (day.year(), "") };
    (format!("{year:04}-{:02}-{:02}", day.month(), day.day()), era)
}

/// Microseconds, days and months; the style is `postgres`.
pub(super) fn interval(raw: &[u8]) -> Printed {
    let mut rest = raw;
    let us = i64::from_be_bytes(take(&mut rest)?);
    let days = i32::from_be_bytes(take(&mut rest)?);
    let months = i32::from_be_bytes(take(&mut rest)?);
    let mut words = Words::default();
    words.add(months / 12, "year");
    words.add(months % 12, "mon");
    words.add(days, "day");
    if us != 0 || words.text.is_empty() {
        let sign = match us {
            ..0 => "-",
            _ if words.negative => "+",
            _ => "",
        };
        let time = clock(TimeDelta::microseconds(us).abs().num_microseconds().unwrap_or(us));
        words.push(&format!("{sign}{time}"));
    }
    Ok(words.text)
}

/// Fields joined by spaces; after a negative one a positive one carries its sign.
#[derive(Default)]
struct Words {
    text: String,
    negative: bool,
}

impl Words {
    fn add(&mut self, count: i32, unit: &str) {
        if count == 0 {
            return;
        }
        let sign = if self.negative && count > 0 { "+" } else { "" };
        let plural = if count == 1 { "" } else { "s" };
        self.push(&format!("{sign}{count} {unit}{plural}"));
        self.negative = count < 0;
    }

    fn push(&mut self, word: &str) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(word);
    }
}
