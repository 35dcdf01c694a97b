//! ST-HNSW: the nearest rows of many segments, by the cheapest road in each.
//!
//! ```text
//!   part with an index --.                                       part without
//!                        v                                            |
//!     few rows selected? -----------------------------------------> scan: every row compared
//!     a short run or a strict filter -> sift: 1-bit codes in row order, bytes for what may be
//!     else ---------------------------> walk: the graph, bytes     near
//!                        |
//!                        v
//!     Gather: the best by bytes, of all parts together -- its worst is the bound of the next
//!                        |
//!                        v
//!     the rows themselves, until the next cannot be nearer any more -> exact distances leave
//! ```
//!
//! **Time.** Rows of a segment lie in time order, so a stretch of time is a run: sifting it costs
//! what is in it. Composite searches take parts and chunks in the order of their time term, and
//! stop where it alone is worse than the k-th found. Where much is left within that bound, a walk
//! gives rows in the order of meaning, until meaning with the part's least time term is worse; it
//! ends at what sifting the rest would cost (Fagin's threshold algorithm, 2001, over two orders).
//!
//! **Law.** As [`Search`] has it: what qualifies is decided by the selection before a row is kept,
//! and a walk that finds fewer than qualify, or walks where little qualifies, is followed by a sift
//! of the part, which sees every row. A sift leaves a row out only if the estimate less some
//! standard errors is beyond the bound (RaBitQ's theorem), a walk what it does not meet.
//!
//! **Threads.** A search that is alone gives parts of its work to rayon's other threads if there is
//! enough of it; the parts then do not know each other's bounds, and find what they find: more,
//! rather than less. Searches that meet keep to one thread each.
//!
//! Searches by other metrics, of queries that codes cannot describe, and of negative composite
//! distances are [`ExactScan`]'s.

mod asked;
mod coded;
mod gather;
mod moment;
mod pieces;
mod probe;
mod road;
mod run;
mod seek;
mod sift;
mod starts;
mod team;

#[cfg(test)]
mod halves_tests;
#[cfg(test)]
mod kind_tests;
#[cfg(test)]
mod space_tests;
#[cfg(test)]
pub(crate) mod tests;

use crate::found::{Key, hits, offer};
use crate::request::check;
use crate::segment::{CodeQuery, EFFORT};
use crate::vectors::Room;
use crate::{Answer, Counters, Error, ExactScan, Part, Quantization, Request, Search, Selection};
use asked::Asked;
use coded::Coded;
use cvx_core::TopK;
use gather::{Candidate, Gather};
use run::{Member, runs};
use std::collections::BTreeMap;
use team::{Task, Turn};

/// Rows that memory is asked for at once: more would drive out the first before they are compared.
const AT_ONCE: usize = 32;

/// Searches indexes, and scans what has none.
#[derive(Clone, Copy, Debug)]
pub struct StHnsw {
    /// Nodes kept while the graph of a segment is walked, some more in one of several, and as many
    /// times more as the builder saw that it takes: more find more. The paper's efSearch.
    pub ef: usize,
    pub roads: Roads,
    /// Standard errors an estimate is given: fewer cost less and miss more.
    pub sigmas: f32,
    /// Bytes of fine codes up to which the indexes searched together are taken to lie in the
    /// processor's cache: there bits save no waiting, and the fine codes themselves lead.
    pub cache_bytes: usize,
}

/// Which roads may be taken by parts that have an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roads {
    /// Whatever costs least.
    Cheapest,
    /// The index, even where comparing the rows would cost less.
    Codes,
    /// The graph, where a request can be answered by it, as wide as it is told and no wider.
    Walk,
    /// The 1-bit codes.
    Sift,
    /// The cells of indexes that have some, where distances are squares; else the 1-bit codes.
    Cells,
}

impl Default for StHnsw {
    fn default() -> Self {
        Self { ef: EFFORT, roads: Roads::Cheapest, sigmas: 1.5, cache_bytes: 8 << 20 }
    }
}

impl Search for StHnsw {
    fn search(&self, request: &Request<'_>, parts: &[Part<'_>]) -> Result<Answer, Error> {
        check(request, parts)?;
        if request.k == 0 {
            return Ok(Answer::default());
        }
        // Where time weighs nothing, it is no search in two orders.
        let plain = Request { composite: None, ..*request };
        let request = match request.composite {
            Some(composite) if composite.alpha() == 1.0 => &plain,
            _ => request,
        };
        let Some(asked) = Asked::new(request) else {
            return ExactScan::default().search(request, parts);
        };
        let turn = Turn::take();
        let shares = |tasks: &[Task<'_, '_>]| turn.is_alone() && team::is_worth(&asked, tasks);
        Searching::new(self, &asked, parts).run(shares)
    }
}

/// What came of looking at a part.
enum Visit<'a> {
    /// What it has is gathered.
    Done,
    /// These are to be searched in its place.
    Instead(Vec<Coded<'a>>),
}

