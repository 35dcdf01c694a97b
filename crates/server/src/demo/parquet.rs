//! Embeddings of the reader's own: a Parquet file with `doc_id`, `ts` and `embedding`.

use super::point::{Point, Points};
use anyhow::{Context as _, Result, bail, ensure};
use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Field, Float32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

pub(super) fn read(path: &Path) -> Result<Points> {
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| name.clone())?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).with_context(|| name.clone())?;
    let rows = builder.metadata().file_metadata().num_rows();
    let dim = match builder.schema().field_with_name("embedding")?.data_type() {
        DataType::FixedSizeList(_, dim) => usize::try_from(*dim)?,
        DataType::List(_) | DataType::LargeList(_) => first_dim(path)?,
        other => bail!("{name}: the column embedding is {other}, not a list of numbers"),
    };
    let batches = builder.with_batch_size(1024).build()?;
    Ok(Points {
        origin: name,
        count: u64::try_from(rows)?,
        dim,
        titled: false,
        batches: Box::new(batches.map(move |batch| points(&batch?, dim))),
    })
}

/// The length of the first list, where the file's type does not say it.
fn first_dim(path: &Path) -> Result<usize> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
    let batch = builder.with_batch_size(1).build()?.next().context("the file has no rows")??;
    let embeddings = floats(&batch)?;
    ensure!(!embeddings.is_empty(), "the file has no rows");
    Ok(embeddings.as_list::<i32>().value(0).len())
}

fn points(batch: &RecordBatch, dim: usize) -> Result<Vec<Point>> {
    let doc_ids = column(batch, "doc_id", &DataType::Int64)?;
    let times = column(batch, "ts", &DataType::Timestamp(TimeUnit::Microsecond, None))?;
    let embeddings = floats(batch)?;
    let (doc_ids, times) =
        (doc_ids.as_primitive::<Int64Type>(), times.as_primitive::<TimestampMicrosecondType>());
    let mut points = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let embedding = embeddings.as_list::<i32>().value(row);
        let embedding = embedding.as_primitive::<Float32Type>().values().to_vec();
        ensure!(embedding.len() == dim, "row {row} has {} dimensions, not {dim}", embedding.len());
        let (doc_id, ts_us) = (doc_ids.value(row), times.value(row));
        points.push(Point { doc_id, ts_us, title: None, embedding });
    }
    Ok(points)
}

fn floats(batch: &RecordBatch) -> Result<ArrayRef> {
    let item = Field::new("item", DataType::Float32, true);
    column(batch, "embedding", &DataType::List(Arc::new(item)))
}

fn column(batch: &RecordBatch, name: &str, ty: &DataType) -> Result<ArrayRef> {
    let column = batch.column_by_name(name).with_context(|| format!("no column {name}"))?;
    ensure!(column.null_count() == 0, "the column {name} has NULLs");
    cast(column, ty).with_context(|| format!("the column {name}"))
}
