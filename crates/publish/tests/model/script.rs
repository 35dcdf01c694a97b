//! What a writer does, and what is to be seen after it: by brute force over all versions, without
//! closures, timelines or lists.

use crate::change::{Changes, Close, NewRow};
use crate::slice::{SystemSlice, TimeSlice, ValidSlice};
use cvx_core::EntityId;

/// A row's address: entity, ts, commit.
pub type Addr = (u64, i64, u64);

/// One commit; its sequence is its place among the commits, from 1.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    rows: Vec<(u64, i64)>,
    closes: Vec<Addr>,
    ends: Vec<(u64, i64)>,
    truncate: bool,
}

impl Commit {
    pub fn rows(rows: &[(u64, i64)]) -> Self {
        Self { rows: rows.to_vec(), ..Self::default() }
    }

    /// A new version of a point.
    pub fn update(entity: u64, ts: i64, from: u64) -> Self {
        Self { closes: vec![(entity, ts, from)], ..Self::rows(&[(entity, ts)]) }
    }

    pub fn close(entity: u64, ts: i64, from: u64) -> Self {
        Self { closes: vec![(entity, ts, from)], ..Self::default() }
    }

    pub fn end(entity: u64, ts: i64) -> Self {
        Self { ends: vec![(entity, ts)], ..Self::default() }
    }

    pub fn truncation() -> Self {
        Self { truncate: true, ..Self::default() }
    }

    /// The rows as a run has them.
    pub fn keys(&self, seq: u64) -> Vec<Addr> {
        self.rows.iter().map(|(entity, ts)| (*entity, *ts, seq)).collect()
    }

    /// Does something with the changes, of rows that are all in the first part.
    pub fn with<T>(&self, seq: u64, work: impl FnOnce(&Changes<'_>) -> T) -> T {
        let row = |(row, (entity, ts)): (u32, &(u64, i64))| NewRow {
            entity: EntityId(*entity),
            ts: *ts,
            part: 0,
            row,
        };
        let rows: Vec<_> = (0..).zip(&self.rows).map(row).collect();
        let close =
            |(entity, ts, from): &Addr| Close { entity: EntityId(*entity), ts: *ts, from: *from };
        let closes: Vec<_> = self.closes.iter().map(close).collect();
        let ends: Vec<_> = self.ends.iter().map(|(entity, ts)| (EntityId(*entity), *ts)).collect();
        let (rows, closes, ends) = (&rows[..], &closes[..], &ends[..]);
        work(&Changes { rows, closes, ends, truncate: self.truncate, seq })
    }
}

#[derive(Clone, Debug)]
pub enum Step {
    Commit(Commit),
    Freeze,
    Seal,
    Thaw,
}

#[derive(Clone, Debug)]
pub struct Script {
    /// What has happened before there is a reader.
    pub before: Vec<Commit>,
    pub steps: Vec<Step>,
    /// So many runs become one.
    pub fan_in: usize,
}

/// A version as brute force keeps it.
#[derive(Clone, Copy)]
struct Version {
    addr: Addr,
    to: u64,
    is_end: bool,
}

impl Version {
    fn known(&self, moment: u64) -> bool {
        self.addr.2 <= moment && moment < self.to
    }
}

impl Script {
    pub fn after<const N: usize, const M: usize>(before: [Commit; N], steps: [Step; M]) -> Self {
        Self { before: before.into(), steps: steps.into(), fan_in: usize::MAX }
    }

    pub fn merging(self, fan_in: usize) -> Self {
        Self { fan_in, ..self }
    }

    fn commits(&self) -> impl Iterator<Item = &Commit> {
        let later = self.steps.iter().filter_map(|step| match step {
            Step::Commit(commit) => Some(commit),
            Step::Freeze | Step::Seal | Step::Thaw => None,
        });
        self.before.iter().chain(later)
    }

    pub fn last(&self) -> u64 {
        self.commits().count() as u64
    }

    fn versions(&self, snapshot: u64) -> Vec<Version> {
        let mut versions: Vec<Version> = Vec::new();
        for (seq, commit) in (1..=snapshot).zip(self.commits()) {
            for version in versions.iter_mut().filter(|version| version.to == u64::MAX) {
                if commit.truncate || commit.closes.contains(&version.addr) {
                    version.to = seq;
                }
            }
            let new = |(rows, is_end): (&[(u64, i64)], bool)| -> Vec<Version> {
                let version = |(entity, ts): &(u64, i64)| Version {
                    addr: (*entity, *ts, seq),
                    to: u64::MAX,
                    is_end,
                };
                rows.iter().map(version).collect()
            };
            versions.extend(new((&commit.rows, false)));
            versions.extend(new((&commit.ends, true)));
        }
        versions
    }

    /// What a reader with this snapshot sees, in order.
    pub fn truth(&self, snapshot: u64, slice: &TimeSlice) -> Vec<Addr> {
        let versions = self.versions(snapshot);
        let moments = match slice.system {
            SystemSlice::AsOf(at) => at.0.min(snapshot)..=at.0.min(snapshot),
            SystemSlice::Current => snapshot..=snapshot,
            SystemSlice::All => 0..=snapshot,
            SystemSlice::Overlap { .. } => unreachable!("nobody asks that here"),
        };
        let in_force = |version: &Version, moment: u64, t: i64| {
            let others = versions.iter().filter(|v| v.addr.0 == version.addr.0 && v.known(moment));
            let last = others.filter(|v| v.addr.1 <= t).map(|v| v.addr.1).max();
            last == Some(version.addr.1)
        };
        let seen = |version: &&Version| {
            moments.clone().any(|moment| {
                let there = match slice.valid {
                    ValidSlice::All => true,
                    ValidSlice::AsOf(t) => in_force(version, moment, t.0),
                    ValidSlice::Overlap { .. } => unreachable!("nobody asks that here"),
                };
                there && version.known(moment) && !version.is_end
            })
        };
        let mut seen: Vec<_> = versions.iter().filter(seen).map(|v| v.addr).collect();
        seen.sort_unstable();
        seen
    }
}
