//! Bad input: a clear refusal with its SQLSTATE, and everybody else goes on.

use crate::setup::{start, start_with};
use cvx_testkit::client::{self, CopyRows, describe, sqlstate, vector_bytes};
use futures::SinkExt as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::pin::pin;
use std::time::Duration;
use tokio_postgres::Client;

/// Writes bytes and reads whatever comes until the server hangs up.
fn say(addr: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(addr).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    let _ = socket.write_all(bytes);
    let _ = socket.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    answer
}

/// A startup packet of protocol 3.0.
fn startup() -> Vec<u8> {
    let words = b"user\0cvx\0database\0cvx\0\0";
    let mut packet = u32::try_from(words.len() + 8).unwrap().to_be_bytes().to_vec();
    packet.extend(196_608_u32.to_be_bytes());
    packet.extend(words);
    packet
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_on_the_socket() {
    let running = start();
    let addr = running.server.addr();
    let witness = running.connect().await;
    let mut noise = 0x2545_f491_4f6c_dd1d_u64;
    let mut byte = || {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        noise as u8
    };
    let mut said: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        vec![0; 64],
        vec![0xff; 4096],
        vec![0, 0, 0, 4],
        [&0x7fff_ffff_u32.to_be_bytes()[..], &196_608_u32.to_be_bytes()].concat(),
        [startup(), vec![b'Q', 0xff, 0xff, 0xff, 0xff]].concat(),
        [startup(), vec![b'Q', 0x7f, 0xff, 0xff, 0xff, b'S']].concat(),
        [startup(), vec![b'P', 0, 0, 0, 5, 0]].concat(),
        [startup(), vec![b'B', 0, 0, 0, 12, 0, 0, 0xff, 0xff, 0, 1, 0, 1]].concat(),
        [startup(), vec![b'E', 0, 0, 0, 9, 0, 0x80, 0, 0, 0]].concat(),
        [startup(), vec![b'd', 0, 0, 0, 8, 1, 2, 3, 4]].concat(),
        [startup(), vec![b'?'; 100]].concat(),
    ];
    for length in [1, 7, 100, 10_000] {
        said.push((0..length).map(|_| byte()).collect());
        said.push([startup(), (0..length).map(|_| byte()).collect()].concat());
    }
    for bytes in said {
        let shown = format!("{:?}", &bytes[..bytes.len().min(40)]);
        tokio::task::spawn_blocking(move || say(addr, &bytes)).await.unwrap();
        let alive: i32 = witness.client.query_one("SELECT 1", &[]).await.expect(&shown).get(0);
        assert_eq!(alive, 1);
    }
    running.connect().await.client.batch_execute("SELECT 1").await.unwrap();
}

