//! Where the clauses land, read back with the crate's own readers.

use cvx_dialect::{
    Arg, AxisClause, Statement, TableFunction, TableTime, TrailingAxis, parse, split,
    table_function, table_time, trailing_as_of,
};
use sqlparser::ast::{Expr, Query, SetExpr, Statement as Sql, TableFactor};

use crate::{one, query, sql};

fn from(query: &Query) -> Vec<TableFactor> {
    let SetExpr::Select(select) = query.body.as_ref() else { panic!("{query}") };
    let tables = select.from.iter();
    let factors = tables.flat_map(|table| {
        std::iter::once(&table.relation).chain(table.joins.iter().map(|join| &join.relation))
    });
    factors.cloned().collect()
}

fn as_of(query: &Query) -> Option<String> {
    trailing_as_of(query).map(|(axis, time)| match axis {
        TrailingAxis::Neutral => time.to_string(),
        TrailingAxis::System => format!("system {time}"),
    })
}

fn time(factor: &TableFactor) -> Option<TableTime> {
    match factor {
        TableFactor::Table { version, .. } => version.as_ref().map(|v| table_time(v).unwrap()),
        _ => None,
    }
}

fn show(clause: &Option<AxisClause>) -> String {
    match clause {
        None => "-".to_owned(),
        Some(AxisClause::AsOf(at)) => format!("as of {at}"),
        Some(AxisClause::FromTo(from, to)) => format!("from {from} to {to}"),
        Some(AxisClause::Between(from, to)) => format!("between {from} and {to}"),
        Some(AxisClause::All) => "all".to_owned(),
    }
}

/// `neutral | valid | system` of each table in FROM.
fn times(text: &str) -> Vec<String> {
    let tables = from(&query(text));
    let shown = tables.iter().map(|factor| match time(factor) {
        None => "none".to_owned(),
        Some(TableTime { neutral, valid, system }) => {
            let neutral = neutral.map_or("-".to_owned(), |at| at.to_string());
            format!("{neutral} | {} | {}", show(&valid), show(&system))
        }
    });
    shown.collect()
}

#[test]
fn a_trailing_as_of_is_read_wherever_it_stands() {
    for text in [
        "SELECT * FROM t AS OF $1",
        "SELECT * FROM t AS OF $1 WHERE a",
        "SELECT * FROM t WHERE a AS OF $1",
        "SELECT a FROM t WHERE a AS OF $1 GROUP BY a HAVING b",
        "SELECT * FROM t ORDER BY a AS OF $1 LIMIT 3",
        "SELECT * FROM t ORDER BY a LIMIT 3 AS OF $1 OFFSET 5",
        "SELECT * FROM t ORDER BY a LIMIT 3 OFFSET 5 AS OF $1",
        "SELECT * FROM t AS OF $1 FETCH FIRST 3 ROWS ONLY",
        "SELECT * FROM t OFFSET 5 FETCH NEXT ROW ONLY AS OF $1",
        "SELECT * FROM t AS OF $1 FOR UPDATE OF t SKIP LOCKED",
        "SELECT * FROM t FOR SHARE AS OF $1",
        "SELECT * FROM t FOR NO KEY UPDATE AS OF $1",
        "SELECT * FROM a JOIN b USING (x) AS OF $1",
        "SELECT * FROM a NATURAL JOIN b AS OF $1",
        "SELECT * FROM a, b AS OF $1",
        "SELECT * FROM a UNION SELECT * FROM b AS OF $1",
        "SELECT * FROM a AS OF $1 UNION SELECT * FROM b",
        "SELECT * FROM a UNION (SELECT * FROM b) ORDER BY 1 LIMIT 3 AS OF $1",
        "(SELECT * FROM a) AS OF $1",
        "VALUES (1) AS OF $1",
        "TABLE t AS OF $1",
        "SELECT 1 AS OF $1",
        "WITH x AS (SELECT 1) SELECT * FROM x AS OF $1",
    ] {
        let query = query(text);
        assert_eq!(as_of(&query).as_deref(), Some("$1"), "{text}");
        assert!(from_or_none(&query).iter().all(|factor| time(factor).is_none()), "{text}");
    }
}

