//! sqlx: types in both formats, errors, what `query!` asks of a server, a pool, migrations.

use crate::checks::{Failure, SLOW, day, same};
use crate::sqlx_tables;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use rust_decimal::Decimal;
use serde_json::json;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions, PgTypeInfo, Postgres};
use sqlx::types::Json;
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Decode, Encode, Executor as _, Row as _, Type,
    TypeInfo as _,
};
use std::fmt::Debug;
use uuid::Uuid;

pub async fn run(port: u16) -> Result<(), Failure> {
    let mut conn = options(port).connect().await?;
    conn.execute("CREATE EXTENSION IF NOT EXISTS vector").await?;
    types(&mut conn).await?;
    arrays(&mut conn).await?;
    in_text(&mut conn).await?;
    sqlx_tables::make(&mut conn).await?;
    sqlx_tables::copying(&mut conn).await?;
    described(&mut conn).await?;
    sqlx_tables::searching(&mut conn).await?;
    sqlx_tables::fetching(&mut conn).await?;
    sqlx_tables::transactions(&mut conn, &mut options(port).connect().await?).await?;
    errors(&mut conn).await?;
    pools(port).await?;
    migrations(port).await
}

fn options(port: u16) -> PgConnectOptions {
    PgConnectOptions::new().host("127.0.0.1").port(port).username("cvx").database("cvx")
}

async fn there_and_back<T>(conn: &mut PgConnection, ty: &str, value: T) -> Result<(), Failure>
where
    T: Type<Postgres> + PartialEq + Clone + Debug + Send + Unpin + 'static,
    T: for<'a> Decode<'a, Postgres> + for<'a> Encode<'a, Postgres>,
{
    let sql = || AssertSqlSafe(format!("SELECT $1::{ty}"));
    let found = sqlx::query(sql()).bind(value.clone()).fetch_one(&mut *conn).await?;
    same(found.try_get::<T, _>(0)?, value);
    let none = sqlx::query(sql()).bind(None::<T>).fetch_one(&mut *conn).await?;
    same(none.try_get::<Option<T>, _>(0)?, None);
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
    there_and_back(conn, "bytea", (0..=255).collect::<Vec<u8>>()).await?;
    there_and_back(conn, "date", date).await?;
    there_and_back(conn, "time", time).await?;
    there_and_back(conn, "timestamp", NaiveDateTime::new(date, time)).await?;
    there_and_back(conn, "timestamptz", day(59)).await?;
    there_and_back(conn, "uuid", Uuid::from_u128(0xa0ee_bc99_9c0b)).await?;
    there_and_back(conn, "jsonb", Json(json!({"a": [1, 2.5, null, "ä"]}))).await?;
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
    let texts = ["a,b", "", "q\"uote"].map(str::to_owned);
    there_and_back(conn, "text[]", texts.to_vec()).await?;
    there_and_back(conn, "timestamptz[]", vec![day(0), day(1)]).await?;
    let vectors = vec![pgvector::Vector::from(vec![1.0, 2.0]), pgvector::Vector::from(vec![3.0])];
    there_and_back(conn, "vector[]", vectors).await
}

/// The simple protocol: several statements in one message, values as text.
async fn in_text(conn: &mut PgConnection) -> Result<(), Failure> {
    let rows = sqlx::raw_sql("SELECT 41 + 1 AS n, NULL::text AS t; SELECT 7, 'two'")
        .fetch_all(&mut *conn)
        .await?;
    let read: Vec<(i32, Option<String>)> =
        rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    same(read, vec![(42, None), (7, Some("two".to_owned()))]);
    let done = sqlx::raw_sql("CREATE TABLE gone (id INT PRIMARY KEY); INSERT INTO gone VALUES (1), (2); DROP TABLE gone")
        .execute(&mut *conn)
        .await?;
    same(done.rows_affected(), 2);
    let vector = sqlx::raw_sql("SELECT '[1,2.5]'::vector").fetch_one(&mut *conn).await;
    // pgvector's crate reads its types in binary only.
    same(vector?.try_get::<pgvector::Vector, _>(0).is_err(), true);
    Ok(())
}

