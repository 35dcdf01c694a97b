//! Before there is a session: cancel requests are told apart, and a client says who it is.

use crate::failure::{Failure, Step, violation};
use crate::frame::Frames;
use crate::outbox::Outbox;
use bytes::Bytes;
use cvx_types::forms::simple::utf8;
use cvx_types::{Result, SqlError, SqlState};
use pgwire::messages::startup::{GssEncRequest, NegotiateProtocolVersion, SslRequest};
use tokio::io::{AsyncRead, AsyncWrite};

const PROTOCOL_3_0: i32 = 3 << 16;
const CANCEL_REQUEST: i32 = 80_877_102;

/// What a new connection wants.
#[derive(Debug)]
pub(crate) enum Greeting {
    Client(Client),
    Cancel {
        pid: i32,
        secret: i32,
    },
    /// It closed without a word: a port scan, a load balancer's check.
    Nothing,
}

/// Who wants in, and with which settings.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) settings: Vec<(String, String)>,
}

pub(crate) async fn greet<R, W>(frames: &mut Frames<R>, outbox: &mut Outbox<W>) -> Step<Greeting>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let Some(packet) = frames.next_startup().await? else { return Ok(Greeting::Nothing) };
    let (code, body) = split_code(&packet)?;
    match code {
        SslRequest::BODY_MAGIC_NUMBER | GssEncRequest::BODY_MAGIC_NUMBER => {
            Err(Failure::Fatal(violation("too many requests to encrypt the connection")))
        }
        CANCEL_REQUEST => cancel_request(body),
        version => client(version, body, outbox).await,
    }
}

fn split_code(packet: &Bytes) -> Step<(i32, &[u8])> {
    match packet.split_first_chunk::<4>() {
        Some((code, body)) => Ok((i32::from_be_bytes(*code), body)),
        None => Err(Failure::Fatal(violation("invalid length of startup packet"))),
    }
}

/// A cancel request gets no answer, whatever comes of it.
fn cancel_request(body: &[u8]) -> Step<Greeting> {
    match body.as_chunks::<4>() {
        ([pid, secret], []) => Ok(Greeting::Cancel {
            pid: i32::from_be_bytes(*pid),
            secret: i32::from_be_bytes(*secret),
        }),
        _ => Err(Failure::Gone),
    }
}

async fn client<R: AsyncWrite + Unpin>(
    version: i32,
    body: &[u8],
    outbox: &mut Outbox<R>,
) -> Step<Greeting> {
    if version >> 16 != 3 {
        let (major, minor) = (version >> 16, version & 0xffff);
        let message =
            format!("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.0");
        let error = SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message);
        return Err(Failure::Fatal(error));
    }
    let pairs = pairs(body).map_err(Failure::Fatal)?;
    let is_extension = |name: &str| name.starts_with("_pq_.");
    let unknown: Vec<String> =
        pairs.iter().filter(|(name, _)| is_extension(name)).map(|(name, _)| name.clone()).collect();
    if version != PROTOCOL_3_0 || !unknown.is_empty() {
        outbox.send(&NegotiateProtocolVersion::new(PROTOCOL_3_0, unknown))?;
    }
    who(pairs).map(Greeting::Client).map_err(Failure::Fatal)
}

/// Names and values, each ended by a NUL, until an empty name.
fn pairs(body: &[u8]) -> Result<Vec<(String, String)>> {
    let invalid = || violation("invalid startup packet layout: expected terminator as last byte");
    let mut texts = body.split(|byte| *byte == 0);
    let mut pairs = Vec::new();
    loop {
        let name = utf8(texts.next().ok_or_else(invalid)?)?;
        if name.is_empty() {
            return Ok(pairs);
        }
        let value = utf8(texts.next().ok_or_else(invalid)?)?;
        pairs.push((name.to_owned(), value.to_owned()));
    }
}

fn who(pairs: Vec<(String, String)>) -> Result<Client> {
    let (mut user, mut database, mut settings) = (String::new(), String::new(), Vec::new());
    for (name, value) in pairs {
        match name.as_str() {
            "user" => user = value,
            "database" => database = value,
            "options" => settings.extend(options(&value)?),
            "replication" if !matches!(value.as_str(), "false" | "off" | "no" | "0") => {
                return Err(SqlError::unsupported("replication"));
            }
            "replication" => {}
            name if name.starts_with("_pq_.") => {}
            _ => settings.push((name, value)),
        }
    }
    if user.is_empty() {
        let message = "no PostgreSQL user name specified in startup packet";
        return Err(SqlError::new(SqlState::INVALID_AUTHORIZATION, message));
    }
    if database.is_empty() {
        database.clone_from(&user);
    }
    Ok(Client { user, database, settings })
}

/// `-c name=value --other-name=value`, where a backslash takes the next character as it is.
fn options(text: &str) -> Result<Vec<(String, String)>> {
    let mut settings = Vec::new();
    let mut words = words(text).into_iter();
    while let Some(word) = words.next() {
        let pair = match word.as_str() {
            "-c" => words.next(),
            _ => word.strip_prefix("-c").or_else(|| word.strip_prefix("--")).map(str::to_owned),
        };
        let pair = pair.as_deref().and_then(|pair| pair.split_once('='));
        let (name, value) = pair.ok_or_else(|| {
            let message = format!("invalid command-line argument for server process: {word}");
            SqlError::new(SqlState::SYNTAX_ERROR, message)
        })?;
        settings.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(settings)
}

fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut escaped) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        if c.is_ascii_whitespace() && !escaped {
            words.push(std::mem::take(&mut word));
        } else if c == '\\' && !escaped {
            escaped = true;
            continue;
        } else {
            word.push(c);
        }
        escaped = false;
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_as_libpq_sends_them() {
        let read = options("-c a.b=1 --statement-timeout=5s  -csearch_path=x\\ y").unwrap();
        let expected = [("a.b", "1"), ("statement_timeout", "5s"), ("search_path", "x y")];
        let expected: Vec<_> =
            expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        assert_eq!(read, expected);
        assert!(options("-x").is_err());
        assert!(options("-c").is_err());
    }

    #[test]
    fn who_is_it() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let client = who(vec![pair("user", "ada"), pair("application_name", "psql")]).unwrap();
        assert_eq!((client.user.as_str(), client.database.as_str()), ("ada", "ada"));
        assert_eq!(client.settings, [pair("application_name", "psql")]);
        assert_eq!(who(vec![]).unwrap_err().state, SqlState::INVALID_AUTHORIZATION);
        assert!(pairs(b"user\0ada").is_err());
        assert_eq!(pairs(b"user\0ada\0\0").unwrap(), [pair("user", "ada")]);
    }
}
