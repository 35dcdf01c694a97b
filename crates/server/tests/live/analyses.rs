//! Analyses with bound parameters, as drivers send them, and with their time bounded.

use crate::setup::{start, start_with};
use cvx_testkit::client::sqlstate;
use std::time::Duration;

const TABLE: &str = "CREATE TABLE docs (doc_id BIGINT, ts TIMESTAMPTZ, v VECTOR(2), \
    PRIMARY KEY (doc_id, ts)) WITH (entity = 'doc_id', valid_time = 'ts')";

/// A jump by 8 at day 50, noise from a hash by sines.
const POINTS: &str = "INSERT INTO docs SELECT 7, timestamptz '2020-01-01' + n * interval '1 day', \
    ('[' || sin(n * 12.9898) * 43758.5453 - floor(sin(n * 12.9898) * 43758.5453) \
    + CASE WHEN n >= 50 THEN 8 ELSE 0 END || ',0]')::vector FROM generate_series(0, 99) AS g(n)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameters_take_the_types_of_what_they_stand_for() {
    let running = start();
    let connection = running.connect().await;
    let client = &connection.client;
    client.batch_execute(TABLE).await.unwrap();
    client.batch_execute(POINTS).await.unwrap();
    let (entity, least, penalty) = (7i64, 5i64, "bic");
    let breaks = client
        .query(
            "SELECT extract(day FROM ts - '2020-01-01')::int FROM \
             CHANGEPOINTS(docs, $1, min_segment => $2, penalty => $3)",
            &[&entity, &least, &penalty],
        )
        .await
        .unwrap();
    let days: Vec<i32> = breaks.iter().map(|row| row.get(0)).collect();
    assert_eq!(days, [50]);
    let statement = client
        .prepare("SELECT l2, dimensions FROM DRIFT(docs, $1, $2, $3, top => $4)")
        .await
        .unwrap();
    let types: Vec<&str> =
        statement.params().iter().map(tokio_postgres::types::Type::name).collect();
    assert_eq!(types, ["int8", "timestamptz", "timestamptz", "int8"]);
    let given = client
        .query_one(
            "SELECT magnitude FROM VELOCITY((SELECT doc_id, ts, v FROM docs), $1, '2020-01-10')",
            &[&entity],
        )
        .await
        .unwrap();
    assert!(given.get::<_, f64>(0) > 0.0);
    let nobody = client.query("SELECT ts FROM CHANGEPOINTS(docs, $1)", &[&8i64]).await.unwrap();
    assert!(nobody.is_empty());
}

/// Exact PELT without a break is quadratic: what is asked to stop must stop.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_analysis_is_stopped_by_the_timeout() {
    let running = start();
    let connection = running.connect().await;
    let client = &connection.client;
    client.batch_execute(TABLE).await.unwrap();
    let many = "INSERT INTO docs SELECT 1, timestamptz '2000-01-01' + n * interval '1 hour', \
        ('[' || sin(n * 12.9898) * 43758.5453 - floor(sin(n * 12.9898) * 43758.5453) || ',0]')\
        ::vector FROM generate_series(0, 59999) AS g(n)";
    client.batch_execute(many).await.unwrap();
    client.batch_execute("SET statement_timeout = 300").await.unwrap();
    let exact = client.batch_execute("SELECT * FROM CHANGEPOINTS(docs, 1, method => 'exact')");
    let stopped = tokio::time::timeout(Duration::from_secs(60), exact).await.unwrap();
    assert_eq!(stopped.as_ref().err().and_then(sqlstate), Some("57014"));
    client.batch_execute("SET statement_timeout = 0").await.unwrap();
    let found = client.query("SELECT ts FROM CHANGEPOINTS(docs, 1)", &[]).await.unwrap();
    assert!(found.is_empty(), "{found:?}");
}

/// Points of a trajectory and of groups are counted: what does not fit is refused, and the server
/// lives on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_measures_keep_is_bounded() {
    let running = start_with(|launch| launch.set("query_memory_bytes", 8 << 20));
    let connection = running.connect().await;
    let client = &connection.client;
    let table = TABLE.replace("VECTOR(2)", "VECTOR(256)");
    client.batch_execute(&table).await.unwrap();
    let vector = "('[' || repeat(n || ',', 255) || d || ']')::vector";
    for entities in 0..4 {
        let points = format!(
            "INSERT INTO docs SELECT d, timestamptz '2020-01-01' + n * interval '1 hour', {vector} \
             FROM generate_series({}, {}) AS e(d), generate_series(0, 249) AS g(n)",
            entities * 10,
            entities * 10 + 9
        );
        client.batch_execute(&points).await.unwrap();
    }
    let long = format!(
        "INSERT INTO docs SELECT d, timestamptz '2020-01-01' + n * interval '1 hour', {vector} \
         FROM generate_series(100, 100) AS e(d), generate_series(0, 9999) AS g(n)"
    );
    client.batch_execute(&long).await.unwrap();
    for kept in [
        "SELECT doc_id, path_length(v, ts) FROM docs GROUP BY doc_id",
        "SELECT hurst(v, ts) FROM docs WHERE doc_id = 100",
        "SELECT ts FROM CHANGEPOINTS(docs, 100)",
        "SELECT ts FROM CHANGEPOINTS((SELECT doc_id, ts, v FROM docs), 100)",
    ] {
        let refused = client.simple_query(kept).await.unwrap_err();
        assert_eq!(sqlstate(&refused), Some("53200"), "{kept}: {refused}");
    }
    // These keep two points a group, however many there are.
    for streamed in ["drift", "displacement", "velocity"] {
        let query = format!("SELECT doc_id, {streamed}(v, ts) FROM docs GROUP BY doc_id");
        let rows = client.query(&query, &[]).await.unwrap();
        assert_eq!(rows.len(), 41, "{streamed}");
    }
}
