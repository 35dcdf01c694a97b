//! Properties over generated statements: what the dialect adds changes nothing else, clauses land
//! in their own query, and nothing panics. proptest prints the seed of a failure.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use cvx_dialect::{Statement, TrailingAxis, parse, split, trailing_as_of};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sqlparser::ast::{self, Query, SetExpr, TableFactor, Visit, Visitor};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

/// What plain sqlparser makes of a text.
fn plain(text: &str) -> Option<Vec<ast::Statement>> {
    Parser::new(&PostgreSqlDialect {})
        .with_recursion_limit(2_000)
        .try_with_sql(text)
        .and_then(|mut parser| parser.parse_statements())
        .ok()
}

fn ours(text: &str) -> Option<Vec<ast::Statement>> {
    let statements = parse(text).ok()?;
    let sql = statements.into_iter().map(|statement| match statement {
        Statement::Sql(statement) => Some(*statement),
        _ => None,
    });
    sql.collect()
}

/// Strings, names and comments with clauses in them, as they are written.
fn opaque() -> impl Strategy<Value = String> {
    let clause =
        select(vec!["AS OF '1'", "FOR VALID_TIME ALL", "AS OF $1;", "ALPHA 0.7", "(", "<+>"]);
    (clause, 0..7_usize).prop_map(|(clause, how)| match how {
        0 => format!("'{}'", clause.replace('\'', "''")),
        1 => format!("$${clause}$$"),
        2 => format!("$tag$ $$ {clause} $tag$"),
        3 => format!("E'\\'{}'", clause.replace('\'', "\\'")),
        4 => format!("\"{clause}\""),
        5 => format!("/* {clause} /* {clause} */ */ 1"),
        _ => format!("-- {clause}\n 1"),
    })
}

fn name() -> impl Strategy<Value = String> {
    let words =
        ["a", "b", "of", "at", "before", "changes", "valid_time", "alpha", "ts", "\"As Of\""];
    select(words.map(str::to_owned).to_vec())
}

/// Expressions without the words and operators that this dialect reads differently.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        3 => name(),
        1 => (name(), name()).prop_map(|(table, column)| format!("{table}.{column}")),
        1 => (0..1000_u32).prop_map(|number| number.to_string()),
        1 => select(vec!["NULL", "$1", "'x'", "now()", "DATE '2024-01-01'", "interval '1 day'"])
            .prop_map(str::to_owned),
        1 => opaque(),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let operators = vec![
            "+",
            "-",
            "*",
            "||",
            "=",
            "<",
            ">=",
            "<>",
            "AND",
            "OR",
            "<->",
            "<#>",
            "@>",
            "->",
            "->>",
            "~",
            "IS DISTINCT FROM",
            "LIKE",
        ];
        prop_oneof![
            (inner.clone(), select(operators), inner.clone())
                .prop_map(|(left, operator, right)| format!("{left} {operator} {right}")),
            inner.clone().prop_map(|value| format!("({value})")),
            inner.clone().prop_map(|value| format!("NOT {value}")),
            inner.clone().prop_map(|value| format!("CAST({value} AS text)")),
            inner.clone().prop_map(|value| format!("({value})::timestamptz AT TIME ZONE 'UTC'")),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("CASE WHEN {a} THEN {b} ELSE 1 END")),
            (name(), vec(inner.clone(), 0..3))
                .prop_map(|(function, args)| format!("{function}({})", args.join(", "))),
            (inner.clone(), vec(inner.clone(), 1..3))
                .prop_map(|(value, list)| format!("{value} IN ({})", list.join(", "))),
            inner.clone().prop_map(|value| format!("EXISTS (SELECT {value} FROM t)")),
            inner.prop_map(|value| format!("substring({value} FROM 1 FOR 2)")),
        ]
    })
}

fn select_statement() -> impl Strategy<Value = String> {
    let item = (expression(), option::of(name())).prop_map(|(value, alias)| match alias {
        Some(alias) => format!("{value} AS {alias}"),
        None => value,
    });
    let table = (name(), option::of(name()), any::<bool>()).prop_map(|(table, alias, explicit)| {
        match (alias, explicit) {
            (Some(alias), true) => format!("{table} AS {alias}"),
            (Some(alias), false) => format!("{table} {alias}"),
            (None, _) => table,
        }
    });
    let table = table.boxed();
    let join = select(vec![", ", " CROSS JOIN ", " NATURAL JOIN ", " LEFT JOIN u ON true JOIN "]);
    let tail = select(vec![
        "",
        " ORDER BY 1 LIMIT 3 OFFSET 2",
        " FETCH FIRST 3 ROWS ONLY",
        " FOR UPDATE",
        " UNION ALL SELECT 1",
    ]);
    (vec(item, 1..4), table.clone(), join, table, option::of(expression()), tail).prop_map(
        |(items, left, join, right, filter, tail)| {
            let filter = filter.map_or(String::new(), |filter| format!(" WHERE {filter}"));
            let right = if join == " NATURAL JOIN " { "w".to_owned() } else { right };
            let right =
                if join.ends_with("ON true JOIN ") { format!("{right} ON true") } else { right };
            format!("SELECT {} FROM {left}{join}{right}{filter}{tail}", items.join(", "))
        },
    )
}

