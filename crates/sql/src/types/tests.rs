//! Operators, literals and type names, asked in SQL.

use crate::functions::testing::Database;

#[test]
fn type_names_are_postgres() {
    let db = Database::new();
    db.check_types(&[
        ("'1'::int", "integer"),
        ("'1'::int8", "bigint"),
        ("'1'::smallint", "smallint"),
        ("'1'::float", "double precision"),
        ("'1'::float(3)", "real"),
        ("'1'::numeric(10,2)", "numeric(10,2)"),
        ("'1'::numeric", "numeric"),
        ("'a'::varchar(3)", "character varying(3)"),
        ("'a'::name", "name"),
        ("'{}'::jsonb", "jsonb"),
        ("'{}'::json", "json"),
        ("'2024-01-01'::timestamptz(3)", "timestamp(3) with time zone"),
        ("'2024-01-01'::timestamp", "timestamp without time zone"),
        ("'2024-01-01'::date", "date"),
        ("'1 day'::interval", "interval"),
        ("'\\x00'::bytea", "bytea"),
        ("'00000000-0000-0000-0000-000000000000'::uuid", "uuid"),
        ("'{1,2}'::int[]", "integer[]"),
        ("'[1,2,3]'::vector(3)", "vector(3)"),
        ("'[1,2,3]'::vector", "vector"),
        ("1::oid", "oid"),
        ("'pg_class'::regclass", "regclass"),
        ("sum(x) FROM (VALUES (1::int4)) t(x)", "bigint"),
        ("count(*) FROM (VALUES (1)) t(x)", "bigint"),
        ("avg(x) FROM (VALUES (1::int4)) t(x)", "numeric(26,16)"),
    ]);
    db.check_errors(&[
        ("'1'::nonsense", "42704", "type \"nonsense\" does not exist"),
        ("'[1]'::halfvec(0)", "22023", "dimensions for type halfvec must be at least 1"),
        ("'[1]'::vector(0)", "22023", "dimensions for type vector must be at least 1"),
        ("'[1]'::vector(16001)", "22023", "dimensions for type vector cannot exceed 16000"),
        ("1::numeric(50,2)", "0A000", "numeric of more than 38 digits is not supported"),
    ]);
}

#[test]
fn literals_take_the_other_side_s_type() {
    let db = Database::new();
    db.check(&[
        ("'2024-01-01'::timestamptz = '2024-01-01 01:00+01'", "t"),
        ("'2024-01-01' < '2024-01-02'::timestamp", "t"),
        ("'2024-01-01'::timestamptz BETWEEN '2023-12-31' AND '2030-01-01Z'", "t"),
        ("'2024-01-01'::date IN ('2024-01-01', '2024-01-02')", "t"),
        ("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid = 'a0eebc999c0b4ef8bb6d6bb9bd380a11'", "t"),
        ("'{\"b\":1,\"a\":2}'::jsonb = '{\"a\": 2, \"b\": 1}'", "t"),
        ("'{\"b\":1}'::jsonb IN ('[]', '{\"b\" : 1}')", "t"),
        ("1 + '2'", "3"),
        ("5 = '5'", "t"),
        ("'{1,2}'::int[] || '{3}'", "{1,2,3}"),
        ("'{1,2}'::int[] @> '{2}'", "t"),
        ("'{1,2}'::int[] && '{2,3}'", "t"),
        ("'{1,2}'::int[] && '{3}'", "f"),
        ("'2024-01-01'::date IS DISTINCT FROM '2024-01-01'", "f"),
    ]);
    db.check_errors(&[
        ("5 = 'five'", "22P02", "invalid input syntax for type bigint: \"five\""),
        ("'2024-01-01'::date > 'soon'", "22007", "invalid input syntax for type date: \"soon\""),
        (
            "'a0eebc999c0b4ef8bb6d6bb9bd380a11'::uuid = 'x'::text",
            "42883",
            "operator does not exist: uuid = text",
        ),
        ("1 <-> 2", "42883", "operator does not exist: bigint <-> bigint"),
        ("1 <=> 2", "42883", "operator does not exist: bigint <=> bigint"),
    ]);
}

#[test]
fn text_meets_other_types_through_their_text_forms() {
    let db = Database::new();
    db.check(&[
        ("1 || 'a'", "1a"),
        ("'a' || true", "atrue"),
        ("'at ' || '2024-01-01'::timestamptz", "at 2024-01-01 00:00:00+00"),
        ("'a' || NULL", "NULL"),
        ("'abc' ~ '^a'", "t"),
        ("'abc' OPERATOR(pg_catalog.~) '^b'", "f"),
        ("'ABC' ILIKE 'a_c'", "t"),
        ("'abc' SIMILAR TO 'a%'", "t"),
        ("'abc' SIMILAR TO 'b'", "f"),
        ("'abc' NOT SIMILAR TO '(a|b)c'", "t"),
    ]);
}

