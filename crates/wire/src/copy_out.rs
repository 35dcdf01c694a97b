//! COPY TO STDOUT: the session's batches through the encoder, one CopyData a row.

use crate::connection::Connection;
use crate::copy::CopyEncoder;
use crate::failure::Step;
use crate::rows::{column_count, encoders};
use cvx_session::{CopyFormat, RowStream};
use cvx_types::{Column, Encoder, Format};
use futures::StreamExt;
use pgwire::messages::copy::{CopyDone, CopyOutResponse};
use tokio::io::{AsyncRead, AsyncWrite};

impl<R, W> Connection<R, W>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    /// Sends all rows; says the tag.
    pub(crate) async fn copy_out(
        &mut self,
        columns: &[Column],
        mut rows: RowStream,
        format: CopyFormat,
    ) -> Step<String> {
        let mut encoder = CopyEncoder::new(format, columns);
        let fields = vec![encoder.field_format(); columns.len()];
        let code = i8::from(encoder.field_format() == Format::Binary);
        let count = column_count(columns.len())?;
        let codes = vec![i16::from(code); columns.len()];
        self.outbox.send(&CopyOutResponse::new(code, count.cast_signed(), codes))?;
        let settings = self.session.format_settings();
        if encoder.has_header() {
            self.outbox.send_with(b'd', |out| encoder.header(columns, out))?;
        }
        let mut sent: u64 = 0;
        while let Some(batch) = self.peer.attend(rows.next()).await? {
            let batch = batch?;
            let batch_fields = encoders(columns, &fields, &batch, &settings)?;
            for row in 0..batch.num_rows() {
                self.send_copy_row(&mut encoder, &batch_fields, row).await?;
                sent += 1;
            }
        }
        if encoder.has_trailer() {
            self.outbox.send_with(b'd', |out| encoder.trailer(out))?;
        }
        self.outbox.send(&CopyDone::new())?;
        Ok(format!("COPY {sent}"))
    }

    async fn send_copy_row(
        &mut self,
        encoder: &mut CopyEncoder,
        fields: &[Encoder],
        row: usize,
    ) -> Step<()> {
        self.outbox.send_with(b'd', |out| encoder.row(fields, row, out))?;
        if self.outbox.is_full() {
            self.peer.attend(self.outbox.flush()).await??;
            self.peer.check()?;
        }
        Ok(())
    }
}
