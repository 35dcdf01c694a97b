//! What a transaction did to each entity it touched.
//!
//! Most entities of a large statement are new and get one point: of those only a [`Birth`] is
//! kept. Whatever else happens to an entity has an [`OwnLine`]. Each touched entity is in one of
//! the two maps, and stays in one when what was done to it is taken back.

use crate::birth::{Birth, Births};
use crate::timeline::{Kind, Line, OPEN, Version};
use cvx_core::EntityId;
use hashbrown::HashMap;
use std::ops::Deref;

/// By entity, what was opened and closed.
#[derive(Debug, Default)]
pub(crate) struct OwnLines {
    births: Births,
    lines: HashMap<u64, OwnLine>,
}

/// What happened to one entity.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnLine {
    /// Own versions, by (ts, from).
    pub(crate) opened: Vec<Version>,
    /// Base versions closed here, by (ts, from).
    pub(crate) closed: Vec<ClosedBase>,
}

/// A base version and the own sequence that closed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClosedBase {
    pub(crate) ts: i64,
    pub(crate) from: u64,
    pub(crate) kind: Kind,
    pub(crate) at: u64,
}

/// An entity's own versions, by (ts, from).
#[derive(Debug)]
pub(crate) enum Opened<'a> {
    One([Version; 1]),
    Many(&'a [Version]),
}

/// What a birth says of an entity of which everything was taken back: it began at no time.
const TAKEN_BACK: Birth = Birth { ts: i64::MAX, from: OPEN };

impl Deref for Opened<'_> {
    type Target = [Version];

    fn deref(&self) -> &[Version] {
        match self {
            Self::One(one) => one,
            Self::Many(many) => many,
        }
    }
}

impl OwnLine {
    fn closed_at(&self, ts: i64, from: u64) -> Option<u64> {
        let place = self.closed.binary_search_by_key(&(ts, from), |c| (c.ts, c.from)).ok()?;
        self.closed.get(place).map(|closed| closed.at)
    }

    fn is_empty(&self) -> bool {
        self.opened.is_empty() && self.closed.is_empty()
    }
}

impl OwnLines {
    /// Entities to which more happened than that they got one point.
    pub(crate) fn changed(&self) -> impl Iterator<Item = (EntityId, &OwnLine)> {
        self.lines.iter().map(|(entity, line)| (EntityId(*entity), line))
    }

    /// Whether anything was done to an entity, even if it was taken back.
    pub(crate) fn touched(&self, entity: u64) -> bool {
        self.births.contains_key(&entity) || self.lines.contains_key(&entity)
    }

    /// Whether nothing was done that was not taken back.
    pub(crate) fn is_empty(&self) -> bool {
        self.births.values().all(|birth| *birth == TAKEN_BACK)
            && self.lines.values().all(OwnLine::is_empty)
    }

