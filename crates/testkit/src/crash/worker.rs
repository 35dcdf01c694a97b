//! One client that writes, and remembers what it was told.

use super::Report;
use super::model::{Change, Key, Model, Row, Table};
use super::plan::{Action, Planner, Unit};
use super::record::{Fate, Record};
use crate::client::{self, CopyRows, Vector, vector_bytes};
use anyhow::{Result, bail, ensure};
use bytes::BytesMut;
use futures::SinkExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_postgres::Client;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// Ids that belong to one worker.
const IDS: i64 = 1_000_000;

/// The harness is about to kill: broken connections from here on are its doing.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// How sending ended.
enum Answer {
    Acked,
    Refused,
    /// The connection broke after the last statement was on its way.
    Cut,
    /// The connection broke before COMMIT was sent: nothing may be kept.
    CutInside,
}

#[derive(Debug)]
pub(super) struct Worker {
    ids: Range<i64>,
    planner: Planner,
    model: Model,
    record: Record,
    /// What the last kill left open.
    open: Option<(&'static str, Vec<Change>)>,
    /// Since the last kill.
    acked: (usize, usize),
    refused: usize,
}

/// A timestamp in Postgres's microseconds.
#[derive(Debug)]
pub(super) struct Micros(pub i64);

impl ToSql for Micros {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        self.0.to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Micros {
    fn from_sql(
        ty: &Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        i64::from_sql(ty, raw).map(Self)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }
}

/// The two tables, with an index each; the first has valid time by what its key and its vector
/// imply.
pub(super) async fn create_tables(addr: SocketAddr) -> Result<()> {
    let (dim, short) = (super::model::DIM, super::model::SHORT_DIM);
    let sql = format!(
        "CREATE EXTENSION IF NOT EXISTS vector;
         CREATE TABLE docs (id BIGINT, ts TIMESTAMPTZ, n BIGINT, note TEXT, v VECTOR({dim}),
             w VECTOR({short}), PRIMARY KEY (id, ts));
         CREATE TABLE plain (id BIGINT PRIMARY KEY, n BIGINT, note TEXT, v VECTOR({dim}),
             w VECTOR({short}));
         CREATE INDEX docs_w_idx ON docs USING hnsw (w vector_l2_ops);
         CREATE INDEX plain_w_idx ON plain USING hnsw (w vector_cosine_ops);"
    );
    Ok(client::connect(addr).await?.client.batch_execute(&sql).await?)
}

impl Worker {
    pub(super) fn new(number: u64, seed: u64, outside: &Path) -> Result<Self> {
        let start = i64::try_from(number)? * IDS;
        let ids = start..start + IDS;
        let planner = Planner::new(StdRng::seed_from_u64(seed), ids.clone());
        let record = Record::create(outside.join(format!("worker-{number}")))?;
        let (model, open, acked) = (Model::default(), None, (0, 0));
        Ok(Self { ids, planner, model, record, open, acked, refused: 0 })
    }

    pub(super) fn range(&self) -> Range<i64> {
        self.ids.clone()
    }

    pub(super) fn model(&self) -> &Model {
        &self.model
    }