#[test]
fn numbers_are_postgres() {
    let db = Database::new();
    db.check(&[
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("7 % -2", "1"),
        ("2 ^ 10", "1024"),
        ("coalesce(NULL, 1, 2.5)", "1"),
        ("greatest(1, 2.5)", "2.5"),
        ("nullif(1, 1)", "NULL"),
        ("mod(-7, 3)", "-1"),
        ("div(-7, 2)", "-3"),
        ("mod('7.5'::numeric, 2)", "1.5"),
        ("@ -5", "5"),
        ("~1", "-2"),
        ("|/ 4", "2"),
        ("sign(-2.0)", "-1"),
        ("width_bucket(5, 0, 10, 5)", "3"),
        ("to_number('-1,234.5', '9,999.9')", "-1234.5"),
    ]);
    db.check_errors(&[
        ("9223372036854775807 + 1", "22003", "bigint out of range"),
        ("(-2147483648)::int - 1::int", "22003", "integer out of range"),
        ("x * 2 FROM (VALUES (9223372036854775807)) t(x)", "22003", "bigint out of range"),
        ("mod(1, 0)", "22012", "division by zero"),
    ]);
    db.check_types(&[
        ("1::int2 + 1::int2", "smallint"),
        ("1::int2 + 1::int4", "integer"),
        ("1::int4 * 1::int8", "bigint"),
    ]);
    // A bigint cannot hold the sum of bigints.
    assert_eq!(
        db.rows("SELECT sum(x) FROM (VALUES (9223372036854775807), (1)) t(x)"),
        ["9223372036854775808"]
    );
    assert_eq!(
        db.rows("SELECT sum(x) OVER (ORDER BY x) FROM (VALUES (1), (2)) t(x) ORDER BY 1"),
        ["1", "3"]
    );
}

#[test]
fn constants_among_choices_take_the_others_type() {
    let db = Database::in_zone("Europe/Berlin");
    db.check(&[
        ("coalesce(NULL::timestamptz, '2024-01-01')", "2024-01-01 00:00:00+01"),
        ("coalesce(NULL, '{\"c\":  3}'::jsonb)", "{\"c\": 3}"),
        ("greatest('2024-01-01'::date, '2024-02-01')", "2024-02-01"),
        ("nullif('2024-01-01'::date, '2024-01-01')", "NULL"),
        ("CASE WHEN true THEN '{\"a\":1}'::jsonb ELSE '{\"b\" : 2}' END", "{\"a\": 1}"),
        ("CASE WHEN false THEN '{\"a\":1}'::jsonb ELSE '{\"b\" : 2}' END -> 'b'", "2"),
        ("coalesce(1, 1 / 0)", "1"),
    ]);
    db.check_types(&[
        ("coalesce(NULL::jsonb, '{}')", "jsonb"),
        ("CASE WHEN true THEN '{}'::jsonb END", "jsonb"),
        ("coalesce(NULL::varchar(3), 'a')", "character varying(3)"),
        ("coalesce(1, 2)", "bigint"),
    ]);
    db.check_errors(&[
        ("coalesce(NULL::int8, 'x')", "22P02", "invalid input syntax for type bigint: \"x\""),
        ("coalesce(NULL::date, 'x'::text)", "42804", "types date and text cannot be matched"),
    ]);
}

#[test]
fn moments_are_compared_on_the_session_s_wall() {
    let db = Database::in_zone("Europe/Berlin");
    db.check(&[
        ("'2024-01-01'::date = '2024-01-01'::timestamptz", "t"),
        ("'2024-01-01'::timestamp = '2023-12-31 23:00+00'::timestamptz", "t"),
        ("'2024-01-01'::timestamptz BETWEEN '2024-01-01'::date AND '2024-01-02'::date", "t"),
        ("'2024-01-01'::date < '2024-01-01 00:01'::timestamp", "t"),
        ("interval '1 month' = interval '30 days'", "t"),
        ("interval '1 day' < interval '25 hours'", "t"),
        ("interval '2 days' > '47 hours'", "t"),
        ("'2024-03-30 12:00'::timestamptz + interval '1 day'", "2024-03-31 12:00:00+02"),
        ("'2024-03-30 12:00'::timestamptz + interval '24 hours'", "2024-03-31 13:00:00+02"),
        ("'2024-03-31 12:00'::timestamptz - '1 day'::interval", "2024-03-30 12:00:00+01"),
        ("interval '1 month' + '2024-01-31'::date", "2024-02-29 00:00:00"),
    ]);
}

