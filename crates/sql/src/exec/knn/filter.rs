//! A condition on a search's rows, as the engine's filter takes it.

use crate::plan::VersionedTable;
use datafusion::arrow::array::{Array, AsArray, BooleanArray};
use datafusion::arrow::compute::prep_null_mask_filter;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::TableProvider;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use std::sync::Arc;

/// A condition over some of the table's columns.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    pub(super) columns: Vec<usize>,
    schema: SchemaRef,
    pub(super) condition: Arc<dyn PhysicalExpr>,
}

impl Filter {
    /// The condition, its columns numbered as they stand in the batches it will see.
    pub(super) fn new(source: &VersionedTable, condition: Arc<dyn PhysicalExpr>) -> Self {
        let full = source.schema();
        let mut columns: Vec<usize> =
            collect_columns(&condition).iter().map(Column::index).collect();
        columns.sort_unstable();
        let place = |index: usize| columns.binary_search(&index).ok();
        let condition = renumbered(&condition, place).unwrap_or(condition);
        let fields: Vec<_> = columns.iter().map(|index| full.field(*index).clone()).collect();
        Self { columns, schema: Arc::new(Schema::new(fields)), condition }
    }

    pub(super) fn keep(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let columns = batch.columns().to_vec();
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        let kept = self.condition.evaluate(&batch)?.into_array(batch.num_rows())?;
        let kept = kept.as_boolean();
        Ok(if kept.null_count() > 0 { prep_null_mask_filter(kept) } else { kept.clone() })
    }
}

/// The expression with its columns' numbers changed; `None` where one has none.
pub(super) fn renumbered(
    expr: &Arc<dyn PhysicalExpr>,
    number: impl Fn(usize) -> Option<usize>,
) -> Option<Arc<dyn PhysicalExpr>> {
    let mut whole = true;
    let changed = Arc::clone(expr).transform(|node| {
        let Some(column) = node.downcast_ref::<Column>() else {
            return Ok(Transformed::no(node));
        };
        let Some(place) = number(column.index()) else {
            whole = false;
            return Ok(Transformed::no(node));
        };
        let moved: Arc<dyn PhysicalExpr> = Arc::new(Column::new(column.name(), place));
        Ok(Transformed::yes(moved))
    });
    changed.ok().filter(|_| whole).map(|changed| changed.data)
}
