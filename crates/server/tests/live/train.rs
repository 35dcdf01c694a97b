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

#[test]
fn a_directory_that_is_not_there_is_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("nowhere");
    let refused = cvx(&["train", "docs", "--data-dir", nowhere.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(!nowhere.exists());
}
