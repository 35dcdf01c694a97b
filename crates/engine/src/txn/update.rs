//! UPDATE and DELETE of rows by address.

use super::rows::{self, Point, describe_key};
use super::same::same;
use super::{OwnHandle, Txn};
use crate::own::OwnState;
use crate::read::TableRead;
use crate::timeline::{Kind, Version};
use crate::{Error, Result, RowAddr, Table};
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::DataType;
use hashbrown::HashSet;
use std::sync::Arc;

impl Txn {
    /// Gives rows new values: `rows` has all table columns in table order, one row for each
    /// address. A row whose key stays is corrected in place; one whose key changes is closed and
    /// opened where the new key says. All are closed before any is opened, so keys may be passed
    /// round. Answers which rows changed; a row that was gone already did not.
    pub fn update(
        &mut self,
        table: &Arc<Table>,
        old: &[RowAddr],
        rows: RecordBatch,
    ) -> Result<Vec<bool>> {
        if old.len() != rows.num_rows() {
            return Err(Error::Invalid("an update of other rows than it names".to_owned()));
        }
        rows::check(table, &rows)?;
        let handle = self.write(table)?;
        let read = self.read(table)?;
        let changes = changes(&read, table, old, &rows)?;
        let mut guard = handle.own.state.write();
        let state = &mut *guard;
        let points = handle.new_points(state, table, old, &rows)?;
        let touched =
            || points.iter().map(|point| point.entity).chain(old.iter().map(|a| a.entity));
        let accepted = match apply(&handle, state, table, old, &rows, &points, &changes) {
            Ok(accepted) => accepted,
            Err(error) => {
                state.undo(touched(), handle.seq);
                return Err(error);
            }
        };
        let mut changed = vec![false; old.len()];
        for (point, row) in &accepted {
            changed[*row as usize] = true;
            handle.share(state, &read, *point, &old[*row as usize], &changes.kept[*row as usize]);
        }
        handle.add_rows(state, &rows, accepted)?;
        Ok(changed)
    }

    /// Closes rows; answers how many were there to close.
    pub fn delete(&mut self, table: &Arc<Table>, old: &[RowAddr]) -> Result<u64> {
        let handle = self.write(table)?;
        let mut state = handle.own.state.write();
        let mut deleted = 0;
        for addr in old {
            if let Some(version) = handle.alive(&state, addr) {
                state.close(addr.entity, &version, handle.seq);
                deleted += 1;
            }
        }
        Ok(deleted)
    }
}

/// What an UPDATE changes of each row.
struct Changes {
    differs: Vec<bool>,
    /// Columns whose vectors stay.
    kept: Vec<Vec<u16>>,
}

/// What the rows' new values change.
fn changes(
    read: &TableRead,
    table: &Table,
    old: &[RowAddr],
    rows: &RecordBatch,
) -> Result<Changes> {
    let all: Vec<usize> = (0..rows.num_columns()).collect();
    let stored = read.stored(old, &all)?;
    let mut changes =
        Changes { differs: vec![false; old.len()], kept: vec![Vec::new(); old.len()] };
    let columns = rows.columns().iter().zip(stored.columns()).zip(&table.columns);
    for ((new, old), column) in columns {
        let is_vector = is_vector(new.data_type());
        for (row, differs) in changes.differs.iter_mut().enumerate() {
            if (is_vector || !*differs) && !same(old, row, new, row) {
                *differs = true;
            } else if is_vector && new.is_valid(row) {
                changes.kept[row].push(column.id);
            }
        }
    }
    Ok(changes)
}

/// Whether storage keeps a column's values as vectors, apart from the rows.
fn is_vector(ty: &DataType) -> bool {
    matches!(ty, DataType::FixedSizeList(item, _) if item.data_type() == &DataType::Float32)
}

/// Closes and opens; gives the rows to write and their points.
fn apply(
    handle: &OwnHandle,
    state: &mut OwnState,
    table: &Table,
    old: &[RowAddr],
    rows: &RecordBatch,
    points: &[Point],
    changes: &Changes,
) -> Result<Vec<(Point, u32)>> {
    let mut opening = Vec::new();
    let mut seen = HashSet::new();
    for (row, (addr, differs)) in (0u32..).zip(old.iter().zip(&changes.differs)) {
        // A row that joins several times is updated once.
        if !*differs || !seen.insert(*addr) {
            continue;
        }
        if let Some(version) = handle.alive(state, addr) {
            state.close(addr.entity, &version, handle.seq);
            opening.push((points[row as usize], row));
        }
    }
    for (point, row) in &opening {
        match state.at(&handle.own, point.entity, point.ts, handle.seq) {
            Some(version) if version.kind == Kind::Point => {
                let key = describe_key(table, rows, *row as usize);
                return Err(Error::DuplicateKey { table: table.name.clone(), key });
            }
            Some(marker) => state.close(point.entity, &marker, handle.seq),
            None => {}
        }
        state.open(point.entity, point.ts, handle.seq, Kind::Point);
    }
    Ok(opening)
}

impl OwnHandle {
    /// Remembers which vectors a row at a point has from the version it corrects.
    fn share(
        &self,
        state: &mut OwnState,
        read: &TableRead,
        point: Point,
        old: &RowAddr,
        kept: &[u16],
    ) {
        if (point.entity, point.ts) != (old.entity, old.ts.0) {
            return;
        }
        for column in kept {
            let place = (point.entity.0, point.ts, *column);
            let base = if crate::is_own(old.seq) {
                state.shared.base_of(place, old.seq.0)
            } else {
                // A column added later is nowhere on disk.
                let found = read.0.find(old).and_then(|(s, row)| s.vector(*column, row));
                found.map(|_| old.seq.0)
            };
            if let Some(base) = base {
                state.shared.insert(place, self.seq, base);
            }
        }
    }

    /// The version at an address, if the transaction has it now.
    pub(crate) fn alive(&self, state: &OwnState, addr: &RowAddr) -> Option<Version> {
        let version = state.at(&self.own, addr.entity, addr.ts.0, self.seq)?;
        (version.from == addr.seq.0 && version.kind == Kind::Point).then_some(version)
    }

    /// The points of updated rows. Rows without a key stay where they are.
    fn new_points(
        &self,
        state: &mut OwnState,
        table: &Table,
        old: &[RowAddr],
        rows: &RecordBatch,
    ) -> Result<Vec<Point>> {
        if self.own.store.key.places().is_empty() {
            return Ok(old.iter().map(|a| Point { entity: a.entity, ts: 0 }).collect());
        }
        self.points(state, table, rows)
    }
}
