//! The extended protocol: Parse, Bind, Describe, Execute, Close.
//!
//! Postgres runs everything between two Syncs as one transaction. A session commits each
//! statement by itself, which is cheaper and can be retried inside; so the batch is opened only
//! for a client that pipelines, which is known from the message behind Execute: any but a Sync.

use crate::connection::Connection;
use crate::failure::{Step, violation};
use crate::portal::{Portal, PortalState, formats};
use crate::rows::{RowSource, Sent, row_description};
use bytes::Bytes;
use cvx_session::{Outcome, Prepared, TxnStatus};
use cvx_types::{Column, forms};
use cvx_types::{ColumnBuilder, Datum, Format, FormatSettings, PgType, Result, SqlError, SqlState};
use pgwire::messages::data::{NoData, ParameterDescription};
use pgwire::messages::extendedquery::{
    Bind, BindComplete, Close, CloseComplete, Describe, Execute, Parse, ParseComplete,
    PortalSuspended, TARGET_TYPE_BYTE_PORTAL, TARGET_TYPE_BYTE_STATEMENT,
};
use pgwire::messages::response::EmptyQueryResponse;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

/// How long an Execute waits to learn what follows it. A driver sends both in one write.
const LOOK_AHEAD: Duration = Duration::from_millis(100);
/// `bpchar`, which drivers use for padded text.
const BPCHAR_OID: u32 = 1042;

