//! The extended protocol.

use crate::fake::{Server, code};
use crate::raw::{Raw, bind, execute, message, parse, query, sync};
use cvx_types::pg_type::VECTOR_OID;
use futures::{TryStreamExt, pin_mut};
use tokio_postgres::types::Type;

#[tokio::test]
async fn parameters_come_back_in_binary() {
    let server = Server::start().await;
    let client = server.client().await;
    let types = [Type::INT4, Type::FLOAT8, Type::TEXT, Type::BYTEA, Type::TEXT_ARRAY, Type::BOOL];
    let statement = client.prepare_typed("echo 6", &types).await.unwrap();
    assert_eq!(statement.params(), types);
    let tags = vec!["a", "b,\"c"];
    let row = client
        .query_one(&statement, &[&7i32, &1.5f64, &"héllo", &&b"\0\xff"[..], &tags, &None::<bool>])
        .await
        .unwrap();
    assert_eq!(row.get::<_, i32>(0), 7);
    assert_eq!(row.get::<_, f64>(1), 1.5);
    assert_eq!(row.get::<_, &str>(2), "héllo");
    assert_eq!(row.get::<_, &[u8]>(3), b"\0\xff");
    assert_eq!(row.get::<_, Vec<&str>>(4), tags);
    assert_eq!(row.get::<_, Option<bool>>(5), None);
}

/// Drivers declare `vector` by the OID they looked up; it must not be forgotten.
#[tokio::test]
async fn vectors_are_declared_described_and_bound() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    let mut bytes = parse("v", "echo 1", &[VECTOR_OID]);
    bytes.extend(message('D', b"Sv\0"));
    let binary = b"\0\x02\0\0\x3f\x80\0\0\x40\0\0\0";
    let mut body = b"\0v\0\0\x01\0\x01\0\x01\0\0\0\x0c".to_vec();
    body.extend(binary);
    body.extend(b"\0\x01\0\x01");
    bytes.extend(message('B', &body));
    bytes.extend(execute("", 0));
    bytes.extend(sync());
    raw.send(&bytes).await;
    let answers = raw.until_ready().await;
    let tags: String = answers.iter().map(|a| a.tag).collect();
    assert_eq!(tags, "1tT2DCZ");
    assert_eq!(answers[1].body, [&b"\0\x01"[..], &VECTOR_OID.to_be_bytes()].concat());
    let description = &answers[2].body;
    assert!(description.windows(4).any(|w| w == VECTOR_OID.to_be_bytes()));
    assert!(answers[4].body.ends_with(binary));
    // Text works as well, and what is wrong with it is said.
    let mut bytes = bind("", "v", &["[1,2"]);
    bytes.extend(sync());
    raw.send(&bytes).await;
    let answers = raw.until_ready().await;
    assert_eq!(answers[0].field('C'), "22P02");
    assert_eq!(answers[0].field('W'), "parameter $1");
}

#[tokio::test]
async fn paging_through_a_portal() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let transaction = client.transaction().await.unwrap();
    let portal = transaction.bind("rows 250", &[]).await.unwrap();
    let mut pages = Vec::new();
    loop {
        let rows = transaction.query_portal(&portal, 100).await.unwrap();
        if rows.is_empty() {
            break;
        }
        pages.push((rows.len(), rows[0].get::<_, i64>(0)));
    }
    assert_eq!(pages, [(100, 0), (100, 100), (50, 200)]);
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn row_limits_as_postgres_counts_them() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    assert_eq!(raw.tags(&query("begin")).await, "CZ");
    let mut bytes = parse("", "rows 3", &[]);
    bytes.extend(bind("p", "", &[]));
    for rows_max in [2, 1, 5, 5] {
        bytes.extend(execute("p", rows_max));
    }
    bytes.extend(sync());
    raw.send(&bytes).await;
    let answers = raw.until_ready().await;
    let tags: String = answers.iter().map(|a| a.tag).collect();
    // Two rows; one row, and not yet known to be the last; none; none again.
    assert_eq!(tags, "12DDsDsCCZ");
    assert_eq!(answers[7].text(), "SELECT 0");
    // Negative means all.
    let mut bytes = bind("q", "", &[]);
    bytes.extend(execute("q", -5));
    bytes.extend(sync());
    assert_eq!(raw.tags(&bytes).await, "2DDDCZ");
    // A statement that is no query runs once.
    let mut bytes = parse("", "insert 1", &[]);
    bytes.extend(bind("", "", &[]));
    bytes.extend(execute("", 0));
    bytes.extend(execute("", 0));
    bytes.extend(sync());
    raw.send(&bytes).await;
    let answers = raw.until_ready().await;
    assert_eq!(answers[3].field('C'), "55000");
}

