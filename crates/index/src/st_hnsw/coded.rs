//! What is searched by its index: rows as the index numbers them.

use super::asked::Asked;
use super::run::{Member, Run};
use crate::exact::plan::times;
use crate::{SegmentIndex, Selection};
use cvx_core::ValidTime;
use cvx_core::code::BLOCK_ROWS;

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
    /// Which rows are selected, a bit each; none where all that is selected are stretches.
    chosen: Option<Vec<u64>>,
}

impl<'a> Coded<'a> {
    pub(super) fn new(asked: &Asked<'_>, run: Run<'a>, index: &'a SegmentIndex) -> Self {
        let chosen = chosen_of(&run, index.rows());
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
        let mut coded = Self { run, index, whole, loose, twins, least, chosen };
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
        if let Some(chosen) = &self.chosen {
            return is_set(chosen, row);
        }
        let Some((place, row)) = self.locate(row) else { return false };
        let rows = &self.run.members[place].part.rows;
        matches!(rows, Selection::Range(range) if range.contains(&row))
    }

    /// Which of 64 rows here and there may be selected, lowest first: all, where that is known of
    /// stretches only.
    #[inline]
    pub(super) fn may_select(&self, rows: &[u32; BLOCK_ROWS]) -> u64 {
        let Some(chosen) = &self.chosen else { return u64::MAX };
        (0..BLOCK_ROWS).fold(0, |bits, at| bits | u64::from(is_set(chosen, rows[at])) << at)
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
}

#[inline]
fn is_set(words: &[u64], row: u32) -> bool {
    words.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
}

/// What is selected of the rows of an index as bits; `None` of nothing but stretches.
fn chosen_of(run: &Run<'_>, rows: usize) -> Option<Vec<u64>> {
    let is_stretch = |member: &Member<'_>| matches!(member.part.rows, Selection::Range(_));
    if run.members.iter().all(is_stretch) {
        return None;
    }
    let mut chosen = vec![0; rows.div_ceil(64)];
    for Member { part, first, .. } in &run.members {
        set(&mut chosen, *first as usize, &part.rows, part.block.rows());
    }
    Some(chosen)
}

/// Sets the bits of what is selected of a block of `rows` rows, the first of which is `first`.
fn set(chosen: &mut [u64], first: usize, selection: &Selection<'_>, rows: usize) {
    if let Selection::List(list) = selection {
        let rows = list.iter().map(|row| first + *row as usize);
        return rows.for_each(|row| chosen[row / 64] |= 1 << (row % 64));
    }
    let places = selection.places(rows);
    for start in places.clone().step_by(64) {
        let bits = selection.bits(start..places.end.min(start + 64));
        let (at, shift) = ((first + start) / 64, (first + start) % 64);
        chosen[at] |= bits << shift;
        if let Some(next) = chosen.get_mut(at + 1).filter(|_| shift > 0) {
            *next |= bits >> (64 - shift);
        }
    }
}
