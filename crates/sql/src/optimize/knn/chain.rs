//! The way from a Sort down to the table whose rows it ranks.

use super::spec;
use crate::plan::{DISTANCE, KnnSpec, VersionedTable, Within};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchemaRef, ScalarValue};
use datafusion::logical_expr::expr_rewriter::unnormalize_col;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    BinaryExpr, Expr, Join, JoinType, LogicalPlan, Operator, Projection, SubqueryAlias, TableScan,
};

/// Conditions met on the way, rewritten step by step in terms of what lies below.
#[derive(Default)]
pub(super) struct Chain {
    filters: Vec<Expr>,
    /// Whether a join lies between, which may lose rows.
    joined: bool,
}

/// The end of the way.
pub(super) struct Found<'p> {
    scan: &'p TableScan,
    pub(super) key: Expr,
    pub(super) filters: Vec<Expr>,
    pub(super) joined: bool,
}

impl Chain {
    pub(super) fn follow(mut self, plan: &LogicalPlan, key: Expr) -> Option<Found<'_>> {
        match plan {
            LogicalPlan::TableScan(scan) => {
                self.filters.extend(scan.filters.iter().cloned());
                let Self { filters, joined } = self;
                Some(Found { scan, key, filters, joined })
            }
            LogicalPlan::Filter(filter) => {
                self.filters.push(filter.predicate.clone());
                self.follow(&filter.input, key)
            }
            LogicalPlan::Projection(projection) => {
                let below = |expr: &Expr| below_projection(projection, expr);
                self.filters = self.filters.iter().map(below).collect::<Option<_>>()?;
                self.follow(&projection.input, below(&key)?)
            }
            LogicalPlan::SubqueryAlias(alias) => {
                let below = |expr: &Expr| below_alias(alias, expr);
                self.filters = self.filters.iter().map(below).collect::<Option<_>>()?;
                self.follow(&alias.input, below(&key)?)
            }
            LogicalPlan::Join(join) => {
                let ranked = match Side::of(join, &key)? {
                    Side::Left(_) => &join.left,
                    Side::Right => &join.right,
                };
                Self { filters: Vec::new(), joined: true }.follow(ranked, key)
            }
            _ => None,
        }
    }
}

/// The side of a join that has the key's columns, where the join keeps the order of its rows.
pub(super) enum Side {
    /// With the type of the join once its sides are swapped.
    Left(JoinType),
    Right,
}

impl Side {
    pub(super) fn of(join: &Join, key: &Expr) -> Option<Self> {
        use JoinType as J;
        let columns = key.column_refs();
        if columns.is_empty() || join.null_aware {
            return None;
        }
        let all_of = |plan: &LogicalPlan| columns.iter().all(|c| plan.schema().has_column(c));
        if all_of(&join.left) {
            return Some(Self::Left(match join.join_type {
                J::Inner => J::Inner,
                J::Left => J::Right,
                J::LeftSemi => J::RightSemi,
                J::LeftAnti => J::RightAnti,
                J::LeftMark => J::RightMark,
                _ => return None,
            }));
        }
        let kept = matches!(
            join.join_type,
            J::Inner | J::Right | J::RightSemi | J::RightAnti | J::RightMark
        );
        (kept && all_of(&join.right)).then_some(Self::Right)
    }
}

/// What an expression is under its names.
pub(super) fn unaliased(expr: &Expr) -> Expr {
    expr.clone().unalias_nested().data
}

pub(super) fn below_projection(projection: &Projection, expr: &Expr) -> Option<Expr> {
    substituted(expr, &projection.schema, |index| unaliased(&projection.expr[index]))
}

pub(super) fn below_alias(alias: &SubqueryAlias, expr: &Expr) -> Option<Expr> {
    let below = alias.input.schema().columns();
    substituted(expr, &alias.schema, |index| Expr::Column(below[index].clone()))
}

/// The expression with each column replaced by what stands for it.
pub(super) fn substituted(
    expr: &Expr,
    schema: &DFSchemaRef,
    replacement: impl Fn(usize) -> Expr,
) -> Option<Expr> {
    let replace = |node: Expr| match &node {
        Expr::Column(column) => Ok(Transformed::yes(replacement(schema.index_of_column(column)?))),
        _ => Ok(Transformed::no(node)),
    };
    expr.clone().transform(replace).ok().map(|replaced| replaced.data)
}

pub(super) fn contains(expr: &Expr, part: &Expr) -> bool {
    expr.exists(|expr| Ok(expr == part)).unwrap_or(true)
}

fn has_subquery(expr: &Expr) -> bool {
    expr.exists(|expr| {
        Ok(matches!(
            expr,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(_, _)
        ))
    })
    .unwrap_or(true)
}

impl Found<'_> {
    /// The search for the k rows nearest by the key.
    pub(super) fn spec(self, k: usize, more_keys: bool) -> Option<KnnSpec> {
        let source = VersionedTable::of(self.scan)?;
        let taken = source.table().columns.iter().any(|column| column.name == DISTANCE);
        if source.is_knn() || self.scan.fetch.is_some() || taken {
            return None;
        }
        let key = unaliased(&unnormalize_col(self.key));
        let conditions = Conditions::of(&self.filters, &key);
        let grows = self.joined || conditions.some_stay_above;
        let asked = spec::Asked { k, grows, with_ties: more_keys && !grows };
        spec::spec_of(&source, &key, &asked, conditions)
    }
}

/// The conditions on a search's rows.
#[derive(Default)]
pub(super) struct Conditions {
    /// Those that the search checks.
    pub(super) inside: Vec<Expr>,
    /// An upper bound on the distance.
    pub(super) within: Option<Within>,
    /// Whether some are left to the plan above.
    pub(super) some_stay_above: bool,
}

impl Conditions {
    pub(super) fn of(filters: &[Expr], key: &Expr) -> Self {
        let mut conditions = Self::default();
        for part in filters.iter().flat_map(split_conjunction) {
            let part = unnormalize_col(part.clone());
            if contains(&part, key) {
                match upper_bound(&part, key) {
                    Some(within) => conditions.narrow(within),
                    None => conditions.some_stay_above = true,
                }
            } else if part.is_volatile() || has_subquery(&part) {
                conditions.some_stay_above = true;
            } else if !conditions.inside.contains(&part) {
                conditions.inside.push(part);
            }
        }
        conditions
    }

    fn narrow(&mut self, within: Within) {
        let narrower = self.within.is_none_or(|known| {
            within.distance < known.distance
                || within.distance == known.distance && !within.inclusive
        });
        if narrower {
            self.within = Some(within);
        }
    }
}

/// `distance < 1.5` and its spellings.
fn upper_bound(part: &Expr, key: &Expr) -> Option<Within> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = part else { return None };
    let (op, bound) = match (left.as_ref() == key, right.as_ref() == key) {
        (true, false) => (*op, right),
        (false, true) => (op.swap()?, left),
        _ => return None,
    };
    let Expr::Literal(ScalarValue::Float64(Some(distance)), _) = bound.as_ref() else {
        return None;
    };
    let inclusive = match op {
        Operator::Lt => false,
        Operator::LtEq => true,
        _ => return None,
    };
    (!distance.is_nan()).then_some(Within { distance: *distance, inclusive })
}
