//! Connections from their first byte to their last: startup, limits, garbage, shutdown.

use crate::fake::{Server, World, code, until};
use crate::raw::{Raw, message, query, startup};
use cvx_wire::WireLimits;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_postgres::NoTls;

#[tokio::test]
async fn encryption_is_declined_then_all_is_said() {
    let server = Server::start().await;
    let mut raw = Raw::dial(server.address).await;
    for code in [80_877_104i32, 80_877_103] {
        raw.send(&[8i32.to_be_bytes(), code.to_be_bytes()].concat()).await;
        assert_eq!(raw.stream.read_u8().await.unwrap(), b'N');
    }
    raw.send(&startup(&[("user", "ada"), ("application_name", "psql"), ("options", "-c a=b")]))
        .await;
    let answers = raw.until_ready().await;
    let tags: String = answers.iter().map(|a| a.tag).collect();
    assert_eq!(tags, "RSSSSKZ");
    let told: Vec<&[u8]> = answers[1..5].iter().map(|a| a.body.as_slice()).collect();
    assert_eq!(
        told,
        [
            &b"server_version\x0016.6 (cvx)\0"[..],
            b"session_user\0ada\0",
            b"application_name\0psql\0",
            b"a\0b\0"
        ]
    );
}

#[tokio::test]
async fn newer_protocols_are_negotiated_down() {
    let server = Server::start().await;
    let mut raw = Raw::dial(server.address).await;
    let mut packet = startup(&[("user", "ada"), ("_pq_.magic", "on")]);
    packet[7] = 2;
    raw.send(&packet).await;
    let answers = raw.until_ready().await;
    assert_eq!(answers[0].tag, 'v');
    assert_eq!(answers[0].body, b"\0\x03\0\0\0\0\0\x01_pq_.magic\0");
    let mut raw = Raw::dial(server.address).await;
    packet[5] = 2;
    raw.send(&packet).await;
    assert_eq!(raw.until_closed().await[0].field('C'), "0A000");
}

#[tokio::test]
async fn who_is_not_let_in_is_told_why() {
    let server = Server::start().await;
    for (database, state) in [("nowhere", "3D000"), ("panic", "XX000")] {
        let error = server.config().dbname(database).connect(NoTls).await.err().unwrap();
        assert_eq!(code(&error), state);
    }
    let mut raw = Raw::dial(server.address).await;
    raw.send(&startup(&[("database", "cvx")])).await;
    let answers = raw.until_closed().await;
    assert_eq!((answers[0].field('S'), answers[0].field('C')), ("FATAL".into(), "28000".into()));
}

#[tokio::test]
async fn too_many_clients() {
    let limits = WireLimits { connections_max: 2, ..WireLimits::STANDARD };
    let server = Server::with(limits).await;
    let _first = server.client().await;
    let second = Raw::connect(&server).await;
    let error = server.config().connect(NoTls).await.err().unwrap();
    assert_eq!(code(&error), "53300");
    drop(second);
    until("the seat is free", || World::count(&server.world.sessions) == 1).await;
    // The seat is given back just after the session.
    let mut tries = 0;
    while let Err(error) = server.config().connect(NoTls).await {
        assert_eq!(code(&error), "53300");
        tries += 1;
        assert!(tries < 1000);
    }
}

#[tokio::test]
async fn a_cancel_gets_through_when_all_seats_are_taken() {
    let server = Server::with(WireLimits { connections_max: 1, ..WireLimits::STANDARD }).await;
    let mut raw = Raw::connect(&server).await;
    raw.send(&query("hang")).await;
    until("it hangs", || World::count(&server.world.hanging) == 1).await;
    crate::raw::cancel(server.address, raw.pid, raw.secret).await;
    assert_eq!(raw.until_ready().await[0].field('C'), "57014");
}

#[tokio::test]
async fn garbage_ends_its_connection_alone() {
    let server = Server::start().await;
    let survivor = server.client().await;
    // Before startup.
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 100], &[0xff; 100], b"\0\0\0\x08\0\0\0\0"] {
        let mut raw = Raw::dial(server.address).await;
        raw.send(bytes).await;
        let answers = raw.until_closed().await;
        assert!(answers.iter().all(|a| a.tag == 'E'), "{bytes:?}");
    }
    // After it.
    let seed = std::time::SystemTime::now().elapsed().map_or(7, |d| d.subsec_nanos());
    let mut state = u64::from(seed) | 1;
    for round in 0..50 {
        let mut raw = Raw::connect(&server).await;
        let mut noise = Vec::new();
        for _ in 0..200 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            noise.push(state.to_be_bytes()[0]);
        }
        // The server may have closed by the time all is written.
        let _ = raw.stream.write_all(&noise).await;
        let _ = raw.stream.shutdown().await;
        let answers = raw.until_closed().await;
        let kinds_ok = answers.iter().all(|a| matches!(a.tag, 'E' | 'Z' | '1' | '2' | '3' | 'I'));
        assert!(kinds_ok, "seed {seed} round {round}: {answers:?}");
    }
    // Known letters, random bodies.
    for tag in ['Q', 'P', 'B', 'D', 'E', 'C', 'H', 'S', 'd', 'c', 'f', 'p', 'F'] {
        let mut raw = Raw::connect(&server).await;
        raw.send(&message(tag, b"\xff\0\x01\xfe\0")).await;
        raw.send(&message('S', b"")).await;
        raw.send(&message('X', b"")).await;
        let answers = raw.until_closed().await;
        assert!(answers.iter().all(|a| matches!(a.tag, 'E' | 'Z' | 'I')), "{tag}: {answers:?}");
    }
    assert_eq!(survivor.simple_query("rows 1").await.unwrap().len(), 3);
}

