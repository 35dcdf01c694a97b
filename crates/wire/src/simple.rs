//! The simple protocol: one string, any number of statements, one ReadyForQuery.

use crate::connection::Connection;
use crate::failure::Step;
use crate::rows::{RowSource, Sent, row_description};
use cvx_session::{Outcome, RowStream};
use cvx_types::{Column, Format, SqlError, SqlState};
use pgwire::messages::response::{CommandComplete, EmptyQueryResponse};
use tokio::io::{AsyncRead, AsyncWrite};

impl<R, W> Connection<R, W>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    pub(crate) async fn query(&mut self, sql: &str) -> Step<()> {
        self.session.statements().remove("");
        self.portals.remove("");
        let statements = self.session.split(sql)?;
        if statements.is_empty() {
            self.outbox.send(&EmptyQueryResponse::new())?;
        }
        if statements.len() > 1 {
            self.begin_batch();
        }
        for statement in &statements {
            self.run_simple(statement).await?;
        }
        self.end_batch().await?;
        self.ready().await
    }

    async fn run_simple(&mut self, sql: &str) -> Step<()> {
        let prepared = self.prepare(sql, &[]).await?;
        if !prepared.params.is_empty() {
            let message = "there is no parameter $1: a simple query has none";
            return Err(SqlError::new(SqlState::UNDEFINED_PARAMETER, message).into());
        }
        match self.start(&prepared, &[]).await? {
            Outcome::Rows { columns, rows, verb } => self.send_rows(columns, rows, verb).await,
            Outcome::Done { tag } => self.complete(tag),
            Outcome::Empty => Ok(self.outbox.send(&EmptyQueryResponse::new())?),
            Outcome::CopyIn(copy) => {
                let tag = self.copy_in(&copy).await?;
                self.complete(tag)
            }
            Outcome::MovePortal { name, rows } => {
                let tag = self.move_portal(&name, rows).await?;
                self.complete(tag)
            }
            Outcome::CopyOut { columns, rows, format } => {
                let tag = self.copy_out(&columns, rows, format).await?;
                self.complete(tag)
            }
        }
    }

    async fn send_rows(&mut self, columns: Vec<Column>, rows: RowStream, verb: String) -> Step<()> {
        let formats = vec![Format::Text; columns.len()];
        self.outbox.send(&row_description(&columns, &formats))?;
        let settings = self.session.format_settings();
        let mut source = RowSource::new(columns, formats, rows, verb, settings);
        match source.send(&mut self.peer, &mut self.outbox, None).await? {
            Sent::All(tag) => self.complete(tag),
            // Without a limit nothing is suspended.
            Sent::Suspended => Ok(()),
        }
    }

    /// CommandComplete, after what the statement had to say beside its answer.
    pub(crate) fn complete(&mut self, tag: String) -> Step<()> {
        self.report()?;
        Ok(self.outbox.send(&CommandComplete::new(tag))?)
    }
}
