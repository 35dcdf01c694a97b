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
    sql.rows(&format!("EXPLAIN {execute}")).await.iter().any(|line| line == "Plan: cached")
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
