//! What conditions say about a table's key: the entities asked for, the span of time.
//!
//! A bound only narrows what is read; the condition it came from is still checked on every row.

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
        let table = source.table();
        let parts: Vec<&Expr> = filters.iter().flat_map(split_conjunction).collect();
        let mut bounds = Self { ts_to: source.until, ..Self::default() };
        for part in &parts {
            bounds.narrow_time(table, part);
        }
        bounds.entities = entities(source, &parts)?;
        Ok(bounds)
    }

    fn narrow_time(&mut self, table: &Table, part: &Expr) {
        let Some(time) = table.valid_time.and_then(|id| table.column_by_id(id)) else { return };
        match part {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                if let (Some(name), Some(us)) = (column(left), micros(right)) {
                    if name == time.name {
                        self.narrow(*op, us);
                    }
                } else if let (Some(us), Some(name), Some(op)) =
                    (micros(left), column(right), op.swap())
                    && name == time.name
                {
                    self.narrow(op, us);
                }
            }
            Expr::Between(Between { expr, negated: false, low, high })
                if column(expr) == Some(time.name.as_str()) =>
            {
                if let Some(us) = micros(low) {
                    self.narrow(Operator::GtEq, us);
                }
                if let Some(us) = micros(high) {
                    self.narrow(Operator::LtEq, us);
                }
            }
            _ => {}
        }
    }

    fn narrow(&mut self, op: Operator, us: i64) {
        let time = ValidTime(us);
        let raise = |from: Option<ValidTime>, to| Some(from.map_or(to, |from| from.max(to)));
        let lower = |from: Option<ValidTime>, to| Some(from.map_or(to, |from| from.min(to)));
        match op {
            Operator::Eq => {
                self.ts_from = raise(self.ts_from, time);
                self.ts_to = lower(self.ts_to, time);
            }
            Operator::Gt | Operator::GtEq => self.ts_from = raise(self.ts_from, time),
            Operator::Lt | Operator::LtEq => self.ts_to = lower(self.ts_to, time),
            _ => {}
        }
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
