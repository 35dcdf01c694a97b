//! Plans that are kept give the rows and the errors of plans made anew.
//!
//! Each query runs by EXECUTE with several values, by its template and without one, which is the
//! oracle; then everything that a template depends on is changed under it.

use crate::Sql;

async fn filled() -> Sql {
    let mut sql = Sql::new().await;
    sql.rows(
        "CREATE TABLE docs (id BIGINT, ts TIMESTAMPTZ, v VECTOR(3), n INT, word TEXT, \
         PRIMARY KEY (id, ts)) WITH (valid_time = 'ts')",
    )
    .await;
    let row = |at: usize| {
        let (id, day) = (at % 20, 1 + at / 20);
        let [x, y, z] = [7, 11, 13].map(|prime| (at * prime % 101) as f64 / 101.0);
        format!("({id}, '2024-01-{day:02}', '[{x},{y},{z}]', {}, 'w{}')", at % 17, at % 5)
    };
    let rows: Vec<String> = (0..400).map(row).collect();
    sql.rows(&format!("INSERT INTO docs VALUES {}", rows.join(", "))).await;
    sql
}

/// A query's parameters and text, and values to run it with.
type Case = (&'static str, &'static str, &'static [&'static str]);

const CASES: &[Case] = &[
    ("vector", "SELECT id, ts FROM docs ORDER BY v <-> $1 LIMIT 5", &["'[0,0,0]'", "'[1,1,1]'"]),
    (
        "vector, int",
        "SELECT id, ts, v <=> $1 AS d FROM docs WHERE n < $2 ORDER BY d LIMIT 5",
        &["'[1,0,0]', 3", "'[1,0,1]', 9", "'[1,0,1]', 0", "'[1,0,1]', NULL", "NULL, 3"],
    ),
    (
        "vector, int, timestamptz",
        "SELECT id, v <#> $1 FROM docs ORDER BY v <#> $1, id LIMIT $2 AS OF $3",
        &["'[1,0,0]', 3, '2024-01-03'", "'[1,0,0]', 1, '2024-01-09'", "'[1,2,0]', 0, '2023-01-01'"],
    ),
    (
        "text, int",
        "SELECT id FROM docs WHERE v <-> $1::vector < 0.5 ORDER BY v <-> $1::vector LIMIT 4 \
         OFFSET $2",
        &["'[0.3,0.3,0.3]', 0", "'[0.3,0.3,0.3]', 2", "'[1,1]', 0", "'nonsense', 0"],
    ),
    (
        "vector, int",
        "SELECT id, 1 - (v <=> $1) AS near, ts FROM docs ORDER BY v <=> $1 LIMIT $2",
        &[
            "'[1,0,0]', 3",
            "'[1,0,1]', 4",
            "'[1,0,1]', 0",
            "'[1,0,1]', NULL",
            "'[1,0,1]', -1",
            "NULL, 3",
            "'[1,1]', 2",
        ],
    ),
    (
        "vector, bigint",
        "SELECT id FROM docs ORDER BY $1 <#> v LIMIT $2",
        &["'[1,0,0]', 3", "'[1,0,0]', 1000", "'[0,0,0]', 9", "'[1,0,0]', 500000"],
    ),
    (
        "timestamptz, timestamptz, vector",
        "SELECT id, ts FROM docs WHERE ts >= $1 AND ts < $2 ORDER BY v <-> $3 LIMIT 6",
        &[
            "'2024-01-03', '2024-01-04', '[0,1,0]'",
            "'2024-01-03', '2024-01-03', '[0,1,0]'",
            "'2024-01-09', '2024-01-03', '[0,1,0]'",
            "'-infinity', 'infinity', '[0,1,0]'",
            "NULL, '2024-01-03', '[0,1,0]'",
        ],
    ),
    (
        "timestamptz, vector, text, int",
        "SELECT word, ts FROM docs WHERE ($1 < ts OR n = $4) AND word <> $3 ORDER BY v <-> $2, \
         id, ts LIMIT 6",
        &["'2024-01-03', '[0,1,0]', 'w1', 5", "'2025-01-03', '[0,1,0]', 'w1', 5"],
    ),
    (
        "timestamptz, vector, text, int",
        "SELECT word, n FROM docs WHERE ts BETWEEN '2024-01-02' AND $1 AND word LIKE $3 AND n / $4 \
         < 4 ORDER BY v <-> $2 LIMIT 6",
        &[
            "'2024-01-13', '[0,1,0]', 'w1', 5",
            "'2024-01-13', '[0,1,0]', '%', 2",
            "'2024-01-13', '[0,1,0]', 'w%', 0",
            "'2024-01-01', '[0,1,0]', 'w%', 0",
            "'2024-01-13', '[0,1,0]', NULL, 1",
        ],
    ),
    (
        "bigint, vector",
        "SELECT ts FROM docs WHERE id = $1 AND v <-> $2 < 0.8 ORDER BY v <-> $2 LIMIT 4",
        &["7, '[0.5,0.5,0.5]'", "8, '[0.5,0.5,0.5]'", "99, '[0,1,0]'", "NULL, '[0,1,0]'"],
    ),
    (
        "vector",
        "SELECT x.a FROM (SELECT id AS a, v AS e, v <-> $1 AS d FROM docs WHERE n > 3) x ORDER BY \
         x.d LIMIT 5",
        &["'[0,1,0]'", "'[0.2,0.1,0]'"],
    ),
    (
        "vector, int",
        "SELECT id, n + $2 FROM docs ORDER BY v <-> $1 LIMIT 5",
        &["'[0,1,0]', 1", "'[0,1,0]', 2"],
    ),
    (
        "vector, int",
        "SELECT id FROM (SELECT id, n FROM docs ORDER BY v <-> $1 LIMIT 5) x LIMIT $2",
        &["'[0,1,0]', 1", "'[0,1,0]', 9"],
    ),
    (
        "vector, timestamptz",
        "SELECT id, ts FROM docs ORDER BY v <=> $1 LIMIT 3 AS OF $2",
        &["'[0,1,0]', '2024-01-02'", "'[0,1,0]', '2024-01-12'", "'[0,1,0]', '2000-01-01'"],
    ),
    (
        "vector, timestamptz",
        "SELECT id, _valid_from, _valid_to FROM docs FOR VALID_TIME FROM $2 TO '2024-01-09' WHERE \
         ts > '2024-01-01' ORDER BY v <-> $1 LIMIT 3",
        &["'[0,1,0]', '2024-01-02'", "'[0,1,0]', '2024-01-08'"],
    ),
    ("bigint", "SELECT * FROM docs WHERE id = $1 ORDER BY ts", &["7", "8", "99", "NULL"]),
    (
        "bigint, text",
        "SELECT ts, word FROM docs WHERE id = $1 AND word = $2 AND n BETWEEN 2 AND 12 ORDER BY ts",
        &["7, 'w2'", "8, 'w3'", "3, NULL"],
    ),
    ("bigint", "SELECT ts, n FROM TRAJECTORY(docs, $1)", &["7", "8", "99"]),
    (
        "bigint, timestamptz",
        "SELECT ts, n FROM TRAJECTORY(docs, $1, T2 => $2)",
        &["7, '2024-01-05'", "7, '2024-01-15'", "8, '2023-01-15'"],
    ),
    (
        "int",
        "SELECT word, count(*), min(n) FROM docs WHERE n > $1 GROUP BY word ORDER BY 1",
        &["3", "15", "99"],
    ),
    ("int, int", "SELECT $1 + $2, $1 / $2", &["6, 3", "7, 2", "1, 0"]),
    ("text", "SELECT $1::int + 1", &["'1'", "'2'", "'x'", "'99999999999'"]),
    (
        "timestamptz",
        "SELECT count(*), max(n) FROM docs AS OF $1",
        &["'2024-01-02'", "'2024-01-07'"],
    ),
    (
        "timestamptz, timestamptz",
        "SELECT count(*) FROM docs FOR VALID_TIME FROM $1 TO $2",
        &["'2024-01-02', '2024-01-04'", "'2024-01-02', '2024-01-09'", "'2024-01-09', '2024-01-02'"],
    ),
    ("int", "SELECT id, to_char(ts, 'HH24') FROM docs WHERE n = $1 ORDER BY id, ts", &["3", "4"]),
    ("int", "SELECT d.id FROM docs d JOIN docs e USING (id, ts) WHERE e.n = $1 ORDER BY 1", &["3"]),
    ("int", "SELECT id FROM docs WHERE n = (SELECT max(n) - $1 FROM docs) ORDER BY 1", &["3", "4"]),
];

