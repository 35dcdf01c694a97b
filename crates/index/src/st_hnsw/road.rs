//! Which road a part takes, by counted work.

use super::asked::Asked;
use super::coded::Coded;
use super::run::{Member, Run};
use super::{Roads, StHnsw};
use crate::{SegmentIndex, Selection};

/// Work in units of one row looked at whole, side by side with others: about 8 ns at 768
/// dimensions, half of it where a sift leaves most blocks at their heads. Of one sifted by itself,
/// since too few around it are selected,
const SIFT_CHOSEN: f64 = 3.0;
/// of one without bits, whose bytes are sifted,
const SIFT_BYTES: f64 = 8.0;
/// and of a node followed: some sixteen codes and one row of bytes from memory. Of 1,000,000 rows
/// walks take as long as cells for a recall of 0.98, below it less, above it more.
pub(super) const FOLLOW: f64 = 140.0;
/// The same of a composite search, whose walks are often given up: counted like the others, they
/// were tried where slices of cells had cost less.
pub(super) const FOLLOW_IN_TIME: f64 = 200.0;
/// The work of preparing a query for cells, of ranking one, and of coming to one's slice: blocks
/// are looked at whole, and their rows lie elsewhere.
const PREPARE: f64 = 1_500.0;
const RANK: f64 = 1.5;
const PROBE: f64 = 96.0;
/// How many times as many cells are asked as the builder saw: its own rows lie in the cells that
/// they look for, and knew the k-th from the start.
const OTHERS: f64 = 1.6;
/// What share of the work of a sift cells may cost before that is taken.
const INSIST: f64 = 0.25;
/// How many times as many nodes as foreseen a walk of a part that is not all selected may follow.
const PATIENCE: f64 = 4.0;
/// Rows up to which comparing them costs less than preparing a query for codes.
const SCAN_ROWS: usize = 96;
/// Dimensions below which a row is hardly longer than its code.
const SIFT_DIM: usize = 64;

impl<'a> Run<'a> {
    /// The index to be asked; `None` where the rows are to be compared.
    pub(super) fn road(&self, effort: &StHnsw, asked: &Asked<'_>) -> Option<&'a SegmentIndex> {
        let index = self.index.filter(|index| self.is_served(asked, index))?;
        let few = self.selected <= SCAN_ROWS.max(asked.request.k.saturating_mul(4));
        let narrow = is_narrow(index) && !walks(effort, asked, index, self);
        let scans = match effort.roads {
            Roads::Cheapest => few || narrow,
            Roads::Codes => narrow,
            Roads::Walk | Roads::Sift | Roads::Cells => false,
        };
        (!scans).then_some(index)
    }
}

/// The work of a run's cheapest road.
pub(super) fn work(effort: &StHnsw, asked: &Asked<'_>, index: &SegmentIndex, run: &Run<'_>) -> f64 {
    if walks(effort, asked, index, run) {
        FOLLOW * follows(effort, asked, index, run)
    } else {
        sifting(run).min(probing(effort, index, run))
    }
}

/// The work of asking the cells for what is selected of a run; without end where there are none.
fn probing(effort: &StHnsw, index: &SegmentIndex, run: &Run<'_>) -> f64 {
    let rows = run.members.iter().map(Member::rows_between).sum();
    probing_among(effort, index, rows, run.selected as f64)
}

/// The same of selected rows among others, which are told from them one by one.
pub(super) fn probing_among(
    effort: &StHnsw,
    index: &SegmentIndex,
    rows: usize,
    selected: f64,
) -> f64 {
    let may = match effort.roads {
        Roads::Cheapest | Roads::Codes => index.dim() >= SIFT_DIM,
        Roads::Cells => return index.cells().map_or(f64::INFINITY, |_| 0.0),
        Roads::Walk | Roads::Sift => false,
    };
    let Some(cells) = index.cells().filter(|_| may) else { return f64::INFINITY };
    let count = cells.count() as f64;
    let share = cells.reach.share(index.rows(), selected);
    PREPARE + RANK * count + (OTHERS * share).min(1.0) * (rows as f64 + PROBE * count)
}

/// Whether walking the graph is less work than sifting the rows.
fn walks(effort: &StHnsw, asked: &Asked<'_>, index: &SegmentIndex, run: &Run<'_>) -> bool {
    let by_codes = matches!(effort.roads, Roads::Sift | Roads::Cells);
    if by_codes || asked.request.composite.is_some() || index.nodes() == 0 {
        return false;
    }
    let instead = sifting(run).min(probing(effort, index, run));
    is_forced(effort, index) || FOLLOW * follows(effort, asked, index, run) < instead
}

/// Whether it is walked whatever that costs.
fn is_forced(effort: &StHnsw, index: &SegmentIndex) -> bool {
    effort.roads == Roads::Walk || (effort.roads == Roads::Codes && is_narrow(index))
}

/// The work of sifting all that is selected.
fn sifting(run: &Run<'_>) -> f64 {
    run.members.iter().map(Member::sifting).sum()
}

impl Member<'_> {
    /// The work of sifting what is selected of it.
    pub(super) fn sifting(&self) -> f64 {
        let selected = self.selected as f64;
        let by_bytes = self.part.index.is_some_and(|place| !place.index.space().has_bits());
        match self.part.rows {
            _ if by_bytes => SIFT_BYTES * selected,
            Selection::Range(_) => selected,
            Selection::Bits(_) => (SIFT_CHOSEN * selected).min(self.part.block.rows() as f64),
            Selection::List(_) => SIFT_CHOSEN * selected,
        }
    }
}

