//! The plan below a Sort, built anew over the table's search.
//!
//! Each step hands up the column that holds the distance there, and puts it in the place of every
//! computation of the same distance.

use super::chain::{Side, below_alias, below_projection, contains};
use crate::plan::{DISTANCE, KnnSpec, VersionedTable};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, internal_datafusion_err};
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Expr, Filter, Join, JoinType, LogicalPlan, Projection, SubqueryAlias, TableScan,
    TableScanBuilder, lit,
};
use std::sync::Arc;

/// Rebuilds along the way that `Chain` went.
pub(super) struct Rebuild {
    pub(super) spec: KnnSpec,
}

/// A plan, and its column of distances.
type Ranked = (LogicalPlan, Column);

impl Rebuild {
    pub(super) fn plan(&self, plan: LogicalPlan, key: &Expr) -> Result<Ranked> {
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan, key),
            LogicalPlan::Filter(filter) => self.filter(filter, key),
            LogicalPlan::Projection(projection) => self.projection(projection, key),
            LogicalPlan::SubqueryAlias(alias) => self.alias(alias, key),
            LogicalPlan::Join(join) => self.join(join, key),
            _ => Err(lost()),
        }
    }

    fn scan(&self, scan: TableScan, key: &Expr) -> Result<Ranked> {
        let source = VersionedTable::of(&scan).ok_or_else(lost)?;
        let place = scan.source.schema().fields().len();
        let mut filters = scan.filters;
        filters.retain(|filter| !contains(filter, key));
        let projection = scan.projection.map(|mut columns| {
            columns.push(place);
            columns
        });
        let source = provider_as_source(Arc::new(source.with_knn(self.spec.clone())));
        let distance = Column::new(Some(scan.table_name.clone()), DISTANCE);
        let scan = TableScanBuilder::new(scan.table_name, source)
            .with_projection(projection)
            .with_filters(filters)
            .build()?;
        Ok((LogicalPlan::TableScan(scan), distance))
    }

    fn filter(&self, filter: Filter, key: &Expr) -> Result<Ranked> {
        let (input, distance) = self.plan(Arc::unwrap_or_clone(filter.input), key)?;
        // A search that does not grow checks every condition itself.
        if !self.spec.grows {
            return Ok((input, distance));
        }
        let predicate = replaced(filter.predicate, key, &distance)?;
        let filter = Filter::try_new(predicate, Arc::new(input))?;
        Ok((LogicalPlan::Filter(filter), distance))
    }

    fn projection(&self, projection: Projection, key: &Expr) -> Result<Ranked> {
        let key = below_projection(&projection, key).ok_or_else(lost)?;
        let Projection { expr, input, .. } = projection;
        let (input, distance) = self.plan(Arc::unwrap_or_clone(input), &key)?;
        let names = NamePreserver::new_for_projection();
        let mut expr = expr
            .into_iter()
            .map(|expr| {
                let name = names.save(&expr);
                Ok(name.restore(replaced(expr, &key, &distance)?))
            })
            .collect::<Result<Vec<_>>>()?;
        let column = Expr::Column(distance.clone());
        if !expr.contains(&column) {
            expr.push(column);
        }
        let projection = Projection::try_new(expr, Arc::new(input))?;
        Ok((LogicalPlan::Projection(projection), distance))
    }

    fn alias(&self, alias: SubqueryAlias, key: &Expr) -> Result<Ranked> {
        let key = below_alias(&alias, key).ok_or_else(lost)?;
        let SubqueryAlias { input, alias, .. } = alias;
        let (input, _) = self.plan(Arc::unwrap_or_clone(input), &key)?;
        let distance = Column::new(Some(alias.clone()), DISTANCE);
        let alias = SubqueryAlias::try_new(Arc::new(input), alias)?;
        Ok((LogicalPlan::SubqueryAlias(alias), distance))
    }

    /// The ranked side goes to the right, which a hash join probes in order. A join without an
    /// equality gets one that always holds: only hash joins keep an order.
    fn join(&self, join: Join, key: &Expr) -> Result<Ranked> {
        let side = Side::of(&join, key).ok_or_else(lost)?;
        let columns = join.schema.columns();
        let Join { left, right, mut on, filter, join_type, join_constraint, .. } = join;
        if on.is_empty() {
            on.push((lit(1_i32), lit(1_i32)));
        }
        let (other, ranked, join_type): (_, _, JoinType) = match side {
            Side::Right => (left, right, join_type),
            Side::Left(swapped) => {
                on = on.into_iter().map(|(left, right)| (right, left)).collect();
                (right, left, swapped)
            }
        };
        let (ranked, distance) = self.plan(Arc::unwrap_or_clone(ranked), key)?;
        let filter = filter.map(|filter| replaced(filter, key, &distance)).transpose()?;
        let equality = join.null_equality;
        let joined = Join::try_new(
            other,
            Arc::new(ranked),
            on,
            filter,
            join_type,
            join_constraint,
            equality,
            false,
        )?;
        let order = columns.into_iter().chain([distance.clone()]).map(Expr::Column).collect();
        let ordered = Projection::try_new(order, Arc::new(LogicalPlan::Join(joined)))?;
        Ok((LogicalPlan::Projection(ordered), distance))
    }
}

/// The expression with the column of distances wherever it computes the key.
fn replaced(expr: Expr, key: &Expr, distance: &Column) -> Result<Expr> {
    expr.transform_down(|node| {
        if node == *key {
            let column = Expr::Column(distance.clone());
            return Ok(Transformed::new(column, true, TreeNodeRecursion::Jump));
        }
        Ok(Transformed::no(node))
    })
    .map(|replaced| replaced.data)
}

fn lost() -> datafusion::error::DataFusionError {
    internal_datafusion_err!("a search was recognised where there is none")
}
