//! Bytes on their way to the client.
//!
//! Messages are gathered and written in large pieces. A flush can be dropped while it waits: what
//! was written is gone from the buffer, the rest stays, and no message is cut.

use bytes::{BufMut, BytesMut};
use cvx_types::{Result, SqlError, SqlState};
use pgwire::messages::Message;
use tokio::io::{AsyncWrite, AsyncWriteExt};

#[derive(Debug)]
pub(crate) struct Outbox<W> {
    writer: W,
    buffer: BytesMut,
    flush_bytes: usize,
}

impl<W: AsyncWrite + Unpin> Outbox<W> {
    pub(crate) fn new(writer: W, flush_bytes: usize) -> Self {
        Self { writer, buffer: BytesMut::new(), flush_bytes }
    }

    /// Adds a message; one that is too long for the protocol is 54000 and leaves nothing.
    pub(crate) fn send(&mut self, message: &impl Message) -> Result<()> {
        let start = self.buffer.len();
        message.encode(&mut self.buffer).map_err(|error| {
            self.buffer.truncate(start);
            SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, error.to_string())
        })
    }

    /// Adds a message whose body `write` appends; on error nothing of it stays.
    pub(crate) fn send_with<T>(
        &mut self,
        tag: u8,
        write: impl FnOnce(&mut BytesMut) -> Result<T>,
    ) -> Result<T> {
        let start = self.buffer.len();
        self.buffer.put_u8(tag);
        self.buffer.put_i32(0);
        let written = write(&mut self.buffer).and_then(|value| {
            let length = i32::try_from(self.buffer.len() - start - 1);
            Ok((value, length.map_err(|_| too_long())?))
        });
        match written {
            Ok((value, length)) => {
                if let Some(place) = self.buffer.get_mut(start + 1..start + 5) {
                    place.copy_from_slice(&length.to_be_bytes());
                }
                Ok(value)
            }
            Err(error) => {
                self.buffer.truncate(start);
                Err(error)
            }
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.buffer.len() >= self.flush_bytes
    }

    pub(crate) async fn flush(&mut self) -> std::io::Result<()> {
        while !self.buffer.is_empty() {
            if self.writer.write_buf(&mut self.buffer).await? == 0 {
                return Err(std::io::ErrorKind::WriteZero.into());
            }
        }
        // One wide row must not be paid for by an idle connection.
        if self.buffer.capacity() > self.flush_bytes * 4 {
            self.buffer = BytesMut::new();
        }
        self.writer.flush().await
    }

    /// Says that nothing follows.
    pub(crate) async fn close(&mut self) {
        // The client may be gone already; then there is nothing to close.
        let _ = self.writer.shutdown().await;
    }
}

fn too_long() -> SqlError {
    SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "a message is longer than 2 GiB")
}
