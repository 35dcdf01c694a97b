//! What a change asks for: privileges, each on the columns that it is about.
//!
//! A column is read if its name stands in an expression of the statement, or `*` in RETURNING. That
//! is decided by names alone, before anything is bound: it may ask for a column that a sub-query's
//! own table means, and never misses one.

use crate::bind::{ident_name, object_name};
use crate::plan::StatementCx;
use cvx_engine::{Privileges, Table};
use cvx_types::Result;
use datafusion::sql::sqlparser::ast::{
    Assignment, AssignmentTarget, Expr, Ident, SelectItem, Visit, Visitor,
};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// One privilege, or several, on columns of these names; none for the whole table.
pub(super) struct Need {
    privileges: Privileges,
    columns: Option<BTreeSet<String>>,
}

impl Need {
    pub(super) fn whole(privileges: Privileges) -> Self {
        Self { privileges, columns: None }
    }

    /// Of the columns in a list, which is all of them where there is none.
    pub(super) fn listed(privileges: Privileges, names: impl Iterator<Item = String>) -> Self {
        let names: BTreeSet<String> = names.collect();
        Self { privileges, columns: Some(names).filter(|names| !names.is_empty()) }
    }

    /// UPDATE of the columns that SET names.
    pub(super) fn assigned(assignments: &[Assignment]) -> Self {
        let targets = assignments.iter().flat_map(|assignment| match &assignment.target {
            AssignmentTarget::ColumnName(name) => std::slice::from_ref(name),
            AssignmentTarget::Tuple(names) => names.as_slice(),
        });
        let columns = targets.filter_map(|name| object_name(name).pop()).collect();
        Self { privileges: Privileges::UPDATE, columns: Some(columns) }
    }

    /// SELECT of the columns that a statement mentions and shows.
    pub(super) fn read(statement: &impl Visit, returning: Option<&Vec<SelectItem>>) -> Self {
        let stars = returning.into_iter().flatten().any(|item| {
            matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
        });
        let mut names = Names(BTreeSet::new());
        let _: ControlFlow<()> = statement.visit(&mut names);
        Self { privileges: Privileges::SELECT, columns: (!stars).then_some(names.0) }
    }

    pub(super) fn with(mut self, names: &[Ident]) -> Self {
        if let Some(columns) = &mut self.columns {
            columns.extend(names.iter().map(ident_name));
        }
        self
    }

    /// The user must have it.
    pub(super) fn check(&self, cx: &StatementCx<'_>, table: &Table) -> Result<()> {
        let Some(names) = &self.columns else {
            return cx.guard.table(table, self.privileges);
        };
        let columns = table.columns.iter().filter(|column| names.contains(&column.name));
        cx.guard.on_columns(table, self.privileges, &columns.map(|column| column.attnum).collect())
    }
}

/// The last parts of all names that stand as expressions.
struct Names(BTreeSet<String>);

impl Visitor for Names {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let last = match expr {
            Expr::Identifier(ident) => Some(ident),
            Expr::CompoundIdentifier(parts) => parts.last(),
            _ => None,
        };
        self.0.extend(last.map(ident_name));
        ControlFlow::Continue(())
    }
}
