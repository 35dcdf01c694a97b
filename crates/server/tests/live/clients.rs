//! Drivers as people use them: psycopg 3 and asyncpg, with pgvector's own registration.

use crate::setup::{required, start, stderr, stdout};
use std::path::PathBuf;
use std::process::Command;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");

/// The Python that `make setup` made.
fn python() -> Option<PathBuf> {
    let venv = std::env::var_os("CVX_VENV").map(PathBuf::from).or_else(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
        Some(cache?.join("cvx/venv"))
    })?;
    Some(venv.join("bin/python")).filter(|path| path.exists())
}

fn run(script: &str) {
    let python = python();
    if !required("the Python with psycopg, asyncpg, pgvector and numpy", python.is_some()) {
        return;
    }
    let running = start();
    let output = Command::new(python.unwrap())
        .arg(format!("{SCRIPTS}/{script}"))
        .arg(running.server.addr().port().to_string())
        .output()
        .unwrap();
    assert!(output.status.success(), "{script}:\n{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains(" checks"), "{script} checked nothing");
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

/// Savepoints, cursors, a pool's resets, and arrays by introspection.
#[test]
fn asyncpg_session() {
    run("asyncpg_session.py");
}
