//! What the writer is asked to do.

use crate::closure::Closures;
use crate::dictionary::FreshKey;
use crate::removal::RemovalRequest;
use crate::seal::SealedRows;
use crate::segment::Segment;
use crate::shared::SharedFrom;
use crate::table_store::TableStore;
use crate::{Catalog, Durability, Error, Result, Table};
use arrow::array::RecordBatch;
use cvx_core::{CommitSeq, EntityId, SpaceId};
use cvx_publish::{Close, NewRow};
use cvx_storage::FileId;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// One request.
#[derive(Debug)]
pub(crate) enum Request {
    Commit(Box<CommitRequest>),
    /// Takes a table's runs out of the writer's hands, for the sealer.
    Freeze {
        store: Arc<TableStore>,
        reply: oneshot::Sender<Vec<Arc<Segment>>>,
    },
    Sealed(Box<SealedFiles>),
    Remove(Box<RemovalRequest>),
}

impl From<CommitRequest> for Request {
    fn from(commit: CommitRequest) -> Self {
        Self::Commit(Box::new(commit))
    }
}

/// A transaction to commit.
#[derive(Debug)]
pub(crate) struct CommitRequest {
    pub(crate) snapshot: u64,
    pub(crate) base_catalog: Arc<Catalog>,
    pub(crate) tables: Vec<TableWrite>,
    pub(crate) catalog: Option<CatalogWrite>,
    pub(crate) durability: Durability,
    pub(crate) reply: oneshot::Sender<Result<CommitSeq>>,
}

/// The catalog as the transaction leaves it.
#[derive(Debug)]
pub(crate) struct CatalogWrite {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) created: HashMap<SpaceId, Arc<TableStore>>,
    pub(crate) dropped: Vec<SpaceId>,
}

/// One table's writes.
#[derive(Debug)]
pub(crate) struct TableWrite {
    pub(crate) store: Arc<TableStore>,
    pub(crate) table: Arc<Table>,
    pub(crate) parts: Vec<Part>,
    /// Every row of the parts, ordered.
    pub(crate) rows: Vec<NewRow>,
    /// Vectors of the rows that need not be written.
    pub(crate) shared: SharedFrom,
    /// Base versions to close, ordered.
    pub(crate) closes: Vec<Close>,
    /// End markers to put, ordered.
    pub(crate) ends: Vec<(EntityId, i64)>,
    pub(crate) truncate: bool,
    pub(crate) fresh: Vec<FreshKey>,
}

/// Rows to add: a run, or a file that is written already.
#[derive(Debug)]
pub(crate) struct Part {
    /// The rows; the commits it says are not theirs.
    pub(crate) segment: Arc<Segment>,
    /// Of a run: the rows as they go to RocksDB.
    pub(crate) batch: Option<RecordBatch>,
}

/// Files that are to stand for frozen runs.
#[derive(Debug)]
pub(crate) struct SealedFiles {
    pub(crate) store: Arc<TableStore>,
    pub(crate) frozen: Vec<Arc<Segment>>,
    /// The files, or why there are none.
    pub(crate) files: Result<SealedRows>,
    pub(crate) reply: oneshot::Sender<Result<()>>,
}

impl CommitRequest {
    /// The entities it changes, by space.
    pub(crate) fn entities(&self) -> impl Iterator<Item = (SpaceId, EntityId)> + '_ {
        self.tables.iter().flat_map(|write| write.entities().map(|e| (write.store.space, e)))
    }

    /// The files whose rows it adds.
    pub(crate) fn files(&self) -> Vec<FileId> {
        let parts = self.tables.iter().flat_map(|write| &write.parts);
        parts.filter_map(|part| Some(part.segment.file.as_ref()?.id)).collect()
    }

    /// How much there is to it.
    pub(crate) fn changes(&self) -> usize {
        let changes = |write: &TableWrite| write.rows.len() + write.closes.len() + write.ends.len();
        self.tables.iter().map(changes).sum()
    }

    /// Whether it has to have a group to itself.
    pub(crate) fn is_lonely(&self) -> bool {
        self.catalog.is_some()
            || self.tables.iter().any(|write| write.truncate)
            || self.changes() > 4096
    }
}

impl TableWrite {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.closes.is_empty() && self.ends.is_empty() && !self.truncate
    }

    fn entities(&self) -> impl Iterator<Item = EntityId> + '_ {
        let rows = self.rows.iter().map(|row| row.entity);
        let closes = self.closes.iter().map(|close| close.entity);
        rows.chain(closes).chain(self.ends.iter().map(|(entity, _)| *entity))
    }

    /// Whether somebody changed one of the entities after a snapshot.
    pub(crate) fn conflicts(&self, snapshot: u64) -> bool {
        use std::sync::atomic::Ordering::Relaxed;
        let lines = &self.store.lines;
        let table_changed = self.store.changed.load(Relaxed) > snapshot;
        table_changed
            && (self.truncate || self.entities().any(|entity| lines.changed(entity) > snapshot))
    }
}

impl Part {
    pub(crate) fn run(batch: RecordBatch) -> Result<Self> {
        let segment = Segment::new(&batch, Some(0), Closures::open(0))?;
        Ok(Self { segment: Arc::new(segment), batch: Some(batch) })
    }

    pub(crate) fn file(segment: &Arc<Segment>) -> Result<Self> {
        if segment.file.is_none() {
            return Err(Error::Corrupt("a spilled segment without its file".to_owned()));
        }
        Ok(Self { segment: Arc::clone(segment), batch: None })
    }
}
