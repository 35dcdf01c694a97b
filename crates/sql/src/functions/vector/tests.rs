//! Vector functions against their definitions in f64, in every shape a column comes in.

use super::{Vectors, VectorsBuilder};
use crate::functions::function_named;
use crate::functions::testing::Database;
use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, Field, Float64Type};
use cvx_types::PgType;
use datafusion::common::ScalarValue;
use datafusion::common::config::ConfigOptions;
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs};
use proptest::prelude::*;
use std::sync::Arc;

type Rows = Vec<Option<Vec<f32>>>;

fn column(rows: &Rows, ty: &DataType) -> ArrayRef {
    let mut builder = VectorsBuilder::new(ty, rows.len());
    for row in rows {
        match row {
            Some(vector) => builder.push(vector.iter().copied()).unwrap(),
            None => builder.null(),
        }
    }
    builder.finish().unwrap()
}

/// The same rows as a `vector(n)`, a `vector`, texts, and a slice of something longer.
fn shapes(rows: &Rows, dim: usize) -> Vec<ArrayRef> {
    let fixed = PgType::Vector.arrow_type(i32::try_from(dim).unwrap());
    let ragged = PgType::Vector.arrow_type(-1);
    let texts: StringArray =
        rows.iter().map(|row| row.as_ref().map(|vector| format!("{vector:?}"))).collect();
    let padding = vec![Some(vec![9.0; dim]), None];
    let padded: Rows = [padding.clone(), rows.clone(), padding].concat();
    vec![
        column(rows, &fixed),
        column(rows, &ragged),
        Arc::new(texts),
        column(&padded, &fixed).slice(2, rows.len()),
        column(&padded, &ragged).slice(2, rows.len()),
    ]
}

fn call(name: &str, args: Vec<ColumnarValue>, rows: usize) -> ColumnarValue {
    let function = function_named(name).unwrap();
    let arg_fields: Vec<_> =
        args.iter().map(|arg| Arc::new(Field::new("", arg.data_type(), true))).collect();
    let constants = vec![None; args.len()];
    let returns = ReturnFieldArgs { arg_fields: &arg_fields, scalar_arguments: &constants };
    let return_field = function.return_field_from_args(returns).unwrap();
    let config_options = Arc::new(ConfigOptions::default());
    let args =
        ScalarFunctionArgs { args, arg_fields, number_rows: rows, return_field, config_options };
    function.invoke_with_args(args).unwrap()
}

fn floats(value: &ColumnarValue, rows: usize) -> Vec<Option<f64>> {
    value.to_array(rows).unwrap().as_primitive::<Float64Type>().iter().collect()
}

fn sum(a: &[f32], b: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| term(f64::from(a), f64::from(b))).sum()
}

fn naive(name: &str, a: &[f32], b: &[f32]) -> f64 {
    let dot = sum(a, b, |a, b| a * b);
    match name {
        "l2_distance" => sum(a, b, |a, b| (a - b) * (a - b)).sqrt(),
        "l1_distance" => sum(a, b, |a, b| (a - b).abs()),
        "inner_product" => dot,
        "vector_negative_inner_product" => -dot,
        _ => 1.0 - dot / (sum(a, a, |a, b| a * b) * sum(b, b, |a, b| a * b)).sqrt(),
    }
}

fn close(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-4 * (1.0 + b.abs()),
        (a, b) => a == b,
    }
}

fn rows_of(dim: usize) -> impl Strategy<Value = Rows> {
    let vector = proptest::collection::vec(-10.0_f32..10.0, dim);
    proptest::collection::vec(proptest::option::weighted(0.8, vector), 0..9)
}

