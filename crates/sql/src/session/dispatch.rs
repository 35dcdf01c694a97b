//! Statements by kind: what reads, what changes, what only speaks to the session.

use super::block::{Block, Held, Open};
use super::query::rows_again;
use super::repeat::Repeat;
use super::{Copy, Copying, Parsed, SqlSession, cursors, databases, prepared, settings};
use crate::access::{self, Made};
use crate::dml::{Changed, DeletePlan, EndPlan, InsertPlan, ReturnShape, UpdatePlan};
use crate::error::{from_datafusion, from_engine};
use crate::plan::{Params, StatementCx};
use crate::{admin, copy, ddl, explain};
use cvx_dialect::{DatabaseStatement, MaintenanceKind, Statement};
use cvx_engine::{Durability, Txn};
use cvx_session::{Notice, Outcome, RowStream};
use cvx_types::{Column, Result, SqlError, SqlState};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::sql::sqlparser::ast::{self, Query};
use futures::StreamExt;
use std::sync::Arc;

/// Attempts of a statement of its own that meets conflicting commits.
const ATTEMPTS: usize = 20;

pub(super) async fn run(
    session: &mut SqlSession,
    parsed: &Parsed,
    params: Params,
) -> Result<Outcome> {
    let Some(statement) = &parsed.statement else { return Ok(Outcome::Empty) };
    if session.block.is_failed() && !ends_block(statement) {
        return Err(aborted());
    }
    if let Statement::Sql(sql) = statement
        && let Some((stored, params)) =
            prepared::execution(session, sql, &params, &parsed.text).await?
    {
        return run_parsed(session, SqlSession::parsed(&stored.prepared)?, params).await;
    }
    run_parsed(session, parsed, params).await
}

async fn run_parsed(session: &mut SqlSession, parsed: &Parsed, params: Params) -> Result<Outcome> {
    let Some(statement) = &parsed.statement else { return Ok(Outcome::Empty) };
    let text = parsed.text.as_str();
    match statement {
        Statement::Sql(statement) => match &**statement {
            ast::Statement::Query(query) => {
                read(session, query, &parsed.repeat, &params, text).await
            }
            statement => run_sql(session, statement, &params, text).await,
        },
        Statement::DeletePortion(_) => change(session, statement, &params, text).await,
        Statement::Copy(statement) => copy::run(session, statement, &params, text).await,
        Statement::Show { name } => settings::show(session, name),
        Statement::Database(statement) => {
            databases::check(session, statement)?;
            define(session, Definition::Database(statement), &params, text).await
        }
        Statement::Role(_)
        | Statement::Grant(_)
        | Statement::GrantRole(_)
        | Statement::SetOwner(_)
        | Statement::ResetTableOptions { .. } => {
            define(session, Definition::Access(statement), &params, text).await
        }
        Statement::Move { direction, cursor } => session.move_cursor(direction, cursor).await,
        Statement::Maintenance(work) if work.kind == MaintenanceKind::Reindex => {
            admin::reindex(session, work, &params, text).await
        }
        other => settings::utility(other),
    }
}

/// 25P02: what is left of a block that failed is its end.
pub(super) fn aborted() -> SqlError {
    let message = "current transaction is aborted, commands ignored until end of transaction block";
    SqlError::new(SqlState::IN_FAILED_TRANSACTION, message)
}

pub(super) fn ends_block(statement: &Statement) -> bool {
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
        S::Insert(_) | S::Update(_) | S::Delete(_) => {
            change(session, &Statement::Sql(Box::new(statement.clone())), params, text).await
        }
        S::Explain { analyze, statement, options, .. } => {
            let analyze = *analyze || explain::analyzes(options.as_deref());
            explain::run(session, statement, analyze, params, text).await
        }
        S::StartTransaction { modes, .. } => settings::begin(session, modes),
        S::Commit { chain, .. } => commit(session, *chain).await,
        S::Rollback { savepoint: None, chain } => rollback(session, *chain),
        S::Rollback { savepoint: Some(name), .. } => session.rollback_to(name).await,
        S::Savepoint { name } => session.savepoint(name),
        S::ReleaseSavepoint { name } => session.release_savepoint(name),
        S::Prepare { name, data_types, statement } => {
            prepared::prepare_named(session, name, data_types, statement, text)
        }
        S::Deallocate { name, .. } => prepared::deallocate(session, name),
        S::Declare { stmts } => declare(session, stmts, params, text).await,
        S::Fetch { name, direction, .. } => session.fetch(direction, name).await,
        S::Close { cursor } => session.close(cursor),
        S::Call(function) => admin::call(session, function, params, text).await,
        other => match settings::run(session, other)? {
            Some(outcome) => Ok(outcome),
            None => define(session, Definition::Object(other), params, text).await,
        },
    }
}

