//! Whatever passes the limits is parsed, copied, compared, printed, visited and dropped on a
//! stack of 4 MiB; whatever does not is refused, on the same stack and at once.

use std::ops::ControlFlow;
use std::thread;

use cvx_dialect::{Limits, ParseErrorKind, Statement, parse, parse_expr, parse_with};
use sqlparser::ast::{Expr, Visit, Visitor};

struct Count(usize);

impl Visitor for Count {
    type Break = ();

    fn pre_visit_expr(&mut self, _expr: &Expr) -> ControlFlow<()> {
        self.0 += 1;
        ControlFlow::Continue(())
    }
}

fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(4 << 20).spawn(run).unwrap().join().unwrap();
}

/// Does everything with a statement that walks its tree.
fn survives(sql: String) {
    on_a_small_stack(move || {
        let parsed = parse(&sql).unwrap_or_else(|error| panic!("{error:?}: {sql:.200}"));
        let copy = parsed.clone();
        assert_eq!(parsed, copy);
        for statement in &parsed {
            let Statement::Sql(statement) = statement else { panic!("{sql:.200}") };
            assert!(!statement.to_string().is_empty());
            let mut count = Count(0);
            assert!(statement.visit(&mut count).is_continue());
            assert!(count.0 > 0);
        }
    });
}

fn is_refused(sql: String, kind: ParseErrorKind) {
    on_a_small_stack(move || {
        let refused = parse(&sql).expect_err(&sql[..sql.len().min(200)]);
        assert_eq!(refused.kind, kind, "{refused:?}: {sql:.200}");
    });
}

/// `open` n times, a value, `close` n times.
fn nested(open: &str, value: &str, close: &str, n: usize) -> String {
    format!("SELECT {}{value}{}", open.repeat(n), close.repeat(n))
}

const NESTS: [(&str, &str, &str); 12] = [
    ("(", "1", ")"),
    ("f(", "1", ")"),
    ("CASE WHEN a THEN ", "1", " END"),
    ("1 IN (", "1", ")"),
    ("ARRAY[", "1", "]"),
    ("coalesce(1, ", "1", ")"),
    ("CAST(", "1", " AS int)"),
    ("f(a => ", "1", ")"),
    ("(1, ", "1", ")"),
    ("a[", "1", "]"),
    ("substring(", "1", ", 1)"),
    ("{", "1", "}"),
];

const QUERIES: [(&str, &str, &str); 6] = [
    ("(SELECT ", "1", ")"),
    ("* FROM (SELECT ", "1", ") x"),
    ("EXISTS (SELECT 1 WHERE ", "true", ")"),
    ("1 IN (SELECT ", "1", ")"),
    ("* FROM t AS OF (SELECT ", "1", ")"),
    ("1 FROM t FOR VALID_TIME FROM 1 TO (SELECT ", "1", ")"),
];

#[test]
fn as_many_parentheses_as_are_allowed_are_harmless() {
    for (open, value, close) in &NESTS[..11] {
        survives(nested(open, value, close, Limits::DEFAULT.nesting_max - 1));
    }
    for (open, value, close) in QUERIES {
        survives(nested(open, value, close, 45));
    }
}

#[test]
fn queries_and_calls_in_one_another_are_harmless() {
    let (query, call) = ("(SELECT a FROM t FOR VALID_TIME FROM 1 TO ", "f(1 + CASE WHEN a THEN ");
    let open = format!("{}{}", query.repeat(30), call.repeat(75));
    let close = format!("{}{}", " END)".repeat(75), ")".repeat(30));
    survives(format!("SELECT {open}1{close}"));
}

#[test]
fn more_parentheses_are_too_complex() {
    for (open, value, close) in NESTS.into_iter().chain(QUERIES) {
        for n in [Limits::DEFAULT.nesting_max + 1, 5_000, 30_000] {
            is_refused(nested(open, value, close, n), ParseErrorKind::TooComplex);
        }
    }
    is_refused(format!("SELECT {}", "(".repeat(100_000)), ParseErrorKind::TooComplex);
}

/// Chains, as what stands before, what is repeated, and what stands behind.
const CHAINS: [(&str, &str, &str); 13] = [
    ("SELECT 1", " + 1", ""),
    ("SELECT 1 WHERE a = 1", " OR a = 1", ""),
    ("SELECT 1 WHERE a = 1", " AND a = 1", ""),
    ("SELECT ", "NOT ", "true"),
    ("SELECT ", "- ", "1"),
    ("SELECT 1", "::int", ""),
    ("SELECT a", " IS NULL", ""),
    ("SELECT a", " || b", ""),
    ("SELECT a", " <+> b", ""),
    ("SELECT a", " IS DISTINCT FROM b", ""),
    ("SELECT a", " AT TIME ZONE 'UTC'", ""),
    ("SELECT set", " + set", ""),
    ("SELECT t.limit", " + t.limit", ""),
];

