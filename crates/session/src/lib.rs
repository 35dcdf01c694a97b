//! The one door: what wire, REST and gRPC may ask of the database.
//!
//! A [`Session`] prepares one statement, runs it with parameters into a stream of Arrow batches
//! or a tag, and takes COPY rows. Nothing that serves clients knows more of the engine than this.

mod statements;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
pub use cvx_auth::Verifier;
pub use cvx_core::CancelToken;
use cvx_types::{Column, Datum, FormatSettings, PgType, Result};
use futures::stream::BoxStream;
pub use statements::{Statements, Stored};
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

/// Rows on their way to the client, in bounded batches whose columns match the announced ones.
pub type RowStream = BoxStream<'static, Result<RecordBatch>>;

/// A statement understood: what it needs and what it will answer. The plan inside is the session's.
#[derive(Clone)]
pub struct Prepared {
    /// Types of `$1..$n`, in order.
    pub params: Vec<PgType>,
    /// The result's columns; `None` where the statement answers with a tag only.
    pub columns: Option<Vec<Column>>,
    pub plan: Arc<dyn Any + Send + Sync>,
}

/// What a statement does when it runs.
pub enum Outcome {
    /// Rows follow; the tag is `verb` plus a space and their count (`SELECT 3`, `INSERT 0 3`).
    Rows { columns: Vec<Column>, rows: RowStream, verb: String },
    /// It is done; this is its command tag.
    Done { tag: String },
    /// Nothing between two semicolons.
    Empty,
    /// The session waits for rows: `Session::copy_rows`, then `copy_finish` or `copy_abort`.
    CopyIn(CopyIn),
    /// Rows follow in this COPY format; the tag is `COPY n`.
    CopyOut { columns: Vec<Column>, rows: RowStream, format: CopyFormat },
    /// MOVE of what is no cursor of the session's: the door passes over rows of the portal of
    /// this name, `None` for all of them, or knows none. The tag is `MOVE n`.
    MovePortal { name: String, rows: Option<u64> },
}

/// COPY ... FROM STDIN: rows of these columns are wanted.
#[derive(Clone, Debug)]
pub struct CopyIn {
    /// The target table's name, for messages (`COPY docs, line 3`).
    pub table: String,
    pub columns: Vec<Column>,
    /// The Arrow schema that the batches given to `copy_rows` must have.
    pub schema: SchemaRef,
    pub format: CopyFormat,
}

/// COPY's formats with their options, as Postgres defines them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyFormat {
    Text { delimiter: u8, null: String, header: bool },
    Csv { delimiter: u8, null: String, header: bool, quote: u8, escape: u8 },
    Binary,
}

/// Where the session stands, as ReadyForQuery says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxnStatus {
    Idle,
    InTransaction,
    Failed,
}

/// A message beside the answer.
#[derive(Clone, Debug)]
pub struct Notice {
    /// `NOTICE`, `WARNING`.
    pub severity: &'static str,
    pub state: &'static str,
    pub message: String,
}

/// One client's conversation with the database.
#[async_trait]
pub trait Session: Send {
    /// Cuts a simple-query string into single statements; a syntax error in any refuses all.
    fn split(&self, sql: &str) -> Result<Vec<String>>;

    /// Understands one statement. `types` are the client's words on `$1..$n`; `None` is unsaid.
    async fn prepare(&mut self, sql: &str, types: &[Option<PgType>]) -> Result<Prepared>;

    /// Runs a prepared statement. Outside a transaction block it commits by itself.
    async fn execute(&mut self, statement: &Prepared, params: &[Datum]) -> Result<Outcome>;

    /// Prepared statements by name, the client's and those of PREPARE.
    fn statements(&mut self) -> &mut Statements;

    /// The columns of an open cursor, which clients may describe as a portal.
    fn cursor_columns(&self, name: &str) -> Option<Vec<Column>>;

    /// Closes a cursor, if it is there.
    fn close_cursor(&mut self, name: &str);

    /// Rows for the COPY that `execute` began.
    async fn copy_rows(&mut self, rows: RecordBatch) -> Result<()>;

    /// All rows are given: commits (outside a block) and says the tag, `COPY n`.
    async fn copy_finish(&mut self) -> Result<String>;

    /// The client gave up, or its data was bad: nothing of the COPY stays.
    async fn copy_abort(&mut self);

    /// Statements until `end_batch` are one implicit transaction: a simple query of several, or
    /// what a driver pipelines before a Sync. A BEGIN among them turns it into an explicit block.
    fn begin_batch(&mut self);

    /// Commits the implicit transaction, or drops it where `ok` is false.
    async fn end_batch(&mut self, ok: bool) -> Result<()>;

    /// A statement failed: inside a block the block is now failed.
    fn fail(&mut self);

    fn status(&self) -> TxnStatus;

    /// Notices since the last call.
    fn take_notices(&mut self) -> Vec<Notice>;

    /// Parameters that changed since the last call (`TimeZone`, `application_name`, ...); the
    /// first call gives all that a client is told at start-up.
    fn take_parameters(&mut self) -> Vec<(String, String)>;

    /// How this session reads and shows values: its `TimeZone`, `DateStyle`, `IntervalStyle`,
    /// `bytea_output`, and what `'now'` means to the statement that runs next.
    fn format_settings(&self) -> FormatSettings;

    /// How long the client may leave a transaction block open without asking anything.
    fn idle_in_transaction_timeout(&self) -> Option<Duration> {
        None
    }

    /// The flag that stops this session's running statement; cleared when a statement starts.
    fn cancel_token(&self) -> CancelToken;
}

/// Makes sessions: one for each client that is let in.
#[async_trait]
pub trait Database: Send + Sync {
    /// What a client that says it is `user` must prove to know. Where there is no such role, or it
    /// has no password that is valid now, a verifier that nothing proves ([`Verifier::mock`]): who
    /// asks cannot tell.
    fn verifier(&self, user: &str) -> Verifier;

    /// A session of `user` in `database`, with the start-up packet's other settings applied.
    async fn connect(
        &self,
        user: &str,
        database: &str,
        settings: &[(String, String)],
    ) -> Result<Box<dyn Session>>;
}
