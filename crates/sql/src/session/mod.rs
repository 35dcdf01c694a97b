//! One client's conversation: prepares, runs, keeps its transaction.
//!
//! A statement is prepared by planning it without parameter values, which says the types of its
//! parameters and columns; it runs by planning it again with the values in place, so that times,
//! limits and query vectors are literals to every rule. Outside a block a statement is its own
//! transaction, retried from its start when its commit meets a conflict.

mod block;
mod cursors;
mod databases;
mod dispatch;
mod identity;
mod origin;
mod position;
mod prepare;
mod prepared;
mod query;
mod repeat;
mod savepoints;
mod scroll;
mod settings;
mod shortcut;
mod stopping;
mod template;
mod vars;

pub use cursors::Cursor;
pub(crate) use dispatch::{rows_of, text_rows};
pub(crate) use identity::on_off;
pub(crate) use prepared::execution;
pub use query::{
    Planned, columns, lowered, physical, plan_again, plan_query, plan_target_query,
    run as run_plan, stream_query, stream_target_query, stream_versions_query,
};
pub(crate) use repeat::Repeat;
pub use template::Stamp;
pub use vars::Vars;

use crate::access::Guard;
use crate::compute::Compute;
use crate::db::Db;
use crate::dml::CopyTarget;
use crate::error::from_engine;
use crate::occupancy::{Closed, Occupancy, Seat};
use crate::plan::{Params, Pending, StatementCx};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
pub(crate) use block::Held;
use block::{Block, Open};
use cursors::Cursors;
use cvx_core::CancelToken;
use cvx_dialect::Statement;
use cvx_engine::{Access, Engine, Txn};
use cvx_session::{Notice, Outcome, Prepared, Session, Statements, TxnStatus};
use cvx_types::{Column, Datum, FormatSettings, PgType, Result, SqlError, SqlState};
use datafusion::common::runtime::SpawnedTask;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionState;
use repeat::Repeats;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// Prepared statements with a name, where the door sets no bound of its own.
const STATEMENTS_MAX: usize = 10_000;
/// Statements kept by their text.
const REPEATS_MAX: NonZeroUsize = NonZeroUsize::new(256).expect("it is not zero");

/// A session over one engine.
pub struct SqlSession {
    engine: Arc<Engine>,
    state: SessionState,
    runtime: Arc<RuntimeEnv>,
    compute: Compute,
    /// Who logged in.
    login: u32,
    /// Which database it is in.
    seat: Seat,
    occupancy: Occupancy,
    /// Whose turn it is to define something, among those who were in each other's way.
    definitions: Arc<tokio::sync::Mutex<()>>,
    /// Databases that a statement of the block drops or renames: closed until it ends.
    closed: Vec<Closed>,
    import_dir: Option<PathBuf>,
    vars: Vars,
    block: Block,
    /// Places in the block to go back to, the oldest first.
    savepoints: Vec<savepoints::Place>,
    statements: Statements,
    repeats: Repeats,
    cursors: Cursors,
    copy: Option<Copying>,
    notices: Vec<Notice>,
    /// Settings that `set_config` made, to take effect with the next statement.
    pending: Pending,
    cancel: CancelToken,
}

/// A COPY FROM STDIN under way, and the transaction that it writes in.
struct Copy {
    target: CopyTarget,
    held: Held,
}

/// A COPY that waits for rows, or works on some: while one batch is written, the next is read.
enum Copying {
    Ready(Box<Copy>),
    Busy(SpawnedTask<Result<Box<Copy>>>),
}

/// What `Prepared::plan` holds.
pub(crate) struct Parsed {
    /// None where there is nothing between two semicolons.
    pub(crate) statement: Option<Statement>,
    text: String,
    pub(crate) repeat: Repeat,
}

