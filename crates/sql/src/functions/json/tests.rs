//! JSON against the answers of PostgreSQL's manual, and against trees.

use super::containment::contains;
use super::scan::{as_text, element, member, plain};
use crate::functions::testing::Database;
use proptest::prelude::*;
use serde_json::Value;

#[test]
fn operators_answer_as_the_manual_does() {
    let db = Database::new();
    db.check(&[
        ("'[{\"a\":\"foo\"},{\"b\":\"bar\"},{\"c\":\"baz\"}]'::jsonb -> 2", "{\"c\": \"baz\"}"),
        ("'[{\"a\":\"foo\"},{\"b\":\"bar\"},{\"c\":\"baz\"}]'::jsonb -> -3", "{\"a\": \"foo\"}"),
        ("'{\"a\": {\"b\":\"foo\"}}'::jsonb -> 'a'", "{\"b\": \"foo\"}"),
        ("'[1,2,3]'::jsonb ->> 2", "3"),
        ("'{\"a\":1,\"b\":2}'::jsonb ->> 'b'", "2"),
        ("'{\"a\": {\"b\": [\"foo\",\"bar\"]}}'::jsonb #> '{a,b,1}'", "\"bar\""),
        ("'{\"a\": {\"b\": [\"foo\",\"bar\"]}}'::jsonb #>> '{a,b,1}'", "bar"),
        ("'{\"a\":1}'::jsonb -> 'b'", "NULL"),
        ("'{\"a\":null}'::jsonb -> 'a'", "null"),
        ("'{\"a\":null}'::jsonb ->> 'a'", "NULL"),
        ("'{\"a\":\"x\\ty\"}'::jsonb ->> 'a'", "x\ty"),
        ("'{\"a\":1}'::jsonb -> NULL", "NULL"),
        ("'{\"a\" : 1}'::json -> 'a'", "1"),
        ("'{\"a\":1, \"b\":2}'::jsonb @> '{\"b\":2}'", "t"),
        ("'{\"b\":2}'::jsonb <@ '{\"a\":1, \"b\":2}'", "t"),
        ("'{\"a\":1, \"b\":2}'::jsonb ? 'b'", "t"),
        ("'[\"a\", \"b\", \"c\"]'::jsonb ? 'b'", "t"),
        ("'{\"a\":1, \"b\":2, \"c\":3}'::jsonb ?| array['b', 'd']", "t"),
        ("'[\"a\", \"b\", \"c\"]'::jsonb ?& array['a', 'b']", "t"),
        ("'[\"a\", \"b\"]'::jsonb || '[\"a\", \"d\"]'", "[\"a\", \"b\", \"a\", \"d\"]"),
        ("'{\"a\": \"b\"}'::jsonb || '{\"c\": \"d\"}'", "{\"a\": \"b\", \"c\": \"d\"}"),
        ("'[1, 2]'::jsonb || '3'", "[1, 2, 3]"),
        ("'{\"a\": \"b\"}'::jsonb || '42'", "[{\"a\": \"b\"}, 42]"),
        ("'{\"a\": \"b\", \"c\": \"d\"}'::jsonb - 'a'", "{\"c\": \"d\"}"),
        ("'[\"a\", \"b\", \"c\", \"b\"]'::jsonb - 'b'", "[\"a\", \"c\"]"),
        ("'{\"a\": \"b\", \"c\": \"d\"}'::jsonb - '{a,c}'::text[]", "{}"),
        ("'[\"a\", \"b\"]'::jsonb - 1", "[\"a\"]"),
        ("'[\"a\", {\"b\":1}]'::jsonb #- '{1,b}'", "[\"a\", {}]"),
    ]);
    db.check_types(&[
        ("'{}'::jsonb -> 'a'", "jsonb"),
        ("'{}'::json -> 'a'", "json"),
        ("'{}'::jsonb ->> 'a'", "text"),
        ("'{}'::jsonb @> '{}'", "boolean"),
        ("('{}'::jsonb -> 'a') -> 'b'", "jsonb"),
    ]);
    db.check_errors(&[
        ("1 -> 'a'", "42883", "operator does not exist: bigint -> unknown"),
        ("'1'::jsonb - 'a'", "22023", "cannot delete from scalar"),
        ("'{}'::jsonb - 1", "22023", "cannot delete from object using integer index"),
    ]);
}

