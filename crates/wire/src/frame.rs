//! Bytes from the socket, cut into frames.
//!
//! A frame's length is checked before its bytes are kept, and a large one waits for its share of
//! the bytes that all connections may have in flight, so that lengths that lie cost nothing.
//! Every method can be dropped while it waits and called again: what was read stays here.

use crate::failure::{Failure, Step, violation};
use crate::limits::WireLimits;
use bytes::{Buf, Bytes, BytesMut};
use cvx_types::{SqlError, SqlState};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Postgres' own bound for what comes before a client is known.
const STARTUP_BYTES_MAX: usize = 10_000;
/// Frames below this size take no share of the budget.
const SMALL_FRAME_BYTES: usize = 64 << 10;
/// How far the socket is read while a statement runs.
const READ_AHEAD_BYTES: usize = 64 << 10;
/// A buffer that grew beyond this for one frame is given back.
const KEPT_BYTES: usize = 256 << 10;
/// One permit of the budget.
const PERMIT_BYTES: usize = 1 << 10;

/// One message, undecoded.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) tag: u8,
    pub(crate) body: Bytes,
    /// Its share of the budget, given back with it.
    _share: Option<OwnedSemaphorePermit>,
}

#[cfg(test)]
impl Frame {
    pub(crate) fn of(tag: u8, body: &[u8]) -> Self {
        Self { tag, body: Bytes::copy_from_slice(body), _share: None }
    }
}

#[derive(Debug)]
pub(crate) struct Frames<R> {
    reader: R,
    buffer: BytesMut,
    message_bytes_max: usize,
    budget: Arc<Budget>,
    share: Option<OwnedSemaphorePermit>,
}

/// The bytes that all connections together may be receiving in large frames.
#[derive(Debug)]
pub(crate) struct Budget {
    permits: Arc<Semaphore>,
    all: usize,
}

impl Budget {
    pub(crate) fn new(limits: &WireLimits) -> Self {
        let all = (limits.inflight_bytes_max / PERMIT_BYTES).clamp(1, Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(all)), all }
    }

    async fn share(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        // One frame may take all there is, never wait for more.
        let permits = bytes.div_ceil(PERMIT_BYTES).min(self.all);
        let permits = u32::try_from(permits).unwrap_or(u32::MAX);
        self.permits.clone().acquire_many_owned(permits).await.ok()
    }
}

impl<R: AsyncRead + Unpin> Frames<R> {
    /// Of a stranger, whose messages must be short.
    pub(crate) fn new(reader: R, limits: &WireLimits, budget: Arc<Budget>) -> Self {
        let message_bytes_max = STARTUP_BYTES_MAX.min(limits.message_bytes_max);
        Self { reader, buffer: BytesMut::new(), message_bytes_max, budget, share: None }
    }

    /// What was read of the socket before.
    pub(crate) fn with_first(mut self, first: &[u8]) -> Self {
        self.buffer.extend_from_slice(first);
        self
    }

    /// The client is known: its messages may be as long as this.
    pub(crate) fn admit(&mut self, message_bytes_max: usize) {
        self.message_bytes_max = message_bytes_max;
    }

    /// The next frame; `None` where the client closed between two.
    pub(crate) async fn next(&mut self) -> Step<Option<Frame>> {
        loop {
            let total = self.announced()?;
            if let Some(total) = total.filter(|total| self.buffer.len() >= *total) {
                return Ok(Some(self.take(total)));
            }
            if let Some(total) = total.filter(|total| *total > SMALL_FRAME_BYTES) {
                if self.share.is_none() {
                    self.share = self.budget.share(total).await;
                }
                let missing = total - self.buffer.len();
                self.buffer.reserve(missing.min(KEPT_BYTES));
            }
            if self.read().await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(Failure::Gone) };
            }
        }
    }

    /// The startup phase's packet, which has no tag: what follows its length.
    pub(crate) async fn next_startup(&mut self) -> Step<Option<Bytes>> {
        loop {
            if let Some((length, _)) = self.buffer.split_first_chunk::<4>() {
                let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
                if !(8..=STARTUP_BYTES_MAX).contains(&length) {
                    return Err(Failure::Fatal(violation("invalid length of startup packet")));
                }
                if self.buffer.len() >= length {
                    let mut packet = self.buffer.split_to(length);
                    packet.advance(4);
                    return Ok(Some(packet.freeze()));
                }
            }
            if self.read().await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(Failure::Gone) };
            }
        }
    }

    /// The tag of the next frame, once its first byte is here; `None` where the client closed.
    pub(crate) async fn peek_tag(&mut self) -> Option<u8> {
        while self.buffer.is_empty() {
            if self.read().await.unwrap_or(0) == 0 {
                return None;
            }
        }
        self.buffer.first().copied()
    }

    /// Returns when the client has closed its side. Reads ahead to see that, up to a bound.
    pub(crate) async fn gone(&mut self) {
        while self.buffer.len() < READ_AHEAD_BYTES {
            if self.read().await.unwrap_or(0) == 0 {
                return;
            }
        }
        std::future::pending().await
    }

    /// Reads and forgets until the client closes.
    pub(crate) async fn discard(&mut self) {
        loop {
            self.buffer.clear();
            if self.read().await.unwrap_or(0) == 0 {
                return;
            }
        }
    }

    async fn read(&mut self) -> std::io::Result<usize> {
        // Small for a client that sends little, larger for one that fills what it is given.
        let more = if self.buffer.len() < 4096 { 8 << 10 } else { SMALL_FRAME_BYTES };
        self.buffer.reserve(more);
        self.reader.read_buf(&mut self.buffer).await
    }

    /// The length of the frame that begins the buffer, its tag included.
    fn announced(&self) -> Step<Option<usize>> {
        let Some(([_, length @ ..], _)) = self.buffer.split_first_chunk::<5>() else {
            return Ok(None);
        };
        let length = usize::try_from(i32::from_be_bytes(*length)).ok().filter(|n| *n >= 4);
        let length = length.ok_or_else(|| Failure::Fatal(violation("invalid message length")))?;
        if length > self.message_bytes_max {
            let max = self.message_bytes_max;
            let message = format!("a message of {length} bytes exceeds the limit of {max}");
            let error = SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message);
            return Err(Failure::Fatal(error));
        }
        Ok(Some(1 + length))
    }

    fn take(&mut self, total: usize) -> Frame {
        let mut frame = self.buffer.split_to(total);
        let tag = frame.first().copied().unwrap_or_default();
        frame.advance(5);
        if total > KEPT_BYTES {
            self.buffer = BytesMut::from(self.buffer.as_ref());
        }
        Frame { tag, body: frame.freeze(), _share: self.share.take() }
    }
}