#[test]
fn arithmetic_of_moments() {
    let db = Database::new();
    db.check(&[
        ("'2024-01-31'::timestamp + interval '1 month'", "2024-02-29 00:00:00"),
        ("'2024-01-01'::timestamptz - interval '1 day'", "2023-12-31 00:00:00+00"),
        ("'2024-01-02 12:00'::timestamp - '2024-01-01'", "1 day 12:00:00"),
        ("'2024-01-05'::date - '2024-01-01'::date", "4"),
        ("'2024-01-05'::date - '2024-01-01'", "4"),
        ("'2024-01-05'::date + 1", "2024-01-06"),
        ("interval '1 day' * 2", "2 days"),
        ("interval '1 month' / 2", "15 days"),
        ("2 * interval '90 minutes'", "03:00:00"),
        ("'2024-01-01'::timestamptz + '1 day'", "2024-01-02 00:00:00+00"),
    ]);
}

#[test]
fn spellings_are_lowered() {
    let db = Database::new();
    db.check(&[
        ("interval '3 days 02:47:33'", "3 days 02:47:33"),
        ("interval '1' day", "1 day"),
        ("interval '2 years 3 mons'", "2 years 3 mons"),
        ("'2024-01-01 12:00+00'::timestamptz AT TIME ZONE 'Europe/Berlin'", "2024-01-01 13:00:00"),
        ("'2024-01-01 12:00'::timestamp AT TIME ZONE 'Europe/Berlin'", "2024-01-01 11:00:00+00"),
        ("2 = ANY ('{1,2}')", "t"),
        ("3 = ANY ('{1,2}')", "f"),
        ("3 = ANY ('{1,NULL}')", "NULL"),
        ("3 <> ALL ('{1,2}')", "t"),
        ("2 = ANY (ARRAY[1,2])", "t"),
        ("'a' = ANY ('{a,b}')", "t"),
        ("pg_catalog.length('abc')", "3"),
        ("'abc' COLLATE \"C\" < 'abd'", "t"),
        ("substring('foobar' from 'o+b')", "oob"),
        ("substring('foobar' from 2 for 3)", "oob"),
        ("generate_series(1, 3)", "1\n2\n3"),
        ("jsonb_array_elements('[1, {\"a\": 2}]')", "1\n{\"a\": 2}"),
        ("jsonb_array_elements_text('[\"x\", null]')", "x\nNULL"),
        ("jsonb_object_keys('{\"bb\": 1, \"a\": 2}')", "a\nbb"),
        ("regexp_split_to_table('a b  c', ' +')", "a\nb\nc"),
    ]);
    assert_eq!(
        db.rows("SELECT x FROM (VALUES (1), (2), (NULL)) t(x) WHERE x = ANY ('{2,5}')"),
        ["2"]
    );
    assert_eq!(
        db.rows("SELECT x FROM (VALUES (1, '{1,3}'::int[]), (2, '{1}'::int[])) t(x, a) WHERE x = ANY (a)"),
        ["1"]
    );
}

#[test]
fn rows_of_values_may_mix_casts_and_constants() {
    let db = Database::new();
    for rows in [
        "(1::bigint), (2)",
        "('2024-01-01'::timestamptz), (NULL)",
        "('[1,2]'::vector(2)), (NULL)",
        "('a'::text), ('b')",
        "(1.5::float8), (2.5)",
    ] {
        assert_eq!(db.rows(&format!("SELECT * FROM (VALUES {rows}) t(x)")).len(), 2, "{rows}");
    }
}

#[test]
fn parameters_in_calls_take_the_type_of_their_place() {
    let db = Database::new();
    let check = |expression: &str, wanted: &[&str]| {
        let table = "(VALUES (1::int4, '[1]'::vector(1), '{}'::jsonb)) t(id, v, j)";
        let found = db.parameter_types(&format!("SELECT {expression} FROM {table}"));
        assert_eq!(found, wanted, "{expression}");
    };
    check("v <-> $1", &["vector"]);
    check("l2_distance(v, $1)", &["vector"]);
    check(
        "st_distance(v, $1, $2, $3)",
        &["vector", "double precision", "timestamp with time zone"],
    );
    check("id = $1", &["integer"]);
    check("id = ANY ($1)", &["integer[]"]);
    check("id + $1", &["integer"]);
    check("j -> $1", &["text"]);
    check("j @> $1", &["jsonb"]);
    check("j #> $1", &["text[]"]);
    check("date_trunc('day', $1)", &["timestamp with time zone"]);
    check("$1::vector(3)", &["unknown"]);
    check("to_timestamp(5) < $1", &["timestamp with time zone"]);
    check("to_timestamp(5) - $1", &["timestamp with time zone"]);
    check("to_timestamp(5) + $1", &["interval"]);
    check("$1 || 'a'", &["text"]);
    check("$1 AND id = 1", &["boolean"]);
}
