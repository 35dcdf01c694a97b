//! The timelines of a table, in shards, so that readers of some wait for nobody writing others.
//!
//! Most entities have one point that nothing happened to; those are kept as a [`Birth`], the
//! others as a [`Timeline`]. Each entity is in one of the two maps of its shard. Shards also make
//! growth smooth: a map that doubles is a 64th of all.

use super::birth::{self, Birth, Births};
use super::closure::{ASK, Closed};
use super::sync::RwLock;
use super::timeline::{Kind, Known, OPEN, Timeline, Version};
use cvx_core::EntityId;
use hashbrown::HashMap;

const SHARDS: usize = 64;

/// Every entity's timeline. The one writer changes them; locks are held for one entity's work.
#[derive(Debug)]
pub struct Timelines {
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
pub struct TimelineSizes {
    pub entities: usize,
    pub versions: usize,
    pub bytes: usize,
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

impl Default for Timelines {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| RwLock::default()).collect() }
    }
}

impl Timelines {
    fn shard(&self, entity: u64) -> &RwLock<Shard> {
        // The top bits of a Fibonacci hash: consecutive integer keys spread over all shards.
        let hash = entity.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        &self.shards[(hash >> 58) as usize % SHARDS]
    }

    /// Reads what is known of an entity, if anything is.
    pub fn read<T>(&self, entity: EntityId, look: impl FnOnce(Option<Known<'_>>) -> T) -> T {
        let shard = self.shard(entity.0).read();
        if let Some(birth) = shard.births.get(&entity.0) {
            let (versions, changed) = (&[birth.version()], birth.from);
            return look(Some(Known { versions, changed, corrected: false }));
        }
        look(shard.lines.get(&entity.0).map(Timeline::known))
    }

    /// Changes an entity's timeline, which is made if it is not there.
    pub fn write<T>(&self, entity: EntityId, change: impl FnOnce(&mut Timeline) -> T) -> T {
        self.shard(entity.0).write().write(entity.0, change)
    }

    /// The last commit that changed an entity.
    pub fn changed(&self, entity: EntityId) -> u64 {
        self.read(entity, |line| line.map_or(0, |line| line.changed))
    }

    /// All entities, one shard at a time.
    pub fn for_each(&self, mut look: impl FnMut(EntityId, Known<'_>)) {
        self.shards.iter().for_each(|shard| shard.read().for_each(&mut look));
    }

    /// As `for_each`, changing them.
    pub fn for_each_mut(&self, mut change: impl FnMut(EntityId, &mut Timeline)) {
        self.shards.iter().for_each(|shard| shard.write().for_each_mut(&mut change));
    }

    /// All entities, in order.
    pub fn entities(&self) -> Vec<EntityId> {
        let mut entities = Vec::new();
        self.for_each(|entity, _| entities.push(entity));
        entities.sort_unstable();
        entities
    }

    pub fn sizes(&self) -> TimelineSizes {
        let mut sizes = TimelineSizes::default();
        self.shards.iter().for_each(|shard| shard.read().add_sizes(&mut sizes));
        sizes
    }
}

impl Timeline {
    /// Whether versions of one ts follow each other.
    pub fn is_sound(&self) -> bool {
        self.versions.windows(2).all(|pair| pair[0].ts < pair[1].ts || pair[0].to <= pair[1].from)
    }

    /// Whether successors are as closures can say: points came in order of ts, each ts was always
    /// there from its first version on, and nothing ended. What was truncated as a whole counts
    /// as corrected too, which costs time and no truth.
    pub fn needs_correction(&self) -> bool {
        let mut groups = self.versions.chunk_by(|a, b| a.ts == b.ts);
        let whole = |group: &[Version]| {
            group.iter().all(|v| v.kind == Kind::Point)
                && group.windows(2).all(|pair| pair[0].to == pair[1].from)
                && group.last().is_some_and(|v| v.to == OPEN)
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

impl Known<'_> {
    /// What the closure of a version says.
    pub fn closed(&self, place: usize, temporal: bool) -> Closed {
        let Some(version) = self.versions.get(place) else { return Closed::OPEN };
        let closed = Closed { sys_to: version.to, ..Closed::OPEN };
        if !temporal {
            return closed;
        }
        if self.corrected {
            return Closed { succ_seq: ASK, ..closed };
        }
        let next = self.versions.partition_point(|v| v.ts <= version.ts);
        match self.versions.get(next) {
            Some(next) => Closed { succ_ts: next.ts, succ_seq: next.from, ..closed },
            None => closed,
        }
    }
}