/// The statement must be refused with one of these states, and the session must live on.
async fn refused(client: &Client, name: &str, sql: &str, states: &[&str]) {
    let error = match client.simple_query(sql).await {
        Ok(_) => panic!("{name} was accepted"),
        Err(error) => error,
    };
    let state = sqlstate(&error).unwrap_or_else(|| panic!("{name} broke the connection: {error}"));
    assert!(states.contains(&state), "{name}: {}", describe(&error));
    let prepared = client.prepare(sql).await.err();
    assert!(prepared.is_some_and(|error| sqlstate(&error).is_some()), "{name}, prepared");
    client.simple_query("SELECT 1").await.unwrap_or_else(|_| panic!("the session after {name}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_that_nest_too_deep() {
    let running = start();
    let connection = running.connect().await;
    let client = &connection.client;
    let (deep, n) = (&["54001", "54000", "42601"], 100_000);
    let nested = |open: &str, close: &str, inner: &str| {
        format!("SELECT {}{inner}{}", open.repeat(n), close.repeat(n))
    };
    for (name, sql) in [
        ("parentheses", nested("(", ")", "1")),
        ("open parentheses", nested("(", "", "")),
        ("negations", nested("- ", "", "1")),
        ("NOTs", nested("NOT ", "", "true")),
        ("sub-queries", nested("(SELECT ", ")", "1")),
        ("functions", nested("abs(", ")", "1")),
        ("CASEs", nested("CASE WHEN true THEN ", " END", "1")),
        ("arrays", nested("ARRAY[", "]", "1")),
    ] {
        refused(client, name, &sql, deep).await;
    }
}

/// Long is not deep: these have an answer, or are refused as too complex, and kill nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_that_are_long() {
    let running = start();
    let connection = running.connect().await;
    let client = &connection.client;
    client.batch_execute("CREATE TABLE t (x INT PRIMARY KEY)").await.unwrap();
    let many = |word: &str, n: usize| vec![word; n].join(" ");
    for (name, sql) in [
        ("sum", format!("SELECT 1 {}", many("+ 1", 5000))),
        ("conjunction", format!("SELECT true {}", many("AND true", 5000))),
        ("disjunction", format!("SELECT * FROM t WHERE x = 1 {}", many("OR x = 2", 5000))),
        ("list", format!("SELECT * FROM t WHERE x IN (1 {})", many(", 1", 20_000))),
        ("union", format!("SELECT 1 {}", many("UNION ALL SELECT 1", 300))),
        ("joins", format!("SELECT 1 FROM t AS a {}", joins(40))),
        ("rows", format!("INSERT INTO t VALUES (-1) {} ON CONFLICT DO NOTHING", rows(20_000))),
    ] {
        if let Err(error) = client.simple_query(&sql).await {
            let state = sqlstate(&error).unwrap_or_else(|| panic!("{name} broke the connection"));
            assert!(matches!(state, "54001" | "54000" | "53200"), "{name}: {}", describe(&error));
        }
    }
    let count: i64 = client.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get(0);
    assert_eq!(count, 20_001, "20,001 rows in one INSERT is nothing unusual");
}

fn joins(n: usize) -> String {
    (0..n).map(|at| format!("CROSS JOIN t AS t{at} ")).collect()
}

fn rows(n: usize) -> String {
    (0..n).map(|at| format!(", ({at})")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_that_break_off() {
    let running = start();
    let connection = running.connect().await;
    let client = &connection.client;
    let tables = "CREATE EXTENSION IF NOT EXISTS vector;
                  CREATE TABLE t (id BIGINT PRIMARY KEY, v VECTOR(2))";
    client.batch_execute(tables).await.unwrap();
    let id = 1_i64.to_be_bytes();
    let (good, wide) = (vector_bytes(&[1.0, 2.0]), vector_bytes(&[1.0, 2.0, 3.0]));
    let nan = vector_bytes(&[1.0, f32::NAN]);
    type Row<'a> = &'a [Option<&'a [u8]>];
    let broken: [(&str, Row<'_>, &str); 6] = [
        ("a wide vector", &[Some(&id), Some(&wide)], "22000"),
        ("NaN", &[Some(&id), Some(&nan)], "22000"),
        ("too few columns", &[Some(&id)], "22P04"),
        ("too many columns", &[Some(&id), Some(&good), None], "22P04"),
        ("a short number", &[Some(&id[..3]), Some(&good)], "22P03 or 08P01"),
        ("a cut vector", &[Some(&id), Some(&good[..6])], "22P03 or 08P01"),
    ];
    for (name, row, state) in broken {
        let mut rows = CopyRows::default();
        rows.row(&[Some(&0_i64.to_be_bytes()), Some(&good)]);
        rows.row(row);
        let error = copy(client, rows.finish()).await.unwrap_err();
        let found = sqlstate(&error).unwrap_or_default();
        assert!(state.contains(found) && !found.is_empty(), "{name}: {}", describe(&error));
        let context = error.as_db_error().and_then(|db| db.where_()).unwrap_or_default();
        assert!(context.contains("line 2"), "{name}: {context}");
    }
    for (name, bytes) in
        [("no signature", &b"not a copy at all"[..]), ("half a header", b"PGCOPY\n")]
    {
        let error = copy(client, bytes::Bytes::copy_from_slice(bytes)).await.unwrap_err();
        assert_eq!(sqlstate(&error), Some("22P04"), "{name}: {}", describe(&error));
    }
    let count: i64 = client.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get(0);
    assert_eq!(count, 0);
}

async fn copy(client: &Client, bytes: bytes::Bytes) -> Result<u64, tokio_postgres::Error> {
    let mut sink = pin!(client.copy_in("COPY t FROM STDIN (FORMAT BINARY)").await?);
    sink.send(bytes).await?;
    sink.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_client_too_many() {
    let running = start_with(|launch| launch.set("connections_max", 3));
    let mut seated = Vec::new();
    for _ in 0..3 {
        seated.push(running.connect().await);
    }
    let error = client::connect(running.server.addr()).await.err().expect("a fourth seat");
    assert_eq!(sqlstate(&error), Some("53300"));
    seated[0].client.batch_execute("SELECT 1").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_and_where_are_checked() {
    let running = start();
    let addr = running.server.addr();
    for (words, state) in
        [("user=cvx dbname=missing", "3D000"), ("user=nobody dbname=missing", "28000")]
    {
        let error = client::connect_as(addr, words).await.err().expect(words);
        assert_eq!(sqlstate(&error), Some(state), "{words}");
    }
    let error = client::connect_as(addr, "user=anybody dbname=cvx").await.err().unwrap();
    assert_eq!(sqlstate(&error), Some("28000"), "trusted is who is known");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_too_long() {
    let running =
        start_with(|launch| launch.set("message_bytes_max", 1 << 20).set("log_level", "error"));
    let witness = running.connect().await;
    let big = running.connect().await;
    let sql = format!("SELECT '{}'", "x".repeat(2 << 20));
    let error = big.client.simple_query(&sql).await.map(drop).unwrap_err();
    assert!(matches!(sqlstate(&error), None | Some("08P01" | "54000")), "{}", describe(&error));
    witness.client.batch_execute("SELECT 1").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_prepared_statements_than_allowed() {
    let running = start_with(|launch| launch.set("prepared_statements_max", 20));
    let connection = running.connect().await;
    let mut held = Vec::new();
    let error = loop {
        match connection.client.prepare(&format!("SELECT {}", held.len())).await {
            Ok(statement) => held.push(statement),
            Err(error) => break error,
        }
        assert!(held.len() <= 21, "no end to them");
    };
    assert_eq!(sqlstate(&error), Some("53400"));
    connection.client.batch_execute("SELECT 1").await.unwrap();
}