/// What a statement gives, errors and all.
async fn outcome(sql: &mut Sql, statement: &str) -> Result<Vec<String>, String> {
    sql.try_rows(statement).await.map_err(|error| format!("{} {error}", error.state.0))
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_give_what_planning_anew_gives() {
    let mut sql = filled().await;
    for (at, (types, query, values)) in CASES.iter().enumerate() {
        sql.rows(&format!("PREPARE q{at} ({types}) AS {query}")).await;
        for value in values.iter().chain(*values) {
            let execute = format!("EXECUTE q{at}({value})");
            sql.rows("SET cvx.plan_cache = off").await;
            let anew = outcome(&mut sql, &execute).await;
            sql.rows("SET cvx.plan_cache = force").await;
            let kept = outcome(&mut sql, &execute).await;
            assert_eq!(kept, anew, "{query} with {value}");
        }
    }
}

/// The plan of `EXECUTE q`, by a session that keeps plans.
async fn is_cached(sql: &mut Sql, execute: &str) -> bool {
    sql.rows(&format!("EXPLAIN {execute}"))
        .await
        .iter()
        .any(|line| line.starts_with("Plan: cached"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_made_at_the_second_execution() {
    let mut sql = filled().await;
    sql.rows("PREPARE q(vector) AS SELECT id FROM docs ORDER BY v <-> $1 LIMIT 2").await;
    assert!(!is_cached(&mut sql, "EXECUTE q('[1,1,1]')").await);
    assert!(is_cached(&mut sql, "EXECUTE q('[1,1,1]')").await);
    let plan = sql.plan("EXECUTE q('[1,1,1]')").await;
    assert!(plan.contains("KnnExec"), "{plan}");
    sql.rows("SET cvx.plan_cache = off").await;
    assert!(!is_cached(&mut sql, "EXECUTE q('[1,1,1]')").await);
}

/// Whether `EXECUTE q`, run twice, goes past planning the second time.
async fn is_past_planning(sql: &mut Sql, execute: &str) -> bool {
    sql.rows(execute).await;
    sql.rows(execute).await;
    let plan = sql.rows(&format!("EXPLAIN {execute}")).await;
    plan.iter().any(|line| line == "Plan: cached, runs as a search alone")
}

/// Planning a search took longer than the search: what is nothing else is not planned again.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_alone_is_not_planned_again() {
    let mut sql = filled().await;
    sql.rows("CREATE VIEW near AS SELECT * FROM docs WHERE n > 3").await;
    for (types, query, values, past) in [
        ("vector", "SELECT id FROM docs ORDER BY v <-> $1 LIMIT 2", "'[1,1,1]'", true),
        ("vector, int", "SELECT id FROM docs ORDER BY v <-> $1 LIMIT $2", "'[1,1,1]', 3", true),
        (
            "vector, timestamptz, int",
            "SELECT id, 1 - (v <=> $1) FROM docs WHERE ts > $2 AND n = $3 ORDER BY v <=> $1 LIMIT 9",
            "'[1,1,1]', '2024-01-03', 4",
            true,
        ),
        ("", "SELECT id FROM docs ORDER BY v <-> $1::vector LIMIT 2", "'[1,1,1]'", true),
        ("", "SELECT id FROM near ORDER BY v <=> $1 LIMIT 2", "'[1,1,1]'", true),
        (
            "vector, timestamptz",
            "SELECT id FROM docs ORDER BY v <-> $1 LIMIT 2 AS OF $2",
            "'[1,1,1]', '2024-01-05'",
            true,
        ),
        ("vector", "SELECT id FROM docs ORDER BY v <-> $1, id LIMIT 2", "'[1,1,1]'", false),
        ("vector", "SELECT id FROM docs ORDER BY v <-> $1 DESC LIMIT 2", "'[1,1,1]'", false),
        ("vector, int", "SELECT n + $2 FROM docs ORDER BY v <-> $1 LIMIT 2", "'[1,1,1]', 3", false),
    ] {
        let types = if types.is_empty() { String::new() } else { format!("({types})") };
        sql.rows(&format!("PREPARE q{types} AS {query}")).await;
        let execute = format!("EXECUTE q({values})");
        assert_eq!(is_past_planning(&mut sql, &execute).await, past, "{query}");
        sql.rows("DEALLOCATE q").await;
    }
}

/// What a search that is not planned again must not keep: rows, times, settings, rights, columns.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_alone_sees_what_changed_under_it() {
    let mut sql = filled().await;
    sql.rows("PREPARE q(vector) AS SELECT id FROM docs ORDER BY v <-> $1 LIMIT 1").await;
    let q = "EXECUTE q('[9,9,9]')";
    assert!(is_past_planning(&mut sql, q).await);
    sql.rows("INSERT INTO docs VALUES (500, '2024-02-01', '[9,9,9]', 1, 'a')").await;
    assert_eq!(sql.rows(q).await, ["500"]);
    sql.rows("BEGIN").await;
    sql.rows("INSERT INTO docs VALUES (501, '2024-02-02', '[9,9,9.5]', 2, 'b')").await;
    assert_eq!(sql.rows("EXECUTE q('[9,9,9.5]')").await, ["501"], "the transaction's own row");
    sql.rows("ROLLBACK").await;
    assert_eq!(sql.rows("EXECUTE q('[9,9,9.5]')").await, ["500"]);
    sql.rows("SET cvx.valid_time = '2024-01-20'").await;
    assert_ne!(sql.rows(q).await, ["500"], "not there yet");
    sql.rows("RESET cvx.valid_time").await;
    sql.rows("CREATE INDEX near ON docs USING hnsw (v vector_l2_ops)").await;
    sql.rows("SET hnsw.ef_search = 100").await;
    sql.rows("ALTER TABLE docs ADD COLUMN extra INT").await;
    assert_eq!(sql.rows(q).await, ["500"]);
    assert!(is_past_planning(&mut sql, q).await);
    sql.rows("DELETE FROM docs WHERE id = 500").await;
    assert_ne!(sql.rows(q).await, ["500"]);
    sql.rows("CREATE ROLE guest").await;
    sql.rows("SET ROLE guest").await;
    assert_eq!(outcome(&mut sql, q).await.unwrap_err().split(' ').next(), Some("42501"));
    sql.rows("RESET ROLE").await;
    sql.rows("DROP INDEX near").await;
    assert_eq!(sql.rows(q).await.len(), 1);
    sql.rows("DROP TABLE docs").await;
    assert_eq!(outcome(&mut sql, q).await.unwrap_err().split(' ').next(), Some("42P01"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_the_moment_is_not_kept() {
    let mut sql = filled().await;
    let view = "CREATE VIEW until_now AS SELECT * FROM docs WHERE ts < 'now'::timestamptz";
    sql.rows(view).await;
    sql.rows("SET cvx.plan_cache = force").await;
    for query in [
        "SELECT count(*) FROM docs WHERE ts < now()",
        "SELECT count(*) FROM docs WHERE ts < 'now'::timestamptz",
        "SELECT count(*) FROM until_now",
        "SELECT current_setting('timezone')",
        "SELECT count(*) FROM pg_class",
        "SELECT st_distance(v, '[1,1,1]', 0.5) FROM docs LIMIT 1",
        "SELECT * FROM VELOCITY(docs, 7, '2024-01-05')",
    ] {
        sql.rows(&format!("PREPARE q AS {query}")).await;
        assert!(!is_cached(&mut sql, "EXECUTE q").await, "{query}");
        sql.rows("DEALLOCATE q").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_sees_what_changed_under_it() {
    let mut sql = filled().await;
    sql.rows("SET cvx.plan_cache = force").await;
    let q = "EXECUTE q(500)";
    sql.rows("PREPARE q(bigint) AS SELECT n, word FROM docs WHERE id = $1 ORDER BY ts").await;
    assert!(sql.rows(q).await.is_empty());
    sql.rows("INSERT INTO docs VALUES (500, '2024-02-01', '[1,1,1]', 1, 'a')").await;
    assert_eq!(sql.rows(q).await, ["1|a"]);
    sql.rows("BEGIN").await;
    sql.rows("INSERT INTO docs VALUES (500, '2024-02-02', '[1,1,1]', 2, 'b')").await;
    assert_eq!(sql.rows(q).await, ["1|a", "2|b"]);
    sql.rows("ROLLBACK").await;
    assert_eq!(sql.rows(q).await, ["1|a"]);
    sql.rows("SET cvx.valid_time = '2024-01-01'").await;
    assert!(sql.rows(q).await.is_empty());
    sql.rows("RESET cvx.valid_time").await;
    assert_eq!(sql.rows(q).await, ["1|a"]);
    sql.rows("ALTER TABLE docs ADD COLUMN extra INT").await;
    assert_eq!(sql.rows(q).await, ["1|a"]);
    sql.rows("DROP TABLE docs").await;
    assert_eq!(outcome(&mut sql, q).await.unwrap_err().split(' ').next(), Some("42P01"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_reads_text_by_the_settings_in_force() {
    let mut sql = filled().await;
    sql.rows("SET cvx.plan_cache = force").await;
    sql.rows("PREPARE q AS SELECT count(*) FROM docs WHERE ts < '2024-01-02 00:00'").await;
    assert_eq!(sql.rows("EXECUTE q").await, ["20"]);
    sql.rows("SET timezone = 'America/New_York'").await;
    assert_eq!(sql.rows("EXECUTE q").await, ["40"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_asks_for_rights_each_time() {
    let mut sql = filled().await;
    sql.rows("CREATE ROLE guest").await;
    sql.rows("GRANT SELECT ON docs TO guest").await;
    sql.rows("SET ROLE guest").await;
    sql.rows("SET cvx.plan_cache = force").await;
    sql.rows("PREPARE q AS SELECT count(*) FROM docs").await;
    assert_eq!(sql.rows("EXECUTE q").await, ["400"]);
    sql.rows("RESET ROLE").await;
    sql.rows("REVOKE SELECT ON docs FROM guest").await;
    sql.rows("SET ROLE guest").await;
    assert_eq!(outcome(&mut sql, "EXECUTE q").await.unwrap_err().split(' ').next(), Some("42501"));
}

/// Clients that send the same words each time get the statement that was prepared first; what it
/// was prepared against may have changed since.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_words_are_understood_anew_after_a_change() {
    let mut sql = filled().await;
    let words = "SELECT * FROM docs WHERE id = 7 ORDER BY ts LIMIT 1";
    let before = sql.rows(words).await;
    assert_eq!(sql.rows(words).await, before);
    sql.rows("ALTER TABLE docs ADD COLUMN extra INT").await;
    assert_eq!(sql.rows(words).await, [format!("{}|NULL", before[0])]);
}
