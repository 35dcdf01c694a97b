//! The thread that makes indexes: it looks at the catalog every half second, or when asked.
//!
//! It also keeps for each sealed segment which rows live when (`living`), index or not.
//!
//! One index at a time, on one core, so that memory stays below two images of a segment, or one of
//! a merged index, and searches keep the other cores. Between batches of a build it sees whether to
//! stop or to pause; between those of a merge it makes what new segments need first.

use super::Indexes;
use super::job::{Job, Mapped, jobs};
use crate::core::Core;
use crate::engine::Engine;
use crate::published::Published;
use crate::tail::SegmentList;
use crate::{Error, Result, Table};
use cvx_index::{BuildError, SegmentIndex, build_index};
use cvx_storage::{FileId, IndexFileId};
use parking_lot::{Condvar, Mutex};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use thread_priority::{ThreadPriority, ThreadPriorityValue};

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
    pub(super) core: Arc<Core>,
    shared: Arc<Shared>,
    /// When rows without codes were last looked for.
    sketched: Mutex<Instant>,
    /// The newest segment by index, and since when it is that.
    pub(super) newest: Mutex<HashMap<u32, (Option<FileId>, Instant)>>,
}

/// Of a hundred, where searches have fifty: a tenth of a processor that both want, all of an idle
/// one. A build takes half a minute in one piece, and who searches would wait for its turns.
const PRIORITY: u8 = 25;

/// Has the other threads served first.
fn step_back() {
    let priority = ThreadPriorityValue::try_from(PRIORITY).map(ThreadPriority::Crossplatform);
    let set = priority.map(thread_priority::set_current_thread_priority);
    if !matches!(set, Ok(Ok(()))) {
        tracing::debug!("indexes are built at the priority of searches");
    }
}

impl Indexer {
    pub(crate) fn new(core: &Arc<Core>) -> (Self, IndexerThread) {
        let shared = Arc::new(Shared::default());
        let core = Arc::clone(core);
        core.indexes.opening.begin();
        let sketched = Mutex::new(Instant::now());
        let thread =
            IndexerThread { core, shared: Arc::clone(&shared), sketched, newest: Mutex::default() };
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
    pub(super) fn go_on(&self) -> bool {
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
        self.open();
        step_back();
        while let Some(round) = self.shared.begin() {
            self.round(round == 1);
            self.shared.finish(round);
        }
        self.shared.changed.notify_all();
    }

    /// Takes up what was merged before, for which searches wait.
    fn open(&self) {
        let _ends = self.core.indexes.opening.ends();
        self.open_merged(&Looked::new(&self.core).jobs());
    }

    /// Lets go of what nobody names, makes what is missing, and merges what has become many.
    fn round(&self, first: bool) {
        let mut sweeps = first;
        while self.may_go_on() {
            let looked = Looked::new(&self.core);
            let jobs = looked.jobs();
            self.forget(&jobs, sweeps);
            sweeps = false;
            self.keep_living();
            self.keep_sketches();
            self.make_missing();
            if !self.may_go_on() || !self.merge(&jobs) {
                return;
            }
        }
    }

    pub(super) fn may_go_on(&self) -> bool {
        self.shared.go_on()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.shared.stop.load(Ordering::Acquire)
    }

    /// Makes the indexes of segments that have none.
    pub(super) fn make_missing(&self) {
        let looked = Looked::new(&self.core);
        let missing = |job: &Job<'_>| {
            let indexes = &self.core.indexes;
            !indexes.has(job.id) && !indexes.failed.lock().contains(&job.id)
        };
        for job in looked.jobs().iter().filter(|job| missing(job)) {
            if !self.may_go_on() {
                return;
            }
            self.make(job);
            self.keep_living();
        }
    }

