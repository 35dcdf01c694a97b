//! Who is let in: passwords right, wrong and malformed, and those who say nothing at all.

use crate::fake::{PASSWORD, Server, code, words};
use crate::raw::{Raw, message, startup};
use cvx_wire::{Admission, WireLimits};
use std::time::{Duration, Instant};
use tokio_postgres::NoTls;

const PASSWORDS: Admission = Admission { trust_loopback: false, ..Admission::LOOPBACK };

async fn server() -> Server {
    Server::admitting(PASSWORDS, WireLimits::STANDARD).await
}

#[tokio::test]
async fn the_password_opens() {
    let server = server().await;
    let (client, connection) = server.config().password(PASSWORD).connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client.simple_query("rows 1").await.unwrap();
}

/// Whether a user is there must not be learnt here: the same words, the same steps.
#[tokio::test]
async fn a_wrong_password_is_as_an_unknown_user() {
    let server = server().await;
    for (user, password) in [("ada", "wrong"), ("nobody", PASSWORD), ("nobody", "wrong")] {
        let refused = server.config().user(user).password(password).connect(NoTls).await;
        let error = refused.err().unwrap();
        assert_eq!(code(&error), "28P01", "{user}");
        assert_eq!(words(&error), format!("password authentication failed for user \"{user}\""));
    }
}

fn initial(mechanism: &str, data: &[u8]) -> Vec<u8> {
    let mut body = format!("{mechanism}\0").into_bytes();
    body.extend(i32::try_from(data.len()).unwrap().to_be_bytes());
    body.extend(data);
    message('p', &body)
}

/// A connection that was asked for its password.
async fn asked(server: &Server, user: &str) -> Raw {
    let mut raw = Raw::dial(server.address).await;
    raw.send(&startup(&[("user", user), ("database", "cvx")])).await;
    let sasl = raw.next().await.unwrap();
    assert_eq!((sasl.tag, sasl.body[..4].to_vec()), ('R', vec![0, 0, 0, 10]));
    assert!(!String::from_utf8_lossy(&sasl.body).contains("PLUS"), "there is nothing to bind to");
    raw
}

/// The challenge's salt; the same for the same user, whether or not it is there.
async fn salt(server: &Server, user: &str) -> String {
    let mut raw = asked(server, user).await;
    raw.send(&initial("SCRAM-SHA-256", b"n,,n=,r=abcdefgh")).await;
    let challenge = raw.next().await.unwrap();
    let text = String::from_utf8_lossy(&challenge.body[4..]).into_owned();
    assert!(text.starts_with("r=abcdefgh") && text.ends_with(",i=4096"), "{text}");
    text.split(',').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn an_unknown_user_has_a_salt_that_stays() {
    let server = server().await;
    let one = salt(&server, "nobody").await;
    assert_eq!(one, salt(&server, "nobody").await);
    assert_ne!(one, salt(&server, "somebody").await);
}

#[tokio::test]
async fn malformed_answers_end_the_login() {
    let server = server().await;
    let short = message('p', b"SCRAM-SHA-256\0\0\0\0\x7f");
    let long = message('p', &[b'x'; 20_000]);
    for (bytes, state) in [
        (initial("SCRAM-SHA-256-PLUS", b"n,,n=,r=abc"), "08P01"),
        (initial("PLAIN", b"\0ada\0secret"), "08P01"),
        (initial("SCRAM-SHA-256", b""), "08P01"),
        (initial("SCRAM-SHA-256", b"n,,n=,r="), "08P01"),
        (initial("SCRAM-SHA-256", b"y,a=eve,n=,r=abc"), "0A000"),
        (initial("SCRAM-SHA-256", &[0xff; 100]), "08P01"),
        (message('p', b"secret\0"), "08P01"),
        (message('p', b""), "08P01"),
        (message('Q', b"rows 1\0"), "08P01"),
        (short, "08P01"),
        (long, "54000"),
    ] {
        let mut raw = asked(&server, "ada").await;
        raw.send(&bytes).await;
        let answers = raw.until_closed().await;
        let shown = format!("{:?}", &bytes[..bytes.len().min(40)]);
        assert_eq!(answers.len(), 1, "{shown}: {answers:?}");
        assert_eq!(answers[0].field('C'), state, "{shown}");
    }
}

#[tokio::test]
async fn a_proof_that_proves_nothing() {
    let server = server().await;
    for last in [&b""[..], b"c=biws", b"c=biws,r=abc,p=", b"c=biws,r=abc,p=AAAA", &[0; 60]] {
        let mut raw = asked(&server, "ada").await;
        raw.send(&initial("SCRAM-SHA-256", b"n,,n=,r=abc")).await;
        assert_eq!(raw.next().await.unwrap().tag, 'R');
        raw.send(&message('p', last)).await;
        let answers = raw.until_closed().await;
        assert!(matches!(answers[0].field('C').as_str(), "08P01" | "28P01"), "{answers:?}");
    }
}

/// A thousand callers that say nothing take no place of one that does.
#[tokio::test]
async fn a_flood_of_strangers() {
    let limits = WireLimits { connections_max: 4, ..WireLimits::STANDARD };
    let server = Server::admitting(PASSWORDS, limits).await;
    let mut silent = Vec::new();
    for _ in 0..1_000 {
        silent.push(tokio::net::TcpStream::connect(server.address).await.unwrap());
    }
    let began = Instant::now();
    let connected = server.config().password(PASSWORD).connect(NoTls).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    drop((connected, silent));
}

/// Slow-loris: a byte now and then does not keep a stranger's place for ever.
#[tokio::test]
async fn a_byte_at_a_time_is_too_slow() {
    let startup_timeout = Duration::from_millis(300);
    let limits = WireLimits { startup_timeout, ..WireLimits::STANDARD };
    let server = Server::admitting(PASSWORDS, limits).await;
    let mut raw = Raw::dial(server.address).await;
    let bytes = startup(&[("user", "ada"), ("database", "cvx")]);
    let began = Instant::now();
    for byte in bytes {
        use tokio::io::AsyncWriteExt as _;
        if raw.stream.write_all(&[byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    assert_eq!(raw.next().await, None);
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn plaintext_is_refused_where_tls_is_required() {
    let admission = Admission { require_tls: true, ..Admission::LOOPBACK };
    let server = Server::admitting(admission, WireLimits::STANDARD).await;
    let error = server.config().connect(NoTls).await.err().unwrap();
    assert_eq!(code(&error), "28000");
    assert!(words(&error).contains("is not encrypted"), "{}", words(&error));
}
