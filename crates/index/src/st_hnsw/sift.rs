//! Sifting a part's rows: 1-bit codes leave out most, bytes order the rest.

use super::coded::Coded;
use super::road::{FOLLOW_IN_TIME, probing_among, sift_unit};
use super::run::Member;
use super::{Roads, Searching, Visit};
use crate::exact::outward::Outward;
use crate::exact::plan::Chunk;
use crate::segment::CodeQuery;
use crate::{Error, Selection, selection};
use cvx_core::code::BLOCK_ROWS;
use std::ops::Range;

/// Chunks sifted before a composite search may be worth a walk: they tell how far time reaches.
const SEED: usize = 4;
/// Least walks of an index that sifting must cost before a walk may be worth it, and rows before
/// cells may be.
const LEAST_WALKS: f64 = 2.0;
const LEAST_PROBED: f64 = 2_000.0;
/// Rows of a chunk.
const STEP: usize = 256;
/// Where at least one row in so many is selected, all are looked at side by side.
const SPARSE: usize = 4;

impl<'a> Searching<'a> {
    /// Gathers the nearest of the selected rows of some members.
    pub(super) fn sift(
        &mut self,
        part: &Coded<'a>,
        members: &[Member<'a>],
    ) -> Result<Visit<'a>, Error> {
        let query = self.query_of(part);
        let parts: Vec<_> = members.iter().map(|member| member.part.clone()).collect();
        let mut chunks = Outward::new(self.asked.request, &parts, STEP);
        let mut sieve = Sieve { query, rows: Vec::new(), bounds: Vec::new(), scores: Vec::new() };
        let mut seen = 0;
        while chunks.least().is_some_and(|least| least <= f64::from(self.gather.limit())) {
            if seen == SEED
                && let Some(visit) = self.other_road(part, &chunks)?
            {
                self.counters.sifted -= 1;
                return Ok(visit);
            }
            let Some(chunk) = chunks.next() else { break };
            seen += 1;
            self.poll()?;
            let member = &members[chunk.part as usize];
            self.estimate(part, member, &chunk, &mut sieve);
            self.score(member, &mut sieve);
        }
        self.spare = Some(sieve.query);
        Ok(Visit::Done)
    }

    /// The query against a part's codes: of sketches, mostly the one that the part before had.
    pub(super) fn query_of(&mut self, part: &Coded<'a>) -> CodeQuery<'a> {
        let (codes, space) = (part.index.codes(), part.index.space());
        let spare = self.spare.take().and_then(|query| query.over(codes, space));
        spare.unwrap_or_else(|| CodeQuery::new(codes, space, &self.asked.rotated))
    }

    /// A composite search, which knows by now how far time reaches, may do better than sift the
    /// chunks that are left: walk the graph, or the members' own. `None`: it is to sift.
    fn other_road(
        &mut self,
        part: &Coded<'a>,
        chunks: &Outward<'_>,
    ) -> Result<Option<Visit<'a>>, Error> {
        let Some((left, within)) = self.left(part, chunks) else { return Ok(None) };
        let limit = self.gather.limit();
        let places = within.iter().sum();
        let cells = probing_among(self.effort, part.index, places, left);
        let apart = part.work_within(self.effort, self.asked, &within);
        let share = left / part.index.rows() as f64;
        let walk = FOLLOW_IN_TIME * part.reach(self.effort, self.asked) / (share * share.sqrt());
        let work = sift_unit(part.index) * left;
        let instead = work.min(apart.unwrap_or(work)).min(cells);
        let walks = walk.is_finite() && work > LEAST_WALKS * FOLLOW_IN_TIME * self.effort.ef as f64;
        let walks = walks && cells > walk && apart.is_none_or(|apart| walk <= apart);
        if walks && self.seek_until(part, (instead / FOLLOW_IN_TIME) as usize)? {
            self.counters.walked += 1;
            return Ok(Some(Visit::Done));
        }
        if cells <= instead {
            self.counters.probed += 1;
            self.probe(part, left, usize::MAX)?;
            return Ok(Some(Visit::Done));
        }
        if apart.is_none_or(|apart| apart >= work) {
            return Ok(None);
        }
        let pieces = part.pieces(self.effort, self.asked);
        if pieces.is_some() {
            self.gather.bound(limit);
            self.forget(part);
        }
        Ok(pieces.map(Visit::Instead))
    }

    /// How many selected rows are left that a composite search may still need, and how many places
    /// of each member; `None` where sifting them costs less than the least walk.
    fn left(&self, part: &Coded<'a>, chunks: &Outward<'_>) -> Option<(f64, Vec<usize>)> {
        let (limit, ef) = (self.gather.limit(), self.effort.ef);
        let may = self.effort.roads != Roads::Sift && self.asked.request.composite.is_some();
        if !may || !limit.is_finite() {
            return None;
        }
        let within: Vec<usize> =
            chunks.within(f64::from(limit)).into_iter().map(|(_, places)| places).collect();
        let places: usize = within.iter().sum();
        let of_all = |member: &Member<'_>| member.part.rows.places(member.part.block.rows()).len();
        let of_all = part.run.members.iter().map(of_all).sum::<usize>().max(1);
        let rows = places as f64 * part.run.selected as f64 / of_all as f64;
        let work = sift_unit(part.index) * rows;
        let least = if part.index.cell_count() > 0 {
            LEAST_PROBED
        } else {
            LEAST_WALKS * FOLLOW_IN_TIME * ef as f64
        };
        (work > least).then_some((rows, within))
    }

