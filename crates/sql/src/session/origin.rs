//! Which column of which table a result's column shows, as drivers ask for it.
//!
//! Names do not say it: an alias may be another table's name, and a table at a moment of the past
//! is planned under a name of its own. So the column is followed through the plan to its scan. Of a
//! view's column that is the table below the view, where Postgres would say the view.

use crate::plan::VersionedTable;
use datafusion::common::Column;
use datafusion::logical_expr::{Distinct, Expr, JoinType, LogicalPlan, TableScan};

/// A table's OID and the number of its column, where the column at this place is one unchanged.
pub fn origin(plan: &LogicalPlan, place: usize) -> Option<(u32, i16)> {
    match plan {
        LogicalPlan::Projection(projection) => {
            through(projection.expr.get(place)?, &projection.input)
        }
        LogicalPlan::Aggregate(aggregate) => {
            through(aggregate.group_expr.get(place)?, &aggregate.input)
        }
        LogicalPlan::Join(join) => {
            let left = join.left.schema().fields().len();
            match join.join_type {
                JoinType::RightSemi | JoinType::RightAnti => origin(&join.right, place),
                _ if place < left => origin(&join.left, place),
                JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
                    origin(&join.right, place - left)
                }
                _ => None,
            }
        }
        LogicalPlan::Window(window) if place < window.input.schema().fields().len() => {
            origin(&window.input, place)
        }
        LogicalPlan::Filter(filter) => origin(&filter.input, place),
        LogicalPlan::Sort(sort) => origin(&sort.input, place),
        LogicalPlan::Limit(limit) => origin(&limit.input, place),
        LogicalPlan::Distinct(Distinct::All(input)) => origin(input, place),
        LogicalPlan::SubqueryAlias(alias) => origin(&alias.input, place),
        LogicalPlan::TableScan(scan) => scanned(scan, place),
        _ => None,
    }
}

fn through(expr: &Expr, input: &LogicalPlan) -> Option<(u32, i16)> {
    match expr {
        Expr::Alias(alias) => through(&alias.expr, input),
        Expr::Column(column) => origin(input, place_of(column, input)?),
        _ => None,
    }
}

fn place_of(column: &Column, input: &LogicalPlan) -> Option<usize> {
    input.schema().maybe_index_of_column(column)
}

fn scanned(scan: &TableScan, place: usize) -> Option<(u32, i16)> {
    let source = VersionedTable::of(scan)?;
    let table = source.table();
    let column = table.column(scan.projected_schema.field(place).name())?;
    Some((table.oid, column.attnum))
}
