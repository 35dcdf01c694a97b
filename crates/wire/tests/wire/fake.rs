//! A database that understands a dozen words, and a server over it on a free port.
//!
//! Sentences: `rows N [of WIDTH]`, `echo N` (gives N parameters back), `begin`, `commit`,
//! `rollback`, `fail CODE`, `panic`, `panic later`, `hang`, `hang later`, `obey`, `say TEXT`,
//! `set NAME VALUE`, `insert N`, `copy in FORMAT`, `copy out FORMAT`, `change`.

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use cvx_session::{CancelToken, Database, Statements, Verifier};
use cvx_session::{CopyFormat, CopyIn, Notice, Outcome, Prepared, RowStream, Session, TxnStatus};
use cvx_types::{Column, Datum, FormatSettings, PgType, Result, SqlError, SqlState};
use cvx_wire::{Admission, WireLimits, serve};
use futures::StreamExt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The password of `ada`, where one is asked for.
pub(crate) const PASSWORD: &str = "sécret";

/// What tests look at from outside.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// Batches that result streams were asked for.
    pub(crate) batches: AtomicUsize,
    /// Hanging statements whose future or stream was dropped.
    pub(crate) dropped: AtomicUsize,
    /// Hanging statements that have begun.
    pub(crate) hanging: AtomicUsize,
    /// Sessions that live.
    pub(crate) sessions: AtomicUsize,
    /// Rows of finished COPYs.
    pub(crate) copied: Mutex<Vec<RecordBatch>>,
    pub(crate) aborted: AtomicUsize,
    /// What sessions did about transactions, in order.
    pub(crate) log: Mutex<Vec<String>>,
}

impl World {
    fn note(&self, what: impl Into<String>) {
        self.log.lock().unwrap().push(what.into());
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn count(counter: &AtomicUsize) -> usize {
        counter.load(Ordering::SeqCst)
    }
}

/// Waits until `done`, and panics if that takes too long.
pub(crate) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let waiting = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting)
        .await
        .unwrap_or_else(|_| panic!("{what}"));
}

struct FakeDatabase(Arc<World>);

#[async_trait]
impl Database for FakeDatabase {
    fn verifier(&self, user: &str) -> Verifier {
        match user {
            "ada" => Verifier::of_password(PASSWORD).unwrap(),
            other => Verifier::mock(other, &[7; 32]),
        }
    }

    async fn connect(
        &self,
        user: &str,
        database: &str,
        settings: &[(String, String)],
    ) -> Result<Box<dyn Session>> {
        match database {
            "nowhere" => {
                let message = "database \"nowhere\" does not exist";
                return Err(SqlError::new(SqlState::INVALID_CATALOG_NAME, message));
            }
            "panic" => panic!("no such luck"),
            _ => {}
        }
        let mut parameters: Vec<(String, String)> = vec![
            ("server_version".into(), "16.6 (cvx)".into()),
            ("session_user".into(), user.into()),
        ];
        parameters.extend(settings.iter().cloned());
        self.0.sessions.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(FakeSession {
            world: self.0.clone(),
            token: CancelToken::default(),
            status: TxnStatus::Idle,
            batch: false,
            parameters,
            notices: Vec::new(),
            copying: Vec::new(),
            changed: false,
            statements: Statements::new(0),
        }))
    }
}

struct FakeSession {
    world: Arc<World>,
    token: CancelToken,
    status: TxnStatus,
    batch: bool,
    parameters: Vec<(String, String)>,
    notices: Vec<Notice>,
    copying: Vec<RecordBatch>,
    changed: bool,
    statements: Statements,
}

