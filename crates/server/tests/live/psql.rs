//! psql, as people type into it.

use crate::setup::{Running, required, start, stderr, stdout};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Output, Stdio};

pub(crate) fn psql_is_here() -> bool {
    required("psql", Command::new("psql").arg("--version").output().is_ok())
}

/// Runs psql on commands, each a `-c` of its own.
pub(crate) fn psql(running: &Running, commands: &[&str]) -> Output {
    let mut psql = Command::new("psql");
    psql.args(["-X", "-h", "127.0.0.1", "-p", &running.server.addr().port().to_string()]);
    psql.args(["-U", "cvx", "-v", "ON_ERROR_STOP=1", "cvx"]);
    for command in commands {
        psql.args(["-c", command]);
    }
    psql.env("PGCLIENTENCODING", "UTF8").output().unwrap()
}

/// What psql printed; it must have printed it without an error.
pub(crate) fn printed(running: &Running, commands: &[&str]) -> String {
    let output = psql(running, commands);
    assert!(output.status.success(), "{commands:?}:\n{}{}", stdout(&output), stderr(&output));
    assert_eq!(stderr(&output).lines().find(|line| line.contains("ERROR")), None);
    stdout(&output)
}

#[track_caller]
pub(crate) fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

fn with_tables() -> Option<Running> {
    if !psql_is_here() {
        return None;
    }
    let running = start();
    printed(
        &running,
        &[
            "CREATE EXTENSION IF NOT EXISTS vector",
            "CREATE TABLE docs (doc_id BIGINT, ts TIMESTAMPTZ, title TEXT, embedding VECTOR(3),
             PRIMARY KEY (doc_id, ts))",
            "CREATE INDEX docs_near ON docs USING hnsw (embedding vector_cosine_ops)",
            "CREATE TABLE plain (id SERIAL PRIMARY KEY, n NUMERIC(8, 2) DEFAULT 1.5)",
            "CREATE VIEW titles AS SELECT doc_id, title FROM docs",
            "INSERT INTO docs VALUES (1, '2024-01-01', 'one', '[1,2,3]')",
        ],
    );
    Some(running)
}

#[test]
fn describes_tables() {
    let Some(running) = with_tables() else { return };
    has(
        &printed(&running, &["\\d docs"]),
        &[
            "Table \"public.docs\"",
            "doc_id    | bigint                   |           | not null |",
            "ts        | timestamp with time zone |           | not null |",
            "embedding | vector(3)",
            "\"docs_pkey\" PRIMARY KEY, btree (doc_id, ts) WITH (entity='doc_id', valid_time='ts')",
            "\"docs_near\" hnsw (embedding vector_cosine_ops)",
        ],
    );
    has(&printed(&running, &["\\d plain"]), &["nextval(", "numeric(8,2)", "| 1.5"]);
    has(&printed(&running, &["\\d titles"]), &["View \"public.titles\"", "doc_id"]);
    let missing = psql(&running, &["\\d missing"]);
    has(&stderr(&missing), &["Did not find any relation named \"missing\""]);
}

/// What is said of things is shown with them, after a kill too.
#[test]
fn shows_comments() {
    let Some(running) = with_tables() else { return };
    printed(
        &running,
        &[
            "COMMENT ON TABLE docs IS 'said of the table'",
            "COMMENT ON COLUMN docs.title IS 'said of the column'",
            "COMMENT ON VIEW titles IS 'said of the view'",
            "COMMENT ON COLUMN titles.title IS 'said of its column'",
            "COMMENT ON INDEX docs_near IS 'said of the index'",
            "COMMENT ON SCHEMA public IS 'said of the schema'",
            "COMMENT ON DATABASE cvx IS 'said of the database'",
            "COMMENT ON ROLE cvx IS 'said of the role'",
        ],
    );
    let Running { server, launch, dir } = running;
    server.kill().unwrap();
    let running = Running { server: launch.start().unwrap(), launch, dir };
    for (command, said) in [
        ("\\d+ docs", "said of the column"),
        ("\\d+ titles", "said of its column"),
        ("\\dt+", "said of the table"),
        ("\\dv+", "said of the view"),
        ("\\di+", "said of the index"),
        ("\\dn+", "said of the schema"),
        ("\\l+", "said of the database"),
        ("\\du+", "said of the role"),
    ] {
        has(&printed(&running, &[command]), &[said]);
    }
}

