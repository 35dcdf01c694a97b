//! Rows of segments as a batch of the columns asked for.

use super::{Judge, Rows, View};
use crate::Result;
use crate::layout::HIDDEN;
use crate::segment::Segment;
use crate::sight::Sight;
use arrow::array::{
    Array, ArrayRef, Int64Array, TimestampMicrosecondArray, UInt32Array, UInt64Array,
};
use arrow::compute::take;
use arrow::datatypes::Schema;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::sync::Arc;

/// Rows to read.
#[derive(Debug)]
pub(crate) enum Picks {
    /// Out of one segment.
    One { segment: Arc<Segment>, rows: Rows },
    /// Out of several, in the order given as (segment, row).
    Many { segments: Vec<Arc<Segment>>, order: Vec<(usize, usize)> },
}

impl Picks {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One { rows, .. } => rows.len(),
            Self::Many { order, .. } => order.len(),
        }
    }

    /// The segment and row at a place.
    pub(crate) fn get(&self, place: usize) -> (&Segment, usize) {
        match self {
            Self::One { segment, rows } => (segment, rows.get(place)),
            Self::Many { segments, order } => {
                let (segment, row) = order[place];
                (&segments[segment], row)
            }
        }
    }

    fn each<T>(&self, look: impl FnMut((&Segment, usize)) -> T) -> Vec<T> {
        (0..self.len()).map(|place| self.get(place)).map(look).collect()
    }

    pub(super) fn user_column(&self, view: &View, place: usize) -> Result<ArrayRef> {
        match self {
            Self::Many { segments, order } => view.layout.interleave(place, segments, order),
            Self::One { segment, rows } => {
                match (segment.column(view.layout.columns()[place].id), rows) {
                    (None, rows) => view.layout.missing(place, rows.len()),
                    (Some(array), Rows::Range(range)) => Ok(array.slice(range.start, range.len())),
                    (Some(array), Rows::List(list)) => {
                        Ok(take(array, &UInt32Array::from(list.clone()), None)?)
                    }
                }
            }
        }
    }
}

/// The columns of `projection` (places in the read schema) of some rows.
pub(crate) fn assemble(
    view: &View,
    sight: &Sight,
    picks: &Picks,
    projection: &[usize],
) -> Result<RecordBatch> {
    assemble_with(view, sight, picks, projection, |_| Ok(None))
}

/// As [`assemble`], where `instead` may give a user column from elsewhere.
pub(crate) fn assemble_with(
    view: &View,
    sight: &Sight,
    picks: &Picks,
    projection: &[usize],
    instead: impl Fn(usize) -> Result<Option<ArrayRef>>,
) -> Result<RecordBatch> {
    let users = view.layout.columns().len();
    let hidden = HiddenColumns::of(view, sight, picks, projection);
    let column = |place: &usize| match place.checked_sub(users) {
        None => match instead(*place)? {
            Some(array) => Ok(array),
            None => picks.user_column(view, *place),
        },
        Some(offset) => Ok(hidden.column(picks, offset)),
    };
    let columns = projection.iter().map(column).collect::<Result<Vec<_>>>()?;
    let schema = Arc::new(Schema::clone(&view.layout.schema).project(projection)?);
    let options = RecordBatchOptions::new().with_row_count(Some(picks.len()));
    Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
}

/// The four times of each row, found out only if they are asked for.
struct HiddenColumns {
    times: Vec<[Option<i64>; 4]>,
}

impl HiddenColumns {
    fn of(view: &View, sight: &Sight, picks: &Picks, projection: &[usize]) -> Self {
        let users = view.layout.columns().len();
        let wanted = users..users + HIDDEN.len();
        if !projection.iter().any(|place| wanted.contains(place)) {
            return Self { times: Vec::new() };
        }
        let temporal = view.store.temporal;
        let mut judge = Judge::new(view, sight);
        let us = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
        let times = picks.each(|(segment, row)| {
            let times = judge.times(segment, row);
            [
                temporal.then(|| segment.ts[row]),
                times.valid_to,
                times.system_from.map(us),
                times.system_to.map(us),
            ]
        });
        Self { times }
    }

    fn column(&self, picks: &Picks, offset: usize) -> ArrayRef {
        match offset.checked_sub(HIDDEN.len()) {
            None => {
                let times = self.times.iter().map(|times| times[offset]);
                Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
            }
            Some(0) => Arc::new(UInt64Array::from(picks.each(|(s, row)| s.entities[row]))),
            Some(1) => Arc::new(Int64Array::from(picks.each(|(s, row)| s.ts[row]))),
            Some(_) => Arc::new(UInt64Array::from(picks.each(|(s, row)| s.seqs.get(row)))),
        }
    }
}
