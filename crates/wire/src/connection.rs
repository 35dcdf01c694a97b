//! One client: frames in, answers out, until either side ends it.
//!
//! Each frame is handled under `catch_unwind`. What goes wrong is answered in one place,
//! [`Connection::refuse`]; in the extended protocol everything up to the next Sync is then
//! skipped. `batch_open` says that statements since the last Sync are one implicit transaction.

use crate::backends::Entry;
use crate::failure::{Failure, Step, error_response, notice_response, panicked, violation};
use crate::frame::{Frame, Frames};
use crate::limits::WireLimits;
use crate::outbox::Outbox;
use crate::peer::{Peer, Phase};
use crate::portal::Portals;
use crate::request::Request;
use cvx_session::{Outcome, Prepared, Session, TxnStatus};
use cvx_types::{Datum, Result, SqlError};
use futures::FutureExt;
use pgwire::messages::response::{ReadyForQuery, TransactionStatus};
use pgwire::messages::startup::ParameterStatus;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a client that is cut off may take to read why.
const LINGER: Duration = Duration::from_millis(500);

pub(crate) struct Connection<R, W> {
    pub(crate) peer: Peer<R>,
    pub(crate) outbox: Outbox<W>,
    pub(crate) session: Box<dyn Session>,
    pub(crate) portals: Portals,
    pub(crate) limits: Arc<WireLimits>,
    /// Statements since the last Sync are one implicit transaction.
    pub(crate) batch_open: bool,
    /// A COPY FROM STDIN has begun, and was neither finished nor aborted.
    pub(crate) copying: bool,
    /// An error was answered; messages are dropped until Sync.
    skipping: bool,
    /// The client was told that we are ready, and has not asked since.
    idle: bool,
    _entry: Entry,
}

/// What to do after a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    GoOn,
    Close,
}

