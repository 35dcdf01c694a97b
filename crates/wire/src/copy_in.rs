//! COPY FROM STDIN: the client's data through the decoder into the session.
//!
//! An error ends the COPY at once. What the client still sends of it is dropped by
//! [`Connection::handle`], as Postgres does: until Sync in the extended protocol, message by
//! message in the simple one.

use crate::connection::Connection;
use crate::copy::CopyDecoder;
use crate::failure::{Failure, Step, violation};
use crate::request::Request;
use crate::rows::column_count;
use cvx_session::{CopyFormat, CopyIn};
use cvx_types::forms::shortened;
use cvx_types::{SqlError, SqlState};
use pgwire::messages::copy::CopyInResponse;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

impl<R, W> Connection<R, W>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    /// Takes all rows; says the tag.
    pub(crate) async fn copy_in(&mut self, copy: &CopyIn) -> Step<String> {
        // Until this is taken back, whatever fails aborts the COPY.
        self.copying = true;
        let columns = column_count(copy.columns.len())?;
        let code = i8::from(copy.format == CopyFormat::Binary);
        let formats = vec![i16::from(code); usize::from(columns)];
        self.outbox.send(&CopyInResponse::new(code, columns.cast_signed(), formats))?;
        self.flush().await?;
        let settings = Arc::new(self.session.format_settings());
        let mut decoder = CopyDecoder::new(copy, &settings, self.limits.copy_row_bytes_max);
        while let Some(data) = self.next_copy_data().await? {
            let mut input = data.as_ref();
            while let Some(rows) = decoder.decode(&mut input)? {
                self.peer.check()?;
                self.peer.attend(self.session.copy_rows(rows)).await??;
            }
        }
        if let Some(rows) = decoder.finish()? {
            self.peer.attend(self.session.copy_rows(rows)).await??;
        }
        let tag = self.peer.attend(self.session.copy_finish()).await??;
        self.copying = false;
        Ok(tag)
    }

    /// The next piece of data; `None` at its end.
    async fn next_copy_data(&mut self) -> Step<Option<bytes::Bytes>> {
        loop {
            let frame = self.peer.next_of_statement().await?;
            match Request::decode(&frame)? {
                Request::CopyData(data) => return Ok(Some(data)),
                Request::CopyDone => return Ok(None),
                Request::CopyFail(why) => {
                    let message = format!("COPY from stdin failed: {}", shortened(&why));
                    return Err(SqlError::new(SqlState::QUERY_CANCELED, message).into());
                }
                // Drivers send the Sync of their Execute at once.
                Request::Flush | Request::Sync => {}
                Request::Terminate => return Err(Failure::Gone),
                _ => {
                    let tag = char::from(frame.tag);
                    let message =
                        format!("unexpected message type \"{tag}\" during COPY from stdin");
                    return Err(violation(message).into());
                }
            }
        }
    }
}
