//! One search on several threads, when no other is under way.
//!
//! A part that is walked is a piece of work, and each member of a part that is sifted. Composite
//! searches are not shared: they take their parts in the order of time, each by the bound of those
//! before, and would lose more than they gain.

use super::asked::Asked;
use super::road::{Coded, FOLLOW, Member};
use super::{Searching, Visit};
use crate::{Counters, Error};
use cvx_core::TopK;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Work from which on waking threads is worth it, in rows sifted: some tenths of a millisecond.
const WORTH: f64 = 30_000.0;

static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);

/// A search under way, while it lives.
pub(super) struct Turn(());

impl Turn {
    pub(super) fn take() -> Self {
        UNDER_WAY.fetch_add(1, Ordering::Relaxed);
        Self(())
    }

    /// Whether no other search is under way.
    pub(super) fn is_alone(&self) -> bool {
        UNDER_WAY.load(Ordering::Relaxed) == 1
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A piece of a search.
#[derive(Clone, Copy)]
pub(super) struct Task<'c, 'a> {
    /// The part's number.
    at: usize,
    part: &'c Coded<'a>,
    /// The member to be sifted; none where the graph is walked.
    member: Option<Member<'a>>,
    work: f64,
}

/// Whether sharing these pieces takes less time than it costs.
pub(super) fn is_worth(asked: &Asked<'_>, tasks: &[Task<'_, '_>]) -> bool {
    let work: f64 = tasks.iter().map(|task| task.work).sum();
    let most = tasks.iter().map(|task| task.work).fold(0.0, f64::max);
    // One piece that is nearly everything leaves nothing to share.
    asked.request.composite.is_none()
        && work - most >= WORTH / 2.0
        && work >= WORTH
        && rayon::current_num_threads() > 1
}

impl<'a> Searching<'a> {
    pub(super) fn tasks<'c>(&self, coded: &'c [Coded<'a>]) -> Vec<Task<'c, 'a>> {
        let of_part = |(at, part): (usize, &'c Coded<'a>)| -> Vec<Task<'c, 'a>> {
            if part.walks(self.effort, self.asked) {
                let work = FOLLOW * part.follows(self.effort, self.asked);
                return vec![Task { at, part, member: None, work }];
            }
            let members = part.run.members.iter();
            let task = |member: &Member<'a>| {
                let work = member.selected as f64;
                Task { at, part, member: Some(*member), work }
            };
            members.map(task).collect()
        };
        coded.iter().enumerate().flat_map(of_part).collect()
    }

    /// Does the tasks on all threads, and gathers what they gathered. Answers what is to be
    /// searched in the place of some.
    pub(super) fn share(
        &mut self,
        tasks: &[Task<'_, 'a>],
    ) -> Result<BTreeMap<usize, Vec<Coded<'a>>>, Error> {
        let (effort, asked, parts) = (self.effort, self.asked, self.parts);
        let gather = self.gather.clone();
        let work = |task: &Task<'_, 'a>| {
            let (gather, top) = (gather.clone(), TopK::new(0));
            let counters = Counters::default();
            let mut piece = Searching { effort, asked, parts, gather, top, counters, spare: None };
            piece.poll()?;
            let visit = match task.member {
                Some(member) => {
                    piece.counters.sifted += 1;
                    piece.sift(task.part, &[member])?
                }
                None => piece.visit(task.part)?,
            };
            Ok((piece.gather, piece.counters, (task.at, visit)))
        };
        let pieces = tasks.par_iter().map(work).collect::<Result<Vec<_>, Error>>()?;
        let mut instead = BTreeMap::new();
        for (gather, counters, (at, visit)) in pieces {
            if let Visit::Instead(pieces) = visit {
                instead.insert(at, pieces);
            }
            self.gather.take(gather);
            self.counters.blocks_pruned += counters.blocks_pruned;
            self.counters.walked += counters.walked;
            self.counters.sifted += counters.sifted;
            self.counters.estimates += counters.estimates;
            self.counters.scores += counters.scores;
        }
        Ok(instead)
    }
}
