//! Parts of one index together: what a road is chosen for.

use super::asked::Asked;
use crate::{Part, SegmentIndex, Selection};

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

impl Run<'_> {
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

impl Member<'_> {
    /// How many rows lie between the first and the last that are selected, these with them.
    pub(super) fn rows_between(&self) -> usize {
        match &self.part.rows {
            Selection::List(list) => {
                list.last().zip(list.first()).map_or(0, |(last, first)| (last - first) as usize + 1)
            }
            rows @ (Selection::Range(_) | Selection::Bits(_)) => {
                rows.places(self.part.block.rows()).len()
            }
        }
    }
}
