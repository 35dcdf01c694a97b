//! One connection to a server, after the login.

use super::fault::Fault;
use super::interrupt::CancelKey;
use super::stream::Stream;
use crate::error::{Error, Result};
use crate::target::Target;
use bytes::{BufMut as _, BytesMut};
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::{DataRowBody, Message};
use postgres_protocol::message::frontend;
use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};

/// How much is read from the socket at once.
const READ_BYTES: usize = 64 << 10;

/// Where the session stands between BEGIN and COMMIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transaction {
    None,
    Open,
    Failed,
}

/// A row as text, NULL as `None`.
pub(crate) type Row = Vec<Option<String>>;

#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) stream: Stream,
    pub(super) inbox: BytesMut,
    pub(super) outbox: BytesMut,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) key: Option<CancelKey>,
    pub(super) transaction: Transaction,
}

impl Connection {
    pub(super) fn over(stream: Stream) -> Self {
        Self {
            stream,
            inbox: BytesMut::with_capacity(READ_BYTES),
            outbox: BytesMut::new(),
            parameters: BTreeMap::new(),
            key: None,
            transaction: Transaction::None,
        }
    }

    /// Connects and logs in. `ask` is called where the server wants a password and none is given.
    pub(crate) fn open(
        target: &Target,
        ask: &mut dyn FnMut() -> Option<String>,
    ) -> Result<Connection> {
        super::login::login(target, ask)
    }

    pub(crate) fn transaction(&self) -> Transaction {
        self.transaction
    }

    pub(crate) fn cancel_key(&self) -> Option<CancelKey> {
        self.key.clone()
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// What the server said of itself, such as `server_version`.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Sends statements; the answers are read by [`Self::next`] up to ReadyForQuery.
    pub(crate) fn send_query(&mut self, sql: &str) -> Result<()> {
        let sent = frontend::query(sql, &mut self.outbox);
        sent.map_err(|error| Error::Usage(format!("the statement cannot be sent: {error}")))?;
        self.flush()
    }

    /// The next message but for changes of parameters, which are kept.
    pub(crate) fn next(&mut self) -> Result<Message> {
        loop {
            match Message::parse(&mut self.inbox).map_err(|error| Error::lost(&error))? {
                Some(Message::ParameterStatus(body)) => {
                    let text = |text: io::Result<&str>| text.unwrap_or_default().to_owned();
                    self.parameters.insert(text(body.name()), text(body.value()));
                }
                Some(Message::ReadyForQuery(body)) => {
                    self.transaction = match body.status() {
                        b'T' => Transaction::Open,
                        b'E' => Transaction::Failed,
                        _ => Transaction::None,
                    };
                    return Ok(Message::ReadyForQuery(body));
                }
                Some(message) => return Ok(message),
                None => self.fill()?,
            }
        }
    }

    fn fill(&mut self) -> Result<()> {
        let mut chunk = [0; READ_BYTES];
        let count = self.stream.read(&mut chunk).map_err(|error| Error::lost(&error))?;
        if count == 0 {
            return Err(Error::lost(&io::ErrorKind::UnexpectedEof.into()));
        }
        self.inbox.put_slice(&chunk[..count]);
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        let sent = self.stream.write_all(&self.outbox).and_then(|()| self.stream.flush());
        self.outbox.clear();
        sent.map_err(|error| Error::lost(&error))
    }

    /// One piece of a COPY's data.
    pub(crate) fn copy_data(&mut self, data: &[u8]) -> Result<()> {
        let message = frontend::CopyData::new(data).map_err(|error| Error::lost(&error))?;
        message.write(&mut self.outbox);
        self.flush()
    }

    pub(crate) fn copy_done(&mut self) -> Result<()> {
        frontend::copy_done(&mut self.outbox);
        self.flush()
    }

    /// Ends a COPY so that nothing of it is kept.
    pub(crate) fn copy_fail(&mut self, why: &str) -> Result<()> {
        frontend::copy_fail(why, &mut self.outbox).map_err(|error| Error::lost(&error))?;
        self.flush()
    }

    /// Whether the server has spoken though it was not asked: in a COPY, to refuse a row.
    pub(crate) fn has_word(&self) -> bool {
        !self.inbox.is_empty() || self.stream.has_word()
    }

    /// The rows of a short query of the shell's own. Notices on it are of no interest.
    pub(crate) fn rows(&mut self, sql: &str) -> Result<Vec<Row>> {
        self.send_query(sql)?;
        let (mut rows, mut failed) = (Vec::new(), None);
        loop {
            match self.next()? {
                Message::DataRow(body) => rows.push(texts(&body)?),
                Message::ErrorResponse(body) => failed = Some(Fault::read(body.fields())),
                Message::ReadyForQuery(_) => break,
                _ => {}
            }
        }
        failed.map_or(Ok(rows), |fault| Err(fault.into()))
    }

    /// The first value of a query of the shell's own.
    pub(crate) fn value(&mut self, sql: &str) -> Result<Option<String>> {
        Ok(self.rows(sql)?.into_iter().next().and_then(|row| row.into_iter().next().flatten()))
    }

    /// Says goodbye. The server may be gone: that is no matter.
    pub(crate) fn close(mut self) {
        frontend::terminate(&mut self.outbox);
        let _ = self.flush();
    }
}

/// The values of a row.
pub(crate) fn texts(body: &DataRowBody) -> Result<Row> {
    let text =
        |range: std::ops::Range<usize>| String::from_utf8_lossy(&body.buffer()[range]).into_owned();
    let values = body.ranges().map(|range| Ok(range.map(text))).collect();
    values.map_err(|error| Error::lost(&error))
}
