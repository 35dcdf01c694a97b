//! One search on several threads, when no other is under way.
//!
//! A part that is walked is a piece of work, and each member of a part that is sifted. Composite
//! searches are not shared: they take their parts in the order of time, each by the bound of those
//! before, and would lose more than they gain.

use super::asked::Asked;
use super::coded::Coded;
use super::road::FOLLOW;
use super::run::Member;
use super::{Searching, Visit};
use crate::vectors::Room;
use crate::{Counters, Error};
use cvx_core::TopK;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Work from which on waking threads is worth it, in rows sifted: half a millisecond and more. Who
/// shares less gains a tenth, and waits for whoever else is on the other's processor.
const WORTH: f64 = 80_000.0;

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
            if part.probes(self.effort, self.asked) {
                let work = part.work(self.effort, self.asked, true);
                return vec![Task { at, part, member: None, work }];
            }
            let members = part.run.members.iter();
            let task = |member: &Member<'a>| Task {
                at,
                part,
                member: Some(*member),
                work: member.sifting(),
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
        let (effort, asked, parts, cached) = (self.effort, self.asked, self.parts, self.cached);
        let gather = self.gather.clone();
        let work = |hand: &Vec<Task<'_, 'a>>| {
            let (gather, top) = (gather.clone(), TopK::new(0));
            let counters = Counters::default();
            let (spare, room) = (None, Room::default());
            let mut piece =
                Searching { effort, asked, parts, gather, top, counters, cached, spare, room };
            let visits = hand.iter().map(|task| Ok((task.at, piece.perform(task)?)));
            let visits = visits.collect::<Result<Vec<_>, Error>>()?;
            Ok((piece.gather, piece.counters, visits))
        };
        let hands = dealt(tasks, rayon::current_num_threads());
        let pieces = hands.par_iter().map(work).collect::<Result<Vec<_>, Error>>()?;
        let mut instead = BTreeMap::new();
        for (gather, counters, visits) in pieces {
            for (at, visit) in visits {
                if let Visit::Instead(pieces) = visit {
                    instead.insert(at, pieces);
                }
            }
            self.gather.take(gather);
            self.counters.blocks_pruned += counters.blocks_pruned;
            self.counters.walked += counters.walked;
            self.counters.probed += counters.probed;
            self.counters.sifted += counters.sifted;
            self.counters.estimates += counters.estimates;
            self.counters.scores += counters.scores;
        }
        Ok(instead)
    }
    fn perform(&mut self, task: &Task<'_, 'a>) -> Result<Visit<'a>, Error> {
        self.poll()?;
        let Some(member) = task.member else { return self.visit(task.part) };
        self.counters.sifted += 1;
        self.sift(task.part, &[member])
    }
}

/// Tasks dealt out to so many, each the next longest to who has least to do. Who does several
/// leaves out of the next what is beyond what it has found: where each of ten segments was a piece
/// of its own, seven times as many rows were scored.
fn dealt<'c, 'a>(tasks: &[Task<'c, 'a>], hands: usize) -> Vec<Vec<Task<'c, 'a>>> {
    let mut tasks = tasks.to_vec();
    tasks.sort_by(|a, b| b.work.total_cmp(&a.work));
    let mut dealt = vec![(0.0_f64, Vec::new()); hands.clamp(1, tasks.len().max(1))];
    for task in tasks {
        if let Some((work, hand)) = dealt.iter_mut().min_by(|a, b| a.0.total_cmp(&b.0)) {
            *work += task.work;
            hand.push(task);
        }
    }
    dealt.into_iter().map(|(_, hand)| hand).collect()
}
