//! Asking a part's cells: of the nearest ones, the slices of what is selected.
//!
//! A composite search brings a first bound along, from the rows nearest in time. What is left of it
//! when a cell's own least distance is taken away says how far from the moment its rows may lie, so
//! the slices become shorter from cell to cell.
//!
//! **When it ends.** Where the next cell's rows cannot be near enough, as far as they lean; or
//! after so many cells in vain, one after the other. The first is enough for nine queries of ten.
//! The others lie between cells, all of which might hold something, and would ask them all for one
//! row in a hundred (adr/0016). Where a filter leaves a sift much less to do, they are left to the
//! sift after a quarter of its work. Blocks none of whose rows are selected are passed over: what a
//! condition keeps often lies in few cells.

use super::Searching;
use super::asked::Asked;
use super::coded::Coded;
use crate::cells::{CellQuery, Cells, IN_VAIN, NOBODY, Near};
use crate::exact::outward::first_not;
use crate::segment::CodeQuery;
use crate::selection::places;
use crate::{Error, Selection};
use cvx_core::ValidTime;
use cvx_core::code::{BLOCK_ROWS, prefetch_soon};
use std::ops::Range;

/// Cells between two looks at the request's token.
const POLL: usize = 64;
/// What a block costs none of whose rows are selected, in rows looked at.
const BARREN: usize = BLOCK_ROWS / 8;
/// How the lean that is granted grows with effort.
const LEAN_BY_EFFORT: f32 = 0.15;
/// How much shorter slices must become before they are cut anew.
const SHORTER: f64 = 0.9;

/// What came of a cell.
enum Yield {
    /// It has rows, none of which is selected.
    Barren,
    /// Nothing nearer than was known.
    Nothing,
    Something,
}

/// A search of one part's cells as it goes on.
struct Probe<'a, 's> {
    part: &'s Coded<'a>,
    fine: CodeQuery<'a>,
    near: CellQuery<'a>,
    /// What is selected lies between these rows,
    spans: Vec<Range<u32>>,
    /// as far as a time term of so much reaches.
    reach: f64,
    rows: Vec<u32>,
    scores: Vec<f32>,
}

impl Probe<'_, '_> {
    /// Asks memory for where the next cell's slices begin; how they go on it foresees.
    fn ask_ahead(&self) {
        let Some(next) = self.near.peek() else { return };
        for span in &self.spans {
            let first = self.near.cells.slice(next.cell, span).next();
            first.into_iter().for_each(|block| prefetch_soon(self.near.cells.block(block)));
        }
    }
}

impl<'a> Searching<'a> {
    /// Gathers the nearest of the selected rows of a part. Returns whether that may stand for the
    /// part: false if more rows than `budget` would have been looked at.
    pub(super) fn probe(
        &mut self,
        part: &Coded<'a>,
        selected: f64,
        budget: usize,
    ) -> Result<bool, Error> {
        let Some(cells) = part.index.cells() else { return Ok(false) };
        let most = self.counters.estimates.saturating_add(budget);
        let thorough = self.effort.ef >= part.run.selected;
        let lean = if thorough { f32::INFINITY } else { self.lean(&cells, part, selected) };
        let (space, rotated) = (part.index.space(), &self.asked.rotated);
        let mut probe = Probe {
            part,
            fine: self.query_of(part),
            near: CellQuery::new(cells, space, rotated, lean),
            spans: part.spans(),
            reach: f64::INFINITY,
            rows: Vec::new(),
            scores: Vec::new(),
        };
        let patience = if thorough { usize::MAX } else { self.patience() };
        let (mut asked, mut in_vain) = (0usize, 0usize);
        while let Some(near) = probe.near.next() {
            if in_vain > patience || !self.is_within(part, &near) {
                break;
            }
            if self.counters.estimates > most {
                self.spare = Some(probe.fine);
                return Ok(false);
            }
            if asked.is_multiple_of(POLL) {
                self.poll()?;
            }
            asked += 1;
            in_vain = match self.ask_cell(&mut probe, &near) {
                Yield::Barren => in_vain,
                Yield::Nothing => in_vain + 1,
                Yield::Something => 0,
            };
        }
        self.spare = Some(probe.fine);
        Ok(true)
    }

    /// How many cells may be asked in vain, one after the other.
    fn patience(&self) -> usize {
        (IN_VAIN * self.effort.ef as f32) as usize
    }

    /// Looks at a cell.
    fn ask_cell(&mut self, probe: &mut Probe<'a, '_>, near: &Near) -> Yield {
        self.shorten(probe, near);
        probe.ask_ahead();
        let before = self.gather.limit();
        let is_barren = self.estimate_cell(probe, near);
        self.score_cell(probe);
        match self.gather.limit() < before || before == f32::INFINITY {
            true => Yield::Something,
            false if is_barren => Yield::Barren,
            false => Yield::Nothing,
        }
    }

    /// How far rows are taken to lean, more by more effort.
    fn lean(&self, cells: &Cells<'_>, part: &Coded<'a>, selected: f64) -> f32 {
        let effort = self.effort.ef as f32 / super::StHnsw::default().ef as f32;
        cells.reach.lean(part.index.rows(), selected) * effort.powf(LEAN_BY_EFFORT)
    }

    /// Whether a cell may hold what is near enough.
    fn is_within(&self, part: &Coded<'a>, near: &Near) -> bool {
        let limit = self.gather.limit();
        match self.asked.request.composite {
            None => near.bound <= limit,
            Some(_) => self.asked.least(near.bound, part.least) <= f64::from(limit),
        }
    }

