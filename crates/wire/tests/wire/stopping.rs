//! Cancel, timeout, disconnect: execution stops, and the connection goes on or is cleaned up.

use crate::fake::{Server, World, code, until, words};
use crate::raw::{Raw, cancel, message, query};
use std::time::{Duration, Instant};
use tokio_postgres::NoTls;

#[tokio::test]
async fn a_cancel_request_drops_the_statement() {
    let server = Server::start().await;
    let client = server.client().await;
    let token = client.cancel_token();
    for (at, sql) in ["hang", "hang later"].into_iter().enumerate() {
        let running = client.simple_query(sql);
        let cancelling = async {
            until("it hangs", || World::count(&server.world.hanging) == at + 1).await;
            let asked = Instant::now();
            token.cancel_query(NoTls).await.unwrap();
            asked
        };
        let (outcome, asked) = tokio::join!(running, cancelling);
        let error = outcome.unwrap_err();
        assert_eq!(code(&error), "57014");
        assert_eq!(words(&error), "canceling statement due to user request");
        assert!(asked.elapsed() < Duration::from_millis(1000), "{:?}", asked.elapsed());
        assert_eq!(World::count(&server.world.dropped), at + 1);
        assert_eq!(client.simple_query("rows 1").await.unwrap().len(), 3);
    }
}

#[tokio::test]
async fn a_session_may_stop_by_itself() {
    let server = Server::start().await;
    let client = server.client().await;
    let token = client.cancel_token();
    let running = client.simple_query("obey");
    let cancelling = async {
        until("it runs", || World::count(&server.world.hanging) == 1).await;
        token.cancel_query(NoTls).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(running, cancelling);
    assert_eq!(words(&outcome.unwrap_err()), "stopped by itself");
}

#[tokio::test]
async fn a_timeout_says_so() {
    let server = Server::start().await;
    let client = server.client().await;
    let error = client.simple_query("expire").await.unwrap_err();
    assert_eq!(code(&error), "57014");
    assert_eq!(words(&error), "canceling statement due to statement timeout");
    assert_eq!(World::count(&server.world.dropped), 1);
}

#[tokio::test]
async fn a_wrong_secret_and_a_late_cancel_do_nothing() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    raw.send(&query("hang")).await;
    until("it hangs", || World::count(&server.world.hanging) == 1).await;
    cancel(server.address, raw.pid, raw.secret ^ 1).await;
    cancel(server.address, raw.pid + 1, raw.secret).await;
    assert_eq!(World::count(&server.world.dropped), 0);
    cancel(server.address, raw.pid, raw.secret).await;
    assert_eq!(raw.until_ready().await[0].field('C'), "57014");
    // Between statements there is nothing to cancel.
    cancel(server.address, raw.pid, raw.secret).await;
    assert_eq!(raw.tags(&query("rows 1")).await, "TDCZ");
}

#[tokio::test]
async fn a_cancel_stops_rows_nobody_reads() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    raw.send(&query("rows 1000000 of 1000")).await;
    assert_eq!(raw.next().await.unwrap().tag, 'T');
    until("rows flow", || World::count(&server.world.batches) > 10).await;
    cancel(server.address, raw.pid, raw.secret).await;
    let answers = raw.until_ready().await;
    assert_eq!(answers[answers.len() - 2].field('C'), "57014");
    assert!(answers.len() < 1_000_000);
}

#[tokio::test]
async fn a_cancel_stops_a_copy_that_waits_for_data() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    raw.send(&query("copy in text")).await;
    assert_eq!(raw.next().await.unwrap().tag, 'G');
    raw.send(&message('d', b"1\tone\t[1,2,3]\n")).await;
    cancel(server.address, raw.pid, raw.secret).await;
    assert_eq!(raw.until_ready().await[0].field('C'), "57014");
    assert_eq!(World::count(&server.world.aborted), 1);
}

#[tokio::test]
async fn a_client_that_leaves_stops_its_statement() {
    let server = Server::start().await;
    for (at, sql) in ["hang", "hang later"].into_iter().enumerate() {
        let mut raw = Raw::connect(&server).await;
        raw.send(&query(sql)).await;
        until("it hangs", || World::count(&server.world.hanging) == at + 1).await;
        drop(raw);
        until("it is dropped", || World::count(&server.world.dropped) == at + 1).await;
        until("the session ends", || World::count(&server.world.sessions) == 0).await;
    }
}
