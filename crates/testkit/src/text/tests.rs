//! Each pair is what PostgreSQL 16 itself printed for these bytes.

use super::*;

fn check(ty: &Type, hex: &str, expected: &str) {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let raw: Vec<u8> = digits.chunks(2).map(byte).collect();
    assert_eq!(print(ty, &raw).as_deref(), Ok(expected), "{ty} {hex}");
}

#[test]
fn floats_are_short_and_turn_to_exponents_where_postgres_does() {
    for (value, text) in [
        (0.1, "0.1"),
        (-0.0, "-0"),
        (1e14, "100000000000000"),
        (1e15, "1e+15"),
        (123_456_789_012_345.6, "123456789012345.6"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (1.5e300, "1.5e+300"),
        (-2.5, "-2.5"),
        (f64::NAN, "NaN"),
        (f64::NEG_INFINITY, "-Infinity"),
    ] {
        assert_eq!(number::float8(value), text);
    }
    for (value, text) in
        [(123_456.0, "123456"), (1_234_567.0, "1.234567e+06"), (0.1, "0.1"), (1e-5, "1e-05")]
    {
        assert_eq!(number::float4(value), text);
    }
}

#[test]
fn decimals_keep_their_scale() {
    check(&Type::NUMERIC, "0002 0000 0000 0002 000c 0d48", "12.34");
    check(&Type::NUMERIC, "0001 ffff 4000 0004 0001", "-0.0001");
    check(&Type::NUMERIC, "0000 0000 0000 0000", "0");
    check(&Type::NUMERIC, "0000 0000 0000 0003", "0.000");
    check(&Type::NUMERIC, "0001 0002 0000 0000 0001", "100000000");
    check(&Type::NUMERIC, "0000 0000 c000 0000", "NaN");
}

#[test]
fn times_reach_before_1970_and_before_christ() {
    check(&Type::DATE, "00000000", "2000-01-01");
    check(&Type::DATE, "ffffd533", "1970-01-01");
    check(&Type::DATE, "7fffffff", "infinity");
    check(&Type::DATE, "fff4dbf8", "0001-12-31 BC");
    check(&Type::TIMESTAMP, "fffca2fec4c81fff", "1969-12-31 23:59:59.999999");
    check(&Type::TIMESTAMPTZ, "0000000000000000", "2000-01-01 00:00:00+00");
    check(&Type::TIME, "0000000000000001", "00:00:00.000001");
}

#[test]
fn intervals_carry_signs_after_negatives() {
    check(&Type::INTERVAL, "0000000000000000 00000000 00000000", "00:00:00");
    check(&Type::INTERVAL, "0000000000000000 0000001e 00000000", "30 days");
    check(&Type::INTERVAL, "00000000d693a400 00000003 0000000e", "1 year 2 mons 3 days 01:00:00");
    check(&Type::INTERVAL, "00000000d693a400 ffffffff 00000000", "-1 days +01:00:00");
    check(&Type::INTERVAL, "ffffffff296c5c00 00000000 00000000", "-01:00:00");
}

#[test]
fn arrays_quote_what_needs_it() {
    check(&Type::INT4_ARRAY, "00000000 00000000 00000017", "{}");
    let two = "00000001 00000001 00000017 00000002 00000001 00000004 00000007 ffffffff";
    check(&Type::INT4_ARRAY, two, "{7,NULL}");
    let odd =
        "00000001 00000000 00000019 00000003 00000001 00000000 00000003 612c62 00000004 6e756c6c";
    check(&Type::TEXT_ARRAY, odd, r#"{"","a,b","null"}"#);
}
