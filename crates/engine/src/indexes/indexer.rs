//! The thread that makes indexes: it looks at the catalog every half second, or when asked.
//!
//! It also keeps for each sealed segment which rows live when (`living`), index or not.
//!
//! One segment at a time, on one core, so that memory stays below two images of a segment and
//! searches keep the other cores. Between batches of a build it sees whether to stop or to pause.

use super::Indexes;
use crate::core::Core;
use crate::engine::Engine;
use crate::segment::Segment;
use crate::{Error, IndexDef, Result, Table};
use arrow::buffer::Buffer;
use cvx_index::{BuildError, BuildOptions, SegmentIndex, build_index};
use cvx_storage::{IndexFileId, RowFileMeta};
use parking_lot::{Condvar, Mutex};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a new segment may wait for the thread to look.
const LOOK: Duration = Duration::from_millis(500);

/// Asks the indexer's thread.
#[derive(Clone, Debug)]
pub(crate) struct Indexer(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    rounds: Mutex<Rounds>,
    changed: Condvar,
    stop: AtomicBool,
    pause: AtomicBool,
}

/// Rounds are numbered; a round makes all that is missing when it begins.
#[derive(Debug, Default)]
struct Rounds {
    asked: u64,
    begun: u64,
    done: u64,
}

/// The indexer's thread.
#[derive(Debug)]
pub(crate) struct IndexerThread {
    core: Arc<Core>,
    shared: Arc<Shared>,
}

/// A segment's index that is to be.
struct Job<'a> {
    id: IndexFileId,
    def: &'a IndexDef,
    metric: cvx_core::Metric,
    dim: usize,
    segment: Arc<Segment>,
    meta: RowFileMeta,
}

impl Indexer {
    pub(crate) fn new(core: &Arc<Core>) -> (Self, IndexerThread) {
        let shared = Arc::new(Shared::default());
        let core = Arc::clone(core);
        let thread = IndexerThread { core, shared: Arc::clone(&shared) };
        (Self(shared), thread)
    }

    /// Waits until what is missing now is made.
    pub(crate) fn wait(&self) -> Result<()> {
        let mut rounds = self.0.rounds.lock();
        let target = rounds.begun + 1;
        rounds.asked = rounds.asked.max(target);
        self.0.changed.notify_all();
        while rounds.done < target {
            if self.0.stop.load(Ordering::Acquire) {
                return Err(Error::ShutDown);
            }
            self.0.changed.wait(&mut rounds);
        }
        Ok(())
    }

    pub(crate) fn pause(&self, pause: bool) {
        let _rounds = self.0.rounds.lock();
        self.0.pause.store(pause, Ordering::Release);
        self.0.changed.notify_all();
    }

    pub(crate) fn stop(&self) {
        let _rounds = self.0.rounds.lock();
        self.0.stop.store(true, Ordering::Release);
        self.0.changed.notify_all();
    }
}

impl Shared {
    /// Whether to go on, after a pause if one is asked for.
    fn go_on(&self) -> bool {
        if self.pause.load(Ordering::Acquire) {
            let mut rounds = self.rounds.lock();
            while self.pause.load(Ordering::Acquire) && !self.stop.load(Ordering::Acquire) {
                self.changed.wait(&mut rounds);
            }
        }
        !self.stop.load(Ordering::Acquire)
    }

    /// Waits for the next round; `None` when told to stop.
    fn begin(&self) -> Option<u64> {
        let mut rounds = self.rounds.lock();
        if rounds.begun > 0 && rounds.asked <= rounds.begun && !self.stop.load(Ordering::Acquire) {
            self.changed.wait_for(&mut rounds, LOOK);
        }
        if self.stop.load(Ordering::Acquire) {
            return None;
        }
        rounds.begun += 1;
        Some(rounds.begun)
    }

    fn finish(&self, round: u64) {
        self.rounds.lock().done = round;
        self.changed.notify_all();
    }
}

impl IndexerThread {
    /// Works until told to stop.
    pub(crate) fn run(self) {
        while let Some(round) = self.shared.begin() {
            self.round(round == 1);
            self.shared.finish(round);
        }
        self.shared.changed.notify_all();
    }

    /// Lets go of what nobody names, and makes what is missing.
    fn round(&self, first: bool) {
        let published = self.core.published.load_full();
        let tables = published.catalog.all_tables();
        let lists: Vec<_> = tables
            .filter_map(|table| Some((table, published.stores.get(&table.space)?.list.load_full())))
            .collect();
        let mut wanted = HashSet::new();
        let mut missing: Vec<Job<'_>> = Vec::new();
        for (table, list) in &lists {
            for job in jobs(table, &list.sealed) {
                wanted.insert(job.id);
                if !self.core.indexes.has(job.id)
                    && !self.core.indexes.failed.lock().contains(&job.id)
                {
                    missing.push(job);
                }
            }
        }
        self.forget(&wanted, first);
        self.keep_living();
        for job in missing {
            if !self.shared.go_on() {
                return;
            }
            self.make(&job);
            self.keep_living();
        }
    }

    /// Brings up to date which rows of sealed segments live when.
    fn keep_living(&self) {
        let published = self.core.published.load_full();
        for table in published.catalog.all_tables() {
            let Some(store) = published.stores.get(&table.space) else { continue };
            for segment in &store.list.load_full().sealed {
                segment.keep_living(published.seq, store.temporal);
            }
        }
    }

