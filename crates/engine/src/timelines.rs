//! The timelines of a table, in shards, so that readers of some wait for nobody writing others.
//!
//! Most entities have one point that nothing happened to; those are kept as a [`Birth`], the
//! others as a [`Timeline`]. Each entity is in one of the two maps of its shard. Shards also make
//! growth smooth: a map that doubles is a 64th of all.

use crate::birth::{self, Birth, Births};
use crate::timeline::{Kind, Known, Timeline, Version};
use cvx_core::EntityId;
use hashbrown::HashMap;
use parking_lot::RwLock;

const SHARDS: usize = 64;

/// Every entity's timeline. The one writer changes them; locks are held for one entity's work.
#[derive(Debug)]
pub(crate) struct Timelines {
    shards: Box<[RwLock<Shard>]>,
}

/// The entities of one shard.
#[derive(Debug, Default)]
struct Shard {
    births: Births,
    lines: HashMap<u64, Timeline>,
}

/// What the timelines take, for `stats`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TimelineSizes {
    pub(crate) entities: usize,
    pub(crate) versions: usize,
    pub(crate) bytes: usize,
}

impl Shard {
    fn write<T>(&mut self, entity: u64, change: impl FnOnce(&mut Timeline) -> T) -> T {
        if let Some(line) = self.lines.get_mut(&entity) {
            return change(line);
        }
        let mut line = self.births.get(&entity).map(Birth::timeline).unwrap_or_default();
        let answer = change(&mut line);
        match Birth::of(&line) {
            Some(birth) => {
                self.births.insert(entity, birth);
            }
            None => {
                self.births.remove(&entity);
                self.lines.insert(entity, line);
            }
        }
        answer
    }

