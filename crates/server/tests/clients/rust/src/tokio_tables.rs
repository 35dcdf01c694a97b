//! tokio-postgres with tables: COPY in binary, nested transactions, portals, searches.

use crate::checks::{Failure, day, same};
use chrono::{DateTime, Utc};
use futures::{SinkExt as _, TryStreamExt as _, pin_mut};
use pgvector::Vector;
use tokio_postgres::Client;
use tokio_postgres::binary_copy::{BinaryCopyInWriter, BinaryCopyOutStream};
use tokio_postgres::types::Type;

const COPIED: i64 = 300;

pub async fn make(client: &Client) -> Result<(), Failure> {
    client
        .batch_execute(
            "DROP TABLE IF EXISTS rdocs, ritems;
             CREATE TABLE rdocs (doc_id BIGINT, ts TIMESTAMPTZ, title TEXT, embedding VECTOR(3),
                 PRIMARY KEY (doc_id, ts))
             WITH (entity = 'doc_id', valid_time = 'ts', metric = 'l2');
             CREATE TABLE ritems (id BIGSERIAL PRIMARY KEY, name VARCHAR(20) NOT NULL)",
        )
        .await?;
    let insert = "INSERT INTO rdocs VALUES ($1, $2, $3, $4)";
    for n in 1..=20 {
        let vector = Vector::from(vec![n as f32, 0.0, 1.0]);
        let title = format!("doc {n}");
        same(client.execute(insert, &[&(n % 4), &day(n), &title, &vector]).await?, 1);
    }
    let made =
        client.query("INSERT INTO ritems (name) VALUES ($1), ($2) RETURNING id", &[&"a", &"b"]);
    same(made.await?.iter().map(|row| row.get(0)).collect::<Vec<i64>>(), vec![1, 2]);
    same(client.execute("UPDATE ritems SET name = $1", &[&"c"]).await?, 2);
    Ok(())
}

pub async fn copying(client: &Client) -> Result<(), Failure> {
    let vector = client.query_one("SELECT NULL::vector", &[]).await?.columns()[0].type_().clone();
    let types = [Type::INT8, Type::TIMESTAMPTZ, Type::TEXT, vector];
    let columns = "doc_id, ts, title, embedding";
    let sink =
        client.copy_in(&format!("COPY rdocs ({columns}) FROM STDIN (FORMAT binary)")).await?;
    let writer = BinaryCopyInWriter::new(sink, &types);
    pin_mut!(writer);
    for n in 0..COPIED {
        let vector = (n % 3 > 0).then(|| Vector::from(vec![n as f32, 1.0, 2.0]));
        writer.as_mut().write(&[&(100 + n), &day(n), &"copied", &vector]).await?;
    }
    same(writer.finish().await?, COPIED as u64);
    let select = format!("SELECT {columns} FROM rdocs WHERE doc_id >= 100 ORDER BY doc_id");
    let stream = client.copy_out(&format!("COPY ({select}) TO STDOUT (FORMAT binary)")).await?;
    let rows = BinaryCopyOutStream::new(stream, &types);
    let rows: Vec<_> = rows.try_collect().await?;
    same(rows.len(), COPIED as usize);
    for (n, row) in (0..).zip(&rows) {
        same(row.get::<i64>(0), 100 + n);
        same(row.get::<DateTime<Utc>>(1), day(n));
        same(row.get::<Option<Vector>>(3).is_some(), n % 3 > 0);
    }
    let sink = client.copy_in("COPY ritems (name) FROM STDIN (FORMAT csv)").await?;
    pin_mut!(sink);
    sink.send(bytes::Bytes::from_static(b"\"x,y\"\nz\n")).await?;
    same(sink.finish().await?, 2);
    same(client.execute("DELETE FROM rdocs WHERE doc_id >= 100", &[]).await?, COPIED as u64);
    Ok(())
}

