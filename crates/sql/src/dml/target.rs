//! The table a statement changes, and its columns by name.

use super::needs::Need;
use crate::bind;
use crate::plan::StatementCx;
use cvx_engine::{ColumnDef, Privileges, Table};
use cvx_types::{Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{
    self, Assignment, AssignmentTarget, Expr, ObjectName, TableAlias, TableFactor, TableWithJoins,
};
use std::sync::Arc;

/// The target of UPDATE or DELETE: its table, and the name expressions know it by.
pub(super) struct Target {
    pub table: Arc<Table>,
    pub alias: String,
}

impl Target {
    pub(super) fn of(cx: &StatementCx<'_>, from: &TableWithJoins, needs: &[Need]) -> Result<Self> {
        if !from.joins.is_empty() {
            return Err(SqlError::unsupported("a join as the target of a change"));
        }
        let TableFactor::Table { name, alias, version, args: None, .. } = &from.relation else {
            return Err(SqlError::unsupported("changing rows of anything but a table"));
        };
        if version.is_some() {
            return Err(SqlError::unsupported("a time clause on the target of a change"));
        }
        let table = writable(cx, name, needs)?;
        let alias = alias_name(alias.as_ref()).unwrap_or_else(|| table.name.clone());
        Ok(Self { table, alias })
    }
}

/// A table that may be written now, by this user in this way.
pub(super) fn writable(
    cx: &StatementCx<'_>,
    name: &ObjectName,
    needs: &[Need],
) -> Result<Arc<Table>> {
    for axis in ["cvx.valid_time", "cvx.system_time"] {
        if !cx.vars.text(axis).trim().is_empty() {
            return Err(SqlError::new(
                SqlState::READ_ONLY_TRANSACTION,
                format!("cannot write while {axis} reads the past"),
            )
            .hint(format!("RESET {axis} first.")));
        }
    }
    if cx.read_only {
        return Err(SqlError::new(
            SqlState::READ_ONLY_TRANSACTION,
            "cannot change rows in a read-only transaction",
        ));
    }
    let parts = bind::object_name(name);
    if cx.find_table(&parts).is_none() && cx.check_system_table(name).is_ok() {
        return Err(SqlError::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!("permission denied for \"{}\"", parts.join(".")),
        ));
    }
    let table = cx.table(name)?;
    needs.iter().try_for_each(|need| need.check(cx, &table))?;
    Ok(table)
}

/// What putting rows in asks for: with `cvx.force`, rows that are there are replaced.
pub(super) fn to_insert(cx: &StatementCx<'_>) -> Privileges {
    if cx.vars.is_on("cvx.force") {
        Privileges::INSERT | Privileges::UPDATE
    } else {
        Privileges::INSERT
    }
}

/// Whether an expression may read a column.
pub(super) fn reads_columns(expr: &Expr) -> bool {
    use datafusion::sql::sqlparser::ast::{Visit, Visitor};
    use std::ops::ControlFlow;
    struct Finder;
    impl Visitor for Finder {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                expr if is_default(expr) => ControlFlow::Continue(()),
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    expr.visit(&mut Finder).is_break()
}

pub(super) fn alias_name(alias: Option<&TableAlias>) -> Option<String> {
    alias.map(|alias| bind::ident_name(&alias.name))
}

/// The columns that SET assigns, each with its value.
pub(super) fn assigned<'t>(
    table: &'t Table,
    assignments: &[Assignment],
) -> Result<Vec<(&'t ColumnDef, Expr)>> {
    let mut all: Vec<(&ColumnDef, Expr)> = Vec::with_capacity(assignments.len());
    for assignment in assignments {
        for (name, value) in single(assignment)? {
            let parts = bind::object_name(name);
            let column = column(table, parts.last().map_or("", String::as_str))?;
            if all.iter().any(|(known, _)| known.id == column.id) {
                return Err(SqlError::new(
                    SqlState::SYNTAX_ERROR,
                    format!("multiple assignments to same column \"{}\"", column.name),
                ));
            }
            all.push((column, value));
        }
    }
    Ok(all)
}

/// `a = 1`, or the parts of `(a, b) = (1, 2)`.
fn single(assignment: &Assignment) -> Result<Vec<(&ObjectName, Expr)>> {
    let names = match &assignment.target {
        AssignmentTarget::ColumnName(name) => return Ok(vec![(name, assignment.value.clone())]),
        AssignmentTarget::Tuple(names) => names,
    };
    let values = match &assignment.value {
        Expr::Tuple(values) => values.clone(),
        Expr::Nested(value) if names.len() == 1 => vec![value.as_ref().clone()],
        Expr::Subquery(_) => {
            return Err(SqlError::unsupported("assigning a sub-query to a list of columns"));
        }
        _ => {
            let message = "source for a multiple-column UPDATE item must be a sub-SELECT or \
                           ROW() expression";
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, message));
        }
    };
    if values.len() != names.len() {
        let message = "number of columns does not match number of values";
        return Err(SqlError::new(SqlState::SYNTAX_ERROR, message));
    }
    Ok(names.iter().zip(values).collect())
}

pub(crate) fn column<'t>(table: &'t Table, name: &str) -> Result<&'t ColumnDef> {
    table.column(name).ok_or_else(|| {
        SqlError::new(
            SqlState::UNDEFINED_COLUMN,
            format!("column \"{name}\" of relation \"{}\" does not exist", table.name),
        )
    })
}

/// Whether a column generates its values and takes no other.
pub(super) fn is_generated(column: &ColumnDef) -> bool {
    column.sequence.is_some() && column.default.as_deref() == Some(crate::ddl::GENERATED_ALWAYS)
}

/// 428C9, as Postgres words it.
pub(super) fn generated(column: &ColumnDef, act: &str) -> SqlError {
    let name = &column.name;
    SqlError::new(SqlState("428C9"), format!("cannot {act} column \"{name}\""))
        .detail(format!("Column \"{name}\" is an identity column defined as GENERATED ALWAYS."))
}

/// Whether an expression is the word DEFAULT.
pub(super) fn is_default(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(ident)
        if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default"))
}

/// The column's type as syntax, for casts in queries we build.
pub(super) fn type_syntax(column: &ColumnDef) -> Result<ast::DataType> {
    crate::plan::type_syntax(&(column.ty.clone(), column.typmod))
}
