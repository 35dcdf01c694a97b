//! sqllogictest files over the real wire, once in each of its two protocols.
//!
//! `simple` sends each statement as a simple query and compares the server's text. `extended`
//! prepares, binds and executes it, takes the answer in binary, and compares what [`crate::text`]
//! makes of the bytes: the same expectations then hold the two encoders and the two roads through
//! the server to one answer. `indexed` is simple, and before each search every vector column gets
//! an index of each metric, every row is sealed, and the search asks the indexes: what they answer
//! is what comparing every row does. EXPLAIN ANALYZE tells whether they were asked: a file of which
//! no index answered anything has shown nothing, and fails. A file runs from its first record to
//! its last and reports every failure, not only the first.

use crate::client::{self, Connection};
use crate::text::{self, Raw};
use async_trait::async_trait;
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Record, Runner};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::types::Type;

/// Which protocol carries the statements. Its name is a label for `skipif` and `onlyif`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Simple,
    Extended,
    /// Simple, with searches answered by indexes.
    Indexed,
}

impl Protocol {
    pub const ALL: [Self; 3] = [Self::Simple, Self::Extended, Self::Indexed];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Extended => "extended",
            Self::Indexed => "indexed",
        }
    }
}

/// Why a record failed before its expectation was looked at.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("{}", client::describe(.0))]
    Postgres(#[from] tokio_postgres::Error),
    #[error("column {column}: {why}")]
    Value { column: String, why: String },
}

struct Database {
    connection: Connection,
    protocol: Protocol,
    indexer: Option<Indexer>,
    answered: Arc<AtomicUsize>,
}

type Output = DBOutput<DefaultColumnType>;

/// How many failures of one file are shown.
const SHOWN_MAX: usize = 25;

/// Runs one file. The error lists what failed, by place.
pub async fn run_file(addr: SocketAddr, protocol: Protocol, file: &Path) -> Result<(), String> {
    let records = sqllogictest::parse_file::<DefaultColumnType>(file)
        .map_err(|error| format!("{}: {error}", file.display()))?;
    let (classes, answered) = (classes_for(file), Arc::new(AtomicUsize::new(0)));
    let mut runner = Runner::new(|| {
        let (classes, answered) = (classes.clone(), Arc::clone(&answered));
        async move {
            let connection = client::connect(addr).await?;
            let indexer = match protocol {
                Protocol::Indexed => Some(Indexer::new(addr, classes).await?),
                Protocol::Simple | Protocol::Extended => None,
            };
            let mut database = Database { connection, protocol, indexer, answered };
            database.choose_plans().await?;
            Ok(database)
        }
    });
    runner.with_column_validator(columns_agree);
    let (mut failures, mut asked) = (Vec::new(), 0);
    for record in records {
        if matches!(record, Record::Halt { .. }) {
            break;
        }
        asked += usize::from(matches!(record, Record::Statement { .. } | Record::Query { .. }));
        if let Err(error) = runner.run_async(record).await {
            failures.push(error.to_string());
        }
    }
    runner.shutdown_async().await;
    let answered = answered.load(Ordering::Relaxed);
    match failures.len() {
        0 if asked == 0 => Err("the file asks nothing".to_owned()),
        0 if protocol == Protocol::Indexed && answered == 0 => {
            Err("no index answered any of its searches".to_owned())
        }
        0 => Ok(()),
        n => Err(report(&failures, n, asked)),
    }
}

fn report(failures: &[String], failed: usize, asked: usize) -> String {
    let mut report = format!("{failed} of {asked} records failed\n");
    for failure in failures.iter().take(SHOWN_MAX) {
        let _ = writeln!(report, "\n{failure}");
    }
    report
}

/// As many columns as announced; in the extended protocol, whose types are known, of those kinds.
#[expect(clippy::ptr_arg, reason = "the runner's signature")]
fn columns_agree(actual: &Vec<DefaultColumnType>, expected: &Vec<DefaultColumnType>) -> bool {
    let any = DefaultColumnType::Any;
    actual.len() == expected.len()
        && actual.iter().zip(expected).all(|(a, e)| *a == any || *e == any || a == e)
}

