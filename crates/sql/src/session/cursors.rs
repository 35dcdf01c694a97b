//! DECLARE, FETCH, MOVE and CLOSE: a query's rows a piece at a time.
//!
//! A cursor is the query's stream, which is asked for no more than was fetched: memory is bounded
//! by a batch. It reads the snapshot and the own writes of the moment it was declared. Going back
//! needs SCROLL, which keeps the rows that passed, up to a bound.
//!
//! WITH HOLD costs nothing: a stream holds on to its snapshot by itself, so that what Postgres
//! has to copy at COMMIT is simply kept. Rejected: copying, which would wait at COMMIT for rows
//! that nobody may ever fetch.

use super::SqlSession;
use super::dispatch::done;
use super::savepoints::outside;
use super::scroll::{Left, Rows, Way};
use crate::bind::ident_name;
use cvx_session::{Outcome, RowStream};
use cvx_types::{Column, Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{CloseCursor, Declare, DeclareType, FetchDirection, Ident};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Open cursors of one session.
const CURSORS_MAX: usize = 1_000;

/// The cursors of a session, by name.
#[derive(Default)]
pub(super) struct Cursors {
    open: BTreeMap<String, Entry>,
    /// How many were ever opened: the place of a savepoint among them.
    pub(super) opened: u64,
}

struct Entry {
    cursor: Arc<Cursor>,
    number: u64,
    /// Whether the present block declared it.
    of_block: bool,
}

/// A query half read.
pub struct Cursor {
    pub(crate) name: String,
    /// The words that declared it.
    pub(crate) statement: String,
    pub(crate) hold: bool,
    pub(crate) scroll: bool,
    /// When, in microseconds.
    pub(crate) since_us: i64,
    columns: Vec<Column>,
    rows: tokio::sync::Mutex<Rows>,
}

impl std::fmt::Debug for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cursor").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Cursors {
    pub(super) fn columns(&self, name: &str) -> Option<&Vec<Column>> {
        self.open.get(name).map(|entry| &entry.cursor.columns)
    }

    pub(super) fn close(&mut self, name: &str) -> bool {
        self.open.remove(name).is_some()
    }

    pub(super) fn close_all(&mut self) {
        self.open.clear();
    }

    pub(super) fn list(&self) -> Vec<Arc<Cursor>> {
        self.open.values().map(|entry| Arc::clone(&entry.cursor)).collect()
    }

    /// The block ended: what it declared goes, unless it was to be held and the block committed.
    pub(super) fn end_block(&mut self, committed: bool) {
        self.open.retain(|_, entry| !entry.of_block || (committed && entry.cursor.hold));
        self.open.values_mut().for_each(|entry| entry.of_block = false);
    }

    /// A savepoint was gone back to: what was declared after it goes.
    pub(super) fn back_to(&mut self, opened: u64) {
        self.open.retain(|_, entry| entry.number <= opened);
    }

    fn get(&self, name: &Ident) -> Result<Arc<Cursor>> {
        let name = ident_name(name);
        let entry = self.open.get(&name).ok_or_else(|| unknown(&name))?;
        Ok(Arc::clone(&entry.cursor))
    }

    fn check_free(&self, name: &str) -> Result<()> {
        if name.is_empty() {
            let message = "invalid cursor name \"\": must not be empty";
            return Err(SqlError::new(SqlState::INVALID_CURSOR_NAME, message));
        }
        if self.open.contains_key(name) {
            let message = format!("cursor \"{name}\" already exists");
            return Err(SqlError::new(SqlState::DUPLICATE_CURSOR, message));
        }
        if self.open.len() >= CURSORS_MAX {
            let message = format!("more than {CURSORS_MAX} cursors");
            return Err(SqlError::new(SqlState::CONFIGURATION_LIMIT_EXCEEDED, message));
        }
        Ok(())
    }

    fn insert(&mut self, cursor: Cursor, of_block: bool) {
        self.opened += 1;
        let entry = Entry { number: self.opened, of_block, cursor: Arc::new(cursor) };
        self.open.insert(entry.cursor.name.clone(), entry);
    }
}

fn unknown(name: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_CURSOR_NAME, format!("cursor \"{name}\" does not exist"))
}

