//! sqlx with tables: COPY, streams of rows, nested transactions, searches.

use crate::checks::{Failure, day, same};
use futures::TryStreamExt as _;
use pgvector::Vector;
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _, Row as _};

pub async fn make(conn: &mut PgConnection) -> Result<(), Failure> {
    for sql in [
        "DROP TABLE IF EXISTS xdocs, xitems",
        "CREATE TABLE xdocs (doc_id BIGINT, ts TIMESTAMPTZ, title TEXT, embedding VECTOR(3),
             PRIMARY KEY (doc_id, ts)) WITH (entity = 'doc_id', valid_time = 'ts', metric = 'l2')",
        "CREATE TABLE xitems (id BIGSERIAL PRIMARY KEY, name VARCHAR(20) NOT NULL)",
    ] {
        conn.execute(sql).await?;
    }
    for n in 1..=20_i64 {
        let done = sqlx::query("INSERT INTO xdocs VALUES ($1, $2, $3, $4)")
            .bind(n % 4)
            .bind(day(n))
            .bind(format!("doc {n}"))
            .bind(Vector::from(vec![n as f32, 0.0, 1.0]))
            .execute(&mut *conn)
            .await?;
        same(done.rows_affected(), 1);
    }
    let made: Vec<i64> =
        sqlx::query_scalar("INSERT INTO xitems (name) SELECT unnest($1::text[]) RETURNING id")
            .bind(vec!["a", "b"])
            .fetch_all(&mut *conn)
            .await?;
    same(made, vec![1, 2]);
    Ok(())
}

pub async fn copying(conn: &mut PgConnection) -> Result<(), Failure> {
    let mut rows = conn.copy_in_raw("COPY xdocs (doc_id, ts, title) FROM STDIN").await?;
    for n in 0..300 {
        rows.send(format!("{}\t{}\tcopied\n", 100 + n, day(n).to_rfc3339()).as_bytes()).await?;
    }
    same(rows.finish().await?, 300);
    let mut out = conn
        .copy_out_raw("COPY (SELECT doc_id FROM xdocs WHERE doc_id >= 100 ORDER BY 1) TO STDOUT")
        .await?;
    let mut text = Vec::new();
    while let Some(bytes) = out.try_next().await? {
        text.extend_from_slice(&bytes);
    }
    drop(out);
    let expected: String = (100..400).map(|n| format!("{n}\n")).collect();
    same(String::from_utf8(text)?, expected);
    // Given up: nothing is kept, and the connection goes on.
    let mut rows = conn.copy_in_raw("COPY xdocs (doc_id, ts, title) FROM STDIN").await?;
    rows.send(&b"900\t2024-01-01\tx\n"[..]).await?;
    rows.abort("no more").await?;
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM xdocs").fetch_one(&mut *conn).await?;
    same(count, 320);
    let done = sqlx::query("DELETE FROM xdocs WHERE doc_id >= $1").bind(100_i64);
    same(done.execute(&mut *conn).await?.rows_affected(), 300);
    Ok(())
}

pub async fn searching(conn: &mut PgConnection) -> Result<(), Failure> {
    let found: Vec<(String, f64, Vector)> = sqlx::query_as(
        "SELECT title, embedding <-> $1, embedding FROM xdocs ORDER BY embedding <-> $1 LIMIT $2",
    )
    .bind(Vector::from(vec![12.0, 0.0, 1.0]))
    .bind(3_i64)
    .fetch_all(&mut *conn)
    .await?;
    same(found.len(), 3);
    same(&found[0], &("doc 12".to_owned(), 0.0, Vector::from(vec![12.0, 0.0, 1.0])));
    let as_of = "SELECT title FROM xdocs WHERE doc_id = $1 AS OF $2";
    let found: Vec<String> =
        sqlx::query_scalar(as_of).bind(1_i64).bind(day(10)).fetch_all(&mut *conn).await?;
    same(found, vec!["doc 9".to_owned()]);
    let path = "SELECT title FROM TRAJECTORY(xdocs, $1, $2, $3)";
    let found = sqlx::query(path).bind(1_i64).bind(day(1)).bind(day(9));
    same(found.fetch_all(&mut *conn).await?.len(), 3);
    Ok(())
}

/// Rows as they come, a stream that is dropped early, a cursor.
pub async fn fetching(conn: &mut PgConnection) -> Result<(), Failure> {
    let sql = "SELECT x FROM generate_series(1::bigint, 20000::bigint) AS g(x)";
    let mut rows = sqlx::query(sql).fetch(&mut *conn);
    let mut sum = 0;
    while let Some(row) = rows.try_next().await? {
        sum += row.get::<i64, _>(0);
    }
    drop(rows);
    same(sum, 20_000 * 20_001 / 2);
    let mut rows = sqlx::query(sql).fetch(&mut *conn);
    same(rows.try_next().await?.is_some(), true);
    drop(rows);
    let mut block = conn.begin().await?;
    block.execute("DECLARE c CURSOR FOR SELECT id FROM xitems ORDER BY id").await?;
    let found: Vec<i64> = sqlx::query_scalar("FETCH 5 FROM c").fetch_all(&mut *block).await?;
    same(found, vec![1, 2]);
    block.rollback().await?;
    Ok(())
}

async fn items(conn: &mut PgConnection) -> Result<i64, Failure> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM xitems").fetch_one(conn).await?)
}

pub async fn transactions(conn: &mut PgConnection, other: &mut PgConnection) -> Result<(), Failure> {
    let before = items(conn).await?;
    let insert = "INSERT INTO xitems (name) VALUES ('x')";
    let mut outer = conn.begin().await?;
    outer.execute(insert).await?;
    same(items(other).await?, before);
    let mut inner = outer.begin().await?;
    inner.execute(insert).await?;
    inner.rollback().await?;
    let mut inner = outer.begin().await?;
    same(inner.execute("SELECT 1 / 0").await.is_err(), true);
    // Dropped: rolled back with the next statement.
    drop(inner);
    same(items(&mut outer).await?, before + 1);
    outer.commit().await?;
    same(items(other).await?, before + 1);
    let mut reading = conn.begin_with("BEGIN READ ONLY").await?;
    reading.execute("SET LOCAL cvx.valid_time = '2024-01-11'").await?;
    let found: Vec<String> = sqlx::query_scalar("SELECT title FROM xdocs WHERE doc_id = 1")
        .fetch_all(&mut *reading)
        .await?;
    same(found, vec!["doc 9".to_owned()]);
    let error = reading.execute(insert).await.unwrap_err();
    same(error.as_database_error().and_then(|error| error.code()).as_deref(), Some("25006"));
    reading.rollback().await?;
    Ok(())
}
