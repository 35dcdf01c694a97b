//! INSERT: rows from VALUES or a query, ON CONFLICT, RETURNING.

use super::needs::Need;
use super::returning::Returning;
use super::rows::{self, RowShape};
use super::target::{self, assigned, column};
use super::{Changed, ReturnShape, Source};
use crate::bind::{Binder, ident_name, object_name};
use crate::error::{from_arrow, from_datafusion, from_engine};
use crate::plan::{Planner, StatementCx};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use cvx_engine::{Disposition, InsertMode, OnConflict, RowAddr, Table, TimeSlice, Txn};
use cvx_types::{FormatSettings, Result, SqlError, SqlState};
use datafusion::common::DFSchema;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::sql::sqlparser::ast::{
    ConflictTarget, DoUpdate, Expr, Insert, OnConflictAction, OnInsert, Query, SelectItem, SetExpr,
    TableObject,
};
use std::sync::Arc;

/// An INSERT ready to run.
pub struct InsertPlan {
    shape: RowShape,
    source: Source,
    mode: InsertMode,
    update: Option<ConflictUpdate>,
    returning: Option<Returning>,
}

/// DO UPDATE SET: expressions over the row that is there and the row that was to be.
struct ConflictUpdate {
    assignments: Vec<(usize, Arc<dyn PhysicalExpr>)>,
    condition: Option<Arc<dyn PhysicalExpr>>,
    settings: Arc<FormatSettings>,
}

impl InsertPlan {
    pub async fn new(cx: &StatementCx<'_>, insert: &Insert) -> Result<Self> {
        let TableObject::TableName(name) = &insert.table else {
            return Err(SqlError::unsupported("INSERT INTO anything but a table"));
        };
        let table = target::writable(cx, name, &needs(cx, insert))?;
        let alias = insert
            .table_alias
            .as_ref()
            .map_or_else(|| table.name.clone(), |alias| ident_name(&alias.alias));
        let places = places(&table, insert)?;
        refuse_generated(&table, &places, insert)?;
        let shape = RowShape::new(cx, &table, places)?;
        let (on_conflict, update) = on_conflict(cx, insert, &table, &alias)?;
        let mode = InsertMode {
            supplied: shape.supplied(),
            on_conflict,
            force: cx.vars.is_on("cvx.force"),
        };
        let returning = Returning::of(cx, insert.returning.as_ref(), &table, &alias)?;
        let source = source(cx, insert, &shape).await?;
        Ok(Self { shape, source, mode, update, returning })
    }

    pub fn returning(&self) -> Option<&ReturnShape> {
        self.returning.as_ref().map(|returning| &returning.shape)
    }

    /// Whether its rows are in the statement.
    pub fn is_given(&self) -> bool {
        matches!(self.source, Source::Rows(_))
    }

    /// Runs it; the transaction holds the rows until it commits.
    pub async fn run(mut self, txn: &mut Txn) -> Result<Changed> {
        let mut changed = Changed::default();
        while let Some(given) = self.source.next().await? {
            let rows = self.shape.complete(given.columns(), given.num_rows())?;
            self.insert(txn, rows, &mut changed)?;
        }
        Ok(changed)
    }

    fn insert(&self, txn: &mut Txn, rows: RecordBatch, changed: &mut Changed) -> Result<()> {
        let table = &self.shape.table;
        let became = txn.insert(table, rows.clone(), &self.mode).map_err(from_engine)?;
        let mut updated = vec![None; became.len()];
        if let Some(update) = &self.update {
            self.update_conflicts(txn, update, &rows, &became, &mut updated)?;
        }
        let touched = became.iter().zip(&updated).filter(|(disposition, updated)| {
            !matches!(disposition, Disposition::Skipped | Disposition::Conflict(_))
                || updated.is_some()
        });
        changed.count += touched.count() as u64;
        if let Some(returning) = &self.returning {
            let rows = self.final_rows(txn, &rows, &became, &updated)?;
            changed.returned.push(returning.apply(&rows)?);
        }
        Ok(())
    }

