//! A result on its way out: batches become DataRows, a bounded piece at a time.

use arrow::record_batch::RecordBatch;
use bytes::BufMut;
use cvx_session::RowStream;
use cvx_types::{Column, Encoder, Format, FormatSettings, Result, SqlError, SqlState};
use futures::StreamExt;
use pgwire::messages::data::{FieldDescription, RowDescription};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::failure::Step;
use crate::outbox::Outbox;
use crate::peer::Peer;

/// A result that is being sent, and may be sent in parts.
pub(crate) struct RowSource {
    columns: Vec<Column>,
    formats: Vec<Format>,
    rows: RowStream,
    verb: String,
    settings: FormatSettings,
    current: Option<Batch>,
}

/// A batch partly sent.
struct Batch {
    encoders: Vec<Encoder>,
    next: usize,
    rows: usize,
}

/// How a round of sending ended.
pub(crate) enum Sent {
    /// All rows are out; this is the tag.
    All(String),
    /// The row limit was reached, and there may be more.
    Suspended,
}

impl RowSource {
    pub(crate) fn new(
        columns: Vec<Column>,
        formats: Vec<Format>,
        rows: RowStream,
        verb: String,
        settings: FormatSettings,
    ) -> Self {
        Self { columns, formats, rows, verb, settings, current: None }
    }

    /// Sends up to `rows_max` rows.
    pub(crate) async fn send<R, W>(
        &mut self,
        peer: &mut Peer<R>,
        outbox: &mut Outbox<W>,
        rows_max: Option<u64>,
    ) -> Step<Sent>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut sent = 0;
        loop {
            if rows_max == Some(sent) {
                return Ok(Sent::Suspended);
            }
            let Some(batch) = &mut self.current else {
                match peer.attend(self.rows.next()).await? {
                    Some(batch) => self.current = Some(self.encoded(&batch?)?),
                    None => return Ok(Sent::All(format!("{} {sent}", self.verb))),
                }
                continue;
            };
            while batch.next < batch.rows && rows_max != Some(sent) && !outbox.is_full() {
                send_row(&batch.encoders, batch.next, outbox)?;
                batch.next += 1;
                sent += 1;
            }
            if batch.next == batch.rows {
                self.current = None;
            }
            if outbox.is_full() {
                peer.attend(outbox.flush()).await??;
                // A stream that is always ready is never waited for, and so never interrupted.
                peer.check()?;
            }
        }
    }

    /// Passes over up to `rows_max` rows; gives how many there were, and whether more may be.
    pub(crate) async fn pass<R: AsyncRead + Unpin>(
        &mut self,
        peer: &mut Peer<R>,
        rows_max: Option<u64>,
    ) -> Step<(u64, bool)> {
        let most = rows_max.unwrap_or(u64::MAX);
        let mut passed = 0;
        while passed < most {
            let Some(batch) = &mut self.current else {
                match peer.attend(self.rows.next()).await? {
                    Some(batch) => self.current = Some(self.encoded(&batch?)?),
                    None => return Ok((passed, false)),
                }
                peer.check()?;
                continue;
            };
            let wanted = usize::try_from(most - passed).unwrap_or(usize::MAX);
            let taken = wanted.min(batch.rows - batch.next);
            batch.next += taken;
            passed += taken as u64;
            if batch.next == batch.rows {
                self.current = None;
            }
        }
        Ok((passed, true))
    }

    /// The stream is over: frees it and keeps the tag's first word.
    pub(crate) fn into_verb(self) -> String {
        self.verb
    }

    fn encoded(&self, batch: &RecordBatch) -> Result<Batch> {
        let encoders = encoders(&self.columns, &self.formats, batch, &self.settings)?;
        Ok(Batch { encoders, next: 0, rows: batch.num_rows() })
    }
}

/// An encoder for each column of a batch.
pub(crate) fn encoders(
    columns: &[Column],
    formats: &[Format],
    batch: &RecordBatch,
    settings: &FormatSettings,
) -> Result<Vec<Encoder>> {
    if batch.num_columns() != columns.len() {
        let message = format!("a batch has {} columns, not {}", batch.num_columns(), columns.len());
        return Err(SqlError::new(SqlState::INTERNAL_ERROR, message));
    }
    let described = columns.iter().zip(formats).zip(batch.columns());
    described
        .map(|((column, format), array)| Encoder::new(column, array, *format, settings))
        .collect()
}

fn send_row<W: AsyncWrite + Unpin>(
    encoders: &[Encoder],
    row: usize,
    outbox: &mut Outbox<W>,
) -> Result<()> {
    outbox.send_with(b'D', |out| {
        out.put_u16(column_count(encoders.len())?);
        encoders.iter().try_for_each(|encoder| encoder.encode_field(row, out))
    })
}

/// Postgres allows 1,664 columns; the protocol, as many as fit 15 bits.
pub(crate) fn column_count(columns: usize) -> Result<u16> {
    u16::try_from(columns).ok().filter(|n| *n <= i16::MAX.cast_unsigned()).ok_or_else(|| {
        SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, format!("{columns} columns are too many"))
    })
}

pub(crate) fn row_description(columns: &[Column], formats: &[Format]) -> RowDescription {
    let field = |(column, format): (&Column, &Format)| {
        FieldDescription::new(
            column.name.replace('\0', "\u{fffd}"),
            column.table_oid.cast_signed(),
            column.attnum,
            column.ty.oid(),
            column.ty.type_len(),
            column.typmod,
            i16::from(*format == Format::Binary),
        )
    };
    RowDescription::new(columns.iter().zip(formats).map(field).collect())
}
