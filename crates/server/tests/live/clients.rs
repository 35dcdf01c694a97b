//! Drivers as people use them: psycopg 3 and 2, asyncpg, SQLAlchemy, node-postgres, with pgvector's
//! own registration; pg8000; Django; pgjdbc; psqlODBC.

use crate::setup::{CVX, Running, required, start, start_with, stderr, stdout};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");

/// What `make setup` made, where the variable does not say otherwise.
fn made(variable: &str, name: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).or_else(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
        Some(cache?.join("cvx").join(name))
    })
}

fn python() -> Option<PathBuf> {
    Some(made("CVX_VENV", "venv")?.join("bin/python")).filter(|path| path.exists())
}

fn run(script: &str) {
    let python = python();
    if !required("the Python with psycopg, asyncpg, pgvector and numpy", python.is_some()) {
        return;
    }
    let output = run_against(&start(), &python.unwrap(), script);
    check(script, &output);
}

/// Runs a script against a server of its own.
fn finish(mut interpreter: Command, script: &str) {
    let running = start();
    let port = running.server.addr().port().to_string();
    let output = interpreter.arg(format!("{SCRIPTS}/{script}")).arg(port).output().unwrap();
    check(script, &output);
}

/// A script must say how much it checked.
fn check(script: &str, output: &Output) {
    assert!(output.status.success(), "{script}:\n{}{}", stdout(output), stderr(output));
    assert!(stdout(output).contains(" checks"), "{script} checked nothing");
    println!("{}", stdout(output));
}

fn run_against(running: &Running, python: &Path, script: &str) -> Output {
    let port = running.server.addr().port().to_string();
    Command::new(python).arg(format!("{SCRIPTS}/{script}")).arg(port).output().unwrap()
}

/// pgvector's own tests of its Python client: psycopg 3 and 2, asyncpg, pg8000, SQLAlchemy,
/// Django. They want a database of their own name.
#[test]
fn pgvector_s_own_python_tests() {
    let Some(python) = python() else {
        required("the Python of the client tests", false);
        return;
    };
    let running = start_with(|launch| launch.set("database", "pgvector_python_test"));
    let output = run_against(&running, &python, "pgvector_suite.py");
    if output.status.code() == Some(77) {
        required(&format!("pgvector's test suite ({})", stdout(&output).trim()), false);
        return;
    }
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    println!("{}", stdout(&output));
}

#[test]
fn psycopg() {
    run("psycopg_client.py");
}

#[test]
fn asyncpg() {
    run("asyncpg_client.py");
}

/// Transactions inside transactions.
#[test]
fn psycopg_blocks() {
    run("psycopg_blocks.py");
}

/// Server-side cursors.
#[test]
fn psycopg_cursors() {
    run("psycopg_cursors.py");
}

/// Databases made, used and dropped by a suite of its own.
#[test]
fn psycopg_databases() {
    run("psycopg_databases.py");
}

/// Savepoints, cursors, a pool's resets, and arrays by introspection.
#[test]
fn asyncpg_session() {
    run("asyncpg_session.py");
}

#[test]
fn psycopg2() {
    run("psycopg2_client.py");
}

#[test]
fn sqlalchemy() {
    run("sqlalchemy_client.py");
}

#[test]
fn pg8000() {
    run("pg8000_client.py");
}

/// Its connections and psycopg's pool under them.
#[test]
fn django() {
    run("django_client.py");
}

#[test]
fn node_postgres() {
    let has_all = |dir: &PathBuf| {
        let packages = ["pg", "pgvector", "pg-copy-streams"];
        packages.iter().all(|package| dir.join("node_modules").join(package).exists())
    };
    let modules = made("CVX_NODE", "node").filter(has_all);
    let node = Command::new("node").arg("--version").output().is_ok();
    if required("node with pg, pgvector and pg-copy-streams", node && modules.is_some()) {
        let mut node = Command::new("node");
        node.env("CVX_NODE", modules.unwrap());
        finish(node, "node_client.mjs");
    }
}