#[test]
fn chains_of_900_operators_are_harmless_and_of_2000_too_complex() {
    for (before, link, after) in CHAINS {
        survives(format!("{before}{}{after}", link.repeat(900)));
        for n in [2_000, 100_000] {
            let sql = format!("{before}{}{after}", link.repeat(n));
            is_refused(sql, ParseErrorKind::TooComplex);
        }
    }
}

#[test]
fn terms_of_a_disjunction_cost_one_level_each() {
    let terms = " OR (a = 1 AND f(b) BETWEEN 2 AND 3)";
    survives(format!("SELECT 1 WHERE false{}", terms.repeat(900)));
    let sums = vec!["f(a) + f(b)"; 20_000].join(", ");
    survives(format!("SELECT {sums}"));
}

#[test]
fn long_unions_and_joins_are_bounded_too() {
    survives(format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(450)));
    is_refused(format!("SELECT 1{}", " UNION SELECT 1".repeat(2_000)), ParseErrorKind::TooComplex);
    survives(format!("SELECT 1 FROM a{}", " JOIN b ON true".repeat(200)));
    is_refused(format!("SELECT 1 FROM a{}", " JOIN b".repeat(2_000)), ParseErrorKind::TooComplex);
}

#[test]
fn recursions_that_no_parenthesis_shows_are_bounded() {
    for (open, kind) in [
        ("EXPLAIN ", ParseErrorKind::SyntaxError),
        ("PREPARE p AS ", ParseErrorKind::SyntaxError),
        ("IF true THEN ", ParseErrorKind::SyntaxError),
        ("BEGIN ", ParseErrorKind::SyntaxError),
        ("SELECT 1::ARRAY<", ParseErrorKind::SyntaxError),
    ] {
        is_refused(format!("{}SELECT 1", open.repeat(5_000)), kind);
    }
    is_refused(format!("SELECT 1::{}int", "ARRAY<".repeat(5_000)), ParseErrorKind::TooComplex);
    is_refused(format!("SELECT {}'1'", "interval ".repeat(900)), ParseErrorKind::TooComplex);
    survives(format!("SELECT 1::int{}", "[]".repeat(400)));
}

/// sqlparser alone takes 2^n steps for n calls in one another, and as many to find the syntax
/// error under n CASTs.
#[test]
fn time_is_not_exponential_in_depth() {
    for (open, close) in [
        ("f(", ")"),
        ("row(", ")"),
        ("coalesce(1, ", ")"),
        ("(VALUES (", "))"),
        ("CAST(", ")"),
        ("substring(", " AS int)"),
        ("trim(", " x)"),
        ("overlay(", " x)"),
        ("(SELECT 1 FROM (t JOIN (", ")))"),
        ("(SELECT FROM ((SELECT FROM ", "))"),
    ] {
        on_a_small_stack(move || {
            let sql = nested(open, "1", close, 60);
            // Either answer is right; coming back is what is tested.
            let _ = parse(&sql);
        });
    }
}

#[test]
fn long_texts_are_refused_before_they_are_read() {
    let limits = Limits { bytes_max: 100, tokens_max: 50, ..Limits::DEFAULT };
    let refused = |sql: &str| parse_with(sql, &limits).unwrap_err().kind;
    assert_eq!(refused(&format!("SELECT '{}'", "x".repeat(100))), ParseErrorKind::TooLong);
    assert_eq!(refused(&format!("SELECT {}", "1,".repeat(40))), ParseErrorKind::TooLong);
    assert!(parse_with(&format!("SELECT '{}'", "(".repeat(80)), &limits).is_ok());
    let many = "SELECT 1 FROM t AS OF '1';".repeat(100);
    assert_eq!(parse(&many).unwrap().len(), 100);
    let clauses = "t FOR VALID_TIME ALL, ".repeat(600);
    is_refused(format!("SELECT 1 FROM {clauses} t"), ParseErrorKind::TooComplex);
}

#[test]
fn stored_expressions_have_the_same_limits() {
    assert_eq!(
        parse_expr("now() + interval '1 day'").unwrap().to_string(),
        "now() + INTERVAL '1 day'"
    );
    assert_eq!(parse_expr(&"(".repeat(100_000)).unwrap_err().kind, ParseErrorKind::TooComplex);
    assert_eq!(parse_expr("1 2").unwrap_err().position, Some(3));
    assert_eq!(parse_expr("").unwrap_err().kind, ParseErrorKind::SyntaxError);
    assert_eq!(parse_expr("1; 2").unwrap_err().position, Some(4));
    let nested = parse_expr("(SELECT max(a) FROM t AS OF '2024-01-01')").unwrap();
    assert!(nested.to_string().contains("as_of"));
}
