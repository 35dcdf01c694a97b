//! Statements by kind: what reads, what changes, what only speaks to the session.

use super::block::Block;
use super::query::{columns, physical, plan_query, run as run_plan};
use super::{Copy, Held, Parsed, SqlSession, settings};
use crate::access::{self, Made};
use crate::dml::{Changed, DeletePlan, EndPlan, InsertPlan, ReturnShape, UpdatePlan};
use crate::error::{from_datafusion, from_engine};
use crate::plan::{Params, StatementCx};
use crate::{admin, copy, ddl, explain};
use cvx_dialect::{MaintenanceKind, Statement};
use cvx_engine::{Durability, Txn};
use cvx_session::{Notice, Outcome, RowStream};
use cvx_types::{Column, Result, SqlError, SqlState};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::sql::sqlparser::ast::{self, Query};
use futures::StreamExt;

/// Attempts of a statement of its own that meets conflicting commits.
const ATTEMPTS: usize = 20;

pub(super) async fn run(
    session: &mut SqlSession,
    parsed: &Parsed,
    params: Params,
) -> Result<Outcome> {
    let Some(statement) = &parsed.statement else { return Ok(Outcome::Empty) };
    if session.block.is_failed() && !ends_block(statement) {
        return Err(SqlError::new(
            SqlState::IN_FAILED_TRANSACTION,
            "current transaction is aborted, commands ignored until end of transaction block",
        ));
    }
    let text = parsed.text.as_str();
    match statement {
        Statement::Sql(statement) => run_sql(session, statement, &params, text).await,
        Statement::DeletePortion(_) => change(session, statement, &params, text).await,
        Statement::Copy(statement) => copy::run(session, statement, &params, text).await,
        Statement::Show { name } => settings::show(session, name),
        Statement::Role(_)
        | Statement::Grant(_)
        | Statement::GrantRole(_)
        | Statement::SetOwner(_) => define_access(session, statement, &params, text).await,
        Statement::Maintenance(work) if work.kind == MaintenanceKind::Reindex => {
            admin::reindex(session, work, &params, text).await
        }
        other => settings::utility(other),
    }
}

fn ends_block(statement: &Statement) -> bool {
    matches!(statement, Statement::Sql(statement)
        if matches!(**statement, ast::Statement::Commit { .. } | ast::Statement::Rollback { .. }))
}

async fn run_sql(
    session: &mut SqlSession,
    statement: &ast::Statement,
    params: &Params,
    text: &str,
) -> Result<Outcome> {
    use ast::Statement as S;
    match statement {
        S::Query(query) => read(session, query, params, text).await,
        S::Insert(_) | S::Update(_) | S::Delete(_) => {
            change(session, &Statement::Sql(Box::new(statement.clone())), params, text).await
        }
        S::Explain { analyze, statement, options, .. } => {
            let analyze = *analyze || explain::analyzes(options.as_deref());
            explain::run(session, statement, analyze, params, text).await
        }
        S::StartTransaction { modes, .. } => settings::begin(session, modes),
        S::Commit { .. } => commit(session).await,
        S::Rollback { savepoint: None, .. } => Ok(rollback(session)),
        S::Savepoint { .. } | S::ReleaseSavepoint { .. } | S::Rollback { .. } => {
            Err(SqlError::unsupported("SAVEPOINT"))
        }
        S::Call(function) => admin::call(session, function, params, text).await,
        other => match settings::run(session, other)? {
            Some(outcome) => Ok(outcome),
            None => define(session, other, params, text).await,
        },
    }
}

/// A query: planned over the snapshot, then streamed; the snapshot lives on in the stream.
async fn read(
    session: &mut SqlSession,
    query: &Query,
    params: &Params,
    text: &str,
) -> Result<Outcome> {
    session
        .reading(params, text, async |cx: &StatementCx<'_>| {
            let plan = plan_query(cx, query.clone())?;
            let shown = columns(cx, query, &plan);
            let physical = physical(cx, plan).await?;
            let rows = run_plan(cx, physical)?;
            Ok(Outcome::Rows { columns: shown, rows: rows_of(rows), verb: "SELECT".to_owned() })
        })
        .await
}