    fn update_conflicts(
        &self,
        txn: &mut Txn,
        update: &ConflictUpdate,
        rows: &RecordBatch,
        became: &[Disposition],
        updated: &mut [Option<RecordBatch>],
    ) -> Result<()> {
        let hits: Vec<(usize, RowAddr)> = became
            .iter()
            .enumerate()
            .filter_map(|(row, disposition)| match disposition {
                Disposition::Conflict(addr) => Some((row, *addr)),
                _ => None,
            })
            .collect();
        if hits.is_empty() {
            return Ok(());
        }
        let table = &self.shape.table;
        let addrs: Vec<RowAddr> = hits.iter().map(|(_, addr)| *addr).collect();
        let places = hits.iter().map(|(row, _)| u32::try_from(*row).unwrap_or(u32::MAX));
        let excluded = take_record_batch(rows, &UInt32Array::from_iter_values(places))
            .map_err(|error| from_arrow(&error))?;
        let old = fetch(txn, table, &addrs)?;
        let (kept, new) = update.apply(table, &old, &excluded)?;
        let chosen: Vec<usize> = (0..hits.len()).filter(|i| kept.value(*i)).collect();
        if chosen.is_empty() {
            return Ok(());
        }
        let addrs: Vec<RowAddr> = chosen.iter().map(|i| addrs[*i]).collect();
        txn.update(table, &addrs, new.clone()).map_err(from_engine)?;
        for (place, hit) in chosen.into_iter().enumerate() {
            updated[hits[hit].0] = Some(new.slice(place, 1));
        }
        Ok(())
    }

    /// The rows as they stand now, in the statement's order.
    fn final_rows(
        &self,
        txn: &Txn,
        rows: &RecordBatch,
        became: &[Disposition],
        updated: &[Option<RecordBatch>],
    ) -> Result<RecordBatch> {
        let all_new = became.iter().all(|disposition| {
            matches!(disposition, Disposition::Inserted(_) | Disposition::Replaced(_))
        });
        if all_new {
            return Ok(rows.clone());
        }
        let mut parts = Vec::new();
        for (row, (disposition, updated)) in became.iter().zip(updated).enumerate() {
            match (disposition, updated) {
                (_, Some(updated)) => parts.push(updated.clone()),
                (Disposition::Inserted(_) | Disposition::Replaced(_), None) => {
                    parts.push(rows.slice(row, 1));
                }
                (Disposition::Same(addr), None) => {
                    parts.push(fetch(txn, &self.shape.table, &[*addr])?);
                }
                (Disposition::Skipped | Disposition::Conflict(_), None) => {}
            }
        }
        concat_batches(&rows.schema(), &parts).map_err(|error| from_arrow(&error))
    }
}

impl ConflictUpdate {
    fn new(cx: &StatementCx<'_>, table: &Table, alias: &str, update: &DoUpdate) -> Result<Self> {
        let arrow = table.arrow_schema();
        let schema = DFSchema::try_from_qualified_schema(alias, &arrow)
            .and_then(|own| own.join(&DFSchema::try_from_qualified_schema("excluded", &arrow)?))
            .map_err(from_datafusion)?;
        let compile = |mut expr: Expr| {
            let bound = Binder::new(cx).expression(&mut expr)?;
            let own_first = prefer_own(expr, table, alias);
            let logical = Planner::new(cx, bound).expr(own_first, &schema)?;
            cx.state.create_physical_expr(logical, &schema).map_err(from_datafusion)
        };
        let mut assignments = Vec::new();
        for (column, value) in assigned(table, &update.assignments)? {
            let place = table.position(column.id).unwrap_or_default();
            assignments.push((place, compile(value)?));
        }
        let condition = update.selection.clone().map(compile).transpose()?;
        Ok(Self { assignments, condition, settings: Arc::clone(&cx.settings) })
    }

    /// Which rows are updated, and what they become.
    fn apply(
        &self,
        table: &Table,
        old: &RecordBatch,
        excluded: &RecordBatch,
    ) -> Result<(arrow::array::BooleanArray, RecordBatch)> {
        let both = side_by_side(old, excluded)?;
        let evaluate = |expr: &Arc<dyn PhysicalExpr>| -> Result<ArrayRef> {
            expr.evaluate(&both)
                .and_then(|value| value.into_array(both.num_rows()))
                .map_err(from_datafusion)
        };
        let kept = match &self.condition {
            Some(condition) => {
                let kept = evaluate(condition)?.as_boolean().clone();
                let unsure = kept.null_count() > 0;
                if unsure { arrow::compute::prep_null_mask_filter(&kept) } else { kept }
            }
            None => arrow::array::BooleanArray::from(vec![true; both.num_rows()]),
        };
        let mut columns = old.columns().to_vec();
        for (place, expr) in &self.assignments {
            let column = &table.columns[*place];
            columns[*place] =
                super::assign(&evaluate(expr)?, &column.ty, column.typmod, &self.settings)?;
        }
        let new = rows::batch(table, columns, old.num_rows())?;
        let new = filter_record_batch(&new, &kept).map_err(|error| from_arrow(&error))?;
        Ok((kept, new))
    }
}