#[test]
fn functions_answer_as_the_manual_does() {
    let db = Database::new();
    db.check(&[
        ("jsonb_typeof('-123.4')", "number"),
        ("jsonb_typeof('null'::jsonb)", "null"),
        ("jsonb_array_length('[1,2,3,{\"f1\":1,\"f2\":[5,6]},4]')", "5"),
        ("to_jsonb('Fred said \"Hi.\"'::text)", "\"Fred said \\\"Hi.\\\"\""),
        ("to_jsonb(ARRAY[1,2])", "[1, 2]"),
        ("to_jsonb(1.5)", "1.5"),
        ("to_jsonb('NaN'::float8)", "\"NaN\""),
        ("to_jsonb('2024-01-01 12:00+02'::timestamptz)", "\"2024-01-01T10:00:00+00:00\""),
        ("to_jsonb('{\"a\": 1}'::jsonb)", "{\"a\": 1}"),
        ("json_build_array(1, 2, 'foo', 4, 5)", "[1, 2, \"foo\", 4, 5]"),
        ("json_build_object('foo', 1, 2, true)", "{\"foo\" : 1, \"2\" : true}"),
        ("jsonb_build_object('bb', 1, 'a', NULL, 'bb', 3)", "{\"a\": null, \"bb\": 3}"),
        ("jsonb_build_object()", "{}"),
        ("jsonb_extract_path('{\"f2\":{\"f3\":1},\"f4\":{\"f5\":99,\"f6\":\"foo\"}}', 'f4', 'f6')", "\"foo\""),
        ("jsonb_extract_path_text('{\"f4\":{\"f6\":\"foo\"}}', 'f4', 'f6')", "foo"),
        ("jsonb_set('[{\"f1\":1,\"f2\":null},2,null,3]', '{0,f1}', '[2,3,4]', false)",
            "[{\"f1\": [2, 3, 4], \"f2\": null}, 2, null, 3]"),
        ("jsonb_set('[{\"f1\":1,\"f2\":null},2]', '{0,f3}', '[2,3,4]')",
            "[{\"f1\": 1, \"f2\": null, \"f3\": [2, 3, 4]}, 2]"),
        ("jsonb_strip_nulls('[{\"f1\":1, \"f2\":null}, 2, null, 3]')", "[{\"f1\": 1}, 2, null, 3]"),
    ]);
    db.check_errors(&[
        ("jsonb_array_length('{}')", "22023", "cannot get array length of a non-array"),
        ("jsonb_build_object('a')", "22023", "argument list must have even number of elements"),
        ("jsonb_build_object(NULL, 1)", "22023", "argument 1: key must not be null"),
    ]);
    assert_eq!(
        db.value("jsonb_pretty('{\"a\":[1,{}]}')"),
        "{\n    \"a\": [\n        1,\n        {\n        }\n    ]\n}"
    );
}

#[test]
fn aggregates_keep_order_and_nulls() {
    let db = Database::new();
    let table = "(VALUES ('b', 2), ('a', 1), ('c', NULL), ('d', 4)) t(k, n)";
    let ask = |what: &str| db.rows(&format!("SELECT {what} FROM {table}")).join("\n");
    assert_eq!(ask("jsonb_agg(n ORDER BY k)"), "[1, 2, null, 4]");
    assert_eq!(ask("json_agg(k ORDER BY k DESC)"), "[\"d\", \"c\", \"b\", \"a\"]");
    assert_eq!(ask("jsonb_agg(jsonb_build_object('n', n) ORDER BY k) -> 0"), "{\"n\": 1}");
    assert_eq!(ask("jsonb_object_agg(k, n)"), "{\"a\": 1, \"b\": 2, \"c\": null, \"d\": 4}");
    assert_eq!(ask("jsonb_agg(n) FILTER (WHERE false)"), "NULL");
    let groups =
        format!("SELECT n > 1 AS g, jsonb_agg(k ORDER BY k) FROM {table} GROUP BY 1 ORDER BY 1");
    assert_eq!(db.rows(&groups), ["f|[\"a\"]", "t|[\"b\", \"d\"]", "NULL|[\"c\"]"]);
}

fn json() -> impl Strategy<Value = Value> {
    let key = "[a-c\\\\\"\u{e9}\n]{0,2}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..4).prop_map(Value::from),
        key.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(key, inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// `@>` on trees, as the manual defines it.
fn contains_tree(a: &Value, b: &Value, top: bool) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            b.iter().all(|(key, b)| a.get(key).is_some_and(|a| contains_tree(a, b, false)))
        }
        (Value::Array(a), Value::Array(b)) => {
            b.iter().all(|b| a.iter().any(|a| contains_tree(a, b, false)))
        }
        (Value::Array(a), b) if top && !b.is_object() => a.contains(b),
        (a, b) => a == b,
    }
}

proptest! {
    #[test]
    fn the_scan_finds_what_a_parser_finds(value in json(), blanks in any::<bool>()) {
        let text = if blanks {
            serde_json::to_string_pretty(&value)
        } else {
            serde_json::to_string(&value)
        };
        let text = text.unwrap();
        let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        if let Value::Object(members) = &value {
            for (key, wanted) in members {
                prop_assert_eq!(&parsed(member(&text, key).unwrap()), wanted);
            }
            prop_assert!(member(&text, "no such key").is_none());
        }
        if let Value::Array(elements) = &value {
            let count = i64::try_from(elements.len()).unwrap();
            for (place, wanted) in (0..).zip(elements) {
                prop_assert_eq!(&parsed(element(&text, place).unwrap()), wanted);
                prop_assert_eq!(&parsed(element(&text, place - count).unwrap()), wanted);
            }
            prop_assert!(element(&text, count).is_none() && element(&text, -count - 1).is_none());
        }
        if let Value::String(wanted) = &value {
            let found = as_text(&text);
            prop_assert_eq!(found.as_deref(), Some(wanted.as_str()));
        }
    }

    #[test]
    fn containment_is_that_of_trees(a in json(), b in json()) {
        let (text_a, text_b) = (a.to_string(), b.to_string());
        prop_assert_eq!(contains(&text_a, &text_b), contains_tree(&a, &b, true), "{} @> {}", a, b);
        prop_assert!(contains(&text_a, &text_a));
    }

    #[test]
    fn no_text_makes_the_scan_fail(text in "[\\[\\]{}\",:a1\\\\u ]{0,24}", key in "[a1]{0,2}") {
        let _ = (member(&text, &key), element(&text, 1), element(&text, -1), as_text(&text));
        let _ = (plain(&text), contains(&text, &key));
    }
}
