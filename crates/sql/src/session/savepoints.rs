//! SAVEPOINT, RELEASE and ROLLBACK TO: places in a block to go back to.
//!
//! Names are as in Postgres: a name said again stands for the later place until that is released;
//! going back keeps the place and forgets those behind it. With the rows and the catalog go the
//! settings made and the cursors declared since.

use super::SqlSession;
use super::dispatch::done;
use super::vars::Mark;
use crate::bind::ident_name;
use crate::error::from_engine;
use cvx_session::Outcome;
use cvx_types::{Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::Ident;

/// More places than this in one block are refused: each holds a list of the block's tables.
const SAVEPOINTS_MAX: usize = 10_000;

/// A named place.
pub(super) struct Place {
    name: String,
    txn: cvx_engine::Savepoint,
    vars: Mark,
    /// How many cursors had been opened.
    cursors: u64,
}

impl SqlSession {
    pub(super) fn savepoint(&mut self, name: &Ident) -> Result<Outcome> {
        self.check_explicit("SAVEPOINT")?;
        if self.savepoints.len() >= SAVEPOINTS_MAX {
            let message = format!("more than {SAVEPOINTS_MAX} savepoints in a transaction");
            return Err(SqlError::new(SqlState::CONFIGURATION_LIMIT_EXCEEDED, message));
        }
        let Some(txn) = self.block.txn() else { return Err(outside("SAVEPOINT")) };
        let place = Place {
            name: ident_name(name),
            txn: txn.savepoint(),
            vars: self.vars.mark(),
            cursors: self.cursors.opened,
        };
        self.savepoints.push(place);
        Ok(done("SAVEPOINT"))
    }

    pub(super) fn release_savepoint(&mut self, name: &Ident) -> Result<Outcome> {
        self.check_explicit("RELEASE SAVEPOINT")?;
        let at = self.place(name)?;
        self.savepoints.truncate(at);
        Ok(done("RELEASE"))
    }

    pub(super) async fn rollback_to(&mut self, name: &Ident) -> Result<Outcome> {
        self.check_explicit("ROLLBACK TO SAVEPOINT")?;
        let at = self.place(name)?;
        self.block.returned().await;
        let (Some(open), Some(place)) = (self.block.kept(), self.savepoints.get(at)) else {
            return Err(SqlError::new(
                SqlState::IN_FAILED_TRANSACTION,
                "the transaction ended with the statement that failed; only ROLLBACK is left",
            ));
        };
        tokio::task::block_in_place(|| open.txn.rollback_to(&place.txn)).map_err(from_engine)?;
        self.vars.back_to(&place.vars);
        self.cursors.back_to(place.cursors);
        self.savepoints.truncate(at + 1);
        self.block.resume();
        Ok(done("ROLLBACK"))
    }

    /// The latest place of this name.
    fn place(&self, name: &Ident) -> Result<usize> {
        let name = ident_name(name);
        self.savepoints.iter().rposition(|place| place.name == name).ok_or_else(|| {
            let message = format!("savepoint \"{name}\" does not exist");
            SqlError::new(SqlState::INVALID_SAVEPOINT, message)
        })
    }

    /// 25001: what cannot be taken back is not part of a block that can. And 25006 where nothing
    /// may be changed.
    pub(crate) fn check_outside_block(&self, what: &str) -> Result<()> {
        if self.block.is_explicit() {
            let message = format!("{what} cannot run inside a transaction block");
            return Err(SqlError::new(SqlState::ACTIVE_TRANSACTION, message));
        }
        if self.reads_only(self.block.is_open()) {
            let message = format!("cannot execute {what} in a read-only transaction");
            return Err(SqlError::new(SqlState::READ_ONLY_TRANSACTION, message));
        }
        Ok(())
    }

    pub(super) fn check_explicit(&self, what: &str) -> Result<()> {
        if self.block.is_explicit() { Ok(()) } else { Err(outside(what)) }
    }
}

/// 25P01: it makes no sense outside BEGIN .. COMMIT.
pub(super) fn outside(what: &str) -> SqlError {
    let message = format!("{what} can only be used in transaction blocks");
    SqlError::new(SqlState::NO_ACTIVE_TRANSACTION, message)
}
