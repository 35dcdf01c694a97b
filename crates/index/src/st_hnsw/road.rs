//! Which road a part takes, by counted work.

use super::asked::Asked;
use super::{Roads, StHnsw};
use crate::exact::plan::times;
use crate::{Part, SegmentIndex, Selection};
use cvx_core::ValidTime;
use std::borrow::Cow;

/// Work in units of one row sifted side by side, about 8 ns at 768 dimensions; of one sifted by
/// itself, since too few around it are selected,
const SIFT_CHOSEN: f64 = 3.0;
/// of one without bits, whose bytes are sifted,
const SIFT_BYTES: f64 = 8.0;
/// and of a node followed: some sixteen codes and one row of bytes from memory.
pub(super) const FOLLOW: f64 = 200.0;
/// The work of preparing a query for cells, of ranking one, and of coming to one's slice: blocks
/// are looked at whole, and their rows lie elsewhere.
const PREPARE: f64 = 1_500.0;
const RANK: f64 = 1.5;
const PROBE: f64 = 96.0;
/// How many times as many cells are asked as the builder saw: its own rows lie in the cells that
/// they look for, and knew the k-th from the start.
const OTHERS: f64 = 1.6;
/// What share of the work of a sift cells may cost before that is taken.
const INSIST: f64 = 0.5;
/// How many times as many nodes as foreseen a walk of a part that is not all selected may follow.
const PATIENCE: f64 = 4.0;
/// Rows up to which comparing them costs less than preparing a query for codes.
const SCAN_ROWS: usize = 96;
/// Dimensions below which a row is hardly longer than its code.
const SIFT_DIM: usize = 64;

/// Parts that share an index, or one without.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) index: Option<&'a SegmentIndex>,
    /// In the order of their rows in the index.
    pub(super) members: Vec<Member<'a>>,
    pub(super) selected: usize,
}

/// A part in a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member<'a> {
    pub(super) number: u32,
    pub(super) part: &'a Part<'a>,
    pub(super) selected: usize,
    /// The number of its first row.
    pub(super) first: u32,
}

/// Brings parts with the same index together.
pub(super) fn runs<'a>(parts: &'a [Part<'a>]) -> Vec<Run<'a>> {
    let mut runs: Vec<Run<'a>> = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let selected = part.rows.count(part.block.rows());
        let first = part.index.map_or(0, |place| place.first as u32);
        let member = Member { number: number as u32, part, selected, first };
        let index = part.index.map(|place| place.index);
        let known = index.and_then(|index| {
            runs.iter_mut().find(|run| run.index.is_some_and(|other| other.is(index)))
        });
        match known {
            Some(run) => {
                run.members.push(member);
                run.selected += selected;
            }
            None => runs.push(Run { index, members: vec![member], selected }),
        }
    }
    runs.iter_mut().for_each(|run| run.members.sort_by_key(|member| member.first));
    runs
}

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

    /// Whether the index is of the metric asked by, and the parts lie in it side by side.
    pub(super) fn is_served(&self, asked: &Asked<'_>, index: &SegmentIndex) -> bool {
        let mut end = 0;
        let fits = |member: &Member<'_>| {
            let first = member.first as usize;
            let lies = first >= end;
            end = first + member.part.block.rows();
            lies && end <= index.rows() && member.part.block.dim == index.dim()
        };
        index.space() == asked.space && self.members.iter().all(fits)
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
    /// How many rows lie between the first and the last that are selected, these with them.
    fn rows_between(&self) -> usize {
        match &self.part.rows {
            Selection::List(list) => {
                list.last().zip(list.first()).map_or(0, |(last, first)| (last - first) as usize + 1)
            }
            rows @ (Selection::Range(_) | Selection::Bits(_)) => {
                rows.places(self.part.block.rows()).len()
            }
        }
    }

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
fn reach(effort: &StHnsw, asked: &Asked<'_>, index: &SegmentIndex) -> f64 {
    let width = crate::segment::width(effort.ef.max(asked.request.k), index.member_count());
    if is_forced(effort, index) { width } else { width * index.breadth() }
}

/// What share of an index is selected.
fn share(index: &SegmentIndex, selected: usize) -> f64 {
    (selected as f64 / index.rows().max(1) as f64).max(f64::MIN_POSITIVE)
}

/// How many nodes a walk follows, if what is selected lies anywhere: it goes on until enough of
/// them are found.
fn follows(effort: &StHnsw, asked: &Asked<'_>, index: &SegmentIndex, run: &Run<'_>) -> f64 {
    let share = share(index, run.selected);
    run.wider() * reach(effort, asked, index) / (share * share.sqrt())
}

