//! VALUES of several rows: one type a column, told by the rows that say one.
//!
//! As in Postgres, a text constant, NULL and a parameter of unknown type say none and are read as
//! what the others are; where all rows are such, it is text. DataFusion compares what it knows of
//! each row's type, metadata and all, and refuses what is told in two ways: `now()` beside
//! `'2024-01-01'::timestamptz`.

use super::Planner;
use cvx_types::{PgType, Result, SqlError, SqlState};
use datafusion::common::DFSchema;
use datafusion::logical_expr::{Expr as LogicalExpr, ExprSchemable};
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Expr, Query, SetExpr, Value, Values, VisitMut, VisitorMut,
};
use std::ops::ControlFlow;

type Type = (PgType, i32);

impl Planner<'_> {
    /// The query with casts in lists of rows that differ in how they tell their types.
    pub(super) fn alike_values(&self, query: &mut Query) -> Result<()> {
        match query.visit(&mut Lists(self)) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(error) => Err(*error),
        }
    }

    /// The type of a cell: none where it is for the others to say.
    fn told(&self, cell: &Expr) -> Result<Option<Type>> {
        if matches!(cell, Expr::Value(value) if is_open(&value.value)) {
            return Ok(None);
        }
        let planned = self.unbound(cell.clone(), &DFSchema::empty())?;
        if let LogicalExpr::Placeholder(placeholder) = &planned
            && placeholder.field.is_none()
        {
            return Ok(None);
        }
        let field = planned.to_field(&DFSchema::empty());
        let (_, field) = field.map_err(crate::error::from_datafusion)?;
        Ok(Some(PgType::of_field(&field)))
    }
}

struct Lists<'a>(&'a Planner<'a>);

impl VisitorMut for Lists<'_> {
    type Break = Box<SqlError>;

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        match self.body(&mut query.body) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }
}

impl Lists<'_> {
    fn body(&self, body: &mut SetExpr) -> Result<()> {
        match body {
            SetExpr::Values(values) if values.rows.len() > 1 => self.list(values),
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left)?;
                self.body(right)
            }
            _ => Ok(()),
        }
    }

    fn list(&self, values: &mut Values) -> Result<()> {
        let width = values.rows.iter().map(|row| row.content.len()).min().unwrap_or(0);
        (0..width).try_for_each(|column| self.column(values, column))
    }

    fn column(&self, values: &mut Values, column: usize) -> Result<()> {
        let cells = || values.rows.iter().filter_map(|row| row.content.get(column));
        if cells().all(is_constant) {
            return Ok(());
        }
        // A cell that cannot be read by itself, for it names a column around, stays as it is.
        let Ok(told) = cells().map(|cell| self.0.told(cell)).collect::<Result<Vec<_>>>() else {
            return Ok(());
        };
        let ty = common(told.into_iter().flatten())?;
        let syntax = syntax(&ty)?;
        for cell in values.rows.iter_mut().filter_map(|row| row.content.get_mut(column)) {
            self.0.learn(cell, &ty.0);
            let expr = Box::new(std::mem::replace(cell, Expr::value(Value::Null)));
            let (kind, data_type) = (CastKind::DoubleColon, syntax.clone());
            *cell = Expr::Cast { kind, expr, data_type, array: false, format: None };
        }
        Ok(())
    }
}

/// Constants without a type of their own.
fn is_open(value: &Value) -> bool {
    matches!(value, Value::SingleQuotedString(_) | Value::Null)
}

/// What DataFusion finds a common type for by itself.
fn is_constant(cell: &Expr) -> bool {
    match cell {
        Expr::Value(value) => !matches!(value.value, Value::Placeholder(_)),
        Expr::UnaryOp { expr, .. } => is_constant(expr),
        _ => false,
    }
}

/// The type of all: of those that convert into each other, the one that holds the others.
fn common(types: impl Iterator<Item = Type>) -> Result<Type> {
    let mut found: Option<Type> = None;
    for ty in types {
        found = Some(match found {
            None => ty,
            Some(known) if known == ty => known,
            Some(known) if known.0 == ty.0 => (ty.0, -1),
            Some(known) => (wider(known.0, ty.0)?, -1),
        });
    }
    Ok(found.unwrap_or((PgType::Text, -1)))
}

fn wider(one: PgType, other: PgType) -> Result<PgType> {
    let ladders: [&[PgType]; 3] = [
        &[
            PgType::Int2,
            PgType::Int4,
            PgType::Int8,
            PgType::Numeric,
            PgType::Float4,
            PgType::Float8,
        ],
        &[PgType::Date, PgType::Timestamp, PgType::Timestamptz],
        &[PgType::Char, PgType::Name, PgType::Varchar, PgType::Text],
    ];
    let place = |ladder: &[PgType], ty: &PgType| ladder.iter().position(|step| step == ty);
    for ladder in ladders {
        if let (Some(a), Some(b)) = (place(ladder, &one), place(ladder, &other)) {
            return Ok(if a < b { other } else { one });
        }
    }
    let (one, other) = (one.display_name(-1), other.display_name(-1));
    let message = format!("VALUES types {one} and {other} cannot be matched");
    Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message))
}

/// A type as syntax, for casts in queries we build.
pub(crate) fn syntax((ty, typmod): &Type) -> Result<DataType> {
    let sql = ty.display_name(*typmod);
    match cvx_dialect::parse_expr(&format!("NULL::{sql}")) {
        Ok(Expr::Cast { data_type, .. }) => Ok(data_type),
        _ => Err(SqlError::new(SqlState::INTERNAL_ERROR, format!("no syntax for type {sql}"))),
    }
}
