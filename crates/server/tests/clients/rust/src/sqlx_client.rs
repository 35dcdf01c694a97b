//! sqlx: what its macros, its pool and its users send.

use crate::checks::{Failure, SLOW, day, same};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use futures::TryStreamExt;
use rust_decimal::Decimal;
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow, PgSslMode};
use sqlx::{
    Acquire, Column, Connection, Decode, Encode, Executor, PgConnection, Postgres, Row, Statement,
    Type, TypeInfo,
};
use std::fmt::Debug;
use uuid::Uuid;

const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS xdocs (id BIGINT, ts TIMESTAMPTZ, title TEXT NOT NULL,
        embedding VECTOR(3), PRIMARY KEY (id, ts)) WITH (entity = 'id', valid_time = 'ts');
    DELETE FROM xdocs";

pub async fn run(port: u16) -> Result<(), Failure> {
    let mut conn = PgConnection::connect_with(&options(port)).await?;
    sqlx::raw_sql("CREATE EXTENSION IF NOT EXISTS vector").execute(&mut conn).await?;
    sqlx::raw_sql(TABLE).execute(&mut conn).await?;
    types(&mut conn).await?;
    arrays(&mut conn).await?;
    parameters(&mut conn).await?;
    searching(&mut conn).await?;
    copying(&mut conn).await?;
    metadata(&mut conn).await?;
    errors(&mut conn).await?;
    transactions(&mut conn).await?;
    stopping(&mut conn).await?;
    conn.ping().await?;
    conn.close().await?;
    pools(port).await
}

fn options(port: u16) -> PgConnectOptions {
    let options = PgConnectOptions::new_without_pgpass();
    let options = options.host("127.0.0.1").port(port).username("cvx").database("cvx");
    options.ssl_mode(PgSslMode::Prefer).application_name("sqlx")
}

fn state(error: sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned())
}

/// A value out and back in binary, and NULL in its type.
async fn there_and_back<T>(conn: &mut PgConnection, ty: &str, value: T) -> Result<(), Failure>
where
    T: for<'q> Encode<'q, Postgres> + for<'r> Decode<'r, Postgres> + Type<Postgres>,
    T: Clone + PartialEq + Debug + Send + Unpin + 'static,
{
    let sql = format!("SELECT $1::{ty}, $2::{ty}");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(value.clone()).bind(None::<T>);
    let row: PgRow = query.fetch_one(conn).await?;
    same(row.try_get::<T, _>(0)?, value);
    same(row.try_get::<Option<T>, _>(1)?, None);
    Ok(())
}

async fn types(conn: &mut PgConnection) -> Result<(), Failure> {
    let date = NaiveDate::from_ymd_opt(1969, 7, 20).unwrap();
    let time = NaiveTime::from_hms_micro_opt(20, 17, 40, 123_456).unwrap();
    there_and_back(conn, "boolean", true).await?;
    there_and_back(conn, "smallint", i16::MIN).await?;
    there_and_back(conn, "integer", i32::MAX).await?;
    there_and_back(conn, "bigint", i64::MIN).await?;
    there_and_back(conn, "real", 1.5_f32).await?;
    there_and_back(conn, "double precision", 0.1).await?;
    there_and_back(conn, "numeric", Decimal::new(-12_345_678, 3)).await?;
    there_and_back(conn, "text", "tab\t, quote ' ünïcödé".to_owned()).await?;
    there_and_back(conn, "varchar", "x".to_owned()).await?;
    there_and_back(conn, "bytea", (0..=255).collect::<Vec<u8>>()).await?;
    there_and_back(conn, "date", date).await?;
    there_and_back(conn, "time", time).await?;
    there_and_back(conn, "timestamp", NaiveDateTime::new(date, time)).await?;
    there_and_back(conn, "timestamptz", day(59)).await?;
    there_and_back(conn, "uuid", Uuid::from_u128(0xa0ee_bc99_9c0b)).await?;
    there_and_back(conn, "jsonb", json!({"a": [1, 2.5, null, "ä"]})).await?;
    there_and_back(conn, "vector", pgvector::Vector::from(vec![1.0, 2.5, -3.0])).await?;
    let half = pgvector::HalfVector::from_f32_slice(&[1.0, 2.5, -3.0]);
    there_and_back(conn, "halfvec", half).await?;
    let sparse = pgvector::SparseVector::from_dense(&[1.0, 0.0, -3.0]);
    there_and_back(conn, "sparsevec", sparse).await
}

async fn arrays(conn: &mut PgConnection) -> Result<(), Failure> {
    there_and_back(conn, "integer[]", vec![Some(1), None, Some(3)]).await?;
    there_and_back(conn, "bigint[]", Vec::<i64>::new()).await?;
    there_and_back(conn, "double precision[]", vec![0.5, -1.0]).await?;
    let texts = ["a,b", "", "q\"uote"].map(|text| Some(text.to_owned()));
    there_and_back(conn, "text[]", texts.to_vec()).await?;
    there_and_back(conn, "timestamptz[]", vec![day(0), day(1)]).await?;
    there_and_back(conn, "uuid[]", vec![Uuid::from_u128(1), Uuid::from_u128(2)]).await?;
    let vectors = vec![pgvector::Vector::from(vec![1.0, 2.0]), pgvector::Vector::from(vec![3.0])];
    there_and_back(conn, "vector[]", vectors).await
}

