//! Without a terminal: `-c`, `-f`, standard input; what is printed, and the exit codes.

use crate::setup::{CLI, Server, has, stderr, stdout};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

#[test]
fn rows_are_aligned_and_vectors_short() {
    let Some(server) = Server::with_tables() else { return };
    let sql = "SELECT doc_id, title, embedding FROM docs ORDER BY ts LIMIT 2 OFFSET 9;";
    assert_eq!(
        server.ok(&["-c", sql]),
        " doc_id | title  |    embedding    \n\
         --------+--------+-----------------\n      \
         1 | day 9  | [9, 0, ... 8]\n      \
         1 | day 10 | [10, 50, ... 8]\n(2 rows)\n\n"
    );
    has(&server.ok(&["--full-vectors", "-c", sql]), &["[10,50,0,0,0,0,0,0]"]);
    has(&server.ok(&["-x", "-c", sql]), &["-[ RECORD 2 ]", "title     | day 10"]);
    assert_eq!(server.ok(&["-t", "-c", "SELECT 1, 'a'"]), " 1 | a\n");
}

#[test]
fn tags_are_the_servers() {
    let Some(server) = Server::start() else { return };
    let script = "CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1), (2); BEGIN; \
                  DELETE FROM t WHERE id = 1; ROLLBACK";
    assert_eq!(server.ok(&["-c", script]), "CREATE TABLE\nINSERT 0 2\nBEGIN\nDELETE 1\nROLLBACK\n");
    assert_eq!(server.ok(&["-q", "-c", "DELETE FROM t"]), "");
}

/// The shell has no parameters of its own: those of PREPARE are what there is.
#[test]
fn statements_are_prepared_and_discarded() {
    let Some(server) = Server::with_tables() else { return };
    let prepare = "PREPARE near (VECTOR, TIMESTAMPTZ) AS SELECT title FROM docs WHERE ts < $2 \
                   ORDER BY embedding <-> $1 LIMIT 1";
    let first = "EXECUTE near ('[7,0,0,0,0,0,0,0]', '2024-01-10')";
    let second = "EXECUTE near ('[7,0,0,0,0,0,0,0]', '2024-01-05')";
    let found = server.ok(&["-t", "-c", prepare, "-c", first, "-c", second]);
    assert_eq!(found, "PREPARE\n day 7\n day 3\n");
    let set = "SET statement_timeout = '1min'";
    let show = "SHOW statement_timeout";
    let discarded = ["-t", "-c", set, "-c", show, "-c", "DISCARD ALL", "-c", show];
    assert_eq!(server.ok(&discarded), "SET\n 1min\nDISCARD ALL\n 0\n");
    let gone = server.run(&["-c", prepare, "-c", "DISCARD ALL", "-c", first]);
    assert_eq!(gone.status.code(), Some(1));
    has(&stderr(&gone), &["SQLSTATE:  26000"]);
}

#[test]
fn json_is_a_row_a_line() {
    let Some(server) = Server::with_tables() else { return };
    let sql = "SELECT doc_id, embedding, title, NULL AS n, true AS b, '{\"a\": [1]}'::jsonb AS j, \
               '12345678901234567.25'::numeric AS d FROM docs WHERE ts = '2024-01-01'";
    let found = server.ok(&["--json", "-c", "SET cvx.search = exact", "-c", sql]);
    assert_eq!(
        found,
        "{\"doc_id\":1,\"embedding\":[0,0,0,0,0,0,0,0],\"title\":\"day 0\",\"n\":null,\"b\":true,\
         \"j\":{\"a\": [1]},\"d\":12345678901234567.25}\n"
    );
}

#[test]
fn an_error_is_pointed_at() {
    let Some(server) = Server::start() else { return };
    let failed = server.run(&["-c", "SELECT 1 AS one;\nSELECT 2 FROM FROM", "-c", "SELECT 3"]);
    assert_eq!(failed.status.code(), Some(1));
    has(&stdout(&failed), &[" one ", "(1 row)"]);
    assert!(!stdout(&failed).contains('3'), "it goes on behind an error");
    let failed = server.run(&["-c", "SELECT 1\n  FRM t u v"]);
    let pointed = "\nLINE 2:   FRM t u v\n              ^\n";
    has(&stderr(&failed), &["ERROR:  ", pointed, "SQLSTATE:  42601"]);
}