fn from_or_none(query: &Query) -> Vec<TableFactor> {
    if matches!(query.body.as_ref(), SetExpr::Select(_)) { from(query) } else { Vec::new() }
}

#[test]
fn what_stands_around_as_of_stays() {
    let query = query("SELECT a FROM t AS OF $1 WHERE b ORDER BY c LIMIT 3 OFFSET 5 FOR UPDATE");
    let rest = Query { settings: None, ..query };
    assert_eq!(rest.to_string(), "SELECT a FROM t WHERE b ORDER BY c LIMIT 3 OFFSET 5 FOR UPDATE");
}

#[test]
fn the_time_is_any_expression_and_ends_where_it_ends() {
    for (time, shown) in [
        ("'2024-01-01'", "'2024-01-01'"),
        ("now() - interval '1 day'", "now() - INTERVAL '1 day'"),
        ("CAST($1 AS timestamptz)", "CAST($1 AS TIMESTAMPTZ)"),
        ("'2024-01-01'::timestamptz", "'2024-01-01'::TIMESTAMPTZ"),
        ("TIMESTAMPTZ '2024-01-01'", "TIMESTAMPTZ '2024-01-01'"),
        ("DATE '2024-01-01' + 1", "DATE '2024-01-01' + 1"),
        ("(SELECT max(a) FROM u)", "(SELECT max(a) FROM u)"),
        ("now() AT TIME ZONE 'UTC'", "now() AT TIME ZONE 'UTC'"),
        ("left('2024-01-01x', 10)", "left('2024-01-01x', 10)"),
        ("current_timestamp", "current_timestamp"),
        ("CASE WHEN a THEN b END", "CASE WHEN a THEN b END"),
        ("-62135596800000000", "-62135596800000000"),
    ] {
        for text in [
            format!("SELECT * FROM t AS OF {time}"),
            format!("SELECT * FROM t AS OF {time} WHERE x"),
            format!("SELECT * FROM t WHERE x AS OF {time} LIMIT 3"),
            format!("SELECT * FROM t LIMIT 3 AS OF {time}"),
        ] {
            assert_eq!(as_of(&query(&text)).as_deref(), Some(shown), "{text}");
        }
        for text in [
            format!("SELECT * FROM t AS OF {time} x JOIN u ON true"),
            format!("SELECT * FROM t AS OF {time}, u"),
            format!("SELECT * FROM t AS OF {time} LEFT JOIN u ON true"),
        ] {
            let expected = vec![format!("{shown} | - | -"), "none".to_owned()];
            assert_eq!(times(&text), expected, "{text}");
        }
    }
}

#[test]
fn system_time_can_be_named_at_the_end() {
    let named = ["SYSTEM TIME", "SYSTEM_TIME", "system time"];
    for words in named {
        let text = format!("SELECT * FROM t AS OF {words} $1 LIMIT 3");
        assert_eq!(as_of(&query(&text)).as_deref(), Some("system $1"));
    }
    // Without a time behind them they are names.
    assert_eq!(as_of(&query("SELECT * FROM t AS OF system_time")).as_deref(), Some("system_time"));
}

#[test]
fn a_tables_clauses_are_read_in_any_order_and_spelling() {
    for (text, expected) in [
        ("t FOR VALID_TIME AS OF $1", "- | as of $1 | -"),
        ("t FOR VALID TIME AS OF $1 x", "- | as of $1 | -"),
        ("t x FOR valid_time ALL", "- | all | -"),
        ("t FOR SYSTEM_TIME FROM $1 TO $2", "- | - | from $1 to $2"),
        ("t FOR SYSTEM TIME BETWEEN $1 AND $2 AS x", "- | - | between $1 and $2"),
        ("t FOR VALID_TIME ALL FOR SYSTEM_TIME AS OF $1", "- | all | as of $1"),
        ("t FOR SYSTEM_TIME ALL AS x FOR VALID_TIME FROM $1 TO $2", "- | from $1 to $2 | all"),
        (
            "t FOR VALID_TIME FROM now() - interval '1' DAY TO now()",
            "- | from now() - INTERVAL '1' DAY to now() | -",
        ),
        ("s.t FOR VALID_TIME AS OF '2024' || 'x'", "- | as of '2024' || 'x' | -"),
        ("ONLY t FOR VALID_TIME ALL", "- | all | -"),
    ] {
        for tail in ["", " WHERE a AND b", ", u", " JOIN u ON true", " LIMIT 3"] {
            let text = format!("SELECT * FROM {text}{tail}");
            assert_eq!(times(&text)[0], expected, "{text}");
        }
    }
}

