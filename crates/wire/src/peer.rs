//! The client while the session works for it.
//!
//! [`Peer::attend`] waits for work and at the same time for reasons to stop it: a cancel request,
//! `statement_timeout` (both set the session's token), a closed socket, the end of a shutdown's
//! patience. Work that is to stop gets a moment to end by itself, so that a statement that is
//! just committing can say so; then it is dropped.

use crate::backends::Backend;
use crate::failure::{Failure, Step, shutting_down};
use crate::frame::{Frame, Frames};
use cvx_core::Stop;
use cvx_types::{SqlError, SqlState};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// How often the token is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// How long work that was told to stop may take to do so by itself.
const GRACE: Duration = Duration::from_millis(100);

/// 25P03
const IDLE_IN_TRANSACTION_TIMEOUT: SqlState = SqlState("25P03");

/// How far a server is in stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Open,
    /// Statements may finish; idle connections are closed.
    Draining,
    /// Statements are stopped.
    Over,
}

#[derive(Debug)]
pub(crate) struct Peer<R> {
    pub(crate) frames: Frames<R>,
    pub(crate) backend: Backend,
    pub(crate) phase: watch::Receiver<Phase>,
}

impl<R: AsyncRead + Unpin> Peer<R> {
    /// Waits for `work`, unless it has to be stopped.
    pub(crate) async fn attend<T>(&mut self, work: impl Future<Output = T>) -> Step<T> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = self.frames.gone() => {
                    // Whatever computes for this statement elsewhere sees the token.
                    self.backend.token.cancel();
                    return Err(Failure::Gone);
                }
                () = self.backend.woken.notified() => {}
                () = sleep(LOOK_EVERY) => {}
            }
            if self.backend.token.stopped().is_some() {
                let done = timeout(GRACE, work).await;
                return done.map_err(|_| self.stopped());
            }
        }
    }

    /// The next frame in the middle of a statement (a COPY), unless that has to be stopped.
    pub(crate) async fn next_of_statement(&mut self) -> Step<Frame> {
        loop {
            tokio::select! {
                biased;
                frame = self.frames.next() => return frame?.ok_or(Failure::Gone),
                () = self.backend.woken.notified() => {}
                () = sleep(LOOK_EVERY) => {}
            }
            self.check()?;
        }
    }

    /// The next frame between statements; the server's shutdown ends the wait, and so does the time
    /// that a client may leave its transaction open.
    pub(crate) async fn next_when_idle(
        &mut self,
        at_most: Option<Duration>,
    ) -> Step<Option<Frame>> {
        let patience = async {
            match at_most {
                Some(time) => sleep(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            frame = self.frames.next() => frame,
            _ = self.phase.wait_for(|phase| *phase != Phase::Open) => Err(shutting_down()),
            () = patience => {
                let message = "terminating connection due to idle-in-transaction timeout";
                Err(Failure::Fatal(SqlError::new(IDLE_IN_TRANSACTION_TIMEOUT, message)))
            }
        }
    }

    /// The next frame where the client owes one: only the end of a shutdown's patience ends the
    /// wait.
    pub(crate) async fn next_when_expected(&mut self) -> Step<Option<Frame>> {
        tokio::select! {
            biased;
            frame = self.frames.next() => frame,
            _ = self.phase.wait_for(|phase| *phase == Phase::Over) => Err(shutting_down()),
        }
    }

    /// An error if the statement has to be stopped.
    pub(crate) fn check(&self) -> Step<()> {
        if self.backend.token.stopped().is_some() { Err(self.stopped()) } else { Ok(()) }
    }

    /// A message is worked on from here: requests to cancel earlier ones are void.
    pub(crate) fn begin(&self) {
        self.backend.token.start();
        self.backend.busy.store(true, Ordering::Release);
    }

    pub(crate) fn end(&self) {
        self.backend.busy.store(false, Ordering::Release);
    }

    fn stopped(&self) -> Failure {
        if *self.phase.borrow() == Phase::Over {
            return shutting_down();
        }
        let why = match self.backend.token.stopped() {
            Some(Stop::TimedOut) => "statement timeout",
            Some(Stop::OutOfMemory) => {
                let error = SqlError::new(SqlState::OUT_OF_MEMORY, "out of memory");
                return Failure::Statement(error);
            }
            Some(Stop::Cancelled) | None => "user request",
        };
        let message = format!("canceling statement due to {why}");
        Failure::Statement(SqlError::new(SqlState::QUERY_CANCELED, message))
    }
}
