//! Indexes of sealed segments: what is open, and the thread that makes them.
//!
//! ```text
//!   CREATE INDEX      a line in the catalog, no more: rows are searched without until
//!   cvx-indexer       has opened or built the file of each sealed segment, one at a time
//!   new rows          bring their codes with them, in memory
//!   a search          takes for each segment the index that is there at that moment, or its codes
//!                     merges four of about one size into one, and so on upwards
//!   DROP INDEX/TABLE  the next round lets go of what no catalog names, and removes its files
//! ```
//!
//! **Invariant.** An index is a copy of what a sealed segment says, tied to its row file by number
//! and checksum; no answer depends on whether it is there, but for speed and for what a walk may
//! miss. A row is searchable when its commit is answered: by its codes alone (`sketches`) until the
//! index of its segment is there, and where there are few such rows, by comparing them.

mod indexer;
mod job;
mod merge;
mod opening;
mod recall;
mod sketches;
mod sound;
mod stats;

use crate::segment::Segment;
use arc_swap::ArcSwap;
use cvx_index::SegmentIndex;
use cvx_storage::IndexFileId;
use merge::Merged;
use opening::Opening;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

pub(crate) use indexer::Indexer;
pub(crate) use sketches::{Sketches, sketch_new};
pub use stats::{IndexState, IndexStats};

/// The indexes that can be searched.
#[derive(Debug, Default)]
pub(crate) struct Indexes {
    /// Of single segments, by index and row file.
    open: ArcSwap<HashMap<IndexFileId, SegmentIndex>>,
    /// Of several; no two of one index have a segment in common.
    merged: ArcSwap<Vec<Arc<Merged>>>,
    /// Recall as last measured, by index.
    recall: Mutex<HashMap<u32, f64>>,
    /// What could not be made, so that it is not tried each half second.
    failed: Mutex<HashSet<IndexFileId>>,
    /// Indexes that are to have as few parts as may be, while REINDEX waits for it.
    whole: Mutex<HashSet<u32>>,
    /// Whether a start is still opening the merged ones.
    pub(crate) opening: Opening,
}

/// A segment's place in an index.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) index: SegmentIndex,
    /// The number of its first row.
    pub(crate) first: usize,
    /// The segment's own index, where the other is over several.
    pub(crate) own: Option<SegmentIndex>,
}

impl Indexes {
    /// Where a segment is indexed, if it is: with others, else alone, else by its codes only.
    pub(crate) fn place(&self, index: u32, segment: &Segment) -> Option<Place> {
        let own = self.of(index, segment);
        match self.with_others(index, segment) {
            Some((index, first)) => Some(Place { index, first, own }),
            None => {
                let index = own.or_else(|| segment.sketches.get(index))?;
                Some(Place { index, first: 0, own: None })
            }
        }
    }

    fn with_others(&self, index: u32, segment: &Segment) -> Option<(SegmentIndex, usize)> {
        let file = segment.file.as_ref()?.id;
        self.merged.load().iter().find_map(|merged| merged.place(index, file))
    }

    /// A segment's own part of an index, if it is made.
    fn of(&self, index: u32, segment: &Segment) -> Option<SegmentIndex> {
        let file = segment.file.as_ref()?.id;
        self.open.load().get(&IndexFileId::of(index, file)).cloned()
    }

    /// Whether there is an index proper of a segment, alone or with others.
    fn is_indexed(&self, index: u32, segment: &Segment) -> bool {
        self.of(index, segment).is_some() || self.with_others(index, segment).is_some()
    }

    fn has(&self, id: IndexFileId) -> bool {
        self.open.load().contains_key(&id)
    }

    fn insert(&self, id: IndexFileId, index: SegmentIndex) {
        self.open.rcu(|open| {
            let mut open = HashMap::clone(open);
            open.insert(id, index.clone());
            Arc::new(open)
        });
    }

    /// Lets go of those that are not wanted.
    fn retain(&self, wanted: impl Fn(IndexFileId) -> bool) -> Vec<IndexFileId> {
        let gone: Vec<_> = self.open.load().keys().copied().filter(|id| !wanted(*id)).collect();
        if !gone.is_empty() {
            self.open.rcu(|open| {
                let mut open = HashMap::clone(open);
                gone.iter().for_each(|id| drop(open.remove(id)));
                Arc::new(open)
            });
        }
        gone
    }
}
