//! The process: how it starts, what it says, how it stops, what it finds wrong.

use crate::setup::{CVX, Running, cvx, start, start_with, stderr, stdout};
use cvx_testkit::client::{self, sqlstate};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What the issue promises.
const STOP_MAX: Duration = Duration::from_secs(5);

#[test]
fn version_is_the_packages() {
    assert_eq!(stdout(&cvx(&["version"])), format!("cvx {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn strangers_cannot_reach_it() {
    for addr in ["0.0.0.0:0", "[::]:0"] {
        let refused = cvx(&["start", "--pg-addr", addr, "--data-dir", "/nonexistent/cvx"]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(stderr(&refused).contains("loopback"), "{}", stderr(&refused));
    }
}

#[test]
fn a_wrong_configuration_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    std::fs::write(&file, "sael_rows = 10\n").unwrap();
    let refused = cvx(&["start", "--config", file.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("sael_rows"), "{}", stderr(&refused));
}

#[test]
fn one_server_a_directory() {
    let running = start();
    let data_dir = running.launch.data_dir.to_str().unwrap();
    let second = cvx(&["start", "--pg-addr", "127.0.0.1:0", "--data-dir", data_dir]);
    assert_eq!(second.status.code(), Some(2), "{}", stderr(&second));
    let check = cvx(&["check", "--data-dir", data_dir]);
    assert_eq!(check.status.code(), Some(2), "{}", stdout(&check));
}

#[test]
fn logs_are_json_when_asked_and_the_port_is_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let port_file = dir.path().join("port");
    let launch = cvx_testkit::server::Launch::new(CVX, dir.path()).set("log_format", "json");
    let mut command = launch.command().unwrap();
    let server = launch.start_command(command.arg("--port-file").arg(&port_file)).unwrap();
    let port: u16 = std::fs::read_to_string(port_file).unwrap().trim().parse().unwrap();
    assert_eq!(port, server.addr().port());
    server.stop(STOP_MAX).unwrap();
    let log = std::fs::read_to_string(&launch.log).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines.iter().any(|line| line.contains("\"ready\"")), "{log}");
    for line in lines {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["timestamp"].is_string() && event["level"].is_string(), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_drains_and_loses_nothing() {
    let running = start();
    let addr = running.server.addr();
    let first = running.connect().await;
    first.client.batch_execute("CREATE TABLE t (w INT, n INT, PRIMARY KEY (w, n))").await.unwrap();
    let writers: Vec<_> = (0..4).map(|w| tokio::spawn(write_until_cut(addr, w))).collect();
    let slow = running.connect().await;
    let slow = tokio::spawn(async move {
        let endless = "SELECT count(*) FROM generate_series(1, 1000000) AS a(x),
                       generate_series(1, 1000000) AS b(y)";
        slow.client.query(endless, &[]).await.unwrap_err()
    });
    // The load is on once every writer has been acknowledged a few times.
    while count(&first.client).await < 40 {}
    let Running { server, launch, dir: _dir } = running;
    server.stop(STOP_MAX).unwrap();
    let stopped = slow.await.unwrap();
    assert!(matches!(sqlstate(&stopped), None | Some("57P01" | "57014")), "{stopped}");
    let server = launch.start().unwrap();
    let after = client::connect(server.addr()).await.unwrap();
    for (w, writer) in writers.into_iter().enumerate() {
        let acked = writer.await.unwrap();
        let sql = "SELECT count(*) FROM t WHERE w = $1";
        let kept: i64 = after.client.query_one(sql, &[&(w as i32)]).await.unwrap().get(0);
        assert!(acked <= kept && kept <= acked + 1, "writer {w}: {acked} acked, {kept} kept");
    }
    let check_dir = launch.data_dir.clone();
    server.stop(STOP_MAX).unwrap();
    assert_nothing_wrong(&check_dir);
}

async fn count(client: &tokio_postgres::Client) -> i64 {
    client.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get(0)
}

/// Inserts until told to go; how many were acknowledged.
async fn write_until_cut(addr: std::net::SocketAddr, w: i32) -> i64 {
    let connection = client::connect(addr).await.unwrap();
    for n in 0.. {
        let sql = "INSERT INTO t VALUES ($1, $2)";
        if let Err(error) = connection.client.execute(sql, &[&w, &n]).await {
            assert!(matches!(sqlstate(&error), None | Some("57P01" | "57014")), "{error}");
            return i64::from(n);
        }
    }
    unreachable!("there are more numbers")
}

#[tokio::test]
async fn an_idle_client_is_told_of_the_end() {
    let running = start();
    let idle = running.connect().await;
    running.server.stop(STOP_MAX).unwrap();
    let error = idle.client.query("SELECT 1", &[]).await.unwrap_err();
    assert!(matches!(sqlstate(&error), None | Some("57P01")), "{error}");
}

fn assert_nothing_wrong(data_dir: &Path) {
    let check = cvx(&["check", "--data-dir", data_dir.to_str().unwrap()]);
    assert!(check.status.success(), "{}{}", stdout(&check), stderr(&check));
    assert!(stdout(&check).contains("nothing wrong"), "{}", stdout(&check));
}

#[tokio::test]
async fn check_finds_a_flipped_bit() {
    let running = start_with(|launch| launch.set("seal_rows", 100));
    let connection = running.connect().await;
    connection
        .client
        .batch_execute(
            "CREATE TABLE t (id BIGINT PRIMARY KEY, v VECTOR(64));
             INSERT INTO t SELECT x, ('[' || repeat(x::text || ',', 63) || x::text || ']')::vector
             FROM generate_series(1, 1000) AS g(x)",
        )
        .await
        .unwrap();
    connection.client.batch_execute("CALL cvx.seal('t')").await.unwrap();
    let Running { server, launch, dir: _dir } = running;
    server.stop(STOP_MAX).unwrap();
    assert_nothing_wrong(&launch.data_dir);
    let victim = largest_file(&launch.data_dir);
    let mut bytes = std::fs::read(&victim).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&victim, bytes).unwrap();
    let check = cvx(&["check", "--data-dir", launch.data_dir.to_str().unwrap()]);
    assert!(!check.status.success(), "{}: {}", victim.display(), stdout(&check));
}

fn largest_file(dir: &Path) -> PathBuf {
    let mut files: Vec<(u64, PathBuf)> = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let (meta, path) = (entry.metadata().unwrap(), entry.path());
            if !entry.path().is_dir() && path.extension().is_none_or(|ext| ext != "row") {
                continue;
            }
            if meta.is_dir() {
                dirs.push(path);
            } else {
                files.push((meta.len(), path));
            }
        }
    }
    files.into_iter().max().unwrap().1
}

#[test]
fn check_wants_a_data_directory() {
    let check = cvx(&["check", "--data-dir", "/nonexistent/cvx"]);
    assert_eq!(check.status.code(), Some(2));
}

#[test]
fn the_demo_runs_by_itself() {
    let demo = Command::new(CVX).args(["demo", "--no-wait"]).stdin(Stdio::null()).output().unwrap();
    let shown = stdout(&demo);
    assert!(demo.status.success(), "{shown}{}", stderr(&demo));
    let questions = ["AS OF", "ALPHA 0.7", "TRAJECTORY(", "HISTORY("];
    let around = ["6000 points", "search=auto, index docs_embedding_idx", "psql -h 127.0.0.1"];
    for part in questions.iter().chain(&around) {
        assert!(shown.contains(part), "{part} is not in:\n{shown}");
    }
}