/// One search as it goes on.
struct Searching<'a> {
    effort: &'a StHnsw,
    asked: &'a Asked<'a>,
    parts: &'a [Part<'a>],
    gather: Gather,
    top: TopK<Key>,
    counters: Counters,
    /// Whether the fine codes of what is searched lie in cache.
    cached: bool,
    /// What the last sift asked its codes by.
    spare: Option<CodeQuery<'a>>,
    room: Room,
}

impl<'a> Searching<'a> {
    fn new(effort: &'a StHnsw, asked: &'a Asked<'a>, parts: &'a [Part<'a>]) -> Self {
        let counters = Counters { blocks: parts.len(), ..Counters::default() };
        let k = asked.request.k;
        let kinds = parts.iter().filter_map(|part| Some(part.index?.index.quantization()));
        let behind = kinds.map(Quantization::behind).max().unwrap_or(0);
        let (gather, top) = (Gather::new(k, behind), TopK::new(k));
        let (cached, room) = (false, Room::default());
        Self { effort, asked, parts, gather, top, counters, cached, spare: None, room }
    }

    /// `shares` says whether pieces of the work are for other threads too.
    fn run(mut self, shares: impl Fn(&[Task<'_, '_>]) -> bool) -> Result<Answer, Error> {
        let (mut coded, mut plain) = (Vec::new(), Vec::new());
        for run in runs(self.parts) {
            self.counters.candidates += run.selected;
            match run.road(self.effort, self.asked) {
                Some(index) => coded.push(Coded::new(self.asked, run, index)),
                None => plain.extend(run.members.iter().map(|member| member.number)),
            }
        }
        plain.sort_unstable();
        self.scan(&plain, &coded)?;
        let coded = self.gather_all(coded, shares)?;
        self.compare(&coded)?;
        self.fill(&coded)?;
        Ok(Answer { hits: hits(self.top), counters: self.counters })
    }

    fn poll(&self) -> Result<(), Error> {
        self.asked.request.cancel.stopped().map_or(Ok(()), |stop| Err(Error::Stopped(stop)))
    }

    /// Compares every selected row of parts without an index, and the loose rows of the others.
    fn scan(&mut self, plain: &[u32], coded: &[Coded<'a>]) -> Result<(), Error> {
        let parts = plain.iter().map(|number| (*number, self.parts[*number as usize].clone()));
        let loose: Vec<(u32, Vec<u32>)> = coded.iter().flat_map(Coded::loose_by_part).collect();
        let loose = loose.iter().map(|(number, rows)| {
            let part = self.parts[*number as usize].clone();
            (*number, Part { rows: Selection::List(rows), ..part })
        });
        let (numbers, parts): (Vec<u32>, Vec<Part<'_>>) = parts.chain(loose).unzip();
        if parts.is_empty() {
            return Ok(());
        }
        let answer = ExactScan::default().search(self.asked.request, &parts)?;
        let visited = answer.counters.scanned.min(plain.len());
        self.counters.scanned += visited;
        self.counters.blocks_pruned += plain.len() - visited;
        self.counters.distances += answer.counters.distances;
        for hit in &answer.hits {
            self.top.push(hit.distance, Key::of(hit, numbers[hit.part]));
        }
        self.gather.bound(self.asked.rank_of(self.top.worst()));
        Ok(())
    }

    /// Gathers the candidates of all parts. Answers what was searched: the parts, or what took the
    /// place of some.
    fn gather_all(
        &mut self,
        mut left: Vec<Coded<'a>>,
        shares: impl Fn(&[Task<'_, '_>]) -> bool,
    ) -> Result<Vec<Coded<'a>>, Error> {
        let mut searched = Vec::new();
        while !left.is_empty() {
            left.sort_by(|a, b| a.least.total_cmp(&b.least));
            let fine_bytes: usize = left.iter().map(|part| part.index.fine_bytes()).sum();
            self.cached = fine_bytes <= self.effort.cache_bytes;
            let tasks = self.tasks(&left);
            let instead = if shares(&tasks) { self.share(&tasks)? } else { self.visit_all(&left)? };
            let mut at = 0..;
            left.retain(|_| at.next().is_some_and(|at| !instead.contains_key(&at)));
            searched.append(&mut left);
            left = instead.into_values().flatten().collect();
        }
        Ok(searched)
    }

    /// Visits parts in their order. Answers what is to be searched in the place of some.
    fn visit_all(&mut self, parts: &[Coded<'a>]) -> Result<BTreeMap<usize, Vec<Coded<'a>>>, Error> {
        let mut instead = BTreeMap::new();
        for (at, part) in parts.iter().enumerate() {
            self.poll()?;
            if let Visit::Instead(pieces) = self.visit(part)? {
                instead.insert(at, pieces);
            }
        }
        Ok(instead)
    }

    /// Gathers the candidates of a part.
    fn visit(&mut self, part: &Coded<'a>) -> Result<Visit<'a>, Error> {
        if self.asked.is_of_time() {
            self.look_at_times(part)?;
            return Ok(Visit::Done);
        }
        if part.least > f64::from(self.gather.limit()) {
            self.counters.blocks_pruned += part.run.members.len();
            return Ok(Visit::Done);
        }
        if let Some(pieces) = self.pieces(part, false) {
            return Ok(Visit::Instead(pieces));
        }
        if part.walks(self.effort, self.asked) {
            self.counters.walked += 1;
            if self.seek(part)? {
                return Ok(Visit::Done);
            }
            self.forget(part);
            if let Some(pieces) = self.pieces(part, true) {
                return Ok(Visit::Instead(pieces));
            }
        }
        if part.probes(self.effort, self.asked) {
            self.counters.probed += 1;
            if self.probe(part, part.run.selected as f64, part.probe_budget(self.effort))? {
                return Ok(Visit::Done);
            }
        }
        self.counters.sifted += 1;
        self.sift(part, &part.run.members)
    }

    /// The pieces of a part, where they cost less. Of composite searches a sift finds out.
    fn pieces(&self, part: &Coded<'a>, walked: bool) -> Option<Vec<Coded<'a>>> {
        let work = part.work(self.effort, self.asked, walked);
        let plain = self.asked.request.composite.is_none();
        if plain { part.pieces_below(self.effort, self.asked, work) } else { None }
    }

    fn forget(&mut self, part: &Coded<'a>) {
        part.run.members.iter().for_each(|member| self.gather.forget(member.number));
    }

    /// Offers a member's row by the score of its code, which may be off by so much.
    fn offer_coded(&mut self, member: &Member<'_>, row: usize, score: f32, doubt: f32) {
        // Its time lies elsewhere, and is looked up only where time counts.
        let timed = self.asked.request.composite.is_some();
        let ts = if timed { member.part.block.ts[row] } else { 0 };
        let (rank, low) = (self.asked.rank(score, ts), self.asked.rank(score - doubt, ts));
        let (part, row) = (member.number, row as u32);
        self.gather.offer(Candidate { rank, low, part, row, node: false });
    }

    /// Compares the gathered rows themselves, best first, until none can be nearer.
    fn compare(&mut self, coded: &[Coded<'a>]) -> Result<(), Error> {
        let gathered = std::mem::replace(&mut self.gather, Gather::new(0, 0)).into_sorted();
        // The first k are compared for sure: memory is asked for all of them at once.
        let sure = gathered.iter().take(self.asked.request.k.min(AT_ONCE));
        sure.for_each(|candidate| self.prefetch(candidate));
        for candidate in gathered {
            if candidate.low > self.asked.rank_of(self.top.worst()) {
                continue;
            }
            let run = |part: &&Coded<'a>| part.member_of(candidate.part).is_some();
            let Some(part) = coded.iter().find(run) else { continue };
            self.take(part, &candidate)?;
        }
        Ok(())
    }

    fn prefetch(&self, candidate: &Candidate) {
        let block = &self.parts[candidate.part as usize].block;
        block.vectors.prefetch(candidate.row as usize, block.dim);
    }

    /// Puts a candidate in its place by its exact distance, and its twins beside it.
    fn take(&mut self, part: &Coded<'a>, candidate: &Candidate) -> Result<(), Error> {
        let block = &self.parts[candidate.part as usize].block;
        let vector = block.vectors.row(candidate.row as usize, block.dim, &mut self.room);
        let semantic = self.asked.query.distance(vector)?;
        self.counters.distances += 1;
        let first = part.member_of(candidate.part).map_or(0, |member| member.first);
        let node = first + candidate.row;
        let twins = part.twins.filter(|_| candidate.node);
        let mut row = node;
        loop {
            if twins.is_none() || part.selects(row) {
                self.offer(part, semantic, row);
            }
            row = twins.map_or(node, |twins| twins[row as usize]);
            if row == node {
                return Ok(());
            }
        }
    }

    fn offer(&mut self, part: &Coded<'a>, semantic: f64, row: u32) {
        let Some((place, row)) = part.locate(row) else { return };
        let Member { number, part, .. } = part.run.members[place];
        let distance = self.asked.distance(semantic, part.block.ts[row]);
        offer(&mut self.top, Some(distance), &part.block, number, row as u32);
    }

    /// If fewer were found than qualify, compares every row of what was searched by codes.
    fn fill(&mut self, coded: &[Coded<'a>]) -> Result<(), Error> {
        if self.top.len() >= self.asked.request.k.min(self.counters.candidates) {
            return Ok(());
        }
        let members = coded.iter().flat_map(|part| &part.run.members);
        let (numbers, parts): (Vec<u32>, Vec<Part<'_>>) =
            members.map(|member| (member.number, member.part.clone())).unzip();
        let answer = ExactScan::default().search(self.asked.request, &parts)?;
        self.counters.distances += answer.counters.distances;
        let kept = std::mem::replace(&mut self.top, TopK::new(self.asked.request.k));
        for (distance, key) in kept.into_sorted() {
            if !numbers.contains(&key.part) {
                self.top.push(distance, key);
            }
        }
        for hit in &answer.hits {
            self.top.push(hit.distance, Key::of(hit, numbers[hit.part]));
        }
        Ok(())
    }
}