#[test]
fn a_clause_of_the_table_and_one_of_the_query_stand_side_by_side() {
    let text = "SELECT * FROM t FOR SYSTEM_TIME AS OF $1 x AS OF $2 WHERE a";
    assert_eq!(times(text), ["- | - | as of $1"]);
    assert_eq!(as_of(&query(text)).as_deref(), Some("$2"));
    let text = "SELECT * FROM a AS OF $1 JOIN b AS OF SYSTEM TIME $2 ON true, c AS OF $3";
    assert_eq!(times(text), ["$1 | - | -", "- | - | as of $2", "none"]);
    assert_eq!(as_of(&query(text)).as_deref(), Some("$3"));
}

#[test]
fn aliases_stay_with_their_tables() {
    let text = "SELECT * FROM a AS OF $1 x, b y FOR VALID_TIME ALL, c FOR VALID_TIME ALL AS z (q)";
    let aliases = from(&query(text)).into_iter().map(|factor| match factor {
        TableFactor::Table { alias: Some(alias), .. } => alias.to_string(),
        other => panic!("{other}"),
    });
    assert_eq!(aliases.collect::<Vec<_>>(), ["x", "y", "AS z (q)"]);
}

#[test]
fn statements_around_a_query_leave_it_its_time() {
    let inner = |text: &str| match sql(text) {
        Sql::Insert(insert) => *insert.source.unwrap(),
        Sql::CreateView(view) => *view.query,
        Sql::CreateTable(table) => *table.query.unwrap(),
        Sql::Explain { statement, .. } | Sql::Prepare { statement, .. } => match *statement {
            Sql::Query(query) => *query,
            other => panic!("{other}"),
        },
        Sql::Declare { stmts } => *stmts.into_iter().next().unwrap().for_query.unwrap(),
        other => panic!("{other}"),
    };
    for text in [
        "INSERT INTO u SELECT * FROM t AS OF $1",
        "INSERT INTO u (a, b) SELECT * FROM t AS OF $1 RETURNING a",
        "INSERT INTO u SELECT 1 AS OF $1 ON CONFLICT DO NOTHING",
        "INSERT INTO u (SELECT * FROM t) AS OF $1",
        "CREATE VIEW v AS SELECT * FROM t AS OF $1",
        "CREATE OR REPLACE VIEW v (a) AS SELECT * FROM t WHERE a AS OF $1",
        "CREATE MATERIALIZED VIEW v AS SELECT * FROM t AS OF $1 WITH DATA",
        "CREATE TABLE v AS SELECT * FROM t AS OF $1 WITH DATA",
        "EXPLAIN SELECT * FROM t AS OF $1",
        "EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM t AS OF $1",
        "EXPLAIN ANALYZE (SELECT * FROM t) AS OF $1",
        "EXPLAIN VERBOSE TABLE t AS OF $1",
        "PREPARE p (int) AS SELECT * FROM t AS OF $1",
        "PREPARE p AS (SELECT * FROM t) AS OF $1",
        "DECLARE c NO SCROLL CURSOR WITH HOLD FOR SELECT * FROM t AS OF $1",
    ] {
        assert_eq!(as_of(&inner(text)).as_deref(), Some("$1"), "{text}");
    }
    let Statement::Copy(copy) = one("COPY (SELECT * FROM t AS OF $1) TO STDOUT") else { panic!() };
    assert!(format!("{:?}", copy.source).contains("as_of"));
}

