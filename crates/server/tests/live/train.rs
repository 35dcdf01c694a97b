//! `cvx train` beside a server's life: what it trained is used after the next start, and goes with
//! an erasure.

use crate::setup::{Running, cvx, start, stderr, stdout};
use cvx_testkit::client::{Connection, sqlstate};
use std::time::Duration;

const TABLE: &str = "CREATE TABLE docs (doc_id BIGINT, ts TIMESTAMPTZ, v VECTOR(2), \
    PRIMARY KEY (doc_id, ts)) WITH (entity = 'doc_id', valid_time = 'ts')";

/// Thirty entities on circles of their own size.
const CIRCLES: &str = "INSERT INTO docs SELECT d, timestamptz '2020-01-01' + n * interval '1 day', \
    ('[' || (1 + d % 7 * 0.1) * cos((n + d * 3) / 3.0) || ',' \
    || (1 + d % 7 * 0.1) * sin((n + d * 3) / 3.0) || ']')::vector \
    FROM generate_series(1, 30) AS e(d), generate_series(0, 29) AS g(n)";

const BY_EQUATION: &str = "SELECT vector FROM PREDICT(docs, 1, '2020-02-01', method => 'ode')";

async fn equation_is_there(connection: &Connection) -> bool {
    match connection.client.simple_query(BY_EQUATION).await {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(sqlstate(&error), Some("55000"), "{error}");
            false
        }
    }
}

/// Ends a server as an operator would, and starts another on its files after `between`.
fn restarted(running: Running, between: impl FnOnce(&str)) -> Running {
    let Running { server, launch, dir } = running;
    server.stop(Duration::from_secs(20)).unwrap();
    between(launch.data_dir.to_str().unwrap());
    let server = launch.start().unwrap();
    Running { server, launch, dir }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trained_while_no_server_runs_and_forgotten_by_an_erasure() {
    let running = start();
    let connection = running.connect().await;
    connection.client.batch_execute(TABLE).await.unwrap();
    connection.client.batch_execute(CIRCLES).await.unwrap();
    assert!(!equation_is_there(&connection).await);
    drop(connection);
    let running = restarted(running, |dir| {
        let trained = cvx(&["train", "docs", "--epochs", "3", "--width", "8", "--data-dir", dir]);
        assert!(trained.status.success(), "{}", stderr(&trained));
        let told = stdout(&trained);
        assert!(told.contains("trained on 30 of 30 entities in"), "{told}");
        assert!(told.contains("ode: error"), "{told}");
        for (arguments, words) in [
            (&["train", "nowhere", "--data-dir", dir][..], "\"nowhere\" does not exist"),
            (&["train", "docs", "--width", "0", "--data-dir", dir], "width"),
            (&["train", "docs", "--database", "none", "--data-dir", dir], "\"none\""),
        ] {
            let refused = cvx(arguments);
            assert_eq!(refused.status.code(), Some(2));
            assert!(stderr(&refused).contains(words), "{}", stderr(&refused));
        }
    });
    let connection = running.connect().await;
    assert!(equation_is_there(&connection).await);
    connection.client.batch_execute("CALL cvx.erase('docs', 'doc_id = 30')").await.unwrap();
    assert!(!equation_is_there(&connection).await);
    drop(connection);
    let running = restarted(running, |_| {});
    assert!(!equation_is_there(&running.connect().await).await);
}

/// Bytes that the disk got wrong cost the table its equation, and nobody else theirs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn models_are_read_at_start_and_a_damaged_one_is_told_by_name() {
    let running = start();
    let connection = running.connect().await;
    let others = |sql: &str| sql.replace("docs", "others");
    for sql in [TABLE, CIRCLES, &others(TABLE), &others(CIRCLES)] {
        connection.client.batch_execute(sql).await.unwrap();
    }
    drop(connection);
    let mut damaged = String::new();
    let running = restarted(running, |dir| {
        for table in ["docs", "others"] {
            let trained =
                cvx(&["train", table, "--epochs", "1", "--width", "8", "--data-dir", dir]);
            assert!(trained.status.success(), "{}", stderr(&trained));
        }
        let files = std::fs::read_dir(format!("{dir}/models")).unwrap();
        let last = files.map(|file| file.unwrap().path()).max().unwrap();
        let mut bytes = std::fs::read(&last).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&last, bytes).unwrap();
        damaged = last.file_name().unwrap().to_string_lossy().into_owned();
    });
    let told = told_of_models(&running.launch.log).await;
    assert!(told.contains("loaded=1 damaged=1"), "{told}");
    assert!(told.contains(&damaged), "{told}");
    let connection = running.connect().await;
    assert!(equation_is_there(&connection).await);
    let broken = connection.client.simple_query(&others(BY_EQUATION)).await.unwrap_err();
    assert_eq!(sqlstate(&broken), Some("XX001"), "{broken}");
    let train = "CALL cvx.train_predictor('others', epochs => 1, width => 8)";
    connection.client.batch_execute(train).await.unwrap();
    connection.client.simple_query(&others(BY_EQUATION)).await.unwrap();
}

/// What the log has of models, once their number is there: of the last start.
async fn told_of_models(log: &std::path::Path) -> String {
    for _ in 0..500 {
        let text = std::fs::read_to_string(log).unwrap();
        let about: Vec<&str> = text.lines().filter(|line| line.contains("trained model")).collect();
        // The server of before says its number too, and had none.
        if about.iter().filter(|line| line.contains("in memory")).count() == 2 {
            return about.join("\n");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the log says nothing of models");
}

#[test]
fn a_directory_that_is_not_there_is_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("nowhere");
    let refused = cvx(&["train", "docs", "--data-dir", nowhere.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(!nowhere.exists());
}
