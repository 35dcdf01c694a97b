//! `date`, `time`, `timestamp`, `timestamptz`: ranges, ISO text out, binary both ways.
//!
//! Inside, a moment is microseconds and a date is days since 1970-01-01; Postgres' binary forms
//! count from 2000-01-01. Infinity exists in no column of ours: it is refused at the door.

use super::{exactly, invalid_binary};
use crate::calendar::{
    END_DAY, FIRST_DAY, PG_EPOCH_DAYS, PG_EPOCH_US, US_PER_DAY, US_PER_SECOND, civil_from_days,
};
use crate::error::{Result, SqlError, SqlState};
use crate::zone::{TimeZone, to_local};
use bytes::{BufMut, BytesMut};
use std::fmt::Write;

/// The first microsecond Postgres knows, 4714-11-24 BC. The last is the end of an `i64`.
pub const TIMESTAMP_MIN_US: i64 = FIRST_DAY * US_PER_DAY;

/// 22008 where a moment lies before Postgres' range.
pub fn check_timestamp(us: i64) -> Result<i64> {
    if us >= TIMESTAMP_MIN_US { Ok(us) } else { Err(out_of_range("timestamp")) }
}

/// The day as Arrow keeps it; 22008 outside Postgres' range.
pub fn check_date(days: i64) -> Result<i32> {
    let inside = (FIRST_DAY..END_DAY).contains(&days);
    i32::try_from(days).ok().filter(|_| inside).ok_or_else(|| out_of_range("date"))
}

#[must_use]
pub fn out_of_range(what: &str) -> SqlError {
    SqlError::new(SqlState::DATETIME_OVERFLOW, format!("{what} out of range"))
}

pub fn write_date(days: i32, out: &mut BytesMut) {
    let before_christ = write_civil(i64::from(days), out);
    if before_christ {
        out.put_slice(b" BC");
    }
}

/// Writes `yyyy-mm-dd`; says whether the year is BC, which goes to the very end.
fn write_civil(days: i64, out: &mut BytesMut) -> bool {
    let (year, month, day) = civil_from_days(days);
    let shown = if year > 0 { year } else { 1 - year };
    // BytesMut grows; writing to it cannot fail.
    let _ = write!(out, "{shown:04}-{month:02}-{day:02}");
    year <= 0
}

/// Writes `hh:mm:ss[.ffffff]`; 24:00:00 is shown as such.
pub fn write_time(us: i64, out: &mut BytesMut) {
    let (seconds, fraction) = (us / US_PER_SECOND, us % US_PER_SECOND);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let _ = write!(out, "{hours:02}:{minutes:02}:{seconds:02}");
    write_fraction(fraction, out);
}

/// Writes `.123`, or nothing for zero.
pub(crate) fn write_fraction(us: i64, out: &mut BytesMut) {
    if us != 0 {
        let digits = format!("{:06}", us.abs());
        let _ = write!(out, ".{}", digits.trim_end_matches('0'));
    }
}

pub fn write_timestamp(us: i64, out: &mut BytesMut) {
    if write_moment(us, out) {
        out.put_slice(b" BC");
    }
}

/// Writes the moment as the zone's clocks show it, with their offset.
pub fn write_timestamptz(us: i64, zone: TimeZone, out: &mut BytesMut) {
    let (local, offset) = to_local(us, zone);
    let before_christ = write_moment(local, out);
    let (sign, magnitude) = (if offset < 0 { '-' } else { '+' }, offset.abs());
    let _ = write!(out, "{sign}{:02}", magnitude / 3600);
    if magnitude % 3600 != 0 {
        let _ = write!(out, ":{:02}", magnitude / 60 % 60);
    }
    if magnitude % 60 != 0 {
        let _ = write!(out, ":{:02}", magnitude % 60);
    }
    if before_christ {
        out.put_slice(b" BC");
    }
}

fn write_moment(us: i64, out: &mut BytesMut) -> bool {
    let before_christ = write_civil(us.div_euclid(US_PER_DAY), out);
    out.put_u8(b' ');
    write_time(us.rem_euclid(US_PER_DAY), out);
    before_christ
}

pub fn write_date_binary(days: i32, out: &mut BytesMut) {
    out.put_i32(days.saturating_sub(PG_EPOCH_DAYS));
}

pub fn parse_date_binary(bytes: &[u8]) -> Result<i32> {
    let days = i32::from_be_bytes(exactly("date", bytes)?);
    refuse_infinity(days == i32::MAX || days == i32::MIN, "date")?;
    check_date(i64::from(days) + i64::from(PG_EPOCH_DAYS))
}

pub fn write_timestamp_binary(us: i64, out: &mut BytesMut) {
    out.put_i64(us.saturating_sub(PG_EPOCH_US));
}

pub fn parse_timestamp_binary(type_name: &str, bytes: &[u8]) -> Result<i64> {
    let us = i64::from_be_bytes(exactly(type_name, bytes)?);
    refuse_infinity(us == i64::MAX || us == i64::MIN, "timestamp")?;
    let us = us.checked_add(PG_EPOCH_US).ok_or_else(|| out_of_range("timestamp"))?;
    check_timestamp(us)
}

/// 22008: infinity is a bound of a range, never a value.
pub fn refuse_infinity(infinite: bool, what: &str) -> Result<()> {
    if infinite {
        Err(out_of_range(what).detail("An infinite value cannot be stored."))
    } else {
        Ok(())
    }
}

pub fn parse_time_binary(bytes: &[u8]) -> Result<i64> {
    let us = i64::from_be_bytes(exactly("time", bytes)?);
    if (0..=US_PER_DAY).contains(&us) { Ok(us) } else { Err(out_of_range("time")) }
}

/// Interval: microseconds, days, months.
pub fn parse_interval_binary(bytes: &[u8]) -> Result<(i64, i32, i32)> {
    let bytes: [u8; 16] = exactly("interval", bytes)?;
    let (us, rest) = bytes.split_first_chunk::<8>().ok_or_else(|| invalid_binary("interval"))?;
    let (days, months) = rest.split_first_chunk::<4>().ok_or_else(|| invalid_binary("interval"))?;
    let months = i32::from_be_bytes(exactly("interval", months)?);
    Ok((i64::from_be_bytes(*us), i32::from_be_bytes(*days), months))
}

/// Rounds to the `(p)` of `timestamp(p)` or `time(p)`; no modifier keeps microseconds.
#[must_use]
pub fn rounded(us: i64, typmod: i32) -> i64 {
    let Some(dropped) = (0..6).contains(&typmod).then(|| 6 - typmod.unsigned_abs()) else {
        return us;
    };
    let unit = 10i64.pow(dropped);
    let down = us.div_euclid(unit) * unit;
    if us - down >= unit / 2 { down.saturating_add(unit) } else { down }
}