impl SqlSession {
    /// Runs `work` over the block's snapshot or a fresh one.
    pub(crate) async fn reading<T>(
        &mut self,
        params: &Params,
        text: &str,
        work: impl AsyncFnOnce(&StatementCx<'_>) -> Result<T>,
    ) -> Result<T> {
        let held = self.hold();
        let result = {
            let cx = self.cx(&held, params, text);
            work(&cx).await
        };
        self.release(held);
        result
    }

    pub(crate) fn durability(&self) -> Durability {
        match self.vars.text("synchronous_commit").as_str() {
            "off" | "false" => Durability::Relaxed,
            _ => Durability::Synced,
        }
    }
}

/// A stream as the wire takes it.
pub(crate) fn rows_of(stream: SendableRecordBatchStream) -> RowStream {
    Box::pin(stream.map(|batch| batch.map_err(from_datafusion)))
}

/// A statement that changes rows, in the block's transaction or one of its own.
async fn change(
    session: &mut SqlSession,
    statement: &Statement,
    params: &Params,
    text: &str,
) -> Result<Outcome> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let mut held = session.hold();
        held.txn.begin_statement();
        let done = change_once(session, &mut held, statement, params, text).await;
        if held.block.is_some() {
            session.release(held);
            return outcome(session, done?);
        }
        let done = done?;
        match held.txn.commit(session.durability()).await {
            Ok(_) => return outcome(session, done),
            Err(cvx_engine::Error::Conflict) if attempt < ATTEMPTS => {}
            Err(error) => return Err(from_engine(error)),
        }
    }
}

/// What a change did, and what RETURNING shows of it.
struct Done {
    verb: &'static str,
    changed: Changed,
    shape: Option<ReturnShape>,
}

async fn change_once(
    session: &SqlSession,
    held: &mut Held,
    statement: &Statement,
    params: &Params,
    text: &str,
) -> Result<Done> {
    let plan = {
        let cx = session.cx(held, params, text);
        plan_change(&cx, statement).await?
    };
    plan.run(&mut held.txn).await
}

enum Change {
    Insert(Box<InsertPlan>),
    Update(UpdatePlan),
    Delete(DeletePlan),
    End(EndPlan),
}

async fn plan_change(cx: &StatementCx<'_>, statement: &Statement) -> Result<Change> {
    match statement {
        Statement::DeletePortion(portion) => EndPlan::new(cx, portion).await.map(Change::End),
        Statement::Sql(statement) => match statement.as_ref() {
            ast::Statement::Insert(insert) => {
                InsertPlan::new(cx, insert).await.map(|plan| Change::Insert(Box::new(plan)))
            }
            ast::Statement::Update(update) => UpdatePlan::new(cx, update).await.map(Change::Update),
            ast::Statement::Delete(delete) => DeletePlan::new(cx, delete).await.map(Change::Delete),
            _ => Err(SqlError::unsupported("this statement")),
        },
        _ => Err(SqlError::unsupported("this statement")),
    }
}

impl Change {
    async fn run(self, txn: &mut Txn) -> Result<Done> {
        Ok(match self {
            Self::Insert(plan) => {
                let shape = plan.returning().cloned();
                Done { verb: "INSERT 0", changed: plan.run(txn).await?, shape }
            }
            Self::Update(plan) => {
                let shape = plan.returning().cloned();
                Done { verb: "UPDATE", changed: plan.run(txn).await?, shape }
            }
            Self::Delete(plan) => {
                let shape = plan.returning().cloned();
                Done { verb: "DELETE", changed: plan.run(txn).await?, shape }
            }
            Self::End(plan) => Done { verb: "DELETE", changed: plan.run(txn).await?, shape: None },
        })
    }
}

fn outcome(session: &mut SqlSession, done: Done) -> Result<Outcome> {
    session.notices.extend(done.changed.notices);
    Ok(match done.shape {
        Some(shape) => {
            let rows = futures::stream::iter(done.changed.returned.into_iter().map(Ok));
            Outcome::Rows {
                columns: shape.columns,
                rows: Box::pin(rows),
                verb: done.verb.to_owned(),
            }
        }
        None => Outcome::Done { tag: format!("{} {}", done.verb, done.changed.count) },
    })
}

/// DDL, staged in the block's transaction or committed by itself.
async fn define(
    session: &mut SqlSession,
    statement: &ast::Statement,
    params: &Params,
    text: &str,
) -> Result<Outcome> {
    let mut held = session.hold();
    let defined = define_once(session, &mut held, statement, params, text).await;
    finish_definition(session, held, defined).await
}

/// The same for roles, grants and owners.
async fn define_access(
    session: &mut SqlSession,
    statement: &Statement,
    params: &Params,
    text: &str,
) -> Result<Outcome> {
    let mut held = session.hold();
    let plan = {
        let cx = session.cx(&held, params, text);
        access::plan(&cx, statement)
    };
    let defined = plan.and_then(|plan| apply(session, &mut held, plan));
    finish_definition(session, held, defined).await
}

