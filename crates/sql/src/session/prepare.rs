//! What a statement needs and what it will answer, before it runs.

use super::dispatch::{aborted, ends_block};
use super::prepared::Execute;
use super::query::{columns, plan_query, plan_target_query};
use super::repeat::Repeat;
use super::{Parsed, SqlSession, cursors};
use crate::bind::ident_name;
use crate::dml::{DeleteRead, ReturnShape, UpdateRead, describe_insert};
use crate::plan::{Params, StatementCx, ast_hints, infer_params};
use cvx_dialect::Statement;
use cvx_session::Prepared;
use cvx_types::{Column, PgType, Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{self, Query};
use std::sync::Arc;

/// More parameters than the protocol can number.
const PARAMS_MAX: usize = 65_535;

pub(super) fn prepare(
    session: &mut SqlSession,
    sql: &str,
    types: &[Option<PgType>],
) -> Result<Prepared> {
    let mut statements = cvx_dialect::parse(sql).map_err(crate::limits::from_parse)?;
    let statement = match (statements.pop(), statements.is_empty()) {
        (statement, true) => statement,
        (_, false) => {
            return Err(SqlError::new(
                SqlState::SYNTAX_ERROR,
                "cannot insert multiple commands into a prepared statement",
            ));
        }
    };
    understand(session, statement, sql, types)
}

/// As [`prepare`], of a statement that was parsed.
pub(super) fn understand(
    session: &mut SqlSession,
    statement: Option<Statement>,
    sql: &str,
    types: &[Option<PgType>],
) -> Result<Prepared> {
    let mut known = types.to_vec();
    known.iter_mut().for_each(|ty| {
        if *ty == Some(PgType::Unknown) {
            *ty = None;
        }
    });
    let columns = match &statement {
        // Prepared without a look at its columns, it would be kept so by its client.
        Some(statement) if session.block.is_failed() && !ends_block(statement) => {
            return Err(aborted());
        }
        Some(statement) if !session.block.is_failed() => {
            describe(session, statement, sql, &mut known)?
        }
        _ => None,
    };
    if known.len() > PARAMS_MAX {
        return Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "too many parameters"));
    }
    let params = known.into_iter().map(|ty| ty.unwrap_or(PgType::Text)).collect();
    let plan = Arc::new(Parsed { statement, text: sql.to_owned(), repeat: Repeat::default() });
    Ok(Prepared { params, columns, plan })
}

/// The statement's columns; learns its parameters' types on the way.
fn describe(
    session: &mut SqlSession,
    statement: &Statement,
    text: &str,
    known: &mut Vec<Option<PgType>>,
) -> Result<Option<Vec<Column>>> {
    match statement {
        // The parameters in it are its own.
        Statement::Sql(sql) if matches!(**sql, ast::Statement::Prepare { .. }) => Ok(None),
        Statement::Sql(sql) => {
            learn(known, ast_hints(sql.as_ref()));
            describe_sql(session, sql, text, known)
        }
        Statement::DeletePortion(portion) => {
            learn(known, ast_hints(&portion.delete));
            describe_change(session, text, known, |cx| {
                let read = DeleteRead::new(cx, &portion.delete)?;
                Ok((None, Read::Target(read.table, read.query), Vec::new()))
            })
        }
        Statement::Show { name } => Ok(Some(super::settings::show_columns(name))),
        _ => Ok(None),
    }
}

