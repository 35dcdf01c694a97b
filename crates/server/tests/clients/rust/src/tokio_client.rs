//! tokio-postgres: types in both formats, cancelling, errors, a pool.

use crate::checks::{Failure, SLOW, day, same};
use crate::tokio_tables;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use deadpool_postgres::{ManagerConfig, Pool, RecyclingMethod};
use rust_decimal::Decimal;
use serde_json::json;
use std::fmt::Debug;
use std::time::Duration;
use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};
use uuid::Uuid;

pub async fn run(port: u16) -> Result<(), Failure> {
    let client = connect(port).await?;
    types(&client).await?;
    arrays(&client).await?;
    in_text(&client).await?;
    tokio_tables::make(&client).await?;
    tokio_tables::copying(&client).await?;
    tokio_tables::metadata(&client).await?;
    tokio_tables::searching(&client).await?;
    errors(&client).await?;
    stopping(&client).await?;
    let mut client = client;
    tokio_tables::transactions(&mut client, &connect(port).await?).await?;
    tokio_tables::portals(&mut client).await?;
    pools(port).await
}

fn config(port: u16) -> Config {
    let mut config = Config::new();
    config.host("127.0.0.1").port(port).user("cvx").dbname("cvx");
    config
}

async fn connect(port: u16) -> Result<Client, Failure> {
    let (client, connection) = config(port).connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// A value out and back in binary, and NULL in its type.
async fn there_and_back<T>(client: &Client, ty: &str, value: T) -> Result<(), Failure>
where
    T: ToSql + Sync + PartialEq + Debug + for<'a> FromSql<'a>,
{
    let statement = client.prepare(&format!("SELECT $1::{ty}")).await?;
    let found: T = client.query_one(&statement, &[&value]).await?.get(0);
    same(&found, &value);
    let none: Option<T> = client.query_one(&statement, &[&None::<T>]).await?.get(0);
    same(none, None);
    Ok(())
}

async fn types(client: &Client) -> Result<(), Failure> {
    let date = NaiveDate::from_ymd_opt(1969, 7, 20).unwrap();
    let time = NaiveTime::from_hms_micro_opt(20, 17, 40, 123_456).unwrap();
    there_and_back(client, "boolean", true).await?;
    there_and_back(client, "smallint", i16::MIN).await?;
    there_and_back(client, "integer", i32::MAX).await?;
    there_and_back(client, "bigint", i64::MIN).await?;
    there_and_back(client, "real", 1.5_f32).await?;
    there_and_back(client, "double precision", 0.1).await?;
    there_and_back(client, "numeric", Decimal::new(-12_345_678, 3)).await?;
    there_and_back(client, "text", "tab\t, quote ' ünïcödé".to_owned()).await?;
    there_and_back(client, "bytea", (0..=255).collect::<Vec<u8>>()).await?;
    there_and_back(client, "date", date).await?;
    there_and_back(client, "time", time).await?;
    there_and_back(client, "timestamp", NaiveDateTime::new(date, time)).await?;
    there_and_back(client, "timestamptz", day(59)).await?;
    there_and_back(client, "uuid", Uuid::from_u128(0xa0ee_bc99_9c0b)).await?;
    there_and_back(client, "jsonb", json!({"a": [1, 2.5, null, "ä"]})).await?;
    there_and_back(client, "json", json!([true])).await?;
    client.batch_execute("CREATE EXTENSION IF NOT EXISTS vector").await?;
    there_and_back(client, "vector", pgvector::Vector::from(vec![1.0, 2.5, -3.0])).await?;
    let half = pgvector::HalfVector::from_f32_slice(&[1.0, 2.5, -3.0]);
    there_and_back(client, "halfvec", half).await?;
    let sparse = pgvector::SparseVector::from_dense(&[1.0, 0.0, -3.0]);
    there_and_back(client, "sparsevec", sparse).await?;
    let bits = pgvector::Bit::new(&[true, false, true]);
    there_and_back(client, "bit(3)", bits).await
}

async fn arrays(client: &Client) -> Result<(), Failure> {
    there_and_back(client, "integer[]", vec![Some(1), None, Some(3)]).await?;
    there_and_back(client, "bigint[]", Vec::<i64>::new()).await?;
    there_and_back(client, "double precision[]", vec![0.5, -1.0]).await?;
    let texts = ["a,b", "", "q\"uote"].map(|text| Some(text.to_owned()));
    there_and_back(client, "text[]", texts.to_vec()).await?;
    there_and_back(client, "timestamptz[]", vec![day(0), day(1)]).await?;
    let vectors = vec![pgvector::Vector::from(vec![1.0, 2.0]), pgvector::Vector::from(vec![3.0])];
    there_and_back(client, "vector[]", vectors).await?;
    let found: i64 = client
        .query_one(
            "SELECT count(*) FROM generate_series(1, 5) AS g(x) WHERE x = ANY($1::bigint[])",
            &[&vec![1_i64, 5, 9]],
        )
        .await?
        .get(0);
    same(found, 2);
    Ok(())
}

/// The simple protocol: several statements, every value as text.
async fn in_text(client: &Client) -> Result<(), Failure> {
    let messages = client
        .simple_query(
            "SELECT 1 AS a, NULL AS b, '[1,2.5]'::vector AS v; SELECT 'two'; SELECT 1 WHERE false",
        )
        .await?;
    let rows: Vec<Vec<Option<&str>>> = messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|n| row.get(n)).collect()),
            _ => None,
        })
        .collect();
    same(rows, vec![vec![Some("1"), None, Some("[1,2.5]")], vec![Some("two")]]);
    let ends = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::CommandComplete(rows) => Some(*rows),
        _ => None,
    });
    same(ends.collect::<Vec<_>>(), vec![1, 1, 0]);
    Ok(())
}