impl Drop for FakeSession {
    fn drop(&mut self) {
        self.world.sessions.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Counts when it is dropped.
struct Dropped(Arc<World>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

async fn hang(world: Arc<World>) {
    let _dropped = Dropped(world.clone());
    world.hanging.fetch_add(1, Ordering::SeqCst);
    std::future::pending::<()>().await;
}

pub(crate) fn column(name: &str, ty: PgType, typmod: i32) -> Column {
    Column { name: name.into(), ty, typmod, table_oid: 16_999, attnum: 1 }
}

fn row_columns() -> Vec<Column> {
    vec![column("n", PgType::Int8, -1), column("filler", PgType::Text, -1)]
}

/// N rows in batches of 100, made as they are asked for.
fn row_stream(world: Arc<World>, rows: usize, width: usize) -> RowStream {
    let batches = (0..rows).step_by(100).map(move |start| {
        world.batches.fetch_add(1, Ordering::SeqCst);
        let end = rows.min(start + 100);
        let numbers = Int64Array::from_iter_values((start..end).map(|n| i64::try_from(n).unwrap()));
        let filler = StringArray::from_iter_values((start..end).map(|_| "x".repeat(width)));
        let columns: Vec<(&str, ArrayRef)> =
            vec![("n", Arc::new(numbers)), ("filler", Arc::new(filler))];
        Ok(RecordBatch::try_from_iter(columns).unwrap())
    });
    futures::stream::iter(batches).boxed()
}

pub(crate) fn copy_columns() -> Vec<Column> {
    vec![
        column("id", PgType::Int8, -1),
        column("title", PgType::Text, -1),
        column("embedding", PgType::Vector, 3),
    ]
}

fn copy_schema() -> SchemaRef {
    let field = |c: &Column| c.ty.field(&c.name, c.typmod, true);
    Arc::new(Schema::new(copy_columns().iter().map(field).collect::<Vec<_>>()))
}

fn copy_format(word: &str) -> CopyFormat {
    match word {
        "csv" => CopyFormat::Csv {
            delimiter: b',',
            null: String::new(),
            header: true,
            quote: b'"',
            escape: b'"',
        },
        "binary" => CopyFormat::Binary,
        _ => CopyFormat::Text { delimiter: b'\t', null: "\\N".into(), header: false },
    }
}

fn plain(state: &'static str, message: &str) -> SqlError {
    SqlError::new(SqlState(state), message)
}

impl FakeSession {
    fn transaction(&mut self, word: &str) -> Outcome {
        let tag = match (word, self.status) {
            ("begin", _) => {
                self.status = TxnStatus::InTransaction;
                "BEGIN"
            }
            ("commit", TxnStatus::Failed) | ("rollback", _) => {
                self.status = TxnStatus::Idle;
                "ROLLBACK"
            }
            _ => {
                self.status = TxnStatus::Idle;
                "COMMIT"
            }
        };
        self.world.note(word);
        Outcome::Done { tag: tag.into() }
    }

    fn echo(params: &[Datum]) -> Outcome {
        let name = |at: usize| format!("p{}", at + 1);
        let columns: Vec<Column> =
            params.iter().enumerate().map(|(at, p)| column(&name(at), p.ty.clone(), -1)).collect();
        let fields: Vec<Field> = params
            .iter()
            .enumerate()
            .map(|(at, p)| Field::new(name(at), p.value.data_type().clone(), true))
            .collect();
        let arrays = params.iter().map(|p| p.value.clone()).collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
        let rows = futures::stream::iter([Ok(batch)]).boxed();
        Outcome::Rows { columns, rows, verb: "SELECT".into() }
    }

    fn copy_out(&self, format: &str) -> Outcome {
        let rows: Vec<_> = self.world.copied.lock().unwrap().iter().cloned().map(Ok).collect();
        let rows = futures::stream::iter(rows).boxed();
        Outcome::CopyOut { columns: copy_columns(), rows, format: copy_format(format) }
    }

    fn lonely_stream(&self, word: &str) -> Outcome {
        let world = self.world.clone();
        let rows = match word {
            "hang" => futures::stream::once(async move {
                hang(world).await;
                Err(plain("XX000", "never"))
            })
            .boxed(),
            _ => futures::stream::once(async move { panic!("in the stream") }).boxed(),
        };
        let first = row_stream(self.world.clone(), 3, 1);
        Outcome::Rows {
            columns: row_columns(),
            rows: first.chain(rows).boxed(),
            verb: "SELECT".into(),
        }
    }
}

#[async_trait]
impl Session for FakeSession {
    fn split(&self, sql: &str) -> Result<Vec<String>> {
        if sql.contains("syntax error") {
            return Err(plain("42601", "syntax error").at(3).hint("write better"));
        }
        Ok(sql.split(';').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect())
    }

    async fn prepare(&mut self, sql: &str, types: &[Option<PgType>]) -> Result<Prepared> {
        if self.status == TxnStatus::Failed
            && !matches!(sql.to_lowercase().as_str(), "rollback" | "commit")
        {
            return Err(plain("25P02", "current transaction is aborted"));
        }
        // Drivers begin and commit in capitals.
        let sql = &sql.to_lowercase().replace("start transaction", "begin");
        let words: Vec<&str> = sql.split_whitespace().collect();
        let count = words.get(1).and_then(|w| w.parse().ok()).unwrap_or(0);
        let params: Vec<PgType> = match words.first() {
            Some(&"echo") => (0..count)
                .map(|at| types.get(at).cloned().flatten().unwrap_or(PgType::Text))
                .collect(),
            _ => Vec::new(),
        };
        let columns = match words.as_slice() {
            ["rows", ..] | ["panic" | "hang", "later"] => Some(row_columns()),
            ["change"] => Some(vec![column("n", PgType::Int4, -1)]),
            ["echo", ..] => {
                let name = |at: usize| format!("p{}", at + 1);
                let columns = params.iter().enumerate();
                Some(columns.map(|(at, ty)| column(&name(at), ty.clone(), -1)).collect())
            }
            _ => None,
        };
        Ok(Prepared { params, columns, plan: Arc::new(sql.to_owned()) })
    }

    async fn execute(&mut self, statement: &Prepared, params: &[Datum]) -> Result<Outcome> {
        self.token.start();
        let sql = statement.plan.downcast_ref::<String>().unwrap().clone();
        let words: Vec<&str> = sql.split_whitespace().collect();
        Ok(match words.as_slice() {
            [] => Outcome::Empty,
            ["rows", n, rest @ ..] => {
                let width = rest.get(1).map_or(1, |w| w.parse().unwrap());
                let rows = row_stream(self.world.clone(), n.parse().unwrap(), width);
                Outcome::Rows { columns: row_columns(), rows, verb: "SELECT".into() }
            }
            ["change"] => Outcome::Rows {
                columns: row_columns(),
                rows: row_stream(self.world.clone(), 1, 1),
                verb: "SELECT".into(),
            },
            ["move", portal, rows] => {
                Outcome::MovePortal { name: (*portal).to_owned(), rows: rows.parse().ok() }
            }
            ["echo", ..] => Self::echo(params),
            [word @ ("begin" | "commit" | "rollback")] => self.transaction(word),
            ["insert", n] => {
                self.world.note(format!("insert {n}"));
                Outcome::Done { tag: format!("INSERT 0 {n}") }
            }
            ["fail", code] => {
                let state = ["22012", "40001", "23505"].into_iter().find(|c| c == code).unwrap();
                return Err(plain(state, "it failed").detail("on\0purpose"));
            }
            ["panic"] => panic!("in the statement"),
            ["hang"] => {
                hang(self.world.clone()).await;
                Outcome::Empty
            }
            [word @ ("hang" | "panic"), "later"] => self.lonely_stream(word),
            ["obey"] => {
                // Stops by itself, as a session does, and says so in its own words.
                self.world.hanging.fetch_add(1, Ordering::SeqCst);
                while self.token.stopped().is_none() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                return Err(plain("57014", "stopped by itself"));
            }
            ["expire"] => {
                let generation = self.token.start();
                self.token.time_out(generation);
                hang(self.world.clone()).await;
                Outcome::Empty
            }
            ["say", text] => {
                let message = (*text).to_owned();
                self.notices.push(Notice { severity: "NOTICE", state: "00000", message });
                Outcome::Done { tag: "SAY".into() }
            }
            ["set", name, value] => {
                self.parameters.push(((*name).to_owned(), (*value).to_owned()));
                self.changed = true;
                Outcome::Done { tag: "SET".into() }
            }
            ["copy", "in", format] => Outcome::CopyIn(CopyIn {
                table: "docs".into(),
                columns: copy_columns(),
                schema: copy_schema(),
                format: copy_format(format),
            }),
            ["copy", "out", format] => self.copy_out(format),
            _ => return Err(plain("42601", "what?")),
        })
    }

    fn statements(&mut self) -> &mut Statements {
        &mut self.statements
    }

    fn cursor_columns(&self, name: &str) -> Option<Vec<Column>> {
        (name == "a cursor").then(row_columns)
    }

    fn close_cursor(&mut self, _name: &str) {}

    async fn copy_rows(&mut self, rows: RecordBatch) -> Result<()> {
        assert_eq!(rows.schema(), copy_schema());
        self.copying.push(rows);
        Ok(())
    }

    async fn copy_finish(&mut self) -> Result<String> {
        let batches = std::mem::take(&mut self.copying);
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        self.world.copied.lock().unwrap().extend(batches);
        Ok(format!("COPY {rows}"))
    }

    async fn copy_abort(&mut self) {
        self.copying.clear();
        self.world.aborted.fetch_add(1, Ordering::SeqCst);
    }

    fn begin_batch(&mut self) {
        self.batch = true;
        self.world.note("batch");
    }

    async fn end_batch(&mut self, ok: bool) -> Result<()> {
        assert!(std::mem::take(&mut self.batch), "a batch ends that never began");
        self.world.note(if ok { "batch commit" } else { "batch rollback" });
        Ok(())
    }

    fn fail(&mut self) {
        if self.status == TxnStatus::InTransaction {
            self.status = TxnStatus::Failed;
        }
    }

    fn status(&self) -> TxnStatus {
        self.status
    }

    fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    fn take_parameters(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.parameters)
    }

    fn format_settings(&self) -> FormatSettings {
        FormatSettings::default()
    }

    fn cancel_token(&self) -> CancelToken {
        self.token.clone()
    }
}

/// A running server; it stops when told, or when the test's runtime ends.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) world: Arc<World>,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) done: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(WireLimits::STANDARD).await
    }

