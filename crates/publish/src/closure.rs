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
//! Two bits a row say whether anything happened to it, and whether its timeline must be asked.
//! They are set before the closure is changed, so who finds a closure finds its bit.
//!
//! Nothing here is durable: all of it follows from the timelines. Where nothing happened to any
//! row, as after a bulk load, there is nothing in memory either; what a reader may see while the
//! rows are made is what they say at first.

use super::sync::{AtomicI64, AtomicU64, AtomicUsize, OnceLock};
use super::timeline::OPEN;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// `succ_seq` of a row whose successor only the timeline knows.
pub const ASK: u64 = 0;

/// The closures of a segment's rows, in row order.
#[derive(Debug)]
pub struct Closures {
    rows: usize,
    /// Made when the first thing happens to one of the rows.
    made: OnceLock<Made>,
    /// How many rows have `sys_to` set.
    closed: AtomicUsize,
    changes: AtomicUsize,
}

#[derive(Debug)]
struct Made {
    rows: Box<[Closure]>,
    /// Rows that something happened to, and those whose timeline must be asked.
    touched: Marks,
    asked: Marks,
}

/// A bit a row.
#[derive(Debug)]
struct Marks(Box<[AtomicU64]>);

impl Marks {
    fn of(rows: usize) -> Self {
        Self((0..rows.div_ceil(64)).map(|_| AtomicU64::new(0)).collect())
    }

    fn set(&self, row: usize) {
        self.0[row / 64].fetch_or(1 << (row % 64), Release);
    }

    fn word(&self, at: usize) -> u64 {
        self.0.get(at).map_or(0, |word| word.load(Acquire))
    }
}

#[derive(Debug)]
struct Closure {
    sys_to: AtomicU64,
    succ_ts: AtomicI64,
    succ_seq: AtomicU64,
}

/// A row's closure as loaded at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    pub sys_to: u64,
    pub succ_ts: i64,
    pub succ_seq: u64,
}

impl Closed {
    /// Nothing happened to the row.
    pub const OPEN: Self = Self { sys_to: OPEN, succ_ts: i64::MAX, succ_seq: OPEN };
}

impl Closed {
    /// Whether two closures decide alike. A version that was closed before its successor came
    /// may or may not know it.
    pub fn agrees(&self, other: &Self) -> bool {
        let known = |closed: &Self| match closed.succ_seq {
            ASK => Some(ASK),
            seq => (seq < closed.sys_to).then_some(seq),
        };
        let ts = |closed: &Self| known(closed).filter(|seq| *seq != ASK).map(|_| closed.succ_ts);
        self.sys_to == other.sys_to && known(self) == known(other) && ts(self) == ts(other)
    }
}

impl Made {
    fn of(rows: usize) -> Self {
        let open = |_| Closure {
            sys_to: AtomicU64::new(Closed::OPEN.sys_to),
            succ_ts: AtomicI64::new(Closed::OPEN.succ_ts),
            succ_seq: AtomicU64::new(Closed::OPEN.succ_seq),
        };
        let (touched, asked) = (Marks::of(rows), Marks::of(rows));
        Self { rows: (0..rows).map(open).collect(), touched, asked }
    }
}

impl Closures {
    pub fn open(rows: usize) -> Self {
        let (closed, changes) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { rows, made: OnceLock::new(), closed, changes }
    }

    pub fn from_rows(rows: impl ExactSizeIterator<Item = Closed>) -> Self {
        let closures = Self::open(rows.len());
        for (row, happened) in rows.enumerate().filter(|(_, row)| *row != Closed::OPEN) {
            let closure = closures.change(row);
            closure.sys_to.store(happened.sys_to, Relaxed);
            closure.succ_ts.store(happened.succ_ts, Relaxed);
            closure.succ_seq.store(happened.succ_seq, Relaxed);
            closures.closed.fetch_add(usize::from(happened.sys_to != OPEN), Relaxed);
            if happened.succ_seq == ASK {
                closures.made().asked.set(row);
            }
        }
        closures
    }

    /// What can be written to.
    fn made(&self) -> &Made {
        self.made.get_or_init(|| Made::of(self.rows))
    }

    pub fn load(&self, row: usize) -> Closed {
        let Some(made) = self.made.get() else { return Closed::OPEN };
        let closure = &made.rows[row];
        let succ_seq = closure.succ_seq.load(Acquire);
        let succ_ts = closure.succ_ts.load(Relaxed);
        Closed { sys_to: closure.sys_to.load(Relaxed), succ_ts, succ_seq }
    }

    pub fn sys_to(&self, row: usize) -> u64 {
        self.made.get().map_or(OPEN, |made| made.rows[row].sys_to.load(Relaxed))
    }

    /// How many rows are closed in system time.
    pub fn closed(&self) -> usize {
        self.closed.load(Relaxed)
    }

    /// How often anything happened to a row; it grows.
    pub fn changes(&self) -> usize {
        self.changes.load(Acquire)
    }

    /// Bits of the rows of a block of 64 to which something happened.
    pub fn touched(&self, block: usize) -> u64 {
        self.made.get().map_or(0, |made| made.touched.word(block))
    }

    /// Whether the timeline of some row of a block of 64 must be asked.
    pub fn has_asked(&self, block: usize) -> bool {
        self.made.get().is_some_and(|made| made.asked.word(block) != 0)
    }

    /// Adds the rows whose timelines must be asked.
    pub fn mark_asked(&self, words: &mut [u64]) {
        let Some(made) = self.made.get() else { return };
        words.iter_mut().enumerate().for_each(|(at, word)| *word |= made.asked.word(at));
    }

    /// The closure of a row that is about to change.
    fn change(&self, row: usize) -> &Closure {
        let made = self.made();
        made.touched.set(row);
        self.changes.fetch_add(1, Release);
        &made.rows[row]
    }

    pub fn close(&self, row: usize, seq: u64) {
        if self.change(row).sys_to.swap(seq, Relaxed) == OPEN {
            self.closed.fetch_add(1, Relaxed);
        }
    }

    /// Closes every row that is open: TRUNCATE.
    pub fn close_all(&self, seq: u64) {
        for row in 0..self.rows {
            if self.sys_to(row) == OPEN {
                self.close(row, seq);
            }
        }
    }

    /// Says who takes over. A row whose timeline must be asked stays so.
    pub fn succeed(&self, row: usize, ts: i64, seq: u64) {
        if self.load(row).succ_seq == OPEN {
            let closure = self.change(row);
            closure.succ_ts.store(ts, Relaxed);
            closure.succ_seq.store(seq, Release);
        }
    }

    /// From now on the timeline must be asked.
    pub fn ask(&self, row: usize) {
        let closure = self.change(row);
        self.made().asked.set(row);
        closure.succ_seq.store(ASK, Release);
    }

    pub fn bytes(&self) -> usize {
        let bytes = |made: &Made| size_of_val(&*made.rows) + 2 * size_of_val(&*made.touched.0);
        self.made.get().map_or(0, bytes)
    }
}