/// What an INSERT asks for: what it changes of rows that are there, and shows of them, too.
fn needs(cx: &StatementCx<'_>, insert: &Insert) -> Vec<Need> {
    let listed = insert.columns.iter().filter_map(|name| object_name(name).pop());
    let mut needs = vec![Need::listed(target::to_insert(cx), listed)];
    if let Some(OnInsert::OnConflict(conflict)) = &insert.on
        && let OnConflictAction::DoUpdate(update) = &conflict.action
    {
        let arbiters = match &conflict.conflict_target {
            Some(ConflictTarget::Columns(columns)) => columns.as_slice(),
            _ => &[],
        };
        needs.push(Need::assigned(&update.assignments));
        needs.push(Need::read(update, None).with(arbiters));
    }
    if let Some(items) = &insert.returning {
        needs.push(Need::read(items, Some(items)));
    }
    needs
}

/// In DO UPDATE a bare column is the row that is there.
fn prefer_own(mut expr: Expr, table: &Table, alias: &str) -> Expr {
    use datafusion::sql::sqlparser::ast::visit_expressions_mut;
    let _: std::ops::ControlFlow<()> = visit_expressions_mut(&mut expr, |expr| {
        if let Expr::Identifier(ident) = expr
            && table.column(&ident_name(ident)).is_some()
        {
            *expr = Expr::CompoundIdentifier(vec![crate::bind::quote(alias), ident.clone()]);
        }
        std::ops::ControlFlow::Continue(())
    });
    expr
}

fn side_by_side(left: &RecordBatch, right: &RecordBatch) -> Result<RecordBatch> {
    let fields: Vec<_> =
        left.schema().fields().iter().chain(right.schema().fields()).cloned().collect();
    let columns: Vec<ArrayRef> = left.columns().iter().chain(right.columns()).cloned().collect();
    RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(fields)), columns)
        .map_err(|error| from_arrow(&error))
}

/// Rows of the table as the transaction sees them, the user's columns only.
pub(super) fn fetch(txn: &Txn, table: &Arc<Table>, addrs: &[RowAddr]) -> Result<RecordBatch> {
    let read = txn.read(table).map_err(from_engine)?;
    let projection: Vec<usize> = (0..table.columns.len()).collect();
    let found = read.fetch(addrs, &projection, &TimeSlice::CURRENT).map_err(from_engine)?;
    rows::batch(table, found.columns().to_vec(), found.num_rows())
}

fn places(table: &Table, insert: &Insert) -> Result<Vec<usize>> {
    if insert.columns.is_empty() {
        return Ok((0..width(insert).unwrap_or(table.columns.len())).collect());
    }
    let mut places = Vec::with_capacity(insert.columns.len());
    for name in &insert.columns {
        let parts = object_name(name);
        let column = column(table, parts.last().map_or("", String::as_str))?;
        let place = table.position(column.id).unwrap_or_default();
        if places.contains(&place) {
            return Err(SqlError::new(
                SqlState::DUPLICATE_COLUMN,
                format!("column \"{}\" specified more than once", column.name),
            ));
        }
        places.push(place);
    }
    Ok(places)
}

/// 428C9 for a value given to an identity column that generates all of them.
fn refuse_generated(table: &Table, places: &[usize], insert: &Insert) -> Result<()> {
    let values = insert.source.as_deref().map(values_of);
    let given = |at: usize| match &values {
        Some(Some(rows)) => {
            rows.iter().any(|row| row.get(at).is_some_and(|cell| !target::is_default(cell)))
        }
        Some(None) => true,
        None => false,
    };
    let generated =
        |place: &usize| table.columns.get(*place).filter(|column| target::is_generated(column));
    let mut refused = places.iter().enumerate().filter(|(at, _)| given(*at));
    match refused.find_map(|(_, place)| generated(place)) {
        Some(column) => Err(target::generated(column, "insert a non-DEFAULT value into")),
        None => Ok(()),
    }
}

/// How many columns VALUES gives: without a column list they fill the table from its first.
fn width(insert: &Insert) -> Option<usize> {
    let values = values_of(insert.source.as_deref()?)?;
    values.first().map(|row| row.len())
}

fn values_of(query: &Query) -> Option<Vec<&[Expr]>> {
    let plain = query.with.is_none() && query.order_by.is_none() && query.limit_clause.is_none();
    match query.body.as_ref() {
        SetExpr::Values(values) if plain => {
            Some(values.rows.iter().map(|row| row.content.as_slice()).collect())
        }
        _ => None,
    }
}

async fn source(cx: &StatementCx<'_>, insert: &Insert, shape: &RowShape) -> Result<Source> {
    let Some(query) = insert.source.as_deref() else {
        let none = RecordBatch::try_new_with_options(
            Arc::new(arrow::datatypes::Schema::empty()),
            vec![],
            &arrow::array::RecordBatchOptions::new().with_row_count(Some(1)),
        );
        return none.map(|row| Source::Rows(Some(row))).map_err(|error| from_arrow(&error));
    };
    if let Some(values) = values_of(query) {
        if shape.places.len() > shape.table.columns.len() {
            return Err(too_many());
        }
        let columns = shape.values(cx, &values)?;
        return given(shape, columns, values.len()).map(|rows| Source::Rows(Some(rows)));
    }
    let stream = crate::session::stream_query(cx, query.clone()).await?;
    if stream.schema().fields().len() > shape.places.len() {
        return Err(too_many());
    }
    Ok(Source::Stream(stream))
}