impl Database {
    /// Simple queries run by templates from their first execution on, extended ones without any:
    /// the two ways of planning are held to one answer as well.
    async fn choose_plans(&mut self) -> Result<(), Failure> {
        let mode = match self.protocol {
            Protocol::Simple | Protocol::Indexed => "force",
            Protocol::Extended => "off",
        };
        let search = if self.protocol == Protocol::Indexed { "index" } else { "auto" };
        let sql = format!("SET cvx.plan_cache = '{mode}'; SET cvx.search = '{search}'");
        self.run_simple(&sql).await.map(drop)
    }
}

#[async_trait]
impl AsyncDB for Database {
    type Error = Failure;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<Output, Failure> {
        if let Some(indexer) = self.indexer.as_mut().filter(|_| searches(sql)) {
            indexer.index_everything().await?;
        }
        match self.protocol {
            Protocol::Simple => self.run_simple(sql).await,
            Protocol::Extended => self.run_extended(sql).await,
            Protocol::Indexed => {
                let answer = self.run_simple(sql).await?;
                self.count_answer(sql, &answer).await?;
                Ok(answer)
            }
        }
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        self.protocol.name()
    }

    async fn sleep(duration: std::time::Duration) {
        tokio::time::sleep(duration).await;
    }

    fn error_sql_state(error: &Failure) -> Option<String> {
        match error {
            Failure::Postgres(error) => client::sqlstate(error).map(str::to_owned),
            Failure::Value { .. } => None,
        }
    }
}

impl Database {
    async fn run_simple(&mut self, sql: &str) -> Result<Output, Failure> {
        let (mut columns, mut rows, mut count) = (None, Vec::new(), 0);
        for message in self.connection.client.simple_query(sql).await? {
            match message {
                SimpleQueryMessage::RowDescription(described) => {
                    columns = Some(described.len());
                    rows.clear();
                }
                SimpleQueryMessage::Row(row) => {
                    rows.push((0..row.len()).map(|at| cell(row.get(at))).collect());
                }
                SimpleQueryMessage::CommandComplete(n) => count = n,
                _ => {}
            }
        }
        Ok(match columns {
            Some(n) => DBOutput::Rows { types: vec![DefaultColumnType::Any; n], rows },
            None => DBOutput::StatementComplete(count),
        })
    }

    /// Counts a statement that an index answered, by running it again: it has just been run
    /// without harm.
    async fn count_answer(&mut self, sql: &str, answer: &Output) -> Result<(), Failure> {
        let begins = |word: &str| sql.trim_start().starts_with(word);
        let answered = match searches(sql) && !sql.contains(';') {
            true if begins("SELECT") || begins("WITH") => {
                let plan = self.run_simple(&format!("EXPLAIN ANALYZE {sql}")).await?;
                is_answered_by_index(&plan)
            }
            true => is_answered_by_index(answer),
            false => false,
        };
        self.answered.fetch_add(usize::from(answered), Ordering::Relaxed);
        Ok(())
    }

    async fn run_extended(&mut self, sql: &str) -> Result<Output, Failure> {
        let client = &self.connection.client;
        let statement = client.prepare(sql).await?;
        if statement.columns().is_empty() {
            return Ok(DBOutput::StatementComplete(client.execute(&statement, &[]).await?));
        }
        let types = statement.columns().iter().map(|column| kind(column.type_())).collect();
        let rows = client.query(&statement, &[]).await?;
        let rows = rows.iter().map(print_row).collect::<Result<_, _>>()?;
        Ok(DBOutput::Rows { types, rows })
    }
}

/// Whether a text has something to look for by distance.
fn searches(text: &str) -> bool {
    ["<->", "<=>", "<#>", "<+>", "st_distance"].iter().any(|word| text.contains(word))
}

/// Whether a file orders rows by distance.
#[must_use]
pub fn file_searches(text: &str) -> bool {
    let orders = |line: &str| line.split("ORDER BY").skip(1).any(searches);
    text.lines().any(orders)
}

