//! Merging indexes upwards, as log-structured stores merge their runs.
//!
//! ```text
//!   segments, in time order   □ □ □ □  □ □ □ □  □ □ □ □  □ □ □ □   □ □ □ □   □ □
//!   of four                   └──────┘ └──────┘ └──────┘ └──────┘  └──────┘
//!   of four of those          └─────────────────────────────────┘
//!   a search walks                       1                            1      1 1
//! ```
//!
//! Four indexes of about one size become one over all their segments, up to a bound in bytes, so
//! there are at most three of a size below that bound. Where no new segments come any more, or
//! REINDEX asks for it, runs of segments become one straight away, as large as the bound allows:
//! less work than level by level, and fewer to walk. Row files stay as they are, and so does
//! each segment's own index: it takes over at once where a merged one has to go, because rows of
//! one of its segments were erased. It costs a third more disk than rows and codes need.
//!
//! **Invariant.** A merged index is of segments that are all there, none of which is in another of
//! the same index. Whether it is written, published or removed, a crash leaves a whole file or
//! none, and the next start keeps those that are of the segments there are, the largest first.
//!
//! Considered: merging the row files too. It would copy each vector, 3 KB, once a level, and change
//! addresses under running searches, to save the list of members that is kept here instead.

use super::Indexes;
use super::indexer::IndexerThread;
use super::job::{Job, Mapped};
use cvx_index::{Block, BuildError, BuildOptions, SegmentIndex, merge_index};
use cvx_storage::{FileId, IndexFileId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

/// Indexes of about one size that become one.
const FAN_IN: usize = 4;

/// An index over several segments.
#[derive(Debug)]
pub(super) struct Merged {
    id: IndexFileId,
    index: SegmentIndex,
    /// The number of each segment's first row.
    starts: HashMap<FileId, usize>,
}

impl Merged {
    fn new(id: IndexFileId, index: SegmentIndex) -> Self {
        let mut first = 0;
        let start = |member: cvx_index::Member| {
            let start = first;
            first += member.rows;
            (FileId(member.label), start)
        };
        let starts = index.members().into_iter().map(start).collect();
        Self { id, index, starts }
    }

    /// The index, and the number that a segment's first row has in it.
    pub(super) fn place(&self, index: u32, file: FileId) -> Option<(SegmentIndex, usize)> {
        let first = *self.starts.get(&file).filter(|_| self.id.index == index)?;
        Some((self.index.clone(), first))
    }

    pub(super) fn id(&self) -> IndexFileId {
        self.id
    }

    fn is_of(&self, wanted: &HashSet<IndexFileId>) -> bool {
        let mut files = self.starts.keys();
        files.all(|file| wanted.contains(&IndexFileId::of(self.id.index, *file)))
    }

    fn meets(&self, other: &Self) -> bool {
        self.id.index == other.id.index && self.starts.keys().any(|f| other.starts.contains_key(f))
    }
}

impl Indexes {
    /// Takes up a merged index in place of those whose segments it has; answers which they were.
    fn replace(&self, new: &Arc<Merged>) -> Vec<IndexFileId> {
        let old = self.merged.load_full();
        let (gone, mut kept): (Vec<_>, Vec<_>) =
            old.iter().cloned().partition(|merged| merged.meets(new));
        kept.push(Arc::clone(new));
        self.merged.store(Arc::new(kept));
        gone.iter().map(|merged| merged.id).collect()
    }

    /// Lets go of merged indexes that are not wanted, or of segments that are not there.
    pub(super) fn retain_merged(
        &self,
        keep: impl Fn(IndexFileId) -> bool,
        wanted: Option<&HashSet<IndexFileId>>,
    ) -> Vec<IndexFileId> {
        let old = self.merged.load_full();
        let stays = |merged: &Arc<Merged>| {
            keep(merged.id) && wanted.is_none_or(|wanted| merged.is_of(wanted))
        };
        let (kept, gone): (Vec<_>, Vec<_>) = old.iter().cloned().partition(stays);
        if !gone.is_empty() {
            self.merged.store(Arc::new(kept));
        }
        gone.iter().map(|merged| merged.id).collect()
    }
}

/// One index of an index: of a segment, or merged.
struct Item<'j> {
    jobs: Vec<&'j Job<'j>>,
    rows: usize,
}

impl<'j> Item<'j> {
    fn new(mut jobs: Vec<&'j Job<'j>>) -> Self {
        jobs.sort_by_key(|job| (job.segment.ts_min(), job.meta.id));
        let rows = jobs.iter().map(|job| job.segment.rows()).sum();
        Self { jobs, rows }
    }

    /// Sizes within a factor of four.
    fn class(&self) -> u32 {
        self.rows.max(1).ilog2() / 2
    }

