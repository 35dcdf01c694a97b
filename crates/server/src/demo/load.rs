//! Points into the database: one binary COPY, as a client would send it.

use super::out;
use super::point::{Break, Point, Points, Watch};
use anyhow::{Context as _, Result};
use bytes::{BufMut as _, Bytes, BytesMut};
use futures::SinkExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Instant;
use tokio_postgres::{Client, NoTls};

/// What was loaded, and which of it to look at.
pub(super) struct Subject {
    pub titled: bool,
    pub at: Break,
}

/// Bytes gathered before they are sent.
const CHUNK_BYTES: usize = 256 << 10;
/// 2000-01-01, from where Postgres counts, in microseconds since 1970.
const POSTGRES_EPOCH_US: i64 = 946_684_800_000_000;

pub(super) async fn connect(addr: SocketAddr) -> Result<Client> {
    let target = format!("host={} port={} user=cvx dbname=cvx", addr.ip(), addr.port());
    let (client, connection) = tokio_postgres::connect(&target, NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(%error, "the demo's connection");
        }
    });
    Ok(client)
}

/// Creates the table and fills it.
pub(super) async fn load(client: &Client, points: Points) -> Result<Subject> {
    let create = create_table(&points);
    out(&format!("\n{create}\n"))?;
    client.batch_execute(&create).await?;
    let (titled, began) = (points.titled, Instant::now());
    out(&format!(
        "Loading {} points of {} dimensions: {}",
        points.count, points.dim, points.origin
    ))?;
    let (watch, copied) = copy(client, points).await?;
    let seconds = began.elapsed().as_secs_f64();
    out(&format!("{copied} points durable in {seconds:.2} s, {:.0}/s", copied as f64 / seconds))?;
    let at = watch.largest.context("no document has two points: there is nothing to show")?;
    index(client).await?;
    Ok(Subject { titled, at })
}

/// Has the embeddings indexed, and waits until they are: they would be in the background.
async fn index(client: &Client) -> Result<()> {
    let create = "CREATE INDEX ON docs USING hnsw (embedding vector_cosine_ops)";
    let began = Instant::now();
    out(&format!("\n{create};"))?;
    for sql in [create, "CALL cvx.seal('docs')", "REINDEX TABLE docs"] {
        client.batch_execute(sql).await.context(sql)?;
    }
    out(&format!("All of them indexed after {:.2} s", began.elapsed().as_secs_f64()))
}

fn create_table(points: &Points) -> String {
    let title = if points.titled { "title TEXT, " } else { "" };
    let dim = points.dim;
    format!(
        "CREATE TABLE docs (doc_id BIGINT, ts TIMESTAMPTZ, {title}embedding VECTOR({dim}),\n  \
         PRIMARY KEY (doc_id, ts))\n  \
         WITH (entity = 'doc_id', valid_time = 'ts', time_scale = '90 days');"
    )
}

async fn copy(client: &Client, points: Points) -> Result<(Watch, u64)> {
    let columns =
        if points.titled { "doc_id, ts, title, embedding" } else { "doc_id, ts, embedding" };
    let copy = format!("COPY docs ({columns}) FROM STDIN (FORMAT BINARY)");
    let mut sink = pin!(client.copy_in::<_, Bytes>(&copy).await?);
    let bar = progress_bar(points.count);
    let (mut watch, mut buffer) = (Watch::default(), header());
    for batch in points.batches {
        for point in batch? {
            watch.see(&point);
            encode(&point, &mut buffer)?;
            if buffer.len() >= CHUNK_BYTES {
                sink.send(buffer.split().freeze()).await?;
            }
            bar.inc(1);
        }
    }
    buffer.put_i16(-1);
    sink.send(buffer.freeze()).await?;
    let copied = sink.finish().await?;
    bar.finish_and_clear();
    Ok((watch, copied))
}

fn progress_bar(count: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("  {bar:40} {pos}/{len} points, {per_sec}, {eta} left");
    ProgressBar::new(count).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// COPY's binary signature, flags and extension.
fn header() -> BytesMut {
    let mut buffer = BytesMut::with_capacity(2 * CHUNK_BYTES);
    buffer.put_slice(b"PGCOPY\n\xff\r\n\0");
    buffer.put_i32(0);
    buffer.put_i32(0);
    buffer
}

fn encode(point: &Point, buffer: &mut BytesMut) -> Result<()> {
    buffer.put_i16(3 + i16::from(point.title.is_some()));
    buffer.put_i32(8);
    buffer.put_i64(point.doc_id);
    buffer.put_i32(8);
    buffer.put_i64(point.ts_us - POSTGRES_EPOCH_US);
    if let Some(title) = &point.title {
        buffer.put_i32(i32::try_from(title.len())?);
        buffer.put_slice(title.as_bytes());
    }
    buffer.put_i32(i32::try_from(4 + point.embedding.len() * 4)?);
    buffer.put_u16(u16::try_from(point.embedding.len())?);
    buffer.put_u16(0);
    point.embedding.iter().for_each(|x| buffer.put_f32(*x));
    Ok(())
}
