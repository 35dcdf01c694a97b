//! `cvx.erase` under SIGKILL: all of it or nothing, and where it is all, no byte is left.

use crate::setup::{Running, start_with};
use cvx_testkit::client::{self, Connection};
use std::path::Path;
use std::time::Duration;

const SECRET: &str = "the-secret-that-has-to-go";
const ROWS: i64 = 400;

/// Whether these bytes are in any file of a directory.
fn files_with(dir: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, needle));
        } else {
            let bytes = std::fs::read(&path).unwrap_or_default();
            if bytes.windows(needle.len()).any(|window| window == needle) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

async fn fill(conn: &Connection) {
    let run = async |sql: &str| conn.client.batch_execute(sql).await.unwrap();
    run("CREATE TABLE docs (who TEXT, ts TIMESTAMPTZ, title TEXT, v VECTOR(8),
         PRIMARY KEY (who, ts)) WITH (entity = 'who', valid_time = 'ts')")
    .await;
    let insert = |who: &str, title: &str, from: i64| {
        format!(
            "INSERT INTO docs SELECT '{who}', '2020-01-01'::timestamptz + x * interval '1 day',
             '{title}' || x, '[1,2,3,4,5,6,7,8]' FROM generate_series({from}, {}) AS g(x)",
            from + ROWS / 2 - 1
        )
    };
    for (who, title) in [(SECRET, "plain"), ("other", "plain"), ("mixed", SECRET)] {
        run(&insert(who, title, 0)).await;
    }
    run("CALL cvx.compact('docs')").await;
    run("UPDATE docs SET title = 'corrected' WHERE who = 'mixed'").await;
    for (who, title) in [(SECRET, "plain"), ("other", "plain"), ("mixed", "plain")] {
        run(&insert(who, title, ROWS / 2)).await;
    }
}

async fn counts(conn: &Connection) -> Vec<(String, i64)> {
    let sql = "SELECT who, count(*) FROM docs GROUP BY who ORDER BY who";
    let rows = conn.client.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn with_secret() -> String {
    format!("CALL cvx.erase('docs', 'who = ''{SECRET}'' OR title LIKE ''{SECRET}%''')")
}

fn running() -> Running {
    start_with(|launch| launch.set("seal_rows", 256))
}

#[tokio::test]
async fn the_bytes_are_gone_when_the_call_returns() {
    let running = running();
    let conn = running.connect().await;
    fill(&conn).await;
    let data = running.server.data_dir();
    assert!(!files_with(data, SECRET.as_bytes()).is_empty());
    conn.client.batch_execute(&with_secret()).await.unwrap();
    assert_eq!(files_with(data, SECRET.as_bytes()), Vec::<String>::new());
    let expected = [("mixed".to_owned(), ROWS / 2), ("other".to_owned(), ROWS)];
    assert_eq!(counts(&conn).await, expected);
    running.server.stop(Duration::from_secs(5)).unwrap();
    assert_eq!(files_with(&running.launch.data_dir, SECRET.as_bytes()), Vec::<String>::new());
}

#[tokio::test]
async fn a_kill_in_the_middle_leaves_all_or_nothing() {
    let (mut erased, mut kept) = (0, 0);
    for delay in [0, 5, 10, 20, 40, 80, 160, 320] {
        let running = running();
        let conn = running.connect().await;
        fill(&conn).await;
        let erasing = tokio::spawn(async move { conn.client.batch_execute(&with_secret()).await });
        tokio::time::sleep(Duration::from_millis(delay)).await;
        running.server.kill().unwrap();
        let answered = erasing.await.unwrap().is_ok();
        let server = running.launch.start().unwrap();
        let conn = client::connect(server.addr()).await.unwrap();
        let left = counts(&conn).await;
        match left.len() {
            2 => {
                erased += 1;
                let expected = [("mixed".to_owned(), ROWS / 2), ("other".to_owned(), ROWS)];
                assert_eq!(left, expected);
                let found = files_with(server.data_dir(), SECRET.as_bytes());
                assert_eq!(found, Vec::<String>::new(), "after {delay} ms");
            }
            _ => {
                kept += 1;
                assert!(!answered, "an answered erasure is undone after {delay} ms");
                let whole = ["mixed", "other", SECRET].map(|who| (who.to_owned(), ROWS));
                assert_eq!(left, whole, "after {delay} ms");
            }
        }
        server.stop(Duration::from_secs(5)).unwrap();
    }
    println!("{erased} erasures came through, {kept} did not");
}
