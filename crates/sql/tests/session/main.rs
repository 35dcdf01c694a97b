//! Sessions over an engine, without a wire: searches, and plans that are kept.

#![expect(clippy::unwrap_used, reason = "a test says what it expects")]

mod left_behind;
mod nearest;
mod plan_cache;
mod roads;

use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;
use cvx_core::SystemClock;
use cvx_engine::{Engine, EngineOptions};
use cvx_session::{CopyIn, Database, Outcome, Session};
use cvx_sql::{Db, DbOptions};
use cvx_types::{Column, format_text};
use futures::StreamExt;
use std::sync::Arc;

/// A session on a database of its own.
struct Sql {
    session: Box<dyn Session>,
    engine: Arc<Engine>,
    _db: Arc<Db>,
    _dir: tempfile::TempDir,
}

impl Sql {
    async fn new() -> Self {
        Self::with(EngineOptions::standard()).await
    }

    async fn with(options: EngineOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::open(dir.path(), options, Arc::new(SystemClock)).unwrap();
        let options = DbOptions {
            query_memory_bytes: 256 << 20,
            temp_dir: None,
            statement_timeout_ms: 0,
            import_dir: None,
            compute_threads: 0,
        };
        let db = Db::new(Arc::clone(&engine), options).unwrap();
        let session = db.connect("cvx", "cvx", &[]).await.unwrap();
        Self { session, engine, _db: db, _dir: dir }
    }

    async fn try_rows(&mut self, sql: &str) -> cvx_types::Result<Vec<String>> {
        let prepared = self.session.prepare(sql, &[]).await?;
        match self.session.execute(&prepared, &[]).await? {
            Outcome::Rows { columns, mut rows, .. } => {
                let mut lines = Vec::new();
                while let Some(batch) = rows.next().await {
                    lines.extend(lines_of(&columns, &batch?));
                }
                Ok(lines)
            }
            _ => Ok(Vec::new()),
        }
    }

    async fn rows(&mut self, sql: &str) -> Vec<String> {
        self.try_rows(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Begins a COPY; its rows are `copy_rows`'.
    async fn begin_copy(&mut self, table: &str) -> CopyIn {
        let sql = format!("COPY {table} FROM STDIN (FORMAT BINARY)");
        let prepared = self.session.prepare(&sql, &[]).await.unwrap();
        match self.session.execute(&prepared, &[]).await.unwrap() {
            Outcome::CopyIn(copy) => copy,
            _ => panic!("{sql} wants no rows"),
        }
    }

    /// Rows by COPY, in one batch.
    async fn copy(&mut self, table: &str, columns: Vec<ArrayRef>) {
        let schema = self.begin_copy(table).await.schema;
        let rows = RecordBatch::try_new(schema, columns).unwrap();
        self.session.copy_rows(rows).await.unwrap();
        self.session.copy_finish().await.unwrap();
    }

    async fn plan(&mut self, sql: &str) -> String {
        self.rows(&format!("EXPLAIN {sql}")).await.join("\n")
    }
}

fn lines_of(columns: &[Column], batch: &RecordBatch) -> Vec<String> {
    let settings = cvx_types::FormatSettings::default();
    let cell = |row: usize, at: usize| {
        let (column, array) = (&columns[at], batch.column(at));
        let text = format_text(&column.ty, column.typmod, array, row, &settings).unwrap();
        text.unwrap_or_else(|| "NULL".to_owned())
    };
    (0..batch.num_rows())
        .map(|row| (0..columns.len()).map(|at| cell(row, at)).collect::<Vec<_>>().join("|"))
        .collect()
}