#[test]
fn a_portion_is_taken_out_of_its_delete() {
    let text =
        "DELETE FROM t FOR PORTION OF VALID_TIME FROM $1 TO NULL AS x WHERE x.a = 1 RETURNING a";
    let Statement::DeletePortion(portion) = one(text) else { panic!() };
    assert_eq!(portion.from.to_string(), "$1");
    assert_eq!(portion.to, None);
    assert_eq!(portion.delete.to_string(), "DELETE FROM t AS x WHERE x.a = 1 RETURNING a");
    let text = "DELETE FROM t FOR PORTION OF VALID_TIME FROM now() TO $1 + 1";
    let Statement::DeletePortion(portion) = one(text) else { panic!() };
    assert_eq!(portion.to.map(|to| to.to_string()).as_deref(), Some("$1 + 1"));
}

fn function(text: &str) -> TableFunction {
    let factors = from(&query(text));
    table_function(factors.last().unwrap()).unwrap_or_else(|| panic!("{text}"))
}

fn shown(function: &TableFunction) -> Vec<String> {
    let args = function.args.iter().map(|(name, arg)| {
        let value = match arg {
            Arg::Expr(value) => value.to_string(),
            Arg::Query(query) => format!("query {query}"),
            Arg::Table(name) => format!("table {name}"),
        };
        name.as_ref().map_or(value.clone(), |name| format!("{name}: {value}"))
    });
    args.collect()
}

#[test]
fn table_functions_are_read_in_every_form() {
    for (call, expected) in [
        ("TRAJECTORY(docs, 7)", vec!["table docs", "7"]),
        ("trajectory(public.\"Docs\", $1, $2)", vec!["table public.\"Docs\"", "$1", "$2"]),
        ("HISTORY('public.docs', u.id)", vec!["table public.docs", "u.id"]),
        ("DRIFT((SELECT a FROM docs), 7)", vec!["query SELECT a FROM docs", "7"]),
        (
            "PREDICT(docs, u.id, $1, Method => 'auto')",
            vec!["table docs", "u.id", "$1", "method: 'auto'"],
        ),
        (
            "VELOCITY(entity => 7, table => docs, at := now())",
            vec!["entity: 7", "table: table docs", "at: now()"],
        ),
        (
            "CHANGEPOINTS(docs, 7, column => 'x', penalty => 2.5)",
            vec!["table docs", "7", "column: 'x'", "penalty: 2.5"],
        ),
        ("ANALOGY('not a name', 7)", vec!["'not a name'", "7"]),
        ("generate_series(a, 10)", vec!["a", "10"]),
        ("f()", vec![]),
    ] {
        for (before, lateral) in [("", false), ("u, ", false), ("u, LATERAL ", true)] {
            let text = format!("SELECT * FROM {before}{call} AS t (x)");
            let function = function(&text);
            assert_eq!(shown(&function), expected, "{text}");
            assert_eq!(function.lateral, lateral, "{text}");
            assert_eq!(function.alias.map(|alias| alias.to_string()).as_deref(), Some("AS t (x)"));
            assert_eq!(function.time, None, "{text}");
        }
    }
    let joined =
        "SELECT * FROM u LEFT JOIN LATERAL TRAJECTORY(docs, u.id) WITH ORDINALITY t ON true";
    assert!(function(joined).with_ordinality);
    assert_eq!(table_function(&from(&query("SELECT * FROM docs"))[0]), None);
}

#[test]
fn a_table_functions_own_time_is_no_argument() {
    for call in ["HISTORY(docs, 7)", "LATERAL HISTORY(docs, 7)"] {
        let text = format!("SELECT * FROM {call} FOR SYSTEM_TIME AS OF $1 AS h");
        let function = function(&text);
        assert_eq!(shown(&function), ["table docs", "7"]);
        assert_eq!(show(&function.time.unwrap().system), "as of $1");
    }
    let text = "SELECT * FROM TRAJECTORY(docs, 7) AS OF $1";
    assert_eq!(function(text).time, None);
    assert_eq!(as_of(&query(text)).as_deref(), Some("$1"));
}