impl<R, W> Connection<R, W>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    pub(crate) fn new(
        frames: Frames<R>,
        outbox: Outbox<W>,
        mut session: Box<dyn Session>,
        entry: Entry,
        phase: watch::Receiver<Phase>,
        limits: Arc<WireLimits>,
    ) -> Self {
        session.statements().limit(limits.statements_max);
        let peer = Peer { frames, backend: entry.backend.clone(), phase };
        Self {
            peer,
            outbox,
            session,
            portals: Portals::new(limits.portals_max),
            limits,
            batch_open: false,
            copying: false,
            skipping: false,
            idle: false,
            _entry: entry,
        }
    }

    /// Serves until the end.
    pub(crate) async fn run(mut self) {
        let failure = loop {
            match self.step().await {
                Ok(Next::GoOn) => {}
                Ok(Next::Close) => break Failure::Gone,
                Err(failure) => break failure,
            }
        };
        if std::mem::take(&mut self.copying) {
            // A panic here ends what is over anyway.
            let _ = AssertUnwindSafe(self.session.copy_abort()).catch_unwind().await;
        }
        // The session's work is undone before the client learns that it is.
        drop(self.session);
        if let Failure::Fatal(error) | Failure::Statement(error) = failure {
            say_goodbye(&mut self.peer.frames, &mut self.outbox, &error).await;
        }
    }

    /// Takes and answers one message.
    async fn step(&mut self) -> Step<Next> {
        let frame = if self.idle {
            let in_transaction = self.session.status() != TxnStatus::Idle;
            let at_most = self.session.idle_in_transaction_timeout().filter(|_| in_transaction);
            self.peer.next_when_idle(at_most).await?
        } else {
            self.peer.next_when_expected().await?
        };
        let Some(frame) = frame else { return Ok(Next::Close) };
        self.idle = false;
        self.peer.begin();
        let handled = AssertUnwindSafe(self.handle(&frame)).catch_unwind().await;
        let handled = handled.unwrap_or_else(|payload| Err(panicked(&*payload).into()));
        let answered = match handled {
            Err(Failure::Statement(error)) => {
                let refused = AssertUnwindSafe(self.refuse(frame.tag, error)).catch_unwind().await;
                // A session that panics twice is beyond use.
                refused.unwrap_or_else(|payload| Err(Failure::Fatal(panicked(&*payload))))
            }
            other => other,
        };
        self.peer.end();
        answered
    }

    async fn handle(&mut self, frame: &Frame) -> Step<Next> {
        if self.skipping && !matches!(frame.tag, b'S' | b'X') {
            return Ok(Next::GoOn);
        }
        match Request::decode(frame)? {
            Request::Query(sql) => self.query(&sql).await?,
            Request::Parse(parse) => self.parse(parse).await?,
            Request::Bind(bind) => self.bind(bind)?,
            Request::Describe(describe) => self.describe(&describe)?,
            Request::Execute(execute) => self.execute(execute).await?,
            Request::Close(close) => self.close(&close)?,
            Request::Flush => self.flush().await?,
            Request::Sync => self.sync().await?,
            // What a client still sent of a COPY that failed.
            Request::CopyData(_) | Request::CopyDone | Request::CopyFail(_) => {}
            Request::Terminate => return Ok(Next::Close),
            Request::Other(tag) => {
                let message = format!("invalid frontend message type {tag}");
                return Err(Failure::Fatal(violation(message)));
            }
        }
        Ok(Next::GoOn)
    }

    /// Answers an error, and undoes what the statement began.
    async fn refuse(&mut self, tag: u8, error: SqlError) -> Step<Next> {
        // Not its words, which may repeat the statement's, and with it a password.
        tracing::debug!(state = error.state.0, "refused");
        if std::mem::take(&mut self.copying) {
            self.session.copy_abort().await;
        }
        self.session.fail();
        if std::mem::take(&mut self.batch_open) {
            // What failed is reported already.
            if let Err(later) = self.session.end_batch(false).await {
                tracing::warn!(error = %later, "a batch could not be dropped");
            }
        }
        self.drop_portals_outside_blocks();
        self.report()?;
        self.outbox.send(&error_response(&error, "ERROR"))?;
        if Request::is_extended(tag) && tag != b'S' {
            self.skipping = true;
            self.flush().await?;
        } else {
            self.ready().await?;
        }
        Ok(Next::GoOn)
    }

    /// Sync: the implicit transaction ends, errors are forgotten.
    async fn sync(&mut self) -> Step<()> {
        self.skipping = false;
        self.end_batch().await?;
        self.ready().await
    }

    /// Commits the implicit transaction, if one is open.
    pub(crate) async fn end_batch(&mut self) -> Step<()> {
        if std::mem::take(&mut self.batch_open) {
            self.peer.attend(self.session.end_batch(true)).await??;
        }
        Ok(())
    }

    /// Opens the implicit transaction, unless there is a transaction already.
    pub(crate) fn begin_batch(&mut self) {
        if !self.batch_open {
            self.session.begin_batch();
            self.batch_open = true;
        }
    }

    pub(crate) async fn prepare(
        &mut self,
        sql: &str,
        types: &[Option<cvx_types::PgType>],
    ) -> Step<Prepared> {
        Ok(self.peer.attend(self.session.prepare(sql, types)).await??)
    }

    pub(crate) async fn start(&mut self, statement: &Prepared, params: &[Datum]) -> Step<Outcome> {
        // A statement clears the token when it begins: a cancel that came while it was planned
        // would be lost.
        self.peer.check()?;
        Ok(self.peer.attend(self.session.execute(statement, params)).await??)
    }

    /// ReadyForQuery, and everything said so far is on its way.
    pub(crate) async fn ready(&mut self) -> Step<()> {
        self.drop_portals_outside_blocks();
        self.report()?;
        let status = match self.session.status() {
            TxnStatus::Idle => TransactionStatus::Idle,
            TxnStatus::InTransaction => TransactionStatus::Transaction,
            TxnStatus::Failed => TransactionStatus::Error,
        };
        self.outbox.send(&ReadyForQuery::new(status))?;
        self.flush().await?;
        self.idle = true;
        Ok(())
    }

    /// Portals end with their transaction. In one that failed they wait: it may go back to a
    /// savepoint and on from there.
    fn drop_portals_outside_blocks(&mut self) {
        if self.session.status() == TxnStatus::Idle {
            self.portals.clear();
        }
    }

    pub(crate) async fn flush(&mut self) -> Step<()> {
        // Nothing is stopped by a cancel here: the answer is ready and only has to leave. A client
        // that does not read waits for the end of a shutdown's patience.
        tokio::select! {
            biased;
            flushed = self.outbox.flush() => Ok(flushed?),
            _ = self.peer.phase.wait_for(|phase| *phase == Phase::Over) => Err(Failure::Gone),
        }
    }

    /// Notices and changed parameters since the last time.
    pub(crate) fn report(&mut self) -> Result<()> {
        for notice in self.session.take_notices() {
            self.outbox.send(&notice_response(&notice))?;
        }
        for (name, value) in self.session.take_parameters() {
            self.outbox.send(&ParameterStatus::new(name, value))?;
        }
        Ok(())
    }
}

/// Tells a client why it is cut off, and waits a moment for it to read that: a socket closed with
/// bytes unread is reset, and what was said last is lost.
pub(crate) async fn say_goodbye<R, W>(
    frames: &mut Frames<R>,
    outbox: &mut Outbox<W>,
    error: &SqlError,
) where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    tracing::debug!(%error, "connection ended");
    let words = async {
        if outbox.send(&error_response(error, "FATAL")).is_ok() && outbox.flush().await.is_ok() {
            outbox.close().await;
            frames.discard().await;
        }
    };
    // Whoever does not read within that time has lost the message.
    let _ = timeout(LINGER, words).await;
}
