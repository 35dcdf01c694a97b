//! Keys that are no integers, and the entity each became at first sight.
//!
//! A key gets its entity when a transaction first writes it, committed or not, so that two
//! transactions that bring the same new key mean the same entity and conflict. The pair becomes
//! durable in the batch of the first commit that uses it; a pair nobody commits is forgotten at
//! the next start, and its number was used for nothing.

use crate::Result;
use cvx_core::{EntityId, SpaceId};
use cvx_storage::{Batch, Store};
use hashbrown::{HashMap, HashSet};
use parking_lot::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// A table's keys.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    keys: RwLock<HashMap<Box<[u8]>, Entry>>,
    last: AtomicU64,
    key_bytes: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    entity: EntityId,
    durable: bool,
}

/// A key that its writer has to make durable.
#[derive(Clone, Debug)]
pub(crate) struct FreshKey {
    pub(crate) key: Box<[u8]>,
    pub(crate) entity: EntityId,
}

impl Dictionary {
    /// The durable keys of a space.
    pub(crate) fn load(store: &Store, space: SpaceId) -> Result<Self> {
        let prefix = prefix(space);
        let dictionary = Self::default();
        {
            let mut keys = dictionary.keys.write();
            for entry in store.scan_system(&prefix) {
                let (key, value) = entry?;
                let entity = key.get(prefix.len()..).unwrap_or_default();
                let lost = |_| crate::Error::Corrupt("a dictionary entry not of 8 bytes".into());
                let entity = u64::from_be_bytes(entity.try_into().map_err(lost)?);
                dictionary.last.fetch_max(entity, Ordering::Relaxed);
                dictionary.key_bytes.fetch_add(value.len() as u64, Ordering::Relaxed);
                keys.insert(value.into(), Entry { entity: EntityId(entity), durable: true });
            }
        }
        Ok(dictionary)
    }

    /// The entity of a key that was seen before.
    pub(crate) fn get(&self, key: &[u8]) -> Option<EntityId> {
        self.keys.read().get(key).map(|entry| entry.entity)
    }

    /// The entity of a key, new if it must be, and whether its writer has to make it durable.
    pub(crate) fn get_or_add(&self, key: &[u8]) -> (EntityId, bool) {
        if let Some(entry) = self.keys.read().get(key) {
            return (entry.entity, !entry.durable);
        }
        let mut keys = self.keys.write();
        let new = || {
            self.key_bytes.fetch_add(key.len() as u64, Ordering::Relaxed);
            let entity = EntityId(self.last.fetch_add(1, Ordering::Relaxed) + 1);
            Entry { entity, durable: false }
        };
        let entry = keys.entry_ref(key).or_insert_with(new);
        (entry.entity, !entry.durable)
    }

    /// The commit that wrote these keys is on disk.
    pub(crate) fn made_durable(&self, fresh: &[FreshKey]) {
        if fresh.is_empty() {
            return;
        }
        let mut keys = self.keys.write();
        for FreshKey { key, .. } in fresh {
            if let Some(entry) = keys.get_mut(key) {
                entry.durable = true;
            }
        }
    }

    /// Forgets the keys of entities that are no more.
    pub(crate) fn forget(&self, entities: &HashSet<EntityId>) {
        if entities.is_empty() {
            return;
        }
        self.keys.write().retain(|key, entry| {
            let stays = !entities.contains(&entry.entity);
            if !stays {
                self.key_bytes.fetch_sub(key.len() as u64, Ordering::Relaxed);
            }
            stays
        });
    }

    /// Keys, and the bytes they take.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        let keys = self.keys.read();
        let slots = keys.capacity() * (size_of::<(Box<[u8]>, Entry)>() + 1);
        let bytes = usize::try_from(self.key_bytes.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        (keys.len(), slots.saturating_add(bytes))
    }
}

/// Adds keys to a batch.
pub(crate) fn put(batch: &mut Batch, space: SpaceId, fresh: &[FreshKey]) {
    for FreshKey { key, entity } in fresh {
        batch.put_system(&entry_key(space, *entity), key);
    }
}

/// Where a key lies: under its entity's number. Keys are what users wrote, and RocksDB keeps the
/// bounds of its files' keys in logs that no compaction rewrites; what is to be erasable must not
/// be a key there.
pub(crate) fn entry_key(space: SpaceId, entity: EntityId) -> Vec<u8> {
    [&prefix(space)[..], &entity.0.to_be_bytes()].concat()
}

/// What a space's dictionary keys begin with.
pub(crate) fn prefix(space: SpaceId) -> Vec<u8> {
    [b"dict/", &space.0.to_be_bytes()[..]].concat()
}
