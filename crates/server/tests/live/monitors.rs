//! A monitor under SIGKILL: what it tells then is what it would have told.

use crate::setup::start;
use cvx_testkit::client::{self, Connection};
use std::time::Duration;

const TABLE: &str = "CREATE TABLE docs (doc_id BIGINT, ts TIMESTAMPTZ, v VECTOR(2), \
    PRIMARY KEY (doc_id, ts)) WITH (entity = 'doc_id', valid_time = 'ts', monitor = 'bocpd')";

/// Five entities, a jump every 60 points; noise from a hash by sines.
fn points(from: i64, to: i64) -> String {
    format!(
        "INSERT INTO docs SELECT d, timestamptz '2020-01-01' + n * interval '1 hour', \
         ('[' || sin(n * d * 12.9898) * 43758.5453 - floor(sin(n * d * 12.9898) * 43758.5453) \
         + 8 * ((n / 60) % 2) || ',0]')::vector \
         FROM generate_series({from}, {to}) AS g(n), generate_series(1, 5) AS h(d)"
    )
}

async fn told(conn: &Connection) -> Vec<(String, f64)> {
    let sql = "SELECT entity || ' ' || ts, probability FROM cvx.changepoints \
               WHERE withdrawn_at IS NULL ORDER BY 1";
    let rows = conn.client.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn function(conn: &Connection) -> Vec<(String, f64)> {
    let sql = "SELECT d || ' ' || c.ts, c.score FROM generate_series(1, 5) AS h(d), \
               CHANGEPOINTS(docs, d, method => 'bocpd') c ORDER BY 1";
    let rows = conn.client.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_monitor_goes_on_where_it_was() {
    let mut running = start();
    let conn = running.connect().await;
    conn.client.batch_execute(TABLE).await.unwrap();
    drop(conn);
    for (round, delay_ms) in [0, 3, 10, 30, 100].into_iter().enumerate() {
        let round = i64::try_from(round).unwrap();
        let conn = client::connect(running.server.addr()).await.unwrap();
        conn.client.batch_execute(&points(round * 100, round * 100 + 99)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        running.server.kill().unwrap();
        running.server = running.launch.start().unwrap();
    }
    let conn = client::connect(running.server.addr()).await.unwrap();
    conn.client.batch_execute("CALL cvx.catch_up('docs')").await.unwrap();
    let told = told(&conn).await;
    assert_eq!(told, function(&conn).await);
    assert!(told.len() >= 30, "{told:?}");
}
