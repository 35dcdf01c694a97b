//! A condition on a search's rows, as the engine's filter takes it.

use crate::plan::VersionedTable;
use datafusion::arrow::array::{Array, AsArray, BooleanArray};
use datafusion::arrow::compute::prep_null_mask_filter;
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::TableProvider;
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, Column, IsNotNullExpr, IsNullExpr, Literal, NotExpr,
};
use datafusion::physical_expr::utils::collect_columns;
use std::sync::Arc;

/// A condition over some of the table's columns.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    pub(super) columns: Vec<usize>,
    schema: SchemaRef,
    pub(super) condition: Arc<dyn PhysicalExpr>,
    /// Whether it compares a few numbers of each row, and does nothing else.
    pub(super) brief: bool,
}

/// Parts that a brief condition has at most.
const BRIEF_PARTS: usize = 16;

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
        let schema = Arc::new(Schema::new(fields));
        let brief = is_brief(&condition, &schema);
        Self { columns, schema, condition, brief }
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

/// Whether a condition compares numbers, and joins a few such comparisons.
fn is_brief(condition: &Arc<dyn PhysicalExpr>, schema: &Schema) -> bool {
    let (mut parts, mut brief) = (0, true);
    let looked = condition.apply(|part| {
        parts += 1;
        brief &= parts <= BRIEF_PARTS && is_brief_part(part, schema);
        Ok(if brief { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    brief && looked.is_ok()
}

fn is_brief_part(part: &Arc<dyn PhysicalExpr>, schema: &Schema) -> bool {
    if let Some(binary) = part.downcast_ref::<BinaryExpr>() {
        return matches!(
            binary.op(),
            Operator::Eq
                | Operator::NotEq
                | Operator::Lt
                | Operator::LtEq
                | Operator::Gt
                | Operator::GtEq
                | Operator::And
                | Operator::Or
        );
    }
    if let Some(column) = part.downcast_ref::<Column>() {
        let ty = schema.fields().get(column.index()).map(|field| field.data_type());
        return ty.is_some_and(|ty| ty.is_primitive() || *ty == DataType::Boolean);
    }
    part.downcast_ref::<Literal>().is_some()
        || part.downcast_ref::<NotExpr>().is_some()
        || part.downcast_ref::<IsNullExpr>().is_some()
        || part.downcast_ref::<IsNotNullExpr>().is_some()
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