    /// About what an index of it takes: codes, factors, links.
    fn bytes(&self) -> usize {
        let Some(job) = self.jobs.first() else { return 0 };
        let width = job.dim.next_multiple_of(64);
        let fine = job.def.quantization().row_bytes(job.dim);
        self.rows * (fine + 2 * (width / 8) + 32 + 160)
    }
}

impl IndexerThread {
    /// Takes up the merged indexes on disk that are of segments there are.
    pub(super) fn open_merged(&self, jobs: &[Job<'_>]) {
        let files = self.core.store.index_files().unwrap_or_default();
        let several = files.into_iter().filter(IndexFileId::is_of_several);
        let mut found: Vec<_> = several.filter_map(|id| self.opened_merged(id, jobs)).collect();
        found.sort_by_key(|merged| std::cmp::Reverse(merged.index.rows()));
        for merged in found {
            let taken = self.core.indexes.merged.load();
            if !taken.iter().any(|other| other.meets(&merged)) {
                self.core.indexes.replace(&Arc::new(merged));
            }
        }
    }

    fn opened_merged(&self, id: IndexFileId, jobs: &[Job<'_>]) -> Option<Merged> {
        let bytes = self.core.store.open_index_file(id).ok()??;
        let index = SegmentIndex::open(Mapped(bytes)).ok()?;
        let of_member = |member: &cvx_index::Member| {
            let wanted = IndexFileId::of(id.index, FileId(member.label));
            jobs.iter().find(|job| job.id == wanted && job.segment.rows() == member.rows)
        };
        let members = index.members();
        let members = members.iter().map(of_member).collect::<Option<Vec<_>>>()?;
        let first = members.first()?;
        // By its name is known of whose rows it must not tell any more once they are erased.
        let right = name(&members) == Some(id)
            && index.stamp() == stamp(&members)
            && index.dim() == first.dim
            && index.metric() == first.metric
            && index.quantization() == first.def.quantization();
        right.then(|| Merged::new(id, index))
    }

    /// Merges some indexes of about one size, if there are enough. Whether it did.
    pub(super) fn merge(&self, jobs: &[Job<'_>]) -> bool {
        let plans = jobs.chunk_by(|a, b| a.id.index == b.id.index);
        let mut plans = plans.filter_map(|jobs| self.plan(jobs));
        plans.next().is_some_and(|members| self.make_merged(&members))
    }

    /// What is to be merged next of one index.
    fn plan<'j>(&self, jobs: &'j [Job<'j>]) -> Option<Vec<&'j Job<'j>>> {
        let index = jobs.first()?.id.index;
        let items = self.items(index, jobs);
        let asked = self.core.indexes.whole.lock().contains(&index);
        let far = asked || self.rests(index, jobs);
        if let Some(run) = far.then(|| self.long_run(&items, asked)).flatten() {
            return Some(run);
        }
        let mut classes: Vec<u32> = items.iter().map(Item::class).collect();
        classes.sort_unstable();
        classes.dedup();
        classes.into_iter().find_map(|class| self.crowd(&items, class))
    }

    /// The indexes of an index, in the order of time.
    fn items<'j>(&self, index: u32, jobs: &'j [Job<'j>]) -> Vec<Item<'j>> {
        let merged = self.core.indexes.merged.load();
        let within = |job: &Job<'_>| {
            merged.iter().position(|merged| merged.place(index, job.meta.id).is_some())
        };
        let mut together: HashMap<usize, Vec<&Job<'_>>> = HashMap::new();
        let mut items = Vec::new();
        for job in jobs {
            match within(job) {
                Some(place) => together.entry(place).or_default().push(job),
                None if self.core.indexes.has(job.id) => items.push(Item::new(vec![job])),
                None => {}
            }
        }
        items.extend(together.into_values().map(Item::new));
        items.sort_by_key(|item| item.jobs.first().map(|job| (job.segment.ts_min(), job.meta.id)));
        items
    }

    /// Whether no segments have come for a while.
    fn rests(&self, index: u32, jobs: &[Job<'_>]) -> bool {
        let newest = jobs.iter().map(|job| job.meta.id).max();
        let mut newest_of = self.newest.lock();
        let (known, since) = newest_of.entry(index).or_insert((newest, Instant::now()));
        if *known != newest {
            (*known, *since) = (newest, Instant::now());
        }
        since.elapsed() >= self.core.options.index_rest
    }

    /// The first run of items that a merged index may hold and that is worth it: always if it is
    /// asked for, else if it makes the largest of them larger by a quarter, so that what comes in
    /// small lots is not built anew with each.
    fn long_run<'j>(&self, items: &[Item<'j>], asked: bool) -> Option<Vec<&'j Job<'j>>> {
        let mut rest = items;
        while !rest.is_empty() {
            let (run, others) = rest.split_at(self.fitting(rest.iter()).max(1));
            let largest = run.iter().map(|item| item.rows).max().unwrap_or(0);
            let rows: usize = run.iter().map(|item| item.rows).sum();
            let pays = run.len() > 1 && (asked || (rows - largest) * FAN_IN >= largest);
            if let Some(jobs) = pays.then(|| self.untried(run.iter())).flatten() {
                return Some(jobs);
            }
            rest = others;
        }
        None
    }

    /// The first items of a size class, if it has too many and a merged index may be so large.
    fn crowd<'j>(&self, items: &[Item<'j>], class: u32) -> Option<Vec<&'j Job<'j>>> {
        let of_class: Vec<_> = items.iter().filter(|item| item.class() == class).collect();
        let chosen = of_class.get(..FAN_IN)?;
        let chosen = &chosen[..self.fitting(chosen.iter().copied())];
        if chosen.len() < 2 {
            return None;
        }
        self.untried(chosen.iter().copied())
    }

