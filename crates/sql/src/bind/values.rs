//! VALUES with parameters: `VALUES ($1), (10)`.
//!
//! In Postgres a column of VALUES has one type, which its cells agree on as the branches of a UNION
//! do; a parameter nobody gave a type takes that of the others. DataFusion compares cells before it
//! makes them alike, so here they are made so: where cells of a column that has a parameter differ,
//! each becomes a cast to their common type. Columns without parameters stay as they are written.

use super::rewrite::cast;
use crate::plan::{StatementCx, placeholder};
use crate::types::resolve_type;
use cvx_types::{PgType, Result};
use datafusion::sql::sqlparser::ast::{DataType, Expr, UnaryOperator, Value, Values};

/// What a cell says of its column's type.
#[derive(Debug, PartialEq)]
enum Cell {
    /// A text without a type, NULL, or a parameter nobody has given a type yet.
    Unknown,
    Known(PgType),
    /// An expression that only the planner can type.
    Untold,
}

/// Numbers, each one wide enough for those before it.
const NUMBERS: [PgType; 6] =
    [PgType::Int2, PgType::Int4, PgType::Int8, PgType::Numeric, PgType::Float4, PgType::Float8];

/// Gives the cells of each column with parameters their common type.
pub(super) fn unify(cx: &StatementCx<'_>, values: &mut Values) -> Result<()> {
    let width = values.rows.first().map_or(0, |row| row.content.len());
    for at in 0..width {
        let mut cells: Vec<&mut Expr> =
            values.rows.iter_mut().filter_map(|row| row.content.get_mut(at)).collect();
        if !cells.iter().any(|cell| placeholder(cell).is_some()) {
            continue;
        }
        let told: Vec<Cell> = cells.iter().map(|cell| told(cx, cell)).collect();
        let Some(ty) = common(&told).filter(|ty| told.iter().any(|cell| differs(cell, ty))) else {
            continue;
        };
        let name = type_name(&ty)?;
        for (cell, told) in cells.iter_mut().zip(&told) {
            if let (Some(index), Cell::Unknown) = (placeholder(cell), told) {
                cx.hints.lock().push((index, ty.clone()));
            }
            **cell = cast(std::mem::replace(*cell, Expr::Value(Value::Null.into())), name.clone());
        }
    }
    Ok(())
}

fn differs(cell: &Cell, ty: &PgType) -> bool {
    !matches!(cell, Cell::Known(own) if own == ty)
}

fn told(cx: &StatementCx<'_>, cell: &Expr) -> Cell {
    if let Some(index) = placeholder(cell) {
        return match cx.params.types.get(index).cloned().flatten() {
            Some(PgType::Unknown) | None => Cell::Unknown,
            Some(ty) => Cell::Known(ty),
        };
    }
    match cell {
        Expr::Nested(inner) => told(cx, inner),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => told(cx, expr),
        Expr::Cast { data_type, .. } => {
            resolve_type(data_type).map_or(Cell::Untold, |(ty, _)| Cell::Known(ty))
        }
        Expr::TypedString(typed) => {
            resolve_type(&typed.data_type).map_or(Cell::Untold, |(ty, _)| Cell::Known(ty))
        }
        Expr::Value(value) => match &value.value {
            Value::Null | Value::SingleQuotedString(_) | Value::EscapedStringLiteral(_) => {
                Cell::Unknown
            }
            Value::Boolean(_) => Cell::Known(PgType::Bool),
            Value::Number(text, _) => Cell::Known(number(text)),
            _ => Cell::Untold,
        },
        _ => Cell::Untold,
    }
}

fn number(text: &str) -> PgType {
    if text.parse::<i32>().is_ok() {
        PgType::Int4
    } else if text.parse::<i64>().is_ok() {
        PgType::Int8
    } else {
        PgType::Numeric
    }
}

/// The type that all cells can have, if they say one.
fn common(cells: &[Cell]) -> Option<PgType> {
    let mut found: Option<&PgType> = None;
    for cell in cells {
        found = match (found, cell) {
            (_, Cell::Untold) => return None,
            (found, Cell::Unknown) => found,
            (None, Cell::Known(ty)) => Some(ty),
            (Some(before), Cell::Known(ty)) => Some(wider(before, ty)?),
        };
    }
    Some(found.cloned().unwrap_or(PgType::Text))
}

fn wider<'t>(one: &'t PgType, other: &'t PgType) -> Option<&'t PgType> {
    let place = |ty: &PgType| NUMBERS.iter().position(|number| number == ty);
    match (place(one), place(other)) {
        _ if one == other => Some(one),
        (Some(at), Some(beside)) => Some(if at < beside { other } else { one }),
        _ => None,
    }
}

/// The type as it is written.
fn type_name(ty: &PgType) -> Result<DataType> {
    let written = format!("NULL::{}", ty.display_name(-1));
    match cvx_dialect::parse_expr(&written).map_err(crate::limits::from_parse)? {
        Expr::Cast { data_type, .. } => Ok(data_type),
        other => Err(cvx_types::SqlError::unsupported(format!("VALUES of {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_agree_as_branches_of_a_union_do() {
        use PgType::{Float8, Int2, Int4, Int8, Numeric, Text, Vector};
        let known = Cell::Known;
        for (cells, expected) in [
            (vec![Cell::Unknown, known(Int4)], Some(Int4)),
            (vec![known(Int2), known(Int4), known(Int8)], Some(Int8)),
            (vec![known(Numeric), known(Int8)], Some(Numeric)),
            (vec![known(Float8), known(Numeric)], Some(Float8)),
            (vec![Cell::Unknown, Cell::Unknown], Some(Text)),
            (vec![known(Vector), Cell::Unknown], Some(Vector)),
            (vec![known(Text), known(Int4)], None),
            (vec![known(Int4), Cell::Untold], None),
        ] {
            assert_eq!(common(&cells), expected, "{cells:?}");
        }
    }

    #[test]
    fn every_type_can_be_written() {
        for ty in NUMBERS.iter().chain(&[PgType::Timestamptz, PgType::Vector, PgType::Jsonb]) {
            let written = type_name(ty).unwrap();
            assert_eq!(resolve_type(&written).unwrap().0, *ty, "{written}");
        }
        let array = PgType::Array(Box::new(PgType::Int8));
        assert_eq!(resolve_type(&type_name(&array).unwrap()).unwrap().0, array);
    }
}