/// The work of sifting a row of an index, among others that are.
pub(super) fn sift_unit(index: &SegmentIndex) -> f64 {
    if index.space().has_bits() { 1.0 } else { SIFT_BYTES }
}

/// Whether rows are so short that their 1-bit codes leave little out and save less.
pub(super) fn is_narrow(index: &SegmentIndex) -> bool {
    index.dim() < SIFT_DIM
}

/// Nodes to be found in an index, were all selected: infinitely many where walks do not find
/// enough, unless it is to be walked whatever that costs.
fn reach(effort: &StHnsw, k: usize, index: &SegmentIndex) -> f64 {
    let width = crate::segment::width(effort.ef.max(k), index.member_count());
    if is_forced(effort, index) { width } else { width * index.breadth() }
}

/// What share of an index is selected.
fn share(index: &SegmentIndex, selected: usize) -> f64 {
    (selected as f64 / index.rows().max(1) as f64).max(f64::MIN_POSITIVE)
}

/// How many nodes a walk follows, if what is selected lies anywhere: it goes on until enough of
/// them are found.
fn follows(effort: &StHnsw, asked: &Asked<'_>, index: &SegmentIndex, run: &Run<'_>) -> f64 {
    run.wider() * follows_among(effort, asked.request.k, index, run.selected)
}

fn follows_among(effort: &StHnsw, k: usize, index: &SegmentIndex, selected: usize) -> f64 {
    let share = share(index, selected);
    reach(effort, k, index) / (share * share.sqrt())
}

impl StHnsw {
    /// The work that a search for the `k` nearest of so many rows of an index is likely to be, if
    /// they lie side by side and nothing but meaning counts: in rows sifted, some 8 ns each.
    #[must_use]
    pub fn work(&self, index: &SegmentIndex, k: usize, selected: usize) -> f64 {
        let walking = match index.nodes() {
            0 => f64::INFINITY,
            _ => FOLLOW * follows_among(self, k, index, selected),
        };
        let sifting = sift_unit(index) * selected as f64;
        walking.min(sifting).min(probing_among(self, index, selected, selected as f64))
    }
}

impl Coded<'_> {
    /// Whether its graph is to be walked.
    pub(super) fn walks(&self, effort: &StHnsw, asked: &Asked<'_>) -> bool {
        walks(effort, asked, self.index, &self.run)
    }

    /// How many nodes a walk may follow: what the road to be taken instead would cost, and not many
    /// more than if what is selected lay anywhere. A walk that is not over by then has meaning and
    /// time against it, and each of many segments would let it go on for as long as its own walk.
    pub(super) fn budget(&self, effort: &StHnsw, asked: &Asked<'_>) -> usize {
        if is_forced(effort, self.index) {
            return usize::MAX;
        }
        let apart = self.run.work_apart(effort, asked).unwrap_or(f64::INFINITY);
        let codes = sifting(&self.run).min(probing(effort, self.index, &self.run));
        let instead = codes.min(apart) / FOLLOW;
        let patience = if self.whole { f64::INFINITY } else { PATIENCE };
        instead.min(patience * self.follows(effort, asked)) as usize
    }

    /// The work of its cheapest road, or of the other one after it was walked in vain.
    pub(super) fn work(&self, effort: &StHnsw, asked: &Asked<'_>, walked: bool) -> f64 {
        if walked {
            sifting(&self.run).min(probing(effort, self.index, &self.run))
        } else {
            work(effort, asked, self.index, &self.run)
        }
    }

    /// Whether asking its cells is less work than sifting. Composite searches know when they have
    /// looked at the rows nearest in time.
    pub(super) fn probes(&self, effort: &StHnsw, asked: &Asked<'_>) -> bool {
        asked.request.composite.is_none()
            && probing(effort, self.index, &self.run) < sifting(&self.run)
    }

    /// How many rows of its cells may be looked at before it is sifted: any number, unless a sift
    /// looks at few of those that lie between.
    pub(super) fn probe_budget(&self, effort: &StHnsw) -> usize {
        let sifting = sifting(&self.run);
        let between: usize = self.run.members.iter().map(Member::rows_between).sum();
        let is_bound = effort.roads != Roads::Cells && sifting < between as f64;
        if is_bound { (INSIST * sifting) as usize } else { usize::MAX }
    }

    /// How many selected nodes a walk of its graph is to find: of a filter's, which lie less close
    /// along the links, some more than of all.
    pub(super) fn width(&self, effort: &StHnsw, asked: &Asked<'_>) -> usize {
        let width = self.run.wider() * self.reach(effort, asked);
        (width / share(self.index, self.run.selected).sqrt()) as usize
    }

    /// How many nodes a walk of its graph follows, about.
    pub(super) fn follows(&self, effort: &StHnsw, asked: &Asked<'_>) -> f64 {
        follows(effort, asked, self.index, &self.run)
    }

    /// How many nodes a walk of its graph is to find where all are selected.
    pub(super) fn reach(&self, effort: &StHnsw, asked: &Asked<'_>) -> f64 {
        reach(effort, asked.request.k, self.index)
    }
}