#[test]
fn lists_what_there_is() {
    let Some(running) = with_tables() else { return };
    has(&printed(&running, &["\\dt"]), &["public | docs  | table", "public | plain | table"]);
    has(&printed(&running, &["\\dv"]), &["titles"]);
    has(&printed(&running, &["\\di"]), &["docs_pkey", "docs_near", "plain_pkey"]);
    has(&printed(&running, &["\\ds"]), &["plain_id_seq"]);
    has(&printed(&running, &["\\dx"]), &["vector"]);
    has(&printed(&running, &["\\dn"]), &["public"]);
    has(&printed(&running, &["\\l"]), &["cvx"]);
    has(&printed(&running, &["\\du"]), &["cvx"]);
    has(&printed(&running, &["\\dt+ docs"]), &["docs"]);
    has(&printed(&running, &["\\d+ docs"]), &["embedding", "vector(3)"]);
    has(&printed(&running, &["\\conninfo"]), &["cvx"]);
    has(&printed(&running, &["\\df l2_distance"]), &["l2_distance"]);
}

/// The table's comment is shown.
#[test]
fn a_comment_is_shown() {
    let Some(running) = with_tables() else { return };
    printed(&running, &["COMMENT ON TABLE docs IS 'what was written'"]);
    has(&printed(&running, &["\\dt+ docs"]), &["what was written"]);
    has(&printed(&running, &["SELECT obj_description('docs'::regclass)"]), &["what was written"]);
}

/// psql draws the line and the caret from the position we send.
#[test]
fn an_unknown_name_is_pointed_at() {
    let Some(running) = with_tables() else { return };
    for (sql, line, at) in [
        ("SELECT title, titel FROM docs", "LINE 1: SELECT title, titel FROM docs", "titel"),
        ("SELECT 1\nFROM dogs", "LINE 2: FROM dogs", "dogs"),
        ("UPDATE docs SET titel = 'x'", "LINE 1: UPDATE docs SET titel = 'x'", "titel"),
    ] {
        let caret = format!("{}^", " ".repeat(line.find(at).unwrap()));
        has(&stderr(&psql(&running, &[sql])), &[&format!("{line}\n{caret}\n")]);
    }
}