#[test]
fn keep_going_goes_on_and_says_so_in_the_exit_code() {
    let Some(server) = Server::start() else { return };
    let script = "SELECT missing;\nSELECT 7 AS seven;\n";
    let output = server.piped(&["--keep-going"], script);
    assert_eq!(output.status.code(), Some(1));
    has(&stdout(&output), &["seven"]);
    has(&stderr(&output), &["stdin:1: ERROR:", "SQLSTATE:  42703"]);
    let output = server.piped(&[], script);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""));
}

#[test]
fn a_script_brings_the_data_of_its_copy() {
    let Some(server) = Server::start() else { return };
    let script = "CREATE TABLE t (id INT PRIMARY KEY, name TEXT);\n\
                  COPY t FROM STDIN;\n1\tone; two\n2\t\\N\n\\.\n\
                  \\echo 'in between'\nSELECT * FROM t ORDER BY id;\nCOPY t TO STDOUT";
    let file = server.path("script.sql");
    std::fs::write(&file, script).unwrap();
    let included = server.path("outer.sql");
    std::fs::write(&included, format!("\\i {file}\n")).unwrap();
    let found = server.ok(&["-f", &included]);
    has(&found, &["COPY 2\nin between\n", "  1 | one; two\n  2 |\n(2 rows)"]);
    has(&found, &["\n1\tone; two\n2\t\\N\nCOPY 2\n"]);
}

#[test]
fn notices_are_shown_apart_from_rows() {
    let Some(server) = Server::start() else { return };
    let sql = "CREATE TABLE docs (id BIGINT, ts TIMESTAMPTZ, v VECTOR(3), PRIMARY KEY (id, ts))";
    let output = server.run(&["-c", sql]);
    assert_eq!(stdout(&output), "CREATE TABLE\n");
    has(&stderr(&output), &["NOTICE:  valid time is implied"]);
}

#[test]
fn copies_files_both_ways() {
    let Some(server) = Server::with_tables() else { return };
    let (file, back) = (server.path("it's.csv"), server.path("back.csv"));
    let quoted = file.replace('\'', "''");
    let out = format!("\\copy (SELECT * FROM docs ORDER BY ts) to '{quoted}' WITH (FORMAT csv)");
    has(&server.ok(&["-c", &out]), &["COPY 20"]);
    server.ok(&["-c", "CREATE TABLE again (LIKE docs)"].map(|part| {
        { part.replace("(LIKE docs)", "(doc_id BIGINT, ts TIMESTAMPTZ, title TEXT, v VECTOR(8))") }
            .leak() as &str
    }));
    let again = format!("\\copy again from '{quoted}' WITH (FORMAT csv)");
    has(&server.ok(&["-c", &again]), &["COPY 20"]);
    server.ok(&["-c", &format!("\\copy (SELECT * FROM again ORDER BY ts) to {back} csv")]);
    assert_eq!(std::fs::read(&file).unwrap(), std::fs::read(&back).unwrap());
}

/// The server refuses a row long before the file ends: the shell must not send the rest.
#[test]
fn a_refused_row_ends_the_copy() {
    let Some(server) = Server::start() else { return };
    server.ok(&["-c", "CREATE TABLE t (id INT PRIMARY KEY)"]);
    let file = server.path("bad.txt");
    std::fs::write(&file, format!("1\nx\n{}", "2\n".repeat(2_000_000))).unwrap();
    let failed = server.run(&["-c", &format!("\\copy t from {file}")]);
    assert_eq!(failed.status.code(), Some(1));
    has(&stderr(&failed), &["COPY t, line 2", "SQLSTATE:  22P02"]);
    assert_eq!(server.ok(&["-t", "-c", "SELECT count(*) FROM t"]), " 0\n");
    let missing = server.run(&["-c", "\\copy t from /nonexistent/file"]);
    assert_eq!(missing.status.code(), Some(1));
    has(&stderr(&missing), &["/nonexistent/file: No such file"]);
}

