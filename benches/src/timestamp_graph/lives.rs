//! When rows are there, in ranks: the rank of a moment is the number of moments up to it at which
//! any row came or went.

use super::walk::NONE;

/// A row is there from one rank on, before another; `NONE`: it stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Life {
    pub from: u32,
    pub to: u32,
}

impl Life {
    #[must_use]
    pub fn is_never(self) -> bool {
        self.from >= self.to
    }

    #[must_use]
    pub fn holds(self, rank: u32) -> bool {
        self.from <= rank && rank < self.to
    }
}

#[derive(Debug)]
pub struct Lives {
    /// Growing.
    pub moments: Vec<i64>,
    /// How many rows are there at most.
    pub most: usize,
    pub rows: Vec<Life>,
}

impl Lives {
    /// Of rows with a time and an end each, `i64::MAX` for no end.
    #[must_use]
    pub fn new(ends: &[[i64; 2]]) -> Self {
        let is_real = |end: &&[i64; 2]| end[0] < end[1];
        let mut moments: Vec<i64> = ends.iter().filter(is_real).flatten().copied().collect();
        moments.sort_unstable();
        moments.dedup();
        moments.pop_if(|last| *last == i64::MAX);
        let rows: Vec<Life> = ends.iter().map(|end| life(&moments, *end)).collect();
        let most = most(&rows, moments.len());
        Self { moments, most, rows }
    }
}

/// How many of the moments are not later than one.
#[must_use]
pub fn rank_of(moments: &[i64], moment: i64) -> u32 {
    moments.partition_point(|other| *other <= moment) as u32
}

fn life(moments: &[i64], [from, to]: [i64; 2]) -> Life {
    if from >= to {
        return Life::default();
    }
    let to = if to == i64::MAX { NONE } else { rank_of(moments, to) };
    Life { from: rank_of(moments, from), to }
}

fn most(lives: &[Life], ranks: usize) -> usize {
    let mut changes = vec![0isize; ranks + 1];
    for life in lives.iter().filter(|life| !life.is_never()) {
        changes[life.from as usize] += 1;
        if life.to != NONE {
            changes[life.to as usize] -= 1;
        }
    }
    let sums = changes.iter().scan(0, |sum: &mut isize, change| {
        *sum += change;
        Some(*sum)
    });
    sums.max().map_or(0, isize::unsigned_abs)
}
