//! Parts that share an index, each searched by its own instead.
//!
//! An index over many segments finds what is near anywhere in one walk. Of a stretch of time it
//! holds mostly what was not asked for: the walk goes on until enough of what it meets is selected,
//! and where meaning and time go together it meets hardly any. The segments' own graphs hold the
//! stretch and little else, so a few short walks do, and what they cost is known beforehand. So the
//! one over all is walked where that promises to cost less, and no longer than they would cost.

use super::asked::Asked;
use super::coded::Coded;
use super::road::{FOLLOW_IN_TIME, work};
use super::run::{Member, Run};
use super::{Roads, StHnsw};
use crate::SegmentIndex;

/// A run of one member, by its own index.
type Own<'a> = (Run<'a>, &'a SegmentIndex);

impl<'a> Run<'a> {
    /// The members with selected rows, each with its own index; `None` if one has none.
    fn apart(&self, effort: &StHnsw, asked: &Asked<'_>) -> Option<Vec<Own<'a>>> {
        let may = matches!(effort.roads, Roads::Cheapest | Roads::Codes);
        let whole = self.index.filter(|_| may)?;
        let members = self.members.iter().filter(|member| member.selected > 0);
        let serves = |(run, own): &Own<'a>| !own.is(whole) && run.is_served(asked, own);
        members.map(|member| own(member).filter(serves)).collect()
    }

    /// How much wider than else it is walked: more, if it is a segment that stands for a part of an
    /// index over several. What is nearest to a query may lie outside of the stretch, and graph and
    /// bits tell what is left less well apart.
    pub(super) fn wider(&self) -> f64 {
        let mut shared = self.members.iter().filter_map(|member| member.part.index);
        let is_piece = shared.any(|whole| self.index.is_some_and(|own| !own.is(whole.index)));
        if is_piece { 3.5 } else { 1.0 }
    }

    /// The work of searching the members by their own indexes, if they have them.
    pub(super) fn work_apart(&self, effort: &StHnsw, asked: &Asked<'_>) -> Option<f64> {
        let pieces = self.apart(effort, asked)?;
        Some(pieces.iter().map(|(run, index)| work(effort, asked, index, run)).sum())
    }
}

/// A part with its own index.
fn own<'a>(member: &Member<'a>) -> Option<Own<'a>> {
    let index = member.part.index?.own?;
    let members = vec![Member { first: 0, ..*member }];
    Some((Run { index: Some(index), members, selected: member.selected }, index))
}

impl<'a> Coded<'a> {
    /// The pieces to be searched in its place.
    pub(super) fn pieces(&self, effort: &StHnsw, asked: &Asked<'_>) -> Option<Vec<Coded<'a>>> {
        let apart = self.run.apart(effort, asked)?.into_iter();
        Some(apart.map(|(run, index)| Coded::new(asked, run, index)).collect())
    }

    /// The same, if they cost less than so much.
    pub(super) fn pieces_below(
        &self,
        effort: &StHnsw,
        asked: &Asked<'_>,
        work: f64,
    ) -> Option<Vec<Coded<'a>>> {
        let apart = self.run.work_apart(effort, asked)?;
        if apart < work { self.pieces(effort, asked) } else { None }
    }

    /// The work of a composite search by the members' own indexes, if they have them, when so many
    /// places of each are within reach.
    pub(super) fn work_within(
        &self,
        effort: &StHnsw,
        asked: &Asked<'_>,
        places: &[usize],
    ) -> Option<f64> {
        self.run.apart(effort, asked)?;
        let walk = FOLLOW_IN_TIME * effort.ef.max(asked.request.k) as f64;
        let of_member = |(places, member): (&usize, &Member<'a>)| {
            let own = member.part.index.and_then(|whole| whole.own);
            let breadth = own.map_or(1.0, SegmentIndex::breadth);
            (walk * breadth).min(*places as f64)
        };
        Some(places.iter().zip(&self.run.members).map(of_member).sum())
    }
}