/// Noise whose mean shifts at the 26th of forty points.
const MOODS: &str = "CREATE TABLE moods (id BIGINT, ts TIMESTAMPTZ, v VECTOR(2), \
     PRIMARY KEY (id, ts)) WITH (entity = 'id', valid_time = 'ts'); \
     INSERT INTO moods SELECT 1, timestamptz '2024-01-01' + x * interval '1 day', \
     ('[' || sin(x * 12.9898) + CASE WHEN x < 25 THEN 0 ELSE 8 END || ',' || sin(x * 78.233) \
     || ']')::vector FROM generate_series(0, 39) AS g(x);";

#[test]
fn a_plot_marks_breaks_by_whatever_method() {
    let Some(server) = Server::with_tables() else { return };
    server.ok(&["-q", "-c", MOODS]);
    // Below the longest step, which is the 25th.
    let marked = format!("\n{}▲\n", " ".repeat(24));
    for method in ["", " jump", " pelt", " v bocpd"] {
        let found = server.ok(&["-c", &format!("\\plot moods 1{method}")]);
        has(&found, &[&marked, "largest 7.9765 at 2024-01-26", "1 change points"]);
    }
    has(&server.ok(&["-c", "\\plot moods 1 v often"]), &["Change points: the method must be"]);
}

#[test]
fn a_trajectory_is_plotted() {
    let Some(server) = Server::with_tables() else { return };
    let found = server.ok(&["-c", "\\plot docs 1"]);
    // 19 steps of length 1, but for the tenth.
    has(
        &found,
        &["▁▁▁▁▁▁▁▁▁█▁▁▁▁▁▁▁▁▁\n", "19 steps, median 1.0000, largest 50.0100 at 2024-01-11"],
    );
    has(&server.ok(&["-c", "\\plot docs 2"]), &["docs 2 has no point"]);
    for (command, words) in [
        ("\\plot", "usage: \\plot table entity"),
        ("\\plot missing 1", "there is no relation missing"),
        ("\\plot docs 1 title", "title is no vector of docs"),
    ] {
        let failed = server.run(&["-c", command]);
        assert_eq!(failed.status.code(), Some(1));
        has(&stderr(&failed), &[words]);
    }
}

#[test]
fn the_past_is_read_by_flag_and_command() {
    let Some(server) = Server::with_tables() else { return };
    let count = "SELECT count(*), max(ts) FROM docs";
    assert_eq!(
        server.ok(&["--asof", "2024-01-05", "-t", "-c", count]),
        " 1 | 2024-01-05 00:00:00+00\n"
    );
    let steps = ["-t", "-c", "\\asof '2024-01-03'", "-c", count, "-c", "\\asof off", "-c", count];
    assert_eq!(
        server.ok(&steps),
        "Tables are read as of 2024-01-03.\n 1 | 2024-01-03 00:00:00+00\n\
         Tables are read as currently known.\n 20 | 2024-01-20 00:00:00+00\n"
    );
    let wrong = server.run(&["-c", "\\asof someday"]);
    assert_eq!(wrong.status.code(), Some(1));
    has(&stderr(&wrong), &["SQLSTATE:  22007"]);
}

