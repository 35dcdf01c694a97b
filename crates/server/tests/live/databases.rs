//! Databases from outside: psql's `\c`, and what a kill leaves of them.

use crate::psql::{has, printed, psql, psql_is_here};
use crate::setup::{Running, cvx, start, start_with, stderr, stdout};
use cvx_testkit::client::{self, sqlstate};
use cvx_testkit::server::{Launch, Server};
use std::net::SocketAddr;

async fn rows(addr: SocketAddr, database: &str, sql: &str) -> Vec<i64> {
    let words = format!("user=cvx dbname={database}");
    let conn = client::connect_as(addr, &words).await.unwrap();
    conn.client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn psql_changes_databases() {
    if !psql_is_here() {
        return;
    }
    let running = start();
    let text = printed(
        &running,
        &[
            "CREATE TABLE here (id int)",
            "CREATE DATABASE notes",
            "\\l",
            "\\c notes",
            "\\dt",
            "CREATE TABLE there (id int)",
            "\\dt",
            "\\c cvx",
            "\\dt",
        ],
    );
    let now = "You are now connected to database";
    has(&text, &[&format!("{now} \"notes\" as user \"cvx\""), &format!("{now} \"cvx\"")]);
    has(&text, &[" cvx   | cvx   | UTF8", " notes | cvx   | UTF8"]);
    let places: Vec<_> = ["public | there |", "public | here "]
        .map(|table| text.match_indices(table).count())
        .into();
    assert_eq!(places, [1, 1], "each is seen in its own database only:\n{text}");
    let refused = psql(&running, &["\\c nowhere"]);
    has(&stderr(&refused), &["FATAL:  database \"nowhere\" does not exist"]);
}

#[tokio::test]
async fn a_database_that_is_not_there_is_fatal() {
    let running = start();
    let refused = client::connect_as(running.server.addr(), "user=cvx dbname=nowhere").await;
    let error = refused.err().unwrap();
    assert_eq!(sqlstate(&error), Some("3D000"));
    // A role that is not there is refused first: who asks learns nothing of databases.
    let refused = client::connect_as(running.server.addr(), "user=nobody dbname=nowhere").await;
    assert_eq!(sqlstate(&refused.err().unwrap()), Some("28000"));
}

/// Kills the server and starts it again on what is left.
fn killed(server: Server, launch: &Launch) -> Server {
    server.kill().unwrap();
    launch.start().unwrap()
}

async fn run(addr: SocketAddr, database: &str, statements: &[&str]) {
    let words = format!("user=cvx dbname={database}");
    let conn = client::connect_as(addr, &words).await.unwrap();
    for statement in statements {
        conn.client.batch_execute(statement).await.unwrap();
    }
}

#[tokio::test]
async fn databases_outlive_a_kill() {
    let Running { mut server, launch, dir: _dir } = start();
    let addr = server.addr();
    run(addr, "cvx", &["CREATE DATABASE a", "CREATE DATABASE b", "CREATE TABLE t (id bigint)"])
        .await;
    run(addr, "a", &["CREATE TABLE t (id bigint)", "INSERT INTO t VALUES (10), (11)"]).await;
    run(addr, "b", &["CREATE TABLE t (id bigint)", "INSERT INTO t VALUES (20)"]).await;
    run(addr, "b", &["CALL cvx.seal('t')", "INSERT INTO t VALUES (21)"]).await;
    run(addr, "cvx", &["INSERT INTO t VALUES (1)"]).await;
    server = killed(server, &launch);
    let ids = "SELECT id FROM t ORDER BY id";
    assert_eq!(rows(server.addr(), "a", ids).await, [10, 11]);
    assert_eq!(rows(server.addr(), "b", ids).await, [20, 21]);
    assert_eq!(rows(server.addr(), "cvx", ids).await, [1]);
    // Dropped and renamed for good, too; and what is new does not take the place of what is gone.
    run(server.addr(), "cvx", &["DROP DATABASE a", "ALTER DATABASE b RENAME TO c"]).await;
    run(server.addr(), "cvx", &["CREATE DATABASE a"]).await;
    server = killed(server, &launch);
    assert_eq!(rows(server.addr(), "c", ids).await, [20, 21]);
    run(server.addr(), "a", &["CREATE TABLE t (id bigint)"]).await;
    assert_eq!(rows(server.addr(), "a", ids).await, [0_i64; 0]);
    let names = "SELECT count(*) FROM pg_database WHERE datname IN ('cvx', 'a', 'c')";
    assert_eq!(rows(server.addr(), "cvx", names).await, [3]);
    server.stop(std::time::Duration::from_secs(10)).unwrap();
    let check = cvx(&["check", "--data-dir", launch.data_dir.to_str().unwrap()]);
    assert_eq!(check.status.code(), Some(0), "{}", stdout(&check));
}

/// Twelve clients make databases of their own at once, as parallel test suites do.
#[tokio::test(flavor = "multi_thread")]
async fn suites_make_their_own_databases() {
    let running = start();
    let addr = running.server.addr();
    let one = |number: i64| async move {
        let name = format!("suite{number}");
        run(addr, "cvx", &[&format!("CREATE DATABASE {name}")]).await;
        run(addr, &name, &["CREATE TABLE t (id bigint)"]).await;
        run(addr, &name, &[&format!("INSERT INTO t VALUES ({number})")]).await;
        assert_eq!(rows(addr, &name, "SELECT id FROM t").await, [number]);
        run(addr, "cvx", &[&format!("DROP DATABASE {name}")]).await;
    };
    futures::future::join_all((0..12).map(one)).await;
    assert_eq!(rows(addr, "cvx", "SELECT count(*) FROM pg_database").await, [1]);
}

/// The first database is called what the configuration says when the directory is made.
#[tokio::test]
async fn the_first_database_has_the_configured_name() {
    let running = start_with(|launch| launch.set("database", "mine"));
    let addr = running.server.addr();
    run(addr, "mine", &["CREATE TABLE t (id bigint)", "INSERT INTO t VALUES (7)"]).await;
    let Running { server, launch, dir: _dir } = running;
    let launch = Launch { variables: Vec::new(), ..launch };
    let server = killed(server, &launch);
    assert_eq!(rows(server.addr(), "mine", "SELECT id FROM t").await, [7]);
}
