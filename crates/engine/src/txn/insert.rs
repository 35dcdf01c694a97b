//! INSERT: the rules of product.md, Writing, in their order.

use super::rows::{self, Point, describe_key};
use super::same::{same, same_jsonb};
use super::{OwnHandle, Txn};
use crate::closure::Closures;
use crate::layout::Layout;
use crate::own::OwnState;
use crate::read::TableRead;
use crate::segment::Segment;
use crate::timeline::{Kind, Version};
use crate::{
    Disposition, Error, InsertMode, OnConflict, OutOfOrder, Result, RowAddr, Table, TimeSlice,
};
use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{Field, Schema};
use cvx_core::{CommitSeq, ValidTime};
use hashbrown::{HashMap, HashSet};
use std::sync::Arc;

/// An INSERT at work on one batch.
struct Inserting<'a> {
    handle: &'a OwnHandle,
    table: &'a Table,
    rows: &'a RecordBatch,
    mode: &'a InsertMode,
    /// Rows to write, and where: by point, since two rows of one statement may be the same.
    accepted: Vec<(Point, u32)>,
    by_point: HashMap<Point, u32>,
    /// Rows given to DO UPDATE, to refuse a second one.
    reported: HashSet<Point>,
    /// What was in the way, read when first needed.
    read: TableRead,
}

impl Txn {
    /// Inserts rows that have all table columns in table order, defaults filled in. After an
    /// error nothing of the batch is there.
    pub fn insert(
        &mut self,
        table: &Arc<Table>,
        rows: RecordBatch,
        mode: &InsertMode,
    ) -> Result<Vec<Disposition>> {
        rows::check(table, &rows)?;
        let handle = self.write(table)?;
        let read = self.read(table)?;
        let mut guard = handle.own.state.write();
        let state = &mut *guard;
        let points = handle.points(state, table, &rows)?;
        let mut inserting = Inserting {
            handle: &handle,
            table,
            rows: &rows,
            mode,
            accepted: Vec::with_capacity(points.len()),
            by_point: HashMap::new(),
            reported: HashSet::new(),
            read,
        };
        let dispositions = inserting.decide_all(state, &points);
        let dispositions = match dispositions {
            Ok(dispositions) => dispositions,
            Err(error) => {
                state.undo(points.iter().map(|point| point.entity), handle.seq);
                return Err(error);
            }
        };
        let accepted = inserting.accepted;
        handle.add_rows(state, &rows, accepted)?;
        Ok(dispositions)
    }
}

impl Inserting<'_> {
    fn decide_all(&mut self, state: &mut OwnState, points: &[Point]) -> Result<Vec<Disposition>> {
        if self.handle.own.store.key.places().is_empty() {
            // Rows without a key are new, whatever they say.
            return Ok((0u32..).zip(points).map(|(row, p)| self.accept(state, *p, row)).collect());
        }
        (0u32..).zip(points).map(|(row, point)| self.decide(state, *point, row)).collect()
    }

    fn decide(&mut self, state: &mut OwnState, point: Point, row: u32) -> Result<Disposition> {
        let there = state.at(&self.handle.own, point.entity, point.ts, self.handle.seq);
        match there {
            Some(version) if version.kind == Kind::Point => self.meet(state, point, row, &version),
            ended => {
                if self.must_be_in_order() {
                    self.check_order(state, point, row)?;
                }
                if let Some(marker) = ended {
                    state.close(point.entity, &marker, self.handle.seq);
                }
                Ok(self.accept(state, point, row))
            }
        }
    }

    /// The key is there.
    fn meet(
        &mut self,
        state: &mut OwnState,
        point: Point,
        row: u32,
        there: &Version,
    ) -> Result<Disposition> {
        let addr = address(point, there.from);
        match self.mode.on_conflict {
            OnConflict::Nothing => Ok(Disposition::Skipped),
            OnConflict::Report => {
                let own = there.from > self.handle.before;
                if own && self.table.is_temporal() && self.equals(&addr, row)? {
                    return Ok(Disposition::Same(addr));
                }
                if own || !self.reported.insert(point) {
                    let key = describe_key(self.table, self.rows, row as usize);
                    return Err(Error::WrittenTwice { table: self.table.name.clone(), key });
                }
                Ok(Disposition::Conflict(addr))
            }
            OnConflict::Error => {
                if self.table.is_temporal() && self.equals(&addr, row)? {
                    return Ok(Disposition::Same(addr));
                }
                // Two different rows of one statement are a mistake, force or not.
                if !self.mode.force || there.from > self.handle.before {
                    let key = describe_key(self.table, self.rows, row as usize);
                    return Err(Error::DuplicateKey { table: self.table.name.clone(), key });
                }
                state.close(point.entity, there, self.handle.seq);
                let Disposition::Inserted(addr) = self.accept(state, point, row) else {
                    return Err(Error::Invalid("an accepted row has an address".to_owned()));
                };
                Ok(Disposition::Replaced(addr))
            }
        }
    }

    fn must_be_in_order(&self) -> bool {
        self.table.is_temporal()
            && self.table.options.out_of_order == OutOfOrder::Reject
            && self.mode.on_conflict == OnConflict::Error
            && !self.mode.force
    }

    fn check_order(&self, state: &OwnState, point: Point, row: u32) -> Result<()> {
        let last = state.last_point(&self.handle.own, point.entity, self.handle.before);
        match last {
            Some(last) if point.ts < last => Err(Error::OutOfOrder {
                table: self.table.name.clone(),
                key: describe_key(self.table, self.rows, row as usize),
                entity: point.entity,
                ts: ValidTime(point.ts),
                last: ValidTime(last),
            }),
            _ => Ok(()),
        }
    }

    fn accept(&mut self, state: &mut OwnState, point: Point, row: u32) -> Disposition {
        state.open(point.entity, point.ts, self.handle.seq, Kind::Point);
        self.accepted.push((point, row));
        self.by_point.insert(point, row);
        Disposition::Inserted(address(point, self.handle.seq))
    }

    /// Whether a row that is there has the values the statement gave.
    fn equals(&self, there: &RowAddr, row: u32) -> Result<bool> {
        let supplied = (0..self.rows.num_columns())
            .filter(|place| self.mode.supplied.get(*place).copied().unwrap_or(true));
        if there.seq.0 == self.handle.seq {
            let point = Point { entity: there.entity, ts: there.ts.0 };
            let Some(first) = self.by_point.get(&point) else { return Ok(false) };
            let mut supplied = supplied;
            let equal = |place: usize| {
                let column = self.rows.column(place);
                self.same(place, column, *first as usize, row)
            };
            return Ok(supplied.all(equal));
        }
        let places: Vec<usize> = supplied.collect();
        let stored = self.read.stored(&[*there], &places)?;
        let mut pairs = places.iter().zip(stored.columns());
        Ok(pairs.all(|(place, old)| self.same(*place, old, 0, row)))
    }

    /// Whether a value is what a row gives for that column, jsonb by what it says.
    fn same(&self, place: usize, old: &ArrayRef, at: usize, row: u32) -> bool {
        let (new, row) = (self.rows.column(place), row as usize);
        let jsonb = self.table.columns.get(place).is_some_and(|c| c.ty == cvx_types::PgType::Jsonb);
        same(old, at, new, row) || jsonb && same_jsonb(old, at, new, row)
    }
}