    /// Cuts the spans to where rows of a cell may lie in time.
    fn shorten(&self, probe: &mut Probe<'a, '_>, near: &Near) {
        let limit = self.gather.limit();
        if self.asked.request.composite.is_none() || !limit.is_finite() {
            return;
        }
        let reach = f64::from(limit) - self.asked.least(near.bound, 0.0);
        if reach < SHORTER * probe.reach {
            probe.reach = reach;
            probe.spans = probe.part.spans_within(self.asked, reach);
        }
    }

    /// Leaves the rows of a cell's slices that may be near enough. Returns whether there are rows,
    /// none of which is selected.
    fn estimate_cell(&mut self, probe: &mut Probe<'a, '_>, near: &Near) -> bool {
        let cells = probe.near.cells;
        let (mut passed, mut looked) = (false, false);
        for at in 0..probe.spans.len() {
            for block in cells.slice(near.cell, &probe.spans[at]) {
                let selected = probe.part.may_select(cells.rows_of(block));
                self.counters.estimates += if selected == 0 { BARREN } else { BLOCK_ROWS };
                if selected == 0 {
                    passed = true;
                    continue;
                }
                looked = true;
                self.estimate_block(probe, near, (block, selected));
                if !self.gather.limit().is_finite() {
                    self.score_cell(probe);
                }
            }
        }
        passed && !looked
    }

    /// The same of those rows of a block that are selected.
    fn estimate_block(
        &self,
        probe: &mut Probe<'a, '_>,
        near: &Near,
        (block, selected): (usize, u64),
    ) {
        let (limit, least) = (self.gather.limit(), probe.part.least);
        let threshold = self.asked.score_within(limit, least);
        let mut bounds = [0.0; BLOCK_ROWS];
        let by = (self.effort.sigmas, threshold);
        let near_enough = probe.near.within(near, block, by, &mut bounds);
        let all = probe.near.cells.rows_of(block);
        for place in places(near_enough & selected) {
            let (row, bound) = (all[place], bounds[place]);
            if row != NOBODY && self.is_wanted(probe.part, row, bound, limit) {
                probe.rows.push(row);
                probe.fine.prefetch(row);
            }
        }
    }

    /// Whether a row is selected, and may be near enough at its time.
    fn is_wanted(&self, part: &Coded<'a>, row: u32, bound: f32, limit: f32) -> bool {
        part.selects(row)
            && (self.asked.request.composite.is_none()
                || bound <= self.asked.score_at(limit, part.ts(row)))
    }

    /// Scores what was left of a cell.
    fn score_cell(&mut self, probe: &mut Probe<'a, '_>) {
        probe.fine.scores(&probe.rows, &mut probe.scores);
        self.counters.scores += probe.rows.len();
        for (row, score) in probe.rows.iter().zip(&probe.scores) {
            let Some((place, here)) = probe.part.locate(*row) else { continue };
            let doubt = probe.fine.doubt(*row, self.effort.sigmas);
            self.offer_coded(&probe.part.run.members[place], here, *score, doubt);
        }
        probe.rows.clear();
    }
}

impl Coded<'_> {
    /// Between which rows of the index what is selected lies.
    pub(super) fn spans(&self) -> Vec<Range<u32>> {
        let all = self.run.members.iter().enumerate();
        joined(all.map(|(at, member)| {
            self.rows_between(at, member.part.rows.places(member.part.block.rows()))
        }))
    }

    /// The same of rows whose time term is not above a limit.
    pub(super) fn spans_within(&self, asked: &Asked<'_>, limit: f64) -> Vec<Range<u32>> {
        let all = 0..self.run.members.len();
        joined(all.map(|at| self.rows_between(at, self.places_within(asked, at, limit))))
    }

    /// The places of a member whose time term is not above a limit.
    pub(super) fn places_within(&self, asked: &Asked<'_>, at: usize, limit: f64) -> Range<usize> {
        let part = self.run.members[at].part;
        let all = part.rows.places(part.block.rows());
        let Some(composite) = asked.request.composite.filter(|_| part.block.time_ordered) else {
            return all;
        };
        let ts = |place: usize| match &part.rows {
            Selection::List(list) => ValidTime(part.block.ts[list[place] as usize]),
            Selection::Range(_) | Selection::Bits(_) => ValidTime(part.block.ts[place]),
        };
        let term = |place: usize| composite.least(ts(place), ts(place));
        let moment = first_not(all.clone(), |place| ts(place) < composite.at());
        first_not(all.start..moment, |place| term(place) > limit)
            ..first_not(moment..all.end, |place| term(place) <= limit)
    }

    /// The rows of the index between places of a member.
    fn rows_between(&self, at: usize, places: Range<usize>) -> Range<u32> {
        let member = &self.run.members[at];
        let (start, end) = match &member.part.rows {
            _ if places.is_empty() => (0, 0),
            Selection::List(list) => (list[places.start], list[places.end - 1] + 1),
            Selection::Range(_) | Selection::Bits(_) => (places.start as u32, places.end as u32),
        };
        member.first + start..member.first + end
    }
}

/// Ranges in their order, those side by side as one, without those of nothing.
fn joined(ranges: impl Iterator<Item = Range<u32>>) -> Vec<Range<u32>> {
    let mut joined: Vec<Range<u32>> = Vec::new();
    for range in ranges.filter(|range| !range.is_empty()) {
        match joined.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => joined.push(range),
        }
    }
    joined
}