    /// How many of these, from the first on, a merged index may hold.
    fn fitting<'i, 'j: 'i>(&self, items: impl Iterator<Item = &'i Item<'j>>) -> usize {
        let mut bytes = 0;
        let fits = |item: &&Item<'_>| {
            bytes += item.bytes();
            bytes <= self.core.options.index_merge_bytes
        };
        items.take_while(fits).count()
    }

    /// The segments of some items, unless an index over them could not be made before.
    fn untried<'i, 'j: 'i>(
        &self,
        items: impl Iterator<Item = &'i Item<'j>>,
    ) -> Option<Vec<&'j Job<'j>>> {
        let jobs: Vec<_> = items.flat_map(|item| item.jobs.iter().copied()).collect();
        let failed = self.core.indexes.failed.lock().contains(&name(&jobs)?);
        (!failed).then_some(jobs)
    }

    fn make_merged(&self, jobs: &[&Job<'_>]) -> bool {
        let Some(id) = name(jobs) else { return false };
        match self.built_merged(id, jobs) {
            Some(index) => {
                let new = Arc::new(Merged::new(id, index));
                for old in self.core.indexes.replace(&new) {
                    self.remove(old);
                }
                true
            }
            None => {
                if self.are_there(jobs.iter().copied()) && !self.is_stopping() {
                    self.core.indexes.failed.lock().insert(id);
                }
                false
            }
        }
    }

    /// Builds one index over some segments, while new ones get theirs in between.
    fn built_merged(&self, id: IndexFileId, jobs: &[&Job<'_>]) -> Option<SegmentIndex> {
        let job = jobs.first()?;
        let mut blocks: Vec<(u64, Block<'_>)> = Vec::with_capacity(jobs.len());
        for job in jobs {
            blocks.push((job.meta.id.0, job.segment.block(job.def.column, job.dim)?));
        }
        let go_on = || {
            self.make_missing();
            self.go_on() && self.are_there(jobs.iter().copied())
        };
        let options = job.options(&self.core.options, &go_on);
        let options = BuildOptions { stamp: stamp(jobs), ..options };
        let built = match merge_index(&blocks, job.metric, &options) {
            Ok(built) => built,
            Err(BuildError::Stopped) => return None,
            Err(error) => {
                tracing::warn!(%error, index = job.def.name, "indexes cannot be merged");
                return None;
            }
        };
        if let Err(error) = self.core.store.write_index_file(id, built.pieces()) {
            tracing::warn!(%error, index = job.def.name, "a merged index could not be written");
            return None;
        }
        drop(built);
        self.left_if_there(id, jobs)?;
        let bytes = self.core.store.open_index_file(id).ok()??;
        SegmentIndex::open(Mapped(bytes)).ok()
    }

    /// Removes a file just written if a segment of it went meanwhile: whoever erases rows looks
    /// for files after the segments have gone, so one of both sees the other.
    pub(super) fn left_if_there(&self, id: IndexFileId, jobs: &[&Job<'_>]) -> Option<()> {
        if self.are_there(jobs.iter().copied()) {
            return Some(());
        }
        self.remove(id);
        None
    }
}

/// The name of the index over some segments.
fn name(jobs: &[&Job<'_>]) -> Option<IndexFileId> {
    let files = || jobs.iter().map(|job| job.meta.id);
    let (first, last) = (files().min()?, files().max()?);
    Some(IndexFileId::of_several(jobs.first()?.id.index, first, last, stamp(jobs)))
}

/// A mark of the rows of some segments, in this order.
fn stamp(jobs: &[&Job<'_>]) -> u64 {
    let stamps = jobs.iter().map(|job| job.stamp());
    stamps.fold(jobs.len() as u64, |mark, stamp| {
        (mark.rotate_left(23) ^ stamp).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    })
}
