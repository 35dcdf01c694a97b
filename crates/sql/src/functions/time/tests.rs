//! Moments and intervals against PostgreSQL's manual and chrono.

use crate::functions::testing::Database;
use chrono::{Datelike, NaiveDate};
use proptest::prelude::*;

#[test]
fn parts() {
    let db = Database::new();
    db.check(&[
        ("extract(century FROM '2000-12-16 12:21:13'::timestamp)", "20"),
        ("extract(century FROM '0001-01-01 BC'::date)", "-1"),
        ("extract(day FROM interval '40 days 1 minute')", "40"),
        ("extract(decade FROM '2001-02-16 20:38:40'::timestamp)", "200"),
        ("extract(dow FROM '2001-02-16 20:38:40'::timestamp)", "5"),
        ("extract(doy FROM '2001-02-16 20:38:40'::timestamp)", "47"),
        ("extract(epoch FROM '2001-02-16 20:38:40.12-08'::timestamptz)", "982384720.120000"),
        ("extract(epoch FROM interval '5 days 3 hours')", "442800.000000"),
        ("extract(hour FROM '2001-02-16 20:38:40'::timestamp)", "20"),
        ("extract(isodow FROM '2001-02-18 20:38:40'::timestamp)", "7"),
        ("extract(isoyear FROM '2006-01-01'::date)", "2005"),
        ("extract(week FROM '2001-02-16 20:38:40'::timestamp)", "7"),
        ("extract(microseconds FROM time '17:12:28.5')", "28500000"),
        ("extract(millennium FROM '2001-02-16'::date)", "3"),
        ("extract(milliseconds FROM time '17:12:28.5')", "28500.000"),
        ("extract(month FROM interval '2 years 13 months')", "1"),
        ("extract(quarter FROM '2001-02-16'::date)", "1"),
        ("extract(second FROM '2001-02-16 20:38:40.12'::timestamp)", "40.120000"),
        ("extract(year FROM '2001-02-16'::date)", "2001"),
        ("date_part('day', NULL::timestamp)", "NULL"),
    ]);
    db.check_errors(&[(
        "date_part('fortnight', '2024-01-01'::timestamp)",
        "22023",
        "unit \"fortnight\" not recognized for type timestamp without time zone",
    )]);
    let rome = Database::in_zone("Europe/Rome");
    rome.check(&[
        ("extract(hour FROM '2024-07-01 12:00+00'::timestamptz)", "14"),
        ("extract(timezone FROM '2024-07-01 12:00+00'::timestamptz)", "7200"),
        ("extract(epoch FROM '2024-07-01 12:00+00'::timestamptz)", "1719835200.000000"),
    ]);
}

#[test]
fn truncation() {
    let db = Database::in_zone("America/New_York");
    db.check(&[
        ("date_trunc('hour', '2001-02-16 20:38:40'::timestamp)", "2001-02-16 20:00:00"),
        ("date_trunc('year', '2001-02-16 20:38:40'::timestamp)", "2001-01-01 00:00:00"),
        ("date_trunc('week', '2001-02-16 20:38:40'::timestamp)", "2001-02-12 00:00:00"),
        ("date_trunc('quarter', '2001-05-16'::timestamp)", "2001-04-01 00:00:00"),
        ("date_trunc('century', '2000-12-31'::timestamp)", "1901-01-01 00:00:00"),
        ("date_trunc('day', '2001-02-16 20:38:40+00'::timestamptz)", "2001-02-16 00:00:00-05"),
        (
            "date_trunc('day', '2001-02-16 20:38:40+00'::timestamptz, 'Australia/Sydney')",
            "2001-02-16 08:00:00-05",
        ),
        ("date_trunc('hour', interval '3 days 02:47:33')", "3 days 02:00:00"),
        ("date_trunc('month', '2001-02-16'::date)", "2001-02-01 00:00:00-05"),
    ]);
}