pub async fn metadata(client: &Client) -> Result<(), Failure> {
    let sql = "SELECT id, name FROM ritems WHERE id > $1 AND name <> $2";
    let statement = client.prepare(sql).await?;
    same(statement.params(), &[Type::INT8, Type::TEXT][..]);
    let columns: Vec<_> =
        statement.columns().iter().map(|c| (c.name(), c.type_().clone())).collect();
    same(columns, vec![("id", Type::INT8), ("name", Type::VARCHAR)]);
    let oid: u32 = client.query_one("SELECT 'ritems'::regclass::oid", &[]).await?.get(0);
    same(statement.columns()[1].table_oid(), Some(oid));
    same(statement.columns()[1].column_id(), Some(2));
    let told =
        "SELECT table_name::text, column_name::text, udt_name::text FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name = 'rdocs' ORDER BY ordinal_position";
    let told = client.query(told, &[]).await?;
    let told: Vec<(&str, &str)> = told.iter().map(|row| (row.get(1), row.get(2))).collect();
    let expected =
        [("doc_id", "int8"), ("ts", "timestamptz"), ("title", "text"), ("embedding", "vector")];
    same(told, expected.to_vec());
    Ok(())
}

pub async fn searching(client: &Client) -> Result<(), Failure> {
    let query = Vector::from(vec![12.0, 0.0, 1.0]);
    let nearest = "SELECT title, embedding <-> $1 FROM rdocs ORDER BY embedding <-> $1 LIMIT $2";
    let found = client.query(nearest, &[&query, &3_i64]).await?;
    same(found.len(), 3);
    same((found[0].get::<_, &str>(0), found[0].get::<_, f64>(1)), ("doc 12", 0.0));
    same(found[2].get::<_, f64>(1), 1.0);
    let as_of = "SELECT title FROM rdocs WHERE doc_id = $1 AS OF $2";
    let found = client.query(as_of, &[&1_i64, &day(10)]).await?;
    same(found.iter().map(|row| row.get(0)).collect::<Vec<&str>>(), vec!["doc 9"]);
    same(client.query(as_of, &[&1_i64, &day(-1)]).await?.len(), 0);
    let path = "SELECT title FROM TRAJECTORY(rdocs, $1, $2, $3)";
    same(client.query(path, &[&1_i64, &day(1), &day(9)]).await?.len(), 3);
    Ok(())
}

const COUNT: &str = "SELECT count(*) FROM ritems";

async fn items(client: &Client) -> Result<i64, Failure> {
    Ok(client.query_one(COUNT, &[]).await?.get(0))
}

pub async fn transactions(client: &mut Client, other: &Client) -> Result<(), Failure> {
    let before = items(client).await?;
    let insert = "INSERT INTO ritems (name) VALUES ('x')";
    let mut outer = client.transaction().await?;
    outer.execute(insert, &[]).await?;
    same(items(other).await?, before);
    let inner = outer.transaction().await?;
    inner.execute(insert, &[]).await?;
    inner.rollback().await?;
    let inner = outer.savepoint("here").await?;
    same(inner.query("SELECT 1 / 0", &[]).await.is_err(), true);
    inner.rollback().await?;
    same(outer.query_one(COUNT, &[]).await?.get::<_, i64>(0), before + 1);
    outer.commit().await?;
    same(items(other).await?, before + 1);
    // Dropped without a commit.
    client.transaction().await?.execute("DELETE FROM ritems", &[]).await?;
    same(items(client).await?, before + 1);
    let reading = client.build_transaction().read_only(true).start().await?;
    reading.batch_execute("SET LOCAL cvx.valid_time = '2024-01-11'").await?;
    let past = reading.query("SELECT title FROM rdocs WHERE doc_id = 1", &[]).await?;
    same(past.iter().map(|row| row.get(0)).collect::<Vec<&str>>(), vec!["doc 9"]);
    let error = reading.execute(insert, &[]).await.unwrap_err();
    same(error.code().map(|code| code.code()), Some("25006"));
    Ok(())
}

/// A few rows at a time, of two portals in turn.
pub async fn portals(client: &mut Client) -> Result<(), Failure> {
    let block = client.transaction().await?;
    let sql = "SELECT x FROM generate_series(1::bigint, 100::bigint) AS g(x) WHERE x > $1";
    let (low, high) = (block.bind(sql, &[&0_i64]).await?, block.bind(sql, &[&50_i64]).await?);
    let mut sum = 0;
    loop {
        let (a, b) = (block.query_portal(&low, 7).await?, block.query_portal(&high, 7).await?);
        if a.is_empty() && b.is_empty() {
            break;
        }
        sum += a.iter().chain(&b).map(|row| row.get::<_, i64>(0)).sum::<i64>();
    }
    same(sum, 5050 + 3775);
    block.commit().await?;
    Ok(())
}
