//! Casts, asked in SQL; numbers against exact arithmetic.

use crate::functions::testing::Database;
use proptest::prelude::*;

#[test]
fn numbers_round_and_are_checked() {
    let db = Database::new();
    db.check(&[
        ("2.5::float8::int", "2"),
        ("3.5::float8::int", "4"),
        ("(-2.5)::float8::int", "-2"),
        ("'2.5'::numeric::int", "3"),
        ("'-2.5'::numeric::int", "-3"),
        ("'12.345'::numeric(10,2)", "12.35"),
        ("12.345::float8::numeric(10,2)", "12.35"),
        ("0.1::float4::float8", "0.10000000149011612"),
        ("'0.1'::numeric::float8", "0.1"),
        ("true::int", "1"),
        ("5::int::bool", "t"),
        ("NULL::int", "NULL"),
    ]);
    db.check_errors(&[
        ("40000::smallint", "22003", "smallint out of range"),
        ("3000000000::int", "22003", "integer out of range"),
        ("1e300::float8::int8", "22003", "bigint out of range"),
        ("'NaN'::float8::int", "22003", "integer out of range"),
        ("1e300::float8::float4", "22003", "value out of range: overflow"),
        ("12345::numeric(4,2)", "22003", "numeric field overflow"),
        ("'2024-01-01'::date::int", "42846", "cannot cast type date to integer"),
    ]);
}

#[test]
fn text_is_read_and_written_as_postgres_does() {
    let db = Database::new();
    db.check(&[
        ("'t'::bool", "t"),
        ("true::text", "true"),
        ("1.5::float8::text", "1.5"),
        ("'abcdef'::varchar(3)", "abc"),
        ("'naïve'::varchar(3)", "naï"),
        ("'2024-01-01 12:34:56.789'::timestamp::text", "2024-01-01 12:34:56.789"),
        ("'2024-01-01 12:34:56.789'::timestamp(1)", "2024-01-01 12:34:56.8"),
        ("'{1,NULL,3}'::int[]::text", "{1,NULL,3}"),
        ("'{1,2}'::int[]::text[]", "{1,2}"),
        ("'a0eebc999c0b4ef8bb6d6bb9bd380a11'::uuid::text", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("'{\"b\": 1, \"a\": [1, 2]}'::jsonb::text", "{\"a\": [1, 2], \"b\": 1}"),
        ("'12'::jsonb::int", "12"),
        ("'true'::jsonb::bool", "t"),
        ("'\\x0aff'::bytea::text", "\\x0aff"),
        ("'1 year 2 mons 3 days 04:05:06'::interval::text", "1 year 2 mons 3 days 04:05:06"),
        ("CAST('7' AS bigint)", "7"),
        ("date '2024-01-01'", "2024-01-01"),
        ("timestamp '2024-01-01 10:00'", "2024-01-01 10:00:00"),
    ]);
    db.check_errors(&[
        ("'x'::int", "22P02", "invalid input syntax for type integer: \"x\""),
        ("'[1]'::jsonb::int", "22023", "cannot cast jsonb array to type integer"),
    ]);
}

#[test]
fn moments_cross_the_session_s_zone() {
    let db = Database::in_zone("Europe/Berlin");
    db.check(&[
        ("'2024-01-01 00:30+00'::timestamptz", "2024-01-01 01:30:00+01"),
        ("'2024-01-01'::timestamp::timestamptz", "2024-01-01 00:00:00+01"),
        ("'2023-12-31 23:30+00'::timestamptz::date", "2024-01-01"),
        ("'2023-12-31 23:30+00'::timestamptz::timestamp", "2024-01-01 00:30:00"),
        ("'2023-12-31 23:30+00'::timestamptz::time", "00:30:00"),
        ("'2024-07-01'::date::timestamptz", "2024-07-01 00:00:00+02"),
        ("timezone('America/New_York', '2024-01-01 12:00+01'::timestamptz)", "2024-01-01 06:00:00"),
        ("timezone('UTC', '2024-01-01 12:00'::timestamp)", "2024-01-01 13:00:00+01"),
    ]);
}

#[test]
fn vectors_and_arrays() {
    let db = Database::new();
    db.check(&[
        ("'[1,2,3]'::vector(3)::text", "[1,2,3]"),
        ("'[1, 2 ,3]'::vector::real[]", "{1,2,3}"),
        ("ARRAY[1,2,3]::vector(3)", "[1,2,3]"),
        ("ARRAY[1.5,2.5]::vector", "[1.5,2.5]"),
        ("'{1,2}'::int[]::vector(2)", "[1,2]"),
        ("'{1.5}'::double precision[]::vector", "[1.5]"),
        ("'[1,2]'::vector(2)::vector", "[1,2]"),
        ("'[1,2]'::vector::vector(2)", "[1,2]"),
        ("NULL::vector(3)", "NULL"),
    ]);
    db.check_errors(&[
        ("'[1,2]'::vector(3)", "22000", "expected 3 dimensions, not 2"),
        ("ARRAY[1,2]::vector(3)", "22000", "expected 3 dimensions, not 2"),
        ("'[1,2]'::vector::vector(3)", "22000", "expected 3 dimensions, not 2"),
        ("'[NaN]'::vector", "22000", "NaN not allowed in vector"),
        ("'[Infinity]'::vector", "22000", "infinite value not allowed in vector"),
        ("ARRAY['NaN'::float8]::vector", "22000", "NaN not allowed in vector"),
        ("'[]'::vector", "22000", "vector must have at least 1 dimension"),
        ("ARRAY[1,NULL]::vector", "22004", "array must not contain nulls"),
    ]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn decimals_round_as_exact_arithmetic_does(n in -1_000_000_000_i64..1_000_000_000) {
        // n / 1000 to two places, half away from zero.
        let (magnitude, sign) = (n.unsigned_abs(), n.signum());
        let hundredths = i64::try_from((magnitude + 5) / 10).unwrap() * sign;
        let db = Database::new();
        let text = format!("{}{}.{:03}", if n < 0 { "-" } else { "" }, magnitude / 1000, magnitude % 1000);
        let whole = hundredths.unsigned_abs();
        let minus = if hundredths < 0 { "-" } else { "" };
        let wanted = format!("{minus}{}.{:02}", whole / 100, whole % 100);
        prop_assert_eq!(db.value(&format!("'{text}'::numeric::numeric(12,2)")), wanted);
    }
}