proptest! {
    #[test]
    fn distances_agree_with_their_definitions(
        (dim, left, right) in (1_usize..20)
            .prop_flat_map(|dim| (Just(dim), rows_of(dim), rows_of(dim))),
    ) {
        let rows = left.len().min(right.len());
        let (left, right): (Rows, Rows) = (left[..rows].to_vec(), right[..rows].to_vec());
        for name in ["l2_distance", "l1_distance", "cosine_distance", "inner_product",
                     "vector_negative_inner_product"] {
            let wanted: Vec<_> = left.iter().zip(&right)
                .map(|(a, b)| Some(naive(name, a.as_ref()?, b.as_ref()?)))
                .collect();
            for a in shapes(&left, dim) {
                for b in shapes(&right, dim) {
                    let args = vec![ColumnarValue::Array(a.clone()), ColumnarValue::Array(b)];
                    let found = floats(&call(name, args, rows), rows);
                    prop_assert!(found.iter().zip(&wanted).all(|(a, b)| close(*a, *b)),
                        "{name}: {found:?} {wanted:?}");
                }
            }
        }
    }

    #[test]
    fn a_constant_side_gives_what_a_column_gives(
        (dim, rows, query) in (1_usize..20).prop_flat_map(|dim| {
            (Just(dim), rows_of(dim), proptest::collection::vec(-10.0_f32..10.0, dim))
        }),
    ) {
        let count = rows.len();
        let queries: Rows = vec![Some(query.clone()); count];
        let one: Rows = vec![Some(query)];
        for name in ["l2_distance", "l1_distance", "cosine_distance", "inner_product"] {
            for v in shapes(&rows, dim) {
                let wide = column(&queries, &PgType::Vector.arrow_type(-1));
                let args = vec![ColumnarValue::Array(v.clone()), ColumnarValue::Array(wide)];
                let wanted = floats(&call(name, args, count), count);
                for constant in shapes(&one, dim) {
                    let constant = ScalarValue::try_from_array(&constant, 0).unwrap();
                    let (v, q) = (ColumnarValue::Array(v.clone()), ColumnarValue::Scalar(constant));
                    let right = floats(&call(name, vec![v.clone(), q.clone()], count), count);
                    let left = floats(&call(name, vec![q, v], count), count);
                    let same = |a: &[Option<f64>], b: &[Option<f64>]| {
                        a.iter().zip(b).all(|(a, b)| a.map(f64::to_bits) == b.map(f64::to_bits))
                    };
                    prop_assert!(same(&right, &wanted), "{name}: {right:?} {wanted:?}");
                    prop_assert!(same(&left, &wanted), "{name}: {left:?} {wanted:?}");
                }
            }
        }
    }

    #[test]
    fn arithmetic_is_element_by_element(
        (dim, left, right) in (1_usize..9)
            .prop_flat_map(|dim| (Just(dim), rows_of(dim), rows_of(dim))),
    ) {
        let rows = left.len().min(right.len());
        let (left, right): (Rows, Rows) = (left[..rows].to_vec(), right[..rows].to_vec());
        type Op = fn(f32, f32) -> f32;
        let ops: [(&str, Op); 2] =
            [("vector_add", |a, b| a + b), ("vector_sub", |a, b| a - b)];
        for (name, op) in ops {
            for (a, b) in shapes(&left, dim).into_iter().zip(shapes(&right, dim)) {
                let args = vec![ColumnarValue::Array(a), ColumnarValue::Array(b)];
                let found = call(name, args, rows).to_array(rows).unwrap();
                let found = Vectors::from_array(&found).unwrap();
                for row in 0..rows {
                    let wanted: Option<Vec<f32>> = left[row].as_ref().zip(right[row].as_ref())
                        .map(|(a, b)| a.iter().zip(b).map(|(a, b)| op(*a, *b)).collect());
                    prop_assert_eq!(found.get(row), wanted.as_deref());
                }
            }
        }
    }

    #[test]
    fn order_is_lexicographic(a in proptest::collection::vec(-2_i8..3, 1..4),
                              b in proptest::collection::vec(-2_i8..3, 1..4)) {
        let floats = |v: &[i8]| v.iter().map(|x| f32::from(*x)).collect::<Vec<f32>>();
        prop_assert_eq!(super::order::order(&floats(&a), &floats(&b)), a.cmp(&b));
    }
}