impl TableRead {
    /// Columns of rows by address, as stored.
    pub(crate) fn stored(&self, rows: &[RowAddr], projection: &[usize]) -> Result<RecordBatch> {
        self.fetch(rows, projection, &TimeSlice::CURRENT)
    }
}

impl OwnHandle {
    /// Adds rows of a batch as an own run, in segment order.
    pub(crate) fn add_rows(
        &self,
        state: &mut OwnState,
        rows: &RecordBatch,
        mut accepted: Vec<(Point, u32)>,
    ) -> Result<()> {
        if accepted.is_empty() {
            return Ok(());
        }
        accepted.sort_unstable_by_key(|(point, _)| (point.ts, point.entity));
        let batch = stored_batch(&self.layout, rows, &accepted, self.seq)?;
        let run = Segment::new(&batch, Some(self.seq), Closures::open(0))?;
        state.add_run(run, self.spill_bytes)
    }
}

/// Whether an array's buffers hold little but its rows: of a slice, all would stay in memory.
fn is_tight(array: &ArrayRef) -> bool {
    let rows = array.to_data().get_slice_memory_size();
    rows.is_ok_and(|bytes| array.get_buffer_memory_size() <= 2 * bytes + 64)
}

/// Rows of an INSERT's batch as segments have them: columns named by id, key columns added.
fn stored_batch(
    layout: &Layout,
    rows: &RecordBatch,
    accepted: &[(Point, u32)],
    seq: u64,
) -> Result<RecordBatch> {
    let order = UInt32Array::from_iter_values(accepted.iter().map(|(_, row)| *row));
    // Most rows come in the order of their time, and all are taken: they stay where they are.
    let as_it_is = order.len() == rows.num_rows()
        && order.values().iter().zip(0u32..).all(|(row, place)| *row == place);
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (column, array) in layout.columns().iter().zip(rows.columns()) {
        fields.push(Field::new(cvx_storage::column_name(column.id), column.ty.clone(), true));
        let stays = as_it_is && is_tight(array);
        arrays.push(if stays { Arc::clone(array) } else { take(array, &order, None)? });
    }
    let keys: Vec<RowAddr> = accepted.iter().map(|(point, _)| address(*point, seq)).collect();
    crate::tail::push_keys(&keys, &mut fields, &mut arrays);
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

pub(crate) fn address(point: Point, seq: u64) -> RowAddr {
    RowAddr { entity: point.entity, ts: ValidTime(point.ts), seq: CommitSeq(seq) }
}
