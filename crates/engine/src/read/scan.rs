//! Rows as batches: segment by segment, or entity by entity.

use super::columns::assemble_with;
use super::entities::EntityWalk;
use super::{Judge, Picks, Rows, TableRead, View, assemble, deltas};
use crate::segment::Segment;
use crate::sight::Sight;
use crate::{Result, ScanRequest, TimeSlice};
use arrow::record_batch::RecordBatch;
use cvx_core::{EntityId, ValidTime};
use std::collections::VecDeque;
use std::sync::Arc;

/// An iterator of batches. It ends at the first error.
#[derive(Debug)]
pub struct Scan {
    view: Arc<View>,
    request: ScanRequest,
    sight: Option<Sight>,
    left: usize,
    walk: Walk,
    failed: Option<crate::Error>,
}

#[derive(Debug)]
enum Walk {
    Segments { waiting: VecDeque<Arc<Segment>>, current: Option<(Arc<Segment>, Rows)> },
    Entities(EntityWalk),
}

impl TableRead {
    /// The rows of a slice. Inside a segment they come in order of (ts, entity); with `entities`
    /// set, by entity in the order given, then ts.
    #[must_use]
    pub fn scan(&self, request: ScanRequest) -> Scan {
        let view = Arc::clone(&self.0);
        let (sight, failed) = match view.sight(&request.slice) {
            Ok(sight) => (sight, None),
            Err(error) => (None, Some(error)),
        };
        let walk = match &request.entities {
            Some(entities) => Walk::Entities(EntityWalk::new(entities.clone())),
            None => {
                let mut waiting: Vec<_> = view.segments().cloned().collect();
                waiting.sort_by_key(|segment| segment.ts_min());
                Walk::Segments { waiting: waiting.into(), current: None }
            }
        };
        let left = request.limit.unwrap_or(usize::MAX);
        Scan { view, request, sight, left, walk, failed }
    }
}

impl TableRead {
    /// An entity's current points between two times, in their order, as they were written: delta
    /// blocks are not asked, which may be off by their epsilon.
    pub(crate) fn points_as_written(
        &self,
        entity: EntityId,
        bounds: (i64, i64),
        projection: &[usize],
        rows: usize,
    ) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
        let view = Arc::clone(&self.0);
        let sight = view.sight(&TimeSlice::CURRENT)?;
        let projection = projection.to_vec();
        let mut walk = EntityWalk::new(vec![entity]);
        Ok(std::iter::from_fn(move || {
            let sight = sight.as_ref()?;
            let addresses = walk.take(&view, sight, bounds, rows);
            if addresses.is_empty() {
                return None;
            }
            let picks = view.locate(&addresses);
            Some(picks.and_then(|picks| assemble(&view, sight, &picks, &projection)))
        }))
    }
}

/// Closed bounds on ts.
pub(crate) fn bounds(from: Option<ValidTime>, to: Option<ValidTime>) -> (i64, i64) {
    (from.map_or(i64::MIN, |ts| ts.0), to.map_or(i64::MAX, |ts| ts.0))
}

impl Iterator for Scan {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.failed.take() {
            self.sight = None;
            return Some(Err(error));
        }
        let batch = self.advance().transpose()?;
        if batch.is_err() {
            self.sight = None;
        }
        Some(batch)
    }
}

impl Scan {
    fn advance(&mut self) -> Result<Option<RecordBatch>> {
        let Some(sight) = self.sight else { return Ok(None) };
        if let Some(stop) = self.request.cancel.stopped() {
            return Err(stop.into());
        }
        let rows = self.request.batch_rows.max(1).min(self.left);
        if rows == 0 {
            return Ok(None);
        }
        let bounds = bounds(self.request.ts_from, self.request.ts_to);
        let (view, projection) = (&self.view, &self.request.projection);
        let batch = match &mut self.walk {
            Walk::Entities(walk) => {
                let addresses = walk.take(view, &sight, bounds, rows);
                if addresses.is_empty() {
                    return Ok(None);
                }
                let picks = view.locate(&addresses)?;
                let deltas = deltas::Cache::new(view, &addresses);
                assemble_with(view, &sight, &picks, projection, |place| {
                    deltas.column(place, &picks)
                })?
            }
            Walk::Segments { waiting, current } => {
                let Some(picks) = next_picks(view, &sight, bounds, rows, waiting, current) else {
                    return Ok(None);
                };
                assemble(view, &sight, &picks, projection)?
            }
        };
        view.check_horizon(&self.request.slice)?;
        self.left -= batch.num_rows();
        Ok(Some(batch))
    }
}

/// The next rows of the segment at work, or of the next that has some.
fn next_picks(
    view: &View,
    sight: &Sight,
    bounds: (i64, i64),
    rows: usize,
    waiting: &mut VecDeque<Arc<Segment>>,
    current: &mut Option<(Arc<Segment>, Rows)>,
) -> Option<Picks> {
    loop {
        if let Some((segment, seen)) = current.take()
            && seen.len() > 0
        {
            let cut = rows.min(seen.len());
            let picks = Picks::One { segment: Arc::clone(&segment), rows: seen.slice(0..cut) };
            *current = Some((segment, seen.slice(cut..seen.len())));
            return Some(picks);
        }
        let segment = waiting.pop_front()?;
        let seen = Judge::new(view, sight).select(&segment, bounds).into_rows();
        *current = Some((segment, seen));
    }
}