    /// Leaves the rows of a chunk that may be near enough.
    fn estimate(
        &mut self,
        part: &Coded<'a>,
        member: &Member<'a>,
        chunk: &Chunk,
        sieve: &mut Sieve<'a>,
    ) {
        sieve.rows.clear();
        sieve.bounds.clear();
        let by = (self.effort.sigmas, self.asked.score_within(self.gather.limit(), chunk.least));
        let seen = if is_dense(&member.part.rows, &chunk.places) && sieve.query.has_blocks() {
            sieve.look_side_by_side(member, &chunk.places, by)
        } else {
            sieve.look_one_by_one(member, &chunk.places, by)
        };
        self.counters.estimates += seen;
        let Sieve { rows, bounds, .. } = sieve;
        if self.asked.request.composite.is_some() {
            let (limit, ts) = (self.gather.limit(), member.part.block.ts);
            let mut bounds = bounds.iter();
            rows.retain(|row| {
                let least = bounds.next().copied().unwrap_or(f32::INFINITY);
                least <= self.asked.score_at(limit, ts[(row - member.first) as usize])
            });
        }
        if !part.loose.is_empty() {
            rows.retain(|row| part.loose.binary_search(row).is_err());
        }
    }

    fn score(&mut self, member: &Member<'a>, sieve: &mut Sieve<'a>) {
        let Sieve { query, rows, scores, .. } = sieve;
        query.scores(rows, scores);
        self.counters.scores += rows.len();
        for (row, score) in rows.iter().zip(scores.iter()) {
            let doubt = query.doubt(*row, self.effort.sigmas);
            self.offer_coded(member, (row - member.first) as usize, *score, doubt);
        }
    }
}

/// Whether enough of a chunk's rows are selected for bytes of the others to be worth a look.
fn is_dense(rows: &Selection<'_>, places: &Range<usize>) -> bool {
    match rows {
        Selection::Range(_) => true,
        Selection::Bits(_) => rows.count_between(places.clone()) * SPARSE >= places.len(),
        Selection::List(_) => false,
    }
}

/// Keeps the rows whose bounds do not exceed a limit, and those bounds. Without branches: whether a
/// row stays cannot be foretold.
fn keep_below(rows: &mut Vec<u32>, bounds: &mut Vec<f32>, limit: f32) {
    let mut kept = 0;
    for at in 0..rows.len().min(bounds.len()) {
        let (row, bound) = (rows[at], bounds[at]);
        (rows[kept], bounds[kept]) = (row, bound);
        kept += usize::from(bound <= limit);
    }
    rows.truncate(kept);
    bounds.truncate(kept);
}

/// Room for a chunk's rows.
struct Sieve<'a> {
    query: CodeQuery<'a>,
    rows: Vec<u32>,
    bounds: Vec<f32>,
    scores: Vec<f32>,
}

impl Sieve<'_> {
    /// Leaves the rows between two places of a member whose bounds are within a limit, by so many
    /// standard errors. Returns how many are selected there.
    fn look_side_by_side(
        &mut self,
        member: &Member<'_>,
        places: &Range<usize>,
        by: (f32, f32),
    ) -> usize {
        let mut seen = 0;
        let mut bounds = [0.0; BLOCK_ROWS];
        let first = member.first as usize;
        let all = first + places.start..first + places.end;
        for block in all.start / BLOCK_ROWS..all.end.div_ceil(BLOCK_ROWS) {
            let start = block * BLOCK_ROWS;
            let here = all.start.max(start)..all.end.min(start + BLOCK_ROWS);
            let selected = member.part.rows.bits(here.start - first..here.end - first);
            let selected = selected << (here.start - start);
            if selected == 0 {
                continue;
            }
            seen += selected.count_ones() as usize;
            for place in selection::places(selected & self.query.within(block, by, &mut bounds)) {
                self.rows.push((start + place) as u32);
                self.bounds.push(bounds[place]);
            }
        }
        seen
    }

    /// The same, of rows here and there.
    fn look_one_by_one(
        &mut self,
        member: &Member<'_>,
        places: &Range<usize>,
        (sigmas, limit): (f32, f32),
    ) -> usize {
        let Self { query, rows, bounds, .. } = self;
        member.part.rows.each(places.clone(), |row| rows.push(member.first + row));
        let seen = rows.len();
        query.least_at(rows, sigmas, bounds);
        keep_below(rows, bounds, limit);
        seen
    }
}