impl Parsed {
    /// Whether it means the same whenever it is said, as long as catalog and settings stay.
    fn comes_again(&self) -> bool {
        use datafusion::sql::sqlparser::ast::Statement as S;
        matches!(&self.statement, Some(Statement::Sql(sql))
            if matches!(**sql, S::Query(_) | S::Insert(_) | S::Update(_) | S::Delete(_)))
    }
}

impl SqlSession {
    pub(crate) fn new(db: &Db, login: u32, seat: Seat, vars: Vars) -> Self {
        let cancel = seat.cancel().clone();
        let mut state = db.session_state();
        state.config_mut().set_extension(Arc::new(cancel.clone()));
        Self {
            engine: Arc::clone(&db.engine),
            compute: Compute::of(&state),
            state,
            runtime: db.session_runtime(cancel.clone()),
            login,
            seat,
            occupancy: db.occupancy.clone(),
            definitions: Arc::clone(&db.definitions),
            closed: Vec::new(),
            import_dir: db.options.import_dir.clone(),
            vars,
            block: Block::Idle,
            savepoints: Vec::new(),
            statements: Statements::new(STATEMENTS_MAX),
            repeats: Repeats::new(REPEATS_MAX),
            cursors: Cursors::default(),
            copy: None,
            notices: Vec::new(),
            pending: Pending::default(),
            cancel,
        }
    }

    /// How values are read and shown in this session.
    pub(crate) fn reading_settings(&self) -> FormatSettings {
        FormatSettings { timezone: self.vars.zone(), ..FormatSettings::at(self.engine.now_us()) }
    }

    /// Tells functions how the session reads and writes text.
    fn tell_formats(&mut self) {
        let formats = crate::functions::SessionFormats(self.reading_settings());
        self.state.config_mut().options_mut().extensions.insert(formats);
    }

    /// Puts what `set_config` made into force.
    fn apply_pending(&mut self) -> Result<()> {
        let made = std::mem::take(&mut *self.pending.lock());
        made.into_iter().try_for_each(|(name, value, local)| match name.as_str() {
            "role" => self.set_role(&value, local),
            "session_authorization" => self.set_session_user(&value, local),
            _ => self.vars.set(&name, &value, local),
        })
    }

    /// The user's present rights, as this transaction sees them.
    pub(crate) fn guard(&self, txn: &Txn) -> Guard {
        self.guard_over(txn.access())
    }

    fn guard_over(&self, access: Arc<Access>) -> Guard {
        let session_user = self.vars.session_user().unwrap_or(self.login);
        let user = self.vars.current_role().unwrap_or(session_user);
        Guard::new(access, user, session_user, self.seat.database())
    }