#[test]
fn pgvector_s_documented_examples() {
    let db = Database::new();
    db.check(&[
        ("'[3,1,2]' <-> '[1,2,3]'::vector", "2.449489742783178"),
        ("'[1,2,3]'::vector(3) <#> '[4,5,6]'", "-32"),
        ("inner_product('[1,2,3]'::vector, '[4,5,6]')", "32"),
        ("'[1,2]'::vector <=> '[2,4]'", "0"),
        ("'[1,1]'::vector <=> '[-1,-1]'", "2"),
        ("'[0,0]'::vector <=> '[1,1]'", "NaN"),
        ("l1_distance('[0,0]'::vector, '[3,4]')", "7"),
        ("vector_dims('[1,2,3]'::vector)", "3"),
        ("vector_norm('[3,4]'::vector)", "5"),
        ("l2_normalize('[3,4]'::vector)", "[0.6,0.8]"),
        ("l2_normalize('[0,0]'::vector)", "[0,0]"),
        ("subvector('[1,2,3,4,5]'::vector, 1, 3)", "[1,2,3]"),
        ("subvector('[1,2,3,4,5]'::vector, 3, 9)", "[3,4,5]"),
        ("subvector('[1,2,3,4,5]'::vector, -1, 3)", "[1]"),
        ("'[1,2,3]'::vector + '[4,5,6]'", "[5,7,9]"),
        ("'[1,2,3]'::vector(3) - '[4,5,6]'::vector(3)", "[-3,-3,-3]"),
        ("'[1,2,3]'::vector * '[4,5,6]'", "[4,10,18]"),
        ("'[1,2,3]'::vector || '[4,5]'", "[1,2,3,4,5]"),
        ("'[1,2,3]'::vector < '[1,2,4]'", "t"),
        ("'[1,2]'::vector(2) < '[1,2,3]'::vector(3)", "t"),
        ("'[-0]'::vector = '[0]'", "t"),
        ("'[1,2]'::vector(2) <> '[1,2]'", "f"),
        ("NULL::vector(2) <-> '[1,2]'", "NULL"),
    ]);
    db.check_types(&[
        ("'[1,2]'::vector(2) + '[1,2]'", "vector(2)"),
        ("'[1,2]'::vector(2) <-> '[1,2]'", "double precision"),
        ("vector_dims('[1,2]'::vector)", "integer"),
    ]);
    db.check_errors(&[
        ("'[1,2]'::vector <-> '[3]'", "22000", "different vector dimensions 2 and 1"),
        ("'[1,2]'::vector + '[3]'", "22000", "different vector dimensions 2 and 1"),
        ("'[3e38]'::vector + '[3e38]'", "22003", "value out of range: overflow"),
        ("'[1e-37]'::vector * '[1e-37]'", "22003", "value out of range: underflow"),
        ("subvector('[1,2]'::vector, 1, 0)", "22000", "vector must have at least 1 dimension"),
        ("l2_distance(1, 2)", "42883", "function l2_distance(bigint, bigint) does not exist"),
        ("vector_dims()", "42883", "function vector_dims() does not exist"),
        ("'[1,2]'::vector <-> 5", "42883", "operator does not exist: vector <-> bigint"),
    ]);
}

const POINTS: &str = "(VALUES \
    ('a', '2024-01-03'::timestamptz, '[3,4]'::vector(2)), \
    ('a', '2024-01-01'::timestamptz, '[0,0]'::vector(2)), \
    ('b', '2024-01-01'::timestamptz, '[1,1]'::vector(2)), \
    ('a', '2024-01-02'::timestamptz, NULL), \
    ('c', '2024-01-01'::timestamptz, NULL), \
    ('a', '2024-01-02'::timestamptz, '[9,8]'::vector(2)), \
    ('b', NULL, '[5,5]'::vector(2))) t(id, ts, v)";

