//! Calls put into the one form the planner knows.

use super::names::object_name;
use super::rewrite::cast;
use super::wildcard::Shown;
use cvx_types::{Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{
    DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgOperator,
    FunctionArgumentList, FunctionArguments, ObjectName, TimezoneInfo, Value,
};

/// `st_distance`'s arguments in their order.
const ST_DISTANCE: [&str; 8] = ["v", "q", "alpha", "at", "tau", "metric", "decay", "ts"];

/// Strips `pg_catalog.` from a function's name, spells `st_distance` out, and makes a bit string
/// literal the cast it stands for.
pub(super) fn canonical(expr: &mut Expr, relations: &[Shown]) -> Result<()> {
    if let Expr::Value(value) = expr
        && let Some(cast) = crate::types::bit_literal(&value.value)
    {
        *expr = cast;
        return Ok(());
    }
    let Expr::Function(function) = expr else { return Ok(()) };
    let name = object_name(&function.name);
    if let [schema, _] = name.as_slice()
        && matches!(schema.as_str(), "pg_catalog" | "public" | "cvx")
        && let Some(last) = function.name.0.pop()
    {
        function.name = ObjectName(vec![last]);
    }
    match name.last().map(String::as_str) {
        Some("st_distance") => st_distance(function, relations),
        _ => Ok(()),
    }
}

/// All eight arguments by position, NULL where the query is silent; the planner fills those from
/// the vector's column.
fn st_distance(function: &mut Function, relations: &[Shown]) -> Result<()> {
    let FunctionArguments::List(list) = &mut function.args else {
        return Err(wrong("st_distance needs a vector and a query vector"));
    };
    let mut slots: [Option<Expr>; 8] = Default::default();
    for (position, arg) in std::mem::take(&mut list.args).into_iter().enumerate() {
        let (slot, value) = place(position, arg)?;
        if slots[slot].replace(value).is_some() {
            return Err(wrong(format!("st_distance: {} is given twice", ST_DISTANCE[slot])));
        }
    }
    if slots[0].is_none() || slots[1].is_none() {
        return Err(wrong("st_distance needs a vector and a query vector"));
    }
    if slots[7].is_none() {
        slots[7] = slots[0].as_ref().and_then(|vector| time_of(vector, relations));
    }
    type_moment(&mut slots[3]);
    type_moment(&mut slots[7]);
    if let Some(tau) = slots[4].take() {
        let interval = DataType::Interval { fields: None, precision: None };
        slots[4] = Some(if is_text(&tau) { cast(tau, interval) } else { tau });
    }
    let args = slots
        .into_iter()
        .map(|slot| slot.unwrap_or_else(|| Expr::Value(Value::Null.into())))
        .map(|value| FunctionArg::Unnamed(FunctionArgExpr::Expr(value)))
        .collect();
    function.args = FunctionArguments::List(FunctionArgumentList {
        duplicate_treatment: None,
        args,
        clauses: vec![],
    });
    Ok(())
}

/// A moment given as text is a timestamptz.
fn type_moment(slot: &mut Option<Expr>) {
    if let Some(moment) = slot.take() {
        let timestamptz = DataType::Timestamp(None, TimezoneInfo::Tz);
        *slot = Some(if is_text(&moment) { cast(moment, timestamptz) } else { moment });
    }
}

fn is_text(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_)))
}

/// The time column of the base table that a plain vector column belongs to; the planner looks
/// further where the vector comes through a view or a sub-query.
fn time_of(vector: &Expr, relations: &[Shown]) -> Option<Expr> {
    let (relation, column) = match vector {
        Expr::Identifier(column) => (None, column),
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [.., relation, column] => (Some(super::ident_name(relation)), column),
            _ => return None,
        },
        _ => return None,
    };
    let column = super::ident_name(column);
    let mut found =
        relations.iter().filter_map(|shown| shown.time_of(relation.as_deref(), &column));
    found.next().filter(|_| found.next().is_none())
}

fn place(position: usize, arg: FunctionArg) -> Result<(usize, Expr)> {
    let (slot, value) = match arg {
        FunctionArg::Unnamed(value) if position < 3 => (position, value),
        FunctionArg::Unnamed(_) => {
            return Err(wrong("st_distance takes three arguments by position, the rest by name"));
        }
        FunctionArg::Named { name, arg, operator: FunctionArgOperator::RightArrow }
        | FunctionArg::Named { name, arg, operator: FunctionArgOperator::Assignment } => {
            (slot_of(&super::ident_name(&name))?, arg)
        }
        FunctionArg::ExprNamed { name: Expr::Identifier(name), arg, .. } => {
            (slot_of(&super::ident_name(&name))?, arg)
        }
        FunctionArg::Named { .. } | FunctionArg::ExprNamed { .. } => {
            return Err(wrong("st_distance: arguments are named with =>"));
        }
    };
    match value {
        FunctionArgExpr::Expr(value) => Ok((slot, value)),
        _ => Err(wrong("st_distance takes no *")),
    }
}

fn slot_of(name: &str) -> Result<usize> {
    ST_DISTANCE.iter().position(|known| *known == name).ok_or_else(|| {
        wrong(format!("st_distance has no argument \"{name}\""))
            .hint("It takes ALPHA, AT, TAU, METRIC, DECAY and TS.")
    })
}

fn wrong(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::UNDEFINED_FUNCTION, message)
}