#[tokio::test]
async fn portals_end_with_their_transaction() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    let mut bytes = parse("s", "rows 3", &[]);
    bytes.extend(bind("p", "s", &[]));
    bytes.extend(execute("p", 1));
    bytes.extend(sync());
    assert_eq!(raw.tags(&bytes).await, "12DsZ");
    let mut bytes = execute("p", 1);
    bytes.extend(sync());
    raw.send(&bytes).await;
    assert_eq!(raw.until_ready().await[0].field('C'), "34000");
    // The statement is still there.
    let mut bytes = bind("", "s", &[]);
    bytes.extend(execute("", 0));
    bytes.extend(sync());
    assert_eq!(raw.tags(&bytes).await, "2DDDCZ");
}

#[tokio::test]
async fn sql_moves_in_portals_and_describes_cursors() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    let mut bytes = parse("b", "begin", &[]);
    bytes.extend(bind("", "b", &[]));
    bytes.extend(execute("", 0));
    bytes.extend(parse("s", "rows 250", &[]));
    bytes.extend(bind("p", "s", &[]));
    bytes.extend(parse("m", "move p 240", &[]));
    bytes.extend(bind("", "m", &[]));
    bytes.extend(execute("", 0));
    bytes.extend(execute("p", 7));
    bytes.extend(bind("", "m", &[]));
    bytes.extend(execute("", 0));
    bytes.extend(execute("p", 0));
    bytes.extend(sync());
    assert_eq!(raw.tags(&bytes).await, "12C1212CDDDDDDDs2CCZ");
    let mut bytes = parse("n", "move nothing all", &[]);
    bytes.extend(bind("", "n", &[]));
    bytes.extend(execute("", 0));
    bytes.extend(sync());
    raw.send(&bytes).await;
    assert_eq!(raw.until_ready().await[2].field('C'), "34000");
    let mut bytes = message('D', b"Pa cursor\0");
    bytes.extend(sync());
    assert_eq!(raw.tags(&bytes).await, "TZ");
}

#[tokio::test]
async fn after_an_error_all_is_skipped_until_sync() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    let mut bytes = parse("", "insert 1", &[]);
    bytes.extend(bind("", "", &[]));
    bytes.extend(execute("", 0));
    bytes.extend(parse("", "fail 23505", &[]));
    bytes.extend(bind("", "", &[]));
    bytes.extend(execute("", 0));
    bytes.extend(parse("", "insert 2", &[]));
    bytes.extend(bind("", "", &[]));
    bytes.extend(execute("", 0));
    bytes.extend(sync());
    bytes.extend(parse("", "insert 3", &[]));
    bytes.extend(bind("", "", &[]));
    bytes.extend(execute("", 0));
    bytes.extend(sync());
    raw.send(&bytes).await;
    let first: String = raw.until_ready().await.iter().map(|a| a.tag).collect();
    assert_eq!(first, "12C12EZ");
    let second: String = raw.until_ready().await.iter().map(|a| a.tag).collect();
    assert_eq!(second, "12CZ");
    // What was pipelined was one transaction; what came alone needed none.
    assert_eq!(server.world.log(), ["batch", "insert 1", "batch rollback", "insert 3"]);
}

#[tokio::test]
async fn a_pipeline_is_one_transaction() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    let mut bytes = parse("s", "insert 1", &[]);
    for _ in 0..3 {
        bytes.extend(bind("", "s", &[]));
        bytes.extend(execute("", 0));
    }
    bytes.extend(sync());
    assert_eq!(raw.tags(&bytes).await, "12C2C2CZ");
    let log = server.world.log();
    assert_eq!(log, ["batch", "insert 1", "insert 1", "insert 1", "batch commit"]);
}