/// A query: planned over the snapshot, then streamed; the snapshot lives on in the stream.
async fn read(
    session: &mut SqlSession,
    query: &Query,
    repeat: &Repeat,
    params: &Params,
    text: &str,
) -> Result<Outcome> {
    let (columns, rows) = rows_of_query(session, query, repeat, params, text).await?;
    Ok(Outcome::Rows { columns, rows, verb: "SELECT".to_owned() })
}

async fn rows_of_query(
    session: &mut SqlSession,
    query: &Query,
    repeat: &Repeat,
    params: &Params,
    text: &str,
) -> Result<(Vec<Column>, RowStream)> {
    session
        .reading(params, text, async |cx: &StatementCx<'_>| {
            let (columns, rows) = rows_again(cx, query, repeat).await?;
            Ok((columns, rows_of(rows)))
        })
        .await
}

/// DECLARE: a query's rows under a name, to be fetched.
async fn declare(
    session: &mut SqlSession,
    stmts: &[ast::Declare],
    params: &Params,
    text: &str,
) -> Result<Outcome> {
    let (declare, name) = cursors::declared(stmts)?;
    session.check_declare(declare, name)?;
    let Some(query) = &declare.for_query else {
        return Err(SqlError::new(SqlState::SYNTAX_ERROR, "a cursor needs a query"));
    };
    let (columns, rows) = rows_of_query(session, query, &Repeat::default(), params, text).await?;
    Ok(session.open_cursor(declare, name, text, columns, rows))
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
        let (result, notices) = {
            let cx = self.cx(&held, params, text);
            let result = work(&cx).await;
            (result, cx.notices.into_inner())
        };
        self.release(held);
        self.notices.extend(notices);
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
        let (mut held, done) = change_once(session, held, statement, params, text).await?;
        if held.is_of_block() {
            session.release(held);
            return outcome(session, done);
        }
        match held.txn.take().commit(session.durability()).await {
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

/// The change in a transaction, which is given back. Rows that a query finds may be any number:
/// they are changed where others do not wait for it.
async fn change_once(
    session: &SqlSession,
    mut held: Held,
    statement: &Statement,
    params: &Params,
    text: &str,
) -> Result<(Held, Done)> {
    let plan = {
        let cx = session.cx(&held, params, text);
        plan_change(&cx, statement).await?
    };
    let given = plan.is_given();
    let work = async move { plan.run(&mut held.txn).await.map(|done| (held, done)) };
    if given { work.await } else { session.compute().run(work).await? }
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
    /// Whether the statement itself has all its rows.
    fn is_given(&self) -> bool {
        matches!(self, Self::Insert(plan) if plan.is_given())
    }

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

/// A statement that changes the catalog.
#[derive(Clone, Copy)]
enum Definition<'a> {
    Object(&'a ast::Statement),
    /// Roles, grants and owners.
    Access(&'a Statement),
    Database(&'a DatabaseStatement),
}

/// What a definition says when it is done.
pub(super) type Defined = (&'static str, Vec<Notice>);

/// Staged in the block's transaction; or committed by itself, and then tried again where others
/// changed the catalog meanwhile: one after the other, so that of many nobody loses every time.
async fn define(
    session: &mut SqlSession,
    what: Definition<'_>,
    params: &Params,
    text: &str,
) -> Result<Outcome> {
    let mut attempt = 0;
    let mut turn = None;
    loop {
        attempt += 1;
        if attempt == 2 {
            turn = Some(Arc::clone(&session.definitions).lock_owned().await);
        }
        let mut held = session.hold();
        let defined = match what {
            Definition::Object(statement) => {
                define_once(session, &mut held, statement, params, text).await
            }
            Definition::Access(statement) => {
                define_access(session, &mut held, statement, params, text)
            }
            Definition::Database(statement) => {
                databases::define(session, &mut held, statement, params, text).await
            }
        };
        let (tag, notices) = match defined {
            Ok(done) => done,
            Err(error) => {
                session.release(held);
                return Err(error);
            }
        };
        if held.is_of_block() {
            session.release(held);
        } else {
            let committed = held.txn.take().commit(session.durability()).await;
            session.closed.clear();
            match committed {
                Err(cvx_engine::Error::Conflict) if attempt < ATTEMPTS => continue,
                committed => committed.map_err(from_engine)?,
            };
        }
        drop(turn);
        session.notices.extend(notices);
        return Ok(done(tag));
    }
}

fn define_access(
    session: &SqlSession,
    held: &mut Held,
    statement: &Statement,
    params: &Params,
    text: &str,
) -> Result<Defined> {
    let plan = {
        let cx = session.cx(held, params, text);
        match statement {
            Statement::ResetTableOptions { table, options } => {
                ddl::reset_options(&cx, table, options)
            }
            other => access::plan(&cx, other),
        }
    };
    apply(session, held, plan?)
}

async fn define_once(
    session: &SqlSession,
    held: &mut Held,
    statement: &ast::Statement,
    params: &Params,
    text: &str,
) -> Result<Defined> {
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
pub(super) fn apply(session: &SqlSession, held: &mut Held, plan: ddl::DdlPlan) -> Result<Defined> {
    if session.reads_only(held.is_of_block()) {
        let message = format!("cannot execute {} in a read-only transaction", plan.tag);
        return Err(SqlError::new(SqlState::READ_ONLY_TRANSACTION, message));
    }
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
async fn commit(session: &mut SqlSession, chain: bool) -> Result<Outcome> {
    let modes = chained(session, "COMMIT", chain)?;
    let durability = session.durability();
    let tag = match session.end_block() {
        Block::Open(Open { txn, .. }) => {
            let committed = txn.commit(durability).await;
            session.block_ended(committed.is_ok());
            committed.map_err(from_engine)?;
            "COMMIT"
        }
        Block::Failed { .. } | Block::Lent { .. } => {
            session.block_ended(false);
            "ROLLBACK"
        }
        Block::Idle => {
            no_block(session);
            "COMMIT"
        }
    };
    modes.map_or(Ok(()), |modes| settings::begin(session, &modes).map(drop))?;
    Ok(done(tag))
}

fn rollback(session: &mut SqlSession, chain: bool) -> Result<Outcome> {
    let modes = chained(session, "ROLLBACK", chain)?;
    match session.end_block() {
        Block::Idle => no_block(session),
        _ => session.block_ended(false),
    }
    modes.map_or(Ok(()), |modes| settings::begin(session, &modes).map(drop))?;
    Ok(done("ROLLBACK"))
}

/// AND CHAIN: the modes of the block that follows, which are those of the one that ends.
fn chained(
    session: &SqlSession,
    what: &str,
    chain: bool,
) -> Result<Option<Vec<ast::TransactionMode>>> {
    if !chain {
        return Ok(None);
    }
    session.check_explicit(&format!("{what} AND CHAIN"))?;
    Ok(Some(settings::modes(session)))
}

/// A statement's end that shows nothing but its tag.
pub(super) fn done(tag: &str) -> Outcome {
    Outcome::Done { tag: tag.to_owned() }
}

fn no_block(session: &mut SqlSession) {
    session.warn(SqlState::NO_ACTIVE_TRANSACTION, "there is no transaction in progress");
}

impl SqlSession {
    /// Begins a COPY FROM STDIN that later calls feed.
    pub(crate) fn begin_copy(&mut self, mut held: Held, target: crate::dml::CopyTarget) {
        held.txn.begin_statement();
        self.copy = Some(Copying::Ready(Box::new(Copy { target, held })));
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
