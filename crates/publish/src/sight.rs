//! A slice of the two time axes, resolved against one snapshot.
//!
//! Both axes become closed ranges. `AS OF m` on system time is the range `m..=m`, and on valid
//! time `AS OF t` is the overlap with `t..=t`: the point in force at `t` is the one whose validity
//! contains `t`. A range in system time that reaches beyond the snapshot is cut there: what is
//! known then is the present. To entities that the transaction touched the present is its own
//! writes, all at one moment that follows the snapshot: the commit it will be.

use super::address::OWN_BASE;
use super::closure::{ASK, Closures};
use super::timeline::Line;
use super::{SystemSlice, TimeSlice, ValidSlice};
use cvx_core::CommitSeq;

/// Moments of system time, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moments {
    pub first: u64,
    pub last: u64,
}

impl Moments {
    /// Whether a version `[from, to)` is known at one of them.
    pub fn meet(self, from: u64, to: u64) -> bool {
        from <= self.last && self.first < to
    }
}

/// A stretch of valid time, both ends included: points whose validity meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub first: i64,
    pub last: i64,
}

/// What a row's closure says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Seen,
    Unseen,
    /// Its entity's timeline decides.
    Ask,
}

/// What a read sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Of entities the transaction did not touch.
    pub base: Moments,
    /// Of entities it did: its present follows its snapshot.
    pub own: Moments,
    /// `None` sees every point.
    pub valid: Option<Stretch>,
    /// The snapshot: closings after it are not known.
    pub present: u64,
    /// Whether the slice asks for versions over a range, rather than for one moment's state.
    pub ranged: bool,
}

impl Sight {
    /// Resolves a slice at a snapshot. `None`: the slice is empty.
    pub fn resolve(slice: &TimeSlice, snapshot: u64) -> Option<Self> {
        let (first, last) = system_range(&slice.system)?;
        let valid = match slice.valid {
            ValidSlice::All => None,
            ValidSlice::AsOf(t) => Some(Stretch { first: t.0, last: t.0 }),
            ValidSlice::Overlap { from, to, closed } => {
                let last = if closed { to.0 } else { to.0.checked_sub(1)? };
                (from.0 <= last).then_some(Stretch { first: from.0, last }).map(Some)?
            }
        };
        let within = |present: u64| {
            let clamp = |moment: u64| if moment > snapshot { present } else { moment };
            Moments { first: clamp(first), last: clamp(last) }
        };
        let ranged = matches!(slice.system, SystemSlice::All | SystemSlice::Overlap { .. });
        Some(Self {
            base: within(snapshot),
            own: within(snapshot + 1),
            valid,
            present: snapshot,
            ranged,
        })
    }

    /// Whether a row is seen, of an entity the transaction did not touch.
    pub fn judge(&self, closures: &Closures, row: usize, ts: i64, from: u64) -> Verdict {
        let verdict = |seen| if seen { Verdict::Seen } else { Verdict::Unseen };
        let moments = self.base;
        if from > moments.last || closures.sys_to(row) <= moments.first {
            return Verdict::Unseen;
        }
        let Some(stretch) = self.valid else { return Verdict::Seen };
        if ts > stretch.last || ts >= stretch.first {
            return verdict(ts <= stretch.last);
        }
        let closed = closures.load(row);
        if closed.succ_seq == ASK {
            return Verdict::Ask;
        }
        verdict(moments.first.max(from) < closed.succ_seq || stretch.first < closed.succ_ts)
    }

    /// Whether rows that go up to commit `seq_max` and begin at `ts_min` are all seen, told without
    /// looking at any.
    pub fn sees_all(&self, closures: &Closures, seq_max: u64, ts_min: i64) -> bool {
        let needs_no_successor = self.valid.is_none_or(|stretch| ts_min >= stretch.first);
        let nothing_went = needs_no_successor && closures.closed() == 0;
        seq_max <= self.base.last && (nothing_went || closures.changes() == 0)
    }

    /// Whether the version at a place of a timeline is seen at these moments.
    pub fn sees_version(&self, line: Line<'_>, place: usize, moments: Moments) -> bool {
        let Some(version) = line.0.get(place) else { return false };
        if !moments.meet(version.from, version.to) {
            return false;
        }
        match self.valid {
            None => true,
            Some(Stretch { first, last }) => {
                version.ts <= last
                    && (version.ts >= first || line.was_in_force(place, first, moments))
            }
        }
    }

    /// The moments at which an entity is read.
    pub fn moments(&self, touched: bool) -> Moments {
        if touched { self.own } else { self.base }
    }

    /// The moment whose successor bounds a version's validity: when it was last known.
    pub fn last_known(&self, touched: bool, to: u64) -> u64 {
        let present = self.present + u64::from(touched);
        if self.ranged { present.min(to.saturating_sub(1)) } else { self.moments(touched).last }
    }

    /// What `_system_to` shows for a version.
    pub fn shown_to(&self, to: u64) -> Option<u64> {
        (self.ranged && to <= self.present).then_some(to)
    }
}

/// What `_system_from` shows.
pub fn shown_from(from: u64) -> Option<u64> {
    (from < OWN_BASE).then_some(from)
}

/// The moments a slice names, both ends included, before they are cut to a snapshot.
fn system_range(slice: &SystemSlice) -> Option<(u64, u64)> {
    match *slice {
        SystemSlice::Current => Some((u64::MAX, u64::MAX)),
        SystemSlice::AsOf(CommitSeq(s)) => Some((s, s)),
        SystemSlice::All => Some((0, u64::MAX)),
        SystemSlice::Overlap { from, to, closed } => {
            let last = if closed { to.0 } else { to.0.checked_sub(1)? };
            (from.0 <= last).then_some((from.0, last))
        }
    }
}