    /// What a statement stands in, over this transaction.
    pub(crate) fn cx<'a>(
        &'a self,
        held: &'a Held,
        params: &'a Params,
        text: &'a str,
    ) -> StatementCx<'a> {
        let txn = &held.txn;
        let catalog = txn.catalog();
        StatementCx {
            text,
            engine: &self.engine,
            txn,
            catalog,
            guard: self.guard(txn),
            statements: self.statements.list(),
            cursors: self.cursors.list(),
            system: OnceLock::new(),
            state: &self.state,
            runtime: &self.runtime,
            vars: &self.vars,
            params,
            now_us: held.now_us,
            read_only: self.reads_only(held.is_of_block()),
            cancel: self.cancel.clone(),
            pending: Arc::clone(&self.pending),
            hints: parking_lot::Mutex::default(),
            notices: parking_lot::Mutex::default(),
            settings: Arc::new(self.reading_settings()),
        }
    }

    /// FATAL 57P01 where DROP DATABASE ... WITH (FORCE) took the session's database away.
    fn check_seat(&self) -> Result<()> {
        if !self.seat.is_lost() {
            return Ok(());
        }
        let message = "terminating connection due to administrator command";
        Err(SqlError::new(SqlState::ADMIN_SHUTDOWN, message))
    }

    pub(crate) fn parsed(statement: &Prepared) -> Result<&Parsed> {
        statement.plan.downcast_ref::<Parsed>().ok_or_else(|| {
            SqlError::new(SqlState::INVALID_STATEMENT_NAME, "not a statement of this server")
        })
    }

    /// Prepares a statement, or finds it as it was prepared before.
    fn prepare_once(&mut self, sql: &str, types: &[Option<PgType>]) -> Result<Prepared> {
        if self.block.is_failed() || self.vars.value("cvx.plan_cache") == "off" {
            return prepare::prepare(self, sql, types);
        }
        let stamp = self.stamp();
        if let Some(known) = self.repeats.get(sql, types, &stamp) {
            return Ok(known);
        }
        let prepared = prepare::prepare(self, sql, types)?;
        if Self::parsed(&prepared)?.comes_again() {
            self.repeats.put(sql, types, stamp, &prepared);
        }
        Ok(prepared)
    }

    /// What plans made now depend on.
    fn stamp(&mut self) -> Stamp {
        let held = self.hold();
        let stamp = Stamp::new(&held.txn.catalog(), self.vars.generation());
        self.release(held);
        stamp
    }

    /// Starts the clock of `statement_timeout` for the statement that begins.
    fn start_statement(&self) -> Option<tokio::task::AbortHandle> {
        let generation = self.cancel.start();
        let ms = self.vars.milliseconds("statement_timeout");
        if ms == 0 {
            return None;
        }
        let cancel = self.cancel.clone();
        let timer = tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
            cancel.time_out(generation);
        });
        Some(timer.abort_handle())
    }

    fn begin(&self) -> Txn {
        self.engine.begin_in(self.seat.database())
    }

    pub(crate) fn notify(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(crate) fn import_dir(&self) -> Option<&std::path::Path> {
        self.import_dir.as_deref()
    }

    pub(crate) fn cancel(&self) -> &CancelToken {
        &self.cancel
    }

    /// The transaction a statement works in: the block's, or one of its own.
    pub(crate) fn hold(&mut self) -> Held {
        match self.block.lend() {
            Some(held) => held,
            None => Held::own(self.begin(), self.engine.now_us()),
        }
    }

    /// Gives the block its transaction back; one of a statement's own is dropped.
    pub(crate) fn release(&mut self, held: Held) {
        drop(held);
        self.block.settle();
    }

    /// Gives the block its transaction back; one of a statement's own goes on.
    fn keep(&mut self, held: Held) -> Option<Held> {
        if !held.is_of_block() {
            return Some(held);
        }
        self.release(held);
        None
    }

    pub(crate) fn compute(&self) -> &Compute {
        &self.compute
    }

    /// The block is over; gives what there was of it.
    fn end_block(&mut self) -> Block {
        self.savepoints.clear();
        std::mem::replace(&mut self.block, Block::Idle)
    }

    /// What outlives a block learns how it ended.
    fn block_ended(&mut self, committed: bool) {
        self.vars.end(committed);
        self.cursors.end_block(committed);
        self.closed.clear();
    }
}

#[async_trait]
impl Session for SqlSession {
    fn split(&self, sql: &str) -> Result<Vec<String>> {
        cvx_dialect::split(sql).map_err(crate::limits::from_parse)
    }

    async fn prepare(&mut self, sql: &str, types: &[Option<PgType>]) -> Result<Prepared> {
        self.check_seat()?;
        self.apply_pending()?;
        self.tell_formats();
        let prepared = self.prepare_once(sql, types);
        prepared.map_err(|error| position::located(error, sql))
    }