impl<R, W> Connection<R, W>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    pub(crate) async fn parse(&mut self, parse: Parse) -> Step<()> {
        let name = parse.name.unwrap_or_default();
        self.session.statements().check_free(&name)?;
        self.session.statements().remove(&name);
        let types: Result<Vec<_>> = parse.type_oids.iter().map(|oid| declared_type(*oid)).collect();
        let prepared = self.prepare(&parse.query, &types?).await?;
        self.session.statements().insert(&name, &parse.query, prepared, false);
        Ok(self.outbox.send(&ParseComplete::new())?)
    }

    pub(crate) fn bind(&mut self, bind: Bind) -> Step<()> {
        let portal_name = bind.portal_name.unwrap_or_default();
        let statement_name = bind.statement_name.unwrap_or_default();
        self.portals.check_free(&portal_name)?;
        let statement = Arc::clone(&self.session.statements().get(&statement_name)?.prepared);
        let (found, needed) = (bind.parameters.len(), statement.params.len());
        if found != needed {
            return Err(violation(format!(
                "bind message supplies {found} parameters, but prepared statement \
                 \"{statement_name}\" requires {needed}"
            ))
            .into());
        }
        let codes = formats(&bind.parameter_format_codes, found, "parameter")?;
        let settings = Arc::new(self.session.format_settings());
        let params = params(&statement, &bind.parameters, &codes, &settings)?;
        if let Some(columns) = &statement.columns {
            formats(&bind.result_column_format_codes, columns.len(), "result column")?;
        }
        let result_formats = bind.result_column_format_codes;
        let state = PortalState::Ready(params);
        self.portals.insert(portal_name, Portal { statement, result_formats, state });
        Ok(self.outbox.send(&BindComplete::new())?)
    }

    pub(crate) fn describe(&mut self, describe: &Describe) -> Step<()> {
        let name = describe.name.as_deref().unwrap_or_default();
        match describe.target_type {
            TARGET_TYPE_BYTE_STATEMENT => {
                let statement = Arc::clone(&self.session.statements().get(name)?.prepared);
                let oids = statement.params.iter().map(PgType::oid).collect();
                self.outbox.send(&ParameterDescription::new(oids))?;
                self.describe_columns(statement.columns.as_deref(), &[])
            }
            TARGET_TYPE_BYTE_PORTAL => {
                if let Some(columns) = self.session.cursor_columns(name) {
                    return self.describe_columns(Some(&columns), &[]);
                }
                let portal = self.portals.get(name)?;
                let (statement, codes) = (portal.statement.clone(), portal.result_formats.clone());
                self.describe_columns(statement.columns.as_deref(), &codes)
            }
            other => Err(violation(format!("invalid DESCRIBE message subtype {other}")).into()),
        }
    }

    fn describe_columns(&mut self, columns: Option<&[Column]>, codes: &[i16]) -> Step<()> {
        match columns {
            Some(columns) => {
                let formats = formats(codes, columns.len(), "result column")?;
                Ok(self.outbox.send(&row_description(columns, &formats))?)
            }
            None => Ok(self.outbox.send(&NoData::new())?),
        }
    }

    pub(crate) fn close(&mut self, close: &Close) -> Step<()> {
        let name = close.name.as_deref().unwrap_or_default();
        match close.target_type {
            TARGET_TYPE_BYTE_STATEMENT => drop(self.session.statements().remove(name)),
            TARGET_TYPE_BYTE_PORTAL => {
                self.portals.remove(name);
                self.session.close_cursor(name);
            }
            other => {
                return Err(violation(format!("invalid CLOSE message subtype {other}")).into());
            }
        }
        Ok(self.outbox.send(&CloseComplete::new())?)
    }

    pub(crate) async fn execute(&mut self, execute: Execute) -> Step<()> {
        let name = execute.name.unwrap_or_default();
        // As in Postgres, zero and below mean all.
        let rows_max = u64::try_from(execute.max_rows).ok().filter(|rows| *rows > 0);
        if self.session.status() == TxnStatus::Failed
            && matches!(self.portals.get(&name)?.state, PortalState::Running(_))
        {
            let message = "current transaction is aborted, commands ignored until end of \
                           transaction block";
            return Err(SqlError::new(SqlState::IN_FAILED_TRANSACTION, message).into());
        }
        // The portal is out of the map while it runs; an error leaves it out.
        let mut portal = self.portals.take(&name)?;
        portal.state = match portal.state {
            PortalState::Ready(params) => {
                self.open_batch_for_pipelines().await;
                let formats = &portal.result_formats;
                self.start_portal(&portal.statement, &params, formats, rows_max).await?
            }
            PortalState::Running(source) => self.continue_portal(source, rows_max).await?,
            PortalState::Exhausted { verb } => {
                self.complete(format!("{verb} 0"))?;
                PortalState::Exhausted { verb }
            }
            PortalState::Done => {
                let message = format!("portal \"{name}\" cannot be run");
                let state = SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE;
                return Err(SqlError::new(state, message).into());
            }
        };
        self.portals.insert(name, portal);
        Ok(())
    }

    /// MOVE in a portal: it is started if it was only bound.
    pub(crate) async fn move_portal(&mut self, name: &str, rows: Option<u64>) -> Step<String> {
        let mut portal = self.portals.take(name)?;
        let mut source = match portal.state {
            PortalState::Ready(params) => {
                let started = self.start(&portal.statement, &params).await?;
                let Outcome::Rows { columns, rows, verb } = started else {
                    return Err(immovable(name).into());
                };
                let formats = formats(&portal.result_formats, columns.len(), "result column")?;
                let settings = self.session.format_settings();
                Box::new(RowSource::new(columns, formats, rows, verb, settings))
            }
            PortalState::Running(source) => source,
            PortalState::Exhausted { verb } => {
                portal.state = PortalState::Exhausted { verb };
                self.portals.insert(name.to_owned(), portal);
                return Ok("MOVE 0".to_owned());
            }
            PortalState::Done => return Err(immovable(name).into()),
        };
        let (moved, more) = source.pass(&mut self.peer, rows).await?;
        portal.state = if more {
            PortalState::Running(source)
        } else {
            PortalState::Exhausted { verb: source.into_verb() }
        };
        self.portals.insert(name.to_owned(), portal);
        Ok(format!("MOVE {moved}"))
    }

    async fn open_batch_for_pipelines(&mut self) {
        if self.batch_open || self.session.status() != TxnStatus::Idle {
            return;
        }
        let next = timeout(LOOK_AHEAD, self.peer.frames.peek_tag()).await;
        if next != Ok(Some(b'S')) {
            self.begin_batch();
        }
    }

    async fn start_portal(
        &mut self,
        statement: &Prepared,
        params: &[Datum],
        codes: &[i16],
        rows_max: Option<u64>,
    ) -> Step<PortalState> {
        let tag = match self.start(statement, params).await? {
            Outcome::Rows { columns, rows, verb } => {
                check_same_result(statement, &columns)?;
                let formats = formats(codes, columns.len(), "result column")?;
                let settings = self.session.format_settings();
                let source = RowSource::new(columns, formats, rows, verb, settings);
                return self.continue_portal(Box::new(source), rows_max).await;
            }
            Outcome::Done { tag } => tag,
            Outcome::Empty => {
                self.report()?;
                self.outbox.send(&EmptyQueryResponse::new())?;
                return Ok(PortalState::Done);
            }
            Outcome::CopyIn(copy) => self.copy_in(&copy).await?,
            Outcome::MovePortal { name, rows } => self.move_portal(&name, rows).await?,
            Outcome::CopyOut { columns, rows, format } => {
                self.copy_out(&columns, rows, format).await?
            }
        };
        self.complete(tag)?;
        Ok(PortalState::Done)
    }

    async fn continue_portal(
        &mut self,
        mut source: Box<RowSource>,
        rows_max: Option<u64>,
    ) -> Step<PortalState> {
        match source.send(&mut self.peer, &mut self.outbox, rows_max).await? {
            Sent::All(tag) => {
                let verb = source.into_verb();
                self.complete(tag)?;
                Ok(PortalState::Exhausted { verb })
            }
            Sent::Suspended => {
                self.report()?;
                self.outbox.send(&PortalSuspended::new())?;
                Ok(PortalState::Running(source))
            }
        }
    }
}

