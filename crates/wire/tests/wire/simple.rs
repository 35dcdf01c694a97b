//! The simple protocol.

use crate::fake::{Server, World, code};
use crate::raw::{Raw, query};
use tokio_postgres::SimpleQueryMessage;

#[tokio::test]
async fn rows_tags_and_emptiness() {
    let server = Server::start().await;
    let client = server.client().await;
    let messages = client.simple_query("rows 250").await.unwrap();
    let rows = messages.iter().filter(|m| matches!(m, SimpleQueryMessage::Row(_))).count();
    assert_eq!(rows, 250);
    assert!(matches!(messages.last(), Some(SimpleQueryMessage::CommandComplete(250))));
    let mut raw = Raw::connect(&server).await;
    assert_eq!(raw.tags(&query("")).await, "IZ");
    assert_eq!(raw.tags(&query(" ; ")).await, "IZ");
    assert_eq!(raw.tags(&query("rows 2; insert 3")).await, "TDDCCZ");
}

#[tokio::test]
async fn an_error_ends_the_string_and_its_transaction() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    raw.send(&query("insert 1; fail 22012; insert 2")).await;
    let answers = raw.until_ready().await;
    let tags: String = answers.iter().map(|a| a.tag).collect();
    assert_eq!(tags, "CEZ");
    assert_eq!(answers[1].field('C'), "22012");
    assert_eq!(answers[1].field('V'), "ERROR");
    // A NUL in a message would cut it.
    assert_eq!(answers[1].field('D'), "on\u{fffd}purpose");
    assert_eq!(server.world.log(), ["batch", "insert 1", "batch rollback"]);
    // One statement alone needs no batch.
    assert_eq!(raw.tags(&query("insert 7")).await, "CZ");
    assert_eq!(raw.tags(&query("insert 8; insert 9")).await, "CCZ");
    let log = server.world.log();
    assert_eq!(log[3..], ["insert 7", "batch", "insert 8", "insert 9", "batch commit"]);
}

#[tokio::test]
async fn a_syntax_error_refuses_all() {
    let server = Server::start().await;
    let client = server.client().await;
    let error = client.simple_query("insert 1; syntax error").await.unwrap_err();
    let db = error.as_db_error().unwrap();
    assert_eq!(db.code().code(), "42601");
    assert_eq!(db.hint(), Some("write better"));
    assert!(matches!(db.position(), Some(tokio_postgres::error::ErrorPosition::Original(3))));
    assert!(server.world.log().is_empty());
}

#[tokio::test]
async fn transaction_status_is_told() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    for (sql, status) in [
        ("insert 1", 'I'),
        ("begin", 'T'),
        ("fail 22012", 'E'),
        ("insert 1", 'E'),
        ("rollback", 'I'),
    ] {
        raw.send(&query(sql)).await;
        let ready = raw.until_ready().await.pop().unwrap();
        assert_eq!(char::from(ready.body[0]), status, "{sql}");
    }
}

#[tokio::test]
async fn notices_and_parameters() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    raw.send(&query("say hello")).await;
    let answers = raw.until_ready().await;
    assert_eq!(answers[0].tag, 'N');
    assert_eq!((answers[0].field('S'), answers[0].field('M')), ("NOTICE".into(), "hello".into()));
    raw.send(&query("set zone mars")).await;
    let answers = raw.until_ready().await;
    assert_eq!(answers[0].tag, 'S');
    assert_eq!(answers[0].body, b"zone\0mars\0");
}

/// A client that does not read must not make the server hold the rows.
#[tokio::test]
async fn rows_wait_for_the_client() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    // 200 MB, in batches of 100 kB.
    raw.send(&query("rows 200000 of 1000")).await;
    let first = raw.next().await.unwrap();
    assert_eq!(first.tag, 'T');
    let mut last = 0;
    // The sockets' buffers fill, then nothing more is asked for.
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let now = World::count(&server.world.batches);
        if now == last && now > 0 {
            break;
        }
        last = now;
    }
    assert!(last < 500, "{last} of 2000 batches were made for a client that reads nothing");
    let answers = raw.until_ready().await;
    assert_eq!(answers.len(), 200_002);
    assert_eq!(answers[200_000].text(), "SELECT 200000");
}

#[tokio::test]
async fn a_panic_is_the_statements_error() {
    let server = Server::start().await;
    let client = server.client().await;
    for sql in ["panic", "panic later", "insert 1; panic"] {
        let error = client.simple_query(sql).await.unwrap_err();
        assert_eq!(code(&error), "XX000", "{sql}");
        let rows = client.simple_query("rows 1").await.unwrap();
        assert_eq!(rows.len(), 3);
    }
    assert_eq!(server.world.log(), ["batch", "insert 1", "batch rollback"]);
    // Inside a block the block is failed.
    client.simple_query("begin").await.unwrap();
    assert_eq!(code(&client.simple_query("panic").await.unwrap_err()), "XX000");
    assert_eq!(code(&client.simple_query("rows 1").await.unwrap_err()), "25P02");
}
