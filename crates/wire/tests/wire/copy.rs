//! COPY over the wire.

use crate::fake::{Server, World, code, is_int64};
use crate::raw::{Raw, message, query};
use bytes::Bytes;
use futures::{SinkExt, TryStreamExt, pin_mut};

const TEXT: &[u8] = b"1\tone\t[1,2,3]\n2\t\\N\t\\N\n3\tthree\\tparts\t[0.5,-1,1e+20]\n";

fn rows_copied(server: &Server) -> usize {
    server.world.copied.lock().unwrap().iter().map(|batch| batch.num_rows()).sum()
}

async fn put(
    client: &tokio_postgres::Client,
    format: &str,
    pieces: Vec<Bytes>,
) -> Result<u64, String> {
    let sink = client.copy_in(&format!("copy in {format}")).await.map_err(|e| e.to_string())?;
    pin_mut!(sink);
    for piece in pieces {
        if let Err(error) = sink.send(piece).await {
            return Err(code(&error).to_owned());
        }
    }
    sink.finish().await.map_err(|e| code(&e).to_owned())
}

async fn get(client: &tokio_postgres::Client, format: &str) -> Vec<Bytes> {
    let stream = client.copy_out(&format!("copy out {format}")).await.unwrap();
    stream.try_collect().await.unwrap()
}

#[tokio::test]
async fn three_formats_in_and_out() {
    let server = Server::start().await;
    let client = server.client().await;
    assert_eq!(put(&client, "text", vec![Bytes::from_static(TEXT)]).await, Ok(3));
    assert_eq!(rows_copied(&server), 3);
    assert!(is_int64(server.world.copied.lock().unwrap()[0].column(0).data_type()));
    assert_eq!(get(&client, "text").await.concat(), TEXT);
    let csv = get(&client, "csv").await;
    assert_eq!(
        csv.concat(),
        b"id,title,embedding\n1,one,\"[1,2,3]\"\n2,,\n3,three\tparts,\"[0.5,-1,1e+20]\"\n"
    );
    let binary = get(&client, "binary").await;
    // One message a row, then the trailer.
    assert_eq!(binary.len(), 4);
    for (format, messages) in [("csv", csv), ("binary", binary)] {
        server.world.copied.lock().unwrap().clear();
        let bytes = messages.concat();
        // Cut where it hurts: every three bytes.
        let pieces = bytes.chunks(3).map(Bytes::copy_from_slice).collect();
        assert_eq!(put(&client, format, pieces).await, Ok(3));
        assert_eq!(get(&client, "text").await.concat(), TEXT, "{format}");
    }
}

#[tokio::test]
async fn a_bad_line_is_named_and_nothing_is_kept() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    raw.send(&query("copy in text")).await;
    assert_eq!(raw.next().await.unwrap().body, b"\0\0\x03\0\0\0\0\0\0");
    raw.send(&message('d', b"1\tone\t[1,2,3]\n2\ttwo\t[1,")).await;
    raw.send(&message('d', b"2]\n3\tthree\t\\N\n")).await;
    // The client has not heard of the error yet, and goes on.
    raw.send(&message('d', b"4\tfour\t\\N\n")).await;
    raw.send(&message('c', b"")).await;
    let answers = raw.until_ready().await;
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0].field('C'), "22000");
    assert_eq!(answers[0].field('M'), "expected 3 dimensions, not 2");
    assert_eq!(answers[0].field('W'), "COPY docs, line 2, column embedding: \"[1,2]\"");
    assert_eq!(raw.tags(&query("rows 1")).await, "TDCZ");
    assert_eq!(rows_copied(&server), 0);
    assert_eq!(World::count(&server.world.aborted), 1);
}

#[tokio::test]
async fn a_bad_line_in_the_extended_protocol() {
    let server = Server::start().await;
    let client = server.client().await;
    let lines = vec![Bytes::from_static(b"x\ty\t\\N\n"); 100];
    assert_eq!(put(&client, "text", lines).await, Err("22P02".into()));
    // The connection is in step again.
    assert_eq!(put(&client, "text", vec![Bytes::from_static(TEXT)]).await, Ok(3));
    assert_eq!(client.query("rows 2", &[]).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_client_may_give_up() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    raw.send(&query("copy in text")).await;
    assert_eq!(raw.next().await.unwrap().tag, 'G');
    raw.send(&message('d', TEXT)).await;
    raw.send(&message('f', b"changed my mind\0")).await;
    let answers = raw.until_ready().await;
    assert_eq!(answers[0].field('C'), "57014");
    assert_eq!(answers[0].field('M'), "COPY from stdin failed: changed my mind");
    // Or ask for something else in the middle.
    raw.send(&query("copy in text")).await;
    assert_eq!(raw.next().await.unwrap().tag, 'G');
    raw.send(&query("rows 1")).await;
    assert_eq!(raw.until_ready().await[0].field('C'), "08P01");
    // Or leave.
    raw.send(&query("copy in text")).await;
    assert_eq!(raw.next().await.unwrap().tag, 'G');
    drop(raw);
    crate::fake::until("the session ends", || World::count(&server.world.sessions) == 0).await;
    assert_eq!(World::count(&server.world.aborted), 3);
    assert_eq!(rows_copied(&server), 0);
}

#[tokio::test]
async fn an_empty_copy() {
    let server = Server::start().await;
    let client = server.client().await;
    assert_eq!(put(&client, "text", vec![]).await, Ok(0));
    assert_eq!(put(&client, "binary", vec![]).await, Err("22P04".into()));
    let binary = get(&client, "binary").await;
    assert_eq!(binary.len(), 1);
    assert_eq!(put(&client, "binary", binary).await, Ok(0));
}

/// 20 MB in frames of 1 MB: batches reach the session as they fill.
#[tokio::test]
async fn a_large_copy_goes_through_in_batches() {
    let server = Server::start().await;
    let client = server.client().await;
    let line = format!("7\t{}\t[1,2,3]\n", "x".repeat(970));
    let piece = Bytes::from(line.repeat(1000));
    assert_eq!(put(&client, "text", vec![piece; 20]).await, Ok(20_000));
    let batches = server.world.copied.lock().unwrap().len();
    assert!(batches >= 18, "{batches} batches");
}
