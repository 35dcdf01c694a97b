//! A client of bytes: what no driver would send, sent.

use crate::fake::Server;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    pub(crate) pid: i32,
    pub(crate) secret: i32,
}

/// A message of the server: its tag and body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) tag: char,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A field of an ErrorResponse or NoticeResponse.
    pub(crate) fn field(&self, code: char) -> String {
        let fields = self.body.split(|b| *b == 0);
        let found = fields.filter_map(|f| f.split_first()).find(|(c, _)| char::from(**c) == code);
        found.map(|(_, text)| String::from_utf8_lossy(text).into_owned()).unwrap_or_default()
    }

    /// The body as text, up to its NUL.
    pub(crate) fn text(&self) -> String {
        let text = self.body.split(|b| *b == 0).next().unwrap();
        String::from_utf8_lossy(text).into_owned()
    }
}

/// A frontend message.
pub(crate) fn message(tag: char, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(tag).unwrap()];
    bytes.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    bytes.extend(body);
    bytes
}

pub(crate) fn query(sql: &str) -> Vec<u8> {
    message('Q', format!("{sql}\0").as_bytes())
}

pub(crate) fn parse(name: &str, sql: &str, oids: &[u32]) -> Vec<u8> {
    let mut body = format!("{name}\0{sql}\0").into_bytes();
    body.extend(u16::try_from(oids.len()).unwrap().to_be_bytes());
    oids.iter().for_each(|oid| body.extend(oid.to_be_bytes()));
    message('P', &body)
}

/// A Bind of text parameters and no result formats.
pub(crate) fn bind(portal: &str, statement: &str, params: &[&str]) -> Vec<u8> {
    let mut body = format!("{portal}\0{statement}\0").into_bytes();
    body.extend(0u16.to_be_bytes());
    body.extend(u16::try_from(params.len()).unwrap().to_be_bytes());
    for param in params {
        body.extend(u32::try_from(param.len()).unwrap().to_be_bytes());
        body.extend(param.as_bytes());
    }
    body.extend(0u16.to_be_bytes());
    message('B', &body)
}

pub(crate) fn execute(portal: &str, rows_max: i32) -> Vec<u8> {
    let mut body = format!("{portal}\0").into_bytes();
    body.extend(rows_max.to_be_bytes());
    message('E', &body)
}

pub(crate) fn sync() -> Vec<u8> {
    message('S', &[])
}

pub(crate) fn startup(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut body = (3i32 << 16).to_be_bytes().to_vec();
    for (name, value) in pairs {
        body.extend(format!("{name}\0{value}\0").into_bytes());
    }
    body.push(0);
    let mut bytes = u32::try_from(body.len() + 4).unwrap().to_be_bytes().to_vec();
    bytes.extend(body);
    bytes
}

impl Raw {
    pub(crate) async fn dial(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), pid: 0, secret: 0 }
    }

    /// A connection that is let in.
    pub(crate) async fn connect(server: &Server) -> Self {
        let mut raw = Self::dial(server.address).await;
        raw.send(&startup(&[("user", "ada"), ("database", "cvx")])).await;
        for answer in raw.until_ready().await {
            if answer.tag == 'K' {
                let (numbers, _) = answer.body.as_chunks::<4>();
                raw.pid = i32::from_be_bytes(numbers[0]);
                raw.secret = i32::from_be_bytes(numbers[1]);
            }
        }
        raw
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next message; `None` when the server closed.
    pub(crate) async fn next(&mut self) -> Option<Answer> {
        let read = async {
            let mut head = [0; 5];
            self.stream.read_exact(&mut head).await.ok()?;
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
            let mut body = vec![0; usize::try_from(length).unwrap() - 4];
            self.stream.read_exact(&mut body).await.ok()?;
            Some(Answer { tag: char::from(head[0]), body })
        };
        timeout(Duration::from_secs(10), read).await.expect("an answer within 10 s")
    }

    /// All messages up to ReadyForQuery, which is the last.
    pub(crate) async fn until_ready(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        loop {
            let answer = self.next().await.expect("ReadyForQuery before the end");
            let ready = answer.tag == 'Z';
            answers.push(answer);
            if ready {
                return answers;
            }
        }
    }

    /// Sends, and gives the tags of the answer up to ReadyForQuery.
    pub(crate) async fn tags(&mut self, bytes: &[u8]) -> String {
        self.send(bytes).await;
        self.until_ready().await.iter().map(|a| a.tag).collect()
    }

    /// All messages until the server closes.
    pub(crate) async fn until_closed(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        while let Some(answer) = self.next().await {
            answers.push(answer);
        }
        answers
    }
}

/// Sends a cancel request and waits until the server has closed that connection.
pub(crate) async fn cancel(address: SocketAddr, pid: i32, secret: i32) {
    let mut raw = Raw::dial(address).await;
    let mut bytes = 16i32.to_be_bytes().to_vec();
    for number in [80_877_102, pid, secret] {
        bytes.extend(number.to_be_bytes());
    }
    raw.send(&bytes).await;
    assert_eq!(raw.next().await, None);
}
