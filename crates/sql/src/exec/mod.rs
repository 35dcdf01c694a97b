//! Operators over the engine's reads.

mod bounds;
mod knn;
mod scan;
mod stop;

pub use bounds::Bounds;
pub use knn::{Alone, Errand, KnnExec, context_for};
pub use scan::ScanExec;
pub use stop::{stop_of, stoppable};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::Result;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::{Partitioning, PlanProperties};
use std::sync::Arc;

/// One partition, rows as they come.
fn leaf_properties(schema: &SchemaRef) -> Arc<PlanProperties> {
    Arc::new(PlanProperties::new(
        EquivalenceProperties::new(Arc::clone(schema)),
        Partitioning::UnknownPartitioning(1),
        EmissionType::Incremental,
        Boundedness::Bounded,
    ))
}

/// The batch under the announced schema: same columns, the plan's field metadata.
fn announced(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let options = datafusion::arrow::record_batch::RecordBatchOptions::new()
        .with_row_count(Some(batch.num_rows()));
    let columns = batch.columns().to_vec();
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// A moment in microseconds as EXPLAIN shows it: a timestamp in UTC.
fn time_text(us: i64) -> String {
    let settings = cvx_types::FormatSettings::default();
    let moment = arrow::array::TimestampMicrosecondArray::from(vec![us]).with_timezone("UTC");
    let moment: arrow::array::ArrayRef = Arc::new(moment);
    let text = cvx_types::format_text(&cvx_types::PgType::Timestamptz, -1, &moment, 0, &settings);
    text.ok().flatten().unwrap_or_else(|| us.to_string())
}