/// Parameters that are typed by their value, by their place, or by neither; lists of rows.
async fn parameters(conn: &mut PgConnection) -> Result<(), Failure> {
    let found: i64 =
        sqlx::query_scalar("SELECT count(*) FROM generate_series(1, 5) AS g(x) WHERE x = ANY($1)")
            .bind(vec![1_i64, 5, 9])
            .fetch_one(&mut *conn)
            .await?;
    same(found, 2);
    let ids: Vec<i64> =
        sqlx::query_scalar("VALUES ($1), (10)").bind(7_i64).fetch_all(&mut *conn).await?;
    same(ids, vec![7, 10]);
    let insert = "INSERT INTO xdocs SELECT id, ts, title, embedding
        FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::vector[])
        AS u(id, ts, title, embedding) RETURNING id";
    let vectors: Vec<_> =
        (0..3_u8).map(|n| pgvector::Vector::from(vec![f32::from(n), 0.0, 1.0])).collect();
    let ids: Vec<i64> = sqlx::query_scalar(insert)
        .bind(vec![1_i64, 2, 3])
        .bind(vec![day(0), day(1), day(2)])
        .bind(vec!["one".to_owned(), "two".to_owned(), "three".to_owned()])
        .bind(vectors)
        .fetch_all(&mut *conn)
        .await?;
    same(ids, vec![1, 2, 3]);
    let done = sqlx::query("UPDATE xdocs SET title = title || $2 WHERE id = $1");
    let done = done.bind(2_i64).bind("!").execute(&mut *conn).await?;
    same(done.rows_affected(), 1);
    let row: (i64, String, Option<i32>) =
        sqlx::query_as("SELECT id, title, $2 FROM xdocs WHERE id = $1")
            .bind(2_i64)
            .bind(None::<i32>)
            .fetch_one(&mut *conn)
            .await?;
    same(row, (2, "two!".to_owned(), None));
    let missing = sqlx::query("SELECT 1 FROM xdocs WHERE id = $1").bind(99_i64);
    same(missing.fetch_optional(conn).await?.is_none(), true);
    Ok(())
}

/// Row by row, nearest first, and as it was.
async fn searching(conn: &mut PgConnection) -> Result<(), Failure> {
    let near = pgvector::Vector::from(vec![2.0, 0.0, 1.0]);
    let sql = "SELECT id, embedding <-> $1 AS d FROM xdocs ORDER BY embedding <-> $1 LIMIT 2";
    let mut rows = sqlx::query_as::<_, (i64, f64)>(sql).bind(near.clone()).fetch(&mut *conn);
    let mut found = Vec::new();
    while let Some(row) = rows.try_next().await? {
        found.push(row);
    }
    drop(rows);
    same(found, vec![(3, 0.0), (2, 1.0)]);
    let sql = "SELECT id FROM xdocs ORDER BY embedding <-> $1 LIMIT 2 AS OF $2";
    let ids: Vec<i64> = sqlx::query_scalar(sql).bind(near).bind(day(1)).fetch_all(conn).await?;
    same(ids, vec![2, 1]);
    Ok(())
}

async fn copying(conn: &mut PgConnection) -> Result<(), Failure> {
    let mut copy = conn.copy_in_raw("COPY xdocs (id, ts, title) FROM STDIN (FORMAT CSV)").await?;
    copy.send(b"4,2024-01-04,four\n5,2024-01-05,\"five, six\"\n".as_slice()).await?;
    same(copy.finish().await?, 2);
    let mut copy = conn.copy_in_raw("COPY xdocs (id, ts, title) FROM STDIN").await?;
    copy.send(b"6\t2024-01-06\tsix\n".as_slice()).await?;
    copy.abort("changed my mind").await?;
    let sql = "COPY (SELECT id, title FROM xdocs WHERE id > 3 ORDER BY id) TO STDOUT (FORMAT CSV)";
    let chunks: Vec<_> = conn.copy_out_raw(sql).await?.try_collect().await?;
    same(chunks.concat(), b"4,four\n5,\"five, six\"\n".to_vec());
    Ok(())
}

/// What a statement says of itself before it runs.
async fn metadata(conn: &mut PgConnection) -> Result<(), Failure> {
    let sql = "SELECT id, title, embedding, count(*) OVER () FROM xdocs WHERE ts > $1 AND id = $2";
    let statement = (&mut *conn).prepare(sqlx::SqlStr::from_static(sql)).await?;
    let columns: Vec<_> = statement
        .columns()
        .iter()
        .map(|column| (column.name().to_owned(), column.type_info().name().to_owned()))
        .collect();
    let expected = [("id", "INT8"), ("title", "TEXT"), ("embedding", "vector"), ("count", "INT8")];
    same(columns, expected.map(|(name, ty)| (name.to_owned(), ty.to_owned())).to_vec());
    let parameters = statement.parameters().map(|kinds| format!("{kinds:?}"));
    same(
        parameters.is_some_and(|kinds| kinds.contains("Timestamptz") && kinds.contains("Int8")),
        true,
    );
    Ok(())
}

