//! UPDATE: new versions of the rows that match, in place.

use super::needs::Need;
use super::returning::Returning;
use super::rows;
use super::target::{
    Target, assigned, generated, is_default, is_generated, reads_columns, type_syntax,
};
use super::{Changed, ReturnShape};
use crate::bind::quote;
use crate::error::{from_datafusion, from_engine};
use crate::plan::StatementCx;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, UInt64Type};
use cvx_core::{CommitSeq, EntityId, ValidTime};
use cvx_engine::{RowAddr, Table, Txn};
use cvx_session::Notice;
use cvx_types::{FormatSettings, Result, SqlError};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::sql::sqlparser::ast::{
    self, Expr, Query, Select, SelectItem, SetExpr, TableWithJoins, Update, UpdateTableFromKind,
};
use futures::StreamExt;
use std::collections::HashMap;
use std::sync::Arc;

pub struct UpdatePlan {
    table: Arc<Table>,
    /// The row's address, then every column's new value.
    found: SendableRecordBatchStream,
    returning: Option<Returning>,
    sets_vector_at_any_time: bool,
    settings: Arc<FormatSettings>,
}

/// How many address columns come first.
const ADDRESS: usize = 3;

/// What an UPDATE reads: the rows that match, with their new values.
pub struct UpdateRead {
    pub table: Arc<Table>,
    pub query: Query,
    pub(super) returning: Option<Returning>,
    sets_vector_at_any_time: bool,
}

impl UpdateRead {
    pub fn new(cx: &StatementCx<'_>, update: &Update) -> Result<Self> {
        if !update.order_by.is_empty() || update.limit.is_some() {
            return Err(SqlError::unsupported("ORDER BY or LIMIT in UPDATE"));
        }
        let target = Target::of(cx, &update.table, &needs(update))?;
        let (values, sets_vector) = new_values(&target, update)?;
        let from = match &update.from {
            Some(UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from)) => {
                from.clone()
            }
            None => Vec::new(),
        };
        let returning = Returning::of(cx, update.returning.as_ref(), &target.table, &target.alias)?;
        let timed = mentions_time(&target.table, update.selection.as_ref());
        let query = found(&target, &update.table, from, values, update.selection.clone())?;
        let sets_vector_at_any_time = sets_vector && !timed && target.table.valid_time.is_some();
        Ok(Self { table: target.table, query, returning, sets_vector_at_any_time })
    }

    pub fn returning(&self) -> Option<&ReturnShape> {
        self.returning.as_ref().map(|returning| &returning.shape)
    }
}

/// What an UPDATE asks for: what it reads of the rows, too.
fn needs(update: &Update) -> Vec<Need> {
    let reads = update.selection.is_some()
        || update.returning.is_some()
        || update.from.is_some()
        || update.assignments.iter().any(|assignment| reads_columns(&assignment.value));
    let read = reads.then(|| Need::read(update, update.returning.as_ref()));
    [Need::assigned(&update.assignments)].into_iter().chain(read).collect()
}

/// Every column's new value, and whether a vector is among those assigned.
fn new_values(target: &Target, update: &Update) -> Result<(Vec<Expr>, bool)> {
    let columns = target.table.columns.iter();
    let mut values: Vec<Expr> =
        columns.map(|column| qualified(&target.alias, &column.name)).collect();
    let mut sets_vector = false;
    for (column, value) in assigned(&target.table, &update.assignments)? {
        if is_generated(column) {
            return Err(generated(column, "update"));
        }
        sets_vector |= column.ty.is_vector();
        let place = target.table.position(column.id).unwrap_or_default();
        let value = if is_default(&value) { default_of(column)? } else { value };
        values[place] = as_column(value, column)?;
    }
    Ok((values, sets_vector))
}

impl UpdatePlan {
    pub async fn new(cx: &StatementCx<'_>, update: &Update) -> Result<Self> {
        let read = UpdateRead::new(cx, update)?;
        let found = crate::session::stream_target_query(cx, &read.table, read.query).await?;
        Ok(Self {
            table: read.table,
            found,
            returning: read.returning,
            sets_vector_at_any_time: read.sets_vector_at_any_time,
            settings: Arc::clone(&cx.settings),
        })
    }

    pub fn returning(&self) -> Option<&ReturnShape> {
        self.returning.as_ref().map(|returning| &returning.shape)
    }

    pub async fn run(mut self, txn: &mut Txn) -> Result<Changed> {
        let mut changed = Changed::default();
        let mut points: HashMap<EntityId, usize> = HashMap::new();
        while let Some(batch) = self.found.next().await {
            let batch = batch.map_err(from_datafusion)?;
            let addrs = addresses(&batch);
            if self.sets_vector_at_any_time {
                for addr in &addrs {
                    *points.entry(addr.entity).or_default() += 1;
                }
            }
            let rows = self.new_rows(&batch)?;
            txn.update(&self.table, &addrs, rows.clone()).map_err(from_engine)?;
            changed.count += addrs.len() as u64;
            if let Some(returning) = &self.returning {
                changed.returned.push(returning.apply(&rows)?);
            }
        }
        if points.values().any(|count| *count > 1) {
            changed.notices.push(several_points(&self.table));
        }
        Ok(changed)
    }

