//! Drivers as people use them: psycopg 3 and 2, asyncpg, SQLAlchemy, node-postgres, with pgvector's
//! own registration.

use crate::setup::{Running, required, start, start_with, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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

/// Parameters that the server has to type.
#[test]
fn asyncpg_parameters() {
    run("asyncpg_parameters.py");
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
fn node_postgres() {
    let modules = made("CVX_NODE", "node").filter(|dir| dir.join("node_modules/pg").exists());
    let node = Command::new("node").arg("--version").output().is_ok();
    if required("node with pg and pgvector", node && modules.is_some()) {
        let mut node = Command::new("node");
        node.env("CVX_NODE", modules.unwrap());
        finish(node, "node_client.mjs");
    }
}
