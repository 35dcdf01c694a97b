//! Time zones: a fixed offset or a name of the IANA database.

use crate::calendar::{US_PER_DAY, US_PER_SECOND};
use crate::error::{Result, SqlError, SqlState};
use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeZone as _};
use chrono_tz::Tz;
use std::fmt;

/// A session's `TimeZone`, or the zone a literal names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeZone {
    /// Seconds east of Greenwich.
    Fixed(i32),
    Named(Tz),
}

/// The furthest a zone may be from Greenwich (exclusive), as Postgres has it.
const OFFSET_LIMIT_SECONDS: i32 = 16 * 3600;

impl TimeZone {
    pub const UTC: Self = Self::Named(Tz::UTC);

    /// What `SET TimeZone` accepts: a name, hours east as a number, or a POSIX offset (`UTC+3`,
    /// hours *west*).
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        Self::by_name(text)
            .or_else(|| hours_east(text))
            .or_else(|| iso_offset(text))
            .or_else(|| posix_offset(text))
            .ok_or_else(|| unknown_zone(text))
    }

    /// A zone by its name or abbreviation, in any case.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        if let Some((_, hours)) = ABBREVIATIONS.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
            return Some(Self::Fixed(hours * 3600));
        }
        let exact = name.parse().ok();
        let in_any_case =
            || chrono_tz::TZ_VARIANTS.iter().find(|tz| tz.name().eq_ignore_ascii_case(name));
        exact.or_else(|| in_any_case().copied()).map(Self::Named)
    }

    /// Seconds east of Greenwich at a moment (microseconds since the Unix epoch).
    #[must_use]
    pub fn offset_at(self, us: i64) -> i32 {
        match self {
            Self::Fixed(offset) => offset,
            Self::Named(tz) => {
                let naive = naive(us);
                tz.offset_from_utc_datetime(&naive).fix().local_minus_utc()
            }
        }
    }

    /// Seconds east of Greenwich when the zone's own clocks show `local_us`. As in Postgres, a
    /// time skipped in spring is read by the offset before, one repeated in autumn by the one
    /// after.
    #[must_use]
    pub fn offset_of_local(self, local_us: i64) -> i32 {
        let tz = match self {
            Self::Fixed(offset) => return offset,
            Self::Named(tz) => tz,
        };
        match tz.offset_from_local_datetime(&naive(local_us)) {
            MappedLocalTime::Single(offset) => offset.fix().local_minus_utc(),
            MappedLocalTime::Ambiguous(one, two) => {
                one.fix().local_minus_utc().min(two.fix().local_minus_utc())
            }
            MappedLocalTime::None => self.offset_at(local_us.saturating_sub(US_PER_DAY)),
        }
    }

    /// A fixed zone, if it is near enough to Greenwich.
    #[must_use]
    pub fn fixed(seconds_east: i32) -> Option<Self> {
        (seconds_east.abs() < OFFSET_LIMIT_SECONDS).then_some(Self::Fixed(seconds_east))
    }
}

/// The name as `SHOW TimeZone` gives it; [`TimeZone::parse`] reads it back.
impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(tz) => f.write_str(tz.name()),
            Self::Fixed(offset) => {
                let (sign, magnitude) = (if *offset < 0 { '-' } else { '+' }, offset.abs());
                let (hours, minutes) = (magnitude / 3600, magnitude / 60 % 60);
                write!(f, "{sign}{hours:02}:{minutes:02}")?;
                if magnitude % 60 == 0 { Ok(()) } else { write!(f, ":{:02}", magnitude % 60) }
            }
        }
    }
}

/// Abbreviations that the IANA names lack, or have with summer time.
const ABBREVIATIONS: &[(&str, i32)] = &[
    ("Z", 0),
    ("ZULU", 0),
    ("EST", -5),
    ("EDT", -4),
    ("CST", -6),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
    ("CET", 1),
    ("CEST", 2),
    ("EET", 2),
    ("EEST", 3),
    ("WET", 0),
    ("WEST", 1),
    ("BST", 1),
    ("MSK", 3),
    ("IST", 2),
    ("JST", 9),
];

/// chrono's range is narrower than ours; beyond it a zone keeps the rules of its edge.
fn naive(us: i64) -> NaiveDateTime {
    let edge =
        if us < 0 { DateTime::<chrono::Utc>::MIN_UTC } else { DateTime::<chrono::Utc>::MAX_UTC };
    DateTime::from_timestamp_micros(us).unwrap_or(edge).naive_utc()
}

