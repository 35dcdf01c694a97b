//! The timelines of a table, in shards, so that readers of some wait for nobody writing others.

use crate::timeline::{Kind, Timeline, Version};
use cvx_core::EntityId;
use hashbrown::HashMap;
use parking_lot::RwLock;

const SHARDS: usize = 64;

/// Every entity's timeline. The one writer changes them; locks are held for one entity's work.
#[derive(Debug)]
pub(crate) struct Timelines {
    shards: Box<[RwLock<HashMap<u64, Timeline>>]>,
}

/// What the timelines take, for `stats`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TimelineSizes {
    pub(crate) entities: usize,
    pub(crate) versions: usize,
    pub(crate) bytes: usize,
}

impl Timelines {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| RwLock::default()).collect() }
    }

    fn shard(&self, entity: u64) -> &RwLock<HashMap<u64, Timeline>> {
        // The top bits of a Fibonacci hash: consecutive integer keys spread over all shards.
        let hash = entity.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        &self.shards[(hash >> 58) as usize % SHARDS]
    }

    /// Reads an entity's timeline, if there is one.
    pub(crate) fn read<T>(&self, entity: EntityId, look: impl FnOnce(Option<&Timeline>) -> T) -> T {
        look(self.shard(entity.0).read().get(&entity.0))
    }

    /// Changes an entity's timeline, which is made if it is not there.
    pub(crate) fn write<T>(&self, entity: EntityId, change: impl FnOnce(&mut Timeline) -> T) -> T {
        change(self.shard(entity.0).write().entry(entity.0).or_default())
    }

    /// The last commit that changed an entity.
    pub(crate) fn changed(&self, entity: EntityId) -> u64 {
        self.read(entity, |line| line.map_or(0, |line| line.changed))
    }

    /// All entities, one shard at a time.
    pub(crate) fn for_each(&self, mut look: impl FnMut(EntityId, &Timeline)) {
        for shard in &self.shards {
            for (entity, line) in shard.read().iter() {
                look(EntityId(*entity), line);
            }
        }
    }

    /// As `for_each`, changing them.
    pub(crate) fn for_each_mut(&self, mut change: impl FnMut(EntityId, &mut Timeline)) {
        for shard in &self.shards {
            for (entity, line) in shard.write().iter_mut() {
                change(EntityId(*entity), line);
            }
        }
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
        for shard in &self.shards {
            let shard = shard.read();
            sizes.entities += shard.len();
            sizes.bytes += shard.capacity() * (size_of::<(u64, Timeline)>() + 1);
            for line in shard.values() {
                sizes.versions += line.versions.len();
                sizes.bytes += line.versions.capacity() * size_of::<Version>();
            }
        }
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
