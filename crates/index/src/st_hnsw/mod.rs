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
//! Searches by other metrics, of queries that codes cannot describe, and of negative composite
//! distances are [`ExactScan`]'s.

mod asked;
mod gather;
mod road;
mod seek;
mod sift;

#[cfg(test)]
mod tests;

use crate::found::{Key, hits, offer};
use crate::request::check;
use crate::{Answer, Counters, Error, ExactScan, Part, Request, Search, Selection};
use asked::Asked;
use cvx_core::TopK;
use gather::{Candidate, Gather};
use road::{Coded, Road};

/// Searches indexes, and scans what has none.
#[derive(Clone, Copy, Debug)]
pub struct StHnsw {
    /// Nodes kept while a graph is walked: more find more. The paper's efSearch.
    pub ef: usize,
    pub roads: Roads,
    /// Standard errors an estimate is given: fewer cost less and miss more.
    pub sigmas: f32,
}

/// Which roads may be taken by parts that have an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roads {
    /// Whatever costs least.
    Cheapest,
    /// The index, even where comparing the rows would cost less.
    Codes,
    /// The graph, where a request can be answered by it.
    Walk,
    /// The 1-bit codes.
    Sift,
}

impl Default for StHnsw {
    fn default() -> Self {
        Self { ef: 40, roads: Roads::Cheapest, sigmas: 1.5 }
    }
}

impl Search for StHnsw {
    fn search(&self, request: &Request<'_>, parts: &[Part<'_>]) -> Result<Answer, Error> {
        check(request, parts)?;
        if request.k == 0 {
            return Ok(Answer::default());
        }
        let Some(asked) = Asked::new(request) else {
            return ExactScan::default().search(request, parts);
        };
        Searching::new(self, &asked, parts).run()
    }
}

/// One search as it goes on.
struct Searching<'a> {
    effort: &'a StHnsw,
    asked: &'a Asked<'a>,
    parts: &'a [Part<'a>],
    gather: Gather,
    top: TopK<Key>,
    counters: Counters,
}

impl<'a> Searching<'a> {
    fn new(effort: &'a StHnsw, asked: &'a Asked<'a>, parts: &'a [Part<'a>]) -> Self {
        let counters = Counters { blocks: parts.len(), ..Counters::default() };
        let k = asked.request.k;
        Self { effort, asked, parts, gather: Gather::new(k), top: TopK::new(k), counters }
    }

    fn run(mut self) -> Result<Answer, Error> {
        let (mut coded, mut plain) = (Vec::new(), Vec::new());
        for (number, part) in self.parts.iter().enumerate() {
            let selected = part.rows.count(part.block.rows());
            self.counters.candidates += selected;
            match road::choose(self.effort, self.asked, part, selected) {
                Road::Scan => plain.push(number as u32),
                Road::Codes(index) => {
                    coded.push(Coded::new(self.asked, number as u32, part, index, selected));
                }
            }
        }
        self.scan(&plain, &coded)?;
        coded.sort_by(|a, b| a.least.total_cmp(&b.least));
        for part in &coded {
            self.poll()?;
            self.visit(part)?;
        }
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
        let loose = coded.iter().filter(|part| !part.loose.is_empty()).map(|part| {
            (part.number, Part { rows: Selection::List(&part.loose), ..part.part.clone() })
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

    /// Gathers the candidates of a part.
    fn visit(&mut self, part: &Coded<'a>) -> Result<(), Error> {
        if part.least > f64::from(self.gather.limit()) {
            self.counters.blocks_pruned += 1;
            return Ok(());
        }
        if part.walks(self.effort, self.asked) {
            self.counters.walked += 1;
            if self.seek(part)? {
                return Ok(());
            }
            self.gather.forget(part.number);
        }
        self.counters.sifted += 1;
        self.sift(part)
    }

    /// Compares the gathered rows themselves, best first, until none can be nearer.
    fn compare(&mut self, coded: &[Coded<'a>]) -> Result<(), Error> {
        let gathered = std::mem::replace(&mut self.gather, Gather::new(0)).into_sorted();
        for candidate in gathered {
            if candidate.low > self.asked.rank_of(self.top.worst()) {
                continue;
            }
            let Some(part) = coded.iter().find(|part| part.number == candidate.part) else {
                continue;
            };
            self.take(part, &candidate)?;
        }
        Ok(())
    }

    /// Puts a candidate in its place by its exact distance, and its twins beside it.
    fn take(&mut self, part: &Coded<'a>, candidate: &Candidate) -> Result<(), Error> {
        let block = &part.part.block;
        let vector = &block.vectors[candidate.row as usize * block.dim..][..block.dim];
        let semantic = self.asked.query.distance(vector)?;
        self.counters.distances += 1;
        let twins = part.twins.filter(|_| candidate.node);
        let mut row = candidate.row;
        loop {
            if twins.is_none() || part.selects(row) {
                let distance = self.asked.distance(semantic, block.ts[row as usize]);
                offer(&mut self.top, Some(distance), block, part.number, row);
            }
            row = twins.map_or(candidate.row, |twins| twins[row as usize]);
            if row == candidate.row {
                return Ok(());
            }
        }
    }

    /// If fewer were found than qualify, compares every row of what was searched by codes.
    fn fill(&mut self, coded: &[Coded<'a>]) -> Result<(), Error> {
        if self.top.len() >= self.asked.request.k.min(self.counters.candidates) {
            return Ok(());
        }
        let numbers: Vec<u32> = coded.iter().map(|part| part.number).collect();
        let parts: Vec<Part<'_>> = coded.iter().map(|part| part.part.clone()).collect();
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