fn describe_sql(
    session: &mut SqlSession,
    statement: &ast::Statement,
    text: &str,
    known: &mut Vec<Option<PgType>>,
) -> Result<Option<Vec<Column>>> {
    if let Some(execute) = Execute::of(statement)? {
        let stored = execute.stored(session)?;
        learn(known, execute.hints(&stored));
        return Ok(stored.prepared.columns.clone());
    }
    match statement {
        ast::Statement::Query(query) => describe_query(session, query, text, known).map(Some),
        ast::Statement::Insert(insert) => describe_change(session, text, known, |cx| {
            let (shape, hints, query) = describe_insert(cx, insert)?;
            Ok((shape, query.map_or(Read::Nothing, Read::Query), hints))
        }),
        ast::Statement::Update(update) => describe_change(session, text, known, |cx| {
            let read = UpdateRead::new(cx, update)?;
            let shape = read.returning().cloned();
            let hints = ast_hints(&read.query);
            Ok((shape, Read::Target(read.table, read.query), hints))
        }),
        ast::Statement::Delete(delete) => describe_change(session, text, known, |cx| {
            let read = DeleteRead::new(cx, delete)?;
            let shape = read.returning().cloned();
            Ok((shape, Read::Target(read.table, read.query), Vec::new()))
        }),
        ast::Statement::Explain { statement: inner, .. } => {
            describe_sql(session, inner, text, known)?;
            Ok(Some(vec![text_column("QUERY PLAN")]))
        }
        ast::Statement::Declare { stmts } => {
            let query = cursors::declared(stmts)?.0.for_query.as_ref();
            query.map_or(Ok(()), |query| describe_query(session, query, text, known).map(drop))?;
            Ok(None)
        }
        ast::Statement::Fetch { name, .. } => {
            Ok(session.cursors.columns(&ident_name(name)).cloned())
        }
        _ => Ok(None),
    }
}

fn describe_query(
    session: &mut SqlSession,
    query: &Query,
    text: &str,
    known: &mut Vec<Option<PgType>>,
) -> Result<Vec<Column>> {
    let first = with_cx(session, text, known, |cx| {
        let plan = plan_query(cx, query.clone())?;
        Ok((plan.clone(), columns(query, &plan)))
    })?;
    let ((plan, shown), hints) = first;
    let before = known.iter().flatten().count();
    learn(known, hints);
    infer_params(&plan, known)?;
    if known.iter().flatten().count() == before {
        return Ok(shown);
    }
    // The types learnt may change the columns' (`SELECT $1 + 1`): plan again with them.
    let again = with_cx(session, text, known, |cx| {
        let plan = plan_query(cx, query.clone())?;
        Ok(columns(query, &plan))
    })?;
    Ok(again.0)
}

/// What a change reads, planned only to learn parameters' types.
enum Read {
    Nothing,
    Query(Query),
    Target(Arc<cvx_engine::Table>, Query),
}

type Description = (Option<ReturnShape>, Read, Vec<(usize, PgType)>);

fn describe_change(
    session: &mut SqlSession,
    text: &str,
    known: &mut Vec<Option<PgType>>,
    read: impl FnOnce(&StatementCx<'_>) -> Result<Description>,
) -> Result<Option<Vec<Column>>> {
    let described = with_cx(session, text, known, |cx| {
        let (shape, read, hints) = read(cx)?;
        let plan = match read {
            Read::Nothing => None,
            Read::Query(query) => Some(plan_query(cx, query)?),
            Read::Target(table, query) => Some(plan_target_query(cx, &table, query)?),
        };
        Ok((shape, plan, hints))
    })?;
    let ((shape, plan, own), hints) = described;
    learn(known, own);
    learn(known, hints);
    if let Some(plan) = plan {
        infer_params(&plan, known)?;
    }
    Ok(shape.map(|shape| shape.columns))
}

type Learnt<T> = (T, Vec<(usize, PgType)>);

/// Runs `work` over the session's present snapshot.
fn with_cx<T>(
    session: &mut SqlSession,
    text: &str,
    known: &[Option<PgType>],
    work: impl FnOnce(&StatementCx<'_>) -> Result<T>,
) -> Result<Learnt<T>> {
    let held = session.hold();
    let params = Params::typed(known);
    let result = {
        let cx = session.cx(&held, &params, text);
        work(&cx).map(|value| (value, cx.hints.into_inner()))
    };
    session.release(held);
    result
}

fn learn(known: &mut Vec<Option<PgType>>, hints: Vec<(usize, PgType)>) {
    for (index, ty) in hints {
        if known.len() <= index {
            known.resize(index + 1, None);
        }
        known[index].get_or_insert(ty);
    }
}

pub(super) fn text_column(name: &str) -> Column {
    Column { name: name.to_owned(), ty: PgType::Text, typmod: -1, table_oid: 0, attnum: 0 }
}