    async fn execute(&mut self, statement: &Prepared, params: &[Datum]) -> Result<Outcome> {
        self.check_seat()?;
        let parsed = Self::parsed(statement)?;
        if params.len() != statement.params.len() {
            return Err(SqlError::new(
                SqlState::PROTOCOL_VIOLATION,
                format!(
                    "bind message supplies {} parameters, but the statement requires {}",
                    params.len(),
                    statement.params.len()
                ),
            ));
        }
        let timer = self.start_statement();
        self.tell_formats();
        let params = Params::bound(&statement.params, params);
        let outcome = dispatch::run(self, parsed, params).await;
        let outcome = outcome.map_err(|error| position::located(error, &parsed.text));
        match (&outcome, timer) {
            (Ok(Outcome::Rows { .. } | Outcome::CopyOut { .. } | Outcome::CopyIn(_)), _) => {}
            (_, Some(timer)) => timer.abort(),
            (_, None) => {}
        }
        if outcome.is_err() {
            self.fail();
        }
        outcome
    }

    fn statements(&mut self) -> &mut Statements {
        &mut self.statements
    }

    fn cursor_columns(&self, name: &str) -> Option<Vec<Column>> {
        self.cursors.columns(name).cloned()
    }

    fn close_cursor(&mut self, name: &str) {
        self.cursors.close(name);
    }

    async fn copy_rows(&mut self, rows: RecordBatch) -> Result<()> {
        if let Some(stop) = self.cancel.stopped() {
            return Err(crate::error::from_stop(stop));
        }
        let mut copy = self.copied().await?;
        let work = async move {
            let Copy { target, held } = &mut *copy;
            target.rows(&mut held.txn, &rows).map(|()| copy)
        };
        self.copy = Some(Copying::Busy(self.compute.start(work)));
        Ok(())
    }

    async fn copy_finish(&mut self) -> Result<String> {
        let Copy { target, held } = *self.copied().await?;
        if let Some(mut own) = self.keep(held) {
            let (txn, durability) = (own.txn.take(), self.durability());
            // It waits for rows on their way to files, and may write some itself.
            self.compute.run(txn.commit(durability)).await?.map_err(from_engine)?;
        }
        Ok(format!("COPY {}", target.count))
    }

    async fn copy_abort(&mut self) {
        self.copy = None;
        self.fail();
    }

    fn begin_batch(&mut self) {
        if matches!(self.block, Block::Idle) {
            let txn = self.begin();
            self.block = Block::implicit(txn, self.engine.now_us());
            if let Err(error) = self.block_began() {
                tracing::error!(%error, "a block's settings");
            }
        }
    }

    async fn end_batch(&mut self, ok: bool) -> Result<()> {
        if !self.block.is_implicit() {
            return Ok(());
        }
        let durability = self.durability();
        match self.end_block() {
            Block::Open(Open { txn, .. }) if ok => {
                let committed = txn.commit(durability).await;
                self.block_ended(committed.is_ok());
                committed.map(drop).map_err(from_engine)
            }
            _ => {
                self.block_ended(false);
                Ok(())
            }
        }
    }

    fn fail(&mut self) {
        let gone = (self.copy.take(), self.block.fail(!self.savepoints.is_empty()));
        // Of many rows, this takes longer than who waits for the answer should wait.
        self.compute.discard(gone);
    }

    fn status(&self) -> TxnStatus {
        self.block.status()
    }

    fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    fn take_parameters(&mut self) -> Vec<(String, String)> {
        self.vars.take_changed()
    }

    fn format_settings(&self) -> FormatSettings {
        self.reading_settings()
    }

    fn idle_in_transaction_timeout(&self) -> Option<std::time::Duration> {
        let ms = self.vars.milliseconds("idle_in_transaction_session_timeout");
        (ms > 0).then(|| std::time::Duration::from_millis(ms))
    }

    fn cancel_token(&self) -> CancelToken {
        self.cancel.clone()
    }
}

impl SqlSession {
    /// The COPY under way, once it is done with the rows that it was given.
    async fn copied(&mut self) -> Result<Box<Copy>> {
        match self.copy.take().ok_or_else(no_copy)? {
            Copying::Ready(copy) => Ok(copy),
            Copying::Busy(task) => Compute::joined(task).await?,
        }
    }
}

fn no_copy() -> SqlError {
    SqlError::new(SqlState::PROTOCOL_VIOLATION, "no COPY is under way")
}
