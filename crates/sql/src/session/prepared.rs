//! PREPARE, EXECUTE and DEALLOCATE.
//!
//! A statement that PREPARE made is prepared as one of the protocol's, and lies in the same
//! store; EXECUTE works out its arguments as the types that were found, and runs it as if the
//! client had bound them.

use super::dispatch::done;
use super::{SqlSession, prepare};
use crate::bind::{ident_name, object_name};
use crate::plan::{Params, StatementCx, placeholder};
use crate::types::resolve_type;
use cvx_dialect::Statement;
use cvx_session::{Outcome, Stored};
use cvx_types::{Datum, PgType, Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{self, DataType, Expr, Ident};
use std::sync::Arc;

/// What `EXECUTE name (arguments)` says.
#[derive(Clone, Copy)]
pub(super) struct Execute<'a> {
    name: &'a ast::ObjectName,
    arguments: &'a [Expr],
}

impl<'a> Execute<'a> {
    /// The statement, if it is Postgres' EXECUTE: 42601 for other databases' forms of it.
    pub(super) fn of(statement: &'a ast::Statement) -> Result<Option<Self>> {
        let ast::Statement::Execute { name, parameters, immediate, into, using, .. } = statement
        else {
            return Ok(None);
        };
        match name {
            Some(name) if !immediate && into.is_empty() && using.is_empty() => {
                Ok(Some(Self { name, arguments: parameters }))
            }
            _ => {
                let message = "EXECUTE takes the name of a prepared statement";
                Err(SqlError::new(SqlState::SYNTAX_ERROR, message))
            }
        }
    }

    fn name(&self) -> String {
        object_name(self.name).join(".")
    }

    /// What it runs.
    pub(super) fn stored(&self, session: &SqlSession) -> Result<Arc<Stored>> {
        session.statements.get(&self.name()).cloned()
    }

    /// Types that its own parameters take from where they stand.
    pub(super) fn hints(&self, stored: &Stored) -> Vec<(usize, PgType)> {
        let pairs = self.arguments.iter().zip(&stored.prepared.params);
        pairs.filter_map(|(expr, ty)| Some((placeholder(expr)?, ty.clone()))).collect()
    }

    fn check_count(&self, stored: &Stored) -> Result<()> {
        let (given, wanted) = (self.arguments.len(), stored.prepared.params.len());
        if given == wanted {
            return Ok(());
        }
        let name = self.name();
        let message = format!("wrong number of parameters for prepared statement \"{name}\"");
        Err(SqlError::new(SqlState::SYNTAX_ERROR, message)
            .detail(format!("Expected {wanted} parameters but got {given}.")))
    }

    fn values(&self, cx: &StatementCx<'_>, stored: &Stored) -> Result<Vec<Datum>> {
        let pairs = self.arguments.iter().zip(&stored.prepared.params);
        let value = |(expr, ty): (&Expr, &PgType)| {
            Ok(Datum { ty: ty.clone(), value: cx.constant(expr, ty, -1)? })
        };
        pairs.map(value).collect()
    }
}

/// `PREPARE name (types) AS statement`
pub(super) fn prepare_named(
    session: &mut SqlSession,
    name: &Ident,
    types: &[DataType],
    statement: &ast::Statement,
    text: &str,
) -> Result<Outcome> {
    use ast::Statement as S;
    if !matches!(statement, S::Query(_) | S::Insert(_) | S::Update(_) | S::Delete(_)) {
        let message = "only a query or a statement that changes rows can be prepared";
        return Err(SqlError::new(SqlState::SYNTAX_ERROR, message));
    }
    let name = ident_name(name);
    session.statements.check_free(&name)?;
    let known = |ty: &DataType| match resolve_type(ty)? {
        (PgType::Unknown, _) => Ok(None),
        (ty, _) => Ok(Some(ty)),
    };
    let types = types.iter().map(known).collect::<Result<Vec<_>>>()?;
    let statement = Statement::Sql(Box::new(statement.clone()));
    let prepared = prepare::understand(session, Some(statement), text, &types)?;
    session.statements.insert(&name, text, prepared, true);
    Ok(done("PREPARE"))
}

/// What `EXECUTE name (arguments)` runs or EXPLAIN of it explains, and with which values; `None` for other statements.
pub(crate) async fn execution(
    session: &mut SqlSession,
    statement: &ast::Statement,
    params: &Params,
    text: &str,
) -> Result<Option<(Arc<Stored>, Params)>> {
    let Some(execute) = Execute::of(statement)? else { return Ok(None) };
    let stored = execute.stored(session)?;
    execute.check_count(&stored)?;
    // Names can be given anew, so that such a statement could come to execute itself.
    if let Some(Statement::Sql(sql)) = &SqlSession::parsed(&stored.prepared)?.statement
        && matches!(**sql, ast::Statement::Execute { .. })
    {
        return Err(SqlError::unsupported("EXECUTE of an EXECUTE"));
    }
    let values = session
        .reading(params, text, async |cx: &StatementCx<'_>| execute.values(cx, &stored))
        .await?;
    let params = Params::bound(&stored.prepared.params, &values);
    Ok(Some((stored, params)))
}

/// `DEALLOCATE name` and `DEALLOCATE ALL`
pub(super) fn deallocate(session: &mut SqlSession, name: &Ident) -> Result<Outcome> {
    if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all") {
        session.statements.clear();
        return Ok(done("DEALLOCATE ALL"));
    }
    let name = ident_name(name);
    session.statements.get(&name)?;
    session.statements.remove(&name);
    Ok(done("DEALLOCATE"))
}
