//! What a table's rows lie in: a list that the writer replaces and readers hold.
//!
//! ```text
//!   append   tail + a run, runs made few        a commit
//!   freeze   tail -> frozen                     the sealer takes the runs
//!   seal     frozen -> sealed                   their files are there
//!   thaw     frozen -> tail                     their files cannot be
//! ```
//!
//! **Invariant.** Each list has each row once. A list that is replaced is not changed any more but
//! for the closures of what it holds, and those are changed in the newest list only: so where
//! rows move, the writer copies their closures last of all.

use super::address::RowAddr;
use super::closure::{Closed, Closures};
use super::sync::{Cell, Loaded};
use std::sync::Arc;

/// Rows that lie together and do not change; only their closures do.
pub trait Run {
    fn rows(&self) -> usize;

    /// Bytes of the rows.
    fn bytes(&self) -> usize;

    /// Whether a file holds the rows.
    fn is_sealed(&self) -> bool;

    /// The row with this address.
    fn find(&self, addr: &RowAddr) -> Option<usize>;

    fn closures(&self) -> &Closures;
}

/// Rows that move: the run and the place of each, in their new order.
pub type Order = Vec<(usize, usize)>;

/// What a table's rows lie in at one time. Readers hold one as long as they like.
#[derive(Debug)]
pub struct SegmentList<S> {
    pub sealed: Vec<Arc<S>>,
    /// Runs that the sealer is writing to a file.
    pub frozen: Vec<Arc<S>>,
    pub tail: Vec<Arc<S>>,
}

impl<S> Default for SegmentList<S> {
    fn default() -> Self {
        Self { sealed: Vec::new(), frozen: Vec::new(), tail: Vec::new() }
    }
}

impl<S> Clone for SegmentList<S> {
    fn clone(&self) -> Self {
        let Self { sealed, frozen, tail } = self;
        Self { sealed: sealed.clone(), frozen: frozen.clone(), tail: tail.clone() }
    }
}

impl<S> SegmentList<S> {
    /// Every segment, newest rows last.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<S>> {
        self.sealed.iter().chain(&self.frozen).chain(&self.tail)
    }
}

impl<S: Run> SegmentList<S> {
    /// Where the row with this address lies. New rows are looked for first.
    pub fn find(&self, addr: &RowAddr) -> Option<(&Arc<S>, usize)> {
        self.iter().rev().find_map(|segment| Some((segment, segment.find(addr)?)))
    }

    pub fn tail_rows(&self) -> usize {
        self.tail.iter().map(|run| run.rows()).sum()
    }

    pub fn tail_bytes(&self) -> usize {
        self.tail.iter().map(|run| run.bytes()).sum()
    }
}

/// The list of a table. Readers take it after what is published; the one writer replaces it.
#[derive(Debug)]
pub struct Segments<S>(Cell<SegmentList<S>>);

impl<S> Default for Segments<S> {
    fn default() -> Self {
        Self(Cell::new(SegmentList::default()))
    }
}

impl<S> Segments<S> {
    /// The list, for a short look.
    pub fn load(&self) -> Loaded<SegmentList<S>> {
        self.0.load()
    }

    /// The list, to keep.
    pub fn load_full(&self) -> Arc<SegmentList<S>> {
        self.0.load_full()
    }

    /// The writer's: another list.
    pub fn store(&self, list: SegmentList<S>) {
        self.0.store(Arc::new(list));
    }

    fn change(&self, change: impl FnOnce(&mut SegmentList<S>)) {
        let mut list = SegmentList::clone(&self.0.load());
        change(&mut list);
        self.store(list);
    }
}

/// What the one writer does.
impl<S: Run> Segments<S> {
    /// Does something to the closure of a row that a segment holds.
    pub fn closure(&self, addr: &RowAddr, change: impl FnOnce(&Closures, usize)) {
        if let Some((segment, row)) = self.load().find(addr) {
            change(segment.closures(), row);
        }
    }

    /// Adds the rows of a commit; `tidy` keeps the runs few.
    pub fn append(&self, added: Vec<Arc<S>>, tidy: impl FnOnce(&mut Vec<Arc<S>>)) {
        self.change(|list| {
            for run in added {
                if run.is_sealed() { list.sealed.push(run) } else { list.tail.push(run) }
            }
            tidy(&mut list.tail);
        });
    }

    /// Gives the runs to the sealer: they are neither merged nor replaced until they come back.
    pub fn freeze(&self) -> Vec<Arc<S>> {
        let mut frozen = Vec::new();
        self.change(|list| {
            frozen = std::mem::take(&mut list.tail);
            list.frozen.extend(frozen.iter().cloned());
        });
        frozen
    }

    /// Lets files stand for the frozen runs. `stand` makes a file's segment with the closures that
    /// its rows have by now.
    pub fn seal<F>(
        &self,
        frozen: &[Arc<S>],
        files: &[(F, Order)],
        stand: impl Fn(&F, Closures) -> S,
    ) {
        self.change(|list| {
            list.frozen.clear();
            let stands = |(file, order): &(F, Order)| stand(file, copy_closures(frozen, order));
            list.sealed.extend(files.iter().map(stands).map(Arc::new));
        });
    }

    /// Takes the frozen runs back, in front of what came meanwhile.
    pub fn thaw(&self, frozen: Vec<Arc<S>>) {
        self.change(|list| {
            list.frozen.clear();
            list.tail.splice(0..0, frozen).for_each(drop);
        });
    }
}

/// The closures of rows that move. Only the writer may call it: it is the one that changes them.
pub fn copy_closures<S: Run>(runs: &[Arc<S>], order: &[(usize, usize)]) -> Closures {
    let load = |(run, row): &(usize, usize)| -> Closed { runs[*run].closures().load(*row) };
    Closures::from_rows(order.iter().map(load))
}