#[test]
fn intervals() {
    let db = Database::new();
    db.check(&[
        ("age('2001-04-10'::timestamp, '1957-06-13'::timestamp)", "43 years 9 mons 27 days"),
        ("age('1957-06-13'::timestamp, '2001-04-10'::timestamp)", "-43 years -9 mons -27 days"),
        ("justify_days(interval '1 year 65 days')", "1 year 2 mons 5 days"),
        ("justify_hours(interval '50 hours 10 minutes')", "2 days 02:10:00"),
        ("justify_interval(interval '1 mon -1 hour')", "29 days 23:00:00"),
        ("make_interval(0, 0, 0, 10)", "10 days"),
        ("make_interval(1, 2, 3, 4, 5, 6, 7.5)", "1 year 2 mons 25 days 05:06:07.5"),
        ("interval '1 month' * 1.5", "1 mon 15 days"),
        ("interval '1 day' / 8", "03:00:00"),
        ("to_timestamp(1284352323)", "2010-09-13 04:32:03+00"),
        ("to_timestamp(0.5)", "1970-01-01 00:00:00.5+00"),
        (
            "to_timestamp('05 Dec 2000 10:30 PM', 'DD Mon YYYY HH12:MI AM')",
            "2000-12-05 22:30:00+00",
        ),
        (
            "to_timestamp('2000-12-05T10:30:15.5+02:00', 'YYYY-MM-DD\"T\"HH24:MI:SS.MSTZH:TZM')",
            "2000-12-05 08:30:15.5+00",
        ),
        ("to_date('20240305', 'YYYYMMDD')", "2024-03-05"),
        ("to_date('2024-060', 'YYYY-DDD')", "2024-02-29"),
        ("age('1970-01-01'::timestamp)", "00:00:00"),
        ("make_date(2013, 7, 15)", "2013-07-15"),
        ("make_timestamp(2013, 7, 15, 8, 15, 23.5)", "2013-07-15 08:15:23.5"),
        ("make_timestamptz(2013, 7, 15, 8, 15, 23.5)", "2013-07-15 08:15:23.5+00"),
    ]);
    db.check_errors(&[
        ("make_date(2023, 2, 29)", "22008", "date field value out of range: 2023-02-29"),
        ("interval '1 day' / 0", "22012", "division by zero"),
        (
            "to_date('2024-02-30', 'YYYY-MM-DD')",
            "22008",
            "date/time field value out of range: \"2024-02-30\"",
        ),
        ("to_date('soon', 'YYYY')", "22007", "invalid value \"soon\" for pattern \"YYYY\""),
    ]);
}

#[test]
fn to_char() {
    let db = Database::in_zone("Asia/Kolkata");
    let moment = "'2024-03-05 15:04:09.123456'::timestamp";
    let char = |pattern: &str| db.value(&format!("to_char({moment}, '{pattern}')"));
    assert_eq!(char("YYYY-MM-DD HH24:MI:SS.US"), "2024-03-05 15:04:09.123456");
    assert_eq!(char("YYYY-MM-DD\"T\"HH24:MI:SS"), "2024-03-05T15:04:09");
    assert_eq!(char("FMDay, FMDD  HH12:MI:SS am"), "Tuesday, 5  03:04:09 pm");
    assert_eq!(char("Day|DD|Mon|MONTH"), "Tuesday  |05|Mar|MARCH    ");
    assert_eq!(char("IYYY-IW-ID"), "2024-10-2");
    assert_eq!(char("DDD Q J"), "065 1 2460375");
    assert_eq!(char("YY MS FF2"), "24 123 12");
    db.check(&[
        ("to_char('2024-03-05 12:00+00'::timestamptz, 'HH24:MI TZH:TZM')", "17:30 +05:30"),
        ("to_char(485, '999')", " 485"),
        ("to_char(-1234.5, 'FM9,999.00')", "-1,234.50"),
        ("to_char('1234.56'::numeric, '9G999D9')", " 1,234.6"),
        ("to_char(interval '15h 2m 12s', 'HH24:MI:SS')", "15:02:12"),
    ]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn calendar_fields_are_chrono_s(days in -100_000_i64..100_000) {
        let date = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap() + chrono::Duration::days(days);
        let db = Database::new();
        let field = |name: &str| db.value(&format!("extract({name} FROM '{date}'::date)"));
        prop_assert_eq!(field("doy"), date.ordinal().to_string());
        prop_assert_eq!(field("week"), date.iso_week().week().to_string());
        prop_assert_eq!(field("isoyear"), date.iso_week().year().to_string());
        prop_assert_eq!(field("dow"), date.weekday().num_days_from_sunday().to_string());
        prop_assert_eq!(field("month"), date.month().to_string());
    }

    /// `b + (a - b) = a`, and `b + age(a, b) = a` where days are not borrowed across months.
    #[test]
    fn differences_lead_back(a in 0_i64..2_000_000_000, b in 0_i64..2_000_000_000) {
        let db = Database::new();
        let (later, earlier) = (format!("to_timestamp({a})"), format!("to_timestamp({b})"));
        prop_assert_eq!(db.value(&format!("{earlier} + ({later} - {earlier}) = {later}")), "t");
    }
}