/// `\watch` runs the statement again and again.
#[test]
fn watches() {
    let Some(running) = with_tables() else { return };
    let mut command = Command::new("psql");
    command.args(["-X", "-h", "127.0.0.1", "-p", &running.server.addr().port().to_string()]);
    command.args(["-U", "cvx", "cvx"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut keys = process.stdin.take().unwrap();
    keys.write_all(b"SELECT count(*) AS points FROM docs \\watch 0.05\n").unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
    let rounds = lines.filter(|line| line.trim() == "points").take(3).count();
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(rounds, 3);
}

/// Tools that cannot write AS OF read the past so.
#[test]
fn reads_the_past_by_setting() {
    let Some(running) = with_tables() else { return };
    let read = "BEGIN READ ONLY; SET cvx.valid_time = '2023-12-31';
                SELECT count(*) AS before FROM docs; COMMIT";
    has(&printed(&running, &[read]), &["COMMIT"]);
    let script = ["BEGIN READ ONLY", "SET LOCAL cvx.valid_time = '2023-12-31'", "TABLE docs"];
    has(&printed(&running, &script), &["(0 rows)"]);
    has(&printed(&running, &["TABLE docs"]), &["(1 row)"]);
}

#[test]
fn asks_and_is_answered() {
    let Some(running) = with_tables() else { return };
    let answer = printed(
        &running,
        &["SELECT doc_id, title, embedding FROM docs ORDER BY embedding <-> '[1,2,3]' LIMIT 1"],
    );
    has(&answer, &[" doc_id | title | embedding \n", "      1 | one   | [1,2,3]", "(1 row)"]);
    has(&printed(&running, &["SELECT 1 AS a; SELECT 2 AS b"]), &[" b \n", " 2\n"]);
    has(&printed(&running, &["BEGIN; DELETE FROM docs; ROLLBACK", "TABLE docs"]), &["(1 row)"]);
    let wrong = psql(&running, &["SELECT missing FROM docs"]);
    assert_eq!(wrong.status.code(), Some(1));
    has(&stderr(&wrong), &["ERROR:  column \"missing\" does not exist"]);
}

#[test]
fn copies_files() {
    let Some(running) = with_tables() else { return };
    let file = running.dir.path().join("points.csv");
    let rows =
        "doc_id,ts,title,embedding\n2,2024-01-01,\"two, quoted\",\"[4,5,6]\"\n3,2024-01-02,,\n";
    std::fs::write(&file, rows).unwrap();
    let (file, back) = (file.display(), running.dir.path().join("back"));
    let copied =
        printed(&running, &[&format!("\\copy docs FROM '{file}' WITH (FORMAT csv, HEADER true)")]);
    has(&copied, &["COPY 2"]);
    let select = "SELECT title, embedding, embedding IS NULL AS none FROM docs ORDER BY doc_id";
    has(&printed(&running, &[select]), &["two, quoted | [4,5,6]   | f", "|           | t"]);
    for (options, expected) in [
        ("", "1\tone\t[1,2,3]\n2\ttwo, quoted\t[4,5,6]\n3\t\\N\t\\N\n"),
        (" WITH (FORMAT csv)", "1,one,\"[1,2,3]\"\n2,\"two, quoted\",\"[4,5,6]\"\n3,,\n"),
    ] {
        let query = "(SELECT doc_id, title, embedding FROM docs ORDER BY doc_id)";
        let copy = format!("\\copy {query} TO '{}'{options}", back.display());
        has(&printed(&running, &[&copy]), &["COPY 3"]);
        assert_eq!(std::fs::read_to_string(&back).unwrap(), expected);
    }
}

#[test]
fn a_bad_row_of_a_copy_is_named() {
    let Some(running) = with_tables() else { return };
    let file = running.dir.path().join("bad.csv");
    for (rows, line, state) in [
        ("7,2024-01-01,a,\"[1,2,3]\"\n8,2024-01-01,b,\"[1,2]\"\n", 2, "22000"),
        ("7,2024-01-01,a,\"[1,2,3]\"\n8,never,b,\n9,2024-01-01,c,\n", 2, "22007"),
        ("7,2024-01-01,a\n", 1, "22P04"),
        ("7,2024-01-01,a,,extra\n", 1, "22P04"),
        ("x,2024-01-01,a,\n", 1, "22P02"),
    ] {
        std::fs::write(&file, rows).unwrap();
        let copy = format!("\\copy docs FROM '{}' WITH (FORMAT csv)", file.display());
        let failed = psql(&running, &["\\set VERBOSITY verbose", &copy]);
        assert_ne!(failed.status.code(), Some(0), "{rows}");
        has(&stderr(&failed), &[&format!("COPY docs, line {line}"), state]);
    }
    has(&printed(&running, &["SELECT count(*) FROM docs"]), &[" 1\n"]);
}

/// psql underlines the name that an error is about.
#[test]
fn errors_point_at_their_place() {
    let Some(running) = with_tables() else { return };
    for (statement, code, line) in [
        ("SELECT doc_id,\n  gone FROM docs", "42703", "LINE 2:   gone FROM docs\n          ^"),
        ("SELECT * FROM absent", "42P01", "LINE 1: SELECT * FROM absent\n                      ^"),
        ("SELECT 1, frob(2)", "42883", "LINE 1: SELECT 1, frob(2)\n                  ^"),
        ("SELECT p.id FROM docs", "42P01", "LINE 1: SELECT p.id FROM docs\n               ^"),
    ] {
        let output = psql(&running, &["\\set VERBOSITY verbose", statement]);
        has(&stderr(&output), &[code, line]);
    }
}

/// What psql printed of a script in a file, which must be without an error.
fn printed_of(running: &Running, script: &str) -> String {
    let file = running.dir.path().join("script.sql");
    std::fs::write(&file, script).unwrap();
    printed(running, &[&format!("\\i '{}'", file.display())])
}

/// Statements are prepared with parameters and run with values.
#[test]
fn parameters() {
    let Some(running) = with_tables() else { return };
    let put = "PREPARE put (BIGINT, TIMESTAMPTZ, TEXT, VECTOR) AS
               INSERT INTO docs VALUES ($1, $2, $3, $4)";
    let near = "PREPARE near (VECTOR, INT) AS SELECT doc_id, title FROM docs
                WHERE embedding IS NOT NULL ORDER BY embedding <-> $1 LIMIT $2";
    let two = "EXECUTE put (2, '2024-01-02', 'it''s two', '[4,5,6]')";
    let three = "EXECUTE put (3, '2024-01-03', NULL, NULL)";
    let found = printed(&running, &[put, two, three, near, "EXECUTE near ('[4,5,7]', 1)"]);
    has(&found, &["PREPARE\nINSERT 0 1\nINSERT 0 1\nPREPARE\n", " 2 | it's two\n(1 row)"]);
    let wrong = psql(&running, &["PREPARE one (INT) AS SELECT $1", "EXECUTE one (1, 2)"]);
    has(&stderr(&wrong), &["ERROR:  wrong number of parameters for prepared statement \"one\""]);
    let variables = "\\set title 'it''s two'\n\\set n 40\n
                     SELECT doc_id + :n AS sum FROM docs WHERE title = :'title';\n";
    has(&printed_of(&running, variables), &[" 42\n(1 row)"]);
}

/// From version 16 on, psql sends the values apart from the statement.
#[test]
fn binds_parameters() {
    let Some(running) = with_tables() else { return };
    let version = stdout(&Command::new("psql").arg("--version").output().unwrap());
    let number = version.split_whitespace().nth(2).and_then(|word| word.split('.').next());
    if number.unwrap().parse::<u32>().unwrap() < 16 {
        eprintln!("skipped: {} has no \\bind", version.trim());
        return;
    }
    let script = "SELECT $1::int + 1 AS next, $2 AS title \\bind 41 'it''s' \\g
                  SELECT title, embedding FROM docs WHERE doc_id = $1
                  ORDER BY embedding <-> $2 \\bind 1 '[4,5,6]' \\g\n";
    has(&printed_of(&running, script), &["   42 | it's\n(1 row)", " one   | [1,2,3]\n(1 row)"]);
}

#[test]
fn transactions() {
    let Some(running) = with_tables() else { return };
    let steps = [
        "BEGIN",
        "INSERT INTO docs VALUES (2, '2024-01-01', 'kept', NULL)",
        "SAVEPOINT a",
        "DELETE FROM docs",
        "SAVEPOINT b",
        "ROLLBACK TO a",
        "RELEASE a",
        "COMMIT",
        "SELECT doc_id, title FROM docs ORDER BY doc_id",
    ];
    let tags = "BEGIN\nINSERT 0 1\nSAVEPOINT\nDELETE 2\nSAVEPOINT\nROLLBACK\nRELEASE\nCOMMIT\n";
    has(&printed(&running, &steps), &[tags, " 1 | one\n      2 | kept\n(2 rows)"]);
    let aborted = psql(&running, &["\\set ON_ERROR_STOP off", "BEGIN", "SELECT 1/0", "TABLE docs"]);
    has(&stderr(&aborted), &["division by zero", "current transaction is aborted"]);
    // A savepoint of psql's own about every statement, and transactions that it begins itself.
    let forgiven = psql(
        &running,
        &[
            "\\set ON_ERROR_STOP off",
            "\\set ON_ERROR_ROLLBACK on",
            "BEGIN",
            "DELETE FROM docs WHERE doc_id = 2",
            "SELECT 1/0",
            "COMMIT",
            "TABLE docs",
        ],
    );
    has(&stderr(&forgiven), &["division by zero"]);
    has(&stdout(&forgiven), &["BEGIN\nDELETE 1\nCOMMIT\n", "(1 row)"]);
    let begun = ["\\set AUTOCOMMIT off", "DELETE FROM docs", "ROLLBACK", "TABLE docs"];
    has(&printed(&running, &begun), &["DELETE 1\nROLLBACK\n", "(1 row)"]);
}

/// A session is as new after it: settings, prepared statements, cursors.
#[test]
fn discards_all() {
    let Some(running) = with_tables() else { return };
    let left = "SELECT current_setting('statement_timeout') AS timeout,
                (SELECT count(*) FROM pg_prepared_statements) AS statements,
                (SELECT count(*) FROM pg_cursors) AS cursors";
    let steps = [
        "\\pset format unaligned",
        "SET statement_timeout = '1min'",
        "PREPARE one AS SELECT 1",
        "DECLARE open_one CURSOR WITH HOLD FOR SELECT 1",
        left,
        "DISCARD ALL",
        left,
    ];
    has(&printed(&running, &steps), &["\n1min|1|1\n", "DISCARD ALL\n", "\n0|0|0\n"]);
    has(&stderr(&psql(&running, &["BEGIN", "DISCARD ALL"])), &["cannot run inside a transaction"]);
}