async fn errors(conn: &mut PgConnection) -> Result<(), Failure> {
    let cases = [
        ("42P01", "SELECT * FROM missing"),
        ("42703", "SELECT missing FROM xdocs"),
        ("42601", "SELEC 1"),
        ("22012", "SELECT 1 / 0"),
        ("22000", "INSERT INTO xdocs VALUES (9, now(), '', '[1,2]')"),
        ("23502", "INSERT INTO xdocs VALUES (9, now(), NULL, NULL)"),
        ("23505", "INSERT INTO xdocs VALUES (1, '2024-01-01', 'other', NULL)"),
    ];
    for (code, sql) in cases {
        let error = sqlx::query(sql).execute(&mut *conn).await.unwrap_err();
        same(state(error).as_deref(), Some(code));
        let error = sqlx::raw_sql(sql).execute(&mut *conn).await.unwrap_err();
        same(state(error).as_deref(), Some(code));
    }
    let error = sqlx::query("SELECT 1 / $1").bind(0_i32).fetch_one(&mut *conn).await.unwrap_err();
    same(state(error).as_deref(), Some("22012"));
    let error = sqlx::query(cases[6].1).execute(conn).await.unwrap_err();
    same(error.as_database_error().is_some_and(|error| error.is_unique_violation()), true);
    Ok(())
}

async fn count(conn: &mut PgConnection) -> Result<i64, Failure> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM xdocs").fetch_one(conn).await?)
}

/// Transactions within transactions are savepoints; one that is dropped is rolled back.
async fn transactions(conn: &mut PgConnection) -> Result<(), Failure> {
    let before = count(conn).await?;
    let insert = "INSERT INTO xdocs VALUES ($1, '2024-02-01', 't', NULL)";
    let mut outer = Connection::begin(&mut *conn).await?;
    sqlx::query(insert).bind(20_i64).execute(&mut *outer).await?;
    let mut inner = outer.begin().await?;
    sqlx::query(insert).bind(21_i64).execute(&mut *inner).await?;
    let again = sqlx::query("INSERT INTO xdocs VALUES (20, '2024-02-01', 'u', NULL)");
    same(state(again.execute(&mut *inner).await.unwrap_err()).as_deref(), Some("23505"));
    let failed = sqlx::query("SELECT 1").execute(&mut *inner).await.unwrap_err();
    same(state(failed).as_deref(), Some("25P02"));
    inner.rollback().await?;
    let mut kept = outer.begin().await?;
    sqlx::query(insert).bind(22_i64).execute(&mut *kept).await?;
    kept.commit().await?;
    same(count(&mut outer).await?, before + 2);
    outer.commit().await?;
    let mut lost = Connection::begin(&mut *conn).await?;
    sqlx::query("DELETE FROM xdocs").execute(&mut *lost).await?;
    drop(lost);
    same(count(conn).await?, before + 2);
    Ok(())
}

async fn stopping(conn: &mut PgConnection) -> Result<(), Failure> {
    conn.execute("SET statement_timeout = 100").await?;
    let stopped = sqlx::query(SLOW).fetch_one(&mut *conn).await.unwrap_err();
    same(state(stopped).as_deref(), Some("57014"));
    conn.execute("RESET statement_timeout").await?;
    same(sqlx::query_scalar::<_, i32>("SELECT 1").fetch_one(conn).await?, 1);
    Ok(())
}

/// What is handed back is cleaned, in a pool of one; a transaction that was left open is ended.
async fn pools(port: u16) -> Result<(), Failure> {
    let pool: PgPool = PgPoolOptions::new()
        .max_connections(1)
        .after_release(|conn, _| {
            Box::pin(async move {
                conn.execute("DISCARD ALL").await?;
                conn.clear_cached_statements().await?;
                Ok(true)
            })
        })
        .connect_with(options(port))
        .await?;
    for n in 0..3_i32 {
        let mut conn = pool.acquire().await?;
        let timeout: String =
            sqlx::query_scalar("SHOW statement_timeout").fetch_one(&mut *conn).await?;
        same(timeout, "0");
        conn.execute("SET statement_timeout = '7s'").await?;
        let next: i32 = sqlx::query_scalar("SELECT $1 + 1").bind(n).fetch_one(&mut *conn).await?;
        same(next, n + 1);
    }
    let mut left = pool.begin().await?;
    sqlx::query("DELETE FROM xdocs").execute(&mut *left).await?;
    drop(left);
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM xdocs").fetch_one(&pool).await?;
    same(rows > 0, true);
    pool.close().await;
    Ok(())
}