    pub(crate) async fn with(limits: WireLimits) -> Self {
        Self::admitting(Admission::LOOPBACK, limits).await
    }

    pub(crate) async fn admitting(admission: Admission, limits: WireLimits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let world = Arc::new(World::default());
        let (stop, stopped) = oneshot::channel();
        let database = Arc::new(FakeDatabase(world.clone()));
        let shutdown = async {
            // A dropped sender stops nothing: the test's runtime ends the task.
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let done = tokio::spawn(serve(listener, database, admission, limits, shutdown));
        Self { address, world, stop, done }
    }

    /// A tokio-postgres client.
    pub(crate) async fn client(&self) -> tokio_postgres::Client {
        let (client, connection) = self.config().connect(tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    pub(crate) fn config(&self) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(self.address.port()).user("ada").dbname("cvx");
        config
    }
}

/// The SQLSTATE of a driver's error.
pub(crate) fn code(error: &tokio_postgres::Error) -> &str {
    error.code().map_or("none", |code| code.code())
}

/// The message of a driver's error.
pub(crate) fn words(error: &tokio_postgres::Error) -> &str {
    error.as_db_error().map_or("none", |error| error.message())
}

/// What an Arrow type would be called, to keep the import in one place.
pub(crate) fn is_int64(data_type: &DataType) -> bool {
    *data_type == DataType::Int64
}