    fn new_rows(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let columns = self
            .table
            .columns
            .iter()
            .zip(&batch.columns()[ADDRESS..])
            .map(|(column, array)| super::assign(array, &column.ty, column.typmod, &self.settings))
            .collect::<Result<Vec<_>>>()?;
        rows::batch(&self.table, columns, batch.num_rows())
    }
}

/// The query for the addresses of the rows that match, and `values` of each.
pub(super) fn found(
    target: &Target,
    table: &TableWithJoins,
    others: Vec<TableWithJoins>,
    values: Vec<Expr>,
    selection: Option<Expr>,
) -> Result<Query> {
    let address = ["_entity", "_ts", "_seq"].map(|name| qualified(&target.alias, name));
    let mut from = vec![table.clone()];
    from.extend(others);
    let projection = address
        .into_iter()
        .chain(values)
        .enumerate()
        .map(|(place, expr)| SelectItem::ExprWithAlias { expr, alias: quote(&format!("c{place}")) })
        .collect();
    select(projection, from, selection)
}

/// `SELECT projection FROM from WHERE selection`.
fn select(
    projection: Vec<SelectItem>,
    from: Vec<TableWithJoins>,
    selection: Option<Expr>,
) -> Result<Query> {
    let template = cvx_dialect::parse("SELECT 1").map_err(crate::limits::from_parse)?.pop();
    let Some(cvx_dialect::Statement::Sql(statement)) = template else {
        return Err(SqlError::unsupported("this statement"));
    };
    let ast::Statement::Query(mut query) = *statement else {
        return Err(SqlError::unsupported("this statement"));
    };
    if let SetExpr::Select(select) = query.body.as_mut() {
        **select = Select { projection, from, selection, ..(**select).clone() };
    }
    Ok(*query)
}

/// The address columns of found rows.
pub(super) fn addresses(batch: &RecordBatch) -> Vec<RowAddr> {
    let entities = batch.column(0).as_primitive::<UInt64Type>().values();
    let times = batch.column(1).as_primitive::<Int64Type>().values();
    let seqs = batch.column(2).as_primitive::<UInt64Type>().values();
    entities
        .iter()
        .zip(times)
        .zip(seqs)
        .map(|((entity, ts), seq)| RowAddr {
            entity: EntityId(*entity),
            ts: ValidTime(*ts),
            seq: CommitSeq(*seq),
        })
        .collect()
}

pub(super) fn qualified(alias: &str, column: &str) -> Expr {
    Expr::CompoundIdentifier(vec![quote(alias), quote(column)])
}

/// Literals and parameters take the column's type; other expressions are cast as they are assigned.
fn as_column(value: Expr, column: &cvx_engine::ColumnDef) -> Result<Expr> {
    match &value {
        Expr::Value(inner) => match &inner.value {
            ast::Value::SingleQuotedString(_) | ast::Value::Placeholder(_) | ast::Value::Null => {
                Ok(Expr::Cast {
                    kind: ast::CastKind::DoubleColon,
                    expr: Box::new(value),
                    data_type: type_syntax(column)?,
                    array: false,
                    format: None,
                })
            }
            _ => Ok(value),
        },
        _ => Ok(value),
    }
}

fn default_of(column: &cvx_engine::ColumnDef) -> Result<Expr> {
    match &column.default {
        Some(text) => cvx_dialect::parse_expr(text).map_err(crate::limits::from_parse),
        None => Ok(Expr::Value(ast::Value::Null.into())),
    }
}

fn mentions_time(table: &Table, selection: Option<&Expr>) -> bool {
    let Some(time) = table.valid_time.and_then(|id| table.column_by_id(id)) else { return true };
    let Some(selection) = selection else { return false };
    let mut found = false;
    let _: std::ops::ControlFlow<()> = ast::visit_expressions(selection, |expr| {
        let last = match expr {
            Expr::Identifier(ident) => Some(ident),
            Expr::CompoundIdentifier(parts) => parts.last(),
            _ => None,
        };
        found |= last.is_some_and(|ident| crate::bind::ident_name(ident) == time.name);
        std::ops::ControlFlow::Continue(())
    });
    found
}

fn several_points(table: &Table) -> Notice {
    let time = table.valid_time.and_then(|id| table.column_by_id(id));
    let time = time.map_or("the time column", |column| column.name.as_str());
    Notice {
        severity: "NOTICE",
        state: "00000",
        message: format!(
            "the vector was set on several points of one entity; a condition on {time} picks one"
        ),
    }
}