/// Parts that are searched by their index. Rows have the index's numbers here.
#[derive(Debug)]
pub(super) struct Coded<'a> {
    pub(super) run: Run<'a>,
    pub(super) index: &'a SegmentIndex,
    /// Whether all rows of the index are selected.
    pub(super) whole: bool,
    /// Selected rows without codes.
    pub(super) loose: Vec<u32>,
    pub(super) twins: Option<&'a [u32]>,
    /// No row of it has a smaller rank; known of composite searches only.
    pub(super) least: f64,
    /// The selection of each member as bits, where it is a list.
    words: Vec<Option<Cow<'a, [u64]>>>,
}

impl<'a> Coded<'a> {
    pub(super) fn new(asked: &Asked<'_>, run: Run<'a>, index: &'a SegmentIndex) -> Self {
        let words = run.members.iter().map(|member| words_of(member.part)).collect();
        let least = |member: &Member<'_>| {
            let (part, composite) = (member.part, asked.request.composite?);
            let places = part.rows.places(part.block.rows());
            let (from, to) =
                (!places.is_empty()).then(|| times(&part.block, &part.rows, places))?;
            Some(composite.least(ValidTime(from), ValidTime(to)))
        };
        let least = run.members.iter().filter_map(least).reduce(f64::min);
        let least = least.unwrap_or(f64::NEG_INFINITY);
        let (loose, twins) = (Vec::new(), index.twins());
        let whole = run.selected == index.rows();
        let mut coded = Self { run, index, whole, loose, twins, least, words };
        let loose = index.loose().iter().copied();
        coded.loose = loose.filter(|row| coded.selects(*row)).collect();
        coded
    }

    /// Where a row lies: which member, and its number there. `None`: its part was not asked about.
    #[inline]
    pub(super) fn locate(&self, row: u32) -> Option<(usize, usize)> {
        let members = &self.run.members;
        let place = match members.len() {
            1 => 0,
            _ => members.partition_point(|member| member.first <= row).checked_sub(1)?,
        };
        let member = &members[place];
        let here = row.checked_sub(member.first)? as usize;
        (here < member.part.block.rows()).then_some((place, here))
    }

    /// Whether a row is selected.
    #[inline]
    pub(super) fn selects(&self, row: u32) -> bool {
        let Some((place, row)) = self.locate(row) else { return false };
        match (&self.run.members[place].part.rows, &self.words[place]) {
            (Selection::Range(range), _) => range.contains(&row),
            (_, Some(words)) => words[row / 64] >> (row % 64) & 1 == 1,
            (_, None) => false,
        }
    }

    /// The time of a row, 0 of one that was not asked about.
    #[inline]
    pub(super) fn ts(&self, row: u32) -> i64 {
        self.locate(row).map_or(0, |(place, row)| self.run.members[place].part.block.ts[row])
    }

    /// The member of a part.
    pub(super) fn member_of(&self, number: u32) -> Option<&Member<'a>> {
        self.run.members.iter().find(|member| member.number == number)
    }

    /// Loose rows by part, each with its numbers there.
    pub(super) fn loose_by_part(&self) -> Vec<(u32, Vec<u32>)> {
        let places = self.loose.iter().filter_map(|row| self.locate(*row));
        let places: Vec<(usize, usize)> = places.collect();
        let of_part = |rows: &[(usize, usize)]| {
            let number = self.run.members[rows[0].0].number;
            (number, rows.iter().map(|(_, row)| *row as u32).collect())
        };
        places.chunk_by(|a, b| a.0 == b.0).map(of_part).collect()
    }

    /// The node, or the first of its twins, that is selected.
    #[inline]
    pub(super) fn stand_in(&self, node: u32) -> Option<u32> {
        let Some(twins) = self.twins else { return self.selects(node).then_some(node) };
        let mut row = node;
        loop {
            if self.selects(row) {
                return Some(row);
            }
            row = twins[row as usize];
            if row == node {
                return None;
            }
        }
    }

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
        reach(effort, asked, self.index)
    }
}

/// A selection as bits; `None` of a range.
fn words_of<'a>(part: &'a Part<'a>) -> Option<Cow<'a, [u64]>> {
    match &part.rows {
        Selection::Range(_) => None,
        Selection::Bits(words) => Some(Cow::Borrowed(*words)),
        Selection::List(list) => {
            let mut words = vec![0u64; part.block.rows().div_ceil(64)];
            list.iter().for_each(|row| words[*row as usize / 64] |= 1 << (row % 64));
            Some(Cow::Owned(words))
        }
    }
}
