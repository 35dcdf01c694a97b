//! Reading one table at one snapshot.
//!
//! ```text
//!   TimeSlice --resolve--> Sight
//!                            |
//!   segments (row files, runs, own runs) --judge--> rows of each segment
//!                            |                              |
//!                            |              scan: columns   |   knn: Parts --> cvx-index
//!   entities --timelines--> addresses --find--> rows        v
//! ```
//!
//! A [`TableRead`] takes the snapshot first and the list of segments after it, so that the list
//! is at least as new; rows and closings of later commits are told by their sequence.

mod brief;
mod columns;
mod deltas;
mod entities;
mod filter;
mod judge;
mod knn;
mod path;
mod rows;
mod scan;

use crate::core::Core;
use crate::layout::Layout;
use crate::own::OwnTable;
use crate::segment::Segment;
use crate::sight::Sight;
use crate::table_store::TableStore;
use crate::tail::SegmentList;
use crate::{Error, Result, RowAddr, SystemSlice, Table, TimeSlice, ValidSlice, entity};
use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use cvx_core::{CommitSeq, EntityId};
pub use path::{Path, PathPoints};
pub use scan::Scan;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(crate) use columns::{Picks, assemble};
pub(crate) use judge::Judge;
pub(crate) use rows::{RowSet, Rows};

/// One table as a transaction sees it at one moment: later writes do not show.
#[derive(Clone, Debug)]
pub struct TableRead(pub(crate) Arc<View>);

/// What a read holds on to.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) core: Arc<Core>,
    pub(crate) store: Arc<TableStore>,
    pub(crate) layout: Arc<Layout>,
    pub(crate) list: Arc<SegmentList>,
    pub(crate) snapshot: u64,
    pub(crate) own: Option<OwnRead>,
}

/// The transaction's own writes up to one of its calls.
#[derive(Debug)]
pub(crate) struct OwnRead {
    pub(crate) table: Arc<OwnTable>,
    pub(crate) at: u64,
    pub(crate) segments: Vec<Arc<Segment>>,
}

impl View {
    pub(crate) fn segments(&self) -> impl Iterator<Item = &Arc<Segment>> {
        self.list.iter().chain(self.own.iter().flat_map(|own| &own.segments))
    }

    /// Resolves a slice; `None` if it is empty.
    pub(crate) fn sight(&self, slice: &TimeSlice) -> Result<Option<Sight>> {
        if slice.valid != ValidSlice::All && !self.store.temporal {
            let name = &self.layout.table.name;
            return Err(Error::Invalid(format!("table \"{name}\" has no valid time")));
        }
        self.check_horizon(slice)?;
        if let SystemSlice::AsOf(moment) = slice.system {
            self.core.times.raise_fence(moment.0, self.core.clock_us());
        }
        Ok(Sight::resolve(slice, self.snapshot))
    }

    /// 72000 if the slice reaches back to where history was purged. Asked before a read, and
    /// after it again: what was read may have been going meanwhile.
    pub(crate) fn check_horizon(&self, slice: &TimeSlice) -> Result<()> {
        let oldest = match slice.system {
            SystemSlice::Current => self.snapshot,
            SystemSlice::AsOf(at) => at.0.min(self.snapshot),
            SystemSlice::All => 0,
            SystemSlice::Overlap { from, .. } => from.0.min(self.snapshot),
        };
        let horizon = self.store.horizon.load(Ordering::Acquire);
        if oldest < horizon {
            return Err(Error::SnapshotTooOld { horizon: CommitSeq(horizon) });
        }
        Ok(())
    }

    /// Where the row with this address lies.
    pub(crate) fn find(&self, addr: &RowAddr) -> Option<(&Arc<Segment>, usize)> {
        if crate::is_own(addr.seq) {
            let mut own = self.own.iter().flat_map(|own| own.segments.iter().rev());
            return own.find_map(|segment| Some((segment, segment.find(addr)?)));
        }
        self.list.find(addr)
    }

    /// Finds rows by address. Only an erasure takes rows away that somebody was told of: who
    /// still means to change them meets it as a conflict.
    pub(crate) fn locate(&self, rows: &[RowAddr]) -> Result<Picks> {
        let mut segments: Vec<Arc<Segment>> = Vec::new();
        let mut order: Vec<(usize, usize)> = Vec::with_capacity(rows.len());
        for addr in rows {
            // Neighbours in a request are often neighbours in a segment.
            let last = order.last().copied();
            let near =
                last.and_then(|(place, row)| Some((place, segments[place].find_near(addr, row)?)));
            if let Some(found) = near {
                order.push(found);
                continue;
            }
            let (segment, row) = self.find(addr).ok_or(Error::Conflict)?;
            let known = segments.iter().position(|known| known.number == segment.number);
            let place = known.unwrap_or_else(|| {
                segments.push(Arc::clone(segment));
                segments.len() - 1
            });
            order.push((place, row));
        }
        Ok(Picks::Many { segments, order })
    }
}

impl TableRead {
    /// The table.
    #[must_use]
    pub fn table(&self) -> &Arc<Table> {
        &self.0.layout.table
    }

    /// User columns in table order, then `_valid_from`, `_valid_to`, `_system_from`, `_system_to`
    /// (Timestamp us UTC, NULL while open), then `_entity` UInt64, `_ts` Int64, `_seq` UInt64.
    ///
    /// `_valid_from` and `_valid_to` are NULL in tables without valid time, `_system_from` in the
    /// transaction's own rows, which have no commit yet.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0.layout.schema)
    }

    /// Key columns (of a temporal table: the entity column only) to entities; `None` where no
    /// row ever had that key.
    pub fn entities_of(&self, key: &[ArrayRef]) -> Result<Vec<Option<EntityId>>> {
        let kind = &self.0.store.key;
        if key.len() != kind.places().len() || key.is_empty() {
            return Err(Error::Invalid("not the table's key columns".to_owned()));
        }
        if let (entity::KeyKind::Direct(_), [column]) = (kind, key) {
            return Ok(entity::direct(column));
        }
        let columns: Vec<&ArrayRef> = key.iter().collect();
        let rows = columns.first().map_or(0, |column| column.len());
        let mut bytes = Vec::new();
        (0..rows)
            .map(|row| {
                bytes.clear();
                let whole = entity::encode(&columns, row, &mut bytes)?;
                Ok(if whole { self.0.store.dictionary.get(&bytes) } else { None })
            })
            .collect()
    }

    /// The rows at these addresses, in the order asked. They are read as they are, whether the
    /// slice sees them or not; it decides what the hidden columns say.
    pub fn fetch(
        &self,
        rows: &[RowAddr],
        projection: &[usize],
        slice: &TimeSlice,
    ) -> Result<RecordBatch> {
        let sight = self.0.sight(slice)?;
        let sight = sight.ok_or_else(|| Error::Invalid("the time slice is empty".to_owned()))?;
        let picks = self.0.locate(rows)?;
        let batch = assemble(&self.0, &sight, &picks, projection)?;
        self.0.check_horizon(slice)?;
        Ok(batch)
    }

    /// The first moment of system time that can be read: versions closed before it may have been
    /// purged. `None` if none ever were.
    #[must_use]
    pub fn horizon(&self) -> Option<CommitSeq> {
        let horizon = self.0.store.horizon.load(Ordering::Acquire);
        (horizon > 0).then_some(CommitSeq(horizon))
    }

    /// About how many rows there are.
    #[must_use]
    pub fn row_count_hint(&self) -> usize {
        let rows = |segment: &Arc<Segment>| segment.rows() - segment.closures.closed();
        self.0.segments().map(rows).sum()
    }
}