async fn errors(client: &Client) -> Result<(), Failure> {
    let cases = [
        ("42P01", "SELECT * FROM missing"),
        ("42703", "SELECT missing FROM rdocs"),
        ("42601", "SELEC 1"),
        ("22012", "SELECT 1 / 0"),
        ("22000", "INSERT INTO rdocs VALUES (9, now(), '', '[1,2]')"),
        ("23505", "INSERT INTO rdocs VALUES (1, '2024-01-02', 'other', NULL)"),
        ("23502", "INSERT INTO ritems (name) VALUES (NULL)"),
    ];
    for (state, sql) in cases {
        let error = client.query(sql, &[]).await.unwrap_err();
        same(error.code().map(|code| code.code()), Some(state));
        let error = client.batch_execute(sql).await.unwrap_err();
        same(error.code().map(|code| code.code()), Some(state));
    }
    let error = client.batch_execute("SELECT missing FROM rdocs").await.unwrap_err();
    let position = error.as_db_error().and_then(|error| error.position().cloned());
    same(position, Some(tokio_postgres::error::ErrorPosition::Original(8)));
    Ok(())
}

async fn stopping(client: &Client) -> Result<(), Failure> {
    let token = client.cancel_token();
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        token.cancel_query(NoTls).await
    };
    let (stopped, sent) = tokio::join!(client.query_one(SLOW, &[]), cancel);
    sent?;
    same(stopped.unwrap_err().code().map(|code| code.code()), Some("57014"));
    client.batch_execute("SET statement_timeout = 100").await?;
    let stopped = client.query_one(SLOW, &[]).await.unwrap_err();
    same(stopped.code().map(|code| code.code()), Some("57014"));
    client.batch_execute("RESET statement_timeout").await?;
    same(client.query_one("SELECT 1", &[]).await?.get::<_, i32>(0), 1);
    Ok(())
}

/// deadpool cleans a connection by seven statements before it hands it on.
async fn pools(port: u16) -> Result<(), Failure> {
    let cleaning = ManagerConfig { recycling_method: RecyclingMethod::Clean };
    let manager = deadpool_postgres::Manager::from_config(config(port), NoTls, cleaning);
    let pool = Pool::builder(manager).max_size(1).build()?;
    for _ in 0..3 {
        let client = pool.get().await?;
        let timeout: String = client.query_one("SHOW statement_timeout", &[]).await?.get(0);
        same(timeout, "0");
        client.batch_execute("SET statement_timeout = '7s'").await?;
        let cached = client.prepare_cached("SELECT $1::int + 1").await?;
        same(client.query_one(&cached, &[&1]).await?.get::<_, i32>(0), 2);
        client.batch_execute("BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT 1; COMMIT").await?;
    }
    Ok(())
}
