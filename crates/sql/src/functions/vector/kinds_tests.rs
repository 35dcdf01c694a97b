//! `halfvec`, `sparsevec` and bit strings: their functions against those of dense vectors.

use crate::functions::testing::Database;
use proptest::prelude::*;

fn dense(values: &[i8]) -> String {
    format!("{values:?}").replace(' ', "")
}

fn sparse(values: &[i8]) -> String {
    let elements = (1..).zip(values).filter(|(_, value)| **value != 0);
    let shown: Vec<String> = elements.map(|(at, value)| format!("{at}:{value}")).collect();
    format!("{{{}}}/{}", shown.join(","), values.len())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Small whole numbers are exact in every type.
    #[test]
    fn every_type_of_vector_measures_alike(
        pairs in proptest::collection::vec((-3_i8..4, prop_oneof![Just(0_i8), -3_i8..4]), 1..9),
    ) {
        let db = Database::new();
        let (a, b): (Vec<i8>, Vec<i8>) = pairs.into_iter().unzip();
        let zero = |vector: &[i8]| vector.iter().all(|x| *x == 0);
        for operator in ["<->", "<#>", "<=>", "<+>", "<", "<=", "=", "<>", ">=", ">"] {
            if operator == "<=>" && (zero(&a) || zero(&b)) {
                continue;
            }
            let ask = |a: &str, b: &str, ty: &str| {
                // sqlparser alone does not read `<+>`; cvx-dialect has its function for it.
                match operator {
                    "<+>" => db.value(&format!("l1_distance('{a}'::{ty}, '{b}'::{ty})")),
                    _ => db.value(&format!("'{a}'::{ty} {operator} '{b}'::{ty}")),
                }
            };
            let wanted = ask(&dense(&a), &dense(&b), "vector");
            let halves = ask(&dense(&a), &dense(&b), "halfvec");
            prop_assert_eq!(&halves, &wanted, "halfvec {}", operator);
            let sparse = ask(&sparse(&a), &sparse(&b), "sparsevec");
            match (sparse.parse::<f64>(), wanted.parse::<f64>()) {
                (Ok(sparse), Ok(wanted)) => {
                    let near = (sparse - wanted).abs() < 1e-6;
                    prop_assert!(near, "{} {} {}", operator, sparse, wanted);
                }
                _ => prop_assert_eq!(&sparse, &wanted, "sparsevec {}", operator),
            }
        }
    }
}

#[test]
fn casts_go_both_ways() {
    let db = Database::new();
    db.check(&[
        ("'[1,0,2.5]'::vector::sparsevec", "{1:1,3:2.5}/3"),
        ("'[1,0,2.5]'::halfvec::sparsevec", "{1:1,3:2.5}/3"),
        ("'{2:0.1}/3'::sparsevec::halfvec", "[0,0.099975586,0]"),
        ("'{2:0.1}/3'::sparsevec::vector(3)", "[0,0.1,0]"),
        ("'[0.1]'::vector::halfvec(1)::real[]", "{0.099975586}"),
        ("ARRAY[1,0,2]::sparsevec(3)", "{1:1,3:2}/3"),
        ("'101'::bit(3)::varbit(2)", "10"),
        ("'101'::varbit::bit(5)", "10100"),
        ("binary_quantize('[1,-1,0.5]'::halfvec)::bit(2)", "10"),
        ("'[1,2]'::vector <-> '[1,3]'::halfvec", "1"),
        ("'[1,2]'::vector <-> '{2:3}/2'::sparsevec", "1.4142135623730951"),
        ("'[1]'::halfvec || '[2]'", "[1,2]"),
        ("'1010'::bit(4) <~> '0110'", "2"),
        ("'1010'::bit(4) <%> '0110'", "0.6666666666666667"),
        ("'0'::varbit < '00'", "t"),
    ]);
    db.check_types(&[
        ("'[1,2]'::halfvec(2) + '[1,2]'", "halfvec(2)"),
        ("l2_normalize('{1:2}/2'::sparsevec)", "sparsevec"),
        ("binary_quantize('[1]'::vector)", "bit"),
        ("subvector('[1,2]'::halfvec, 1, 1)", "halfvec"),
        ("avg(v) FROM (VALUES ('[1,2]'::halfvec(2))) t(v)", "halfvec(2)"),
    ]);
    db.check_errors(&[
        ("'[1,2]'::vector::halfvec(3)", "22000", "expected 3 dimensions, not 2"),
        ("'[1,2]'::vector::sparsevec(3)", "22000", "expected 3 dimensions, not 2"),
        ("'[70000]'::vector::halfvec", "22003", "\"70000\" is out of range for type halfvec"),
        ("'{}/16001'::sparsevec::vector", "54000", "vector cannot have more than 16000 dimensions"),
        (
            "'{1:1}/1'::sparsevec + '{1:1}/1'",
            "42883",
            "operator does not exist: sparsevec + unknown",
        ),
        ("'1'::bit(1) <-> '1'", "42883", "operator does not exist: bit <-> unknown"),
        ("'1'::bit(1) <~> '11'", "22000", "different bit lengths 1 and 2"),
        ("'[1]'::halfvec <-> '[1,2]'", "22000", "different halfvec dimensions 1 and 2"),
        ("'[60000]'::halfvec + '[60000]'", "22003", "value out of range: overflow"),
        ("'[0.0001]'::halfvec * '[0.0001]'", "22003", "value out of range: underflow"),
        ("'101'::bit(3)::int4", "42846", "cannot cast type bit to integer"),
    ]);
}