/// What the macro `query!` asks when it checks a statement at compile time.
async fn described(conn: &mut PgConnection) -> Result<(), Failure> {
    let sql = "SELECT id, name, name || 'x' AS more FROM xitems WHERE id > $1 AND name <> $2";
    let told = conn.describe(sqlx::SqlStr::from_static(sql)).await?;
    let columns: Vec<(String, String)> = told
        .columns()
        .iter()
        .map(|column| (column.name().to_owned(), column.type_info().name().to_owned()))
        .collect();
    let expected = [("id", "INT8"), ("name", "VARCHAR"), ("more", "TEXT")];
    same(columns, expected.map(|(name, ty)| (name.to_owned(), ty.to_owned())).to_vec());
    same((told.nullable(0), told.nullable(1)), (Some(false), Some(false)));
    let params = told.parameters().and_then(|either| either.left().map(<[PgTypeInfo]>::to_vec));
    let names: Vec<String> =
        params.unwrap_or_default().iter().map(|ty| ty.name().to_owned()).collect();
    same(names, vec!["INT8".to_owned(), "TEXT".to_owned()]);
    Ok(())
}

async fn errors(conn: &mut PgConnection) -> Result<(), Failure> {
    let cases = [
        ("42P01", "SELECT * FROM missing"),
        ("42703", "SELECT missing FROM xdocs"),
        ("42601", "SELEC 1"),
        ("22012", "SELECT 1 / 0"),
        ("22000", "INSERT INTO xdocs VALUES (9, now(), '', '[1,2]')"),
        ("23505", "INSERT INTO xdocs VALUES (1, '2024-01-02', 'other', NULL)"),
        ("23502", "INSERT INTO xitems (name) VALUES (NULL)"),
    ];
    for (state, sql) in cases {
        let error = sqlx::query(sql).execute(&mut *conn).await.unwrap_err();
        same(error.as_database_error().and_then(|error| error.code()).as_deref(), Some(state));
    }
    let error = sqlx::query("INSERT INTO xdocs VALUES (1, '2024-01-02', 'other', NULL)")
        .execute(&mut *conn)
        .await
        .unwrap_err();
    same(error.as_database_error().is_some_and(|error| error.is_unique_violation()), true);
    conn.execute("SET statement_timeout = 100").await?;
    let error = sqlx::query(SLOW).fetch_one(&mut *conn).await.unwrap_err();
    same(error.as_database_error().and_then(|error| error.code()).as_deref(), Some("57014"));
    conn.execute("RESET statement_timeout").await?;
    Ok(())
}

/// A pool whose connections are reset when they come back.
async fn pools(port: u16) -> Result<(), Failure> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .after_release(|conn, _| {
            Box::pin(async move {
                conn.execute("DISCARD ALL").await?;
                // DISCARD ALL forgets the statements that the driver still remembers.
                sqlx::Connection::clear_cached_statements(conn).await?;
                Ok(true)
            })
        })
        .connect_with(options(port))
        .await?;
    for n in 0..3 {
        let mut conn = pool.acquire().await?;
        let timeout: String = sqlx::query_scalar("SHOW statement_timeout").fetch_one(&mut *conn).await?;
        same(timeout, "0");
        conn.execute("SET statement_timeout = '7s'").await?;
        let found: i32 = sqlx::query_scalar("SELECT $1 + 1").bind(n).fetch_one(&mut *conn).await?;
        same(found, n + 1);
    }
    pool.close().await;
    Ok(())
}

/// Migrations: an advisory lock, a table of what was done, each step in a transaction.
async fn migrations(port: u16) -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("cvx-sqlx-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("1_first.sql"), "CREATE TABLE moved (id BIGINT PRIMARY KEY);")?;
    std::fs::write(
        folder.join("2_second.sql"),
        "ALTER TABLE moved ADD COLUMN v VECTOR(2); INSERT INTO moved VALUES (1, '[1,2]');",
    )?;
    let mut conn = options(port).connect().await?;
    for _ in 0..2 {
        Migrator::new(folder.clone()).await?.run_direct(None, &mut conn, false).await?;
        let found: i64 =
            sqlx::query_scalar("SELECT count(v) FROM moved").fetch_one(&mut conn).await?;
        same(found, 1);
    }
    let done: Vec<i64> =
        sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success ORDER BY version")
            .fetch_all(&mut conn)
            .await?;
    same(done, vec![1, 2]);
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