async fn finish_definition(
    session: &mut SqlSession,
    held: Held,
    defined: Result<(&'static str, Vec<Notice>)>,
) -> Result<Outcome> {
    let (tag, notices) = match defined {
        Ok(done) => done,
        Err(error) => {
            session.release(held);
            return Err(error);
        }
    };
    if held.block.is_some() {
        session.release(held);
    } else {
        held.txn.commit(session.durability()).await.map_err(from_engine)?;
    }
    session.notices.extend(notices);
    Ok(Outcome::Done { tag: tag.to_owned() })
}

async fn define_once(
    session: &SqlSession,
    held: &mut Held,
    statement: &ast::Statement,
    params: &Params,
    text: &str,
) -> Result<(&'static str, Vec<Notice>)> {
    let plan = {
        let cx = session.cx(held, params, text);
        ddl::plan(&cx, statement).await?
    };
    let Some(plan) = plan else {
        return Err(SqlError::unsupported(kind_of(text)));
    };
    apply(session, held, plan)
}

/// Makes a definition's changes, if the user may, and the user the owner of what is new.
fn apply(
    session: &SqlSession,
    held: &mut Held,
    plan: ddl::DdlPlan,
) -> Result<(&'static str, Vec<Notice>)> {
    let guard = session.guard(&held.txn);
    let catalog = held.txn.catalog();
    guard.changes(&catalog, &plan.changes)?;
    let made = Made::by(&catalog, &plan.changes);
    held.txn.begin_statement();
    for change in plan.changes {
        held.txn.ddl(change).map_err(from_engine)?;
    }
    for change in guard.own(&held.txn.catalog(), &made) {
        held.txn.ddl(change).map_err(from_engine)?;
    }
    for table in &plan.truncate {
        held.txn.truncate(table).map_err(from_engine)?;
    }
    Ok((plan.tag, plan.notices))
}

/// A statement's first words, for a message.
fn kind_of(text: &str) -> String {
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ").to_uppercase()
}

/// COMMIT; of a failed block it is ROLLBACK, as Postgres says.
async fn commit(session: &mut SqlSession) -> Result<Outcome> {
    let durability = session.durability();
    match std::mem::replace(&mut session.block, Block::Idle) {
        Block::Open { txn, .. } => {
            let committed = txn.commit(durability).await;
            session.vars.end(committed.is_ok());
            committed.map_err(from_engine)?;
            Ok(Outcome::Done { tag: "COMMIT".to_owned() })
        }
        Block::Failed { .. } => {
            session.vars.end(false);
            Ok(Outcome::Done { tag: "ROLLBACK".to_owned() })
        }
        Block::Idle => {
            session.notices.push(no_block());
            Ok(Outcome::Done { tag: "COMMIT".to_owned() })
        }
    }
}

fn rollback(session: &mut SqlSession) -> Outcome {
    match std::mem::replace(&mut session.block, Block::Idle) {
        Block::Idle => session.notices.push(no_block()),
        Block::Open { .. } | Block::Failed { .. } => session.vars.end(false),
    }
    Outcome::Done { tag: "ROLLBACK".to_owned() }
}

fn no_block() -> Notice {
    Notice {
        severity: "WARNING",
        state: SqlState::NO_ACTIVE_TRANSACTION.0,
        message: "there is no transaction in progress".to_owned(),
    }
}

impl SqlSession {
    /// Begins a COPY FROM STDIN that later calls feed.
    pub(crate) fn begin_copy(&mut self, held: Held, target: crate::dml::CopyTarget) {
        let Held { mut txn, now_us, block } = held;
        txn.begin_statement();
        let own = match block {
            Some(implicit) => {
                self.block = Block::Open { txn, now_us, implicit };
                None
            }
            None => Some(txn),
        };
        self.copy = Some(Copy { target, own });
    }
}

/// Rows made here, such as SHOW's and EXPLAIN's: one column of text.
pub(crate) fn text_rows(name: &str, lines: Vec<String>, verb: &str) -> Result<Outcome> {
    use arrow::array::{ArrayRef, StringArray};
    use arrow::datatypes::{DataType, Field, Schema};
    let schema = std::sync::Arc::new(Schema::new(vec![Field::new(name, DataType::Utf8, true)]));
    let array: ArrayRef = std::sync::Arc::new(StringArray::from(lines));
    let batch = arrow::record_batch::RecordBatch::try_new(schema, vec![array])
        .map_err(|error| crate::error::from_arrow(&error))?;
    let columns: Vec<Column> = vec![super::prepare::text_column(name)];
    let rows = Box::pin(futures::stream::iter(vec![Ok(batch)]));
    Ok(Outcome::Rows { columns, rows, verb: verb.to_owned() })
}