#[tokio::test]
async fn mistakes_have_their_sqlstate() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    let bind_with = |params: &[u8], results: &[u8]| {
        let mut body = b"\0e\0".to_vec();
        body.extend(params);
        body.extend(b"\0\x01\0\0\0\x01x");
        body.extend(results);
        message('B', &body)
    };
    let setup = parse("e", "echo 1", &[]);
    assert_eq!(raw.tags(&[setup.clone(), sync()].concat()).await, "1Z");
    for (bytes, state, words) in [
        (setup, "42P05", "prepared statement \"e\" already exists"),
        (bind("", "nothing", &[]), "26000", "prepared statement \"nothing\" does not exist"),
        (execute("nothing", 0), "34000", "portal \"nothing\" does not exist"),
        (
            bind("", "e", &["a", "b"]),
            "08P01",
            "bind message supplies 2 parameters, but prepared statement \"e\" requires 1",
        ),
        (bind_with(b"\0\x01\0\x07", b"\0\0"), "22023", "unsupported format code: 7"),
        (
            bind_with(b"\0\x02\0\0\0\0", b"\0\0"),
            "08P01",
            "bind message has 2 parameter formats but there are 1 parameters",
        ),
        (
            bind_with(b"\0\0", b"\0\x03\0\0\0\0\0\0"),
            "08P01",
            "bind message has 3 result column formats but there are 1 result columns",
        ),
        (parse("", "echo 1", &[999_999]), "42704", "type with OID 999999 does not exist"),
        (message('D', b"Xe\0"), "08P01", "invalid DESCRIBE message subtype 88"),
        (message('P', b"no end"), "08P01", "invalid message format"),
        (
            message('P', b"a\0\xff\xfe\0\0\0"),
            "22021",
            "invalid byte sequence for encoding \"UTF8\": 0xff",
        ),
        (message('B', b"\0\0\0\0\xff\xff"), "08P01", "invalid message format"),
        (message('E', b"\0\0"), "08P01", "invalid message format"),
    ] {
        raw.send(&[bytes, sync()].concat()).await;
        let answers = raw.until_ready().await;
        assert_eq!(answers[0].tag, 'E', "{words}");
        assert_eq!((answers[0].field('C'), answers[0].field('M')), (state.into(), words.into()));
        assert_eq!(answers.len(), 2);
    }
}

#[tokio::test]
async fn statements_are_limited() {
    let mut limits = cvx_wire::WireLimits::STANDARD;
    limits.statements_max = 3;
    let server = Server::with(limits).await;
    let mut raw = Raw::connect(&server).await;
    let mut refused = Vec::new();
    for at in 0..5 {
        raw.send(&[parse(&format!("s{at}"), "rows 1", &[]), sync()].concat()).await;
        let answers = raw.until_ready().await;
        refused.extend((answers[0].tag == 'E').then(|| answers[0].field('C')));
    }
    assert_eq!(refused, ["53400"]);
    let bytes = [message('C', b"Ss0\0"), parse("s9", "rows 1", &[]), sync()].concat();
    assert_eq!(raw.tags(&bytes).await, "31Z");
}

#[tokio::test]
async fn results_must_be_what_was_described() {
    let server = Server::start().await;
    let client = server.client().await;
    let error = client.query("change", &[]).await.unwrap_err();
    assert_eq!(code(&error), "0A000");
}

#[tokio::test]
async fn flush_sends_without_ending() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    let mut bytes = parse("", "rows 1", &[]);
    bytes.extend(message('D', b"S\0"));
    bytes.extend(message('H', b""));
    raw.send(&bytes).await;
    for expected in ['1', 't', 'T'] {
        assert_eq!(raw.next().await.unwrap().tag, expected);
    }
    assert_eq!(raw.tags(&sync()).await, "Z");
}

#[tokio::test]
async fn a_panic_skips_to_sync_too() {
    let server = Server::start().await;
    let client = server.client().await;
    let statement = client.prepare("panic").await.unwrap();
    assert_eq!(code(&client.execute(&statement, &[]).await.unwrap_err()), "XX000");
    let rows = client.query_raw("rows 5", Vec::<String>::new()).await.unwrap();
    pin_mut!(rows);
    let mut count = 0;
    while rows.try_next().await.unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 5);
}
