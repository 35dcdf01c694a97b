//! Drivers as people use them: psycopg 3 and 2, asyncpg, SQLAlchemy, node-postgres, with pgvector's
//! own registration.

use crate::setup::{required, start, stderr, stdout};
use std::path::PathBuf;
use std::process::Command;

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
    finish(Command::new(python.unwrap()), script);
}

/// Runs a script against a server of its own; it must say how much it checked.
fn finish(mut interpreter: Command, script: &str) {
    let running = start();
    let port = running.server.addr().port().to_string();
    let output = interpreter.arg(format!("{SCRIPTS}/{script}")).arg(port).output().unwrap();
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
