//! CREATE, ALTER and DROP DATABASE as statements of a session.

use super::SqlSession;
use super::block::Held;
use super::dispatch::{Defined, apply};
use crate::access;
use crate::error::from_engine;
use crate::occupancy::Closed;
use crate::plan::Params;
use cvx_dialect::DatabaseStatement;
use cvx_types::{Result, SqlError};
use std::time::Duration;

/// How often is looked again whether those in a database left; clients that closed their
/// connection a moment ago may still be on their way out. Postgres waits five seconds too.
const LOOKS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// Postgres' databases are made and dropped by statements of their own.
pub(super) fn check(session: &SqlSession, statement: &DatabaseStatement) -> Result<()> {
    session.check_outside_block(match statement {
        DatabaseStatement::Create { .. } => "CREATE DATABASE",
        DatabaseStatement::Drop { .. } => "DROP DATABASE",
        DatabaseStatement::Rename { .. } => "ALTER DATABASE ... RENAME TO",
    })
}

pub(super) async fn define(
    session: &mut SqlSession,
    held: &mut Held,
    statement: &DatabaseStatement,
    params: &Params,
    text: &str,
) -> Result<Defined> {
    let (plan, owner) = {
        let cx = session.cx(held, params, text);
        (access::plan_database(&cx, statement)?, access::database_owner(&cx, statement)?)
    };
    for oid in access::vacated(&plan.changes).collect::<Vec<_>>() {
        let name = held.txn.catalog().databases.get(&oid).map(|d| d.name.clone());
        let closed = session.vacate(oid, &name.unwrap_or_default(), statement).await?;
        session.closed.push(closed);
    }
    let done = apply(session, held, plan)?;
    if let Some((name, owner)) = owner
        && let Some(database) = held.txn.catalog().database(&name)
    {
        held.txn.ddl(access::give_database(database, owner)).map_err(from_engine)?;
    }
    Ok(done)
}

impl SqlSession {
    /// Closes a database to all others until the statement's transaction ends.
    async fn vacate(&self, oid: u32, name: &str, statement: &DatabaseStatement) -> Result<Closed> {
        let force = matches!(statement, DatabaseStatement::Drop { force: true, .. });
        let mut others = 0;
        for look in 0..LOOKS {
            match self.occupancy.close(oid, force) {
                Ok(closed) => return Ok(closed),
                Err(there) => others = there,
            }
            if let Some(stop) = self.cancel.stopped() {
                return Err(crate::error::from_stop(stop));
            }
            if look + 1 < LOOKS {
                tokio::time::sleep(PAUSE).await;
            }
        }
        let (are, s) = if others == 1 { ("is", "") } else { ("are", "s") };
        let message = format!("database \"{name}\" is being accessed by other users");
        Err(SqlError::new(access::IN_USE, message)
            .detail(format!("There {are} {others} other session{s} using the database.")))
    }
}