fn given(shape: &RowShape, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let fields = shape.places.iter().zip(&columns).map(|(place, array)| {
        let name = &shape.table.columns[*place].name;
        arrow::datatypes::Field::new(name, array.data_type().clone(), true)
    });
    let schema = Arc::new(arrow::datatypes::Schema::new(fields.collect::<Vec<_>>()));
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, columns, &options).map_err(|error| from_arrow(&error))
}

fn too_many() -> SqlError {
    SqlError::new(SqlState::SYNTAX_ERROR, "INSERT has more expressions than target columns")
}

fn on_conflict(
    cx: &StatementCx<'_>,
    insert: &Insert,
    table: &Table,
    alias: &str,
) -> Result<(OnConflict, Option<ConflictUpdate>)> {
    let conflict = match &insert.on {
        None => return Ok((OnConflict::Error, None)),
        Some(OnInsert::OnConflict(conflict)) => conflict,
        Some(_) => return Err(SqlError::unsupported("ON DUPLICATE KEY UPDATE")),
    };
    if let Some(target) = &conflict.conflict_target {
        check_conflict_target(table, target)?;
    }
    match &conflict.action {
        OnConflictAction::DoNothing => Ok((OnConflict::Nothing, None)),
        OnConflictAction::DoUpdate(_) if conflict.conflict_target.is_none() => Err(SqlError::new(
            SqlState::SYNTAX_ERROR,
            "ON CONFLICT DO UPDATE requires inference specification or constraint name",
        )),
        OnConflictAction::DoUpdate(update) => {
            let update = ConflictUpdate::new(cx, table, alias, update)?;
            Ok((OnConflict::Report, Some(update)))
        }
    }
}

fn check_conflict_target(table: &Table, target: &ConflictTarget) -> Result<()> {
    let fits = match target {
        ConflictTarget::Columns(columns) => {
            let mut named: Vec<_> = columns
                .iter()
                .filter_map(|name| Some(table.column(&ident_name(name))?.id))
                .collect();
            let mut key = table.key.clone();
            named.sort_unstable();
            key.sort_unstable();
            named == key && named.len() == columns.len()
        }
        ConflictTarget::OnConstraint(name) => {
            object_name(name).last() == Some(&format!("{}_pkey", table.name))
        }
    };
    if fits && !table.key.is_empty() {
        return Ok(());
    }
    Err(SqlError::new(
        SqlState::INVALID_COLUMN_REFERENCE,
        "there is no unique or exclusion constraint matching the ON CONFLICT specification",
    ))
}

/// What [`describe`] says.
pub type InsertDescription = (Option<ReturnShape>, Vec<(usize, cvx_types::PgType)>, Option<Query>);

/// What an INSERT will return, the types of parameters that stand for whole columns, and its query
/// where the rows come from one.
pub fn describe(cx: &StatementCx<'_>, insert: &Insert) -> Result<InsertDescription> {
    let TableObject::TableName(name) = &insert.table else {
        return Err(SqlError::unsupported("INSERT INTO anything but a table"));
    };
    let table = cx.table(name)?;
    let alias = insert
        .table_alias
        .as_ref()
        .map_or_else(|| table.name.clone(), |alias| ident_name(&alias.alias));
    let places = places(&table, insert)?;
    let returning = Returning::of(cx, insert.returning.as_ref(), &table, &alias)?;
    let shape = returning.map(|returning| returning.shape);
    let Some(query) = insert.source.as_deref() else { return Ok((shape, Vec::new(), None)) };
    let type_at = |index: usize| {
        places.get(index).and_then(|place| table.columns.get(*place)).map(|c| c.ty.clone())
    };
    let hint =
        |(index, cell): (usize, &Expr)| Some((crate::plan::placeholder(cell)?, type_at(index)?));
    if let Some(values) = values_of(query) {
        let hints = values.iter().flat_map(|row| row.iter().enumerate().filter_map(hint));
        return Ok((shape, hints.collect(), None));
    }
    let selected = match query.body.as_ref() {
        SetExpr::Select(select) => select.projection.as_slice(),
        _ => &[],
    };
    let hints = selected.iter().enumerate().filter_map(|(index, item)| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            hint((index, expr))
        }
        _ => None,
    });
    Ok((shape, hints.collect(), Some(query.clone())))
}