    /// Sends one unit after another until the connection breaks.
    pub(super) async fn work(&mut self, addr: SocketAddr, stop: Stop) -> Result<()> {
        (self.acked, self.refused) = ((0, 0), 0);
        let connection = match client::connect(addr).await {
            Ok(connection) => connection,
            Err(_) if stop.is_set() => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        loop {
            let (unit, changes) = self.planner.next(&self.model);
            self.record.sending(&changes)?;
            match send(&connection.client, &unit).await {
                Ok(Answer::Acked) => {
                    self.record.fate(Fate::Kept)?;
                    self.model.apply(&changes);
                    self.acked.0 += 1;
                    self.acked.1 += changes.len();
                }
                Ok(Answer::Refused) => {
                    self.record.fate(Fate::Gone)?;
                    self.refused += 1;
                }
                Ok(Answer::CutInside) if stop.is_set() => return self.record.fate(Fate::Gone),
                Ok(Answer::Cut) if stop.is_set() => {
                    self.open = Some((unit.kind(), changes));
                    return Ok(());
                }
                Ok(_) => bail!("the server broke the connection by itself during {}", unit.kind()),
                Err(error) => return Err(error.context(format!("{unit:?}"))),
            }
        }
    }

    pub(super) fn add_to(&self, report: &mut Report) {
        report.acked_statements += self.acked.0;
        report.acked_rows += self.acked.1;
        report.refused += self.refused;
        if let Some((kind, _)) = self.open {
            *report.unknown.entry(kind).or_default() += 1;
        }
    }

    /// Holds what is there to what was acknowledged, and learns the fate of what was cut off:
    /// whether it was kept.
    pub(super) fn settle(&mut self, found: &BTreeMap<Key, Row>) -> Result<bool> {
        let Some((kind, changes)) = self.open.take() else {
            ensure!(*found == self.model.rows, "{}", difference(&self.model.rows, found));
            return Ok(false);
        };
        let mut kept = self.model.clone();
        kept.apply(&changes);
        if *found == kept.rows {
            self.model = kept;
            self.record.fate(Fate::Kept)?;
            return Ok(true);
        }
        ensure!(
            *found == self.model.rows,
            "a {kind} of {} rows, cut off by the kill, is there in part\nagainst nothing of it: \
             {}\nagainst all of it: {}",
            changes.len(),
            difference(&self.model.rows, found),
            difference(&kept.rows, found)
        );
        self.record.fate(Fate::Gone)?;
        Ok(false)
    }

    /// The file outside tells the same as memory.
    pub(super) fn replays_to_the_same(&self) -> Result<()> {
        ensure!(self.record.replay()? == self.model, "the record and the memory differ");
        Ok(())
    }
}

/// The first few keys that differ.
fn difference(expected: &BTreeMap<Key, Row>, found: &BTreeMap<Key, Row>) -> String {
    let mut text = format!("{} rows expected, {} found", expected.len(), found.len());
    let keys: std::collections::BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    let differing = keys.into_iter().filter(|key| expected.get(key) != found.get(key));
    for key in differing.take(5) {
        let (expected, found) = (expected.get(key), found.get(key));
        let _ = write!(text, "\n  {key:?}: expected {expected:?}, found {found:?}");
    }
    text
}

async fn send(client: &Client, unit: &Unit) -> Result<Answer> {
    let (actions, end) = match unit {
        Unit::One(action) => return answer(run(client, action).await, Answer::Cut, action),
        Unit::Committed(actions) => (actions, "COMMIT"),
        Unit::RolledBack(actions) => (actions, "ROLLBACK"),
    };
    if let Err(error) = client.batch_execute("BEGIN").await {
        return fault(&error, Answer::CutInside);
    }
    for action in actions {
        let inside = answer(run(client, action).await, Answer::CutInside, action)?;
        if !matches!(inside, Answer::Acked) {
            return Ok(inside);
        }
    }
    match client.batch_execute(end).await {
        Ok(()) if end == "ROLLBACK" => Ok(Answer::Refused),
        Ok(()) => Ok(Answer::Acked),
        Err(error) if end == "ROLLBACK" => fault(&error, Answer::CutInside),
        Err(error) => fault(&error, Answer::Cut),
    }
}

/// A duplicate must be refused, everything else acknowledged with the right count.
fn answer(
    sent: Result<u64, tokio_postgres::Error>,
    cut: Answer,
    action: &Action,
) -> Result<Answer> {
    match (sent, action) {
        (Ok(_), Action::Duplicate(..)) => bail!("a duplicate was accepted"),
        (Ok(count), _) => {
            let expected = action.rows();
            ensure!(expected.is_none_or(|rows| rows == count), "the tag counts {count} rows");
            Ok(Answer::Acked)
        }
        (Err(error), Action::Duplicate(..)) if client::sqlstate(&error) == Some("23505") => {
            Ok(Answer::Refused)
        }
        (Err(error), _) => fault(&error, cut),
    }
}

/// A broken connection is the kill's doing; a refusal by SQLSTATE is a fault of the server.
fn fault(error: &tokio_postgres::Error, cut: Answer) -> Result<Answer> {
    match client::sqlstate(error) {
        None => Ok(cut),
        Some(_) => bail!("{}", client::describe(error)),
    }
}

async fn run(client: &Client, action: &Action) -> Result<u64, tokio_postgres::Error> {
    match action {
        Action::Insert(key, row) => insert(client, key, row).await,
        Action::InsertMany(rows) => client.execute(&insert_sql(rows), &[]).await,
        Action::Duplicate(fresh, taken) => {
            client.execute(&insert_sql(&[*fresh, *taken]), &[]).await
        }
        Action::Copy(rows) => copy(client, rows).await,
        Action::Update(key, row) => update(client, key, row).await,
        Action::UpdateEntity(id) => {
            client.execute("UPDATE docs SET n = n / 2 + 1 WHERE id = $1", &[id]).await
        }
        Action::Delete(key) => delete(client, key).await,
        Action::DeletePlain(from, to) => {
            client.execute("DELETE FROM plain WHERE id >= $1 AND id < $2", &[from, to]).await
        }
        Action::DeleteEntity(id) => client.execute("DELETE FROM docs WHERE id = $1", &[id]).await,
    }
}

async fn insert(client: &Client, key: &Key, row: &Row) -> Result<u64, tokio_postgres::Error> {
    let (note, v, w) = (row.note(), Vector(row.vector()), Vector(row.short()));
    match key.table {
        Table::Docs => {
            let sql = "INSERT INTO docs (id, ts, n, note, v, w) VALUES ($1, $2, $3, $4, $5, $6)";
            client.execute(sql, &[&key.id, &Micros(key.ts_us()), &row.n, &note, &v, &w]).await
        }
        Table::Plain => {
            let sql = "INSERT INTO plain (id, n, note, v, w) VALUES ($1, $2, $3, $4, $5)";
            client.execute(sql, &[&key.id, &row.n, &note, &v, &w]).await
        }
    }
}

async fn update(client: &Client, key: &Key, row: &Row) -> Result<u64, tokio_postgres::Error> {
    let (note, v, w) = (row.note(), Vector(row.vector()), Vector(row.short()));
    match key.table {
        Table::Docs => {
            let sql = "UPDATE docs SET n = $3, note = $4, v = $5, w = $6 WHERE id = $1 AND ts = $2";
            client.execute(sql, &[&key.id, &Micros(key.ts_us()), &row.n, &note, &v, &w]).await
        }
        Table::Plain => {
            let sql = "UPDATE plain SET n = $2, note = $3, v = $4, w = $5 WHERE id = $1";
            client.execute(sql, &[&key.id, &row.n, &note, &v, &w]).await
        }
    }
}

async fn delete(client: &Client, key: &Key) -> Result<u64, tokio_postgres::Error> {
    match key.table {
        Table::Docs => {
            let sql = "DELETE FROM docs WHERE id = $1 AND ts = $2";
            client.execute(sql, &[&key.id, &Micros(key.ts_us())]).await
        }
        Table::Plain => client.execute("DELETE FROM plain WHERE id = $1", &[&key.id]).await,
    }
}

/// Rows of one table as literals.
fn insert_sql(rows: &[(Key, Row)]) -> String {
    let docs = rows.iter().any(|(key, _)| key.table == Table::Docs);
    let mut sql = String::from(if docs {
        "INSERT INTO docs (id, ts, n, note, v, w) VALUES "
    } else {
        "INSERT INTO plain (id, n, note, v, w) VALUES "
    });
    for (at, (key, row)) in rows.iter().enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        let (Row { n, .. }, note, v, w) = (row, row.note(), row.vector(), row.short());
        let ts = if docs {
            format!(", timestamptz '2000-01-01Z' + interval '{} seconds'", key.ts_us() / 1_000_000)
        } else {
            String::new()
        };
        let _ = write!(sql, "{comma}({}{ts}, {n}, '{note}', '{v:?}', '{w:?}')", key.id);
    }
    sql
}

async fn copy(client: &Client, rows: &[(Key, Row)]) -> Result<u64, tokio_postgres::Error> {
    let docs = rows.iter().any(|(key, _)| key.table == Table::Docs);
    let target = if docs { "docs (id, ts, n, note, v, w)" } else { "plain (id, n, note, v, w)" };
    let sql = format!("COPY {target} FROM STDIN (FORMAT BINARY)");
    let mut bytes = CopyRows::default();
    for (key, row) in rows {
        let (id, ts) = (key.id.to_be_bytes(), key.ts_us().to_be_bytes());
        let (n, note) = (row.n.to_be_bytes(), row.note());
        let (v, w) = (vector_bytes(&row.vector()), vector_bytes(&row.short()));
        let cells = [&id[..], &ts, &n, note.as_bytes(), &v, &w].map(Some);
        if docs {
            bytes.row(&cells);
        } else {
            bytes.row(&[cells[0], cells[2], cells[3], cells[4], cells[5]]);
        }
    }
    let mut sink = pin!(client.copy_in(&sql).await?);
    // In pieces that end anywhere: rows cross message boundaries.
    let mut rest = bytes.finish();
    while !rest.is_empty() {
        let piece = rest.split_to(rest.len().min(4093));
        sink.send(piece).await?;
    }
    sink.finish().await
}
