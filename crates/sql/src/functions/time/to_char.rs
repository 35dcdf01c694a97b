//! `to_char(moment, pattern)` and `to_char(number, pattern)`: the patterns people use.
//!
//! A template is cut into pieces once a row, the longest keyword first; text in double quotes is
//! itself, anything else that is no keyword too. Not here: localised names, `TH`, Roman numerals.

use super::wall::{Moments, Wall, is_finite, misused, moment_type};
use crate::functions::formats::formats_of;
use crate::functions::function::{Function, by_columns, is_text};
use crate::functions::json::texts;
use crate::functions::number_format::number;
use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, IntervalMonthDayNanoType, IntervalUnit};
use cvx_types::PgType;
use cvx_types::calendar::{US_PER_DAY, US_PER_SECOND};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, Volatility};
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let function = Function::new("to_char", typing, PgType::Text, to_char);
    vec![function.volatility(Volatility::Stable).strict().udf()]
}

fn typing(types: &[DataType]) -> Option<Vec<DataType>> {
    let [value, pattern] = types else { return None };
    let value = match value {
        DataType::Decimal128(..) => value.clone(),
        ty if ty.is_integer() => DataType::Int64,
        ty if ty.is_numeric() => DataType::Float64,
        DataType::Interval(_) | DataType::Duration(_) => {
            DataType::Interval(IntervalUnit::MonthDayNano)
        }
        DataType::Null => PgType::Timestamptz.arrow_type(-1),
        ty => moment_type(ty)?,
    };
    is_text(pattern).then(|| vec![value, DataType::Utf8])
}

fn to_char(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let zone = formats_of(args)?.timezone;
    by_columns(args, |columns, _| {
        let [values, patterns] = columns else { return Err(misused("to_char")) };
        let patterns = texts(patterns)?;
        match values.data_type() {
            DataType::Int64 | DataType::Float64 | DataType::Decimal128(..) => {
                numbers(values, &patterns)
            }
            DataType::Interval(_) => Ok(intervals(values, &patterns)),
            _ => Ok(moments(&Moments::read(values, zone)?, &patterns)),
        }
    })
}

fn numbers(values: &ArrayRef, patterns: &StringArray) -> Result<ArrayRef> {
    // The decimal text of a value is exact for integers and numerics, shortest for floats.
    let texts = match values.data_type() {
        DataType::Float64 => {
            let floats = values.as_primitive::<Float64Type>().iter();
            floats.map(|x| x.map(|x| format!("{x}"))).collect()
        }
        _ => texts(&cast(values, &DataType::Utf8)?)?,
    };
    let written =
        texts.iter().zip(patterns.iter()).map(|(text, pattern)| Some(number(text?, pattern?)));
    Ok(Arc::new(written.collect::<StringArray>()))
}

fn moments(moments: &Moments, patterns: &StringArray) -> ArrayRef {
    let rows = moments.wall_us.iter().zip(patterns.iter());
    let written = rows.map(|(us, pattern)| {
        let us = us.filter(|us| is_finite(*us))?;
        let offset = moments.offset_seconds(us);
        Some(write(pattern?, &Shown::moment(us, offset)))
    });
    Arc::new(written.collect::<StringArray>())
}

fn intervals(values: &ArrayRef, patterns: &StringArray) -> ArrayRef {
    let values = values.as_primitive::<IntervalMonthDayNanoType>();
    let rows = values.iter().zip(patterns.iter());
    let written = rows.map(|(span, pattern)| {
        let span = super::interval::Span::of(span?);
        let wall = Wall {
            year: i64::from(span.months / 12),
            month: u32::try_from(span.months % 12).unwrap_or(0),
            day: u32::try_from(span.days).unwrap_or(0),
            days: 0,
            us_of_day: span.us,
        };
        Some(write(pattern?, &Shown { wall, offset: 0 }))
    });
    Arc::new(written.collect::<StringArray>())
}