/// The drivers of Rust are in a package of their own, which `make rust-clients` builds.
fn rust_client(name: &str) {
    let beside = |cvx: &Path| Some(cvx.parent()?.parent()?.join("rust-clients/debug"));
    let program = beside(Path::new(CVX)).unwrap().join("cvx-rust-clients");
    if required("what `make rust-clients` builds", program.exists()) {
        let running = start();
        let port = running.server.addr().port().to_string();
        let mut command = Command::new(program);
        check(name, &command.args([&port, name]).output().unwrap());
    }
}

#[test]
fn tokio_postgres() {
    rust_client("tokio-postgres");
}

#[test]
fn sqlx() {
    rust_client("sqlx");
}

/// As [`required`], but CI need not have what its apt does not know.
fn packaged(package: &str, found: bool) -> bool {
    let known = || {
        let shown = Command::new("apt-cache").args(["show", package]).output();
        shown.is_ok_and(|output| !output.stdout.is_empty())
    };
    if !found && !known() {
        eprintln!("skipped: there is no Debian package {package} here");
        return false;
    }
    required(&format!("Debian's {package}, with what it needs,"), found)
}

/// pgjdbc as Debian packages it, its program compiled as it is run.
#[test]
fn pgjdbc() {
    let jar = Path::new("/usr/share/java/postgresql.jar");
    let java = Command::new("javac").arg("--version").output().is_ok();
    if packaged("libpostgresql-jdbc-java", java && jar.exists()) {
        let mut java = Command::new("java");
        java.arg("-cp").arg(jar);
        finish(java, "PgjdbcClient.java");
    }
}

/// unixODBC's list of drivers has Debian's psqlODBC in it.
fn psqlodbc_is_here() -> bool {
    let drivers = Command::new("odbcinst").args(["-q", "-d"]).output();
    let found = drivers.is_ok_and(|output| stdout(&output).contains("[PostgreSQL Unicode]"));
    packaged("odbc-postgresql", found)
}

#[test]
fn psqlodbc() {
    if psqlodbc_is_here() {
        run("odbc_client.py");
    }
}

/// What isql told of what was typed into it.
fn isql_told(typed: &str) -> String {
    let running = start();
    let port = running.server.addr().port();
    let to =
        format!("Driver={{PostgreSQL Unicode}};Server=127.0.0.1;Port={port};Database=cvx;Uid=cvx");
    let mut isql = Command::new("isql")
        .args(["-b", "-v", "-d,", "-k", &to])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    isql.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let output = isql.wait_with_output().unwrap();
    format!("{}{}", stdout(&output), stderr(&output))
}

#[track_caller]
fn isql_tells(typed: &str, lines: &[&str]) {
    if !psqlodbc_is_here() {
        return;
    }
    let told = isql_told(typed);
    for line in lines {
        assert!(told.contains(line), "{line:?} is not in:\n{told}");
    }
}

/// isql, as people type into it.
#[test]
fn isql() {
    isql_tells(
        "CREATE TABLE i (id INT PRIMARY KEY, v VECTOR(2))
INSERT INTO i VALUES (1, '[1,2]'), (2, NULL)
SELECT id, v, v <-> '[1,1]' AS d FROM i ORDER BY 1
help
help i
SELECT missing FROM i
",
        &["1,[1,2],1\n2,,\n", "cvx,public,i,TABLE,", "i,v,12,vector,", "[42703]"],
    );
}

/// The driver commits after each line, so a transaction is typed as one line.
#[test]
fn isql_transactions() {
    isql_tells(
        "CREATE TABLE i (id INT PRIMARY KEY)
INSERT INTO i VALUES (1)
BEGIN; INSERT INTO i VALUES (2); ROLLBACK
SELECT id, 'rolled back' FROM i ORDER BY id
BEGIN; INSERT INTO i VALUES (3); SAVEPOINT s; DELETE FROM i; ROLLBACK TO s; COMMIT
SELECT id, 'committed' FROM i ORDER BY id
BEGIN
INSERT INTO i VALUES (4)
ROLLBACK
",
        &[
            "1,rolled back\n1,committed\n3,committed\n",
            "[25P01]WARNING: there is no transaction in progress",
        ],
    );
}

#[test]
fn isql_discards_all() {
    isql_tells(
        "SET application_name = 'careless'
SELECT 'before', current_setting('application_name') || '.'
DISCARD ALL
SELECT 'after', current_setting('application_name') || '.'
",
        &["before,careless.\nafter,.\n"],
    );
}