fn immovable(name: &str) -> SqlError {
    let message = format!("portal \"{name}\" has no rows to move over");
    SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
}

/// The client's word on a parameter's type; `None` where it leaves that to us.
fn declared_type(oid: u32) -> Result<Option<PgType>> {
    match oid {
        0 => Ok(None),
        BPCHAR_OID => Ok(Some(PgType::Text)),
        oid => match PgType::from_oid(oid) {
            Some(PgType::Unknown) => Ok(None),
            Some(ty) => Ok(Some(ty)),
            None => {
                let message = format!("type with OID {oid} does not exist");
                Err(SqlError::new(SqlState::UNDEFINED_OBJECT, message))
            }
        },
    }
}

fn params(
    statement: &Prepared,
    values: &[Option<Bytes>],
    codes: &[Format],
    settings: &Arc<FormatSettings>,
) -> Result<Vec<Datum>> {
    let described = statement.params.iter().zip(values).zip(codes);
    let datum = |(at, ((ty, value), format)): (usize, ((&PgType, &Option<Bytes>), &Format))| {
        let mut builder = ColumnBuilder::with_settings(ty, -1, settings);
        let pushed = match (value, format) {
            (None, _) => {
                builder.push_null();
                Ok(())
            }
            (Some(bytes), Format::Text) => {
                forms::simple::utf8(bytes).and_then(|text| builder.push_text(text))
            }
            (Some(bytes), Format::Binary) => builder.push_binary(bytes),
        };
        pushed.map_err(|error| error.context(format!("parameter ${}", at + 1)))?;
        Ok(Datum { ty: ty.clone(), value: builder.finish() })
    };
    described.enumerate().map(datum).collect()
}

/// 0A000 where a result is not what Describe said: the client would misread it.
fn check_same_result(statement: &Prepared, columns: &[Column]) -> Result<()> {
    let Some(described) = &statement.columns else { return Ok(()) };
    let same = described.len() == columns.len()
        && described.iter().zip(columns).all(|(one, two)| one.ty == two.ty);
    if same {
        return Ok(());
    }
    let message = "cached plan must not change result type";
    Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message))
}