#[test]
fn distance_words_become_named_arguments() {
    for text in [
        "st_distance(v, q, ALPHA 0.7, AT now(), TAU interval '1 day', METRIC 'l2', DECAY 'x', TS \
        d.ts)",
        "st_distance(v, q ALPHA 0.7 AT now() TAU interval '1 day' METRIC 'l2' DECAY 'x' TS d.ts)",
        "ST_Distance(v, q, alpha 0.7 at now(), tau interval '1 day' metric 'l2' decay 'x', ts \
        d.ts)",
    ] {
        let shown = query(&format!("SELECT {text} FROM d")).to_string();
        let named = "(v, q, alpha => 0.7, at => now(), tau => INTERVAL '1 day', metric => 'l2', \
                     decay => 'x', ts => d.ts)";
        assert!(shown.contains(named), "{shown}");
    }
    for text in [
        "st_distance(v, q, 0.7)",
        "st_distance(ts, at)",
        "st_distance(v, q, alpha)",
        "st_distance(v, q, alpha - 1, ts + 1)",
        "st_distance(v, q, 0.7, ts AT TIME ZONE 'UTC')",
        "st_distance(v, q, alpha => 0.7, at := x)",
        "distance(v, q, metric AS m)",
    ] {
        let ours = parse(&format!("SELECT {text}"));
        if text.starts_with("st_") {
            let shown = ours.unwrap()[0].clone();
            let Statement::Sql(statement) = shown else { panic!() };
            assert_eq!(statement.to_string(), format!("SELECT {text}"));
        } else {
            assert!(ours.is_err());
        }
    }
}

#[test]
fn vector_operators_bind_tighter_than_comparisons_and_looser_than_sums() {
    for operator in ["<->", "<#>", "<=>", "<+>", "<~>", "<%>"] {
        let text = format!("SELECT 0.5 > a {operator} b + c");
        let Expr::BinaryOp { left, op, right } = projection(&text) else { panic!() };
        assert_eq!((left.to_string().as_str(), op.to_string().as_str()), ("0.5", ">"));
        assert_eq!(right.to_string(), format!("a {operator} b + c"));
        let Expr::BinaryOp { op, right, .. } = *right else { panic!() };
        assert_eq!(op.to_string(), operator);
        assert_eq!(right.to_string(), "b + c");
        for text in [
            format!("SELECT a{operator}$1"),
            format!("SELECT a{operator}'[1,2]'::vector(2)"),
            format!("SELECT a FROM t WHERE a {operator} b < 1 ORDER BY a {operator} $1 LIMIT 3"),
        ] {
            assert!(parse(&text).is_ok(), "{text}");
        }
    }
}

#[test]
fn jsonb_operators_are_operators() {
    for operator in ["@>", "<@", "?", "?|", "?&", "->", "->>", "#>", "#>>", "#-", "||", "-"] {
        let Expr::BinaryOp { op, .. } = projection(&format!("SELECT a {operator} 'b'")) else {
            panic!("{operator}")
        };
        assert_eq!(op.to_string(), operator);
    }
    assert!(matches!(projection("SELECT meta->'a'->>'b' = 'c'"), Expr::BinaryOp { .. }));
}