#[tokio::test]
async fn oversized_frames_are_refused_before_they_are_kept() {
    let limits = WireLimits { message_bytes_max: 1 << 20, ..WireLimits::STANDARD };
    let server = Server::with(limits).await;
    let mut raw = Raw::connect(&server).await;
    // A gigabyte is announced, nothing is sent.
    raw.send(b"Q\x3f\xff\xff\xff").await;
    let answers = raw.until_closed().await;
    assert_eq!((answers[0].field('S'), answers[0].field('C')), ("FATAL".into(), "54000".into()));
    // Just within the limit is fine.
    let mut raw = Raw::connect(&server).await;
    let long = "x".repeat((1 << 20) - 100);
    raw.send(&query(&format!("say {long}"))).await;
    let answers = raw.until_ready().await;
    assert_eq!(answers[0].field('M').len(), long.len());
    // A length below its own four bytes.
    let mut raw = Raw::connect(&server).await;
    raw.send(b"Q\0\0\0\x03").await;
    assert_eq!(raw.until_closed().await[0].field('C'), "08P01");
    // A startup packet of more than 10,000 bytes.
    let mut raw = Raw::dial(server.address).await;
    raw.send(&startup(&[("user", &"x".repeat(10_000))])).await;
    assert_eq!(raw.until_closed().await[0].field('C'), "08P01");
}

/// Large frames share a budget: one that needs all of it waits for the others, none starves.
#[tokio::test]
async fn large_frames_take_turns() {
    let limits = WireLimits { inflight_bytes_max: 1 << 20, ..WireLimits::STANDARD };
    let server = Server::with(limits).await;
    let long = "x".repeat(900_000);
    let one = async |n: usize| {
        let mut raw = Raw::connect(&server).await;
        raw.send(&query(&format!("say {n}{long}"))).await;
        raw.until_ready().await[0].field('M').len()
    };
    let lengths = tokio::join!(one(1), one(2), one(3), one(4));
    assert_eq!(lengths, (900_001, 900_001, 900_001, 900_001));
}

#[tokio::test]
async fn frames_may_come_byte_by_byte() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    raw.stream.set_nodelay(true).unwrap();
    for byte in query("rows 1; rows 2") {
        raw.send(&[byte]).await;
    }
    let tags: String = raw.until_ready().await.iter().map(|a| a.tag).collect();
    assert_eq!(tags, "TDCTDDCZ");
}

#[tokio::test]
async fn who_says_nothing_is_cut_off() {
    let limits = WireLimits { startup_timeout: Duration::from_millis(50), ..WireLimits::STANDARD };
    let server = Server::with(limits).await;
    let mut raw = Raw::dial(server.address).await;
    raw.send(b"\0\0").await;
    assert!(raw.until_closed().await.is_empty());
}

#[tokio::test]
async fn shutdown_lets_statements_finish() {
    let server = Server::start().await;
    let mut idle = Raw::connect(&server).await;
    let mut busy = Raw::connect(&server).await;
    busy.send(&query("copy in text")).await;
    assert_eq!(busy.next().await.unwrap().tag, 'G');
    server.stop.send(()).unwrap();
    let answers = idle.until_closed().await;
    assert_eq!((answers[0].field('S'), answers[0].field('C')), ("FATAL".into(), "57P01".into()));
    busy.send(&message('d', b"1\tone\t[1,2,3]\n")).await;
    busy.send(&message('c', b"")).await;
    let answers = busy.until_closed().await;
    let tags: String = answers.iter().map(|a| a.tag).collect();
    assert_eq!(tags, "CZE");
    assert_eq!(answers[2].field('C'), "57P01");
    server.done.await.unwrap().unwrap();
    assert_eq!(World::count(&server.world.sessions), 0);
}

#[tokio::test]
async fn shutdown_has_a_deadline() {
    let limits = WireLimits { drain_timeout: Duration::from_millis(100), ..WireLimits::STANDARD };
    let server = Server::with(limits).await;
    let mut raw = Raw::connect(&server).await;
    raw.send(&query("hang")).await;
    until("it hangs", || World::count(&server.world.hanging) == 1).await;
    let asked = Instant::now();
    server.stop.send(()).unwrap();
    let answers = raw.until_closed().await;
    assert_eq!((answers[0].field('S'), answers[0].field('C')), ("FATAL".into(), "57P01".into()));
    drop(raw);
    server.done.await.unwrap().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    assert_eq!(World::count(&server.world.dropped), 1);
    assert_eq!(World::count(&server.world.sessions), 0);
}