/// Whether a plan's search may ask an index, and graphs, cells or codes were asked.
fn is_answered_by_index(plan: &Output) -> bool {
    let DBOutput::Rows { rows, .. } = plan else { return false };
    let lines = rows.iter().flatten().map(String::as_str);
    let text = lines.collect::<Vec<_>>().join("\n");
    let roads = ["segments_walked", "segments_probed", "segments_sifted"];
    text.contains("search=index ") && roads.iter().any(|road| counted(&text, road) > 0)
}

/// The sum of a counter over an EXPLAIN ANALYZE.
#[must_use]
pub fn counted(plan: &str, counter: &str) -> usize {
    let name = format!("{counter}=");
    let values = plan.split(&name).skip(1);
    let number = |value: &str| {
        value
            .split(|c: char| !c.is_ascii_digit())
            .next()
            .and_then(|digits| digits.parse::<usize>().ok())
    };
    values.filter_map(number).sum::<usize>()
}

/// Sees to it that indexes of these classes have every row, on a connection of its own.
struct Indexer {
    connection: Connection,
    classes: Vec<&'static str>,
}

/// The vector and half vector columns there are, of tables.
const COLUMNS: &str = "SELECT n.nspname, c.relname, a.attname, t.typname \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid \
    WHERE c.relkind = 'r' AND t.typname IN ('vector', 'halfvec') AND a.atttypmod > 0 \
    AND a.attnum > 0 AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'cvx')";
const CLASSES: [&str; 4] = ["cosine", "l2", "ip", "l1"];

/// The metrics that a file may search by. Few have points of a ball.
fn classes_for(file: &Path) -> Vec<&'static str> {
    let text = std::fs::read_to_string(file).unwrap_or_default().to_lowercase();
    let of_balls = text.contains("poincare").then_some("poincare");
    CLASSES.into_iter().chain(of_balls).collect()
}

impl Indexer {
    async fn new(addr: SocketAddr, classes: Vec<&'static str>) -> Result<Self, Failure> {
        Ok(Self { connection: client::connect(addr).await?, classes })
    }

    async fn index_everything(&mut self) -> Result<(), Failure> {
        let client = &self.connection.client;
        for row in client.query(COLUMNS, &[]).await? {
            let [schema, table, column, ty]: [String; 4] = std::array::from_fn(|at| row.get(at));
            let name = format!("\"{schema}\".\"{table}\"");
            let make = |class: &&str| {
                format!(
                    "CREATE INDEX IF NOT EXISTS \"{table}_{column}_{class}_ops\" \
                     ON {name} USING hnsw (\"{column}\" {ty}_{class}_ops);"
                )
            };
            let indexes: String = self.classes.iter().map(make).collect();
            // One by one: REINDEX waits for what is committed, and once it was sent along with the
            // definitions, so that the first search after them asked no index.
            client.batch_execute(&indexes).await?;
            client.batch_execute(&format!("CALL cvx.seal('{schema}.{table}')")).await?;
            client.batch_execute(&format!("REINDEX TABLE {name}")).await?;
        }
        Ok(())
    }
}

fn print_row(row: &tokio_postgres::Row) -> Result<Vec<String>, Failure> {
    let print = |(at, column): (usize, &tokio_postgres::Column)| {
        let Raw(raw) = row.try_get(at)?;
        let text = raw.map(|raw| text::print(column.type_(), raw)).transpose();
        let text = text.map_err(|why| Failure::Value { column: column.name().to_owned(), why })?;
        Ok(cell(text.as_deref()))
    };
    row.columns().iter().enumerate().map(print).collect()
}

/// A value as the files write it.
fn cell(value: Option<&str>) -> String {
    match value {
        None => "NULL".to_owned(),
        Some("") => "(empty)".to_owned(),
        Some(text) => text.to_owned(),
    }
}

fn kind(ty: &Type) -> DefaultColumnType {
    match ty.name() {
        "int2" | "int4" | "int8" | "oid" => DefaultColumnType::Integer,
        "float4" | "float8" | "numeric" => DefaultColumnType::FloatingPoint,
        "text" | "varchar" | "bpchar" | "name" | "char" | "unknown" => DefaultColumnType::Text,
        _ => DefaultColumnType::Any,
    }
}