/// The one cursor of a DECLARE, if it is Postgres'.
pub(super) fn declared(stmts: &[Declare]) -> Result<(&Declare, &Ident)> {
    match stmts {
        [declare] if declare.declare_type == Some(DeclareType::Cursor) => {
            match declare.names.as_slice() {
                [name] => Ok((declare, name)),
                _ => Err(SqlError::unsupported("DECLARE of several cursors")),
            }
        }
        _ => Err(SqlError::new(SqlState::SYNTAX_ERROR, "expected a cursor")),
    }
}

impl SqlSession {
    /// What DECLARE may ask for here and now.
    pub(super) fn check_declare(&self, declare: &Declare, name: &Ident) -> Result<()> {
        if declare.binary == Some(true) {
            return Err(SqlError::unsupported("DECLARE BINARY")
                .hint("Ask for binary results when you bind the FETCH."));
        }
        if declare.hold != Some(true) && !self.block.is_open() {
            return Err(outside("DECLARE CURSOR"));
        }
        self.cursors.check_free(&ident_name(name))
    }

    /// Keeps a query's rows under the name declared.
    pub(super) fn open_cursor(
        &mut self,
        declare: &Declare,
        name: &Ident,
        text: &str,
        columns: Vec<Column>,
        rows: RowStream,
    ) -> Outcome {
        let scroll = declare.scroll == Some(true);
        let cursor = Cursor {
            name: ident_name(name),
            statement: text.to_owned(),
            hold: declare.hold == Some(true),
            scroll,
            since_us: self.engine.now_us(),
            columns,
            rows: tokio::sync::Mutex::new(Rows::new(rows, scroll)),
        };
        let of_block = self.block.is_open();
        self.cursors.insert(cursor, of_block);
        done("DECLARE CURSOR")
    }

    /// FETCH: what has to be passed over is passed over now, the rows come as they are asked for.
    pub(super) async fn fetch(&self, direction: &FetchDirection, name: &Ident) -> Result<Outcome> {
        let cursor = self.cursors.get(name)?;
        let way = Way::of(direction)?;
        let left = cursor.rows.lock().await.start(way).await?;
        let columns = cursor.columns.clone();
        let next = |(cursor, mut left): (Arc<Cursor>, Left)| async move {
            let piece = cursor.rows.lock().await.next(&mut left).await?;
            Ok(piece.map(|piece| (piece, (cursor, left))))
        };
        let rows = futures::stream::try_unfold((cursor, left), next);
        Ok(Outcome::Rows { columns, rows: Box::pin(rows), verb: "FETCH".to_owned() })
    }

    /// MOVE: FETCH that shows nothing.
    pub(super) async fn move_cursor(
        &self,
        direction: &FetchDirection,
        name: &Ident,
    ) -> Result<Outcome> {
        let way = Way::of(direction)?;
        let cursor = match (self.cursors.get(name), way) {
            // In Postgres cursors and portals are one, and asyncpg moves in its own portals.
            (Err(_), Way::Forward(rows)) => {
                return Ok(Outcome::MovePortal { name: ident_name(name), rows });
            }
            (cursor, _) => cursor?,
        };
        let mut rows = cursor.rows.lock().await;
        if way == Way::Forward(Some(0)) {
            let on_row = usize::from(rows.is_on_row());
            return Ok(done(&format!("MOVE {on_row}")));
        }
        let mut left = rows.start(way).await?;
        let mut moved = 0;
        while let Some(piece) = rows.next(&mut left).await? {
            if let Some(stop) = self.cancel.stopped() {
                return Err(crate::error::from_stop(stop));
            }
            moved += piece.num_rows();
        }
        Ok(done(&format!("MOVE {moved}")))
    }

    /// CLOSE.
    pub(super) fn close(&mut self, which: &CloseCursor) -> Result<Outcome> {
        match which {
            CloseCursor::All => {
                self.cursors.close_all();
                Ok(done("CLOSE CURSOR ALL"))
            }
            CloseCursor::Specific { name } => {
                let name = ident_name(name);
                if !self.cursors.close(&name) {
                    return Err(unknown(&name));
                }
                Ok(done("CLOSE CURSOR"))
            }
        }
    }
}