fn hours_east(text: &str) -> Option<TimeZone> {
    let looks_numeric = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.'));
    let hours: f64 = text.parse().ok().filter(|_| looks_numeric)?;
    if hours.abs() >= 16.0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "under 57,600 in magnitude")]
    TimeZone::fixed((hours * 3600.0).round() as i32)
}

/// `+hh:mm[:ss]`, east.
fn iso_offset(text: &str) -> Option<TimeZone> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    TimeZone::fixed(sign * clock_seconds(digits)?)
}

/// `NAME+hh[:mm]`, west: POSIX counts the other way.
fn posix_offset(text: &str) -> Option<TimeZone> {
    let name_end = match text.strip_prefix('<') {
        Some(rest) => rest.find('>')? + 2,
        None => text.bytes().take_while(u8::is_ascii_alphabetic).count(),
    };
    let (name, offset) = text.split_at_checked(name_end)?;
    if name.len() < 3 || !offset.starts_with(['+', '-']) {
        return None;
    }
    let sign = if offset.starts_with('-') { 1 } else { -1 };
    TimeZone::fixed(sign * clock_seconds(&offset[1..])?)
}

/// `h`, `hh`, `hhmm`, `hh:mm`, `hh:mm:ss` as seconds.
pub(crate) fn clock_seconds(text: &str) -> Option<i32> {
    let digits = |s: &str| (!s.is_empty() && s.bytes().all(|b| b.is_ascii_digit())).then_some(());
    let number = |s: &str| digits(s).and_then(|()| s.parse::<i32>().ok());
    let parts: Vec<&str> = text.split(':').collect();
    let (hours, minutes, seconds) = match parts.as_slice() {
        [h] if h.len() <= 2 => (number(h)?, 0, 0),
        [hm] if hm.len() <= 4 => (number(hm)? / 100, number(hm)? % 100, 0),
        [h, m] if h.len() <= 2 => (number(h)?, number(m)?, 0),
        [h, m, s] if h.len() <= 2 => (number(h)?, number(m)?, number(s)?),
        _ => return None,
    };
    let near = hours < 16 && minutes < 60 && seconds < 60;
    near.then_some(hours * 3600 + minutes * 60 + seconds)
}

fn unknown_zone(text: &str) -> SqlError {
    let message = format!("time zone \"{text}\" not recognized");
    SqlError::new(SqlState::INVALID_PARAMETER, message)
}

/// Moves a moment to what the zone's clocks show.
#[must_use]
pub fn to_local(us: i64, zone: TimeZone) -> (i64, i32) {
    let offset = zone.offset_at(us);
    (us.saturating_add(i64::from(offset) * US_PER_SECOND), offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offset(zone: &str, us: i64) -> i32 {
        TimeZone::parse(zone).unwrap().offset_at(us)
    }

    #[test]
    fn names_numbers_and_posix() {
        assert_eq!(offset("UTC", 0), 0);
        assert_eq!(offset("europe/berlin", 0), 3600);
        assert_eq!(offset("+02", 0), 7200);
        assert_eq!(offset("-3.5", 0), -12_600);
        assert_eq!(offset("+05:30", 0), 19_800);
        assert_eq!(offset("UTC+3", 0), -10_800);
        assert_eq!(offset("<+02>-02", 0), 7200);
        assert!(TimeZone::parse("Middle/Earth").is_err());
        assert!(TimeZone::parse("+77").is_err());
        assert!(TimeZone::parse("").is_err());
    }

    #[test]
    fn display_reads_back() {
        for name in ["UTC", "America/New_York", "+02", "-03:30"] {
            let zone = TimeZone::parse(name).unwrap();
            assert_eq!(TimeZone::parse(&zone.to_string()).unwrap(), zone);
        }
    }

    /// 2024-03-31 02:30 does not exist in Berlin, 2024-10-27 02:30 does twice.
    #[test]
    fn clock_changes_as_in_postgres() {
        let berlin = TimeZone::parse("Europe/Berlin").unwrap();
        let spring = 1_711_852_200_000_000;
        let autumn = 1_729_996_200_000_000;
        assert_eq!(berlin.offset_of_local(spring), 3600);
        assert_eq!(berlin.offset_of_local(autumn), 3600);
    }

    #[test]
    fn beyond_chrono_the_edge_holds() {
        assert_eq!(offset("Asia/Tokyo", i64::MAX), 32_400);
    }
}