fn projection(text: &str) -> Expr {
    use sqlparser::ast::SelectItem;
    let query = query(text);
    let SetExpr::Select(select) = *query.body else { panic!() };
    match select.projection.into_iter().next() {
        Some(SelectItem::UnnamedExpr(value)) => value,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn errors_point_into_the_text_as_it_was_written() {
    for (text, at) in [
        ("SELECT * FROM t AS OF $1 WHERE a = = 1", "= 1"),
        ("SELECT * FROM t FOR VALID_TIME AS OF $1 x y", "y"),
        ("SELECT 1;\nSELECT 'é' FROM t x y", "y"),
        ("SELECT * FROM t AS OF $1 LIMIT 3 LIMIT 4", "LIMIT 4"),
        ("SELECT a, b FROM t AS OF '1' AS OF '2' WHERE", "AS OF '2'"),
        ("SELECT st_distance(v, q ALPHA 0.7 0.8)", "0.8"),
        ("INSERT INTO t VALUES (1, 'a') ) ", ") "),
    ] {
        let refused = parse(text).unwrap_err();
        let position = refused.position.unwrap_or_else(|| panic!("{text}: {refused:?}"));
        let rest: String = text.chars().skip(position - 1).collect();
        assert!(rest.starts_with(at), "{text}: {refused:?} points to {rest:?}");
    }
    let refused = parse("SELECT * FROM t WHERE").unwrap_err();
    assert_eq!(refused.message, "syntax error at end of input");
    assert_eq!(refused.position, Some(22));
    let refused = parse("SELECT 'abc").unwrap_err();
    assert_eq!(refused.position, Some(8), "{refused:?}");
}

/// Wherever OF can be a name, it is.
#[test]
fn of_stays_a_name() {
    for text in [
        "SELECT a AS of, b FROM t AS of",
        "SELECT of.of AS of FROM of AS of WHERE of.of = 1",
        "SELECT a AS of FROM t AS of LEFT JOIN u AS of2 ON true",
        "SELECT a AS of FROM t AS of, u of2 NATURAL JOIN w AS of3 LIMIT 3",
        "SELECT a AS of UNION SELECT b AS of ORDER BY of",
        "SELECT * FROM t AS of (a, b) WHERE of.a = 1",
        "SELECT * FROM (SELECT 1 AS of) AS of",
        "WITH of AS (SELECT 1) SELECT * FROM of",
        "INSERT INTO t AS of (a) VALUES (1)",
        "INSERT INTO t AS of DEFAULT VALUES",
        "INSERT INTO t AS of SELECT 1",
        "UPDATE t AS of SET a = 1 RETURNING of.a AS of",
        "DELETE FROM t AS of USING u AS of2 WHERE of.a = of2.a",
        "CREATE VIEW of AS SELECT 1 AS of",
        "SELECT CAST(a AS of) FROM t",
    ] {
        let tree = format!("{:?}", one(text));
        assert!(!tree.contains("as_of") && !tree.contains("__cvx_time"), "{text}: {tree}");
    }
}

/// No clause is lost: what is not carried is refused.
#[test]
fn clauses_in_strange_places_are_refused() {
    for text in [
        "SELECT * FROM unnest(a) FOR SYSTEM_TIME AS OF $1",
        "SELECT * FROM t TABLESAMPLE SYSTEM (1) FOR VALID_TIME ALL",
        "SELECT * FROM t JOIN u ON true FOR VALID_TIME ALL",
        "SELECT * FROM t ORDER BY a FOR VALID_TIME AS OF $1",
        "SELECT * FROM f(t AS OF $1)",
        "SELECT * FROM f(t FOR VALID_TIME AS OF $1)",
        "SELECT a FOR VALID_TIME ALL FROM t",
        "VALUES (1 AS OF $1)",
        "INSERT INTO t DEFAULT VALUES AS OF $1",
        "INSERT INTO t (a) FOR VALID_TIME ALL VALUES (1)",
        "MERGE INTO t AS OF $1 USING s ON true WHEN MATCHED THEN DELETE",
        "COPY t AS OF $1 TO STDOUT",
        "COPY t TO STDOUT AS OF $1",
        "TRUNCATE t AS OF $1",
        "SELECT * FROM t WHERE a IN (1, 2 AS OF $1)",
        "SELECT * FROM (t AS OF $1)",
        "CALL f(1) AS OF $1",
        "SET a = 1 AS OF $1",
        "SELECT * FROM t AT (x => 1)",
    ] {
        assert!(parse(text).is_err(), "{text}: {:?}", parse(text));
    }
}

#[test]
fn splitting_keeps_text_and_comments_and_drops_nothing_else() {
    let text = "-- first\nSELECT ';', $$;$$, $t$ ; $t$ /* ; */;;\n ; /* only */ ; SELECT \
        \"a;b\" -- x;\n;SELECT 3";
    let statements = split(text).unwrap();
    assert_eq!(
        statements,
        [
            "-- first\nSELECT ';', $$;$$, $t$ ; $t$ /* ; */",
            "/* only */",
            "SELECT \"a;b\" -- x;",
            "SELECT 3"
        ][..]
            .iter()
            .filter(|text| **text != "/* only */")
            .copied()
            .collect::<Vec<_>>()
    );
    assert_eq!(split("  ").unwrap(), Vec::<String>::new());
    assert_eq!(split("SELECT 'é'; SELECT 'ü'").unwrap(), ["SELECT 'é'", "SELECT 'ü'"]);
    assert!(split("SELECT '").is_err());
    assert_eq!(parse("").unwrap(), vec![]);
    assert_eq!(parse(" ; -- nothing\n ;").unwrap(), vec![]);
}
