//! What commits leave for the monitor's thread: the entities of a table that have changed.

use crate::writer::TableWrite;
use cvx_core::EntityId;
use hashbrown::HashMap;
use parking_lot::Mutex;

/// The marks of a table, until the thread takes them.
#[derive(Debug, Default)]
pub(crate) struct Marks(Mutex<Marked>);

/// Entities that changed.
#[derive(Debug, Default)]
pub(crate) struct Marked {
    pub(crate) entities: HashMap<u64, Due>,
    /// The last commit after which every entity is to be watched anew.
    pub(crate) all: Option<u64>,
}

/// What is to be looked at of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// The earliest time at which it changed.
    pub(crate) ts: i64,
    /// The last commit that changed it.
    pub(crate) seq: u64,
}

impl Marks {
    /// Notes what a commit wrote. Rows and closings are ordered by entity, then time.
    pub(crate) fn note(&self, write: &TableWrite, seq: u64) {
        let mut marked = self.0.lock();
        if write.truncate {
            marked.all = Some(seq);
        }
        for rows in write.rows.chunk_by(|a, b| a.entity == b.entity) {
            marked.touch(rows[0].entity, Due { ts: rows[0].ts, seq });
        }
        for closes in write.closes.chunk_by(|a, b| a.entity == b.entity) {
            marked.touch(closes[0].entity, Due { ts: closes[0].ts, seq });
        }
    }

    /// Has an entity watched anew.
    pub(crate) fn anew(&self, entity: EntityId, seq: u64) {
        self.0.lock().touch(entity, Due::anew(seq));
    }

    /// Has all entities watched anew.
    pub(crate) fn all_anew(&self, seq: u64) {
        self.0.lock().all = Some(seq);
    }

    pub(crate) fn take(&self) -> Marked {
        std::mem::take(&mut self.0.lock())
    }
}

impl Marked {
    fn touch(&mut self, entity: EntityId, due: Due) {
        let known = self.entities.entry(entity.0).or_insert(due);
        *known = known.and(due);
    }
}

impl Due {
    pub(crate) fn anew(seq: u64) -> Self {
        Self { ts: i64::MIN, seq }
    }

    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { ts: self.ts.min(other.ts), seq: self.seq.max(other.seq) }
    }
}