#[test]
fn tables_are_described() {
    let Some(server) = Server::with_tables() else { return };
    let script = "CREATE EXTENSION vector; CREATE INDEX near ON docs USING hnsw (embedding vector_cosine_ops); \
                  CREATE VIEW titles AS SELECT title FROM docs";
    server.ok(&["-c", script]);
    let found = server.ok(&["-c", "\\d docs"]);
    has(&found, &["Table \"public.docs\"", "| bigint ", "| entity\n", "| valid time\n"]);
    has(&found, &["vector(8)", "docs_pkey", "hnsw (embedding vector_cosine_ops)", "valid_time=ts"]);
    has(&server.ok(&["-c", "\\d titles"]), &["View \"public.titles\"", "View definition:"]);
    has(&server.ok(&["-c", "\\d"]), &["docs", "titles"]);
    has(&server.ok(&["-c", "\\dt d*"]), &["docs", "table"]);
    has(&server.ok(&["-c", "\\dv"]), &["titles", "view"]);
    has(&server.ok(&["-c", "\\di"]), &["near", "hnsw"]);
    has(&server.ok(&["-c", "\\df l2_distance"]), &["l2_distance"]);
    has(&server.ok(&["-c", "\\dn"]), &["public"]);
    has(&server.ok(&["-c", "\\du"]), &["cvx"]);
    has(&server.ok(&["-c", "\\l"]), &["cvx", "UTF8"]);
    has(&server.ok(&["-c", "\\dx"]), &["vector"]);
    has(&server.ok(&["-c", "\\ds"]), &["Sequences: none."]);
    has(&stderr(&server.run(&["-c", "\\d missing"])), &["there is no relation missing"]);
}

#[test]
fn targets_are_urls_flags_and_variables() {
    let Some(server) = Server::start() else { return };
    let url = format!("postgres://cvx@127.0.0.1:{}/cvx?application_name=told", server.port);
    let shown = ["-t", "-c", "SHOW application_name"];
    let mut command = Command::new(CLI);
    let output = command.arg(&url).args(shown).env_remove("PGPORT").output().unwrap();
    assert_eq!(stdout(&output), " told\n", "{}", stderr(&output));
    let output = server.command(&shown).env("PGAPPNAME", "by variable").output().unwrap();
    assert_eq!(stdout(&output), " by variable\n");
    has(&server.ok(&["-c", "\\conninfo"]), &["\"cvx\"", &server.port]);
}

#[test]
fn no_server_is_exit_code_two() {
    // Bound and never listened on, so nobody else takes it meanwhile.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    drop(taken);
    let mut command = Command::new(CLI);
    let output = command.args(["-p", &port, "-c", "SELECT 1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    has(&stderr(&output), &["cannot connect to 127.0.0.1"]);
    let output = Command::new(CLI).args(["postgres://h/?sslmod=x"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    has(&stderr(&output), &["\"sslmod\" is not one of host, port"]);
}

#[test]
fn ctrl_c_cancels_what_runs() {
    let Some(server) = Server::start() else { return };
    let endless = "SELECT x FROM generate_series(1, 100000000000) AS g(x)";
    let mut command = server.command(&["-c", endless, "-c", "SELECT 'next'"]);
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(process.stdout.take().unwrap());
    output.read_line(&mut String::new()).unwrap();
    let killed = Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let rest = output.lines().map(Result::unwrap);
    assert_eq!(rest.filter(|line| line.contains("next")).count(), 0);
    let output = process.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    has(&stderr(&output), &["SQLSTATE:  57014"]);
}

/// 60 MB pass through a shell that never holds more than a few: the highest memory it ever had
/// (VmHWM) is asked when the last row has come.
#[test]
fn a_long_result_takes_little_memory() {
    let Some(server) = Server::start() else { return };
    let sql = "SELECT x, repeat('0123456789', 100) FROM generate_series(1, 60000) AS g(x)";
    let mut command = server.command(&["-t", "-c", sql, "-c", "\\echo end", "-f", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.by_ref().take_while(|line| line != "end").count(), 60_000);
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak_kb: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak_kb < 32 << 10, "{peak_kb} kB");
    drop(process.stdin.take());
    assert!(process.wait().unwrap().success());
}

/// `cvx-cli ... | head`: no error is shown, and the statement does not run on.
#[test]
fn a_reader_may_leave_early() {
    let Some(server) = Server::start() else { return };
    let sql = "SELECT x, repeat('0123456789', 100) FROM generate_series(1, 10000000) AS g(x)";
    let mut command = server.command(&["-c", sql]);
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let mut said = String::new();
    process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
    assert_eq!(process.wait().unwrap().code(), Some(1));
}