    fn forget(&self, wanted: &HashSet<IndexFileId>, first: bool) {
        let mut gone = self.core.indexes.retain(|id| wanted.contains(&id));
        if first {
            match self.core.store.index_files() {
                Ok(files) => gone.extend(files.into_iter().filter(|id| !wanted.contains(id))),
                Err(error) => tracing::warn!(%error, "index files could not be listed"),
            }
        }
        self.core.indexes.failed.lock().retain(|id| wanted.contains(id));
        for id in gone {
            if let Err(error) = self.core.store.remove_index_file(id) {
                tracing::warn!(%error, "an index file that nobody needs");
            }
        }
    }

    fn make(&self, job: &Job<'_>) {
        let index = match self.opened(job) {
            Some(index) => Some(index),
            None => self.built(job),
        };
        match index {
            Some(index) => self.core.indexes.insert(job.id, index),
            None if self.shared.stop.load(Ordering::Acquire) => {}
            None => drop(self.core.indexes.failed.lock().insert(job.id)),
        }
    }

    /// The index in its file, if the file is there and right.
    fn opened(&self, job: &Job<'_>) -> Option<SegmentIndex> {
        let bytes = match self.core.store.open_index_file(job.id) {
            Ok(bytes) => bytes?,
            Err(error) => {
                tracing::warn!(%error, index = job.def.name, "an index file cannot be read");
                return None;
            }
        };
        match SegmentIndex::open(Mapped(bytes)) {
            Ok(index) if job.owns(&index) => return Some(index),
            Ok(_) => tracing::warn!(index = job.def.name, "an index file is of other rows"),
            Err(error) => tracing::warn!(%error, index = job.def.name, "an index file is damaged"),
        }
        None
    }

    fn built(&self, job: &Job<'_>) -> Option<SegmentIndex> {
        let block = job.segment.block(job.def.column, job.dim)?;
        let go_on = || self.shared.go_on();
        let image = match build_index(&block, job.metric, &job.options(&go_on)) {
            Ok(image) => image,
            Err(BuildError::Stopped) => return None,
            Err(error) => {
                tracing::warn!(%error, index = job.def.name, "an index cannot be built");
                return None;
            }
        };
        if let Err(error) = self.core.store.write_index_file(job.id, &image) {
            // It serves from memory until the next start.
            tracing::warn!(%error, index = job.def.name, "an index file could not be written");
            return SegmentIndex::open(image).ok();
        }
        drop(image);
        self.opened(job)
    }
}

/// What an index wants of each sealed segment that has its column.
fn jobs<'a>(
    table: &'a Table,
    sealed: &'a [Arc<Segment>],
) -> impl Iterator<Item = Job<'a>> + use<'a> {
    let indexes = table.indexes.iter().filter_map(|index| Some((index, index.answers()?)));
    indexes.flat_map(move |(def, metric)| {
        let dim = table.column_by_id(def.column).and_then(crate::ColumnDef::dimension);
        sealed.iter().filter_map(move |segment| {
            let meta = segment.file.clone()?;
            segment.column(def.column)?;
            let id = IndexFileId { index: def.oid, file: meta.id };
            Some(Job { id, def, metric, dim: dim?, segment: Arc::clone(segment), meta })
        })
    })
}

impl Job<'_> {
    /// A mark of the rows: their file's number and checksum, and the column.
    fn stamp(&self) -> u64 {
        let crc = u64::from(self.meta.crc) << 32 | u64::from(self.def.column);
        crc ^ self.meta.id.0.rotate_left(17)
    }

    fn owns(&self, index: &SegmentIndex) -> bool {
        index.stamp() == self.stamp()
            && index.rows() == self.segment.rows()
            && index.dim() == self.dim
            && index.metric() == self.metric
    }

    fn options<'o>(&self, go_on: &'o (dyn Fn() -> bool + Sync)) -> BuildOptions<'o> {
        let standard = BuildOptions::standard(go_on);
        let option = |name: &str, default: usize| {
            let said = self.def.options.iter().find(|(option, _)| option == name);
            said.and_then(|(_, value)| value.parse().ok()).unwrap_or(default)
        };
        BuildOptions {
            degree: option("m", standard.degree),
            ef_construction: option("ef_construction", standard.ef_construction),
            stamp: self.stamp(),
            ..standard
        }
    }
}

struct Mapped(Buffer);

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Indexes {
    /// Lets go of some indexes, files too, so that the next round builds them anew.
    fn discard(&self, core: &Core, indexes: &[u32]) -> Result<()> {
        self.retain(|id| !indexes.contains(&id.index));
        self.failed.lock().retain(|id| !indexes.contains(&id.index));
        for id in core.store.index_files()? {
            if indexes.contains(&id.index) {
                core.store.remove_index_file(id)?;
            }
        }
        Ok(())
    }
}

impl Engine {
    /// Waits until every sealed segment has the indexes that its table asks for.
    pub fn wait_for_indexes(&self) -> Result<()> {
        self.indexer()?.wait()
    }

    /// Builds indexes anew, and waits for it. Searches are exact in the meantime.
    pub fn reindex(&self, indexes: &[u32]) -> Result<()> {
        let indexer = self.indexer()?;
        self.core().indexes.discard(self.core(), indexes)?;
        indexer.wait()
    }

    /// Holds the building of indexes, or lets it go on.
    pub fn pause_indexing(&self, pause: bool) -> Result<()> {
        self.indexer()?.pause(pause);
        Ok(())
    }
}
