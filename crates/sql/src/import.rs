//! `COPY t FROM 'file.parquet'`: a file of the server's import folder, read a row group at a time.

use crate::dml::CopyTarget;
use crate::error::{from_arrow, from_engine};
use crate::plan::Params;
use crate::session::SqlSession;
use arrow::array::RecordBatch;
use cvx_core::CancelToken;
use cvx_session::Outcome;
use cvx_types::{Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{Ident, ObjectName};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::path::{Component, Path, PathBuf};

const BATCH_ROWS: usize = 4_096;

pub async fn run(
    session: &mut SqlSession,
    table: &ObjectName,
    columns: &[Ident],
    filename: &str,
    params: &Params,
    text: &str,
) -> Result<Outcome> {
    let path = allowed(session.import_dir(), filename)?;
    let mut held = session.hold();
    let target = {
        let cx = session.cx(&held, params, text);
        cx.guard.server_files()?;
        CopyTarget::new(&cx, table, columns)?
    };
    held.txn.begin_statement();
    let cancel = session.cancel().clone();
    let work =
        async move { copy_file(&cancel, &path, target, &mut held.txn).map(|count| (held, count)) };
    let (mut held, count) = session.compute().run(work).await??;
    if held.is_of_block() {
        session.release(held);
        return Ok(tag(count));
    }
    held.txn.take().commit(session.durability()).await.map_err(from_engine)?;
    Ok(tag(count))
}

fn tag(count: u64) -> Outcome {
    Outcome::Done { tag: format!("COPY {count}") }
}

/// The file's path, inside the folder that the configuration opens.
fn allowed(folder: Option<&Path>, filename: &str) -> Result<PathBuf> {
    let refused = |message: String| SqlError::new(SqlState::INSUFFICIENT_PRIVILEGE, message);
    let Some(folder) = folder else {
        return Err(refused("COPY FROM a file of the server is not allowed".to_owned())
            .hint("Set import_dir in the configuration, or use COPY ... FROM STDIN."));
    };
    let given = Path::new(filename);
    let inside = given.strip_prefix(folder).unwrap_or(given);
    let plain = inside.components().all(|part| matches!(part, Component::Normal(_)));
    if !plain {
        return Err(refused(format!("\"{filename}\" is not inside import_dir")));
    }
    let path = folder.join(inside);
    let real = path.canonicalize().map_err(|error| unreadable(filename, &error.to_string()))?;
    let root = folder.canonicalize().map_err(|error| unreadable(filename, &error.to_string()))?;
    if !real.starts_with(root) {
        return Err(refused(format!("\"{filename}\" is not inside import_dir")));
    }
    Ok(real)
}

fn unreadable(filename: &str, why: &str) -> SqlError {
    SqlError::new(SqlState("58P01"), format!("could not open file \"{filename}\": {why}"))
}

fn copy_file(
    cancel: &CancelToken,
    path: &Path,
    mut target: CopyTarget,
    txn: &mut cvx_engine::Txn,
) -> Result<u64> {
    let shown = path.display().to_string();
    let file = File::open(path).map_err(|error| unreadable(&shown, &error.to_string()))?;
    let broken = |error: parquet::errors::ParquetError| {
        SqlError::new(SqlState::BAD_COPY, format!("{shown}: {error}"))
    };
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|builder| builder.with_batch_size(BATCH_ROWS).build())
        .map_err(broken)?;
    for batch in reader {
        if let Some(stop) = cancel.stopped() {
            return Err(crate::error::from_stop(stop));
        }
        let batch = batch.map_err(|error| from_arrow(&error))?;
        target.rows(txn, &by_name(&batch, &target, &shown)?)?;
    }
    Ok(target.count)
}

/// The file's columns in the statement's order, found by name.
fn by_name(batch: &RecordBatch, target: &CopyTarget, file: &str) -> Result<RecordBatch> {
    let columns = target
        .columns
        .iter()
        .map(|column| {
            let found = batch.column_by_name(&column.name).ok_or_else(|| {
                SqlError::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!("{file} has no column \"{}\"", column.name),
                )
            })?;
            crate::dml::assign(found, &column.ty, column.typmod, target.settings())
        })
        .collect::<Result<Vec<_>>>()?;
    RecordBatch::try_new(std::sync::Arc::clone(&target.schema), columns)
        .map_err(|error| from_arrow(&error))
}