/// What a template shows.
struct Shown {
    wall: Wall,
    offset: i32,
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Every keyword, longer ones before those they begin with.
const KEYWORDS: [&str; 57] = [
    "SSSSS", "Y,YYY", "YYYY", "IYYY", "MONTH", "Month", "month", "HH24", "HH12", "IDDD", "A.M.",
    "P.M.", "a.m.", "p.m.", "B.C.", "A.D.", "YYY", "IYY", "MON", "Mon", "mon", "DDD", "DAY", "Day",
    "day", "FF1", "FF2", "FF3", "FF4", "FF5", "FF6", "TZH", "TZM", "AM", "PM", "am", "pm", "BC",
    "AD", "YY", "IY", "MM", "DD", "DY", "Dy", "dy", "ID", "IW", "WW", "HH", "MI", "SS", "MS", "US",
    "CC", "TZ", "OF",
];
/// Keywords of one letter.
const LETTERS: [&str; 5] = ["Y", "D", "Q", "J", "W"];

impl Shown {
    fn moment(wall_us: i64, offset: i32) -> Self {
        Self { wall: Wall::of(wall_us), offset }
    }

    fn hour(&self) -> i64 {
        self.wall.us_of_day / (3600 * US_PER_SECOND)
    }

    fn half_day(&self, morning: &'static str, afternoon: &'static str) -> String {
        if self.hour() % 24 < 12 { morning.to_owned() } else { afternoon.to_owned() }
    }

    fn month(&self) -> &'static str {
        let month = usize::try_from(self.wall.month).unwrap_or(0);
        MONTHS.get(month.wrapping_sub(1)).copied().unwrap_or("")
    }

    fn weekday(&self) -> &'static str {
        let day = usize::try_from(self.wall.iso_weekday() % 7).unwrap_or(0);
        DAYS.get(day).copied().unwrap_or("")
    }

    fn fraction(&self, digits: u32) -> i64 {
        self.wall.us_of_day % US_PER_SECOND / 10_i64.pow(6 - digits)
    }

    /// The keyword's text: a name, or a number and how many digits it is padded to.
    fn piece(&self, keyword: &str) -> Piece {
        let clock = |unit: i64, count: i64| self.wall.us_of_day / (unit * US_PER_SECOND) % count;
        let year = self.wall.year;
        let hour12 = (self.hour() + 11) % 12 + 1;
        match keyword {
            "YYYY" => Piece::Number(year, 4),
            "YYY" => Piece::Number(year % 1000, 3),
            "YY" => Piece::Number(year % 100, 2),
            "Y" => Piece::Number(year % 10, 1),
            "Y,YYY" => Piece::Name(format!("{},{:03}", year / 1000, year % 1000), 0),
            "IYYY" => Piece::Number(self.wall.iso_week().0, 4),
            "IYY" => Piece::Number(self.wall.iso_week().0 % 1000, 3),
            "IY" => Piece::Number(self.wall.iso_week().0 % 100, 2),
            "MM" => Piece::Number(i64::from(self.wall.month), 2),
            "DD" => Piece::Number(i64::from(self.wall.day), 2),
            "DDD" => Piece::Number(self.wall.day_of_year(), 3),
            "D" => Piece::Number(self.wall.iso_weekday() % 7 + 1, 1),
            "ID" => Piece::Number(self.wall.iso_weekday(), 1),
            "IW" => Piece::Number(self.wall.iso_week().1, 2),
            "IDDD" => {
                let day = (self.wall.iso_week().1 - 1) * 7 + self.wall.iso_weekday();
                Piece::Number(day, 3)
            }
            "WW" => Piece::Number((self.wall.day_of_year() - 1) / 7 + 1, 2),
            "W" => Piece::Number(i64::from((self.wall.day.max(1) - 1) / 7 + 1), 1),
            "Q" => Piece::Number(i64::from(self.wall.month.div_ceil(3)), 1),
            "CC" => Piece::Number((year + 99) / 100, 2),
            "J" => Piece::Number(self.wall.days + 2_440_588, 1),
            "HH24" => Piece::Number(self.hour(), 2),
            "HH" | "HH12" => Piece::Number(hour12, 2),
            "MI" => Piece::Number(clock(60, 60), 2),
            "SS" => Piece::Number(clock(1, 60), 2),
            "SSSSS" => Piece::Number(self.wall.us_of_day % US_PER_DAY / US_PER_SECOND, 5),
            "MS" | "FF3" => Piece::Number(self.fraction(3), 3),
            "US" | "FF6" => Piece::Number(self.fraction(6), 6),
            "FF1" => Piece::Number(self.fraction(1), 1),
            "FF2" => Piece::Number(self.fraction(2), 2),
            "FF4" => Piece::Number(self.fraction(4), 4),
            "FF5" => Piece::Number(self.fraction(5), 5),
            other => self.word(other),
        }
    }

    fn word(&self, keyword: &str) -> Piece {
        let short = |name: &str| name.get(..3).unwrap_or(name).to_owned();
        let (month, day) = (self.month(), self.weekday());
        match keyword {
            "MONTH" => Piece::Name(month.to_uppercase(), 9),
            "Month" => Piece::Name(month.to_owned(), 9),
            "month" => Piece::Name(month.to_lowercase(), 9),
            "MON" => Piece::Name(short(month).to_uppercase(), 0),
            "Mon" => Piece::Name(short(month), 0),
            "mon" => Piece::Name(short(month).to_lowercase(), 0),
            "DAY" => Piece::Name(day.to_uppercase(), 9),
            "Day" => Piece::Name(day.to_owned(), 9),
            "day" => Piece::Name(day.to_lowercase(), 9),
            "DY" => Piece::Name(short(day).to_uppercase(), 0),
            "Dy" => Piece::Name(short(day), 0),
            "dy" => Piece::Name(short(day).to_lowercase(), 0),
            "AM" | "PM" => Piece::Name(self.half_day("AM", "PM"), 0),
            "am" | "pm" => Piece::Name(self.half_day("am", "pm"), 0),
            "A.M." | "P.M." => Piece::Name(self.half_day("A.M.", "P.M."), 0),
            "a.m." | "p.m." => Piece::Name(self.half_day("a.m.", "p.m."), 0),
            "BC" | "AD" => Piece::Name(self.era("BC", "AD"), 0),
            "B.C." | "A.D." => Piece::Name(self.era("B.C.", "A.D."), 0),
            "TZH" => Piece::Name(format!("{:+03}", self.offset / 3600), 0),
            "TZM" => Piece::Number(i64::from(self.offset.abs() / 60 % 60), 2),
            _ => Piece::Name(self.zone(), 0),
        }
    }

    fn era(&self, before: &'static str, after: &'static str) -> String {
        if self.wall.year <= 0 { before.to_owned() } else { after.to_owned() }
    }

    /// `+02`, or `+05:30` where minutes matter.
    fn zone(&self) -> String {
        let minutes = self.offset.abs() / 60 % 60;
        let hours = format!("{:+03}", self.offset / 3600);
        if minutes == 0 { hours } else { format!("{hours}:{minutes:02}") }
    }
}