fn statement() -> impl Strategy<Value = String> {
    (select_statement(), expression(), 0..7_usize).prop_map(|(query, value, kind)| match kind {
        0 => format!("INSERT INTO t (a) {query}"),
        1 => format!("CREATE VIEW v AS {query}"),
        2 => format!("WITH x AS ({query}) SELECT * FROM x"),
        3 => format!("UPDATE t SET a = {value} WHERE b IN ({query})"),
        4 => format!("DELETE FROM t WHERE {value}"),
        5 => format!("EXPLAIN SELECT * FROM ({query}) AS d"),
        _ => query,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn without_temporal_words_the_tree_is_sqlparsers(text in statement()) {
        // A text that plain sqlparser refuses says nothing: some generated ones are wrong.
        if let Some(expected) = plain(&text) {
            let parsed = parse(&text);
            prop_assert!(parsed.is_ok(), "{}\n{:?}", text, parsed);
            prop_assert_eq!(ours(&text), Some(expected), "{}", text);
        }
    }

    #[test]
    fn splitting_and_parsing_see_the_same_statements(
        texts in vec(statement(), 0..4),
        ends in any::<bool>(),
    ) {
        let joined = texts.join("\n;") + if ends { ";" } else { "" };
        let pieces = split(&joined).unwrap();
        let expected: Vec<_> = texts.iter().map(|text| text.trim().to_owned()).collect();
        prop_assert_eq!(&pieces, &expected);
        if let (Some(whole), Some(parts)) =
            (ours(&joined), pieces.iter().map(|piece| ours(piece)).collect::<Option<Vec<_>>>())
        {
            let shown = |statements: &[ast::Statement]| {
                statements.iter().map(ToString::to_string).collect::<Vec<_>>()
            };
            prop_assert_eq!(shown(&whole), shown(&parts.concat()));
        }
    }
}

/// The property above would hold of nothing if nothing parsed.
#[test]
fn most_generated_statements_are_right() {
    let mut runner = TestRunner::deterministic();
    let texts = (0..300).map(|_| statement().new_tree(&mut runner).unwrap().current());
    let right = texts.filter(|text| plain(text).is_some()).count();
    assert!(right > 200, "{right} of 300");
}

/// A query over its own table `t<id>`, with an AS OF of its own or none.
#[derive(Clone, Debug)]
struct Tree {
    as_of: Option<(usize, bool)>,
    shape: usize,
    inner: Vec<Tree>,
}

fn tree() -> impl Strategy<Value = Tree> {
    let node = |inner: BoxedStrategy<Vec<Tree>>| {
        (option::of((0..6_usize, any::<bool>())), 0..8_usize, inner)
            .prop_map(|(as_of, shape, inner)| Tree { as_of, shape, inner })
    };
    node(Just(Vec::new()).boxed())
        .prop_recursive(4, 24, 3, move |inner| node(vec(inner, 0..3).boxed()))
}

/// Writes a tree and notes the AS OF that each table's query must be found with.
fn write(tree: &Tree, next: &mut usize, expected: &mut BTreeMap<String, Option<String>>) -> String {
    let table = format!("t{next}");
    *next += 1;
    let time = format!("'{table}'");
    let shown = tree
        .as_of
        .map(|(_, system)| format!("{} {time}", if system { "system" } else { "neutral" }));
    expected.insert(table.clone(), shown);
    let inner: Vec<_> = tree.inner.iter().map(|tree| write(tree, next, expected)).collect();
    let mut from = table.clone();
    let (mut with, mut filter, mut columns) = (Vec::new(), Vec::new(), vec!["a AS of".to_owned()]);
    for (at, query) in inner.iter().enumerate() {
        match (tree.shape + at) % 8 {
            0 => from = format!("{from}, ({query}) AS d{at}"),
            1 => from = format!("{from} JOIN LATERAL ({query}) d{at} ON true"),
            2 => filter.push(format!("x IN ({query})")),
            3 => filter.push(format!("EXISTS ({query})")),
            4 => columns.push(format!("({query}) AS s{at}")),
            5 => with.push(format!("w{at} AS ({query})")),
            6 => filter.push(format!("y = ANY (ARRAY({query})) OR 'AS OF ''1''' = $$AS OF '2'$$")),
            _ => columns.push(format!("CASE WHEN a > ({query}) THEN f((SELECT 1)) END")),
        }
    }
    let with = if with.is_empty() { String::new() } else { format!("WITH {} ", with.join(", ")) };
    let filter =
        if filter.is_empty() { String::new() } else { format!("WHERE {} ", filter.join(" AND ")) };
    let clause = tree
        .as_of
        .map(|(_, system)| format!("AS OF {}{time} ", if system { "SYSTEM TIME " } else { "" }));
    let at = |place: usize| match (&tree.as_of, &clause) {
        (Some((given, _)), Some(clause)) if *given == place => clause.as_str(),
        _ => "",
    };
    format!(
        "{with}SELECT {} FROM {from} {}{filter}{}ORDER BY 1 {}LIMIT 3 {}OFFSET 1 {}FOR UPDATE {}",
        columns.join(", "),
        at(0),
        at(1),
        at(2),
        at(3),
        at(4),
        at(5)
    )
}

/// Every query's own table and AS OF.
struct Found(BTreeMap<String, Option<String>>);

impl Visitor for Found {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let SetExpr::Select(select) = query.body.as_ref()
            && let Some(TableFactor::Table { name, .. }) =
                select.from.first().map(|from| &from.relation)
        {
            let as_of = trailing_as_of(query).map(|(axis, time)| match axis {
                TrailingAxis::Neutral => format!("neutral {time}"),
                TrailingAxis::System => format!("system {time}"),
            });
            self.0.insert(name.to_string(), as_of);
        }
        ControlFlow::Continue(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn every_as_of_lands_in_its_own_query(tree in tree(), around in 0..4_usize) {
        let mut expected = BTreeMap::new();
        let text = write(&tree, &mut 0, &mut expected);
        let text = match around {
            0 => format!("CREATE VIEW v AS {text}"),
            1 => format!("EXPLAIN (VERBOSE) {text}"),
            2 => format!("INSERT INTO target (a) {text}"),
            _ => text,
        };
        let parsed = parse(&text);
        prop_assert!(parsed.is_ok(), "{}\n{:?}", text, parsed);
        let mut found = Found(BTreeMap::new());
        let Statement::Sql(statement) = &parsed.unwrap()[0] else { panic!("{text}") };
        let _ = statement.visit(&mut found);
        prop_assert_eq!(found.0, expected, "{}", text);
    }
}

/// Words and signs from which statements that are nearly right are made.
const VOCABULARY: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "AS",
    "OF",
    "FOR",
    "VALID_TIME",
    "SYSTEM_TIME",
    "SYSTEM",
    "TIME",
    "ALL",
    "BETWEEN",
    "AND",
    "TO",
    "PORTION",
    "NULL",
    "DELETE",
    "UPDATE",
    "SET",
    "INSERT",
    "INTO",
    "VALUES",
    "UNION",
    "JOIN",
    "ON",
    "CONFLICT",
    "USING",
    "LATERAL",
    "WITH",
    "ORDINALITY",
    "ONLY",
    "TABLE",
    "LIMIT",
    "ORDER",
    "BY",
    "FETCH",
    "FIRST",
    "MERGE",
    "EXPLAIN",
    "COPY",
    "SHOW",
    "MOVE",
    "CREATE",
    "VIEW",
    "USER",
    "SEQUENCE",
    "ALTER",
    "RESET",
    "PREPARE",
    "DECLARE",
    "CURSOR",
    "CASE",
    "END",
    "WHEN",
    "THEN",
    "AT",
    "ZONE",
    "ISNULL",
    "IS",
    "DISTINCT",
    "st_distance",
    "ALPHA",
    "TAU",
    "vector",
    "TRAJECTORY",
    "docs",
    "t",
    "a",
    "\"of\"",
    "'2024-01-01'",
    "$1",
    "1",
    "1.5",
    "*",
    ",",
    ".",
    ";",
    "(",
    ")",
    "[",
    "]",
    "+",
    "-",
    "<",
    ">",
    "<+>",
    "<->",
    "=>",
    ":=",
    "::",
    "=",
    "?",
    "now()",
    "interval",
    "'1 day'",
    "$$x$$",
    "--x\n",
    "/*x*/",
    "SETTINGS",
    "as_of",
    "__cvx_time",
    "BINARY",
    "CSV",
    "STDIN",
    "HEADER",
    "VACUUM",
    "REINDEX",
    "FORWARD",
    "IDENTITY",
    "START",
    "NO",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_words_panics(
        words in vec(select(VOCABULARY), 0..40),
        tight in any::<bool>(),
    ) {
        let text = words.join(if tight { "" } else { " " });
        let _ = (parse(&text), split(&text), cvx_dialect::parse_expr(&text));
    }

    #[test]
    fn no_change_to_a_right_statement_panics(
        tree in tree(),
        cut in any::<prop::sample::Index>(),
        word in select(VOCABULARY),
        length in 0..8_usize,
    ) {
        let text = write(&tree, &mut 0, &mut BTreeMap::new());
        let start = cut.index(text.len() + 1);
        let changed = format!("{} {word} \
            {}", &text[..start], &text[(start + length).min(text.len())..]);
        if let Err(error) = parse(&changed) {
            let end = changed.chars().count() + 1;
            let within = error.position.is_none_or(|at| (1..=end).contains(&at));
            prop_assert!(within, "{}\n{:?}", changed, error);
        }
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = (parse(&text), split(&text), cvx_dialect::parse_expr(&text));
    }

    #[test]
    fn no_printable_text_panics(text in "[ -~\\n]{0,60}") {
        let _ = (parse(&text), split(&text), cvx_dialect::parse_expr(&text));
    }
}