    /// Whether these segments are still the table's.
    pub(super) fn are_there<'j>(&self, mut jobs: impl Iterator<Item = &'j Job<'j>>) -> bool {
        let looked = Looked::new(&self.core);
        let files: HashSet<IndexFileId> = looked.jobs().iter().map(|job| job.id).collect();
        jobs.all(|job| files.contains(&job.id))
    }

    pub(super) fn remove(&self, id: IndexFileId) {
        if let Err(error) = self.core.store.remove_index_file(id) {
            tracing::warn!(%error, "an index file that nobody needs");
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

    /// Lets go of what no catalog names, of files too, and once of all files nobody has open.
    fn forget(&self, jobs: &[Job<'_>], sweeps: bool) {
        let wanted: HashSet<IndexFileId> = jobs.iter().map(|job| job.id).collect();
        let indexes = &self.core.indexes;
        let mut gone = indexes.retain(|id| wanted.contains(&id));
        gone.extend(indexes.retain_merged(|_| true, Some(&wanted)));
        if sweeps {
            let merged = indexes.merged.load();
            let is_merged = |id: &IndexFileId| merged.iter().any(|merged| merged.id() == *id);
            let idle = |id: &IndexFileId| !wanted.contains(id) && !is_merged(id);
            match self.core.store.index_files() {
                Ok(files) => gone.extend(files.into_iter().filter(idle)),
                Err(error) => tracing::warn!(%error, "index files could not be listed"),
            }
        }
        indexes.failed.lock().retain(|id| id.is_of_several() || wanted.contains(id));
        let named: HashSet<u32> = wanted.iter().map(|id| id.index).collect();
        self.newest.lock().retain(|index, _| named.contains(index));
        gone.into_iter().for_each(|id| self.remove(id));
    }

    /// Sees that rows without an index have their codes, and rows with one no more than that.
    fn keep_sketches(&self) {
        let looked = Looked::new(&self.core);
        for (table, list) in looked.published.catalog.all_tables().zip(&looked.lists) {
            let Some(list) = list else { continue };
            for segment in list.iter() {
                let has = |index| self.core.indexes.is_indexed(index, segment);
                segment.keep_sketches(table, list, has);
            }
        }
        *self.sketched.lock() = Instant::now();
    }

    /// Whether a build is to go on. A segment takes half a minute: what came meanwhile gets codes.
    pub(super) fn go_on(&self) -> bool {
        if self.sketched.lock().elapsed() >= LOOK {
            self.keep_sketches();
        }
        self.may_go_on()
    }

    fn make(&self, job: &Job<'_>) {
        let index = match self.opened(job) {
            Some(index) => Some(index),
            None => self.built(job),
        };
        match index {
            Some(index) => self.core.indexes.insert(job.id, index),
            None if self.is_stopping() || !self.are_there([job].into_iter()) => {}
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
        let go_on = || self.go_on();
        let options = job.options(&self.core.options, &go_on);
        let image = match build_index(&block, job.metric, &options) {
            Ok(image) => image,
            Err(BuildError::Stopped) => return None,
            Err(error) => {
                tracing::warn!(%error, index = job.def.name, "an index cannot be built");
                return None;
            }
        };
        if let Err(error) = self.core.store.write_index_file(job.id, [&image[..]]) {
            // It serves from memory until the next start.
            tracing::warn!(%error, index = job.def.name, "an index file could not be written");
            return SegmentIndex::open(image).ok();
        }
        drop(image);
        self.left_if_there(job.id, &[job])?;
        self.opened(job)
    }
}

/// What the catalog asks for, and which segments there are.
struct Looked {
    published: Arc<Published>,
    /// By table, in the catalog's order.
    lists: Vec<Option<Arc<SegmentList>>>,
}

impl Looked {
    fn new(core: &Core) -> Self {
        let published = core.published.load_full();
        let list = |table: &Arc<Table>| {
            published.stores.get(&table.space).map(|store| store.list.load_full())
        };
        let lists = published.catalog.all_tables().map(list).collect();
        Self { published, lists }
    }

    /// What is wanted, index by index.
    fn jobs(&self) -> Vec<Job<'_>> {
        let mut all = Vec::new();
        for (table, list) in self.published.catalog.all_tables().zip(&self.lists) {
            all.extend(list.iter().flat_map(|list| jobs(table, &list.sealed)));
        }
        all
    }
}

impl Indexes {
    /// Lets go of some indexes, files too, so that the next round builds them anew.
    fn discard(&self, core: &Core, indexes: &[u32]) -> Result<()> {
        self.retain(|id| !indexes.contains(&id.index));
        self.retain_merged(|id| !indexes.contains(&id.index), None);
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

    /// Builds indexes anew, each over as many segments as [`crate::EngineOptions`] allow, and waits
    /// for it. Searches are exact in the meantime.
    pub fn reindex(&self, indexes: &[u32]) -> Result<()> {
        let indexer = self.indexer()?;
        let core = self.core();
        core.indexes.discard(core, indexes)?;
        core.indexes.whole.lock().extend(indexes);
        let done = indexer.wait();
        core.indexes.whole.lock().retain(|index| !indexes.contains(index));
        done
    }

    /// Holds the building of indexes, or lets it go on.
    pub fn pause_indexing(&self, pause: bool) -> Result<()> {
        self.indexer()?.pause(pause);
        Ok(())
    }
}
