//! What happened to a segment's rows after they were written: the segment's only mutable part.
//!
//! A row is alive at (t, s) if and only if `ts <= t`, `seq <= s < sys_to`, and either
//! `succ_seq > s` or `t < succ_ts`: it is known, and no successor was known that takes over.
//! One (succ_ts, succ_seq) is enough while an entity's points come in order and none is taken
//! away. For an entity that was ever corrected, `succ_seq` is [`ASK`], which no commit has, and
//! the entity's timeline decides.
//!
//! The one writer stores, anybody loads, no locks. A store belongs to a commit that is published
//! after it, so a reader whose snapshot has the commit sees it; to an older snapshot both the old
//! and the new values say the same, whatever it happens to see: `sys_to` and `succ_seq` of a
//! later commit are larger than its moment, and a successor once set is never changed. Of the
//! pair, `succ_ts` is stored first and `succ_seq` loaded first.
//!
//! Nothing here is durable: all of it follows from the timelines.

use crate::timeline::OPEN;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize};

/// `succ_seq` of a row whose successor only the timeline knows.
pub(crate) const ASK: u64 = 0;

/// The closures of a segment's rows, in row order.
#[derive(Debug)]
pub(crate) struct Closures {
    rows: Box<[Closure]>,
    /// How many rows have `sys_to` set.
    closed: AtomicUsize,
}

#[derive(Debug)]
struct Closure {
    sys_to: AtomicU64,
    succ_ts: AtomicI64,
    succ_seq: AtomicU64,
}

/// A row's closure as loaded at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) sys_to: u64,
    pub(crate) succ_ts: i64,
    pub(crate) succ_seq: u64,
}

impl Closed {
    /// Nothing happened to the row.
    pub(crate) const OPEN: Self = Self { sys_to: OPEN, succ_ts: i64::MAX, succ_seq: OPEN };
}

impl Closed {
    /// Whether two closures decide alike. A version that was closed before its successor came
    /// may or may not know it.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let known = |closed: &Self| match closed.succ_seq {
            ASK => Some(ASK),
            seq => (seq < closed.sys_to).then_some(seq),
        };
        let ts = |closed: &Self| known(closed).filter(|seq| *seq != ASK).map(|_| closed.succ_ts);
        self.sys_to == other.sys_to && known(self) == known(other) && ts(self) == ts(other)
    }
}

impl Closures {
    pub(crate) fn open(rows: usize) -> Self {
        Self::from_rows((0..rows).map(|_| Closed::OPEN))
    }

    pub(crate) fn from_rows(rows: impl Iterator<Item = Closed>) -> Self {
        let mut closed = 0;
        let rows = rows.map(|row| {
            closed += usize::from(row.sys_to != OPEN);
            Closure {
                sys_to: AtomicU64::new(row.sys_to),
                succ_ts: AtomicI64::new(row.succ_ts),
                succ_seq: AtomicU64::new(row.succ_seq),
            }
        });
        let rows = rows.collect();
        Self { rows, closed: AtomicUsize::new(closed) }
    }

    pub(crate) fn load(&self, row: usize) -> Closed {
        let closure = &self.rows[row];
        let succ_seq = closure.succ_seq.load(Acquire);
        let succ_ts = closure.succ_ts.load(Relaxed);
        Closed { sys_to: closure.sys_to.load(Relaxed), succ_ts, succ_seq }
    }

    pub(crate) fn sys_to(&self, row: usize) -> u64 {
        self.rows[row].sys_to.load(Relaxed)
    }

    /// How many rows are closed in system time.
    pub(crate) fn closed(&self) -> usize {
        self.closed.load(Relaxed)
    }

    pub(crate) fn close(&self, row: usize, seq: u64) {
        if self.rows[row].sys_to.swap(seq, Relaxed) == OPEN {
            self.closed.fetch_add(1, Relaxed);
        }
    }

    /// Closes every row that is open: TRUNCATE.
    pub(crate) fn close_all(&self, seq: u64) {
        for row in 0..self.rows.len() {
            if self.sys_to(row) == OPEN {
                self.close(row, seq);
            }
        }
    }

    /// Says who takes over. A row whose timeline must be asked stays so.
    pub(crate) fn succeed(&self, row: usize, ts: i64, seq: u64) {
        let closure = &self.rows[row];
        if closure.succ_seq.load(Relaxed) == OPEN {
            closure.succ_ts.store(ts, Relaxed);
            closure.succ_seq.store(seq, Release);
        }
    }

    /// From now on the timeline must be asked.
    pub(crate) fn ask(&self, row: usize) {
        self.rows[row].succ_seq.store(ASK, Release);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.rows.len() * size_of::<Closure>()
    }
}