enum Piece {
    /// Padded with zeros to so many digits.
    Number(i64, usize),
    /// Padded with blanks to so many characters.
    Name(String, usize),
}

fn write(pattern: &str, shown: &Shown) -> String {
    let mut text = String::new();
    let mut rest = pattern;
    let mut fill = true;
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("FM").or_else(|| rest.strip_prefix("fm")) {
            (fill, rest) = (false, after);
        } else if let Some(after) = rest.strip_prefix('"') {
            let (quoted, after) = after.split_once('"').unwrap_or((after, ""));
            text.push_str(quoted);
            rest = after;
        } else if let Some((keyword, after)) = keyword(rest) {
            text.push_str(&padded(shown.piece(&keyword), fill));
            (fill, rest) = (true, after);
        } else {
            text.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or("");
        }
    }
    text
}

/// The keyword a template goes on with; those of digits in any case.
pub(super) fn keyword(rest: &str) -> Option<(String, &str)> {
    let exact = KEYWORDS.iter().find(|keyword| rest.starts_with(**keyword));
    let upper = || {
        let starts = |keyword: &&&str| {
            rest.get(..keyword.len()).is_some_and(|own| own.eq_ignore_ascii_case(keyword))
        };
        KEYWORDS.iter().find(starts).or_else(|| LETTERS.iter().find(starts))
    };
    let keyword = exact.or_else(upper)?;
    Some(((*keyword).to_owned(), rest.get(keyword.len()..)?))
}

fn padded(piece: Piece, fill: bool) -> String {
    match piece {
        Piece::Number(number, _) if !fill => number.to_string(),
        Piece::Number(number, digits) if number < 0 => format!("-{:0digits$}", -number),
        Piece::Number(number, digits) => format!("{number:0digits$}"),
        Piece::Name(name, _) if !fill => name,
        Piece::Name(name, width) => format!("{name:width$}"),
    }
}
