//! The bitemporal model: a list of versions, and brute force.
//!
//! A version is (entity, ts) with what it says, known from one commit to another. Everything a
//! read may be asked follows from looking at all moments at which anything changed.

use crate::support::Doc;
use cvx_engine::{SystemSlice, TimeSlice, ValidSlice};

pub(crate) const OPEN: u64 = u64::MAX;

/// A point says a document, an end marker nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Version {
    pub(crate) id: i64,
    pub(crate) ts: i64,
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) says: Option<Doc>,
}

/// All versions of one table as somebody sees them, at a snapshot. Versions of a transaction that
/// is not committed are of commit `snapshot + 1`.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) temporal: bool,
    pub(crate) accepts_late: bool,
    pub(crate) snapshot: u64,
    pub(crate) versions: Vec<Version>,
}

/// What a read shows of a version.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) doc: Doc,
    pub(crate) valid_from: Option<i64>,
    pub(crate) valid_to: Option<i64>,
    pub(crate) system_from: Option<i64>,
    pub(crate) system_to: Option<i64>,
    /// Whether the version is the transaction's own.
    pub(crate) own: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Duplicate,
    WrittenTwice,
    OutOfOrder,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Inserted,
    Same,
    Skipped,
    Conflict,
    Replaced,
}

/// An INSERT's mode as the model needs it.
#[derive(Clone, Debug)]
pub(crate) struct Mode {
    pub(crate) conflict: cvx_engine::OnConflict,
    pub(crate) force: bool,
    /// Whether title is among the supplied columns.
    pub(crate) with_title: bool,
}

impl Version {
    pub(crate) fn alive(&self, moment: u64) -> bool {
        self.from <= moment && moment < self.to
    }
}

impl Model {
    pub(crate) fn new(temporal: bool, accepts_late: bool) -> Self {
        Self { temporal, accepts_late, snapshot: 0, versions: Vec::new() }
    }

    /// The commit that a transaction's own writes will be, as far as the model cares.
    pub(crate) fn present(&self) -> u64 {
        self.snapshot + 1
    }

    fn alive_at(&self, id: i64, ts: i64) -> Option<usize> {
        let present = self.present();
        self.versions.iter().position(|v| v.id == id && v.ts == ts && v.alive(present))
    }

    fn last_point(&self, id: i64) -> Option<i64> {
        let present = self.present();
        let points = self.versions.iter().filter(|v| v.id == id && v.says.is_some());
        points.filter(|v| v.alive(present)).map(|v| v.ts).max()
    }

    /// Closes a version; one that the transaction itself wrote was never there.
    fn close(&mut self, place: usize) {
        if self.versions[place].from == self.present() {
            self.versions.remove(place);
        } else {
            self.versions[place].to = self.present();
        }
    }

    fn open(&mut self, id: i64, ts: i64, says: Option<Doc>) {
        self.versions.push(Version { id, ts, from: self.present(), to: OPEN, says });
    }

    fn ts_of(&self, doc: &Doc) -> i64 {
        if self.temporal { doc.ts } else { 0 }
    }

