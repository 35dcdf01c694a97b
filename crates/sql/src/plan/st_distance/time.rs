//! The time of a vector's rows, brought up to where the vector is.

use crate::plan::VersionedTable;
use datafusion::common::{Column, Result};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{
    Expr, LogicalPlan, Projection, SubqueryAlias, TableScan, TableScanBuilder,
};
use std::sync::Arc;

/// A plan that shows one more column, and that column.
type Showing = Option<(LogicalPlan, Column)>;

/// The plan with the time of this vector's rows; `None` where they have none of their own.
pub(super) fn exposed(plan: &LogicalPlan, vector: &Column) -> Result<Showing> {
    match plan {
        LogicalPlan::TableScan(scan) => of_scan(scan),
        LogicalPlan::Projection(projection) => of_projection(projection, vector),
        LogicalPlan::SubqueryAlias(alias) => of_alias(alias, vector),
        LogicalPlan::Filter(_) | LogicalPlan::Sort(_) | LogicalPlan::Limit(_) => {
            of_input(plan, 0, vector)
        }
        LogicalPlan::Join(join) => {
            let left = join.left.schema().has_column(vector);
            of_input(plan, usize::from(!left), vector)
        }
        _ => Ok(None),
    }
}

fn of_scan(scan: &TableScan) -> Result<Showing> {
    let provider = source_as_provider(&scan.source)?;
    let Some(source) = provider.downcast_ref::<VersionedTable>() else { return Ok(None) };
    let table = source.table();
    let Some(place) = table.valid_time.and_then(|id| table.position(id)) else { return Ok(None) };
    let time = Column::new(Some(scan.table_name.clone()), &table.columns[place].name);
    let mut projection = scan.projection.clone();
    match &mut projection {
        Some(columns) if !columns.contains(&place) => columns.push(place),
        _ => {}
    }
    let (name, source) = (scan.table_name.clone(), Arc::clone(&scan.source));
    let scan = TableScanBuilder::new(name, source)
        .with_projection(projection)
        .with_filters(scan.filters.clone())
        .with_fetch(scan.fetch)
        .build()?;
    Ok(Some((LogicalPlan::TableScan(scan), time)))
}

/// Under a name of its own, for a projection may show another column of the time's name.
fn of_projection(projection: &Projection, vector: &Column) -> Result<Showing> {
    let place = projection.schema.index_of_column(vector)?;
    let Expr::Column(below) = projection.expr[place].clone().unalias_nested().data else {
        return Ok(None);
    };
    let Some((input, time)) = exposed(&projection.input, &below)? else { return Ok(None) };
    let name = format!("__time_of_{}", vector.name);
    let mut exprs = projection.expr.clone();
    exprs.push(Expr::Column(time).alias(&name));
    let projection = Projection::try_new(exprs, Arc::new(input))?;
    Ok(Some((LogicalPlan::Projection(projection), Column::from_name(name))))
}

fn of_alias(alias: &SubqueryAlias, vector: &Column) -> Result<Showing> {
    let place = alias.schema.index_of_column(vector)?;
    let below = alias.input.schema().columns()[place].clone();
    let Some((input, time)) = exposed(&alias.input, &below)? else { return Ok(None) };
    let time = Column::new(Some(alias.alias.clone()), time.name);
    let alias = SubqueryAlias::try_new(Arc::new(input), alias.alias.clone())?;
    Ok(Some((LogicalPlan::SubqueryAlias(alias), time)))
}

/// A node that shows what its input shows.
fn of_input(plan: &LogicalPlan, place: usize, vector: &Column) -> Result<Showing> {
    let mut inputs: Vec<LogicalPlan> = plan.inputs().into_iter().cloned().collect();
    let Some(input) = inputs.get(place) else { return Ok(None) };
    let Some((input, time)) = exposed(input, vector)? else { return Ok(None) };
    inputs[place] = input;
    Ok(Some((plan.with_new_exprs(plan.expressions(), inputs)?, time)))
}