    /// An entity's own versions.
    pub(crate) fn opened(&self, entity: EntityId) -> Opened<'_> {
        match self.births.get(&entity.0) {
            Some(birth) if *birth != TAKEN_BACK => Opened::One([birth.version()]),
            Some(_) => Opened::Many(&[]),
            None => Opened::Many(self.lines.get(&entity.0).map_or(&[], |line| &line.opened[..])),
        }
    }

    /// When a base version was closed, if it was.
    pub(crate) fn closed_at(&self, entity: EntityId, version: &Version) -> Option<u64> {
        self.lines.get(&entity.0)?.closed_at(version.ts, version.from)
    }

    /// How many own versions were closed again.
    pub(crate) fn dead(&self) -> usize {
        let opened = self.lines.values().flat_map(|line| &line.opened);
        opened.filter(|version| version.to != OPEN).count()
    }

    /// Opens an own version. None may be alive at this ts.
    pub(crate) fn open(&mut self, entity: EntityId, ts: i64, seq: u64, kind: Kind) {
        if kind == Kind::Point && !self.lines.contains_key(&entity.0) {
            let birth = self.births.entry(entity.0).or_insert(TAKEN_BACK);
            if *birth == TAKEN_BACK {
                *birth = Birth { ts, from: seq };
                return;
            }
        }
        let line = self.line_mut(entity);
        let place = line.opened.partition_point(|v| (v.ts, v.from) <= (ts, seq));
        line.opened.insert(place, Version::open(ts, seq, kind));
    }

    /// Closes a version that is alive. Says whether it was an own one.
    pub(crate) fn close(&mut self, entity: EntityId, version: &Version, seq: u64) -> bool {
        let line = self.line_mut(entity);
        if let Some(place) = Line(&line.opened).find(version.ts, version.from) {
            line.opened[place].to = seq;
            return true;
        }
        let place = line.closed.partition_point(|c| (c.ts, c.from) < (version.ts, version.from));
        let Version { ts, from, kind, .. } = *version;
        line.closed.insert(place, ClosedBase { ts, from, kind, at: seq });
        false
    }

    /// Closes all own versions that are alive.
    pub(crate) fn close_opened(&mut self, seq: u64) {
        let born: Vec<u64> = self.births.keys().copied().collect();
        for entity in born {
            self.line_mut(EntityId(entity));
        }
        for version in self.lines.values_mut().flat_map(|line| &mut line.opened) {
            version.to = version.to.min(seq);
        }
    }

    /// Forgets what the call with this sequence did to an entity, after it failed midway. Gives
    /// how many own versions it had closed.
    pub(crate) fn undo(&mut self, entity: EntityId, seq: u64) -> usize {
        if let Some(birth) = self.births.get_mut(&entity.0)
            && birth.from == seq
        {
            *birth = TAKEN_BACK;
        }
        let Some(line) = self.lines.get_mut(&entity.0) else { return 0 };
        let closed = line.opened.iter().filter(|version| version.to == seq).count();
        line.opened.retain(|version| version.from != seq);
        line.closed.retain(|closed| closed.at != seq);
        for version in line.opened.iter_mut().filter(|version| version.to == seq) {
            version.to = OPEN;
        }
        closed
    }

    /// Forgets what was done after an own sequence.
    pub(crate) fn forget_after(&mut self, last: u64) {
        for birth in self.births.values_mut().filter(|birth| birth.from > last) {
            *birth = TAKEN_BACK;
        }
        for line in self.lines.values_mut() {
            line.opened.retain(|version| version.from <= last);
            line.closed.retain(|closed| closed.at <= last);
            for version in line.opened.iter_mut().filter(|version| version.to > last) {
                version.to = OPEN;
            }
        }
    }

    /// The line of an entity, made of its birth if it is not there.
    fn line_mut(&mut self, entity: EntityId) -> &mut OwnLine {
        let birth = self.births.remove(&entity.0).filter(|birth| *birth != TAKEN_BACK);
        self.lines.entry(entity.0).or_insert_with(|| OwnLine {
            opened: birth.iter().map(Birth::version).collect(),
            closed: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A call's work on one entity: close what is alive, then open a point, or fail after both.
    #[derive(Clone, Debug)]
    struct Call {
        entity: u64,
        ts: i64,
        closes: bool,
        ends: bool,
        fails: bool,
        goes_back: Option<u64>,
    }

    fn calls() -> impl Strategy<Value = Call> {
        let flags = (any::<bool>(), prop::bool::weighted(0.1), prop::bool::weighted(0.2));
        let back = prop::option::weighted(0.1, 0..20u64);
        (0..4u64, 0..3i64, flags, back).prop_map(|(entity, ts, flags, goes_back)| {
            let (closes, ends, fails) = flags;
            Call { entity, ts, closes, ends, fails, goes_back }
        })
    }

    /// The same, kept as plain lists of (entity, version).
    #[derive(Default)]
    struct Plain(Vec<(u64, Version)>);

    impl Plain {
        fn of(&self, entity: u64) -> Vec<Version> {
            let own = self.0.iter().filter(|(e, _)| *e == entity);
            let mut versions: Vec<Version> = own.map(|(_, version)| *version).collect();
            versions.sort_by_key(|version| (version.ts, version.from));
            versions
        }

        fn forget(&mut self, gone: impl Fn(u64) -> bool) {
            self.0.retain(|(_, version)| !gone(version.from));
            for (_, version) in &mut self.0 {
                if version.to != OPEN && gone(version.to) {
                    version.to = OPEN;
                }
            }
        }
    }

    proptest! {
        #[test]
        fn births_and_lines_are_what_was_done(calls in prop::collection::vec(calls(), 0..20)) {
            let (mut own, mut plain) = (OwnLines::default(), Plain::default());
            for (seq, call) in (1u64..).zip(&calls) {
                let Call { entity, ts, .. } = *call;
                let alive = plain.0.iter_mut().find(|(e, v)| {
                    *e == entity && v.ts == ts && v.to == OPEN
                });
                let free = alive.is_none() || call.closes;
                if let Some((_, version)) = alive.filter(|_| call.closes) {
                    prop_assert!(own.close(EntityId(entity), version, seq));
                    version.to = seq;
                }
                if free {
                    let kind = if call.ends { Kind::End } else { Kind::Point };
                    own.open(EntityId(entity), ts, seq, kind);
                    plain.0.push((entity, Version::open(ts, seq, kind)));
                }
                if call.fails {
                    own.undo(EntityId(entity), seq);
                    plain.forget(|of| of == seq);
                }
                if let Some(last) = call.goes_back {
                    own.forget_after(last);
                    plain.forget(|of| of > last);
                }
                for entity in 0..4 {
                    let opened = own.opened(EntityId(entity)).to_vec();
                    prop_assert_eq!(opened, plain.of(entity));
                }
                prop_assert_eq!(own.is_empty(), plain.0.is_empty());
                let dead = plain.0.iter().filter(|(_, version)| version.to != OPEN).count();
                prop_assert_eq!(own.dead(), dead);
            }
            own.close_opened(100);
            let closed = |(_, v): &(u64, Version)| v.to.min(100);
            let mut left: Vec<u64> = plain.0.iter().map(closed).collect();
            let mut found: Vec<u64> =
                (0..4).flat_map(|e| own.opened(EntityId(e)).to_vec()).map(|v| v.to).collect();
            left.sort_unstable();
            found.sort_unstable();
            prop_assert_eq!(found, left);
        }
    }
}