    fn for_each(&self, mut look: impl FnMut(EntityId, Known<'_>)) {
        for (entity, birth) in &self.births {
            let (versions, changed) = (&[birth.version()], birth.from);
            look(EntityId(*entity), Known { versions, changed, corrected: false });
        }
        for (entity, line) in &self.lines {
            look(EntityId(*entity), line.known());
        }
    }

    fn for_each_mut(&mut self, mut change: impl FnMut(EntityId, &mut Timeline)) {
        for (entity, line) in &mut self.lines {
            change(EntityId(*entity), line);
        }
        let lines = &mut self.lines;
        self.births.retain(|entity, birth| {
            let mut line = birth.timeline();
            change(EntityId(*entity), &mut line);
            let Some(changed) = Birth::of(&line) else {
                lines.insert(*entity, line);
                return false;
            };
            *birth = changed;
            true
        });
    }

    fn add_sizes(&self, sizes: &mut TimelineSizes) {
        sizes.entities += self.births.len() + self.lines.len();
        sizes.versions += self.births.len();
        sizes.bytes += birth::bytes(&self.births) + self.lines.allocation_size();
        for line in self.lines.values() {
            sizes.versions += line.versions.len();
            sizes.bytes += line.versions.capacity() * size_of::<Version>();
        }
    }
}

impl Timelines {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| RwLock::default()).collect() }
    }

    fn shard(&self, entity: u64) -> &RwLock<Shard> {
        // The top bits of a Fibonacci hash: consecutive integer keys spread over all shards.
        let hash = entity.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        &self.shards[(hash >> 58) as usize % SHARDS]
    }

    /// Reads what is known of an entity, if anything is.
    pub(crate) fn read<T>(&self, entity: EntityId, look: impl FnOnce(Option<Known<'_>>) -> T) -> T {
        let shard = self.shard(entity.0).read();
        if let Some(birth) = shard.births.get(&entity.0) {
            let (versions, changed) = (&[birth.version()], birth.from);
            return look(Some(Known { versions, changed, corrected: false }));
        }
        look(shard.lines.get(&entity.0).map(Timeline::known))
    }

    /// Changes an entity's timeline, which is made if it is not there.
    pub(crate) fn write<T>(&self, entity: EntityId, change: impl FnOnce(&mut Timeline) -> T) -> T {
        self.shard(entity.0).write().write(entity.0, change)
    }

    /// The last commit that changed an entity.
    pub(crate) fn changed(&self, entity: EntityId) -> u64 {
        self.read(entity, |line| line.map_or(0, |line| line.changed))
    }

    /// All entities, one shard at a time.
    pub(crate) fn for_each(&self, mut look: impl FnMut(EntityId, Known<'_>)) {
        self.shards.iter().for_each(|shard| shard.read().for_each(&mut look));
    }

    /// As `for_each`, changing them.
    pub(crate) fn for_each_mut(&self, mut change: impl FnMut(EntityId, &mut Timeline)) {
        self.shards.iter().for_each(|shard| shard.write().for_each_mut(&mut change));
    }

    /// All entities, in order.
    pub(crate) fn entities(&self) -> Vec<EntityId> {
        let mut entities = Vec::new();
        self.for_each(|entity, _| entities.push(entity));
        entities.sort_unstable();
        entities
    }

    pub(crate) fn sizes(&self) -> TimelineSizes {
        let mut sizes = TimelineSizes::default();
        self.shards.iter().for_each(|shard| shard.read().add_sizes(&mut sizes));
        sizes
    }
}

impl Timeline {
    /// Whether successors are as closures can say: points came in order of ts, each ts was always
    /// there from its first version on, and nothing ended. What was truncated as a whole counts
    /// as corrected too, which costs time and no truth.
    pub(crate) fn needs_correction(&self) -> bool {
        let mut groups = self.versions.chunk_by(|a, b| a.ts == b.ts);
        let whole = |group: &[Version]| {
            group.iter().all(|v| v.kind == Kind::Point)
                && group.windows(2).all(|pair| pair[0].to == pair[1].from)
                && group.last().is_some_and(|v| v.to == crate::timeline::OPEN)
        };
        let mut last_from = 0;
        !groups.all(|group| {
            let from = group[0].from;
            let in_order = from >= last_from;
            last_from = from;
            in_order && whole(group)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::OPEN;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Change {
        Append { ts: i64 },
        Close,
        Correct,
        Clear,
        CloseAll,
    }

    fn changes() -> impl Strategy<Value = Change> {
        prop_oneof![
            6 => (0..5i64).prop_map(|ts| Change::Append { ts }),
            1 => Just(Change::Close),
            1 => Just(Change::Correct),
            1 => Just(Change::Clear),
            1 => Just(Change::CloseAll),
        ]
    }

    fn close(line: &mut Timeline, seq: u64) {
        for version in line.versions.iter_mut().filter(|version| version.to == OPEN) {
            version.to = seq;
            line.changed = seq;
        }
    }

    fn change(line: &mut Timeline, change: &Change, seq: u64) {
        match change {
            Change::Append { ts } => {
                line.versions.push(Version::open(*ts, seq, Kind::Point));
                line.changed = seq;
            }
            Change::Close | Change::CloseAll => close(line, seq),
            Change::Correct => line.corrected = true,
            Change::Clear => line.versions.clear(),
        }
    }

    proptest! {
        /// However it is kept, a timeline is what was made of it.
        #[test]
        fn births_and_lists_are_one_map(
            steps in prop::collection::vec((0..6u64, changes()), 0..40),
        ) {
            let (lines, mut plain) = (Timelines::new(), HashMap::<u64, Timeline>::new());
            for (seq, (entity, step)) in (1u64..).zip(&steps) {
                if matches!(step, Change::CloseAll) {
                    lines.for_each_mut(|_, line| close(line, seq));
                    plain.values_mut().for_each(|line| close(line, seq));
                } else {
                    lines.write(EntityId(*entity), |line| change(line, step, seq));
                    change(plain.entry(*entity).or_default(), step, seq);
                }
            }
            let mut seen = 0;
            lines.for_each(|_, _| seen += 1);
            prop_assert_eq!(seen, plain.len());
            prop_assert_eq!(lines.sizes().entities, plain.len());
            let versions: usize = plain.values().map(|line| line.versions.len()).sum();
            prop_assert_eq!(lines.sizes().versions, versions);
            for (entity, line) in &plain {
                lines.read(EntityId(*entity), |known| {
                    let known = known.expect("it was written");
                    prop_assert_eq!(known.versions, line.versions.as_slice());
                    prop_assert_eq!(known.changed, line.changed);
                    prop_assert_eq!(known.corrected, line.corrected);
                    Ok(())
                })?;
            }
        }
    }
}
