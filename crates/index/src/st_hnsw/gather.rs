//! The best candidates by their codes, of all parts of a search.

/// A row that may be among the nearest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    pub(super) rank: f32,
    /// What the rank is at least, the codes' error granted.
    pub(super) low: f32,
    pub(super) part: u32,
    pub(super) row: u32,
    /// Whether it stands for its twins too.
    pub(super) node: bool,
}

impl Candidate {
    /// What the rank is at most.
    fn high(&self) -> f32 {
        self.rank + (self.rank - self.low)
    }
}

/// Candidates in order of rank: the k best, and behind them those that may be as near as the k-th,
/// since codes order neighbours but for their error.
#[derive(Clone, Debug)]
pub(super) struct Gather {
    k: usize,
    /// Candidates kept behind the k best, at most: where more are tied, any of them may go.
    behind: usize,
    kept: Vec<Candidate>,
    /// Nothing beyond it can be among the k nearest, whatever is kept here.
    bound: f32,
}

impl Gather {
    pub(super) fn new(k: usize, behind: usize) -> Self {
        Self { k, behind, kept: Vec::new(), bound: f32::INFINITY }
    }

    /// Says the rank of the k-th row that is known exactly.
    pub(super) fn bound(&mut self, rank: f32) {
        self.bound = self.bound.min(rank);
    }

    /// What a candidate's low must not exceed to be of use.
    #[inline]
    pub(super) fn limit(&self) -> f32 {
        let kth = self.k.checked_sub(1).and_then(|place| self.kept.get(place));
        kth.map_or(self.bound, |kth| self.bound.min(kth.high()))
    }

    #[inline]
    pub(super) fn offer(&mut self, candidate: Candidate) {
        if candidate.low > self.limit() {
            return;
        }
        let place = self.kept.partition_point(|kept| kept.rank <= candidate.rank);
        // A sift may follow a walk that was not enough, and meet the same rows at the same rank.
        let tied = self.kept[..place].iter().rev().take_while(|kept| kept.rank == candidate.rank);
        if tied.into_iter().any(|kept| (kept.part, kept.row) == (candidate.part, candidate.row)) {
            return;
        }
        self.kept.insert(place, candidate);
        let limit = self.limit();
        let room = self.k.saturating_add(self.behind);
        while self.kept.len() > self.k
            && self.kept.last().is_some_and(|last| last.low > limit || self.kept.len() > room)
        {
            self.kept.pop();
        }
    }

    /// Takes over what another gathered.
    pub(super) fn take(&mut self, other: Self) {
        other.kept.into_iter().for_each(|candidate| self.offer(candidate));
    }

    /// Drops the candidates of a part.
    pub(super) fn forget(&mut self, part: u32) {
        self.kept.retain(|candidate| candidate.part != part);
    }

    pub(super) fn into_sorted(self) -> Vec<Candidate> {
        self.kept
    }
}
