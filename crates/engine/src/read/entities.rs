//! The rows of some entities, found through their timelines.

use super::{Judge, View};
use crate::RowAddr;
use crate::sight::Sight;
use cvx_core::{CommitSeq, EntityId, ValidTime};
use std::collections::VecDeque;

/// Walks entities in the order given and gives the addresses of the rows seen, by ts.
#[derive(Debug)]
pub(crate) struct EntityWalk {
    entities: std::vec::IntoIter<EntityId>,
    found: VecDeque<RowAddr>,
}

impl EntityWalk {
    pub(crate) fn new(entities: Vec<EntityId>) -> Self {
        Self { entities: entities.into_iter(), found: VecDeque::new() }
    }

    /// The next addresses, `rows` at most; none at the end.
    pub(crate) fn take(
        &mut self,
        view: &View,
        sight: &Sight,
        bounds: (i64, i64),
        rows: usize,
    ) -> Vec<RowAddr> {
        let mut judge = Judge::new(view, sight);
        while self.found.len() < rows {
            let Some(entity) = self.entities.next() else { break };
            let points = judge.points(entity, bounds);
            self.found.extend(points.into_iter().map(|(ts, seq)| RowAddr {
                entity,
                ts: ValidTime(ts),
                seq: CommitSeq(seq),
            }));
        }
        let cut = rows.min(self.found.len());
        self.found.drain(..cut).collect()
    }
}
