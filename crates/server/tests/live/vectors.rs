//! pgvector's types where values might get lost: COPY in each format, sealing, delta blocks, a
//! restart.

use crate::setup::{Running, cvx, start_with, stderr, stdout};
use bytes::{Bytes, BytesMut};
use futures::{SinkExt, TryStreamExt};
use std::time::Duration;
use tokio_postgres::{Client, SimpleQueryMessage};

const COLUMNS: &str = "(id BIGINT PRIMARY KEY, v vector(3), w vector, h halfvec(3), s sparsevec(9),
    b bit(9), c varbit, vs vector[], hs halfvec[], ss sparsevec[], bs bit[])";

/// Three hundred rows; every seventh is NULL in all its columns.
const ROWS: &str = "INSERT INTO one SELECT x,
    ('[' || x || ',0.5,-1]')::vector(3), ('[' || repeat('1.5,', (x % 3)::int) || x || ']')::vector,
    ('[' || x || ',0.1,-2]')::halfvec(3), ('{' || (x % 9 + 1) || ':' || x || '}/9')::sparsevec(9),
    binary_quantize(('[' || repeat('1,-1,', 4) || x % 2 || ']')::vector)::bit(9), B'101',
    ('{\"[1,2]\",NULL,\"[' || x || ']\"}')::vector[], ('{\"[' || x || ',2]\"}')::halfvec[],
    ('{\"{2:' || x || '}/3\",NULL}')::sparsevec[], '{101,NULL,0}'::bit[]
    FROM generate_series(1, 300) AS g(x) WHERE x % 7 <> 0";

async fn rows(client: &Client, sql: &str) -> Vec<Vec<Option<String>>> {
    let messages = client.simple_query(sql).await.unwrap();
    let row = |message| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect())
        }
        _ => None,
    };
    messages.into_iter().filter_map(row).collect()
}

/// Copies one table into another and says what came out.
async fn copied(client: &Client, format: &str) -> Vec<Vec<Option<String>>> {
    let name = format!("copy_{format}");
    client.batch_execute(&format!("CREATE TABLE {name} {COLUMNS}")).await.unwrap();
    let out = client.copy_out(&format!("COPY one TO STDOUT (FORMAT {format})")).await.unwrap();
    let bytes: BytesMut = out.try_concat_bytes().await;
    let sql = format!("COPY {name} FROM STDIN (FORMAT {format})");
    let sink = client.copy_in::<_, Bytes>(&sql).await.unwrap();
    let mut sink = std::pin::pin!(sink);
    sink.send(bytes.freeze()).await.unwrap();
    assert_eq!(sink.finish().await.unwrap(), 300);
    rows(client, &format!("SELECT * FROM {name} ORDER BY id")).await
}

trait Concat {
    async fn try_concat_bytes(self) -> BytesMut;
}

impl Concat for tokio_postgres::CopyOutStream {
    async fn try_concat_bytes(self) -> BytesMut {
        let add = |mut all: BytesMut, part: Bytes| async move {
            all.extend_from_slice(&part);
            Ok(all)
        };
        self.try_fold(BytesMut::new(), add).await.unwrap()
    }
}

/// Searches by one operator, and the same by a sort that no search can take over.
async fn searched(client: &Client) -> Vec<Vec<Vec<Option<String>>>> {
    let mut found = Vec::new();
    for (distance, brute) in [
        ("h <-> '[100,0,0]'", "l2_distance(h, '[100,0,0]')"),
        ("h <=> '[1,0,-1]'", "cosine_distance(h, '[1,0,-1]')"),
        ("h <#> '[1,2,3]'", "halfvec_negative_inner_product(h, '[1,2,3]')"),
        ("v <+> '[7,7,7]'", "l1_distance(v, '[7,7,7]')"),
        ("s <-> '{4:50}/9'", "l2_distance(s, '{4:50}/9')"),
        ("b <~> '101010101'", "hamming_distance(b, '101010101')"),
    ] {
        let sql = format!("SELECT id, {distance} FROM one ORDER BY {distance}, id LIMIT 20");
        let fast = rows(client, &sql).await;
        let sql = format!("SELECT id, {brute} FROM one ORDER BY {brute} + 0, id LIMIT 20");
        assert_eq!(fast, rows(client, &sql).await, "{distance}");
        assert_eq!(fast.len(), 20, "{distance}");
        found.push(fast);
    }
    found
}

#[tokio::test]
async fn every_type_of_pgvector_survives() {
    let running = start_with(|launch| launch.set("seal_rows", 100));
    let connection = running.connect().await;
    let client = &connection.client;
    client.batch_execute(&format!("CREATE TABLE one {COLUMNS}; {ROWS}")).await.unwrap();
    let nulls = "INSERT INTO one (id) SELECT x FROM generate_series(7, 300, 7) AS g(x)";
    client.batch_execute(nulls).await.unwrap();
    let all = "SELECT * FROM one ORDER BY id";
    let (before, nearest) = (rows(client, all).await, searched(client).await);
    assert_eq!(before.len(), 300);
    for format in ["text", "csv", "binary"] {
        assert_eq!(copied(client, format).await, before, "{format}");
    }
    client.batch_execute("CALL cvx.seal('one')").await.unwrap();
    assert_eq!(
        (rows(client, all).await, searched(client).await),
        (before.clone(), nearest.clone())
    );
    client.batch_execute("CALL cvx.compact('one')").await.unwrap();
    client.batch_execute("UPDATE one SET h = h WHERE id = 1").await.unwrap();
    assert_eq!(rows(client, all).await, before);
    drop(connection);
    let Running { server, launch, dir: _dir } = running;
    server.stop(Duration::from_secs(5)).unwrap();
    let check = cvx(&["check", "--data-dir", launch.data_dir.to_str().unwrap()]);
    assert!(check.status.success(), "{}{}", stdout(&check), stderr(&check));
    let server = launch.start().unwrap();
    let again = cvx_testkit::client::connect(server.addr()).await.unwrap();
    assert_eq!(rows(&again.client, all).await, before);
    assert_eq!(searched(&again.client).await, nearest);
}
