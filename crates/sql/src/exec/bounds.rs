//! What conditions say about a table's key: the entities asked for, the span of time.
//!
//! A bound on entities only narrows what is read; the condition it came from is still checked on
//! every row. One on time says all that its condition says, and so replaces it for who asks
//! [`Bounds::apart`]: a search that checks half a table's rows one by one against bounds that they
//! were found by takes ten times as long.

use crate::error::engine_to_datafusion;
use crate::plan::VersionedTable;
use cvx_core::{EntityId, ValidTime};
use cvx_engine::Table;
use datafusion::arrow::array::ArrayRef;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Operator};

/// Narrower reading; the default reads everything.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    pub entities: Option<Vec<EntityId>>,
    pub ts_from: Option<ValidTime>,
    pub ts_to: Option<ValidTime>,
}

/// More entities than this are read faster by a scan.
const ENTITIES_MAX: usize = 10_000;

impl Bounds {
    /// What these conditions, all of which must hold, say of the table's key.
    pub fn of(source: &VersionedTable, filters: &[Expr]) -> Result<Self> {
        Self::apart(source, filters).map(|(bounds, _)| bounds)
    }

    /// The same, and the conditions that they do not say all of.
    pub fn apart(source: &VersionedTable, filters: &[Expr]) -> Result<(Self, Vec<Expr>)> {
        let table = source.table();
        let parts: Vec<&Expr> = filters.iter().flat_map(split_conjunction).collect();
        let mut bounds = Self { ts_to: source.until, ..Self::default() };
        let rest = parts.iter().filter(|part| !bounds.narrow_time(table, part));
        let rest = rest.map(|part| (*part).clone()).collect();
        bounds.entities = entities(source, &parts)?;
        Ok((bounds, rest))
    }

    /// Takes in what a condition says of time; whether it says nothing else.
    fn narrow_time(&mut self, table: &Table, part: &Expr) -> bool {
        let Some(time) = table.valid_time.and_then(|id| table.column_by_id(id)) else {
            return false;
        };
        let is_time = |expr: &Expr| column(expr) == Some(time.name.as_str());
        match part {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_time(left) => {
                micros(right).is_some_and(|us| self.narrow(*op, us))
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_time(right) => {
                let bound = micros(left).zip(op.swap());
                bound.is_some_and(|(us, op)| self.narrow(op, us))
            }
            Expr::Between(Between { expr, negated: false, low, high }) if is_time(expr) => {
                let from = micros(low).is_some_and(|us| self.narrow(Operator::GtEq, us));
                micros(high).is_some_and(|us| self.narrow(Operator::LtEq, us)) && from
            }
            _ => false,
        }
    }

    /// Times are whole microseconds, so that each bound can be a closed one.
    fn narrow(&mut self, op: Operator, us: i64) -> bool {
        let (from, to) = match op {
            Operator::Eq => (Some(us), Some(us)),
            Operator::GtEq => (Some(us), None),
            Operator::LtEq => (None, Some(us)),
            Operator::Gt => (us.checked_add(1), None),
            Operator::Lt => (None, us.checked_sub(1)),
            _ => (None, None),
        };
        let (from, to) = (from.map(ValidTime), to.map(ValidTime));
        self.ts_from = self.ts_from.max(from);
        self.ts_to = self.ts_to.into_iter().chain(to).min();
        from.is_some() || to.is_some()
    }
}

fn column(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Column(column) => Some(&column.name),
        _ => None,
    }
}

fn micros(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(ScalarValue::TimestampMicrosecond(us, _), _) => *us,
        Expr::Literal(ScalarValue::Int64(us), _) => *us,
        _ => None,
    }
}

/// The entities that equality on every key column (the entity's, where there is valid time) names.
fn entities(source: &VersionedTable, parts: &[&Expr]) -> Result<Option<Vec<EntityId>>> {
    let table = source.table();
    let key = match table.entity {
        Some(entity) => vec![entity],
        None => table.key.clone(),
    };
    let mut columns: Vec<ArrayRef> = Vec::new();
    for id in &key {
        let Some(column) = table.column_by_id(*id) else { return Ok(None) };
        let Some(values) = parts.iter().find_map(|part| equals(part, &column.name)) else {
            return Ok(None);
        };
        let wanted = column.ty.arrow_type(column.typmod);
        if values.is_empty() || values.len() > ENTITIES_MAX || (key.len() > 1 && values.len() > 1) {
            return Ok(None);
        }
        let Ok(array) = ScalarValue::iter_to_array(values) else { return Ok(None) };
        if array.data_type() != &wanted {
            return Ok(None);
        }
        columns.push(array);
    }
    if columns.is_empty() {
        return Ok(None);
    }
    let found = source.read.entities_of(&columns).map_err(engine_to_datafusion)?;
    let mut entities: Vec<EntityId> = found.into_iter().flatten().collect();
    entities.sort_unstable();
    entities.dedup();
    Ok(Some(entities))
}

/// The values that `name = v`, `name IN (...)` or an OR of equalities allows.
fn equals(part: &Expr, name: &str) -> Option<Vec<ScalarValue>> {
    let value = |expr: &Expr| match expr {
        Expr::Literal(value, _) if !value.is_null() => Some(value.clone()),
        _ => None,
    };
    match part {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            if column(left) == Some(name) {
                value(right).map(|value| vec![value])
            } else if column(right) == Some(name) {
                value(left).map(|value| vec![value])
            } else {
                None
            }
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let mut values = equals(left, name)?;
            values.extend(equals(right, name)?);
            Some(values)
        }
        Expr::InList(list) if !list.negated && column(&list.expr) == Some(name) => {
            list.list.iter().map(value).collect()
        }
        _ => None,
    }
}