#[test]
fn aggregates_of_vectors_stand_beside_those_of_numbers() {
    let db = Database::new();
    let ask = |what: &str| db.rows(&format!("SELECT {what} FROM {POINTS}"));
    let by_id =
        |what: &str| db.rows(&format!("SELECT id, {what} FROM {POINTS} GROUP BY id ORDER BY id"));
    assert_eq!(ask("sum(v), avg(v), count(v)"), ["[18,18]|[3.6,3.6]|5"]);
    assert_eq!(by_id("avg(v)"), ["a|[4,4]", "b|[3,3]", "c|NULL"]);
    assert_eq!(by_id("sum(v)"), ["a|[12,12]", "b|[6,6]", "c|NULL"]);
    assert_eq!(
        by_id("sum(length(id)), avg(length(id))"),
        ["a|4|1.0000000000000000", "b|2|1.0000000000000000", "c|1|1.0000000000000000"]
    );
    assert_eq!(by_id("drift(v, ts)"), ["a|5", "b|NULL", "c|NULL"]);
    assert_eq!(ask("drift(v, ts)"), ["5"]);
    assert_eq!(db.rows(&format!("SELECT avg(v), sum(1) FROM {POINTS} WHERE false")), ["NULL|NULL"]);
    assert_eq!(
        by_id("avg(v) FILTER (WHERE ts > '2024-01-01'), drift(v, ts) FILTER (WHERE id = 'a')"),
        ["a|[6,6]|5", "b|NULL|NULL", "c|NULL|NULL"]
    );
    let over = "SELECT id, avg(v) OVER (PARTITION BY id ORDER BY ts), sum(1) OVER (ORDER BY id) \
                FROM (SELECT * FROM points WHERE id = 'b' AND ts IS NOT NULL) p";
    assert_eq!(db.rows(&over.replace("points", POINTS)), ["b|[1,1]|1"]);
    db.check_types(&[(&format!("avg(v) FROM {POINTS}"), "vector(2)")]);
}

#[test]
fn aggregates_say_what_they_cannot() {
    let db = Database::new();
    db.check_errors(&[
        ("sum('a'::text)", "42883", "function sum(text) does not exist"),
        ("drift(1, 2)", "42883", "function drift(bigint, bigint) does not exist"),
        (
            "avg(v) FROM (VALUES ('[1]'::vector), ('[1,2]'::vector)) t(v)",
            "22000",
            "expected 1 dimensions, not 2",
        ),
    ]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Any order of rows, in small batches on two threads, gives the drift of the sorted ones.
    #[test]
    fn drift_does_not_depend_on_the_order(
        points in proptest::collection::vec((0_i64..3, 0_i64..50, -9_i8..9, -9_i8..9), 1..30),
    ) {
        let db = Database::new();
        let rows: Vec<String> = points.iter()
            .map(|(id, ts, x, y)| format!("({id}, {ts}, '[{x},{y}]'::vector(2))"))
            .collect();
        let sql = format!("SELECT id, drift(v, ts) FROM (VALUES {}) t(id, ts, v) GROUP BY id ORDER BY id",
            rows.join(", "));
        let mut sorted = points;
        sorted.sort_unstable();
        let mut wanted = Vec::new();
        for group in sorted.chunk_by(|a, b| a.0 == b.0) {
            let (first, last) = (group[0], group[group.len() - 1]);
            let dx = f64::from(first.2) - f64::from(last.2);
            let dy = f64::from(first.3) - f64::from(last.3);
            let moved = if group.len() > 1 { format!("{}", dx.hypot(dy) as f32) } else { "NULL".into() };
            wanted.push(format!("{}|{moved}", first.0));
        }
        let found: Vec<String> = db.rows(&sql).iter().map(|row| match row.split_once('|') {
            Some((id, moved)) if moved != "NULL" => format!("{id}|{}", moved.parse::<f64>().unwrap() as f32),
            _ => row.clone(),
        }).collect();
        prop_assert_eq!(found, wanted);
    }
}