    /// One statement's INSERT; on a refusal nothing of it stays.
    pub(crate) fn insert(&mut self, rows: &[Doc], mode: &Mode) -> Result<Vec<Outcome>, Refusal> {
        use cvx_engine::OnConflict;
        let before = self.clone();
        let mut written: Vec<(i64, i64)> = Vec::new();
        let mut reported: Vec<(i64, i64)> = Vec::new();
        let mut outcomes = Vec::new();
        for row in rows {
            let key = (row.id, self.ts_of(row));
            let there = self.alive_at(key.0, key.1);
            let point = there.and_then(|place| self.versions[place].says.clone());
            let twice = written.contains(&key);
            let outcome = match (point, mode.conflict) {
                (None, conflict) => {
                    let strict = self.temporal && !self.accepts_late && !mode.force;
                    let late = before.last_point(key.0).is_some_and(|last| key.1 < last);
                    if strict && conflict == OnConflict::Error && late {
                        *self = before;
                        return Err(Refusal::OutOfOrder);
                    }
                    if let Some(marker) = there {
                        self.close(marker);
                    }
                    self.open(key.0, key.1, Some(row.clone()));
                    written.push(key);
                    Outcome::Inserted
                }
                (Some(_), OnConflict::Nothing) => Outcome::Skipped,
                (Some(old), OnConflict::Report) => {
                    if twice && self.temporal && equal(&old, row, mode.with_title) {
                        Outcome::Same
                    } else if twice || reported.contains(&key) {
                        *self = before;
                        return Err(Refusal::WrittenTwice);
                    } else {
                        reported.push(key);
                        Outcome::Conflict
                    }
                }
                (Some(old), OnConflict::Error) => {
                    if self.temporal && equal(&old, row, mode.with_title) {
                        Outcome::Same
                    } else if !mode.force || twice {
                        *self = before;
                        return Err(Refusal::Duplicate);
                    } else {
                        self.close(there.unwrap());
                        self.open(key.0, key.1, Some(row.clone()));
                        written.push(key);
                        Outcome::Replaced
                    }
                }
            };
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    /// UPDATE of the points at some keys to new rows; answers which changed.
    pub(crate) fn update(
        &mut self,
        keys: &[(i64, i64)],
        rows: &[Doc],
    ) -> Result<Vec<bool>, Refusal> {
        let before = self.clone();
        let mut changed = Vec::new();
        for (key, row) in keys.iter().zip(rows) {
            let place = self.alive_at(key.0, key.1).unwrap();
            let differs = self.versions[place].says.as_ref() != Some(row);
            if differs {
                self.close(place);
            }
            changed.push(differs);
        }
        for (row, _) in rows.iter().zip(&changed).filter(|(_, changed)| **changed) {
            let ts = self.ts_of(row);
            if let Some(place) = self.alive_at(row.id, ts) {
                if self.versions[place].says.is_some() {
                    *self = before;
                    return Err(Refusal::Duplicate);
                }
                self.close(place);
            }
            self.open(row.id, ts, Some(row.clone()));
        }
        Ok(changed)
    }

    pub(crate) fn delete(&mut self, keys: &[(i64, i64)]) {
        for (id, ts) in keys {
            let place = self.alive_at(*id, *ts).unwrap();
            self.close(place);
        }
    }

    /// Ends an entity; answers how many points were in force at `at` or later.
    pub(crate) fn end(&mut self, id: i64, at: i64) -> u64 {
        let present = self.present();
        let alive = |v: &&Version| v.id == id && v.alive(present);
        let in_force =
            self.versions.iter().filter(alive).filter(|v| v.ts < at).max_by_key(|v| v.ts).cloned();
        let later: Vec<Version> =
            self.versions.iter().filter(alive).filter(|v| v.ts >= at).cloned().collect();
        let goes_on = in_force.is_some_and(|version| version.says.is_some());
        let mut affected = later.iter().filter(|v| v.says.is_some()).count() as u64;
        if goes_on && !later.iter().any(|v| v.ts == at) {
            affected += 1;
        }
        let keep = |v: &Version| goes_on && v.ts == at && v.says.is_none();
        let marked = later.iter().any(keep);
        for version in later.iter().filter(|v| !keep(v)) {
            let place = self.alive_at(id, version.ts).unwrap();
            self.close(place);
        }
        if goes_on && !marked {
            self.open(id, at, None);
        }
        affected
    }

    pub(crate) fn truncate(&mut self) {
        let present = self.present();
        while let Some(place) = self.versions.iter().position(|v| v.alive(present)) {
            self.close(place);
        }
    }

    /// Takes all versions of some points away, and end markers of entities that have no other;
    /// answers how many there were.
    pub(crate) fn erase(&mut self, keys: &std::collections::BTreeSet<(i64, i64)>) -> usize {
        let before = self.versions.len();
        let touched = |v: &Version| v.says.is_some() && keys.contains(&(v.id, v.ts));
        let ids: Vec<i64> = self.versions.iter().filter(|v| touched(v)).map(|v| v.id).collect();
        self.versions.retain(|v| !touched(v));
        for id in ids {
            if self.versions.iter().all(|v| v.id != id || v.says.is_none()) {
                self.versions.retain(|v| v.id != id);
            }
        }
        before - self.versions.len()
    }

    /// What a slice shows.
    pub(crate) fn read(&self, slice: &TimeSlice) -> Vec<Seen> {
        let clamp = |moment: u64| if moment > self.snapshot { self.present() } else { moment };
        let (first, last, ranged) = match slice.system {
            SystemSlice::Current => (self.present(), self.present(), false),
            SystemSlice::AsOf(s) => (clamp(s.0), clamp(s.0), false),
            SystemSlice::All => (0, self.present(), true),
            SystemSlice::Overlap { from, to, closed } => {
                let Some(last) = (if closed { Some(to.0) } else { to.0.checked_sub(1) }) else {
                    return Vec::new();
                };
                if from.0 > last {
                    return Vec::new();
                }
                (clamp(from.0), clamp(last), true)
            }
        };
        let mut moments: Vec<u64> = self.versions.iter().flat_map(|v| [v.from, v.to]).collect();
        moments.push(first);
        moments.retain(|moment| (first..=last).contains(moment));
        let seen = |version: &&Version| {
            version.says.is_some()
                && moments.iter().any(|m| version.alive(*m) && self.valid(version, *m, slice))
        };
        let show = |version: &Version| self.show(version, first, ranged);
        self.versions.iter().filter(seen).map(show).collect()
    }

    fn successor(&self, version: &Version, moment: u64) -> Option<i64> {
        let others = self.versions.iter().filter(|v| v.id == version.id && v.ts > version.ts);
        others.filter(|v| v.alive(moment)).map(|v| v.ts).min()
    }

    /// Whether a version's validity at a moment meets the slice's valid time.
    fn valid(&self, version: &Version, moment: u64, slice: &TimeSlice) -> bool {
        let ends = self.successor(version, moment).unwrap_or(i64::MAX);
        match slice.valid {
            ValidSlice::All => true,
            ValidSlice::AsOf(t) => version.ts <= t.0 && t.0 < ends,
            ValidSlice::Overlap { from, to, closed: false } => {
                from < to && version.ts < to.0 && from.0 < ends
            }
            ValidSlice::Overlap { from, to, closed: true } => {
                from <= to && version.ts <= to.0 && from.0 < ends
            }
        }
    }

    fn show(&self, version: &Version, moment: u64, ranged: bool) -> Seen {
        let known = if ranged { self.present().min(version.to - 1) } else { moment };
        let own = version.from == self.present();
        Seen {
            doc: version.says.clone().unwrap(),
            valid_from: self.temporal.then_some(version.ts),
            valid_to: if self.temporal { self.successor(version, known) } else { None },
            system_from: (!own).then_some(version.from as i64),
            system_to: (ranged && version.to <= self.snapshot).then_some(version.to as i64),
            own,
        }
    }
}

fn equal(old: &Doc, new: &Doc, with_title: bool) -> bool {
    let bits = |v: Option<[f32; 2]>| v.map(|v| v.map(f32::to_bits));
    (!with_title || old.title == new.title)
        && (old.ts, old.n) == (new.ts, new.n)
        && bits(old.v) == bits(new.v)
}
