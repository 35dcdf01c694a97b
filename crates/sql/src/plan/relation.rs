//! Marked tables become scans of exactly what they were bound to.

use super::StatementCx;
use super::source::VersionedTable;
use crate::bind::{BoundTable, mark_of, object_name};
use cvx_core::CancelToken;
use cvx_engine::{SearchMode, TimeSlice};
use datafusion::common::TableReference;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::sql::sqlparser::ast::TableFactor;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct BoundRelations {
    bound: Arc<[BoundTable]>,
    search: SearchMode,
    cancel: CancelToken,
}

impl BoundRelations {
    pub(super) fn new(bound: Arc<[BoundTable]>, cx: &StatementCx<'_>) -> Self {
        Self { bound, search: cx.search_mode(), cancel: cx.cancel.clone() }
    }
}

impl RelationPlanner for BoundRelations {
    fn plan_relation(
        &self,
        relation: TableFactor,
        _context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let TableFactor::Table { name, alias, version, .. } = &relation else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let mark = mark_of(version.as_ref()).unwrap_or(usize::MAX);
        let Some(bound) = self.bound.get(mark) else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let reference = match object_name(name).as_slice() {
            [.., schema, table] => TableReference::partial(schema.as_str(), table.as_str()),
            [table] => TableReference::bare(table.as_str()),
            [] => TableReference::bare(bound.read.table().name.as_str()),
        };
        let source = VersionedTable::new(bound, mark, self.search, self.cancel.clone());
        let now = bound.slice == TimeSlice::CURRENT;
        // Scans are told apart by their names alone: sub-queries of one text at two moments would
        // be taken for one.
        let name = match now {
            false => TableReference::bare(format!("{} {mark}", reference.table())),
            true => reference.clone(),
        };
        let source = provider_as_source(Arc::new(source));
        let scan = LogicalPlanBuilder::scan(name, source, Some(bound.columns.clone()))?;
        let plan = if now { scan } else { scan.alias(reference)? }.build()?;
        let planned = PlannedRelation::new(plan, alias.clone());
        Ok(RelationPlanning::Planned(Box::new(planned)))
    }
}
